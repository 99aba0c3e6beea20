//! Dead letters of streams: what the scenarios cannot show.
#![cfg(feature = "futures")]

#[path = "common/hasty.rs"]
mod hasty;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::executor::block_on;
use futures::stream::{self, Stream, StreamExt};
use inorder::{Failure, FailureKind, InOrderExt, OnFailure, Options};

use hasty::Hasty;

fn options() -> Options {
    Options::new().on_failure(OnFailure::DeadLetter).concurrency(2)
}

#[test]
fn a_letter_has_the_item_and_its_error_and_goes_when_it_was_received() {
    let kept = RefCell::new(Vec::<(Weak<u32>, u64, FailureKind<u32>)>::new());
    let failing = async |n: Rc<u32>| if *n % 2 == 1 { Err(*n) } else { Ok(*n) };
    let receive = |failure: Arc<Failure<u32, Rc<u32>>>| {
        let letter = (Rc::downgrade(&failure.item), failure.seq, failure.kind.clone());
        kept.borrow_mut().push(letter);
        async {}
    };
    let mut results = pin!(
        stream::iter((0..4).map(Rc::new))
            .in_order(options(), failing)
            .clock(Hasty::default())
            .dead_letter(Rc::clone, receive)
    );
    assert_eq!(results.size_hint(), (0, Some(4)), "nothing comes out for a dead letter");
    assert_eq!(block_on(results.next()), Some(Ok(0)));
    assert_eq!(block_on(results.next()), Some(Ok(2)));
    assert_eq!(block_on(results.next()), None);
    let kept = kept.borrow();
    let seen: Vec<_> = kept.iter().map(|(_, seq, kind)| (*seq, kind.clone())).collect();
    assert_eq!(seen, [(1, FailureKind::Handler(1)), (3, FailureKind::Handler(3))]);
    assert!(kept.iter().all(|(item, _, _)| item.upgrade().is_none()), "they are dropped");
}

#[test]
fn after_a_panic_of_the_receiver_it_is_tried_again() {
    let calls = Cell::new(0);
    let receive = |_: Arc<Failure<(), u32>>| {
        calls.set(calls.get() + 1);
        assert!(calls.get() != 1, "a bad moment");
        async {}
    };
    let mut results = pin!(
        stream::iter([7])
            .in_order(options(), async |_| Err::<(), ()>(()))
            .clock(Hasty::default())
            .dead_letter(u32::clone, receive)
    );
    let mut poll = || {
        let cx = &mut Context::from_waker(Waker::noop());
        catch_unwind(AssertUnwindSafe(|| results.as_mut().poll_next(cx)))
    };
    assert!(poll().is_err());
    while poll().unwrap() != Poll::Ready(None) {}
    assert_eq!((calls.get(), results.stats().dead_lettered), (2, 1));
}

#[test]
fn dropping_the_stream_drops_what_is_handed_over() {
    let item = Rc::new(7);
    let mut results = Box::pin(
        stream::iter([Rc::clone(&item)])
            .in_order(options(), async |_| Err::<(), ()>(()))
            .clock(Hasty::default())
            .dead_letter(Rc::clone, async |_letter: Arc<Failure<(), Rc<u32>>>| {
                pending::<()>().await;
            }),
    );
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(results.as_mut().poll_next(cx).is_pending());
    assert_eq!(Rc::strong_count(&item), 2, "one copy, which the handler has had, is gone");
    drop(results);
    assert_eq!(Rc::strong_count(&item), 1);
}

#[test]
fn what_is_missing_is_named() {
    let fails = async |_: u32| Err::<(), ()>(());
    let results = stream::iter([1]).in_order(options(), fails).clock(Hasty::default());
    let text = results.check().unwrap_err().to_string();
    assert!(text.contains("dead_letter") && text.contains("somebody who receives"), "{text}");
    let receive = async |_: Arc<Failure<(), u32>>| ();
    let results = stream::iter([1]).in_order(options(), fails).dead_letter(u32::clone, receive);
    let text = results.check().unwrap_err().to_string();
    assert!(text.contains("dead_letter") && text.contains("a clock"), "{text}");
}
