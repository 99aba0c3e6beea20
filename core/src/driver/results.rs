//! Iterating over the results of a processor.

use std::fmt;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};

use super::clock::MaybeClock;
use super::failure::Failure;
use super::items::{Lent, LentGap, LentResult, Takers};
use super::resequence::Resequenced;
use super::shared::Shared;
use super::stopping::Lost;
use super::sync::AtomicWaker;
use crate::{SequenceError, Time};

/// The results of a processor, as a stream: see [`Processor::results`](super::Processor::results).
///
/// It ends when the processor is closed and drained, or behind the failure that stopped it. It does not keep the
/// processor open.
///
/// # Progress
/// It does no work: the [`Driver`](super::Driver) does, whether this is polled or not. A result that is not asked for
/// holds its unit of capacity.
///
/// # Cancellation safety
/// A `next` that is given up loses nothing: the following one gets that result.
#[must_use = "streams do nothing unless polled"]
pub struct Results<T, R, E, Q: Eq + Hash, I, C> {
    shared: Arc<Shared<T, R, E, Q, I>>,
    clock: C,
    taker: Arc<AtomicWaker>,
    is_over: bool,
}

impl<T, R, E, Q: Eq + Hash, I, C> Results<T, R, E, Q, I, C> {
    pub(super) fn new(
        shared: Arc<Shared<T, R, E, Q, I>>,
        clock: C,
        taker: Arc<AtomicWaker>,
    ) -> Self {
        Self { shared, clock, taker, is_over: false }
    }
}

impl<T, R, E, Q: Eq + Hash, I, C> Unpin for Results<T, R, E, Q, I, C> {}

impl<T, R, E, Q: Eq + Hash, I, C: MaybeClock> Results<T, R, E, Q, I, C> {
    /// The same, with what a [sequenced](super::Builder::sequenced_with) processor gave up: each range of numbers in its
    /// place. Where gaps are to [fail](crate::OnGap::Fail), their error is the last that comes out.
    ///
    /// Without it losses are passed over, and such an error is the end; [`join`](super::Processor::join) and
    /// [`close`](super::Processor::close) tell it.
    ///
    /// # Examples
    /// ```
    /// use futures::executor::block_on;
    /// use futures::future::join;
    /// use futures::{StreamExt, stream};
    /// use inorder::{OnGap, Processor, Resequenced, SequencerOptions};
    ///
    /// let numbers = SequencerOptions::new().gap(OnGap::Skip);
    /// let (processor, driver) =
    ///     Processor::builder(async |word: &str| Ok::<_, ()>(word.len())).sequenced_with(numbers).build();
    /// let mut lengths = processor.results().expect("it is the only one").with_losses();
    /// let work = async {
    ///     for (seq, word) in [(2, "or"), (0, "to")] {
    ///         drop(processor.enqueue_at(seq, word).await.expect("it is within the window"));
    ///     }
    ///     drop(processor);
    ///     assert_eq!(lengths.next().await, Some(Ok(Resequenced::Item(Ok(2)))));
    ///     assert_eq!(lengths.next().await, Some(Ok(Resequenced::Lost { first: 1, last: 1, key: () })));
    ///     assert_eq!(lengths.next().await, Some(Ok(Resequenced::Item(Ok(2)))));
    ///     assert_eq!(lengths.next().await, None);
    /// };
    /// block_on(join(driver, work));
    /// ```
    pub fn with_losses(self) -> WithLosses<T, R, E, Q, I, C> {
        WithLosses(self)
    }

    /// The next that is lent; `None`: no more is.
    fn poll_lent(&mut self, cx: &mut Context<'_>) -> Poll<Option<Lent<R, E, I>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        self.taker.register(cx.waker());
        let (lent, is_drained, _itself) =
            self.shared.act(self.clock.time(), |state, items, effects| {
                if items.takers != Takers::Iteration {
                    items.takers = Takers::Iteration;
                    state.taking(true);
                }
                if let Some(last) = items.iteration.last.take() {
                    state.released(last);
                    items.settle(state, effects);
                }
                items.iteration.is_asked = items.iteration.next.is_none();
                items.settle(state, effects);
                let lent = items.iteration.next.take();
                match &lent {
                    // what stops the processor is not held: nothing comes behind it
                    Some(lent) if lent.is_fatal() => {
                        state.released(lent.handle());
                    }
                    Some(lent) => items.iteration.last = Some(lent.handle()),
                    None => {}
                }
                // whoever asks now need not be woken
                (lent, state.is_drained(), effects.taker.take())
            });
        let Some(lent) = lent else {
            self.is_over = is_drained;
            return if is_drained { Poll::Ready(None) } else { Poll::Pending };
        };
        self.is_over = lent.is_fatal();
        Poll::Ready(Some(lent))
    }
}

impl<T, R, E, Q, I, C> Stream for Results<T, R, E, Q, I, C>
where
    R: Clone,
    E: Clone,
    Q: Eq + Hash,
    I: Clone,
    C: MaybeClock,
{
    type Item = Result<R, Failure<E, I>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(self.poll_lent(cx)) {
                Some(Lent::Result(lent)) => return Poll::Ready(Some(handed_out(lent))),
                Some(Lent::Gap(_)) => {}
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<T, R, E, Q: Eq + Hash, I, C> FusedStream for Results<T, R, E, Q, I, C>
where
    Self: Stream,
{
    fn is_terminated(&self) -> bool {
        self.is_over
    }
}

impl<T, R, E, Q: Eq + Hash, I, C> Drop for Results<T, R, E, Q, I, C> {
    fn drop(&mut self) {
        // before another iteration can set its own
        drop(self.taker.take());
        self.shared.act(Time::default(), |state, items, effects| {
            items.takers = Takers::Tickets;
            items.iteration.is_open = false;
            items.iteration.is_asked = false;
            if let Some(last) = items.iteration.last.take() {
                state.released(last);
            }
            if let Some(next) = items.iteration.next.take() {
                items.give_back(state, next, Ok(()), effects);
            }
            state.taking(false);
        });
    }
}

/// A result, with a clone of it for its ticket.
fn handed_out<R: Clone, E: Clone, I: Clone>(lent: LentResult<R, E, I>) -> Result<R, Failure<E, I>> {
    let LentResult { result, pledge, .. } = lent;
    // without anybody who holds the ticket nothing is cloned
    let Some(pledge) = pledge.filter(|pledge| Arc::strong_count(pledge) > 1) else { return result };
    // after a panic there is but one: the ticket waits for it
    let (ticket, mine) = match catch_unwind(AssertUnwindSafe(|| result.clone())) {
        Ok(copy) => (copy, Ok(result)),
        Err(panic) => (result, Err(panic)),
    };
    drop(pledge.keep(ticket));
    if let Some(waker) = pledge.waker() {
        waker.wake();
    }
    mine.unwrap_or_else(|panic| resume_unwind(panic))
}

/// The results of a sequenced processor with what it gave up, as a stream: see [`Results::with_losses`].
#[must_use = "streams do nothing unless polled"]
pub struct WithLosses<T, R, E, Q: Eq + Hash, I, C>(Results<T, R, E, Q, I, C>);

impl<T, R, E, Q, I, C> Stream for WithLosses<T, R, E, Q, I, C>
where
    R: Clone,
    E: Clone,
    Q: Eq + Hash,
    I: Clone,
    C: MaybeClock,
{
    type Item = Result<Resequenced<Result<R, Failure<E, I>>>, SequenceError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(ready!(self.0.poll_lent(cx)).map(|lent| match lent {
            Lent::Result(lent) => Ok(Resequenced::Item(handed_out(lent))),
            Lent::Gap(LentGap { lost: Lost { first, last }, is_fatal: false, .. }) => {
                Ok(Resequenced::Lost { first, last, key: () })
            }
            Lent::Gap(LentGap { lost: Lost { first, last }, is_fatal: true, .. }) => {
                Err(SequenceError::GapTimeout { first, last, key: () })
            }
        }))
    }
}

impl<T, R, E, Q: Eq + Hash, I, C> FusedStream for WithLosses<T, R, E, Q, I, C>
where
    Self: Stream,
{
    fn is_terminated(&self) -> bool {
        self.0.is_over
    }
}

impl<T, R, E, Q: Eq + Hash, I, C> fmt::Debug for WithLosses<T, R, E, Q, I, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WithLosses").field(&self.0).finish()
    }
}

impl<T, R, E, Q: Eq + Hash, I, C> fmt::Debug for Results<T, R, E, Q, I, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Results").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}
