//! Results in order, as streams.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use super::failure::{Failure, FailureKind};
use super::key::{Key, NoKey};
use super::source::{Emitted, Engine};
use crate::{Blocked, OnFailure, Options, Outcome, Seq, Stats, Time};

pin_project! {
    /// The results of a handler, in the order of the items: the stream that
    /// [`InOrderExt::in_order`](super::InOrderExt::in_order) and its like return.
    ///
    /// # Progress
    /// It starts with the first [`poll_next`](Stream::poll_next), and works while it is polled. While its consumer is
    /// busy with something else, [`poll_progress`](Self::poll_progress) lets it work on without giving out a result.
    ///
    /// # Cancellation safety
    /// A `next` that is given up ends nothing and loses nothing: the following one gets that result. Dropping the
    /// stream drops the handlers that run, and its source.
    ///
    /// # Panics
    /// A panic of a handler, a key function or the source goes through `poll_next`. Nothing is broken by that: the
    /// item counts as cancelled, nothing comes out for it, and polling goes on with the rest.
    #[must_use = "streams do nothing unless polled"]
    pub struct InOrder<S: Stream, H, F: Future, K: Key<S::Item> = NoKey, M = Fallible> {
        #[pin]
        engine: Engine<S, H, F, K>,
        is_cut_by_failure: bool,
        mode: PhantomData<fn() -> M>,
    }
}

/// The results of a handler that cannot fail, in the order of the items: the stream that
/// [`InOrderExt::in_order_map`](super::InOrderExt::in_order_map) returns.
pub type InOrderMap<S, H, F> = InOrder<S, H, F, NoKey, Plain>;

/// What comes out for an output of a handler.
pub trait Mode<O>: sealed::Sealed {
    /// What comes out.
    type Item;

    #[doc(hidden)]
    const CAN_FAIL: bool;

    #[doc(hidden)]
    fn outcome(output: &O) -> Outcome;

    #[doc(hidden)]
    fn emit(output: O, seq: Seq, attempt: u32) -> Self::Item;
}

/// The handler returns a `Result`, and a [`Failure`] comes out for an error.
#[derive(Clone, Copy, Debug)]
pub enum Fallible {}

/// What the handler returns comes out.
#[derive(Clone, Copy, Debug)]
pub enum Plain {}

impl<R, E> Mode<Result<R, E>> for Fallible {
    type Item = Result<R, Failure<E>>;
    const CAN_FAIL: bool = true;

    #[inline]
    fn outcome(output: &Result<R, E>) -> Outcome {
        if output.is_ok() { Outcome::Ok } else { Outcome::FAILED }
    }

    #[inline]
    fn emit(output: Result<R, E>, seq: Seq, attempt: u32) -> Self::Item {
        output.map_err(|error| Failure::new(FailureKind::Handler(error), seq, attempt, ()))
    }
}

impl<R> Mode<R> for Plain {
    type Item = R;
    const CAN_FAIL: bool = false;

    #[inline]
    fn outcome(_: &R) -> Outcome {
        Outcome::Ok
    }

    #[inline]
    fn emit(output: R, _: Seq, _: u32) -> R {
        output
    }
}

impl<S, H, F, K, M> InOrder<S, H, F, K, M>
where
    S: Stream,
    H: FnMut(S::Item) -> F,
    F: Future,
    K: Key<S::Item>,
    M: Mode<F::Output>,
{
    pub(super) fn new(source: S, options: &Options, key: K, handler: H) -> Self {
        let is_cut_by_failure = M::CAN_FAIL && options.policy() != OnFailure::Emit;
        Self {
            engine: Engine::new(source, options, key, handler),
            is_cut_by_failure,
            mode: PhantomData,
        }
    }

    /// Lets what runs work on, reads and starts what there is room for, and gives nothing out. Ready when there is
    /// nothing left to do until a result is taken, or at the end; at once where nothing was asked for yet.
    ///
    /// For a consumer that takes long over a result: poll it together with that work.
    pub fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().engine.poll_progress(cx, M::outcome)
    }

    /// Counters and gauges. A stream has no clock: ages are 0.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.engine.state().stats(Time::default())
    }

    /// What the next result waits for; `None` when nothing is inside. A stream has no clock: ages are 0.
    #[must_use]
    pub fn why_blocked(&self) -> Option<Blocked> {
        self.engine.state().why_blocked(Time::default())
    }
}

impl<S, H, F, K, M> Stream for InOrder<S, H, F, K, M>
where
    S: Stream,
    H: FnMut(S::Item) -> F,
    F: Future,
    K: Key<S::Item>,
    M: Mode<F::Output>,
{
    type Item = M::Item;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<M::Item>> {
        let emitted = self.project().engine.poll_next(cx, M::outcome);
        emitted.map(|emitted| {
            emitted.map(|Emitted { output, seq, attempt }| M::emit(output, seq, attempt))
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.engine.size_hint();
        // a failure is the last that comes out
        (if self.is_cut_by_failure { low.min(1) } else { low }, high)
    }
}

impl<S, H, F, K, M> FusedStream for InOrder<S, H, F, K, M>
where
    S: Stream,
    H: FnMut(S::Item) -> F,
    F: Future,
    K: Key<S::Item>,
    M: Mode<F::Output>,
{
    fn is_terminated(&self) -> bool {
        self.engine.is_over()
    }
}

impl<S: Stream, H, F: Future, K: Key<S::Item>, M> fmt::Debug for InOrder<S, H, F, K, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InOrder").field("state", self.engine.state()).finish_non_exhaustive()
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Fallible {}
    impl Sealed for super::Plain {}
}
