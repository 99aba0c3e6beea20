//! What commands are told and what they answer.

use core::fmt;
use core::time::Duration;

use crate::ids::{Handle, Seq};

/// How an attempt ended, as the driver tells it to [`Dispatcher::complete`](crate::Dispatcher::complete).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The handler returned.
    Ok,
    /// The handler failed.
    Failed {
        /// Whether another attempt would make sense: `retry_if`. Whether there is one depends on the options too.
        retry: bool,
        /// The wait before it, where the error asks for one: `retry_after`.
        after: Option<Duration>,
    },
    /// The handler was never called, or stopped, because of a signal.
    Cancelled,
}

impl Outcome {
    /// Failed, and not to be tried again.
    pub const FAILED: Self = Self::Failed { retry: false, after: None };
    /// Failed, to be tried again as the options say.
    pub const RETRY: Self = Self::Failed { retry: true, after: None };
}

/// What became of a completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Completion {
    /// The item has this outcome: it is settled, or is handed over or halted because of it.
    Settled,
    /// It is tried again, or handed over again.
    Retrying,
    /// The outcome had been fixed by a signal before, and the item has that one.
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
    /// The restored checkpoint has the number that the item would have got: it is done. The number is used up, and the
    /// next offer gets the next one.
    Restored,
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => {
                "no room: as many items as the capacity allows are accepted and not released"
            }
            Self::Closed => "closed: no more items are accepted",
            Self::Numbering => "a sequence number is given exactly where the source is sequenced",
            Self::Restored => "restored: the item was done before, as the checkpoint says",
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
    /// Not accepted: the [restored](crate::Dispatcher::restore) checkpoint has the number, so that the item is done. It
    /// counts as arrived.
    Restored,
}

/// An attempt to start: the driver calls the handler, or hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    /// The item.
    pub handle: Handle,
    /// The number of the attempt, from 1; one of handing over is 2^31 more.
    pub attempt: u32,
}

/// What is added to the number of an attempt to hand over, so that none of an item has the number of another. (A field
/// of its own would cost drivers a tenth: a run is two registers.)
pub(crate) const HAND_OVERS: u32 = 1 << 31;

impl Run {
    /// What is to be called.
    #[inline]
    #[must_use]
    pub const fn kind(self) -> RunKind {
        if self.attempt < HAND_OVERS { RunKind::Handler } else { RunKind::HandOver }
    }
}

/// What an attempt calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunKind {
    /// The handler.
    Handler,
    /// The receiver of dead letters.
    HandOver,
}

/// How a key that was halted goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resume {
    /// The item is tried again at once, with as many attempts as at first.
    Retry,
    /// As under [`OnFailure::Skip`](crate::OnFailure::Skip).
    Skip,
    /// As under [`OnFailure::DeadLetter`](crate::OnFailure::DeadLetter).
    DeadLetter,
}

/// A result whose turn has come, lent to the driver until it says [`released`](crate::Dispatcher::released).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Release {
    /// The item, or what stands for numbers that were given up.
    pub handle: Handle,
    /// Its position; of numbers that were given up that of the first.
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
    /// No item: these numbers were given up, as they come over the wire. It takes no unit of capacity.
    Lost {
        /// The first of them.
        first: Seq,
        /// The last of them.
        last: Seq,
    },
    /// No item: these numbers did not come, as they would over the wire, and that is an error. It is at the
    /// [failed](crate::Dispatcher::failed) position.
    GapTimeout {
        /// The first of them.
        first: Seq,
        /// The last of them.
        last: Seq,
    },
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn errors_say_what_is_wrong() {
        assert!(PushError::Full.to_string().starts_with("no room: "));
        assert!(PushError::Closed.to_string().starts_with("closed: "));
        assert!(PushError::Numbering.to_string().contains("sequenced"));
    }
}
