//! What waits for itself is told so, instead of waiting for ever.
#![cfg(feature = "futures")]

#[path = "common/hasty.rs"]
mod hasty;
#[path = "common/one_turn.rs"]
mod one_turn;

use std::cell::{Cell, OnceCell, RefCell};
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use futures::FutureExt;
use futures::executor::{LocalPool, block_on};
use futures::future::join;
use futures::stream::StreamExt;
use futures::task::LocalSpawnExt;
use inorder::{
    CloseError, Failure, FailureKind, Join, JoinError, Options, Processor, RefusedKind, Retry,
    Ticket,
};

use hasty::Hasty;
use one_turn::one_turn;

type Word = &'static str;
type Handle = Processor<Word, Word, Word, Word>;
type Held = RefCell<Option<Ticket<Word, Word>>>;

fn is_deadlock<R, E, I>(result: Result<R, Failure<E, I>>) -> bool {
    result.is_err_and(|failure| matches!(failure.kind, FailureKind::Deadlock))
}

/// What a handler of the first of two items makes of its processor, its own ticket and that of the second.
fn inside<A>(
    options: Options,
    key: fn(&Word) -> Word,
    work: impl AsyncFnOnce(&Handle, Ticket<Word, Word>, Ticket<Word, Word>) -> A,
) -> A {
    let (handle, answer) = (OnceCell::<Handle>::new(), RefCell::new(None));
    let (own, later, work) = (Held::default(), Held::default(), Cell::new(Some(work)));
    let (p, driver) = Processor::builder(async |word: Word| {
        if word == "first" {
            one_turn().await;
            let (own, later) = (own.take().unwrap(), later.take().unwrap());
            *answer.borrow_mut() =
                Some(work.take().unwrap()(handle.get().unwrap(), own, later).await);
        }
        Ok(word)
    })
    .options(options)
    .key(key)
    .build();
    let using = async {
        own.replace(Some(p.try_enqueue("first").unwrap()));
        later.replace(Some(p.try_enqueue("second").unwrap()));
        assert!(handle.set(p.clone()).is_ok());
        p.join().await.unwrap();
        assert_eq!(p.stats().ok, 2, "both went on");
        p.abort().await.unwrap();
    };
    block_on(join(driver, using));
    answer.take().expect("the handler was over")
}

fn two() -> Options {
    Options::new().concurrency(2)
}

#[test]
fn join_inside_a_handler() {
    let joined = inside(two(), |word| word, async |p, _, _| p.join().await);
    assert_eq!(joined, Err(JoinError::Deadlock));
}

#[test]
fn close_inside_a_handler_begins_and_is_not_awaited() {
    let closed = inside(
        two(),
        |word| word,
        async |p, _, _| {
            let error = p.close().await.unwrap_err();
            assert!(
                matches!(p.try_enqueue("more"), Err(refused) if refused.kind == RefusedKind::Closed)
            );
            error
        },
    );
    assert!(matches!(closed, CloseError::Deadlock));
    assert!(closed.stop().is_none() && closed.report().is_none());
}

#[test]
fn own_and_later_tickets_inside_a_handler() {
    let own = async |_: &Handle, own: Ticket<_, _>, _: Ticket<_, _>| is_deadlock(own.await);
    let later = async |_: &Handle, _: Ticket<_, _>, later: Ticket<_, _>| is_deadlock(later.await);
    assert!(inside(two(), |word| word, own));
    assert!(inside(two(), |word| word, later));
    assert!(inside(two().ordered(false), |word| word, own));
    assert!(inside(two().ordered(false), |_| "same", later));
    assert!(inside(Options::new().ordered(false), |word| word, later), "one at a time");
    assert!(!inside(two().ordered(false), |word| word, later), "it can come");
}

#[test]
fn a_ticket_that_was_waited_for_in_vain_still_gives_its_result() {
    let kept = Held::default();
    inside(
        two(),
        |word| word,
        async |_, _, mut later| {
            for _ in 0..2 {
                assert!(is_deadlock((&mut later).await));
                assert!(!later.is_done());
            }
            kept.replace(Some(later));
        },
    );
    assert_eq!(block_on(kept.take().unwrap()), Ok("second"));
}

#[test]
fn the_failure_has_the_item() {
    let (own, seen) = (RefCell::new(None), RefCell::new(None));
    let handler = async |_: String| {
        one_turn().await;
        let own: Ticket<(), (), String> = own.take().unwrap();
        seen.replace(own.await.err());
        Ok::<_, ()>(())
    };
    let (p, driver) = Processor::builder(handler).keep_items(String::clone).build();
    let using = async {
        own.replace(Some(p.enqueue("it".to_owned()).await.unwrap()));
        p.close().await.unwrap();
    };
    block_on(join(driver, using));
    let failure = seen.take().unwrap();
    assert_eq!((failure.seq, failure.attempt, &*failure.item), (0, 1, "it"));
    assert_eq!(failure.kind, FailureKind::Deadlock);
}

#[test]
fn a_panic_of_the_copying_costs_nothing_else() {
    struct Kept(&'static Cell<bool>);
    impl Clone for Kept {
        fn clone(&self) -> Self {
            assert!(!self.0.replace(false), "copied at a bad moment");
            Self(self.0)
        }
    }
    let panics: &Cell<bool> = Box::leak(Box::new(Cell::new(false)));
    let own = RefCell::new(None);
    let handler = async |_: Kept| {
        one_turn().await;
        let own: Ticket<(), (), Kept> = own.take().unwrap();
        panics.set(true);
        let mut own = pin!(own);
        poll_fn(|cx| Poll::Ready(own.as_mut().poll(cx).is_pending())).await;
        one_turn().await;
        Ok::<_, ()>(())
    };
    let (p, driver) = Processor::builder(handler).keep_items(Kept::clone).build();
    let mut driver = Box::pin(driver);
    own.replace(Some(block_on(p.enqueue(Kept(panics))).unwrap()));
    let mut poll = || {
        let cx = &mut std::task::Context::from_waker(std::task::Waker::noop());
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| driver.as_mut().poll(cx)))
    };
    assert!(poll().unwrap().is_pending());
    assert!(poll().is_err(), "the copying panicked");
    let closing = p.close();
    while poll().unwrap().is_pending() {}
    assert_eq!(block_on(closing).unwrap().released, 1);
    assert_eq!(p.stats().ok, 1);
}

#[test]
fn a_ticket_is_done_whose_item_leaves_while_it_is_copied() {
    type Aborted = Processor<Kept, (), (), Infallible, Kept>;
    type Aborts = Rc<RefCell<Option<Aborted>>>;
    struct Kept(Aborts);
    impl Clone for Kept {
        fn clone(&self) -> Self {
            // once it is there
            if let Some(processor) = self.0.take() {
                drop(processor.abort());
            }
            Self(Rc::clone(&self.0))
        }
    }
    let (aborts, later) = (Aborts::default(), RefCell::new(None));
    let (p, driver) = Processor::builder(async |_: Kept| {
        poll_fn(|cx| {
            let mut later = later.borrow_mut();
            let later: &mut Ticket<(), (), Kept> = later.as_mut().unwrap();
            Pin::new(later).poll(cx).map(drop)
        })
        .await;
        Ok(())
    })
    .keep_items(Kept::clone)
    .build();
    let tickets = [(); 2].map(|()| p.try_enqueue(Kept(Rc::clone(&aborts))).unwrap());
    let [first, second] = tickets;
    later.replace(Some(second));
    aborts.replace(Some(p.clone()));
    block_on(driver);
    assert!(aborts.borrow().is_none(), "it was copied");
    for ticket in [first, later.take().unwrap()] {
        let failure = ticket.now_or_never().expect("it is done").unwrap_err();
        assert_eq!(failure.kind, FailureKind::Closed);
    }
}

#[test]
fn an_abort_inside_a_handler_ends_it() {
    let handle = OnceCell::<Processor<(), (), ()>>::new();
    let is_past = Cell::new(false);
    let (p, driver) = Processor::new(Options::new(), async |()| {
        one_turn().await;
        let _report = handle.get().unwrap().abort().await;
        is_past.set(true);
        Ok(())
    });
    assert!(handle.set(p.clone()).is_ok());
    let ticket = p.try_enqueue(()).unwrap();
    block_on(driver);
    assert!(matches!(block_on(ticket).unwrap_err().kind, FailureKind::Closed) && !is_past.get());
}

#[test]
fn what_an_earlier_item_gives_is_waited_for() {
    let (earlier, seen) = (RefCell::new(None::<Ticket<u32, ()>>), Cell::new(0));
    let (p, driver) = Processor::new(two(), async |n: u32| {
        match n {
            // long enough to hear of it, were it told
            0 => {
                for _ in 0..3 {
                    one_turn().await;
                }
            }
            _ => seen.set(earlier.take().unwrap().await.unwrap()),
        }
        Ok(n + 10)
    });
    let using = async {
        earlier.replace(Some(p.enqueue(0).await.unwrap()));
        assert_eq!(p.enqueue(1).await.unwrap().await, Ok(11));
        p.close().await.unwrap();
    };
    block_on(join(driver, using));
    assert_eq!(seen.get(), 10);
}

#[test]
fn a_join_of_what_came_before_is_waited_for() {
    let (earlier, is_past) = (RefCell::new(None::<Join<u32, u32, (), _, ()>>), Cell::new(false));
    let (p, driver) = Processor::new(two(), async |n: u32| {
        if n == 0 {
            one_turn().await;
        } else {
            earlier.take().unwrap().await.unwrap();
            is_past.set(true);
        }
        Ok(n)
    });
    let using = async {
        drop(p.enqueue(0).await.unwrap());
        earlier.replace(Some(p.join()));
        assert_eq!(p.enqueue(1).await.unwrap().await, Ok(1));
        p.close().await.unwrap();
    };
    block_on(join(driver, using));
    assert!(is_past.get());
}

#[test]
fn a_task_that_a_handler_spawned_may_wait() {
    let mut pool = LocalPool::new();
    let (spawner, handle) = (pool.spawner(), OnceCell::<Processor<(), (), ()>>::new());
    let (handle, joined) = (Rc::new(handle), Rc::new(Cell::new(false)));
    let (p, driver) = Processor::new(two(), {
        let (handle, joined) = (handle.clone(), joined.clone());
        move |()| {
            let (p, joined) = (handle.get().unwrap().clone(), joined.clone());
            let task = async move { joined.set(p.join().await == Ok(())) };
            spawner.spawn_local(task).unwrap();
            async {
                one_turn().await;
                Ok(())
            }
        }
    });
    assert!(handle.set(p.clone()).is_ok());
    pool.spawner().spawn_local(driver).unwrap();
    let ticket = p.try_enqueue(()).unwrap();
    assert_eq!(pool.run_until(ticket), Ok(()));
    pool.run_until_stalled();
    assert!(joined.get());
    drop(pool.run_until(p.abort()));
}

#[test]
fn an_inner_processor_is_another_one_and_the_outer_is_known_within_it() {
    let handle = OnceCell::<Processor<u32, u32, ()>>::new();
    let (p, driver) = Processor::new(two(), async |n: u32| {
        let (inner, driver) = Processor::new(two(), async |n: u32| {
            one_turn().await;
            assert_eq!(handle.get().unwrap().join().await, Err(JoinError::Deadlock));
            Ok::<_, ()>(n + 1)
        });
        let work = async {
            let ticket = inner.enqueue(n).await.unwrap();
            inner.join().await.unwrap();
            inner.close().await.unwrap();
            ticket.await.map_err(|_| ())
        };
        join(driver, work).await.1
    });
    assert!(handle.set(p.clone()).is_ok());
    let using = async {
        assert_eq!(p.enqueue(1).await.unwrap().await, Ok(2));
        p.close().await.unwrap();
    };
    block_on(join(driver, using));
}

#[test]
fn inside_on_result() {
    let (handle, tickets) = (OnceCell::<Processor<u32, u32, ()>>::new(), RefCell::new(Vec::new()));
    let seen = Cell::new(0);
    let (p, driver) = Processor::builder(async |n: u32| Ok(n))
        .on_result_async(async |result| {
            if *result != Ok(0) {
                return;
            }
            let p = handle.get().unwrap();
            assert_eq!(p.join().await, Err(JoinError::Deadlock));
            for _ in 0..2 {
                let ticket: Ticket<u32, ()> = tickets.borrow_mut().remove(0);
                assert!(is_deadlock(ticket.await));
            }
            assert!(is_deadlock(p.enqueue(7).await.unwrap().await));
            assert!(matches!(p.close().await, Err(CloseError::Deadlock)));
            seen.set(seen.get() + 1);
        })
        .build();
    assert!(handle.set(p.clone()).is_ok());
    tickets.replace(vec![p.try_enqueue(0).unwrap(), p.try_enqueue(1).unwrap()]);
    block_on(driver);
    assert_eq!((seen.get(), p.stats().ok), (1, 3));
}

/// What becomes of the offers that handlers make, each of an item that its own item names, by the order of their answers.
fn spread(options: Options, items: &[u32], may_offer: fn(u32) -> bool) -> (Vec<(u32, bool)>, u64) {
    let (handle, answers) = (OnceCell::<Processor<u32, (), ()>>::new(), RefCell::new(Vec::new()));
    let (p, driver) = Processor::new(options, async |n: u32| {
        if may_offer(n) {
            let answer = handle.get().unwrap().enqueue(n + 100).await;
            let kind = answer.err().map(|refused| (refused.item, refused.kind));
            assert!(matches!(kind, None | Some((_, RefusedKind::Deadlock))));
            assert!(kind.is_none_or(|(item, _)| item == n + 100), "the item comes back");
            answers.borrow_mut().push((n, kind.is_none()));
        } else if n < 100 {
            for _ in 0..20 {
                one_turn().await;
            }
        }
        Ok(())
    });
    assert!(handle.set(p.clone()).is_ok());
    let using = async {
        for item in items {
            drop(p.try_enqueue(*item).unwrap());
        }
        p.join().await.unwrap();
        p.close().await.unwrap();
    };
    block_on(join(driver, using));
    (answers.into_inner(), p.stats().accepted)
}

#[test]
fn of_handlers_that_all_wait_for_room_the_one_that_waited_longest_is_told() {
    // that gives the room for which the other waited
    let options = two().capacity(2);
    assert_eq!(spread(options, &[0, 1], |n| n < 100), (vec![(0, false), (1, true)], 3));
    assert_eq!(spread(Options::new().capacity(1), &[0], |n| n < 100), (vec![(0, false)], 1));
}

#[test]
fn nobody_is_told_while_another_can_make_room() {
    assert_eq!(spread(two().capacity(2), &[0, 1], |n| n == 1), (vec![(1, true)], 3));
    let queued = two().capacity(3).ordered(false);
    assert_eq!(spread(queued, &[0, 1, 2], |n| n == 1), (vec![(1, true)], 4));
}

#[test]
fn an_offer_that_was_made_outside_is_not_told() {
    let handle = OnceCell::<Processor<u32, (), ()>>::new();
    let (p, driver) = Processor::new(Options::new().capacity(1), async |n: u32| {
        one_turn().await;
        if n == 0 {
            let refused = handle.get().unwrap().enqueue(9).await.unwrap_err();
            assert_eq!((refused.item, refused.kind), (9, RefusedKind::Deadlock));
        }
        Ok(())
    });
    assert!(handle.set(p.clone()).is_ok());
    let using = async {
        drop(p.try_enqueue(0).unwrap());
        // waits longer than the one that is made inside
        assert_eq!(p.enqueue(1).await.unwrap().await, Ok(()));
        p.close().await.unwrap();
    };
    block_on(join(driver, using));
    assert_eq!(p.stats().accepted, 2);
}

#[test]
fn an_offer_that_was_given_up_is_forgotten() {
    let handle = OnceCell::<Processor<u32, (), ()>>::new();
    let (p, driver) = Processor::new(two().capacity(2), async |n: u32| {
        let mut offer = Box::pin(handle.get().unwrap().enqueue(n + 100));
        if n == 0 {
            assert!(poll_fn(|cx| Poll::Ready(offer.as_mut().poll(cx).is_pending())).await);
        }
        drop(offer);
        for _ in 0..5 {
            one_turn().await;
        }
        if n == 1 {
            // the other runs, and waits for nothing any more
            drop(handle.get().unwrap().enqueue(n + 100).await.unwrap());
        }
        Ok(())
    });
    assert!(handle.set(p.clone()).is_ok());
    let tickets = [p.try_enqueue(0).unwrap(), p.try_enqueue(1).unwrap()];
    let using = async {
        for ticket in tickets {
            ticket.await.unwrap();
        }
        drop(p.abort().await);
    };
    block_on(join(driver, using));
}

#[test]
fn an_offer_that_outlives_its_attempt_does_not_count_for_the_next_one() {
    let handle = OnceCell::<Processor<u32, (), (), Infallible, (), Hasty>>::new();
    let (attempts, outlives) = (Cell::new(0), RefCell::new(None));
    let (p, driver) = Processor::builder(async |n: u32| match n {
        0 if attempts.replace(1) == 0 => {
            let mut offer = Box::pin(handle.get().unwrap().enqueue(100));
            assert!(poll_fn(|cx| Poll::Ready(offer.as_mut().poll(cx).is_pending())).await);
            outlives.replace(Some(offer));
            Err(())
        }
        0 => {
            for _ in 0..20 {
                one_turn().await;
            }
            Ok(())
        }
        1 => {
            for _ in 0..5 {
                one_turn().await;
            }
            assert_eq!(attempts.get(), 1, "the other one is tried again");
            drop(handle.get().unwrap().enqueue(101).await.expect("the other one makes room"));
            Ok(())
        }
        _ => Ok(()),
    })
    .options(two().capacity(2).ordered(false))
    .clock(Hasty::default())
    .retry(Retry::new(2), u32::clone)
    .build();
    assert!(handle.set(p.clone()).is_ok());
    let using = async {
        drop([p.try_enqueue(0).unwrap(), p.try_enqueue(1).unwrap()]);
        p.join().await.unwrap();
        let offer = outlives.take().unwrap();
        drop(offer.await.expect("nobody refused it"));
        p.close().await.unwrap();
    };
    block_on(join(driver, using));
    assert_eq!((p.stats().ok, p.stats().retried), (4, 1));
}

#[test]
fn on_result_of_a_full_processor_is_told_that_it_waits_for_room() {
    let (handle, seen) = (OnceCell::<Processor<u32, u32, ()>>::new(), Cell::new(0));
    let (p, driver) = Processor::builder(async |n: u32| Ok(n))
        .options(Options::new().capacity(1))
        .on_result_async(async |_| {
            let refused = handle.get().unwrap().enqueue(8).await.unwrap_err();
            assert_eq!(refused.kind, RefusedKind::Deadlock);
            seen.set(seen.get() + 1);
        })
        .build();
    assert!(handle.set(p.clone()).is_ok());
    let using = async {
        assert_eq!(p.enqueue(0).await.unwrap().await, Ok(0));
        p.close().await.unwrap();
    };
    block_on(join(driver, using));
    assert_eq!(seen.get(), 1);
}

#[test]
fn a_loop_over_the_results_can_make_room() {
    let handle = OnceCell::<Processor<u32, u32, ()>>::new();
    let (p, driver) = Processor::new(two().capacity(2).ordered(false), async |n: u32| {
        if n == 0 {
            drop(handle.get().unwrap().enqueue(2).await.unwrap());
        }
        Ok(n)
    });
    assert!(handle.set(p.clone()).is_ok());
    let using = async {
        let mut results = p.results().unwrap();
        assert!(results.next().now_or_never().is_none());
        drop([p.try_enqueue(0).unwrap(), p.try_enqueue(1).unwrap()]);
        assert_eq!(results.next().await, Some(Ok(1)));
        for _ in 0..5 {
            one_turn().await;
        }
        assert_eq!(p.stats().running, 1, "it waits");
        assert_eq!(results.next().await, Some(Ok(0)));
        assert_eq!(results.next().await, Some(Ok(2)));
        drop(results);
        p.close().await.unwrap();
    };
    block_on(join(driver, using));
}
