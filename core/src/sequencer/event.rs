//! What a sequencer tells.

use super::SequenceError;
use crate::ids::Seq;

/// Something that happened to numbers, told by [`Sequencer::poll_event`](crate::Sequencer::poll_event). Numbers are as
/// they come over the wire, and both ends of a range are in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SequencerEvent {
    /// These are missing, and something beyond them is in. Once for each time that the timer starts.
    Gap {
        /// The first of them.
        first: Seq,
        /// The last of them.
        last: Seq,
    },
    /// These were suspect, and are late: the row has broken.
    Late {
        /// The first of them.
        first: Seq,
        /// The last of them.
        last: Seq,
    },
    /// These were given up. Everything before them has left, and nothing after them.
    Lost {
        /// The first of them.
        first: Seq,
        /// The last of them.
        last: Seq,
    },
    /// Everything has left, and it goes on from here: this number, and the four after it, are in.
    Restarted {
        /// The first number of the new run.
        first: Seq,
    },
    /// Everything before this error has left, and nothing leaves any more.
    Failed(SequenceError),
}
