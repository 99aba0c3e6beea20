//! Streams with clocks, retries, time limits and policies: what the scenarios cannot show.
#![cfg(feature = "futures")]

#[path = "common/by_hand.rs"]
mod by_hand;

use std::cell::{Cell, RefCell};
use std::future::{pending, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::FutureExt;
use futures::channel::oneshot;
use futures::stream::{self, Stream};
use inorder::{Failure, FailureKind, InOrder, InOrderExt, OnFailure, Options, Retry};

use by_hand::ByHand;

const SECOND: Duration = Duration::from_secs(1);

fn next<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop()))
}

/// What there is of `poll_progress` of a stream.
macro_rules! progress {
    ($stream:expr) => {
        InOrder::poll_progress($stream.as_mut(), &mut Context::from_waker(Waker::noop()))
    };
}

#[test]
fn progress_waits_for_what_is_tried_again() {
    let clock = ByHand::default();
    let calls = Cell::new(0);
    let mut results = Box::pin(
        stream::iter([1])
            .in_order(Options::new(), |n: u32| {
                calls.set(calls.get() + 1);
                ready(if calls.get() == 1 { Err("busy") } else { Ok(n) })
            })
            .clock(clock.clone())
            .retry(Retry::new(2).jitter(false), u32::clone),
    );
    assert!(next(&mut results).is_pending());
    assert!(progress!(results).is_pending(), "it is not all done");
    clock.advance(SECOND);
    while progress!(results).is_pending() {}
    assert_eq!((calls.get(), next(&mut results)), (2, Poll::Ready(Some(Ok(1)))));
}

#[test]
fn progress_waits_for_what_is_handed_over_and_for_nothing_else() {
    let ends = RefCell::new(Vec::new());
    let failing = async |n: u32| if n == 0 { Err(n) } else { Ok(n) };
    let receive = |_: Arc<Failure<u32, u32>>| {
        let (end, wait) = oneshot::channel::<()>();
        ends.borrow_mut().push(end);
        wait.map(drop)
    };
    let options = Options::new().on_failure(OnFailure::DeadLetter).concurrency(2);
    let mut results = Box::pin(
        stream::iter([0, 1])
            .in_order(options, failing)
            .clock(ByHand::default())
            .dead_letter(u32::clone, receive),
    );
    assert!(next(&mut results).is_pending());
    assert!(progress!(results).is_pending(), "a failure is being handed over");
    ends.take().pop().expect("it is handed over").send(()).unwrap();
    assert!(progress!(results).is_ready(), "there is a result, and nothing else to do");
    assert_eq!(next(&mut results), Poll::Ready(Some(Ok(1))));
}

#[test]
fn an_attempt_that_is_stopped_before_it_is_begun_again_is_not_begun() {
    let clock = ByHand::default();
    let calls = RefCell::new([0; 2]);
    let handler = |n: usize| {
        calls.borrow_mut()[n] += 1;
        ready(Err::<(), _>(n))
    };
    let mut results = Box::pin(
        stream::iter(0..2)
            .in_order(Options::new().concurrency(2), handler)
            .clock(clock.clone())
            .retry(Retry::new(2).jitter(false), usize::clone),
    );
    assert!(next(&mut results).is_pending());
    assert_eq!((results.stats().backing_off, *calls.borrow()), (2, [1, 1]));
    clock.advance(SECOND);
    // both are started again, and the first fails for good before the second is begun
    let failure = loop {
        if let Poll::Ready(result) = next(&mut results) {
            break result.expect("it is not over").unwrap_err();
        }
    };
    assert_eq!((failure.seq, *calls.borrow()), (0, [2, 1]));
    assert_eq!(next(&mut results), Poll::Ready(None));
    assert_eq!(results.stats().cancelled, 1);
}

#[test]
fn a_time_limit_begins_with_the_attempt() {
    let clock = ByHand::default();
    clock.advance(SECOND * 5);
    let mut results = Box::pin(
        stream::iter([()])
            .in_order(Options::new().timeout(SECOND * 10), async |()| {
                pending::<Result<(), ()>>().await
            })
            .clock(clock.clone()),
    );
    assert!(next(&mut results).is_pending());
    clock.advance(SECOND * 7);
    // it need not be polled to be asked
    assert_eq!(results.stats().oldest_age, SECOND * 7);
    assert_eq!(results.why_blocked().map(|it| it.age), Some(SECOND * 7));
    assert!(next(&mut results).is_pending());
    clock.advance(SECOND * 3);
    while next(&mut results).is_pending() {}
    assert_eq!(results.stats().timed_out, 1);
}

#[test]
fn what_has_a_time_limit_is_begun_when_that_begins() {
    let clock = ByHand::default();
    let calls = Cell::new(0_u64);
    let handler = |n: u32| {
        calls.set(calls.get() + 1);
        ready(if calls.get() <= 3 { Err(()) } else { Ok(n) })
    };
    let options = Options::new().concurrency(3).timeout(SECOND * 9);
    let mut results = Box::pin(
        stream::iter(0..3)
            .in_order(options, handler)
            .clock(clock.clone())
            .retry(Retry::new(2).jitter(false), u32::clone),
    );
    assert!(next(&mut results).is_pending());
    clock.advance(SECOND);
    let first = loop {
        if let Poll::Ready(result) = next(&mut results) {
            break result;
        }
    };
    assert_eq!(first, Some(Ok(0)));
    // all were due at once, and started: none waits for the others' results to be taken
    assert_eq!((results.stats().started, calls.get()), (6, 6));
}

#[test]
fn nothing_is_remembered_of_an_attempt_that_was_stopped() {
    let clock = ByHand::default();
    let mut results = Box::pin(
        stream::iter(0..3)
            .in_order(Options::new().timeout(SECOND).on_failure(OnFailure::Emit), async |_: u32| {
                pending::<Result<(), ()>>().await
            })
            .clock(clock.clone()),
    );
    for _ in 0..2 {
        assert!(next(&mut results).is_pending());
        clock.advance(SECOND);
        let failure = loop {
            if let Poll::Ready(result) = next(&mut results) {
                break result.expect("it is not over").unwrap_err();
            }
        };
        assert_eq!(failure.kind, FailureKind::AttemptTimeout);
    }
    let state = format!("{results:?}");
    assert!(state.contains("dead: {}"), "{state}");
}

#[test]
fn only_what_may_be_tried_again_is_asked_when() {
    let asked = Arc::new([const { AtomicU32::new(0) }; 2]);
    let (whether, when) = (Arc::clone(&asked), Arc::clone(&asked));
    let options = Options::new().concurrency(2).total_timeout(SECOND).on_failure(OnFailure::Emit);
    let handler = async |n: u32| if n == 0 { Err(()) } else { pending().await };
    let clock = ByHand::default();
    let mut results = Box::pin(
        stream::iter([0, 1])
            .in_order(options, handler)
            .clock(clock.clone())
            .retry(Retry::new(2), u32::clone)
            .retry_if(move |_, _| {
                whether[0].fetch_add(1, SeqCst);
                false
            })
            .retry_after(move |()| {
                when[1].fetch_add(1, SeqCst);
                None
            }),
    );
    let kinds = [FailureKind::<()>::Handler(()), FailureKind::DeadlineExceeded];
    for kind in kinds {
        let failure = loop {
            match next(&mut results) {
                Poll::Ready(result) => break result.expect("it is not over"),
                Poll::Pending => clock.advance(SECOND),
            }
        };
        assert_eq!(failure.map_err(|it| it.kind), Err::<u32, _>(kind));
    }
    assert_eq!(asked.each_ref().map(|it| it.load(SeqCst)), [1, 0], "whether, and when");
}

#[test]
fn its_size_is_what_runs_and_what_is_to_come() {
    let failing = |n: u32| match n {
        0 => pending().left_future(),
        _ => ready(if n == 2 { Err(n) } else { Ok(n) }).right_future(),
    };
    let options = || Options::new().concurrency(2);
    let mut whole = Box::pin(
        stream::iter(0..9).in_order(options().on_failure(OnFailure::Emit).capacity(4), failing),
    );
    assert!(next(&mut whole).is_pending());
    assert_eq!(whole.stats().in_flight, 4);
    assert_eq!(whole.size_hint(), (9, Some(9)));
    let mut cut = Box::pin(stream::iter(0..9).in_order(options(), failing));
    assert!(next(&mut cut).is_pending());
    let (least, most) = cut.size_hint();
    assert_eq!((least, most), (1, Some(3)), "what runs, what is held, and the failure");
}
