//! Streams with a clock: what the scenarios cannot show.
#![cfg(feature = "futures")]

#[path = "common/by_hand.rs"]
mod by_hand;

use std::cell::Cell;
use std::future::{pending, ready};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream::{self, Stream};
use futures::task::noop_waker_ref;
use inorder::{FailureKind, InOrderExt, OnFailure, Options, Retry};

use by_hand::ByHand;

const STEP: Duration = Duration::from_millis(1);

/// What comes out in a hundred polls of a stream that always has something.
fn hundred<S: Stream>(mut stream: Pin<&mut S>) -> Vec<S::Item> {
    let mut cx = Context::from_waker(noop_waker_ref());
    let polls = (0..100).map(|_| stream.as_mut().poll_next(&mut cx));
    polls
        .filter_map(|poll| match poll {
            Poll::Ready(item) => item,
            Poll::Pending => None,
        })
        .collect()
}

fn unordered() -> Options {
    Options::new().concurrency(2).ordered(false)
}

#[test]
fn results_at_hand_do_not_keep_a_retry_waiting() {
    let (clock, has_failed) = (ByHand::default(), Cell::new(false));
    let handler = |n: u32| {
        clock.advance(STEP);
        ready(if n == 0 && !has_failed.replace(true) { Err(()) } else { Ok(n) })
    };
    let retry = Retry::new(2).initial(3 * STEP).jitter(false);
    let results = stream::iter(0..).in_order(unordered(), handler);
    let results = pin!(results.clock(clock.clone()).retry(retry, u32::clone));
    let numbers: Vec<u32> = hundred(results).into_iter().map(Result::unwrap).collect();
    assert_eq!(numbers[..6], [1, 2, 0, 3, 4, 5], "0 goes before new work when it is due");
}

#[test]
fn results_at_hand_do_not_keep_a_timeout_waiting() {
    let clock = ByHand::default();
    let handler = |n: u32| {
        clock.advance(STEP);
        async move { if n == 0 { pending().await } else { Ok::<_, ()>(n) } }
    };
    let options = unordered().timeout(3 * STEP).on_failure(OnFailure::Emit);
    let results = pin!(stream::iter(0..).in_order(options, handler).clock(clock.clone()));
    let seen = hundred(results);
    let at = seen.iter().position(Result::is_err).expect("its time was over");
    assert_eq!((at, seen[at].as_ref().unwrap_err().seq), (2, 0));
    assert_eq!(seen[at].as_ref().unwrap_err().kind, FailureKind::AttemptTimeout);
}
