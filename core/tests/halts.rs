//! Keys that are halted and gone before `on_halt` was told of them.
#![cfg(feature = "futures")]

use std::cell::RefCell;
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures::FutureExt;
use inorder::{FailureKind, OnFailure, Options, Processor, Ticket};

type Halting = Processor<u32, u32, u32, u32>;

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn kind(ticket: Ticket<u32, u32>) -> FailureKind<u32> {
    ticket.now_or_never().expect("it is done").expect_err("it failed").kind
}

/// A processor that halts the keys of items below 10, which fail, and says of which it was told. Before an item ends,
/// `meddle` is called with it.
fn halting(
    meddle: impl Fn(&Halting, u32) + 'static,
) -> (Halting, impl Future<Output = ()> + Unpin, Arc<Mutex<Vec<u32>>>) {
    let told = Arc::<Mutex<Vec<u32>>>::default();
    let slot = Rc::<RefCell<Option<Halting>>>::default();
    let (inner, noted) = (Rc::clone(&slot), Arc::clone(&told));
    let handler = move |n: u32| {
        let processor = inner.borrow().clone().expect("it is built");
        meddle(&processor, n);
        async move { if n < 10 { Err(n) } else { Ok(n) } }
    };
    let (processor, driver) = Processor::builder(handler)
        .options(Options::new().concurrency(8).on_failure(OnFailure::HaltKey))
        .key(|n| *n)
        .on_halt(move |failure| {
            noted.lock().unwrap().extend(failure.error());
        })
        .build();
    *slot.borrow_mut() = Some(processor.clone());
    (processor, Box::pin(driver), told)
}

#[test]
fn a_key_is_told_that_halts_while_closing() {
    let (processor, mut driver, told) = halting(|processor, _| drop(processor.close()));
    let tickets = [1, 11].map(|n| processor.try_enqueue(n).unwrap());
    let close = processor.close();
    assert!(poll(&mut driver).is_ready());
    assert_eq!(*told.lock().unwrap(), [1]);
    let [failed, done] = tickets;
    assert_eq!(kind(failed), FailureKind::KeyHalted);
    assert_eq!(done.now_or_never(), Some(Ok(11)));
    assert_eq!(close.now_or_never().expect("it is over").unwrap().released, 2);
}

#[test]
fn a_ticket_is_done_though_on_halt_is_never_told() {
    let (processor, mut driver, told) = halting(|processor, n| {
        drop(processor.close());
        assert_ne!(n, 11, "a handler panics");
    });
    let tickets = [1, 11].map(|n| processor.try_enqueue(n).unwrap());
    assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut driver))).is_err());
    let [failed, panicked] = tickets;
    assert!(!failed.is_done(), "its failure is kept for `on_halt`");
    drop(driver);
    assert_eq!(kind(failed), FailureKind::KeyHalted);
    assert_eq!(kind(panicked), FailureKind::Cancelled);
    assert!(told.lock().unwrap().is_empty());
    assert!(processor.close().now_or_never().expect("it is over").is_ok());
}

#[test]
fn nobody_is_told_of_another_item_in_the_same_slot() {
    let tickets = Rc::<RefCell<Vec<Ticket<u32, u32>>>>::default();
    let inner = Rc::clone(&tickets);
    let (processor, mut driver, told) = halting(move |processor, n| {
        if n == 11 {
            // the first has failed, and is not told yet
            assert!(inner.borrow()[0].cancel());
            inner.borrow_mut().push(processor.try_enqueue(2).unwrap());
        }
    });
    for n in [1, 11] {
        let ticket = processor.try_enqueue(n).unwrap();
        tickets.borrow_mut().push(ticket);
    }
    assert!(poll(&mut driver).is_pending());
    assert_eq!(*told.lock().unwrap(), [2], "each once, and none that was cancelled");
    assert_eq!(processor.halted_keys(), [2]);
    assert_eq!(kind(tickets.borrow_mut().remove(0)), FailureKind::Cancelled);
}

#[test]
fn a_key_is_told_that_was_settled_with_it_before_an_abort() {
    let told = Arc::<Mutex<Vec<u64>>>::default();
    let (noted, slot) = (Arc::clone(&told), Rc::<RefCell<Option<Halting>>>::default());
    let inner = Rc::clone(&slot);
    let handler = move |n: u32| {
        let processor = inner.borrow();
        match n {
            // what is before it is still to come out
            0 => return pending().left_future(),
            2 => {
                let processor = processor.as_ref().expect("it is built");
                drop((processor.close(), processor.abort()));
            }
            _ => {}
        }
        ready(Err(n)).right_future()
    };
    let (processor, driver) = Processor::builder(handler)
        .options(Options::new().concurrency(8).on_failure(OnFailure::HaltKey))
        .key(|n| *n)
        .on_halt(move |failure| noted.lock().unwrap().push(failure.seq))
        .build();
    *slot.borrow_mut() = Some(processor.clone());
    let tickets = [0, 1, 2].map(|n| processor.try_enqueue(n).unwrap());
    let mut driver = Box::pin(driver);
    assert!(poll(&mut driver).is_ready());
    assert_eq!(*told.lock().unwrap(), [1]);
    let kinds = tickets.map(kind);
    assert_eq!(kinds, [FailureKind::Closed, FailureKind::KeyHalted, FailureKind::Closed]);
    slot.take();
}
