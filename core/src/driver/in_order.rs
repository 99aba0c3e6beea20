//! Results in order, as streams.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use super::clock::{Clock, MaybeClock, NoClock};
use super::failure::{Failure, FailureKind};
use super::key::{Key, NoKey};
use super::letters::{DeadLetter, Letters, Receipt};
use super::source::{Emitted, Pipeline};
use super::told::Nobody;
use crate::event::Why;
use crate::{Blocked, OnFailure, Options, OptionsError, Outcome, Retry, Seq, Stats};

pin_project! {
    /// The results of a handler, in the order of the items: the stream that
    /// [`InOrderExt::in_order`](super::InOrderExt::in_order) and its like return.
    ///
    /// Time limits need a [`clock`](Self::clock), and to try again needs a way to copy items: [`retry`](Self::retry).
    ///
    /// # Examples
    /// ```
    /// use futures::{TryStreamExt, stream};
    /// use inorder::{InOrderExt, Options, Retry};
    /// # use std::{cell::Cell, future::{Ready, ready}, time::Duration};
    /// # use inorder::{Clock, Time};
    /// # #[derive(Default)] struct YourClock(Cell<u64>);
    /// # impl Clock for YourClock {
    /// #     type Sleep = Ready<()>;
    /// #     fn now(&self) -> Time { Time::from_micros(self.0.get()) }
    /// #     fn sleep_until(&self, until: Time) -> Ready<()> { self.0.set(until.as_micros()); ready(()) }
    /// # }
    ///
    /// # futures::executor::block_on(async {
    /// let mut calls = 0;
    /// let fetch = |page: String| {
    ///     calls += 1;
    ///     let answer = if calls < 3 { Err("busy") } else { Ok(page.len()) };
    ///     async move { answer }
    /// };
    /// let pages = stream::iter(["one".to_owned(), "three".to_owned()])
    ///     .in_order(Options::new().timeout(Duration::from_secs(5)), fetch)
    ///     .clock(YourClock::default())
    ///     .retry(Retry::new(3), String::clone);
    /// assert_eq!(pages.try_collect::<Vec<_>>().await.unwrap(), [3, 5]);
    /// # });
    /// ```
    ///
    /// # Progress
    /// It starts with the first [`poll_next`](Stream::poll_next), and works while it is polled: it reads, calls and polls
    /// handlers, looks at time limits, and hands over. Where nothing comes out of all that it reads, as what fails is
    /// skipped, it gives way after 256 items, so that its executor has its turn. While its consumer is busy with something else,
    /// [`poll_progress`](Self::poll_progress) lets it work on without giving out a result.
    ///
    /// ```
    /// use std::future::poll_fn;
    /// use std::pin::pin;
    ///
    /// use futures::future::{Either, select};
    /// use futures::{StreamExt, stream};
    /// use inorder::{InOrder, InOrderExt, Options};
    ///
    /// # futures::executor::block_on(async {
    /// let fetch = async |page: u32| page * 10;
    /// let save = async |page: u32| assert!(page % 10 == 0);
    /// let mut pages = pin!(stream::iter(1..=3).in_order_map(Options::new().concurrency(8), fetch));
    /// while let Some(page) = pages.next().await {
    ///     // the others go on while this one is saved
    ///     let progress = poll_fn(|cx| InOrder::poll_progress(pages.as_mut(), cx));
    ///     if let Either::Right((_, saving)) = select(pin!(save(page)), progress).await {
    ///         saving.await;
    ///     }
    /// }
    /// # });
    /// ```
    ///
    /// # Cancellation safety
    /// A `next` that is given up ends nothing and loses nothing: the following one gets that result. Dropping the
    /// stream drops the handlers that run, and its source.
    ///
    /// # Panics
    /// A panic of a handler, a key function or the source goes through `poll_next`. Nothing is broken by that: the
    /// item counts as cancelled, nothing comes out for it, and polling goes on with the rest; a hand-over is tried again.
    /// A panic of the source itself is the source's affair: it is polled again. One of a destructor costs no other item,
    /// but may cost the result that was on its way out.
    ///
    /// The first poll panics with the text of [`check`](Self::check) where that finds something.
    #[must_use = "streams do nothing unless polled"]
    pub struct InOrder<
        S: Stream,
        H,
        F: Future,
        K: Key<S::Item> = NoKey,
        M = Fallible,
        C: MaybeClock = NoClock,
        L: Letters<S::Item, <F as Future>::Output> = Nobody,
    > {
        #[pin]
        pipeline: Pipeline<S, H, F, K, C, L>,
        is_cut_by_failure: bool,
        is_shortened: bool,
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
    fn emit(output: Result<O, Why>, seq: Seq, attempt: u32) -> Self::Item;
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
    fn emit(output: Result<Result<R, E>, Why>, seq: Seq, attempt: u32) -> Self::Item {
        let kind = match output {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => FailureKind::Handler(error),
            Err(why) => FailureKind::of(why),
        };
        Err(Failure::new(kind, seq, attempt, ()))
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
    fn emit(output: Result<R, Why>, _: Seq, _: u32) -> R {
        output.unwrap_or_else(|_| unreachable!("without a clock there is no time limit"))
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
    pub(super) fn new(source: S, options: Options, key: K, handler: H) -> Self {
        let is_cut_by_failure = M::CAN_FAIL && options.policy() == OnFailure::Fail;
        let is_shortened =
            M::CAN_FAIL && matches!(options.policy(), OnFailure::Skip | OnFailure::DeadLetter);
        Self {
            pipeline: Pipeline::new(source, options, key, handler),
            is_cut_by_failure,
            is_shortened,
            mode: PhantomData,
        }
    }
}

impl<S, H, F, K, R, E, C, L> InOrder<S, H, F, K, Fallible, C, L>
where
    S: Stream,
    H: FnMut(S::Item) -> F,
    F: Future<Output = Result<R, E>>,
    K: Key<S::Item>,
    C: MaybeClock,
    L: Letters<S::Item, Result<R, E>>,
{
    /// Gives it a clock: for time limits, to try again, and for ages. Called before it is polled.
    pub fn clock<P: Clock>(self, clock: P) -> InOrder<S, H, F, K, Fallible, P, L> {
        let Self { pipeline, is_cut_by_failure, is_shortened, mode } = self;
        let pipeline = pipeline.with_clock(clock);
        InOrder { pipeline, is_cut_by_failure, is_shortened, mode }
    }

    /// Tries again what failed, each time with a copy of the item: `.retry(Retry::new(5), T::clone)`. Needs a
    /// [`clock`](Self::clock).
    ///
    /// # Panics
    /// Where a number makes no sense, with the text of [`Options::check`], or where it was polled already.
    pub fn retry(mut self, retry: Retry, copy: fn(&S::Item) -> S::Item) -> Self {
        self.pipeline.retry(retry, copy);
        self
    }

    /// Receives what failed for good, under [`OnFailure::DeadLetter`]: an async closure, called again, after 0.1 s
    /// doubling to 30 s, until it succeeds. It returns `()`, or a `Result`. Needs a [`clock`](Self::clock), and a way to
    /// copy items: each goes to its handler as a copy, and into its [`Failure`] itself.
    ///
    /// It runs outside of the concurrency, several at a time. Until it has succeeded the item keeps its position, its
    /// key and its unit of capacity; then nothing comes out. Called before it is polled.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    ///
    /// use futures::{TryStreamExt, stream};
    /// use inorder::{Failure, InOrderExt, OnFailure, Options};
    /// # use std::{cell::Cell, future::{Ready, ready}};
    /// # use inorder::{Clock, Time};
    /// # #[derive(Default)] struct YourClock(Cell<u64>);
    /// # impl Clock for YourClock {
    /// #     type Sleep = Ready<()>;
    /// #     fn now(&self) -> Time { Time::from_micros(self.0.get()) }
    /// #     fn sleep_until(&self, until: Time) -> Ready<()> { self.0.set(until.as_micros()); ready(()) }
    /// # }
    ///
    /// # futures::executor::block_on(async {
    /// let mut letters = Vec::new();
    /// let numbers = stream::iter(["1", "two", "3"])
    ///     .in_order(Options::new().on_failure(OnFailure::DeadLetter), async |word: &str| word.parse::<u32>())
    ///     .clock(YourClock::default())
    ///     .dead_letter(|word| *word, |failure: Arc<Failure<_, &str>>| {
    ///         letters.push(failure.item);
    ///         async {}
    ///     });
    /// assert_eq!(numbers.try_collect::<Vec<_>>().await.unwrap(), [1, 3]);
    /// assert_eq!(letters, ["two"]);
    /// # });
    /// ```
    pub fn dead_letter<A, P, G>(
        self,
        copy: fn(&S::Item) -> S::Item,
        receive: G,
    ) -> InOrder<S, H, F, K, Fallible, C, DeadLetter<G>>
    where
        A: Receipt,
        P: Future<Output = A>,
        G: FnMut(Arc<Failure<E, S::Item>>) -> P,
    {
        let Self { pipeline, is_cut_by_failure, is_shortened, mode } = self;
        let pipeline = pipeline.with_receiver(copy, DeadLetter(receive));
        InOrder { pipeline, is_cut_by_failure, is_shortened, mode }
    }

    /// Tries again only where this says so, of the error ([`FailureKind::Handler`] or
    /// [`FailureKind::AttemptTimeout`]) and the number of the attempt that failed.
    pub fn retry_if(
        mut self,
        predicate: impl Fn(FailureKind<&E>, u32) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.pipeline.trials().retry_if(predicate);
        self
    }

    /// Asks an error how long to wait before the next attempt. Where it does not say, the wait is that of [`Retry`].
    pub fn retry_after(
        mut self,
        wait: impl Fn(&E) -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        self.pipeline.trials().retry_after(wait);
        self
    }
}

impl<S, H, F, K, M, C, L> InOrder<S, H, F, K, M, C, L>
where
    S: Stream,
    H: FnMut(S::Item) -> F,
    F: Future,
    K: Key<S::Item>,
    M: Mode<F::Output>,
    C: MaybeClock,
    L: Letters<S::Item, F::Output>,
{
    /// Looks whether what the options need is given.
    ///
    /// # Errors
    /// The first option that needs something: a [clock](Self::clock), a [way to copy items](Self::retry),
    /// somebody who [receives](Self::dead_letter), or a [`Processor`](super::Processor).
    pub fn check(&self) -> Result<(), OptionsError> {
        self.pipeline.check()
    }

    /// Lets what runs work on, reads and starts what there is room for, and gives nothing out. Ready when there is
    /// nothing left to do until a result is taken, or at the end; at once where nothing was asked for yet.
    ///
    /// For a consumer that takes long over a result: poll it together with that work.
    pub fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().pipeline.poll_progress(cx, M::outcome)
    }

    /// Counters and gauges. Without a clock ages are 0.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.pipeline.state().stats(self.pipeline.now())
    }

    /// What the next result waits for; `None` when nothing is inside. Without a clock ages are 0.
    #[must_use]
    pub fn why_blocked(&self) -> Option<Blocked> {
        self.pipeline.state().why_blocked(self.pipeline.now())
    }
}

impl<S, H, F, K, M, C, L> Stream for InOrder<S, H, F, K, M, C, L>
where
    S: Stream,
    H: FnMut(S::Item) -> F,
    F: Future,
    K: Key<S::Item>,
    M: Mode<F::Output>,
    C: MaybeClock,
    L: Letters<S::Item, F::Output>,
{
    type Item = M::Item;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<M::Item>> {
        let emitted = self.project().pipeline.poll_next(cx, M::outcome, M::CAN_FAIL);
        emitted.map(|emitted| {
            emitted.map(|Emitted { output, seq, attempt }| M::emit(output, seq, attempt))
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.pipeline.size_hint();
        // a failure is the last that comes out, and of what is skipped nothing does
        let least = if self.is_shortened { 0 } else { low };
        (if self.is_cut_by_failure { least.min(1) } else { least }, high)
    }
}

impl<S, H, F, K, M, C, L> FusedStream for InOrder<S, H, F, K, M, C, L>
where
    Self: Stream,
    S: Stream,
    F: Future,
    K: Key<S::Item>,
    C: MaybeClock,
    L: Letters<S::Item, F::Output>,
{
    fn is_terminated(&self) -> bool {
        self.pipeline.is_over()
    }
}

impl<S, H, F, K, M, C, L> fmt::Debug for InOrder<S, H, F, K, M, C, L>
where
    S: Stream,
    F: Future,
    K: Key<S::Item>,
    C: MaybeClock,
    L: Letters<S::Item, F::Output>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InOrder").field("state", self.pipeline.state()).finish_non_exhaustive()
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Fallible {}
    impl Sealed for super::Plain {}
}
