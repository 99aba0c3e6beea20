//! Processors and streams with retries, time limits and policies: what the scenarios cannot show.
#![cfg(feature = "futures")]

#[path = "common/hasty.rs"]
mod hasty;
#[path = "common/one_turn.rs"]
mod one_turn;

use std::cell::RefCell;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::FutureExt;
use futures::stream::{self, StreamExt};
use futures::task::noop_waker_ref;
use inorder::{Clock, FailureKind, InOrderExt, OnFailure, Options, Processor, Retry, StopKind};

use hasty::Hasty;
use one_turn::one_turn;

fn poll<F: Future + Unpin + ?Sized>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(noop_waker_ref()))
}

/// What is there without waiting.
fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("it is ready")
}

#[test]
fn what_is_needed_is_named() {
    let handler = async |n: u32| Ok::<_, ()>(n);
    let retrying = || Options::new().retry(Retry::new(2));
    let timed = || Options::new().timeout(Duration::from_secs(1));
    let failing = |policy| Options::new().on_failure(policy);
    let text = |error: inorder::OptionsError| error.to_string();
    let built = |options| text(Processor::builder(handler).options(options).check().unwrap_err());
    assert_eq!(built(retrying()), "retry needs a way to copy items, as T::clone");
    assert_eq!(built(timed()), "timeout needs a clock");
    assert_eq!(
        built(Options::new().total_timeout(Duration::from_secs(1))),
        "total_timeout needs a clock"
    );
    assert_eq!(
        built(failing(OnFailure::DeadLetter)),
        "on_failure: dead_letter needs somebody who receives"
    );
    assert_eq!(built(failing(OnFailure::HaltKey)), "on_failure: halt_key needs a key");
    let keyed = Processor::builder(handler).options(failing(OnFailure::HaltKey)).key(|n| *n);
    assert_eq!(text(keyed.check().unwrap_err()), "on_failure: halt_key needs on_halt");
    let received = Processor::builder(handler)
        .options(failing(OnFailure::DeadLetter))
        .dead_letter(async |_| ());
    assert_eq!(text(received.check().unwrap_err()), "dead_letter needs a clock");

    let streamed =
        |options| text(stream::iter([1]).in_order(options, handler).check().unwrap_err());
    assert_eq!(streamed(retrying()), "retry needs a way to copy items, as T::clone");
    assert_eq!(streamed(timed()), "timeout needs a clock");
    assert_eq!(streamed(failing(OnFailure::HaltKey)), "on_failure: halt_key needs a Processor");
    let mut stream = stream::iter([1]).in_order(timed(), handler);
    let panic = catch_unwind(AssertUnwindSafe(|| now(stream.next()))).unwrap_err();
    assert_eq!(*panic.downcast_ref::<String>().unwrap(), "timeout needs a clock");
}

#[test]
fn retry_if_hears_of_the_error_and_the_attempt() {
    let heard = std::sync::Arc::<std::sync::Mutex<Vec<_>>>::default();
    let inner = std::sync::Arc::clone(&heard);
    let (processor, driver) = Processor::builder(async |n: u32| Err::<(), _>(n))
        .clock(Hasty::default())
        .retry(Retry::new(5), u32::clone)
        .retry_if(move |error, attempt| {
            let FailureKind::Handler(error) = error else { return false };
            inner.lock().unwrap().push((*error, attempt));
            attempt < 3
        })
        .build();
    let ticket = processor.try_enqueue(7).unwrap();
    assert!(poll(&mut Box::pin(driver)).is_pending());
    let failure = now(ticket).unwrap_err();
    assert_eq!((failure.attempt, failure.kind), (3, FailureKind::Handler(7)));
    assert_eq!(*heard.lock().unwrap(), [(7, 1), (7, 2), (7, 3)]);
}

#[test]
fn without_a_seed_the_waits_of_two_processors_differ() {
    let waits = || {
        let clock = Hasty::default();
        let (processor, driver) = Processor::builder(async |n: u32| Err::<(), _>(n))
            .clock(clock.clone())
            .retry(Retry::new(4), u32::clone)
            .build();
        drop(processor.try_enqueue(7).unwrap());
        assert!(poll(&mut Box::pin(driver)).is_pending());
        clock.now()
    };
    assert_ne!(waits(), waits());
}

#[test]
fn a_timeout_that_stops_a_processor_is_the_cause_of_the_rest() {
    let (processor, driver) =
        Processor::builder(async |_: u32| pending::<Result<u32, &str>>().await)
            .options(
                Options::new()
                    .concurrency(2)
                    .timeout(Duration::from_secs(1))
                    .on_failure(OnFailure::Fail),
            )
            .clock(Hasty::default())
            .build();
    let first = processor.try_enqueue(1).unwrap();
    let second = processor.try_enqueue(2).unwrap();
    let mut driver = Box::pin(driver);
    while poll(&mut driver).is_pending() && processor.stats().in_flight > 0 {}
    assert_eq!(now(first).unwrap_err().kind, FailureKind::AttemptTimeout);
    let closed = now(second).unwrap_err();
    assert_eq!(closed.kind, FailureKind::Closed);
    assert_eq!(closed.cause().map(|stop| &stop.kind), Some(&StopKind::AttemptTimeout));
    assert_eq!(now(processor.join()).unwrap_err().stop().unwrap().kind, StopKind::AttemptTimeout);
}

#[test]
fn many_joins_are_told_each_in_its_turn() {
    let (processor, driver) = Processor::new(Options::new(), async |n: u32| Ok::<_, ()>(n));
    let mut driver = Box::pin(driver);
    let mut joins = Vec::new();
    processor.pause();
    for n in 0..100 {
        drop(processor.try_enqueue(n).unwrap());
        joins.push(processor.join());
    }
    // one that is given up is forgotten, and the others are not
    drop(joins.remove(50));
    assert!(poll(&mut driver).is_pending());
    assert!(joins.iter_mut().all(|join| poll(join).is_pending()));
    processor.resume();
    assert!(poll(&mut driver).is_pending());
    assert!(joins.iter_mut().all(|join| poll(join) == Poll::Ready(Ok(()))));
    // of what is drained already there is nothing to wait for
    assert_eq!(now(processor.join()), Ok(()));
}

#[test]
fn keys_that_halt_in_one_poll_are_told_in_their_order() {
    let told = RefCell::new(Vec::new());
    let (processor, driver) = Processor::builder(async |n: u32| {
        one_turn().await;
        Err::<(), _>(n)
    })
    .options(Options::new().concurrency(4).on_failure(OnFailure::HaltKey))
    .key(|n| *n)
    .on_halt(|failure| told.borrow_mut().push(failure.seq))
    .build();
    let mut driver = Box::pin(driver);
    for n in 0..4 {
        drop(processor.try_enqueue(n).unwrap());
    }
    while told.borrow().is_empty() {
        assert!(poll(&mut driver).is_pending());
    }
    assert_eq!(*told.borrow(), [0, 1, 2, 3]);
}

#[test]
fn a_failure_that_an_abort_keeps_from_coming_out_is_the_cause() {
    let handler = async |n: u32| if n == 0 { pending().await } else { Err::<(), _>("bad") };
    let options = Options::new().concurrency(2).on_failure(OnFailure::Fail);
    let (processor, driver) = Processor::new(options, handler);
    let mut driver = Box::pin(driver);
    let [before, bad] = [0, 1].map(|n| processor.try_enqueue(n).unwrap());
    assert!(poll(&mut driver).is_pending());
    let aborted = processor.abort();
    assert!(poll(&mut driver).is_ready());
    assert!(now(aborted).is_ok(), "it did not come out");
    let [before, bad] = [before, bad].map(|ticket| now(ticket).unwrap_err());
    assert_eq!([&before.kind, &bad.kind], [&FailureKind::Closed; 2]);
    assert!(before.cause().is_none());
    let cause = bad.cause().expect("its own failure");
    assert_eq!((cause.seq, cause.attempt, cause.error()), (1, 1, Some(&"bad")));
}

#[test]
fn what_an_item_is_halted_for_is_no_cause_of_an_abort() {
    let (processor, driver) = Processor::builder(async |_: u32| pending::<Result<(), ()>>().await)
        .options(Options::new().timeout(Duration::from_secs(1)).on_failure(OnFailure::HaltKey))
        .key(|n| *n)
        .on_halt(|failure| assert_eq!(failure.kind, FailureKind::AttemptTimeout))
        .clock(Hasty::default())
        .build();
    let ticket = processor.try_enqueue(1).unwrap();
    let mut driver = Box::pin(driver);
    while processor.stats().halted == 0 {
        assert!(poll(&mut driver).is_pending());
    }
    let aborted = processor.abort();
    assert!(poll(&mut driver).is_ready());
    assert!(now(aborted).is_ok());
    let failure = now(ticket).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Closed);
    assert!(failure.cause().is_none());
}
