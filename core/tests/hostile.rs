//! Code of the user's that panics, comes back or is dropped at a bad moment, and iterations at their end.
#![cfg(feature = "futures")]

#[path = "common/counted.rs"]
mod counted;
#[path = "common/polled.rs"]
mod polled;
#[path = "common/within.rs"]
mod within;

use std::convert::Infallible;
use std::future::pending;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::task::{Poll, Wake, Waker};

use futures::channel::oneshot;
use futures::future::FutureExt;
use futures::stream::{self, StreamExt};
use inorder::{FailureKind, InOrderExt, Options, Processor};

use counted::{counter, poll_with};
use polled::{panics, poll};
use within::within;

#[test]
fn a_panic_after_a_result_was_lent_loses_nothing() {
    let (t0, r0) = oneshot::channel::<()>();
    let (t1, r1) = oneshot::channel::<()>();
    let mut rs = vec![Some(r0), Some(r1)].into_iter();
    let mut s = stream::iter(0..4).in_order_map(Options::new().concurrency(2), move |n| {
        let r = rs.next().flatten();
        assert!(n != 3, "boom");
        async move {
            if let Some(r) = r {
                r.await.unwrap();
            } else {
                pending::<()>().await;
            }
            n
        }
    });
    assert!(poll(&mut s.next()).is_pending());
    t0.send(()).unwrap();
    t1.send(()).unwrap();
    assert!(panics(|| poll(&mut s.next())));
    assert_eq!(poll(&mut s.next()), Poll::Ready(Some(0)));
    assert_eq!(poll(&mut s.next()), Poll::Ready(Some(1)));
}

#[test]
fn an_iteration_is_woken_at_the_end_after_a_cancellation() {
    let (p, mut d) = {
        let (p, d) = Processor::new(Options::new(), async |n: u32| Ok::<_, ()>(n));
        (p, Box::pin(d))
    };
    let mut results = p.results().unwrap();
    let t = p.try_enqueue(1).unwrap();
    let (count, w) = counter();
    assert!(poll_with(&mut results.next(), &w).is_pending());
    let _c = p.close();
    assert!(t.cancel());
    let before = count.get();
    assert!(poll(&mut d).is_ready());
    assert!(count.get() > before, "the consumer sleeps for ever");
}

#[test]
fn the_driver_ends_when_an_iteration_takes_the_last() {
    within(|| {
        let (p, d) = Processor::new(Options::new(), async |n: u32| Ok::<_, ()>(n));
        let kept = p.clone();
        let work = async move {
            let mut results = p.results().unwrap();
            drop(p.enqueue(1).await.unwrap());
            let close = p.close();
            while results.next().await.is_some() {}
            close.await.unwrap();
        };
        // FuturesUnordered polls only what was woken
        let mut all = stream::FuturesUnordered::<Pin<Box<dyn Future<Output = ()>>>>::new();
        all.push(Box::pin(d));
        all.push(Box::pin(work));
        futures::executor::block_on(async { while all.next().await.is_some() {} });
        drop(kept);
    });
}

#[test]
fn one_poll_of_the_driver_is_bounded() {
    let slot: Arc<OnceLock<Processor<u32, u32, ()>>> = Arc::default();
    let begun = Arc::new(AtomicUsize::new(0));
    let (b, s) = (Arc::clone(&begun), Arc::clone(&slot));
    let (p, d) = Processor::builder(move |n: u32| {
        b.fetch_add(1, SeqCst);
        async move { Ok::<_, ()>(n) }
    })
    .options(Options::new().capacity(2))
    .on_result(move |r| {
        let n = *r.as_ref().unwrap();
        // it would go on for ever
        if n < 100_000 {
            drop(s.get().unwrap().try_enqueue(n + 1).unwrap());
        }
    })
    .build();
    drop(p.try_enqueue(0).unwrap());
    slot.set(p).ok().unwrap();
    let mut d = Box::pin(d);
    assert!(poll(&mut d).is_pending());
    let n = begun.load(SeqCst);
    assert!(n <= 1024, "{n} handlers in one poll");
}

#[test]
fn no_lock_is_held_over_the_drop_of_a_waker() {
    struct Task(Processor<u32, u32, ()>);
    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for Task {
        fn drop(&mut self) {
            let _ = self.0.stats();
        }
    }
    within(|| {
        let (p, _d) = Processor::new(Options::new(), async |n: u32| Ok::<_, ()>(n));
        drop(p.try_enqueue(0).unwrap());
        let mut join = p.join();
        let w = Waker::from(Arc::new(Task(p.clone())));
        assert!(poll_with(&mut join, &w).is_pending());
        drop((join, w));
        drop(p.try_enqueue(1));
    });
}

/// Panics when dropped.
struct Bomb(bool);
impl Drop for Bomb {
    fn drop(&mut self) {
        if self.0 && !std::thread::panicking() {
            panic!("bomb")
        }
    }
}

#[test]
fn a_panic_of_a_result_that_nobody_takes_loses_no_other_item() {
    let (p, d) =
        Processor::new(Options::new().concurrency(1), async |n: u32| Ok::<_, ()>(Bomb(n == 0)));
    let mut d = Box::pin(d);
    drop(p.try_enqueue(0).unwrap());
    let mut t = p.try_enqueue(1).unwrap();
    let mut close = p.close();
    assert!(panics(|| poll(&mut d)));
    let _ = poll(&mut d);
    drop(d);
    assert!(poll(&mut close).is_ready(), "close hangs, with the driver dropped, too");
    assert!(poll(&mut t).is_ready());
}

#[test]
fn panics_of_destructors_at_an_abort_hang_nobody() {
    let (p, d) = Processor::new(Options::new().concurrency(4), async |n: u32| {
        let _bomb = Bomb(n > 0);
        pending::<()>().await;
        Ok::<_, ()>(n)
    });
    let mut d = Box::pin(d);
    let mut ts: Vec<_> = (0..4).map(|n| p.try_enqueue(n).unwrap()).collect();
    assert!(poll(&mut d).is_pending());
    assert!(panics(|| drop(d)));
    let ready: Vec<_> = ts.iter_mut().map(|t| poll(t).is_ready()).collect();
    let close = poll(&mut p.close()).is_ready();
    assert_eq!((ready, close), (vec![true; 4], true));
}

#[test]
fn a_waker_that_panics_loses_no_wake() {
    struct Bad;
    impl Wake for Bad {
        fn wake(self: Arc<Self>) {
            panic!("wake")
        }
    }
    let (p, d) =
        Processor::new(Options::new().concurrency(2).capacity(4), async |n: u32| Ok::<_, ()>(n));
    let mut d = Box::pin(d);
    let mut a = p.try_enqueue(0).unwrap();
    let mut b = p.try_enqueue(1).unwrap();
    assert!(poll_with(&mut a, &Waker::from(Arc::new(Bad))).is_pending());
    let (count, w) = counter();
    assert!(poll_with(&mut b, &w).is_pending());
    assert!(a.cancel() && b.cancel()); // both in one drain
    assert!(panics(|| poll(&mut d)));
    let _ = poll(&mut d);
    assert!(count.get() > 0, "the other ticket sleeps for ever");
}

#[test]
fn after_an_abort_a_ticket_does_not_depend_on_the_iteration() {
    let (p, d) = Processor::new(Options::new(), async |n: u32| Ok::<_, ()>(n));
    let mut d = Box::pin(d);
    let mut results = p.results().unwrap();
    let mut t = p.try_enqueue(1).unwrap();
    assert!(poll(&mut results.next()).is_pending());
    assert!(poll(&mut d).is_pending());
    assert!(poll(&mut p.abort()).is_ready() | poll(&mut d).is_ready());
    assert!(poll(&mut t).is_ready(), "ticket");
    assert!(
        matches!(poll(&mut results.next()), Poll::Ready(None)),
        "nothing is released after an abort"
    );
}

#[test]
fn a_changed_waker_is_the_one_that_is_woken() {
    let (tx, rx) = oneshot::channel::<u32>();
    let mut rx = Some(rx);
    let (p, d) = Processor::new(Options::new(), move |_: u32| {
        let rx = rx.take().unwrap();
        async move { Ok::<_, ()>(rx.await.unwrap()) }
    });
    let mut d = Box::pin(d);
    let t = p.try_enqueue(0).unwrap();
    let (c1, w1) = counter();
    let (c2, w2) = counter();
    assert!(poll_with(&mut d, &w1).is_pending());
    assert!(poll_with(&mut d, &w2).is_pending());
    drop(w1);
    assert_eq!(Arc::strong_count(&c1), 1, "the old waker is kept");
    let n = c2.get();
    tx.send(5).unwrap();
    assert_eq!(c2.get(), n + 1);
    assert!(poll_with(&mut d, &w2).is_pending());
    assert_eq!(futures::executor::block_on(t), Ok(5));
}

#[test]
fn an_iteration_does_not_wake_itself() {
    let (p, d) = Processor::new(Options::new(), async |n: u32| Ok::<_, ()>(n));
    let mut d = Box::pin(d);
    let mut results = p.results().unwrap();
    let (c, w) = counter();
    assert!(poll_with(&mut results.next(), &w).is_pending());
    for n in 0..10 {
        drop(p.try_enqueue(n).unwrap());
    }
    assert!(poll(&mut d).is_pending());
    assert_eq!(c.get(), 1);
    for _ in 0..10 {
        assert!(poll_with(&mut results.next(), &w).is_ready());
    }
    assert_eq!(c.get(), 1);
}

#[test]
fn results_given_up_midway_keep_order_and_capacity() {
    let (p, d) = Processor::new(Options::new().capacity(1), async |n: u32| Ok::<_, ()>(n));
    let mut d = Box::pin(d);
    let mut results = p.results().unwrap();
    assert!(poll(&mut results.next()).is_pending());
    let mut a = p.try_enqueue(0).unwrap();
    assert!(poll(&mut d).is_pending());
    assert!(poll(&mut a).is_pending());
    let mut b = p.enqueue(1);
    assert!(poll(&mut b).is_pending());
    drop(results);
    assert_eq!(poll(&mut a), Poll::Ready(Ok(0)));
    assert!(poll(&mut b).is_ready());
    let mut again = p.results().unwrap();
    assert!(poll(&mut d).is_pending());
    assert!(poll(&mut again.next()).is_pending());
}

#[test]
fn a_panic_of_a_handler_goes_through_and_breaks_nothing() {
    let (processor, driver) = Processor::new(Options::new(), async |n: u32| {
        assert_ne!(n, 1, "a handler panics");
        Ok::<_, Infallible>(n)
    });
    let tickets: Vec<_> = (0..3).map(|n| processor.try_enqueue(n).unwrap()).collect();
    let mut driver = Box::pin(driver);
    assert!(panics(|| poll(&mut driver)));
    assert!(poll(&mut driver).is_pending());
    let results: Vec<_> = tickets
        .into_iter()
        .map(|ticket| ticket.now_or_never().expect("it is done").map_err(|f| f.kind))
        .collect();
    assert!(matches!(&results[..], [Ok(0), Err(FailureKind::Cancelled), Ok(2)]));
}

#[test]
fn a_panic_of_on_result_aborts() {
    let (processor, driver) = Processor::builder(async |n: u32| Ok::<_, Infallible>(n))
        .options(Options::new().concurrency(3))
        .on_result(|result| assert_ne!(*result.as_ref().unwrap(), 1, "on_result panics"))
        .checkpoints()
        .build();
    let tickets: Vec<_> = (0..3).map(|n| processor.try_enqueue(n).unwrap()).collect();
    let mut driver = Box::pin(driver);
    assert!(panics(|| poll(&mut driver)));
    assert!(poll(&mut driver).is_ready());
    assert!(tickets.into_iter().all(|ticket| ticket.is_done()));
    assert_eq!(
        processor.close().now_or_never().expect("it is over").unwrap().released,
        1,
        "the one in its hands was not delivered"
    );
    let checkpoint = processor.checkpoint().expect("it was asked for");
    assert_eq!((checkpoint.position(), checkpoint.runs().len()), (Some(0), 0));
}
