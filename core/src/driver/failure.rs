//! What goes wrong, and what is left over.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::stopping::Lost;
use crate::Seq;
use crate::event::Why;

const ATTEMPT_TIMEOUT: &str = "the attempt took longer than its timeout";
pub(super) const DEADLOCK: &str =
    "deadlock: a handler or a callback waits for what cannot come before it has ended";
const DEADLINE_EXCEEDED: &str = "the item took longer than its total timeout";

/// What comes out in the place of a result.
///
/// `T` is the item where a [`Processor`](super::Processor) keeps its items, else `()`.
#[derive(PartialEq, Eq)]
pub struct Failure<E, T = ()> {
    /// What happened.
    pub kind: FailureKind<E>,
    /// The item's position.
    pub seq: Seq,
    /// The number of its last attempt; 0 where none started.
    pub attempt: u32,
    /// The item, where items are kept.
    pub item: T,
    cause: Option<Stop<E>>,
}

/// What happened to an item that has no result.
#[derive(PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind<E> {
    /// The handler returned this error.
    Handler(E),
    /// The handler, under [`OnFailure::Fail`](crate::OnFailure::Fail), or `on_result` returned this error, and it
    /// stopped the processor: everybody who asks what stopped it gets the same.
    Stopped(Arc<E>),
    /// The last attempt took longer than [`Options::timeout`](crate::Options::timeout).
    AttemptTimeout,
    /// The item took longer than [`Options::total_timeout`](crate::Options::total_timeout).
    DeadlineExceeded,
    /// Its key was halted, by its own failure or by one before it, and the processor was closed.
    KeyHalted,
    /// It was done in an earlier life, as the checkpoint says that was
    /// [restored](super::Builder::restore): it does not run again, and its result is gone.
    Restored,
    /// It was cancelled.
    Cancelled,
    /// It is behind a failure, or the processor was closed before it was settled.
    Closed,
    /// Nothing has happened to the item: its ticket is awaited inside a handler or a callback of the same processor
    /// that has to end before it can be done.
    Deadlock,
}

/// The failure that stopped a [`Processor`](super::Processor).
#[derive(PartialEq, Eq)]
pub struct Stop<E> {
    /// The position of the item that failed, or of the first of the numbers that are missing.
    pub seq: Seq,
    /// The number of its last attempt; 0 where it is no item.
    pub attempt: u32,
    /// What happened.
    pub kind: StopKind<E>,
}

/// What stopped a [`Processor`](super::Processor).
#[derive(PartialEq, Eq)]
#[non_exhaustive]
pub enum StopKind<E> {
    /// The handler, `on_result`, `on_halt` or `on_gap` returned this error.
    Error(Arc<E>),
    /// The last attempt took longer than [`Options::timeout`](crate::Options::timeout).
    AttemptTimeout,
    /// The item took longer than [`Options::total_timeout`](crate::Options::total_timeout).
    DeadlineExceeded,
    /// `on_halt` or `on_gap` panicked.
    Panicked,
    /// These numbers did not come, under [`OnGap::Fail`](crate::OnGap::Fail). They are as they come over the wire.
    GapTimeout(Lost),
}

impl<E, T> Failure<E, T> {
    pub(super) fn new(kind: FailureKind<E>, seq: Seq, attempt: u32, item: T) -> Self {
        Self { kind, seq, attempt, item, cause: None }
    }

    pub(super) fn because_of(mut self, stop: Option<Stop<E>>) -> Self {
        self.cause = stop;
        self
    }

    /// The error of the handler or of a callback, if it was one.
    pub fn error(&self) -> Option<&E> {
        match &self.kind {
            FailureKind::Handler(error) => Some(error),
            FailureKind::Stopped(error) => Some(error),
            FailureKind::AttemptTimeout
            | FailureKind::DeadlineExceeded
            | FailureKind::KeyHalted
            | FailureKind::Restored
            | FailureKind::Cancelled
            | FailureKind::Closed
            | FailureKind::Deadlock => None,
        }
    }

    /// The failure because of which this is [`Closed`](FailureKind::Closed): that of another item, or the item's own
    /// where it had not come out when all was stopped.
    pub fn cause(&self) -> Option<&Stop<E>> {
        self.cause.as_ref()
    }
}

impl<E> Stop<E> {
    /// The error of the handler or of a callback, if it was one.
    pub fn error(&self) -> Option<&E> {
        match &self.kind {
            StopKind::Error(error) => Some(error),
            StopKind::AttemptTimeout
            | StopKind::DeadlineExceeded
            | StopKind::Panicked
            | StopKind::GapTimeout(_) => None,
        }
    }
}

impl<E> StopKind<E> {
    /// What a failure that stops a processor stops it with; `None` where it stops none.
    pub(super) fn of(kind: &FailureKind<E>) -> Option<Self> {
        match kind {
            FailureKind::Stopped(error) => Some(Self::Error(Arc::clone(error))),
            FailureKind::AttemptTimeout => Some(Self::AttemptTimeout),
            FailureKind::DeadlineExceeded => Some(Self::DeadlineExceeded),
            FailureKind::Handler(_)
            | FailureKind::KeyHalted
            | FailureKind::Restored
            | FailureKind::Cancelled
            | FailureKind::Closed
            | FailureKind::Deadlock => None,
        }
    }
}

impl<E> FailureKind<E> {
    /// What a time limit comes to.
    pub(super) fn of(why: Why) -> Self {
        if why == Why::AttemptTimeout { Self::AttemptTimeout } else { Self::DeadlineExceeded }
    }
}

impl<E> Clone for Stop<E> {
    fn clone(&self) -> Self {
        Self { seq: self.seq, attempt: self.attempt, kind: self.kind.clone() }
    }
}

impl<E> Clone for StopKind<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Error(error) => Self::Error(Arc::clone(error)),
            Self::AttemptTimeout => Self::AttemptTimeout,
            Self::DeadlineExceeded => Self::DeadlineExceeded,
            Self::Panicked => Self::Panicked,
            Self::GapTimeout(lost) => Self::GapTimeout(*lost),
        }
    }
}

impl<E: Clone, T: Clone> Clone for Failure<E, T> {
    fn clone(&self) -> Self {
        Self {
            kind: self.kind.clone(),
            seq: self.seq,
            attempt: self.attempt,
            item: self.item.clone(),
            cause: self.cause.clone(),
        }
    }
}

impl<E: Clone> Clone for FailureKind<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Handler(error) => Self::Handler(error.clone()),
            Self::Stopped(error) => Self::Stopped(Arc::clone(error)),
            Self::AttemptTimeout => Self::AttemptTimeout,
            Self::DeadlineExceeded => Self::DeadlineExceeded,
            Self::KeyHalted => Self::KeyHalted,
            Self::Restored => Self::Restored,
            Self::Cancelled => Self::Cancelled,
            Self::Closed => Self::Closed,
            Self::Deadlock => Self::Deadlock,
        }
    }
}

impl<E: fmt::Display> fmt::Display for FailureKind<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handler(error) => error.fmt(f),
            Self::Stopped(error) => error.fmt(f),
            Self::AttemptTimeout => f.write_str(ATTEMPT_TIMEOUT),
            Self::DeadlineExceeded => f.write_str(DEADLINE_EXCEEDED),
            Self::KeyHalted => f.write_str("its key was halted"),
            Self::Restored => f.write_str("done before, in an earlier life"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Closed => f.write_str("closed before it was done"),
            Self::Deadlock => f.write_str(DEADLOCK),
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for FailureKind<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handler(error) => f.debug_tuple("Handler").field(error).finish(),
            Self::Stopped(error) => f.debug_tuple("Stopped").field(error).finish(),
            Self::AttemptTimeout => f.write_str("AttemptTimeout"),
            Self::DeadlineExceeded => f.write_str("DeadlineExceeded"),
            Self::KeyHalted => f.write_str("KeyHalted"),
            Self::Restored => f.write_str("Restored"),
            Self::Cancelled => f.write_str("Cancelled"),
            Self::Closed => f.write_str("Closed"),
            Self::Deadlock => f.write_str("Deadlock"),
        }
    }
}

impl<E: fmt::Display, T> fmt::Display for Failure<E, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "item {}: {}", self.seq, self.kind)
    }
}

/// Without the item, of which nothing is asked.
impl<E: fmt::Debug, T> fmt::Debug for Failure<E, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("kind", &self.kind)
            .field("seq", &self.seq)
            .field("attempt", &self.attempt)
            .field("cause", &self.cause)
            .finish_non_exhaustive()
    }
}

/// What it shows has the error of the handler in it, so that there is no source.
impl<E: fmt::Debug + fmt::Display, T> Error for Failure<E, T> {}

impl<E: fmt::Debug> fmt::Debug for Stop<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop")
            .field("seq", &self.seq)
            .field("attempt", &self.attempt)
            .field("kind", &self.kind)
            .finish()
    }
}

impl<E: fmt::Debug> fmt::Debug for StopKind<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => f.debug_tuple("Error").field(error).finish(),
            Self::AttemptTimeout => f.write_str("AttemptTimeout"),
            Self::DeadlineExceeded => f.write_str("DeadlineExceeded"),
            Self::Panicked => f.write_str("Panicked"),
            Self::GapTimeout(lost) => f.debug_tuple("GapTimeout").field(lost).finish(),
        }
    }
}

impl<E: fmt::Display> fmt::Display for StopKind<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::AttemptTimeout => f.write_str(ATTEMPT_TIMEOUT),
            Self::DeadlineExceeded => f.write_str(DEADLINE_EXCEEDED),
            Self::Panicked => f.write_str("a callback panicked"),
            Self::GapTimeout(Lost { first, last }) => {
                write!(f, "numbers {first} to {last} did not come")
            }
        }
    }
}

impl<E: fmt::Display> fmt::Display for Stop<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            StopKind::GapTimeout(_) => write!(f, "stopped: {}", self.kind),
            StopKind::Error(_)
            | StopKind::AttemptTimeout
            | StopKind::DeadlineExceeded
            | StopKind::Panicked => write!(f, "stopped by item {}: {}", self.seq, self.kind),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> Error for Stop<E> {}
