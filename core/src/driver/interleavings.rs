//! Every interleaving of a few threads that meet in the wake set, in a promise or in a processor: `make test-loom`.
//!
//! A wake that is lost is a thread that waits for ever, which loom finds. What is written before a wake is written
//! relaxed here, so that it is only seen where the wake makes it so.

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Poll, Wake, Waker};

use loom::future::block_on;
use loom::sync::atomic::AtomicUsize;
use loom::thread;

use super::sync::AtomicWaker;
use super::ticket::Promise;
use super::wake::WakeSet;
use super::{Driver, FailureKind, Processor, RefusedKind};
use crate::Options;

/// With so many switches at most that no thread asked for, or as many as `LOOM_MAX_PREEMPTIONS` says: all of them would
/// take days for a processor.
fn every(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.max_branches = 20_000;
    // not one of loom's
    let tried = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&tried);
    builder.check(move || {
        count.fetch_add(1, Relaxed);
        model();
    });
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    println!(
        "{:>9} interleavings: {}",
        tried.load(Relaxed),
        name.rsplit("::").next().unwrap_or(&name)
    );
}

/// Takes all that was woken.
fn taken(set: &WakeSet) -> Vec<usize> {
    let (mut places, mut from) = (Vec::new(), 0);
    while let Some((word, bits)) = set.take(from) {
        places.extend((0..64).filter(|bit| bits >> bit & 1 == 1).map(|bit| word * 64 + bit));
        from = word + 1;
    }
    places
}

fn joined<const N: usize>(threads: [thread::JoinHandle<()>; N]) {
    for thread in threads {
        thread.join().expect("it does not panic");
    }
}

// the wake set

#[test]
fn no_wake_is_lost_and_what_came_before_it_is_seen() {
    // two in one word, and one in another
    for places in [[0, 1], [0, 64]] {
        every(3, move || {
            let set = WakeSet::new(128);
            let said = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
            let wakers = [0, 1].map(|which| {
                let (waker, said) = (set.waker(places[which]), Arc::clone(&said));
                thread::spawn(move || {
                    said[which].store(1, Relaxed);
                    waker.wake();
                })
            });
            let mut left = places.to_vec();
            block_on(poll_fn(|cx| {
                set.register(cx.waker());
                while set.any() {
                    for place in taken(&set) {
                        let which = places.iter().position(|other| *other == place);
                        assert_eq!(said[which.expect("it was woken")].load(Relaxed), 1);
                        left.retain(|other| *other != place);
                    }
                }
                if left.is_empty() { Poll::Ready(()) } else { Poll::Pending }
            }));
            joined(wakers);
            assert!(!set.any());
        });
    }
}

#[test]
fn a_place_that_is_woken_while_it_is_taken_is_taken_again() {
    every(4, || {
        let set = WakeSet::new(1);
        let said = Arc::new(AtomicUsize::new(0));
        let (waker, saying) = (set.waker(0), Arc::clone(&said));
        let twice = thread::spawn(move || {
            for say in 1..=2 {
                saying.store(say, Relaxed);
                waker.wake_by_ref();
            }
        });
        let mut seen = 0;
        block_on(poll_fn(|cx| {
            set.register(cx.waker());
            while set.any() {
                if !taken(&set).is_empty() {
                    seen = said.load(Relaxed);
                }
            }
            if seen == 2 { Poll::Ready(()) } else { Poll::Pending }
        }));
        joined([twice]);
    });
}

#[test]
fn a_wake_beside_the_end_keeps_no_task() {
    struct Nobody;

    impl Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }

    every(4, || {
        let set = WakeSet::new(1);
        let task = Arc::new(Nobody);
        let late = set.waker(0);
        let waking = thread::spawn(move || {
            late.wake_by_ref();
            // it is kept, and the set with it
            late
        });
        set.register(&Waker::from(Arc::clone(&task)));
        set.forget_task();
        let _late = waking.join().expect("it does not panic");
        assert_eq!(Arc::strong_count(&task), 1);
    });
}

// a promise

#[test]
fn a_promise_that_is_kept_while_it_is_polled_wakes_or_is_seen() {
    every(4, || {
        let promise = Promise::new();
        let keeping = Arc::clone(&promise);
        let keeper = thread::spawn(move || {
            assert_eq!(keeping.keep(7), None);
            if let Some(waker) = keeping.waker() {
                waker.wake();
            }
        });
        assert_eq!(block_on(poll_fn(|cx| promise.poll(cx))), Some(7));
        assert_eq!(promise.take(), None);
        joined([keeper]);
    });
}

// a processor and its driver

type Doubling = Processor<usize, usize, usize>;

/// Doubles even numbers, and fails for odd ones.
fn doubling(capacity: usize) -> (Doubling, Driver<impl Future<Output = ()> + Send>) {
    let handler = async |item: usize| if item % 2 == 0 { Ok(2 * item) } else { Err(item) };
    Processor::new(Options::new().capacity(capacity), handler)
}

#[test]
fn an_offer_beside_the_driver_is_run_and_the_last_handle_ends_it() {
    every(2, || {
        let (processor, driver) = doubling(1);
        let offering = thread::spawn(move || {
            let ticket = processor.try_enqueue(4).expect("there is room");
            drop(processor);
            assert_eq!(block_on(ticket).ok(), Some(8));
        });
        block_on(driver);
        joined([offering]);
    });
}

#[test]
fn two_handles_at_once_beside_the_driver() {
    every(1, || {
        let (first, driver) = doubling(2);
        let second = first.clone();
        let offers = [(first, 2), (second, 4)].map(|(processor, item)| {
            thread::spawn(move || processor.try_enqueue(item).expect("there is room"))
        });
        block_on(driver);
        for (offer, doubled) in offers.into_iter().zip([4, 8]) {
            let ticket = offer.join().expect("it does not panic");
            assert_eq!(block_on(ticket).ok(), Some(doubled));
        }
    });
}

#[test]
fn the_last_handle_goes_beside_the_driver() {
    every(2, || {
        let (processor, driver) = doubling(1);
        let other = processor.clone();
        let dropping = [processor, other].map(|handle| thread::spawn(move || drop(handle)));
        block_on(driver);
        joined(dropping);
    });
}

#[test]
fn an_offer_beside_the_end_of_its_driver_is_answered() {
    every(2, || {
        let (processor, driver) = doubling(1);
        let ending = thread::spawn(move || drop(driver));
        match processor.try_enqueue(2) {
            Ok(ticket) => {
                let failure = block_on(ticket).expect_err("nobody runs it");
                assert!(matches!(failure.kind, FailureKind::Closed), "{:?}", failure.kind);
            }
            Err(refused) => assert_eq!(refused.kind, RefusedKind::Closed),
        }
        joined([ending]);
    });
}

#[test]
fn one_who_waits_for_room_gets_it_beside_the_driver() {
    every(2, || {
        let (processor, driver) = doubling(1);
        let first = processor.try_enqueue(2).expect("there is room");
        let waiting = thread::spawn(move || {
            let ticket = block_on(processor.enqueue(3)).expect("there will be room");
            drop(processor);
            let failure = block_on(ticket).expect_err("it is odd");
            assert_eq!((failure.seq, failure.error()), (1, Some(&3)));
        });
        block_on(driver);
        assert_eq!(block_on(first).ok(), Some(4));
        joined([waiting]);
    });
}

#[test]
fn a_ticket_that_is_cancelled_beside_the_driver_is_done() {
    every(2, || {
        let (processor, driver) = doubling(1);
        let ticket = processor.try_enqueue(2).expect("there is room");
        let cancelling = thread::spawn(move || {
            let is_cancelled = ticket.cancel();
            drop(processor);
            match block_on(ticket) {
                Ok(result) => assert_eq!((result, is_cancelled), (4, false)),
                Err(failure) => {
                    assert!(matches!(failure.kind, FailureKind::Cancelled) && is_cancelled);
                }
            }
        });
        block_on(driver);
        joined([cancelling]);
    });
}

#[test]
fn a_cancel_beside_the_driver_stops_a_handler_that_hangs() {
    every(2, || {
        let handler = async |()| pending::<Result<(), ()>>().await;
        let (processor, driver) = Processor::new(Options::new().capacity(1), handler);
        let ticket = processor.try_enqueue(()).expect("there is room");
        let cancelling = thread::spawn(move || {
            assert!(ticket.cancel());
            let failure = block_on(ticket).expect_err("it is cancelled");
            assert!(matches!(failure.kind, FailureKind::Cancelled), "{:?}", failure.kind);
            drop(processor);
        });
        block_on(driver);
        joined([cancelling]);
    });
}

#[test]
fn a_handler_that_is_woken_while_it_is_polled_goes_on() {
    every(2, || {
        let bell = Arc::new((AtomicWaker::new(), AtomicUsize::new(0)));
        let heard = Arc::clone(&bell);
        let handler = move |item: usize| {
            let heard = Arc::clone(&heard);
            poll_fn(move |cx| {
                heard.0.register(cx.waker());
                match heard.1.load(Relaxed) {
                    0 => Poll::Pending,
                    rung => Poll::Ready(Ok::<_, ()>(item + rung)),
                }
            })
        };
        let (processor, driver) = Processor::new(Options::new().capacity(1), handler);
        let ticket = processor.try_enqueue(1).expect("there is room");
        drop(processor);
        let ringing = thread::spawn(move || {
            bell.1.store(1, Relaxed);
            bell.0.wake();
        });
        block_on(driver);
        assert_eq!(block_on(ticket).ok(), Some(2));
        joined([ringing]);
    });
}

#[test]
fn one_who_joins_beside_the_driver_is_told() {
    every(2, || {
        let (processor, driver) = doubling(1);
        let ticket = processor.try_enqueue(2).expect("there is room");
        let joining = thread::spawn(move || {
            block_on(processor.join()).expect("nothing failed");
            assert!(ticket.is_done());
        });
        block_on(driver);
        joined([joining]);
    });
}

#[test]
fn one_who_closes_beside_the_driver_is_told() {
    every(2, || {
        let (processor, driver) = doubling(1);
        drop(processor.try_enqueue(2).expect("there is room"));
        let closing = thread::spawn(move || {
            let report = block_on(processor.close()).expect("nothing failed");
            assert_eq!(report.released, 1);
        });
        block_on(driver);
        joined([closing]);
    });
}
