//! The long-lived processor: items in from anywhere, results out in order.

use std::convert::Infallible;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use super::builder::Builder;
use super::clock::{Clock, MaybeClock, NoClock};
use super::engine::Driver;
use super::items::{Admission, Takers};
use super::offer::{Answer, Enqueue, Offered, Refused};
use super::results::Results;
use super::shared::Shared;
use super::stopping::{Close, Join};
use super::ticket::Ticket;
use crate::{Blocked, Options, Seq, Stats, Time};

/// Runs a handler for items that come one by one, several at once, and gives the results out in their order.
///
/// It comes with a [`Driver`], a future that runs the handlers: spawn it on any executor. The processor itself is a
/// handle; clones are handles of the same, from any thread.
///
/// `T` is an item, `R` and `E` what its handler returns, `Q` its key, `I` what is kept of it
/// ([`keep_items`](Builder::keep_items)), `C` the clock.
///
/// # Examples
/// ```
/// use futures::executor::block_on;
/// use futures::future::join;
/// use inorder::{Options, Processor};
///
/// let handle = async |word: &'static str| word.parse::<u32>();
/// let (processor, driver) = Processor::new(Options::new().concurrency(2), handle);
/// let work = async {
///     let first = processor.enqueue("1").await?;
///     let second = processor.enqueue("two").await?;
///     assert_eq!(first.await?, 1);
///     assert!(second.await.is_err());
///     let report = processor.close().await?;
///     assert_eq!(report.released, 2);
///     Ok::<_, Box<dyn std::error::Error>>(())
/// };
/// block_on(join(driver, work)).1.unwrap();
/// ```
///
/// # Progress
/// Handlers are called and polled by the driver only: while it is not polled, nothing goes on. A handle never calls
/// anything but the key function and the one that keeps items.
///
/// # Cancellation safety
/// All that it returns can be dropped at any moment: an offer that waits is given up, a ticket lets its item go on, and
/// what `close` has begun goes on. Dropping the driver is another matter: it aborts.
///
/// # Deadlocks
/// A handler, `on_result` or a receiver of dead letters that awaits what cannot come before it has ended is told so:
/// [`join`](Self::join), [`close`](Self::close), its own ticket or one that has to come after it, and room for an offer,
/// where all that could make room waits for room ([`JoinError::Deadlock`](super::JoinError::Deadlock),
/// [`CloseError::Deadlock`](super::CloseError::Deadlock), [`FailureKind::Deadlock`](super::FailureKind::Deadlock),
/// [`RefusedKind::Deadlock`](super::RefusedKind::Deadlock)). What is meant is all that is polled while the handler is:
/// not a task that it has spawned.
///
/// # Closing
/// Dropping the last handle closes the processor as [`close`](Self::close) does; dropping the driver, as
/// [`abort`](Self::abort) does.
///
/// # Panics
/// A panic of a handler or of a callback goes through the driver; see [`Driver`]. Dropped, as executors do then, the
/// driver aborts. A panic of the key function, of the function that keeps items or of the equality of keys goes through
/// the offer.
///
/// The equality of two keys is asked under a lock: it must not use the processor.
pub struct Processor<T, R, E, Q = Infallible, I = (), C = NoClock>
where
    Q: Eq + Hash,
{
    inner: Arc<Handle<T, R, E, Q, I>>,
    pub(super) clock: C,
}

/// All handles together.
struct Handle<T, R, E, Q: Eq + Hash, I>(Arc<Shared<T, R, E, Q, I>>);

impl<T, R, E> Processor<T, R, E> {
    /// A processor without keys, and its driver.
    ///
    /// Where an item fails the others go on, by default ([`OnFailure::Emit`](crate::OnFailure::Emit)).
    ///
    /// # Panics
    /// Where an option is out of its bounds, or needs what only [`builder`](Self::builder) can give, with the text of
    /// [`Builder::check`].
    pub fn new<H, F>(options: Options, handler: H) -> (Self, Driver<impl Future<Output = ()>>)
    where
        H: FnMut(T) -> F,
        F: Future<Output = Result<R, E>>,
    {
        Self::builder(handler).options(options).build()
    }

    /// A processor with more than its options: keys, a clock, retries, callbacks.
    pub fn builder<H, F>(handler: H) -> Builder<T, R, E, H>
    where
        H: FnMut(T) -> F,
        F: Future<Output = Result<R, E>>,
    {
        Builder::new(handler)
    }
}

impl<T, R, E, Q: Eq + Hash, I, C: MaybeClock> Processor<T, R, E, Q, I, C> {
    pub(super) fn of(shared: Arc<Shared<T, R, E, Q, I>>, clock: C) -> Self {
        Self { inner: Arc::new(Handle(shared)), clock }
    }

    /// Offers an item, and waits for room: first come, first served. Ready with the ticket as soon as the item is
    /// accepted. The offer is made when the future is first polled.
    ///
    /// # Errors
    /// [`Closed`](super::RefusedKind::Closed), also while it waits, and [`Deadlock`](super::RefusedKind::Deadlock).
    pub fn enqueue(&self, item: T) -> Enqueue<'_, T, R, E, Q, I, C> {
        Enqueue::new(self.shared(), &self.clock, item, None)
    }

    /// Offers an item with its number, to a [sequenced](Builder::sequenced) processor, and waits while that is beyond
    /// the window.
    ///
    /// # Errors
    /// [`Closed`](super::RefusedKind::Closed), [`Duplicate`](super::RefusedKind::Duplicate), [`Late`](super::RefusedKind::Late).
    pub fn enqueue_at(&self, seq: Seq, item: T) -> Enqueue<'_, T, R, E, Q, I, C> {
        Enqueue::new(self.shared(), &self.clock, item, Some(seq))
    }

    /// Offers an item, and does not wait.
    ///
    /// # Errors
    /// Those of [`enqueue`](Self::enqueue), and [`Full`](super::RefusedKind::Full).
    pub fn try_enqueue(&self, item: T) -> Result<Ticket<R, E, I>, Refused<T, E>> {
        self.try_offer(item, None)
    }

    /// Offers an item with its number, to a [sequenced](Builder::sequenced) processor, and does not wait.
    ///
    /// # Errors
    /// Those of [`enqueue_at`](Self::enqueue_at), and [`TooFar`](super::RefusedKind::TooFar).
    pub fn try_enqueue_at(&self, seq: Seq, item: T) -> Result<Ticket<R, E, I>, Refused<T, E>> {
        self.try_offer(item, Some(seq))
    }

    /// Waits until everything that was accepted before this call has come out.
    ///
    /// # Errors
    /// The failure that stopped the processor, or [`Deadlock`](super::JoinError::Deadlock).
    pub fn join(&self) -> Join<T, R, E, Q, I> {
        let shared = self.shared();
        let waiter =
            shared.act(self.clock.time(), |_, items, _| items.waiters.join(items.accepted));
        Join { shared: Arc::clone(shared), waiter }
    }

    /// Accepts no more, from this call on, and waits until the rest is drained.
    ///
    /// Numbers that are missing are given up. It can be called again, and shortened with
    /// [`abort`](Self::abort): every call gives the same report.
    ///
    /// # Errors
    /// The failure that had stopped the processor, with the report, or [`Deadlock`](super::CloseError::Deadlock).
    pub fn close(&self) -> Close<T, R, E, Q, I> {
        self.shared().close(self.clock.time(), None)
    }

    /// Accepts no more, drops the handlers that run, and reports what is left. What waits for its turn does not come
    /// out any more; its ticket gets its result, or under [`OnFailure::Fail`](crate::OnFailure::Fail)
    /// [`Closed`](super::FailureKind::Closed), as do the tickets of all that was not settled.
    ///
    /// # Errors
    /// The failure that had stopped the processor, with the report.
    pub fn abort(&self) -> Close<T, R, E, Q, I> {
        self.shared().close(self.clock.time(), Some(Duration::ZERO))
    }

    /// The results in order, as a stream, from its first `poll_next` on. What came out before is not repeated.
    ///
    /// # Examples
    /// ```
    /// use futures::StreamExt;
    /// use futures::executor::block_on;
    /// use futures::future::join;
    /// use inorder::{Options, Processor};
    ///
    /// let (squares, driver) = Processor::new(Options::new().concurrency(2), async |x: u32| Ok::<_, ()>(x * x));
    /// let work = async {
    ///     let mut results = squares.results().expect("nobody else has them");
    ///     assert!(futures::poll!(results.next()).is_pending());
    ///     for x in 1..=3 {
    ///         drop(squares.enqueue(x).await?);
    ///     }
    ///     drop(squares.close());
    ///     let all: Vec<_> = results.map(Result::unwrap).collect().await;
    ///     assert_eq!(all, [1, 4, 9]);
    ///     Ok::<_, Box<dyn std::error::Error>>(())
    /// };
    /// block_on(join(driver, work)).1.unwrap();
    /// ```
    ///
    /// A result holds its unit of capacity until the next one is asked for. Its ticket gets a clone, where it is held
    /// by somebody. Dropping the stream does not close the processor: what follows comes out untaken.
    ///
    /// `None` where there is one already, or the processor has `on_result`.
    pub fn results(&self) -> Option<Results<T, R, E, Q, I, C>>
    where
        R: Clone,
        E: Clone,
        I: Clone,
        C: Clone,
    {
        let mut items = self.shared().items();
        let is_free = items.takers == Takers::Tickets && !items.iteration.is_open;
        items.iteration.is_open |= is_free;
        let taker = Arc::clone(&items.iteration.taker);
        drop(items);
        is_free.then(|| Results::new(Arc::clone(self.shared()), self.clock.clone(), taker))
    }

    /// Counters and gauges. Without a clock ages are 0.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let now = self.clock.time();
        self.shared().core.lock().stats(now)
    }

    /// What the next result waits for; `None` when nothing is inside. Without a clock ages are 0.
    #[must_use]
    pub fn why_blocked(&self) -> Option<Blocked> {
        let now = self.clock.time();
        self.shared().core.lock().why_blocked(now)
    }

    fn try_offer(&self, item: T, seq: Option<Seq>) -> Answer<T, R, E, I> {
        match self.shared().offer(self.clock.time(), item, seq, Admission::OrRefuse) {
            Offered::Answered(answer) => answer,
            Offered::Waits(..) => unreachable!("it was asked not to wait"),
        }
    }
}

impl<T, R, E, Q: Eq + Hash, I, C: Clock> Processor<T, R, E, Q, I, C> {
    /// As [`close`](Self::close), and after that long as [`abort`](Self::abort).
    ///
    /// # Errors
    /// The failure that had stopped the processor, with the report, or [`Deadlock`](super::CloseError::Deadlock).
    pub fn close_within(&self, timeout: Duration) -> Close<T, R, E, Q, I> {
        self.shared().close(self.clock.now(), Some(timeout))
    }
}

impl<T, R, E, Q: Eq + Hash, I, C> Processor<T, R, E, Q, I, C> {
    pub(super) fn shared(&self) -> &Arc<Shared<T, R, E, Q, I>> {
        &self.inner.0
    }
}

impl<T, R, E, Q: Eq + Hash, I> Shared<T, R, E, Q, I> {
    pub(super) fn close(
        self: &Arc<Self>,
        now: Time,
        timeout: Option<Duration>,
    ) -> Close<T, R, E, Q, I> {
        let waiter = self.act(now, |state, items, effects| {
            state.close(timeout);
            effects.wakes_driver = true;
            items.waiters.close()
        });
        let is_abort = timeout == Some(Duration::ZERO);
        Close { shared: Arc::clone(self), waiter, is_abort }
    }
}

impl<T, R, E, Q: Eq + Hash, I> Drop for Handle<T, R, E, Q, I> {
    fn drop(&mut self) {
        drop(self.0.close(Time::default(), None));
    }
}

impl<T, R, E, Q: Eq + Hash, I, C: Clone> Clone for Processor<T, R, E, Q, I, C> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), clock: self.clock.clone() }
    }
}

impl<T, R, E, Q: Eq + Hash, I, C> fmt::Debug for Processor<T, R, E, Q, I, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Processor").finish_non_exhaustive()
    }
}
