//! What can be wrong with a checkpoint.

use core::fmt;

use super::VERSION;

/// Why there is no checkpoint, or why it is not the right one. The text names what is wrong and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckpointError {
    /// There is nothing.
    Empty,
    /// Written by a later version, or by something else.
    Version {
        /// The version it says it has.
        found: u8,
    },
    /// It was changed, or is something else.
    Checksum {
        /// The checksum that came with it.
        stored: u32,
        /// The checksum of what came.
        computed: u32,
    },
    /// It is cut off, or is no checkpoint in spite of its checksum.
    Malformed,
    /// The text has a character that base32768 has not, or not at that place.
    Character {
        /// How many characters are before it.
        at: usize,
        /// The character.
        found: char,
    },
    /// It was taken at another position than the one that is committed.
    Position {
        /// The position it was taken at.
        found: Option<u64>,
        /// The position that is committed.
        committed: Option<u64>,
    },
    /// Not even the position fits into the limit: bytes, or UTF-16 units of a text.
    Limit {
        /// The limit.
        limit: usize,
        /// The least that would do.
        least: usize,
    },
    /// It comes too late: the generation has received ids already, or is fenced.
    NotFresh,
    /// It has a number that is beyond those that the source may have.
    Beyond {
        /// The highest number in it.
        found: u64,
        /// The highest that the source may have had.
        most: u64,
    },
    /// It comes too late: something was offered to the source, or restored.
    SourceUsed {
        /// The number that the source expects next.
        next: u64,
    },
    /// The source takes nothing any more, or was never opened.
    SourceOver,
    /// The source is not [acknowledged](crate::SourceOptions::acknowledged), so that it has no checkpoint.
    Unacknowledged,
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the checkpoint is empty"),
            Self::Version { found } => {
                write!(f, "version of the checkpoint must be {VERSION}, not {found}")
            }
            Self::Checksum { stored, computed } => write!(
                f,
                "checksum of the checkpoint must be {computed:08x}, not {stored:08x}: it was changed, or is something else"
            ),
            Self::Malformed => f.write_str("it is no checkpoint, or is cut off"),
            Self::Character { at, found } => {
                write!(f, "characters of the checkpoint must be base32768, not {found:?} at {at}")
            }
            Self::Position { found, committed } => {
                write!(f, "position of the checkpoint must be {}", Place(*committed))?;
                write!(f, ", as committed, not {}", Place(*found))
            }
            Self::Limit { limit, least } => {
                write!(f, "limit of the checkpoint must be at least {least}, not {limit}")
            }
            Self::NotFresh => f.write_str(
                "a checkpoint must be restored before its generation receives the first id, or is fenced",
            ),
            Self::Beyond { found, most } => {
                write!(f, "numbers of the checkpoint must be at most {most}, not {found}")
            }
            Self::SourceUsed { next } => write!(
                f,
                "a checkpoint must be restored before anything else, not when the source is at {next}"
            ),
            Self::SourceOver => {
                f.write_str("a checkpoint must be restored into a source that is open, not one that is over")
            }
            Self::Unacknowledged => f.write_str(
                "a checkpoint must be restored into a source that is acknowledged, which this one is not",
            ),
        }
    }
}

impl core::error::Error for CheckpointError {}

/// A position as it is shown.
struct Place(Option<u64>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(position) => position.fmt(f),
            None => f.write_str("none"),
        }
    }
}
