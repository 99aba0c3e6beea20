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
    /// The total time of an item was over while it did not run: it has failed for that reason.
    Expired {
        /// The item.
        handle: Handle,
    },
    /// The lane of an item is halted: the item failed for good. Where nobody can let it go on, since the dispatcher is
    /// closed or the source revoked, [`Passed`](Event::Passed) follows: a driver that has to tell of the failure keeps it.
    Halted {
        /// The item.
        handle: Handle,
    },
    /// The item is settled with a result, skipped or handed over, and what came of it is delivered: its id is completed.
    /// Only of a source that [asks for it](crate::SourceOptions::acknowledged).
    Completed {
        /// The item.
        handle: Handle,
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
    /// These numbers are missing, as they come over the wire, and something beyond them is in: once for each time that
    /// the timer of the source starts, [`gap_warning`](crate::SequencerOptions::gap_warning) after that.
    Gap {
        /// The source.
        source: Source,
        /// The position of the first: from where to [stop](crate::Dispatcher::stop) should a callback fail over it.
        at: Seq,
        /// The first of them.
        first: Seq,
        /// The last of them.
        last: Seq,
    },
    /// These numbers, as they come over the wire, were missing when their source was ended, and are given up. They
    /// [come out](crate::What::Lost) in their place, too.
    ///
    /// Of a source whose losses [do not come out](crate::SourceOptions::losses_come_out), and with as many items in as
    /// there can be, this is told at any time, and they do not come out.
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

/// Why a running attempt is stopped, or nothing comes out of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Why {
    /// It was cancelled on its own.
    Cancelled,
    /// It is behind the failed position.
    Failure,
    /// The dispatcher was stopped.
    Closed,
    /// The attempt took longer than it may. Only of a signal.
    AttemptTimeout,
    /// The item took longer than it may. Only of a signal.
    DeadlineExceeded,
    /// It failed, and failures are skipped.
    Skipped,
    /// It failed, and was handed over.
    DeadLettered,
    /// It failed or was behind one that did, its key was halted, and the dispatcher was closed.
    KeyHalted,
    /// Its source was revoked before it could be done.
    HandedBack,
    /// Its source was lost.
    Fenced,
}

impl Why {
    /// Whether it is about an attempt that may be tried again, or an item that failed: what cancels it overrides that.
    pub(crate) fn is_timeout(self) -> bool {
        matches!(self, Self::AttemptTimeout | Self::DeadlineExceeded)
    }
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
