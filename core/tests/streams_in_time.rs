//! Streams with a clock: what the scenarios cannot show.
#![cfg(feature = "futures")]

#[path = "common/by_hand.rs"]
mod by_hand;

use std::cell::Cell;
use std::future::{Ready, pending, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::executor::block_on;
use futures::stream::{self, Stream, StreamExt};
use futures::task::noop_waker_ref;
use inorder::{Clock, FailureKind, InOrderExt, OnFailure, Options, Retry, Time};

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

/// A clock that wakes far too late.
#[derive(Clone, Default)]
struct Late(Rc<Cell<u64>>);

impl Clock for Late {
    type Sleep = Ready<()>;

    fn now(&self) -> Time {
        Time::from_micros(self.0.get())
    }

    fn sleep_until(&self, deadline: Time) -> Ready<()> {
        self.0.set(deadline.as_micros() + 1_000_000);
        ready(())
    }
}

#[test]
fn each_attempt_is_called_however_late_it_is() {
    let calls = Cell::new(0);
    let handler = |_: u32| {
        calls.set(calls.get() + 1);
        pending::<Result<(), ()>>()
    };
    let options = Options::new().timeout(STEP).on_failure(OnFailure::Emit);
    let results = stream::iter(0..2).in_order(options, handler).clock(Late::default());
    let results = results.retry(Retry::new(3).initial(STEP).jitter(false), u32::clone);
    let failures: Vec<_> = block_on(results.collect());
    assert_eq!(failures.len(), 2);
    assert_eq!(calls.get(), 6, "three attempts of each");
}
