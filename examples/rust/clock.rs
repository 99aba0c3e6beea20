//! Time for the examples: real, or virtual, where a clock moves only when nothing is left to do.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use futures::channel::oneshot;

/// Time, in microseconds.
#[derive(Clone)]
pub(crate) enum Clock {
    /// The host's.
    Real,
    /// Sleeps end in order of (due time, start of the sleep), one at a time, and everything that one sets off is done
    /// before the next ends.
    Virtual(Rc<RefCell<Sleepers>>),
}

#[derive(Default)]
pub(crate) struct Sleepers {
    now: u64,
    started: u64,
    waiting: BinaryHeap<Sleeper>,
}

impl Clock {
    /// A clock that stands at 0.
    pub(crate) fn new_virtual() -> Self {
        Self::Virtual(Rc::default())
    }

    pub(crate) async fn sleep(&self, microseconds: u64) {
        match self {
            Self::Real => futures_timer::Delay::new(Duration::from_micros(microseconds)).await,
            Self::Virtual(sleepers) => {
                let (wake, woken) = oneshot::channel();
                {
                    let mut sleepers = sleepers.borrow_mut();
                    sleepers.started += 1;
                    let (due, number) = (sleepers.now + microseconds, sleepers.started);
                    sleepers.waiting.push(Sleeper { due, number, wake });
                }
                woken.await.expect("a clock outlives those who sleep by it");
            }
        }
    }

    /// Runs a future to its end, and says how long it took by a virtual clock; 0 by the host's.
    ///
    /// # Panics
    /// If it waits for what cannot come.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> u64 {
        let Self::Virtual(sleepers) = self else {
            futures::executor::block_on(future);
            return 0;
        };
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut future = pin!(future);
        loop {
            woken.0.store(false, SeqCst);
            if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                return sleepers.borrow().now;
            }
            if !woken.0.load(SeqCst) {
                let next = sleepers.borrow_mut().waiting.pop().expect("somebody sleeps");
                sleepers.borrow_mut().now = next.due;
                // Who has gone meanwhile is not woken, but had asked for the time to pass.
                next.wake.send(()).ok();
            }
        }
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

struct Sleeper {
    due: u64,
    number: u64,
    wake: oneshot::Sender<()>,
}

impl PartialEq for Sleeper {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Sleeper {}

impl PartialOrd for Sleeper {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Reversed: the earliest is the greatest, for the heap.
impl Ord for Sleeper {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.number).cmp(&(self.due, self.number))
    }
}
