//! Book payments: those of one account strictly one after the other, those of different accounts at once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use futures::executor::block_on;
use futures::future::join;
use futures_timer::Delay;
use inorder::{Options, Processor};

const PAYMENTS: [(&str, i64); 7] = [
    ("alice", 100),
    ("bob", 50),
    ("alice", -30),
    ("carol", 10),
    ("alice", -70),
    ("bob", 25),
    ("carol", 5),
];

/// Reads, waits for a database, writes: without the order by key it would lose payments.
async fn book(
    balances: &RefCell<HashMap<&str, i64>>,
    account: &'static str,
    amount: i64,
) -> String {
    let balance = balances.borrow().get(account).copied().unwrap_or(0);
    Delay::new(Duration::from_millis(10)).await;
    balances.borrow_mut().insert(account, balance + amount);
    format!("{account} {amount:+} is {}", balance + amount)
}

fn main() {
    let balances = RefCell::default();
    let handle = |(account, amount)| {
        let balances = &balances;
        async move { Ok::<_, Infallible>(book(balances, account, amount).await) }
    };
    let (bank, driver) = Processor::builder(handle)
        .options(Options::new().concurrency(8))
        .key(|(account, _): &(&str, i64)| account.to_owned())
        .build();
    let enqueue_all = async {
        let mut tickets = Vec::new();
        for payment in PAYMENTS {
            tickets.push(bank.enqueue(payment).await.expect("the bank is open"));
        }
        // Tickets give the results, in order.
        for ticket in tickets {
            println!("{}", ticket.await.expect("a payment is booked"));
        }
        bank.close().await.expect("no payment fails");
    };
    block_on(join(driver, enqueue_all));
}
