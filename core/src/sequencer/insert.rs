//! What is said of an arrival.

/// What [`Sequencer::insert`](crate::Sequencer::insert) says of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Insert {
    /// Admitted, and everything before it is in.
    Ready,
    /// Admitted, and something before it is missing.
    Held,
    /// It is in already.
    Duplicate,
    /// It has left, was given up, or is before the start; or no more is admitted.
    Late,
    /// It is not below the next number plus the capacity.
    TooFar,
    /// It was done before, says a checkpoint. Only where one was [restored](crate::Sequencer::restore).
    Restored,
    /// It is kept aside: it is late, or the source counts from anew. Only where that is [looked
    /// for](crate::SequencerOptions::restart).
    Suspect,
}

impl Insert {
    /// The name that all languages use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Held => "held",
            Self::Duplicate => "duplicate",
            Self::Late => "late",
            Self::TooFar => "too_far",
            Self::Restored => "restored",
            Self::Suspect => "suspect",
        }
    }
}
