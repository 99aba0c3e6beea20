//! Wakers and destructors of the user's that panic, or come back, while others are still to be woken.
#![cfg(feature = "futures")]

#[path = "common/counted.rs"]
mod counted;
#[path = "common/polled.rs"]
mod polled;
#[path = "common/within.rs"]
mod within;

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Wake, Waker};

use futures::stream;
use futures::{FutureExt, StreamExt};
use inorder::{InOrderExt, Options, Processor, Ticket};

use counted::{Count, counter, poll_with};
use polled::{panics, poll};
use within::within;

/// Panics when it is woken.
struct Bad;

impl Wake for Bad {
    fn wake(self: Arc<Self>) {
        panic!("wake")
    }
}

/// Panics when it is dropped, whatever else panics.
#[derive(Debug)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("bomb")
    }
}

fn bad() -> Waker {
    Waker::from(Arc::new(Bad))
}

/// Polls what waits, each with a waker that counts.
fn all_wait(futures: &mut [Pin<Box<dyn Future<Output = ()> + '_>>]) -> Vec<Arc<Count>> {
    let count = |future: &mut Pin<Box<dyn Future<Output = ()> + '_>>| {
        let (count, waker) = counter();
        assert!(poll_with(future, &waker).is_pending());
        count
    };
    futures.iter_mut().map(count).collect()
}

fn woken(counts: &[Arc<Count>]) -> Vec<usize> {
    counts.iter().map(|count| count.get()).collect()
}

type Idle = Processor<u32, u32, ()>;

/// A full processor, and one of each kind that waits for it.
fn crowded(p: &Idle, tickets: Vec<Ticket<u32, ()>>) -> Vec<Pin<Box<dyn Future<Output = ()> + '_>>> {
    let mut waiting: Vec<Pin<Box<dyn Future<Output = ()> + '_>>> = Vec::new();
    for ticket in tickets {
        waiting.push(Box::pin(async move { drop(ticket.await) }));
    }
    for item in [10, 11] {
        waiting.push(Box::pin(async move { drop(p.enqueue(item).await) }));
    }
    for _ in 0..2 {
        waiting.push(Box::pin(async { drop(p.join().await) }));
    }
    waiting
}

#[test]
fn a_waker_that_panics_in_a_call_of_a_handle_loses_no_other_wake() {
    for at in 0..7 {
        let (p, _driver) = Processor::new(Options::new().capacity(3), async |n: u32| Ok(n));
        let tickets = (0..3).map(|n| p.try_enqueue(n).unwrap()).collect();
        let mut waiting = crowded(&p, tickets);
        let counts = all_wait(&mut waiting);
        assert!(poll_with(&mut waiting[at], &bad()).is_pending());
        assert!(panics(|| p.abort()), "nothing hides the panic");
        let mut expected = vec![1; 7];
        expected[at] = 0;
        assert_eq!(woken(&counts), expected);
    }
}

#[test]
fn a_driver_whose_waker_panics_loses_no_other_wake() {
    let (p, driver) = Processor::new(Options::new().capacity(3), async |_: u32| pending().await);
    let tickets = (0..3).map(|n| p.try_enqueue(n).unwrap()).collect();
    let mut driver = Box::pin(driver);
    assert!(poll_with(&mut driver, &bad()).is_pending());
    let mut waiting = crowded(&p, tickets);
    let counts = all_wait(&mut waiting);
    assert!(panics(|| p.abort()));
    // what runs is stopped by the driver
    assert_eq!(woken(&counts), [0, 1, 1, 1, 1, 0, 0]);
    assert!(poll(&mut driver).is_ready());
    assert_eq!(woken(&counts), [1; 7]);
}

#[test]
fn wakers_that_panic_one_after_the_other_are_all_called() {
    let (p, _driver) = Processor::new(Options::new().capacity(3), async |n: u32| Ok(n));
    let tickets = (0..3).map(|n| p.try_enqueue(n).unwrap()).collect();
    let mut waiting = crowded(&p, tickets);
    let counts = all_wait(&mut waiting);
    for at in [0, 2, 3, 5] {
        assert!(poll_with(&mut waiting[at], &bad()).is_pending());
    }
    assert!(panics(|| p.abort()));
    assert_eq!(woken(&counts), [0, 1, 0, 0, 1, 0, 1]);
}

#[test]
fn a_driver_that_is_dropped_after_a_waker_panicked_still_wakes_the_others() {
    let (p, driver): (Idle, _) = Processor::new(Options::new(), async |n: u32| Ok(n));
    let mut tickets = [0, 1].map(|n| p.try_enqueue(n).unwrap());
    assert!(poll_with(&mut tickets[0], &bad()).is_pending());
    let (count, waker) = counter();
    assert!(poll_with(&mut tickets[1], &waker).is_pending());
    assert!(tickets.iter().all(Ticket::cancel), "both in one drain");
    let mut driver = Box::pin(driver);
    assert!(panics(|| poll(&mut driver)));
    drop(driver);
    assert_eq!(count.get(), 1);
    assert!(poll(&mut tickets[1]).is_ready());
}

#[test]
fn destructors_that_panic_one_after_the_other_are_all_called() {
    let (p, driver) = Processor::new(Options::new(), async |_: Bomb| Ok::<_, ()>(()));
    let mut tickets = [(); 3].map(|()| p.try_enqueue(Bomb).unwrap());
    assert!(tickets.iter().all(Ticket::cancel), "all in one drain");
    let mut driver = Box::pin(driver);
    let panicked = (0..4).filter(|_| panics(|| poll(&mut driver))).count();
    assert_eq!(panicked, 3);
    assert!(tickets.iter_mut().all(|ticket| poll(ticket).is_ready()));
    drop(p.abort());
    assert!(poll(&mut driver).is_ready());
}

/// An item that looks at its processor when it goes.
#[derive(Clone)]
struct Nosy(Arc<OnceLock<Nosies>>);

type Nosies = Processor<Nosy, (), (), Infallible, Nosy>;

impl Drop for Nosy {
    fn drop(&mut self) {
        if let Some(p) = self.0.get() {
            let _ = p.stats();
        }
    }
}

#[test]
fn no_lock_is_held_over_the_drop_of_what_a_ticket_was_told_meanwhile() {
    within(|| {
        let handle = Arc::new(OnceLock::new());
        let later = Arc::new(Mutex::new(None::<Ticket<(), (), Nosy>>));
        let (p, driver) = Processor::builder({
            let later = Arc::clone(&later);
            move |_: Nosy| {
                let later = Arc::clone(&later);
                poll_fn(move |cx| {
                    let mut later = later.lock().unwrap();
                    later.as_mut().map_or(Poll::Pending, |it| poll_with(it, cx.waker()).map(drop))
                })
                .map(Ok)
            }
        })
        .keep_items(Nosy::clone)
        .build();
        assert!(handle.set(p.clone()).is_ok());
        drop(p.try_enqueue(Nosy(Arc::clone(&handle))).ok().unwrap());
        later.lock().unwrap().replace(p.try_enqueue(Nosy(handle)).ok().unwrap());
        let mut driver = Box::pin(driver);
        assert!(poll(&mut driver).is_pending());
        // it was told that it waits in vain, and has not heard it
        drop(p.abort());
        assert!(later.lock().unwrap().as_ref().unwrap().is_done());
    });
}

#[test]
fn what_is_cancelled_after_a_panic_kept_it_from_beginning_ends() {
    let (p, driver): (Idle, _) = Processor::new(Options::new(), async |n: u32| {
        if n > 0 {
            pending::<()>().await;
        }
        Ok(n)
    });
    let mut tickets = [0, 1].map(|n| p.try_enqueue(n).unwrap());
    assert!(poll_with(&mut tickets[0], &bad()).is_pending());
    let mut driver = Box::pin(driver);
    assert!(panics(|| poll(&mut driver)));
    assert_eq!(p.stats().running, 1, "its turn has come");
    assert!(tickets[1].cancel());
    assert!(poll(&mut driver).is_pending());
    assert!(poll(&mut tickets[1]).is_ready());
    assert_eq!(p.stats().cancelled, 1);
}

/// Panics when it is polled, and when it is dropped.
struct Hopeless;

impl Future for Hopeless {
    type Output = Result<u32, ()>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        panic!("poll")
    }
}

impl Drop for Hopeless {
    fn drop(&mut self) {
        panic!("drop")
    }
}

#[test]
fn a_future_that_panics_once_more_when_it_is_dropped_is_given_up() {
    let (p, driver) = Processor::new(Options::new(), |_: u32| Hopeless);
    let mut ticket = p.try_enqueue(0).unwrap();
    let mut driver = Box::pin(driver);
    assert!(panics(|| poll(&mut driver)));
    assert!(panics(|| poll(&mut driver)));
    assert!(poll(&mut driver).is_pending());
    assert!(poll(&mut ticket).is_ready());
    assert_eq!((p.stats().running, p.stats().cancelled), (0, 1));
    // nor does one hang who drops the driver after the first panic
    let (p, driver) = Processor::new(Options::new(), |_: u32| Hopeless);
    let mut ticket = p.try_enqueue(0).unwrap();
    let mut driver = Box::pin(driver);
    assert!(panics(|| poll(&mut driver)));
    assert!(panics(|| drop(driver)));
    assert!(poll(&mut ticket).is_ready());
    assert!(poll(&mut p.close()).is_ready());
    // and so in a stream
    let mut numbers = Box::pin(stream::iter([0]).in_order(Options::new(), |_: u32| Hopeless));
    assert!(panics(|| poll(&mut numbers.next())));
    assert!(panics(|| poll(&mut numbers.next())));
    assert!(matches!(poll(&mut numbers.next()), Poll::Ready(None)));
}
