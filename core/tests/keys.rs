//! Streams whose items have keys: two items of a key never run at once, others run beside them.
#![cfg(feature = "futures")]

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::Poll;

use futures::executor::block_on;
use futures::{StreamExt, stream};
use inorder::{InOrderExt, Options};

/// What runs, and the most that ran at once, of all and of a key.
#[derive(Default)]
struct Running {
    keys: Vec<Option<u32>>,
    most: usize,
    most_of_one: usize,
}

/// Runs until the next poll.
async fn work(running: &RefCell<Running>, key: Option<u32>) -> Result<Option<u32>, ()> {
    {
        let mut running = running.borrow_mut();
        running.keys.push(key);
        let of_one = running.keys.iter().filter(|other| **other == key).count();
        running.most = running.most.max(running.keys.len());
        running.most_of_one = running.most_of_one.max(of_one);
    }
    let mut is_polled = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut is_polled, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    let mut running = running.borrow_mut();
    let place = running.keys.iter().position(|other| *other == key);
    running.keys.remove(place.expect("it was put there"));
    Ok(key)
}

#[test]
fn items_with_the_same_key_never_run_at_once() {
    let running = RefCell::default();
    let keys = [1, 1, 2, 1, 2, 2, 3];
    let options = Options::new().concurrency(4);
    let results =
        stream::iter(keys).in_order_by_key(options, |key| *key, |key| work(&running, Some(key)));
    let results: Vec<_> = block_on(results.collect());
    assert_eq!(results.into_iter().map(Result::unwrap).collect::<Vec<_>>(), keys.map(Some));
    let running = running.borrow();
    assert_eq!((running.most, running.most_of_one), (3, 1));
}

#[test]
fn items_without_a_key_wait_for_no_other() {
    let running = RefCell::default();
    let keys = [None, Some(1), None, Some(1), None];
    let options = Options::new().concurrency(4);
    let results =
        stream::iter(keys).in_order_by_optional_key(options, |key| *key, |key| work(&running, key));
    let results: Vec<_> = block_on(results.collect());
    assert_eq!(results.into_iter().map(Result::unwrap).collect::<Vec<_>>(), keys);
    let running = running.borrow();
    assert_eq!((running.most, running.most_of_one), (4, 3));
}
