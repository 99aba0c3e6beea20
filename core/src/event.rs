//! What the dispatcher tells the driver, by [`Dispatcher::poll_event`](crate::Dispatcher::poll_event).

use crate::ids::{Handle, Lane, Seq, Source};

/// Something that happened in a command, in the order in which it happened.
///
/// A handle in [`Passed`](Event::Passed) or [`Left`](Event::Left) is no longer known to the dispatcher: the driver
/// drops what it keeps in its slot before it pushes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// Stop this attempt: its outcome is fixed. Its slot and lane stay taken until it is completed.
    Signal {
        /// The item.
        handle: Handle,
        /// The attempt that runs.
        attempt: u32,
        /// The fixed outcome.
        why: Why,
    },
    /// The item left the release order and nothing comes out for it.
    Passed {
        /// The item.
        handle: Handle,
        /// Why nothing comes out.
        why: Why,
    },
    /// The dispatcher was stopped with this item inside: it is neither released nor completed.
    Left {
        /// The item.
        handle: Handle,
        /// How far it had come.
        rest: Rest,
        /// Why its ticket has no result; `None`: it gets what the handler gave.
        why: Option<Why>,
    },
    /// These numbers were missing when their source was closed, and are given up.
    Lost {
        /// The source.
        source: Source,
        /// The first of them.
        first: Seq,
        /// The last of them.
        last: Seq,
    },
    /// An offer was refused for want of room, and now there is some.
    Room {
        /// The source that refused.
        source: Source,
    },
    /// Nothing of this lane is left: its number is free.
    LaneIdle {
        /// The lane.
        lane: Lane,
    },
    /// The source has ended, and everything of it has left or been reported. It is no longer known.
    Drained {
        /// The source.
        source: Source,
    },
}

/// Why an item has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Why {
    /// It was cancelled on its own.
    Cancelled,
    /// It is behind the failed position.
    Failure,
    /// The dispatcher was stopped.
    Closed,
}

/// How far an item had come when the dispatcher was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rest {
    /// Settled, and waiting for its turn, or lent.
    Settled,
    /// No attempt of it had started.
    NeverStarted,
    /// It was running, and ended within the grace.
    Unfinished,
    /// It still runs.
    Detached,
}
