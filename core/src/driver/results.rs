//! Iterating over the results of a processor.

use std::fmt;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};

use super::clock::MaybeClock;
use super::failure::Failure;
use super::items::Takers;
use super::shared::Shared;
use super::sync::AtomicWaker;
use crate::Time;

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
                    Some(lent) if lent.is_fatal => {
                        state.released(lent.handle);
                    }
                    Some(lent) => items.iteration.last = Some(lent.handle),
                    None => {}
                }
                // whoever asks now need not be woken
                (lent, state.is_drained(), effects.taker.take())
            });
        let Some(mut lent) = lent else {
            self.is_over = is_drained;
            return if is_drained { Poll::Ready(None) } else { Poll::Pending };
        };
        self.is_over = lent.is_fatal;
        if let Some(pledge) = lent.pledge.take() {
            // without anybody who holds the ticket nothing is cloned
            if Arc::strong_count(&pledge) > 1 {
                pledge.keep(lent.result.clone());
                if let Some(waker) = pledge.waker() {
                    waker.wake();
                }
            }
        }
        Poll::Ready(Some(lent.result))
    }
}

impl<T, R, E, Q, I, C> FusedStream for Results<T, R, E, Q, I, C>
where
    R: Clone,
    E: Clone,
    Q: Eq + Hash,
    I: Clone,
    C: MaybeClock,
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

impl<T, R, E, Q: Eq + Hash, I, C> fmt::Debug for Results<T, R, E, Q, I, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Results").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}
