//! What waits for itself while something fails is told so: in receivers of dead letters, and where an offer or an answer
//! outlives what it was made in.
#![cfg(feature = "futures")]

#[path = "common/by_hand.rs"]
mod by_hand;
#[path = "common/hasty.rs"]
mod hasty;
#[path = "common/one_turn.rs"]
mod one_turn;

use std::cell::{Cell, OnceCell, RefCell};
use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::channel::oneshot;
use futures::executor::block_on;
use futures::future::{join, join_all};
use futures::task::noop_waker_ref;
use inorder::{
    Failure, FailureKind, JoinError, OnFailure, Options, Processor, RefusedKind, Ticket,
};

use by_hand::ByHand;
use hasty::Hasty;
use one_turn::one_turn;

fn is_deadlock<R, E, I>(result: Result<R, Failure<E, I>>) -> bool {
    result.is_err_and(|failure| matches!(failure.kind, FailureKind::Deadlock))
}

fn two() -> Options {
    Options::new().concurrency(2)
}

/// A processor of one item that fails, and what its receiver makes of the processor and the item's own ticket.
fn inside_a_receiver<A>(
    work: &impl AsyncFn(&Processor<u32, (), (), Infallible, (), Hasty>, Ticket<(), ()>) -> A,
) -> A {
    let (handle, own, answer) = (OnceCell::new(), RefCell::new(None), RefCell::new(None));
    let (p, driver) = Processor::builder(async |_: u32| Err::<(), _>(()))
        .options(Options::new().capacity(1).on_failure(OnFailure::DeadLetter))
        .clock(Hasty::default())
        .dead_letter(async |_| {
            if let Some(own) = own.take() {
                answer.replace(Some(work(handle.get().unwrap(), own).await));
            }
        })
        .build();
    own.replace(Some(p.try_enqueue(0).unwrap()));
    assert!(handle.set(p.clone()).is_ok());
    let closing = async {
        p.join().await.unwrap();
        p.close().await.unwrap();
    };
    block_on(join(driver, closing));
    answer.take().expect("it was called, and came to its end")
}

#[test]
fn inside_a_receiver_of_dead_letters() {
    assert!(inside_a_receiver(&async |_, own| is_deadlock(own.await)));
    let joined = inside_a_receiver(&async |p, _| p.join().await);
    assert_eq!(joined, Err(JoinError::Deadlock));
    let refused = inside_a_receiver(&async |p, _| p.enqueue(1).await.map_err(|it| it.kind).err());
    assert_eq!(refused, Some(RefusedKind::Deadlock));
}

#[test]
fn a_ticket_that_a_receiver_waited_for_in_vain_still_gives_the_failure() {
    type Held = RefCell<Option<Ticket<(), &'static str, String>>>;
    let (own, kept) = (Held::default(), Held::default());
    let (p, driver) = Processor::builder(async |_: String| Err::<(), _>("bad"))
        .options(Options::new().on_failure(OnFailure::DeadLetter))
        .clock(Hasty::default())
        .keep_items(String::clone)
        .dead_letter(async |_| {
            if let Some(mut own) = own.take() {
                let told = (&mut own).await.unwrap_err();
                assert_eq!((&told.kind, &told.item[..]), (&FailureKind::Deadlock, "item"));
                kept.replace(Some(own));
            }
        })
        .build();
    own.replace(Some(p.try_enqueue("item".to_owned()).unwrap()));
    block_on(join(driver, async { p.close().await.unwrap() }));
    let failure = block_on(kept.take().unwrap()).unwrap_err();
    assert_eq!((failure.kind, &failure.item[..]), (FailureKind::Handler("bad"), "item"));
}

/// What two receivers of dead letters are told that wait for each other's tickets.
fn waiting_for_each_other(options: Options) -> [Option<bool>; 2] {
    let (tickets, told) = (RefCell::new([None, None]), Cell::new([None, None]));
    let (p, driver) = Processor::builder(async |_: usize| Err::<(), _>(()))
        .options(options.on_failure(OnFailure::DeadLetter))
        .clock(Hasty::default())
        .keep_items(usize::clone)
        .dead_letter(async |failure| {
            // the later one waits first, and is not polled again of itself
            for _ in 4 * failure.item..5 {
                one_turn().await;
            }
            let other: Option<Ticket<(), (), usize>> =
                tickets.borrow_mut()[1 - failure.item].take();
            if let Some(other) = other {
                let answer = is_deadlock(other.await);
                let mut all = told.get();
                all[failure.item] = Some(answer);
                told.set(all);
            }
        })
        .build();
    tickets.replace([0, 1].map(|item| Some(p.try_enqueue(item).unwrap())));
    block_on(join(driver, async { p.close().await.unwrap() }));
    told.get()
}

#[test]
fn of_two_receivers_that_wait_for_each_other_the_earlier_is_told() {
    // the later may wait for the earlier one
    assert_eq!(waiting_for_each_other(two()), [Some(true), Some(false)]);
}

#[test]
fn a_handler_is_told_while_what_it_waits_for_is_handed_over() {
    let (later, told, is_received) = (RefCell::new(None), Cell::new(false), Cell::new(false));
    let (ending, over) = oneshot::channel();
    let (ending, over) = (Cell::new(Some(ending)), Cell::new(Some(over)));
    let (p, driver) = Processor::builder(async |n: u32| {
        if n > 0 {
            return Err(());
        }
        for _ in 0..5 {
            one_turn().await;
        }
        let later: Ticket<(), (), ()> = later.take().unwrap();
        told.set(is_deadlock(later.await));
        ending.take().unwrap().send(()).unwrap();
        Ok(())
    })
    .options(two().on_failure(OnFailure::DeadLetter))
    .clock(Hasty::default())
    .dead_letter(async |_| {
        // until the handler has come to its end
        over.take().unwrap().await.unwrap();
        is_received.set(true);
    })
    .build();
    drop(p.try_enqueue(0).unwrap());
    later.replace(Some(p.try_enqueue(1).unwrap()));
    block_on(join(driver, async { p.close().await.unwrap() }));
    assert!(told.get() && is_received.get());
}

#[test]
fn with_a_concurrency_of_one_nothing_starts_beside_a_receiver() {
    let (queued, told) = (RefCell::new(None), Cell::new(false));
    let (p, driver) = Processor::builder(async |n: u32| if n == 0 { Err(()) } else { Ok(()) })
        .options(Options::new().ordered(false).on_failure(OnFailure::DeadLetter))
        .clock(Hasty::default())
        .dead_letter(async |_| {
            let queued: Ticket<(), (), ()> = queued.take().unwrap();
            told.set(is_deadlock(queued.await));
        })
        .build();
    drop(p.try_enqueue(0).unwrap());
    queued.replace(Some(p.try_enqueue(1).unwrap()));
    block_on(join(driver, async { p.close().await.unwrap() }));
    assert!(told.get());
    assert_eq!((p.stats().ok, p.stats().dead_lettered), (1, 1));
}

#[test]
fn an_offer_that_outlives_its_on_result_is_one_that_anybody_could_have_made() {
    type Idle = Processor<u32, u32, ()>;
    let (handle, outlives, told) = (OnceCell::<Idle>::new(), RefCell::new(None), Cell::new(false));
    let (p, driver) = Processor::builder(async |n: u32| {
        for _ in 0..5 * (n % 2) {
            one_turn().await;
        }
        Ok(n)
    })
    .options(two().capacity(2))
    .on_result_async(async |result| {
        let offer = |n| Box::pin(handle.get().unwrap().enqueue(n));
        if *result == Ok(0) {
            // others wait before it, and an item runs
            let mut offer = offer(8);
            assert!(poll_fn(|cx| Poll::Ready(offer.as_mut().poll(cx).is_pending())).await);
            outlives.replace(Some(offer));
        } else if *result == Ok(1) {
            let refused = offer(10).await.unwrap_err();
            told.set((refused.item, refused.kind) == (10, RefusedKind::Deadlock));
        }
    })
    .build();
    assert!(handle.set(p.clone()).is_ok());
    let using = async {
        drop([0, 1].map(|n| p.try_enqueue(n).unwrap()));
        let offers = [2, 4].map(|n| p.enqueue(n));
        for offered in join_all(offers).await {
            drop(offered.unwrap());
        }
        let offer = outlives.take().unwrap();
        assert_eq!(offer.await.expect("nobody refused it").await, Ok(8));
        p.close().await.unwrap();
    };
    block_on(join(driver, using));
    assert!(told.get());
}

/// How the attempt ends that an offer outlives.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Failed,
    Cancelled,
    Panicked,
    HandedOver,
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(noop_waker_ref()))
}

/// An offer is made in the attempt of item 0, or while it is handed over, and outlives that. Then `on_result` waits for
/// room in vain: is it that which is told?
fn is_told_before_what_outlives(over: End) -> bool {
    type Timed = Processor<u32, u32, (), Infallible, (), Hasty>;
    let policy = if over == End::HandedOver { OnFailure::DeadLetter } else { OnFailure::Emit };
    let handle = OnceCell::<Timed>::new();
    let (outlives, told) = (RefCell::new(None), Cell::new(None));
    let ((end, gate), (go_on, other)) = (oneshot::channel::<()>(), oneshot::channel::<()>());
    let (gate, other) = (Cell::new(Some(gate)), Cell::new(Some(other)));
    let begin = async || {
        let mut offer = Box::pin(handle.get().unwrap().enqueue(8));
        assert!(poll_fn(|cx| Poll::Ready(offer.as_mut().poll(cx).is_pending())).await);
        outlives.replace(Some(offer));
        let _ = gate.take().unwrap().await;
        assert!(over != End::Panicked, "boom");
    };
    let (p, driver) = Processor::builder(async |n: u32| {
        match n {
            0 if over == End::HandedOver => return Err(()),
            0 => {
                begin().await;
                return Err(());
            }
            1 => drop(other.take().unwrap().await),
            _ => {}
        }
        Ok(n)
    })
    .options(two().capacity(2).ordered(false).on_failure(policy))
    .clock(Hasty::default())
    .dead_letter(async |_| begin().await)
    .on_result_async(async |_| {
        if told.get().is_none() {
            let answer = handle.get().unwrap().enqueue(9).await;
            told.set(Some(
                answer.is_err_and(|it| (it.item, it.kind) == (9, RefusedKind::Deadlock)),
            ));
        }
    })
    .build();
    assert!(handle.set(p.clone()).is_ok());
    let [first, second] = [0, 1].map(|n| p.try_enqueue(n).unwrap());
    drop(second);
    // waits longer than what is offered in there
    let mut ahead = Box::pin(p.enqueue(2));
    assert!(poll(&mut ahead).is_pending());
    let mut driver = Box::pin(driver);
    assert!(poll(&mut driver).is_pending());
    match over {
        End::Cancelled => assert!(first.cancel()),
        End::Failed | End::HandedOver | End::Panicked => end.send(()).unwrap(),
    }
    let panicked = catch_unwind(AssertUnwindSafe(|| poll(&mut driver))).is_err();
    assert_eq!(panicked, over == End::Panicked);
    assert!(poll(&mut driver).is_pending());
    // until now it might have made room
    assert_eq!(told.get(), None);
    go_on.send(()).unwrap();
    for _ in 0..3 {
        assert!(poll(&mut driver).is_pending());
    }
    assert_eq!(poll(&mut ahead).map(|answer| answer.is_ok()), Poll::Ready(true));
    let is_accepted = poll(outlives.borrow_mut().as_mut().unwrap()).map(|answer| answer.is_ok());
    drop(p.abort());
    told.get() == Some(true) && is_accepted == Poll::Ready(true)
}

#[test]
fn an_offer_that_outlives_what_it_was_made_in_is_one_that_anybody_could_have_made() {
    for over in [End::Failed, End::Cancelled, End::Panicked, End::HandedOver] {
        assert!(is_told_before_what_outlives(over), "{over:?}");
    }
}

#[test]
fn so_is_one_that_outlives_an_attempt_whose_time_was_over() {
    type Timed = Processor<u32, (), (), Infallible, (), ByHand>;
    let (clock, handle) = (ByHand::default(), OnceCell::<Timed>::new());
    let (outlives, told) = (RefCell::new(None), Cell::new(false));
    let limit = Duration::from_millis(5);
    let (p, driver) = Processor::builder(async |n: u32| {
        if n == 0 {
            let mut offer = Box::pin(handle.get().unwrap().enqueue(8));
            assert!(poll_fn(|cx| Poll::Ready(offer.as_mut().poll(cx).is_pending())).await);
            outlives.replace(Some(offer));
            pending::<()>().await;
        }
        Ok(())
    })
    .options(Options::new().capacity(1).timeout(limit))
    .clock(clock.clone())
    .on_result_async(async |result| {
        if result.is_err() {
            let answer = handle.get().unwrap().enqueue(9).await;
            told.set(answer.is_err_and(|it| (it.item, it.kind) == (9, RefusedKind::Deadlock)));
        }
    })
    .build();
    assert!(handle.set(p.clone()).is_ok());
    drop(p.try_enqueue(0).unwrap());
    let mut driver = Box::pin(driver);
    assert!(poll(&mut driver).is_pending());
    clock.advance(limit);
    assert!(poll(&mut driver).is_pending());
    assert!(told.get());
    let is_accepted = poll(outlives.borrow_mut().as_mut().unwrap()).map(|answer| answer.is_ok());
    assert_eq!(is_accepted, Poll::Ready(true));
}
