//! Callbacks of streams that are put in order, and the errors that they end them with.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;

use super::resequence::Gap;
use crate::{Discard, SequenceError};

/// Why a stream that is put in order has ended: `G` is the error of `on_gap`, `D` that of `on_discard`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResequenceError<K = (), G = Infallible, D = Infallible> {
    /// The numbers do not go on as they should.
    Sequence(SequenceError<K>),
    /// `on_gap` returned this error.
    OnGap(G),
    /// `on_discard` returned this error.
    OnDiscard(D),
}

impl<K, G, D> ResequenceError<K, G, D> {
    /// What is wrong with the numbers, where it is that.
    pub fn sequence(&self) -> Option<&SequenceError<K>> {
        match self {
            Self::Sequence(error) => Some(error),
            Self::OnGap(_) | Self::OnDiscard(_) => None,
        }
    }
}

impl<K, G, D> From<SequenceError<K>> for ResequenceError<K, G, D> {
    fn from(error: SequenceError<K>) -> Self {
        Self::Sequence(error)
    }
}

impl<K, G, D> fmt::Display for ResequenceError<K, G, D>
where
    SequenceError<K>: fmt::Display,
    G: fmt::Display,
    D: fmt::Display,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sequence(error) => error.fmt(f),
            Self::OnGap(error) => error.fmt(f),
            Self::OnDiscard(error) => error.fmt(f),
        }
    }
}

/// What it shows is the error itself, so that there is no source.
impl<K, G, D> Error for ResequenceError<K, G, D>
where
    SequenceError<K>: fmt::Debug + fmt::Display,
    K: fmt::Debug,
    G: fmt::Debug + fmt::Display,
    D: fmt::Debug + fmt::Display,
{
}

/// What `on_gap` and `on_discard` may return: `()`, or a `Result`.
pub trait Verdict: sealed::Verdict {
    /// The error.
    type Error;

    #[doc(hidden)]
    fn into_result(self) -> Result<(), Self::Error>;
}

impl Verdict for () {
    type Error = Infallible;

    fn into_result(self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl<X> Verdict for Result<(), X> {
    type Error = X;

    fn into_result(self) -> Self {
        self
    }
}

/// Who is told of gaps.
pub trait OnGaps<Q>: sealed::Told {
    /// The error that it may end the stream with.
    type Error;

    /// False where it failed.
    #[doc(hidden)]
    fn tell(&mut self, gap: impl FnOnce() -> Gap<Q>) -> bool;

    #[doc(hidden)]
    fn take_error(&mut self) -> Option<Self::Error>;
}

/// Who is told of what is discarded.
pub trait OnDiscards<T>: sealed::Told {
    /// The error that it may end the stream with.
    type Error;

    /// False where it failed.
    #[doc(hidden)]
    fn tell(&mut self, item: T, why: Discard) -> bool;

    #[doc(hidden)]
    fn take_error(&mut self) -> Option<Self::Error>;
}

/// Nobody: no callback of this kind is given.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

/// A closure, and the error that it returned.
#[derive(Clone, Copy)]
pub struct Told<P, X> {
    callback: P,
    error: Option<X>,
}

impl<P, X> Told<P, X> {
    pub(super) fn new(callback: P) -> Self {
        Self { callback, error: None }
    }

    fn note(&mut self, result: Result<(), X>) -> bool {
        let is_ok = result.is_ok();
        self.error = result.err();
        is_ok
    }
}

impl<Q> OnGaps<Q> for Nobody {
    type Error = Infallible;

    fn tell(&mut self, _: impl FnOnce() -> Gap<Q>) -> bool {
        true
    }

    fn take_error(&mut self) -> Option<Infallible> {
        None
    }
}

impl<Q, A, P> OnGaps<Q> for Told<P, A::Error>
where
    A: Verdict,
    P: FnMut(Gap<Q>) -> A,
{
    type Error = A::Error;

    fn tell(&mut self, gap: impl FnOnce() -> Gap<Q>) -> bool {
        let result = (self.callback)(gap()).into_result();
        self.note(result)
    }

    fn take_error(&mut self) -> Option<A::Error> {
        self.error.take()
    }
}

impl<T> OnDiscards<T> for Nobody {
    type Error = Infallible;

    fn tell(&mut self, _: T, _: Discard) -> bool {
        true
    }

    fn take_error(&mut self) -> Option<Infallible> {
        None
    }
}

impl<T, A, P> OnDiscards<T> for Told<P, A::Error>
where
    A: Verdict,
    P: FnMut(T, Discard) -> A,
{
    type Error = A::Error;

    fn tell(&mut self, item: T, why: Discard) -> bool {
        let result = (self.callback)(item, why).into_result();
        self.note(result)
    }

    fn take_error(&mut self) -> Option<A::Error> {
        self.error.take()
    }
}

impl<P, X> fmt::Debug for Told<P, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}

mod sealed {
    pub trait Verdict {}
    impl Verdict for () {}
    impl<X> Verdict for Result<(), X> {}

    pub trait Told {}
    impl Told for super::Nobody {}
    impl<P, X> Told for super::Told<P, X> {}
}
