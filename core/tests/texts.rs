//! What errors say, and what is printed of everything else: each by its name, and never the items, of which nothing is
//! asked.
#![cfg(feature = "futures")]

use std::fmt::Debug;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::FutureExt;
use futures::stream::{self, StreamExt};
use inorder::{
    CloseError, FailureKind, InOrderExt, OnFailure, OnGap, Options, Processor, RefusedKind,
    SequencerOptions, StopKind,
};

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// What is there without waiting.
fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("it is ready")
}

/// An item, which cannot be printed.
struct Silent;

#[test]
fn a_failure_says_which_item_it_is_and_why() {
    let failing = async |()| Err::<(), _>("no page");
    let mut results = Box::pin(stream::iter([()]).in_order(Options::new(), failing));
    let failure = now(results.next()).expect("it fails").unwrap_err();
    assert_eq!(failure.to_string(), "item 0: no page");
    assert_eq!(
        format!("{failure:?}"),
        r#"Failure { kind: Handler("no page"), seq: 0, attempt: 1, cause: None, .. }"#
    );
    let kinds = [
        (FailureKind::Handler("no page"), r#"Handler("no page")"#, "no page"),
        (FailureKind::Stopped(Arc::new("no page")), r#"Stopped("no page")"#, "no page"),
        (FailureKind::AttemptTimeout, "AttemptTimeout", "the attempt took longer than its timeout"),
        (
            FailureKind::DeadlineExceeded,
            "DeadlineExceeded",
            "the item took longer than its total timeout",
        ),
        (FailureKind::KeyHalted, "KeyHalted", "its key was halted"),
        (FailureKind::Restored, "Restored", "done before, in an earlier life"),
        (FailureKind::Cancelled, "Cancelled", "cancelled"),
        (FailureKind::Closed, "Closed", "closed before it was done"),
        (
            FailureKind::Deadlock,
            "Deadlock",
            "deadlock: a handler or a callback waits for what cannot come before it has ended",
        ),
    ];
    for (kind, printed, said) in kinds {
        assert_eq!((&*format!("{kind:?}"), &*kind.to_string()), (printed, said));
    }
}

#[test]
fn what_stopped_a_processor_says_where() {
    let failing = async |_: Silent| Err::<Silent, _>("no page");
    let (processor, driver) =
        Processor::builder(failing).options(Options::new().on_failure(OnFailure::Fail)).build();
    let mut driver = Box::pin(driver);
    drop(processor.try_enqueue(Silent).ok().unwrap());
    assert!(poll(&mut driver).is_pending());
    let stopped = "stopped by item 0: no page";
    let printed = r#"Stop { seq: 0, attempt: 1, kind: Error("no page") }"#;
    let join = now(processor.join()).unwrap_err();
    assert_eq!(
        (join.to_string(), format!("{join:?}")),
        (stopped.into(), format!("Stopped({printed})"))
    );
    let refused = processor.try_enqueue(Silent).err().unwrap();
    assert_eq!(refused.to_string(), "closed: no more items are accepted");
    assert_eq!(
        format!("{refused:?}"),
        format!("Refused {{ kind: Closed, cause: Some({printed}), .. }}")
    );
    let mut close = processor.close();
    assert!(poll(&mut driver).is_ready());
    let close = now(&mut close).err().unwrap();
    let report =
        "Report { released: 1, unfinished: [], never_started: [], detached: [], lost: [] }";
    assert_eq!(close.to_string(), stopped);
    assert_eq!(format!("{close:?}"), format!("Stopped {{ stop: {printed}, report: {report} }}"));
    let deadlock = CloseError::<Silent, &str>::Deadlock;
    assert_eq!(format!("{deadlock:?}"), "Deadlock");
    assert!(deadlock.to_string().starts_with("deadlock: a handler"));
    let deadlock = inorder::JoinError::<&str>::Deadlock;
    assert_eq!(format!("{deadlock:?}"), "Deadlock");
    assert!(deadlock.to_string().starts_with("deadlock: a handler"));
    let kinds = [
        (StopKind::Error(Arc::new("no page")), r#"Error("no page")"#, "no page"),
        (StopKind::AttemptTimeout, "AttemptTimeout", "the attempt took longer than its timeout"),
        (
            StopKind::DeadlineExceeded,
            "DeadlineExceeded",
            "the item took longer than its total timeout",
        ),
        (StopKind::Panicked, "Panicked", "a callback panicked"),
    ];
    for (kind, printed, said) in kinds {
        assert_eq!((&*format!("{kind:?}"), &*kind.to_string()), (printed, said));
    }
}

#[test]
fn a_report_has_numbers_and_no_items() {
    let handler = async |_: Silent| pending::<Result<(), ()>>().await;
    let (processor, driver) = Processor::new(Options::new(), handler);
    for _ in 0..3 {
        drop(processor.try_enqueue(Silent).ok().unwrap());
    }
    let mut driver = Box::pin(driver);
    assert!(poll(&mut driver).is_pending());
    let close = processor.abort();
    assert!(poll(&mut driver).is_ready());
    let report = now(close).ok().unwrap();
    assert_eq!(
        format!("{report:?}"),
        "Report { released: 0, unfinished: [0], never_started: [1, 2], detached: [], lost: [] }"
    );
}

#[test]
fn an_offer_that_is_turned_away_says_why() {
    let kinds = [
        (RefusedKind::Full, "full: as many items as the capacity allows"),
        (RefusedKind::Closed, "closed: no more items"),
        (RefusedKind::Duplicate, "duplicate: an item with this number"),
        (RefusedKind::Late, "late: the number is released or given up"),
        (RefusedKind::TooFar, "too far: the number is not below"),
        (RefusedKind::Numbering, "a sequence number is given exactly where"),
        (RefusedKind::Deadlock, "deadlock: all that could make room"),
    ];
    for (kind, said) in kinds {
        assert!(kind.to_string().starts_with(said), "{kind}");
    }
}

#[test]
fn numbers_that_did_not_come_are_named() {
    let numbers = SequencerOptions::new().gap(OnGap::Fail);
    let (processor, driver) =
        Processor::builder(async |()| Ok::<_, &str>(())).sequenced_with(numbers).build();
    drop(processor.try_enqueue_at(3, ()).unwrap());
    let close = processor.close();
    assert!(poll(&mut Box::pin(driver)).is_ready());
    let error = now(close).unwrap_err();
    assert_eq!(error.to_string(), "stopped: numbers 0 to 2 did not come");
    let kind = &error.stop().expect("it was stopped").kind;
    assert_eq!(kind.to_string(), "numbers 0 to 2 did not come");
    assert_eq!(format!("{kind:?}"), "GapTimeout(Lost { first: 0, last: 2 })");
}

#[test]
fn what_is_printed_has_the_name_of_its_type() {
    fn is_named(value: impl Debug, name: &str) {
        let text = format!("{value:?}");
        assert!(text.starts_with(name), "{text} is a {name}");
    }
    let handler = async |_: u32| pending::<Result<u32, ()>>().await;
    let built = || Processor::builder(handler);
    is_named(built(), "Builder { options: Options");
    let (processor, driver) = built().build();
    is_named(&processor, "Processor");
    is_named(&driver, "Driver");
    is_named(processor.join(), "Join { waiter");
    is_named(processor.enqueue(1), "Enqueue");
    is_named(processor.try_enqueue(1).unwrap(), "Ticket { seq: 0, is_done: false");
    let results = processor.results().expect("it is the only one");
    is_named(&results, "Results { is_over: false");
    is_named(results.with_losses(), "WithLosses(Results");
    is_named(processor.abort(), "Close { waiter");
    let numbers = || stream::iter([0, 1]);
    is_named(numbers().in_order(Options::new(), handler), "InOrder { state");
    is_named(
        numbers().resequence(SequencerOptions::new(), |n| u64::from(*n)),
        "Resequence { resequencer",
    );
}
