//! Builds a processor.

use std::convert::Infallible;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use super::clock::{Clock, MaybeClock, NoClock};
use super::delivery::{Answers, Delivery, NoDelivery, OnResult, OnResultAsync, deliver};
use super::engine::{Driver, Engine};
use super::failure::Failure;
use super::items::{Items, Takers};
use super::processor::Processor;
use super::shared::{KeyOf, Shared};
use super::state::{Core, State};
use crate::{OnFailure, Options, Seq, SourceOptions};

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
pub struct Builder<T, R, E, H, Q = Infallible, I = (), C = NoClock, D = NoDelivery> {
    handler: H,
    options: Options,
    start: Option<Seq>,
    key: Option<KeyOf<T, Q>>,
    keep: fn(&T) -> I,
    copy: fn(&I) -> I,
    clock: C,
    delivery: D,
    output: std::marker::PhantomData<fn() -> (R, E)>,
}

impl<T, R, E, H> Builder<T, R, E, H> {
    pub(super) fn new(handler: H) -> Self {
        Self {
            handler,
            options: Options::new(),
            start: None,
            key: None,
            keep: |_| (),
            copy: |()| (),
            clock: NoClock,
            delivery: NoDelivery,
            output: std::marker::PhantomData,
        }
    }
}

impl<T, R, E, H, Q, I, C, D> Builder<T, R, E, H, Q, I, C, D> {
    /// How work is run and released. A failure is [emitted](OnFailure::Emit) where nothing else is said.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Items with the same key never run at the same time, but in their order. The function is called once for each
    /// item that is offered.
    ///
    /// A key that is an `Option` is a key like any other, `None` too; see [`optional_key`](Self::optional_key).
    pub fn key<P, K>(self, key: K) -> Builder<T, R, E, H, P, I, C, D>
    where
        P: Eq + Hash,
        K: Fn(&T) -> P + Send + Sync + 'static,
    {
        self.optional_key(move |item| Some(key(item)))
    }

    /// As [`key`](Self::key), where an item without a key is on its own: it waits for no other, and no other for it.
    pub fn optional_key<P, K>(self, key: K) -> Builder<T, R, E, H, P, I, C, D>
    where
        P: Eq + Hash,
        K: Fn(&T) -> Option<P> + Send + Sync + 'static,
    {
        let Self { handler, options, start, keep, copy, clock, delivery, output, .. } = self;
        let key: Option<KeyOf<T, P>> = Some(Box::new(key));
        Builder { handler, options, start, key, keep, copy, clock, delivery, output }
    }

    /// The callers give the numbers, beginning with this one, by [`Processor::enqueue_at`]: an item starts when all
    /// before it have arrived.
    pub fn sequenced(mut self, start: Seq) -> Self {
        self.start = Some(start);
        self
    }

    /// Keeps a clone of each item, made when it is offered, for its [`Failure`] and the report:
    /// `.keep_items(T::clone)`.
    pub fn keep_items(self, clone: fn(&T) -> T) -> Builder<T, R, E, H, Q, T, C, D> {
        let Self { handler, options, start, key, clock, delivery, output, .. } = self;
        Builder { handler, options, start, key, keep: clone, copy: clone, clock, delivery, output }
    }

    /// The clock: for [`Processor::close_within`], and for ages.
    pub fn clock<P: Clock>(self, clock: P) -> Builder<T, R, E, H, Q, I, P, D> {
        let Self { handler, options, start, key, keep, copy, delivery, output, .. } = self;
        Builder { handler, options, start, key, keep, copy, clock, delivery, output }
    }

    /// Is called with each result and each emitted failure, in order, one at a time, by the driver. When it has
    /// returned the result goes to its ticket, and its unit of capacity comes back.
    ///
    /// It returns `()`, or a `Result`. An error stops the processor as [`OnFailure::Fail`] does, at that item.
    pub fn on_result<A, G>(self, callback: G) -> Builder<T, R, E, H, Q, I, C, OnResult<G>>
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
    ) -> Builder<T, R, E, H, Q, I, C, OnResultAsync<G>>
    where
        A: Answers<E>,
        G: AsyncFnMut(&Result<R, Failure<E, I>>) -> A,
    {
        self.delivery(OnResultAsync(callback))
    }

    fn delivery<P>(self, delivery: P) -> Builder<T, R, E, H, Q, I, C, P> {
        let Self { handler, options, start, key, keep, copy, clock, output, .. } = self;
        Builder { handler, options, start, key, keep, copy, clock, delivery, output }
    }

    /// The processor, and the driver to be spawned.
    ///
    /// # Panics
    /// Where an option is out of its bounds, with the text of [`Options::check`].
    #[expect(clippy::type_complexity, reason = "the driver has no name that anybody could write")]
    pub fn build<F>(self) -> (Processor<T, R, E, Q, I, C>, Driver<impl Future<Output = ()>>)
    where
        H: FnMut(T) -> F,
        F: Future<Output = Result<R, E>>,
        Q: Eq + Hash,
        C: MaybeClock + Clone,
        D: Delivery<R, E, I>,
    {
        let options = self.options.on_failure_or(OnFailure::Emit);
        let is_fatal = options.policy() == OnFailure::Fail;
        let mut source = SourceOptions::new().keyed(self.key.is_some());
        if let Some(start) = self.start {
            source = source.sequenced(start);
        }
        let core = Arc::new(Core::new(State::new(&options, source)));
        let takers = if D::IS_WANTED { Takers::Callback } else { Takers::Tickets };
        let items = Items::new(Arc::clone(&core), takers, is_fatal);
        let shared = Shared::new(core, items, self.key, self.keep, self.copy);
        let delivery = deliver(Arc::clone(&shared), self.delivery);
        let engine = Engine::new(
            Arc::clone(&shared),
            options.concurrency,
            self.handler,
            self.clock.clone(),
            delivery,
        );
        (Processor::of(shared, self.clock), Driver::new(engine))
    }
}

impl<T, R, E, H, Q, I, C, D> fmt::Debug for Builder<T, R, E, H, Q, I, C, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("options", &self.options).finish_non_exhaustive()
    }
}
