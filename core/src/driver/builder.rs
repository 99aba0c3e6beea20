//! Builds a processor.

use std::convert::Infallible;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use super::checkpoints::Checkpoints;
use super::clock::{Clock, MaybeClock, NoClock};
use super::delivery::{Answers, Delivery, OnResult, OnResultAsync, deliver};
use super::engine::{self, Driver, Engine};
use super::failure::{Failure, FailureKind};
use super::items::{Items, Takers};
use super::letters::{DeadLetter, Gaps, Halts, OnHalt, Receipt, Receiver, hand_over};
use super::processor::Processor;
use super::shared::{Abilities, Calls, KeyOf, Shared};
use super::state::{Core, State};
use super::told::Nobody;
use super::trials::Trials;
use crate::{Checkpoint, OnFailure, Options, OptionsError, Retry, SequencerOptions, SourceOptions};

/// What a [`Processor`] is to be: made by [`Processor::builder`].
///
/// # Examples
/// ```
/// use futures::executor::block_on;
/// use futures::future::join;
/// use inorder::{Options, Processor};
///
/// // those of one account one after the other, those of different ones at once
/// let mut booked = Vec::new();
/// let (bank, driver) = Processor::builder(async |(_, amount): (u32, i64)| amount.checked_mul(100).ok_or("too much"))
///     .options(Options::new().concurrency(64))
///     .key(|(account, _)| *account)
///     .on_result(|cents| booked.extend(cents.as_ref().ok().copied()))
///     .build();
/// let work = async {
///     for payment in [(1, 5), (2, i64::MAX), (1, 7)] {
///         drop(bank.enqueue(payment).await?);
///     }
///     bank.close().await?;
///     Ok::<_, Box<dyn std::error::Error>>(())
/// };
/// block_on(join(driver, work)).1.unwrap();
/// assert_eq!(booked, [500, 700]);
/// ```
#[must_use = "a builder does nothing until it builds"]
pub struct Builder<
    T,
    R,
    E,
    H,
    Q = Infallible,
    I = (),
    C = NoClock,
    D = Nobody,
    L = Nobody,
    N = Nobody,
    M = Nobody,
> {
    pub(super) plan: Plan<T, R, E, H>,
    asks: Calls<T, Q, I>,
    hooks: Hooks<C, D, L, N, M>,
}

/// What has the same types from the beginning.
pub(super) struct Plan<T, R, E, H> {
    handler: H,
    options: Options,
    pub(super) numbers: Option<SequencerOptions>,
    /// Goes before that of the options.
    retry: Option<Retry>,
    trials: Trials<T, Result<R, E>>,
    checkpoints: Checkpoints,
}

/// What has a type of its own as soon as it is given.
pub(super) struct Hooks<C, D, L, N, M> {
    pub(super) clock: C,
    pub(super) delivery: D,
    pub(super) receiver: L,
    pub(super) halts: N,
    pub(super) gaps: M,
}

impl<T, R, E, H> Builder<T, R, E, H> {
    pub(super) fn new(handler: H) -> Self {
        let plan = Plan {
            handler,
            options: Options::new(),
            numbers: None,
            retry: None,
            trials: Trials::default(),
            checkpoints: Checkpoints::default(),
        };
        let asks = Calls { key: None, keep: |_| (), copy: |()| () };
        let hooks = Hooks {
            clock: NoClock,
            delivery: Nobody,
            receiver: Nobody,
            halts: Nobody,
            gaps: Nobody,
        };
        Self { plan, asks, hooks }
    }
}

#[expect(clippy::type_complexity, reason = "each callback is a parameter of its own")]
impl<T, R, E, H, Q, I, C, D, L, N, M> Builder<T, R, E, H, Q, I, C, D, L, N, M> {
    /// How work is run and released. A failure is [emitted](OnFailure::Emit) where nothing else is said.
    pub fn options(mut self, options: Options) -> Self {
        self.plan.options = options;
        self
    }

    /// Items with the same key never run at the same time, but in their order. The function is called once for each
    /// item that is offered.
    ///
    /// A key that is an `Option` is a key like any other, `None` too; see [`optional_key`](Self::optional_key).
    pub fn key<P, K>(self, key: K) -> Builder<T, R, E, H, P, I, C, D, L, N, M>
    where
        P: Eq + Hash,
        K: Fn(&T) -> P + Send + Sync + 'static,
    {
        self.optional_key(move |item| Some(key(item)))
    }

    /// As [`key`](Self::key), where an item without a key is on its own: it waits for no other, and no other for it.
    pub fn optional_key<P, K>(self, key: K) -> Builder<T, R, E, H, P, I, C, D, L, N, M>
    where
        P: Eq + Hash,
        K: Fn(&T) -> Option<P> + Send + Sync + 'static,
    {
        let key: KeyOf<T, P> = Box::new(key);
        self.asking(|Calls { keep, copy, .. }| Calls { key: Some(key), keep, copy })
    }

    /// Keeps a clone of each item, made when it is offered, for its [`Failure`] and the report:
    /// `.keep_items(T::clone)`.
    pub fn keep_items(self, clone: fn(&T) -> T) -> Builder<T, R, E, H, Q, T, C, D, L, N, M> {
        self.asking(|Calls { key, .. }| Calls { key, keep: clone, copy: clone })
    }

    /// Tries again what failed, each time with a copy of the item, made before each attempt: `.retry(Retry::new(5),
    /// T::clone)`. Needs a [`clock`](Self::clock).
    ///
    /// [`Resume::Retry`](crate::Resume::Retry) needs it too: with `Retry::new(1)` where nothing else is tried again.
    pub fn retry(mut self, retry: Retry, copy: fn(&T) -> T) -> Self {
        self.plan.trials.again = Some(copy);
        self.plan.retry = Some(retry);
        self
    }

    /// Tries again only where this says so, of the error ([`FailureKind::Handler`] or
    /// [`FailureKind::AttemptTimeout`]) and the number of the attempt that failed.
    pub fn retry_if(
        mut self,
        predicate: impl Fn(FailureKind<&E>, u32) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.plan.trials.retry_if(predicate);
        self
    }

    /// Asks an error how long to wait before the next attempt. Where it does not say, the wait is that of [`Retry`].
    pub fn retry_after(
        mut self,
        wait: impl Fn(&E) -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        self.plan.trials.retry_after(wait);
        self
    }

    /// Follows what is completed, for [`Processor::checkpoint`].
    ///
    /// What is never completed, because it failed and that came out or it was cancelled, holds the position: all that is
    /// completed behind it is remembered.
    pub fn checkpoints(mut self) -> Self {
        self.plan.checkpoints.are_wanted = true;
        self
    }

    /// Goes on from a checkpoint of an earlier life, and follows what is completed as [`checkpoints`](Self::checkpoints)
    /// says. Needs numbers that the callers give ([`sequenced`](Self::sequenced)); the first is then the one after the
    /// checkpoint's position.
    ///
    /// An item that the checkpoint has is accepted and not run: its ticket is done at once, with
    /// [`FailureKind::Restored`].
    pub fn restore(mut self, checkpoint: Checkpoint) -> Self {
        self.plan.checkpoints.restored = Some(checkpoint);
        self
    }

    /// The clock: for time limits, for waits before something is tried again, for [`Processor::close_within`], and for
    /// ages.
    pub fn clock<P: Clock>(self, clock: P) -> Builder<T, R, E, H, Q, I, P, D, L, N, M> {
        self.hooked(|Hooks { delivery, receiver, halts, gaps, .. }| Hooks {
            clock,
            delivery,
            receiver,
            halts,
            gaps,
        })
    }

    /// Is called with each result and each emitted failure, in order, one at a time, by the driver. When it has
    /// returned the result goes to its ticket, and its unit of capacity comes back.
    ///
    /// It returns `()`, or a `Result`. An error stops the processor as [`OnFailure::Fail`] does, at that item.
    pub fn on_result<A, G>(self, callback: G) -> Builder<T, R, E, H, Q, I, C, OnResult<G>, L, N, M>
    where
        A: Answers<E>,
        G: FnMut(&Result<R, Failure<E, I>>) -> A,
    {
        self.delivery(OnResult(callback))
    }

    /// As [`on_result`](Self::on_result), with an async closure: the next call waits until this one is over.
    pub fn on_result_async<A, G>(
        self,
        callback: G,
    ) -> Builder<T, R, E, H, Q, I, C, OnResultAsync<G>, L, N, M>
    where
        A: Answers<E>,
        G: AsyncFnMut(&Result<R, Failure<E, I>>) -> A,
    {
        self.delivery(OnResultAsync(callback))
    }

    /// Receives what failed for good, under [`OnFailure::DeadLetter`]: an async closure, called again, after 0.1 s
    /// doubling to 30 s, until it succeeds. It returns `()`, or a `Result`. Needs a [`clock`](Self::clock).
    ///
    /// It runs outside of the concurrency, several at a time. Until it has succeeded the item keeps its position, its
    /// lane and its unit of capacity; then nothing comes out, and the ticket gets the error of the handler.
    pub fn dead_letter<A, G>(
        self,
        callback: G,
    ) -> Builder<T, R, E, H, Q, I, C, D, DeadLetter<G>, N, M>
    where
        A: Receipt,
        G: AsyncFn(&Failure<E, I>) -> A,
    {
        let receiver = DeadLetter(callback);
        self.hooked(|Hooks { clock, delivery, halts, gaps, .. }| Hooks {
            clock,
            delivery,
            receiver,
            halts,
            gaps,
        })
    }

    /// Is told when a key is halted, under [`OnFailure::HaltKey`], by the driver; see [`Processor::resume_key`].
    ///
    /// It returns `()`, or a `Result`. An error stops the processor as [`OnFailure::Fail`] does, at that item, whose
    /// ticket gets the error of the handler.
    pub fn on_halt<A, G>(self, callback: G) -> Builder<T, R, E, H, Q, I, C, D, L, OnHalt<G>, M>
    where
        A: Answers<E>,
        G: FnMut(&Failure<E, I>) -> A,
    {
        let halts = OnHalt(callback);
        self.hooked(|Hooks { clock, delivery, receiver, gaps, .. }| Hooks {
            clock,
            delivery,
            receiver,
            halts,
            gaps,
        })
    }

    /// Replaces what is asked of items.
    fn asking<P, J>(
        self,
        change: impl FnOnce(Calls<T, Q, I>) -> Calls<T, P, J>,
    ) -> Builder<T, R, E, H, P, J, C, D, L, N, M> {
        let Self { plan, asks, hooks } = self;
        Builder { plan, asks: change(asks), hooks }
    }

    /// Replaces some of what has a type of its own.
    pub(super) fn hooked<C2, D2, L2, N2, M2>(
        self,
        change: impl FnOnce(Hooks<C, D, L, N, M>) -> Hooks<C2, D2, L2, N2, M2>,
    ) -> Builder<T, R, E, H, Q, I, C2, D2, L2, N2, M2> {
        let Self { plan, asks, hooks } = self;
        Builder { plan, asks, hooks: change(hooks) }
    }

    pub(super) fn delivery<P>(self, delivery: P) -> Builder<T, R, E, H, Q, I, C, P, L, N, M> {
        self.hooked(|Hooks { clock, receiver, halts, gaps, .. }| Hooks {
            clock,
            delivery,
            receiver,
            halts,
            gaps,
        })
    }

    fn source(&self) -> SourceOptions
    where
        M: Gaps<E>,
    {
        let source = SourceOptions::new()
            .keyed(self.asks.key.is_some())
            .acknowledged(self.plan.checkpoints.are_followed());
        match self.plan.numbers {
            Some(numbers) if M::IS_WANTED => {
                source.sequenced_with(numbers.gap_warning_or(Duration::ZERO))
            }
            Some(numbers) => source.sequenced_with(numbers),
            None => source,
        }
    }

    /// The options that hold.
    fn effective_options(&self) -> Options
    where
        M: Gaps<E>,
    {
        let options = self.plan.options.clone().on_failure_or(OnFailure::Emit).fit(&self.source());
        match self.plan.retry.clone() {
            Some(retry) => options.retry(retry),
            None => options,
        }
    }

    /// Looks whether a processor can be built.
    ///
    /// # Errors
    /// The first option that is out of its bounds, or needs what is not given: time limits, retries and dead letters a
    /// [clock](Self::clock); retries a [way to copy items](Self::retry); [`OnFailure::DeadLetter`] somebody who
    /// [receives](Self::dead_letter); [`OnFailure::HaltKey`] a [key](Self::key) and somebody who is
    /// [told](Self::on_halt); a checkpoint to [restore](Self::restore), and [`on_gap`](Self::on_gap), numbers that the
    /// [callers give](Self::sequenced_with).
    pub fn check(&self) -> Result<(), OptionsError>
    where
        C: MaybeClock,
        L: Receiver<E, I>,
        N: Halts<E, I>,
        M: Gaps<E>,
    {
        let options = self.effective_options();
        options.check()?;
        self.check_numbers(options.effective_capacity())?;
        let needs = |is_missing: bool, name, needs| {
            if is_missing { Err(OptionsError::Needs { name, needs }) } else { Ok(()) }
        };
        match options.policy() {
            OnFailure::Fail | OnFailure::Emit | OnFailure::Skip => {}
            OnFailure::DeadLetter => {
                needs(!L::IS_WANTED, "on_failure: dead_letter", "somebody who receives")?;
            }
            OnFailure::HaltKey => {
                needs(self.asks.key.is_none(), "on_failure: halt_key", "a key")?;
                needs(!N::IS_WANTED, "on_failure: halt_key", "on_halt")?;
            }
        }
        needs(L::IS_WANTED && !C::HAS_TIME, "dead_letter", "a clock")?;
        self.plan.checkpoints.check(self.plan.numbers.is_some())?;
        options.check_needs(C::HAS_TIME, self.plan.trials.again.is_some())
    }

    /// The processor, and the driver to be spawned.
    ///
    /// # Panics
    /// With the text of [`check`](Self::check), where that finds something.
    #[expect(clippy::type_complexity, reason = "the driver has no name that anybody could write")]
    pub fn build<F>(self) -> (Processor<T, R, E, Q, I, C>, Driver<impl Future<Output = ()>>)
    where
        H: FnMut(T) -> F,
        F: Future<Output = Result<R, E>>,
        Q: Eq + Hash,
        C: MaybeClock + Clone,
        D: Delivery<R, E, I>,
        L: Receiver<E, I>,
        N: Halts<E, I>,
        M: Gaps<E>,
    {
        if let Err(error) = self.check() {
            panic!("{error}");
        }
        let (options, source) = (self.effective_options(), self.source());
        let Self { plan, asks, hooks } = self;
        let is_fatal = options.policy() == OnFailure::Fail;
        let mut state = State::new(&options, source);
        if let Some(checkpoint) = &plan.checkpoints.restored {
            state.restore(checkpoint);
        }
        state.taking(D::IS_WANTED);
        let core = Arc::new(Core::new(state));
        let takers = if D::IS_WANTED { Takers::Callback } else { Takers::Tickets };
        let items = Items::new(Arc::clone(&core), takers, is_fatal);
        let abilities =
            Abilities { hands_over: L::IS_WANTED, tries_again: plan.trials.again.is_some() };
        let shared = Shared::new(core, items, asks, abilities);
        let receiver = Arc::new(hooks.receiver);
        let calls = engine::Calls {
            handler: plan.handler,
            delivery: deliver(Arc::clone(&shared), hooks.delivery),
            hand_over: move |letter| hand_over(Arc::clone(&receiver), letter),
            ears: (hooks.halts, hooks.gaps),
        };
        let engine = Engine::new(
            Arc::clone(&shared),
            options.concurrency,
            plan.trials,
            hooks.clock.clone(),
            calls,
        );
        (Processor::of(shared, hooks.clock), Driver::new(engine))
    }
}

impl<T, R, E, H, Q, I, C, D, L, N, M> fmt::Debug for Builder<T, R, E, H, Q, I, C, D, L, N, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("options", &self.plan.options).finish_non_exhaustive()
    }
}
