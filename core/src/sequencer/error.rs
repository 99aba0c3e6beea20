//! What ends a sequence.

use core::fmt;

use crate::ids::Seq;

/// Why nothing comes out of a sequence any more. Numbers are as they come over the wire; `key` says which sequence it
/// is, where there are several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SequenceError<K = ()> {
    /// Numbers did not come, under [`OnGap::Fail`](crate::OnGap::Fail).
    GapTimeout {
        /// The first of them.
        first: Seq,
        /// The last of them.
        last: Seq,
        /// Of this sequence.
        key: K,
    },
    /// A number came that is beyond the window, and what is missing before it is not to be given up.
    TooFar {
        /// The number.
        seq: Seq,
        /// Of this sequence.
        key: K,
    },
    /// The source counts from anew, under [`OnRestart::Fail`](crate::OnRestart::Fail).
    SourceRestarted {
        /// The first number of the new run.
        first: Seq,
        /// Of this sequence.
        key: K,
    },
}

impl<K> SequenceError<K> {
    /// The name that all languages use.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::GapTimeout { .. } => "gap_timeout",
            Self::TooFar { .. } => "too_far",
            Self::SourceRestarted { .. } => "source_restarted",
        }
    }

    /// The same of the sequence of another key.
    pub(crate) fn map_key<L>(self, to: impl FnOnce(K) -> L) -> SequenceError<L> {
        match self {
            Self::GapTimeout { first, last, key } => {
                SequenceError::GapTimeout { first, last, key: to(key) }
            }
            Self::TooFar { seq, key } => SequenceError::TooFar { seq, key: to(key) },
            Self::SourceRestarted { first, key } => {
                SequenceError::SourceRestarted { first, key: to(key) }
            }
        }
    }
}

impl<K> fmt::Display for SequenceError<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GapTimeout { first, last, .. } => {
                write!(f, "numbers {first} to {last} did not come")
            }
            Self::TooFar { seq, .. } => {
                write!(f, "number {seq} is beyond the window, and an earlier one is missing")
            }
            Self::SourceRestarted { first, .. } => {
                write!(f, "the source counts from {first} anew")
            }
        }
    }
}

impl<K: fmt::Debug> core::error::Error for SequenceError<K> {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn each_says_what_is_wrong_with_the_numbers() {
        let errors = [
            (
                SequenceError::GapTimeout { first: 1, last: 2, key: "a" },
                "numbers 1 to 2 did not come",
            ),
            (
                SequenceError::TooFar { seq: 9, key: "a" },
                "number 9 is beyond the window, and an earlier one is missing",
            ),
            (
                SequenceError::SourceRestarted { first: 4, key: "a" },
                "the source counts from 4 anew",
            ),
        ];
        for (error, said) in errors {
            assert_eq!(error.to_string(), said);
        }
    }
}
