//! The words of a resequencer.

use crate::ids::{Seq, Slot};
use crate::sequencer::SequenceError;

/// The arrivals of one key, in a [`Resequencer`](crate::Resequencer). They are numbered from 0 in the order in which
/// they were opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(u32);

impl Sequence {
    /// The sequence of this number. One that was not opened takes nothing.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The number as an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What became of an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Pushed {
    /// It is in: the driver keeps it by this slot, until an output or an event gives it back.
    Taken(Slot),
    /// Not taken: its number is in already.
    Duplicate,
    /// Not taken: its number has come out, was given up, or is before the start; or nothing is taken any more.
    Late,
    /// Not taken: its number is beyond the window, and this is the end: [`Output::Failed`] follows.
    TooFar,
}

/// What comes out, in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Output {
    /// An item.
    Item {
        /// Its sequence.
        sequence: Sequence,
        /// Where the driver keeps it.
        slot: Slot,
    },
    /// These numbers were given up.
    Lost {
        /// Their sequence.
        sequence: Sequence,
        /// The first of them, as it would come over the wire.
        first: Seq,
        /// The last of them, likewise.
        last: Seq,
    },
    /// The end, for all sequences: nothing comes out any more.
    Failed(SequenceError<Sequence>),
}

/// Something that is told at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResequencerEvent {
    /// These numbers are missing, and something beyond them is in.
    Gap {
        /// Their sequence.
        sequence: Sequence,
        /// The first of them, as it would come over the wire.
        first: Seq,
        /// The last of them, likewise.
        last: Seq,
    },
    /// An item that was kept aside will not come out.
    Discarded {
        /// Where the driver keeps it.
        slot: Slot,
        /// Why.
        why: Discard,
    },
}

/// Why an item does not come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Discard {
    /// Its number is in already.
    Duplicate,
    /// Its number has come out, was given up, or is before the start.
    Late,
}

impl Discard {
    /// The name that all languages use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Late => "late",
        }
    }
}
