//! What commands are told and what they answer.

use core::fmt;

use crate::ids::{Handle, Seq};

/// How an attempt ended, as the driver tells it to [`Dispatcher::complete`](crate::Dispatcher::complete).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The handler returned.
    Ok,
    /// The handler failed.
    Failed,
    /// The handler was never called, or stopped, because of a signal.
    Cancelled,
}

/// What became of a completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Completion {
    /// The item is settled with this outcome.
    Settled,
    /// The outcome had been fixed by a signal before: the item is settled with that one.
    Ignored,
    /// The handle or the attempt is an old one: nothing changed.
    Stale,
}

/// Why an offer was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PushError {
    /// There is no room: an [`Event::Room`](crate::Event::Room) follows when there is.
    Full,
    /// No more is accepted: the dispatcher is closed, or the source has ended, failed or gone.
    Closed,
    /// The source is sequenced and no number was given, or the other way round.
    Numbering,
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => {
                "no room: as many items as the capacity allows are accepted and not released"
            }
            Self::Closed => "closed: no more items are accepted",
            Self::Numbering => "a sequence number is given exactly where the source is sequenced",
        })
    }
}

impl core::error::Error for PushError {}

/// What became of an offer with a number of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Arrival {
    /// Accepted, and everything before it is in.
    Ready(Handle),
    /// Accepted, and kept until everything before it is in.
    Held(Handle),
    /// Not accepted: an item with this number is accepted and not released.
    Duplicate,
    /// Not accepted: the number is released or given up, or before the start.
    Late,
    /// Not accepted: the number is beyond the window. An [`Event::Room`](crate::Event::Room) follows when it moves.
    TooFar,
}

/// An attempt to start: the driver calls the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    /// The item.
    pub handle: Handle,
    /// The number of the attempt, from 1.
    pub attempt: u32,
}

/// A result whose turn has come, lent to the driver until it says [`released`](crate::Dispatcher::released).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Release {
    /// The item.
    pub handle: Handle,
    /// Its position.
    pub seq: Seq,
    /// The number of its last attempt; 0 where none started.
    pub attempt: u32,
    /// What comes out.
    pub what: What,
}

/// What comes out at a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum What {
    /// The handler's result.
    Ok,
    /// A failure.
    Failed,
}
