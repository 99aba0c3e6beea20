//! Processors: what the scenarios cannot show.
#![cfg(feature = "futures")]

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread;

use futures::channel::oneshot;
use futures::executor::block_on;
use futures::future::{FutureExt, join};
use futures::stream::{FusedStream, StreamExt};
use futures::task::noop_waker_ref;
use inorder::{FailureKind, OnFailure, Options, Processor, RefusedKind, Ticket};

/// Polls once.
fn poll<F: Future + Unpin + ?Sized>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(noop_waker_ref()))
}

/// What is there without waiting.
fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("it is ready")
}

fn closed<R, E>(ticket: Ticket<R, E>) -> bool {
    matches!(now(ticket).err().expect("a failure").kind, FailureKind::Closed)
}

#[test]
fn handles_on_threads_and_a_driver_on_another_lose_nothing() {
    const THREADS: usize = 4;
    const EACH: usize = 500;
    let running = [const { AtomicUsize::new(0) }; 8];
    let next = Mutex::new(vec![0; THREADS]);
    let (processor, driver) = Processor::builder(async |(thread, n): (usize, usize)| {
        let lane = (thread + n) % 8;
        assert_eq!(running[lane].fetch_add(1, Ordering::SeqCst), 0, "two of a key at once");
        let mut turns = n % 3;
        poll_fn(|cx| {
            cx.waker().wake_by_ref();
            turns = turns.wrapping_sub(1);
            if turns < 3 { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        running[lane].fetch_sub(1, Ordering::SeqCst);
        if n % 10 == 9 { Err(n) } else { Ok((thread, n)) }
    })
    .options(Options::new().concurrency(6).capacity(16))
    .key(|(thread, n)| (thread + n) % 8)
    .on_result(|result| {
        let Ok((thread, n)) = result else { return };
        let mut next = next.lock().unwrap();
        assert!(next[*thread] <= *n, "out of order");
        next[*thread] = n + 1;
    })
    .build();
    let settled = AtomicUsize::new(0);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (processor, settled) = (processor.clone(), &settled);
            scope.spawn(move || {
                let mut tickets = Vec::new();
                for n in 0..EACH {
                    tickets
                        .push((n, block_on(processor.enqueue((thread, n))).expect("it is open")));
                }
                for (n, ticket) in tickets {
                    match block_on(ticket) {
                        Ok(result) => assert_eq!(result, (thread, n)),
                        Err(failure) => assert_eq!(failure.error(), Some(&n)),
                    }
                    settled.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let stats = processor.clone();
        drop(processor);
        scope.spawn(|| block_on(driver));
        block_on(async {
            while settled.load(Ordering::SeqCst) < THREADS * EACH {
                drop(stats.join().await);
                thread::yield_now();
            }
            let report = stats.close().await.expect("nothing stopped it");
            assert_eq!(report.released as usize, THREADS * EACH);
        });
    });
}

#[test]
fn a_dropped_driver_aborts() {
    let alive = Rc::new(());
    let handler = |_: u32| {
        let alive = Rc::clone(&alive);
        async move {
            pending::<()>().await;
            drop(alive);
            Ok::<_, Infallible>(())
        }
    };
    let (processor, mut driver) =
        Processor::new(Options::new().concurrency(2).capacity(3), handler);
    let tickets: Vec<_> = (0..3).map(|n| processor.try_enqueue(n).unwrap()).collect();
    let mut waiting = processor.enqueue(3);
    assert!(poll(&mut waiting).is_pending());
    assert!(poll(&mut Box::pin(&mut driver)).is_pending());
    assert_eq!(Rc::strong_count(&alive), 3);
    drop(driver);
    assert_eq!(Rc::strong_count(&alive), 1, "no handler is left");
    assert!(tickets.into_iter().all(closed));
    assert_eq!(now(waiting).unwrap_err().kind, RefusedKind::Closed);
    let refused = processor.try_enqueue(4).unwrap_err();
    assert_eq!((refused.kind, refused.item), (RefusedKind::Closed, 4));
    let report = now(processor.close()).unwrap();
    assert_eq!(
        (&report.unfinished[..], &report.never_started[..]),
        (&[(0, ()), (1, ())][..], &[(2, 2)][..])
    );
    now(processor.join()).unwrap();
}

#[test]
fn a_driver_that_was_never_polled_aborts_too() {
    let (processor, driver) =
        Processor::new(Options::new(), async |_: u32| Ok::<_, Infallible>(()));
    let ticket = processor.try_enqueue(7).unwrap();
    drop(driver);
    assert!(closed(ticket));
    assert_eq!(now(processor.close()).unwrap().never_started, [(0, 7)]);
}

#[test]
fn the_last_handle_closes() {
    let (processor, driver) = Processor::new(Options::new(), async |n: u32| Ok::<_, Infallible>(n));
    let mut driver = Box::pin(driver);
    let other = processor.clone();
    let ticket = other.try_enqueue(1).unwrap();
    drop(processor);
    assert!(poll(&mut driver).is_pending());
    assert_eq!(now(ticket), Ok(1));
    let last = other.try_enqueue(2).unwrap();
    drop(other);
    assert!(poll(&mut driver).is_ready(), "it drains and ends");
    assert_eq!(now(last), Ok(2));
    assert!(poll(&mut driver).is_ready());
}

#[test]
fn an_idle_processor_closes_without_its_driver() {
    let (processor, driver) = Processor::new(Options::new(), async |n: u32| Ok::<_, Infallible>(n));
    assert_eq!(now(processor.close()).unwrap().released, 0);
    assert!(poll(&mut Box::pin(driver)).is_ready());
}

#[test]
fn a_dropped_ticket_changes_nothing_and_keeps_nothing() {
    let seen = Cell::new(0);
    let (processor, driver) = Processor::new(Options::new(), async |item: Arc<u32>| {
        seen.set(seen.get() + 1);
        Ok::<_, Infallible>(item)
    });
    let item = Arc::new(1);
    drop(processor.try_enqueue(Arc::clone(&item)).unwrap());
    let held = processor.try_enqueue(Arc::clone(&item)).unwrap();
    assert!(poll(&mut Box::pin(driver)).is_pending());
    assert_eq!((seen.get(), held.is_done()), (2, true));
    assert_eq!(Arc::strong_count(&item), 2, "the result is in the ticket that is held");
    drop(held);
    assert_eq!(Arc::strong_count(&item), 1);
}

/// Every item, result and error is counted by clones of one `Arc`.
#[test]
fn nothing_is_kept_after_failures_cancellation_and_closing() {
    type Result = std::result::Result<Arc<()>, Arc<()>>;
    for policy in [OnFailure::Emit, OnFailure::Fail] {
        for is_ordered in [true, false] {
            let count = Arc::new(());
            let options =
                Options::new().concurrency(3).capacity(8).ordered(is_ordered).on_failure(policy);
            let handler = async |(n, item): (u32, Arc<()>)| -> Result {
                match n {
                    0 => pending().await,
                    2 => Err(item),
                    _ => Ok(item),
                }
            };
            let (processor, driver) = Processor::builder(handler)
                .options(options)
                .keep_items(Clone::clone)
                .key(|(_, item)| Arc::clone(item))
                .build();
            let mut driver = Box::pin(driver);
            let mut tickets: Vec<_> =
                (0..8).map(|n| processor.try_enqueue((n, Arc::clone(&count))).unwrap()).collect();
            let mut waiting = processor.enqueue((8, Arc::clone(&count)));
            assert!(poll(&mut waiting).is_pending());
            assert!(tickets[7].cancel());
            let _ = poll(&mut driver);
            assert!(tickets[0].cancel());
            let _ = poll(&mut driver);
            tickets.truncate(4);
            drop(waiting);
            let report = now(join(processor.abort(), &mut driver)).0;
            drop((tickets, report, processor, driver));
            assert_eq!(Arc::strong_count(&count), 1, "{policy:?} ordered={is_ordered}");
        }
    }
}

#[test]
fn a_handler_may_use_its_own_processor() {
    let shared = RefCell::<Option<Processor<u32, u32, Infallible>>>::default();
    let (processor, driver) = Processor::new(Options::new().concurrency(2), async |n: u32| {
        if n > 0 {
            let processor = shared.borrow().as_ref().expect("it is there").clone();
            drop(processor.enqueue(n - 1).await.expect("it is open"));
            assert!(processor.stats().accepted > 0 && processor.why_blocked().is_some());
        }
        Ok(n)
    });
    let ticket = processor.try_enqueue(5).unwrap();
    *shared.borrow_mut() = Some(processor.clone());
    assert!(poll(&mut Box::pin(driver)).is_pending());
    assert_eq!((now(ticket), processor.stats().released), (Ok(5), 6));
}

#[test]
fn a_destructor_may_use_its_processor() {
    struct Item(u32, Processor<Item, (), ()>);

    impl Drop for Item {
        fn drop(&mut self) {
            if self.0 > 0 {
                drop(self.1.try_enqueue(Self(self.0 - 1, self.1.clone())));
            }
        }
    }

    let (processor, driver) =
        Processor::new(
            Options::new().capacity(64),
            async |item: Item| {
                if item.0 % 2 == 0 { Err(()) } else { Ok(()) }
            },
        );
    let mut driver = Box::pin(driver);
    let first = processor.try_enqueue(Item(9, processor.clone())).unwrap();
    let second = processor.try_enqueue(Item(3, processor.clone())).unwrap();
    assert!(second.cancel(), "its payload is dropped while the events are drained");
    assert!(poll(&mut driver).is_pending());
    assert!(now(first).is_ok());
    assert!(processor.stats().accepted > 5);
    drop(processor.try_enqueue(Item(7, processor.clone())));
    drop(processor.abort());
    assert!(poll(&mut driver).is_ready());
}

#[test]
fn what_is_cancelled_between_its_start_and_its_call_is_never_called() {
    let tickets = RefCell::<Vec<Ticket<u32, Infallible>>>::default();
    let called = RefCell::<Vec<u32>>::default();
    let (processor, driver) = Processor::new(Options::new().concurrency(3), async |n: u32| {
        called.borrow_mut().push(n);
        if n == 0 {
            assert!(tickets.borrow()[1].cancel());
            assert!(tickets.borrow()[0].cancel(), "itself, too");
        }
        Ok(n)
    });
    tickets.borrow_mut().extend((0..3).map(|n| processor.try_enqueue(n).unwrap()));
    assert_eq!(processor.stats().running, 3);
    assert!(poll(&mut Box::pin(driver)).is_pending());
    assert_eq!(*called.borrow(), [0, 2]);
    let kinds: Vec<_> =
        tickets.take().into_iter().map(|ticket| now(ticket).map_err(|f| f.kind)).collect();
    assert!(matches!(
        &kinds[..],
        [Err(FailureKind::Cancelled), Err(FailureKind::Cancelled), Ok(2)]
    ));
    assert_eq!(processor.stats().stale, 0);
}

#[test]
fn what_was_stopped_before_its_call_waits_for_its_turn_and_is_still_not_called() {
    let tickets = RefCell::<Vec<Ticket<u32, Infallible>>>::default();
    let called = RefCell::<Vec<u32>>::default();
    let (processor, driver) = Processor::new(Options::new().concurrency(4), async |n: u32| {
        called.borrow_mut().push(n);
        match n {
            0 => pending().await,
            1 => assert!(tickets.borrow()[2].cancel()),
            _ => {}
        }
        Ok(n)
    });
    tickets.borrow_mut().extend((0..4).map(|n| processor.try_enqueue(n).unwrap()));
    let mut driver = Box::pin(driver);
    assert!(poll(&mut driver).is_pending());
    assert!(poll(&mut driver).is_pending());
    assert_eq!(*called.borrow(), [0, 1, 3]);
    assert!(!tickets.borrow()[2].is_done(), "the first is not done");
    assert_eq!((processor.stats().running, processor.stats().held), (1, 3));
}

#[test]
fn a_cancelled_item_does_not_take_the_next_one_in_its_place_with_it() {
    let options = Options::new().ordered(false);
    let (processor, driver) = Processor::new(options, async |n: u32| {
        if n == 0 {
            pending::<()>().await;
        }
        Ok::<_, Infallible>(n)
    });
    let mut driver = Box::pin(driver);
    let tickets = [0, 1].map(|n| processor.try_enqueue(n).unwrap());
    assert!(poll(&mut driver).is_pending());
    // it leaves at once, and the next one is accepted in its slot before the driver has its turn
    assert!(tickets[1].cancel());
    let next = processor.try_enqueue(2).unwrap();
    let [first, second] = tickets;
    assert!(matches!(now(second).unwrap_err().kind, FailureKind::Cancelled));
    assert!(!next.is_done());
    assert!(first.cancel());
    assert!(poll(&mut driver).is_pending());
    assert_eq!(now(next), Ok(2));
}

#[test]
fn what_is_in_the_hands_of_on_result_at_an_abort_goes_to_its_ticket() {
    for policy in [OnFailure::Emit, OnFailure::Fail] {
        let (processor, driver) = Processor::builder(async |n: u32| Ok::<_, Infallible>(n))
            .options(Options::new().on_failure(policy))
            .on_result_async(async |_| pending::<()>().await)
            .build();
        let ticket = processor.try_enqueue(7).unwrap();
        let mut driver = Box::pin(driver);
        assert!(poll(&mut driver).is_pending());
        let closing = processor.abort();
        assert!(poll(&mut driver).is_ready());
        assert_eq!(now(closing).unwrap().released, 0);
        match policy {
            OnFailure::Fail => assert!(closed(ticket)),
            OnFailure::Emit | _ => assert_eq!(now(ticket), Ok(7)),
        }
    }
}

#[test]
fn a_failure_that_stops_the_processor_is_no_result() {
    let seen = RefCell::<Vec<u32>>::default();
    let handler = async |n: u32| if n == 1 { Err("boom") } else { Ok(n) };
    let options = || Options::new().on_failure(OnFailure::Fail);
    let (processor, driver) = Processor::builder(handler)
        .options(options())
        .on_result(|result| seen.borrow_mut().push(*result.as_ref().expect("a result")))
        .build();
    let _tickets = [0, 1, 2].map(|n| processor.try_enqueue(n).unwrap());
    let mut driver = Box::pin(driver);
    assert!(poll(&mut driver).is_pending());
    assert_eq!(*seen.borrow(), [0]);
    assert_eq!(now(processor.join()).unwrap_err().stop().unwrap().error(), Some(&"boom"));

    // an iteration raises it, and is over
    let (processor, driver) = Processor::new(options(), handler);
    let mut results = processor.results().expect("the only one");
    assert!(poll(&mut results.next()).is_pending());
    let _tickets = [0, 1, 2].map(|n| processor.try_enqueue(n).unwrap());
    let mut driver = Box::pin(driver);
    assert!(poll(&mut driver).is_pending());
    assert_eq!(now(results.next()), Some(Ok(0)));
    let failure = now(results.next()).unwrap().unwrap_err();
    assert_eq!((failure.seq, failure.error()), (1, Some(&"boom")));
    assert!(results.is_terminated());
    assert_eq!(now(results.next()), None);
}

#[test]
fn a_handler_may_abort() {
    let shared = RefCell::<Option<Processor<u32, (), Infallible>>>::default();
    let (processor, driver) = Processor::new(Options::new().concurrency(2), async |_: u32| {
        drop(shared.borrow().as_ref().expect("it is there").abort());
        Ok(())
    });
    let tickets: Vec<_> = (0..3).map(|n| processor.try_enqueue(n).unwrap()).collect();
    *shared.borrow_mut() = Some(processor.clone());
    assert!(poll(&mut Box::pin(driver)).is_ready());
    assert!(tickets.into_iter().all(closed));
    let report = now(processor.close()).unwrap();
    assert_eq!(report.unfinished, [(0, ())]);
    assert_eq!(
        report.never_started,
        [(1, 1), (2, 2)],
        "the second had its turn and was never called"
    );
}

#[test]
fn handlers_that_are_ready_at_once_leave_others_their_turn() {
    let shared = RefCell::<Option<Processor<u32, u32, Infallible>>>::default();
    let (processor, driver) = Processor::new(Options::new(), async |n: u32| {
        drop(shared.borrow().as_ref().expect("it is there").try_enqueue(n + 1));
        Ok(n)
    });
    *shared.borrow_mut() = Some(processor.clone());
    drop(processor.try_enqueue(0));
    let mut driver = Box::pin(driver);
    assert!(poll(&mut driver).is_pending(), "although there is always one more");
    let before = processor.stats().released;
    assert!(poll(&mut driver).is_pending());
    assert!(before > 0 && processor.stats().released > before);
}

#[test]
fn an_error_of_on_result_is_what_stopped_the_processor() {
    let (processor, driver) = Processor::builder(async |n: u32| Ok::<_, &str>(n))
        .on_result(|result| if result.as_ref() == Ok(&1) { Err("full disk") } else { Ok(()) })
        .build();
    let tickets: Vec<_> = (0..3).map(|n| processor.try_enqueue(n).unwrap()).collect();
    assert!(poll(&mut Box::pin(driver)).is_pending());
    let mut failures = tickets.into_iter().map(now);
    assert_eq!(failures.next().unwrap(), Ok(0));
    let failure = failures.next().unwrap().unwrap_err();
    assert!(matches!(&failure.kind, FailureKind::Stopped(error) if **error == "full disk"));
    let failure = failures.next().unwrap().unwrap_err();
    assert!(matches!(failure.kind, FailureKind::Closed));
    assert_eq!(failure.cause().map(|stop| (stop.seq, stop.error())), Some((1, Some(&"full disk"))));
    assert_eq!(now(processor.join()).unwrap_err().stop().unwrap().error(), Some(&"full disk"));
    let refused = processor.try_enqueue(3).unwrap_err();
    assert_eq!(refused.cause().map(|stop| stop.seq), Some(1));
    let error = now(processor.close()).unwrap_err();
    assert_eq!((error.stop().unwrap().seq, error.report().unwrap().released), (1, 2));
}

#[test]
fn what_is_closed_by_a_failure_that_is_still_inside_knows_its_cause() {
    let (sender, receiver) = oneshot::channel::<()>();
    let mut receiver = Some(receiver);
    let (processor, driver) =
        Processor::new(Options::new().concurrency(2).on_failure(OnFailure::Fail), move |n: u32| {
            let receiver = if n == 0 { receiver.take() } else { None };
            async move {
                match receiver {
                    Some(receiver) => receiver.await.map_err(|_| "gone"),
                    None => Err("boom"),
                }
            }
        });
    let tickets: Vec<_> = (0..3).map(|n| processor.try_enqueue(n).unwrap()).collect();
    let mut driver = Box::pin(driver);
    assert!(poll(&mut driver).is_pending());
    assert!(!tickets[1].is_done(), "the one before it is not done");
    let failure = now(processor.enqueue(3)).unwrap_err();
    assert_eq!(failure.cause().map(|stop| (stop.seq, stop.error())), Some((1, Some(&"boom"))));
    let mut tickets = tickets.into_iter();
    let (first, second, third) =
        (tickets.next().unwrap(), tickets.next().unwrap(), tickets.next().unwrap());
    assert_eq!(now(third).unwrap_err().cause().map(|stop| stop.seq), Some(1));
    sender.send(()).unwrap();
    assert!(poll(&mut driver).is_pending());
    assert_eq!(now(first), Ok(()));
    assert_eq!(now(second).unwrap_err().error(), Some(&"boom"));
}

#[test]
fn kept_items_are_in_failures_and_in_the_report() {
    let (processor, driver) = Processor::builder(async |name: String| match &*name {
        "fails" => Err(name.len()),
        _ => pending().await,
    })
    .options(Options::new().concurrency(2))
    .keep_items(String::clone)
    .build();
    let processor: Processor<_, (), _, _, String> = processor;
    let tickets = ["fails", "runs", "is cancelled", "runs too", "waits"];
    let tickets = tickets.map(|name| processor.try_enqueue(name.to_owned()).unwrap());
    let mut driver = Box::pin(driver);
    assert!(tickets[2].cancel());
    assert!(poll(&mut driver).is_pending());
    let closing = processor.abort();
    assert!(poll(&mut driver).is_ready());
    let items: Vec<_> = tickets.into_iter().map(|ticket| now(ticket).unwrap_err().item).collect();
    assert_eq!(items, ["fails", "runs", "is cancelled", "runs too", "waits"]);
    let report = now(closing).unwrap();
    assert_eq!(report.unfinished, [(1, "runs".to_owned()), (3, "runs too".to_owned())]);
    assert_eq!(report.never_started, [(4, "waits".to_owned())]);
}

#[test]
fn an_offer_that_was_given_up_leaves_its_place_to_the_next() {
    let (processor, driver) =
        Processor::new(Options::new().capacity(1), async |n: u32| Ok::<_, Infallible>(n));
    let mut driver = Box::pin(driver);
    drop(processor.try_enqueue(0));
    let mut offers: Vec<_> = (1..4).map(|n| processor.enqueue(n)).collect();
    assert!(offers.iter_mut().all(|offer| poll(offer).is_pending()));
    drop(offers.remove(0));
    assert_eq!(processor.try_enqueue(9).unwrap_err().kind, RefusedKind::Full);
    assert!(poll(&mut driver).is_pending());
    let seqs: Vec<_> = offers.into_iter().map(|offer| now(offer).unwrap().seq()).collect();
    assert_eq!(seqs, [1, 2]);
}

#[test]
fn numbers_are_given_where_the_processor_is_sequenced_and_nowhere_else() {
    let handler = async |n: u64| Ok::<_, Infallible>(n);
    let (plain, _driver) = Processor::new(Options::new(), handler);
    assert_eq!(plain.try_enqueue_at(0, 0).unwrap_err().kind, RefusedKind::Numbering);
    let (sequenced, driver) = Processor::builder(handler).sequenced(5).build();
    assert_eq!(sequenced.try_enqueue(0).unwrap_err().kind, RefusedKind::Numbering);
    let six = sequenced.try_enqueue_at(6, 60).unwrap();
    let mut driver = Box::pin(driver);
    assert!(poll(&mut driver).is_pending());
    assert!(!six.is_done());
    let five = sequenced.try_enqueue_at(5, 50).unwrap();
    assert!(poll(&mut driver).is_pending());
    assert_eq!((now(five), now(six)), (Ok(50), Ok(60)));
}

#[test]
fn an_iteration_clones_only_for_a_ticket_that_is_held() {
    #[derive(Debug)]
    struct Counted(Rc<Cell<u32>>);

    impl Clone for Counted {
        fn clone(&self) -> Self {
            self.0.set(self.0.get() + 1);
            Self(Rc::clone(&self.0))
        }
    }

    let clones = Rc::<Cell<u32>>::default();
    let (processor, driver) = Processor::new(Options::new(), async |count: Rc<Cell<u32>>| {
        Ok::<_, Infallible>(Counted(count))
    });
    let mut driver = Box::pin(driver);
    let mut results = processor.results().expect("the only one");
    assert!(processor.results().is_none());
    assert!(poll(&mut results.next()).is_pending());
    drop(processor.try_enqueue(Rc::clone(&clones)));
    let held = processor.try_enqueue(Rc::clone(&clones)).unwrap();
    assert!(poll(&mut driver).is_pending());
    assert!(now(results.next()).is_some());
    assert_eq!(clones.get(), 0);
    assert!(now(results.next()).is_some());
    assert_eq!((clones.get(), held.is_done()), (1, true));
    assert_eq!(processor.stats().in_flight, 1, "the last one is lent");
    drop(results);
    assert_eq!(processor.stats().in_flight, 0);
    assert!(processor.results().is_some());
}

#[test]
fn an_iteration_does_not_keep_its_processor_open() {
    let (processor, driver) = Processor::new(Options::new(), async |n: u32| Ok::<_, Infallible>(n));
    let results = processor.results().expect("the only one");
    let work = async move {
        for n in 0..5 {
            drop(processor.enqueue(n).await.unwrap());
        }
    };
    let seen = results.map(Result::unwrap).collect::<Vec<_>>();
    let (seen, ()) = block_on(join(seen, join(driver, work).map(|_| ())));
    assert_eq!(seen, [0, 1, 2, 3, 4]);
}

#[test]
fn a_driver_is_send_where_its_parts_are() {
    fn assert_send<T: Send>(_: &T) {}
    fn assert_sync<T: Sync>(_: &T) {}
    let (processor, driver) = Processor::builder(async |n: u32| Ok::<_, Infallible>(n))
        .key(|n| *n)
        .keep_items(u32::clone)
        .on_result(|_| ())
        .build();
    assert_send(&driver);
    assert_send(&processor);
    assert_sync(&processor);
    let ticket = processor.try_enqueue(1).unwrap();
    assert_send(&ticket);
    assert_send(&processor.enqueue(2));
    assert_send(&processor.join());
    assert_send(&processor.close());
}
