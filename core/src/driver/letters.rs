//! Callbacks about what goes wrong: `dead_letter`, which receives failures, and `on_halt` and `on_gap`, which hear of it.

use std::convert::Infallible;
use std::fmt;
use std::future::Ready;
use std::hash::Hash;
use std::sync::Arc;

use super::deadlock::{inside, tell};
use super::delivery::Answers;
use super::failure::{Failure, FailureKind, Stop};
use super::resequence::Gap;
use super::shared::Shared;
use super::ticket::Pledge;
use super::told::Nobody;
use crate::event::{Rest, Why};
use crate::{Handle, Seq, Time};

/// What a receiver of dead letters may return: `()`, or a `Result`.
pub trait Receipt: sealed::Receipt {
    #[doc(hidden)]
    fn is_received(&self) -> bool;
}

impl Receipt for () {
    fn is_received(&self) -> bool {
        true
    }
}

impl<X> Receipt for Result<(), X> {
    fn is_received(&self) -> bool {
        self.is_ok()
    }
}

/// Who receives dead letters.
pub trait Receiver<E, I>: sealed::Receiver {
    #[doc(hidden)]
    const IS_WANTED: bool;

    #[doc(hidden)]
    fn receive(&self, failure: &Failure<E, I>) -> impl Future<Output = bool>;
}

/// An async closure.
#[derive(Clone, Copy)]
pub struct DeadLetter<G>(pub(super) G);

impl<E, I> Receiver<E, I> for Nobody {
    const IS_WANTED: bool = false;

    async fn receive(&self, _: &Failure<E, I>) -> bool {
        true
    }
}

impl<E, I, A, G> Receiver<E, I> for DeadLetter<G>
where
    A: Receipt,
    G: AsyncFn(&Failure<E, I>) -> A,
{
    const IS_WANTED: bool = true;

    async fn receive(&self, failure: &Failure<E, I>) -> bool {
        (self.0)(failure).await.is_received()
    }
}

/// Who receives the dead letters of a stream.
pub trait Letters<T, O>: sealed::Receiver {
    #[doc(hidden)]
    const IS_WANTED: bool;

    #[doc(hidden)]
    type Letter;

    #[doc(hidden)]
    type Future: Future<Output: Receipt>;

    #[doc(hidden)]
    fn letter(output: Result<O, Why>, seq: Seq, attempt: u32, item: T) -> Option<Self::Letter>;

    #[doc(hidden)]
    fn hand_over(&mut self, letter: &Self::Letter) -> Self::Future;
}

impl<T, O> Letters<T, O> for Nobody {
    const IS_WANTED: bool = false;

    type Letter = Infallible;

    type Future = Ready<()>;

    fn letter(_: Result<O, Why>, _: Seq, _: u32, _: T) -> Option<Infallible> {
        None
    }

    fn hand_over(&mut self, letter: &Infallible) -> Ready<()> {
        match *letter {}
    }
}

impl<T, R, E, A, F, G> Letters<T, Result<R, E>> for DeadLetter<G>
where
    A: Receipt,
    F: Future<Output = A>,
    G: FnMut(Arc<Failure<E, T>>) -> F,
{
    const IS_WANTED: bool = true;

    type Letter = Arc<Failure<E, T>>;

    type Future = F;

    fn letter(
        output: Result<Result<R, E>, Why>,
        seq: Seq,
        attempt: u32,
        item: T,
    ) -> Option<Self::Letter> {
        let kind = match output {
            Ok(Ok(_)) => return None,
            Ok(Err(error)) => FailureKind::Handler(error),
            Err(why) => FailureKind::of(why),
        };
        Some(Arc::new(Failure::new(kind, seq, attempt, item)))
    }

    fn hand_over(&mut self, letter: &Self::Letter) -> F {
        (self.0)(Arc::clone(letter))
    }
}

/// Who hears that a key was halted.
pub trait Halts<E, I>: sealed::Halts {
    #[doc(hidden)]
    const IS_WANTED: bool;

    #[doc(hidden)]
    fn tell(&mut self, failure: &Failure<E, I>) -> Result<(), E>;
}

/// A closure.
#[derive(Clone, Copy)]
pub struct OnHalt<G>(pub(super) G);

impl<E, I> Halts<E, I> for Nobody {
    const IS_WANTED: bool = false;

    fn tell(&mut self, _: &Failure<E, I>) -> Result<(), E> {
        Ok(())
    }
}

impl<E, I, A, G> Halts<E, I> for OnHalt<G>
where
    A: Answers<E>,
    G: FnMut(&Failure<E, I>) -> A,
{
    const IS_WANTED: bool = true;

    fn tell(&mut self, failure: &Failure<E, I>) -> Result<(), E> {
        (self.0)(failure).into_result()
    }
}

/// Who hears of numbers that are missing.
pub trait Gaps<E>: sealed::Gaps {
    #[doc(hidden)]
    const IS_WANTED: bool;

    #[doc(hidden)]
    fn tell(&mut self, gap: Gap) -> Result<(), E>;
}

/// A closure.
#[derive(Clone, Copy)]
pub struct GapCall<G>(pub(super) G);

impl<E> Gaps<E> for Nobody {
    const IS_WANTED: bool = false;

    fn tell(&mut self, _: Gap) -> Result<(), E> {
        Ok(())
    }
}

impl<E, A, G> Gaps<E> for GapCall<G>
where
    A: Answers<E>,
    G: FnMut(Gap) -> A,
{
    const IS_WANTED: bool = true;

    fn tell(&mut self, gap: Gap) -> Result<(), E> {
        (self.0)(gap).into_result()
    }
}

/// All who hear of something.
pub(super) trait Ears<E, I> {
    fn tell_halt(&mut self, failure: &Failure<E, I>) -> Result<(), E>;
    fn tell_gap(&mut self, gap: Gap) -> Result<(), E>;
}

impl<E, I, N: Halts<E, I>, M: Gaps<E>> Ears<E, I> for (N, M) {
    fn tell_halt(&mut self, failure: &Failure<E, I>) -> Result<(), E> {
        self.0.tell(failure)
    }

    fn tell_gap(&mut self, gap: Gap) -> Result<(), E> {
        self.1.tell(gap)
    }
}

/// What the ticket gets of an item that has no result.
pub(super) struct End<E> {
    /// `None`: the item's own error, which a callback has in its hands.
    pub(super) kind: Option<FailureKind<E>>,
    pub(super) cause: Option<Stop<E>>,
}

/// The ticket of an item that has left while a callback had its failure in its hands.
pub(super) struct Owed<R, E, I> {
    pub(super) handle: Handle,
    pub(super) seq: Seq,
    pub(super) attempt: u32,
    pub(super) pledge: Pledge<R, E, I>,
    pub(super) end: End<E>,
    /// Where it was inside when all was stopped, and had been begun.
    pub(super) rest: Option<Rest>,
}

impl<R, E, I> Owed<R, E, I> {
    /// Whether it goes into the report, too.
    pub(super) fn is_reported(&self) -> bool {
        self.rest.is_some()
    }
}

/// A failure in the hands of a callback. Dropped, it goes back to its item.
pub(super) struct Letter<T, R, E, Q: Eq + Hash, I> {
    shared: Arc<Shared<T, R, E, Q, I>>,
    handle: Handle,
    failure: Option<Failure<E, I>>,
}

impl<T, R, E, Q: Eq + Hash, I> Letter<T, R, E, Q, I> {
    pub(super) fn new(
        shared: &Arc<Shared<T, R, E, Q, I>>,
        handle: Handle,
        failure: Failure<E, I>,
    ) -> Self {
        Self { shared: Arc::clone(shared), handle, failure: Some(failure) }
    }

    pub(super) fn failure(&self) -> &Failure<E, I> {
        self.failure.as_ref().expect("it is there until it is dropped")
    }

    #[cold]
    fn tell_own(&self) {
        let Failure { seq, attempt, item, .. } = self.failure();
        if let Some(pledge) = self.shared.pledge_of(self.handle) {
            tell(&pledge, *seq, *attempt, self.shared.copy(item));
        }
    }
}

impl<T, R, E, Q: Eq + Hash, I> Drop for Letter<T, R, E, Q, I> {
    fn drop(&mut self) {
        let Some(failure) = self.failure.take() else { return };
        self.shared.act(Time::default(), |_, items, effects| {
            items.bring_back(self.handle, failure, effects);
        });
    }
}

/// Hands a failure over. True where it was received.
pub(super) async fn hand_over<T, R, E, Q: Eq + Hash, I, L: Receiver<E, I>>(
    receiver: Arc<L>,
    letter: Letter<T, R, E, Q, I>,
) -> bool {
    let (core, call) = (&letter.shared.core, receiver.receive(letter.failure()));
    inside(core, letter.handle, call, || letter.tell_own()).await
}

impl<G> fmt::Debug for DeadLetter<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeadLetter")
    }
}

impl<G> fmt::Debug for GapCall<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GapCall")
    }
}

impl<G> fmt::Debug for OnHalt<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnHalt")
    }
}

mod sealed {
    pub trait Receipt {}
    impl Receipt for () {}
    impl<X> Receipt for Result<(), X> {}

    pub trait Receiver {}
    impl Receiver for super::Nobody {}
    impl<G> Receiver for super::DeadLetter<G> {}

    pub trait Halts {}
    impl Halts for super::Nobody {}
    impl<G> Halts for super::OnHalt<G> {}

    pub trait Gaps {}
    impl Gaps for super::Nobody {}
    impl<G> Gaps for super::GapCall<G> {}
}
