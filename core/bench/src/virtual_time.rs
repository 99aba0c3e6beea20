//! Time that moves only when nothing is left to do: the same numbers on every machine.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A clock in microseconds, and who sleeps by it.
#[derive(Default)]
pub(crate) struct VirtualTime {
    now: Cell<u64>,
    sleepers: RefCell<BinaryHeap<Reverse<(u64, u64)>>>,
    wakers: RefCell<Vec<Option<Waker>>>,
}

impl VirtualTime {
    /// Ends that many microseconds from now.
    pub(crate) fn sleep(&self, micros: u64) -> Sleep<'_> {
        Sleep { time: self, due: self.now.get() + micros }
    }

    /// Runs a future to its end, and says how long that took.
    ///
    /// # Panics
    /// Where it waits for what does not come.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> (u64, T) {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&flag));
        let (mut future, begin) = (pin!(future), self.now.get());
        loop {
            while flag.0.swap(false, Ordering::SeqCst) {
                if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return (self.now.get() - begin, value);
                }
            }
            let Reverse((due, number)) = self.sleepers.borrow_mut().pop().expect("somebody sleeps");
            self.now.set(due);
            let sleeper = self.wakers.borrow_mut()[number as usize].take();
            sleeper.expect("it sleeps once").wake();
        }
    }
}

/// A sleep: polled where it began, it is set when it is first polled.
pub(crate) struct Sleep<'a> {
    time: &'a VirtualTime,
    due: u64,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.time.now.get() >= self.due {
            return Poll::Ready(());
        }
        let mut wakers = self.time.wakers.borrow_mut();
        self.time.sleepers.borrow_mut().push(Reverse((self.due, wakers.len() as u64)));
        wakers.push(Some(cx.waker().clone()));
        Poll::Pending
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}
