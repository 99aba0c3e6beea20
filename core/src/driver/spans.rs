//! What the crate `tracing` is told: a span for each attempt, and an event for each thing that goes wrong.
//!
//! Without the feature the same names are there and do nothing, so that nobody who uses them asks which it is.

#[cfg(not(feature = "tracing"))]
pub(super) use off::{Notes, Span};
#[cfg(feature = "tracing")]
pub(super) use on::{Notes, Span};

use crate::event::Why;
use crate::{Completion, Lane, Outcome, Run, Seq};

/// Whose attempt it is: its position, and its lane.
pub(super) type Who = (Seq, Option<Lane>);

#[cfg(feature = "tracing")]
mod on {
    use tracing::span::Entered;
    use tracing::{debug, debug_span, warn};

    use super::{Completion, Lane, Outcome, Run, Seq, Who, Why};
    use crate::RunKind;
    use crate::outcome::HAND_OVERS;

    /// The span of an attempt.
    pub(in crate::driver) struct Span(tracing::Span);

    /// What is to be told as soon as no lock is held: a subscriber is code of the user's.
    pub(in crate::driver) struct Notes(Vec<(Note, Seq, Option<u32>)>);

    enum Note {
        Retry,
        TimedOut,
        Expired,
        Failed,
        Received,
        NotReceived,
        Halted,
    }

    /// The number of an attempt, also of one of handing over.
    const fn number(attempt: u32) -> u32 {
        attempt & (HAND_OVERS - 1)
    }

    impl Span {
        /// `who` is asked only where somebody listens.
        pub(in crate::driver) fn new(run: Run, who: impl Fn() -> Option<Who>) -> Self {
            let attempt = number(run.attempt);
            let seq = || who().map(|(seq, _)| seq);
            Self(match run.kind() {
                RunKind::Handler => {
                    let lane = || who().and_then(|(_, lane)| lane).map(Lane::number);
                    debug_span!(target: "inorder", "attempt", seq = seq(), attempt, lane = lane())
                }
                RunKind::HandOver => {
                    debug_span!(target: "inorder", "dead_letter", seq = seq(), attempt)
                }
            })
        }

        pub(in crate::driver) fn none() -> Self {
            Self(tracing::Span::none())
        }

        pub(in crate::driver) fn enter(&self) -> Entered<'_> {
            self.0.enter()
        }
    }

    impl Notes {
        pub(in crate::driver) fn new() -> Self {
            Self(Vec::new())
        }

        /// An attempt of a handler has ended by itself.
        pub(in crate::driver) fn ended(
            &mut self,
            completion: Completion,
            outcome: Outcome,
            seq: Option<Seq>,
            attempt: u32,
        ) {
            let note = match (completion, outcome) {
                (Completion::Retrying, _) => Note::Retry,
                (Completion::Settled, Outcome::Failed { .. }) => Note::Failed,
                (Completion::Settled | Completion::Ignored | Completion::Stale, _) => return,
            };
            self.push(note, seq, Some(attempt));
        }

        /// The time of an attempt, or of an item, is over.
        pub(in crate::driver) fn timed_out(
            &mut self,
            why: Why,
            is_retried: bool,
            seq: Option<Seq>,
            attempt: u32,
        ) {
            let is_total = why == Why::DeadlineExceeded;
            self.push(if is_total { Note::Expired } else { Note::TimedOut }, seq, Some(attempt));
            self.push(if is_retried { Note::Retry } else { Note::Failed }, seq, Some(attempt));
        }

        /// The total time of an item is over that does not run.
        pub(in crate::driver) fn expired(&mut self, seq: Option<Seq>) {
            self.push(Note::Expired, seq, None);
            self.push(Note::Failed, seq, None);
        }

        /// A failure was handed over, or could not be.
        pub(in crate::driver) fn handed_over(
            &mut self,
            is_received: bool,
            seq: Option<Seq>,
            attempt: u32,
        ) {
            self.push(
                if is_received { Note::Received } else { Note::NotReceived },
                seq,
                Some(attempt),
            );
        }

        /// A key is halted.
        pub(in crate::driver) fn halted(&mut self, seq: Seq, attempt: u32) {
            self.push(Note::Halted, Some(seq), Some(attempt));
        }

        /// Tells all that was noted.
        pub(in crate::driver) fn tell(&mut self) {
            for (note, seq, attempt) in self.0.drain(..) {
                match note {
                    Note::Retry => debug!(target: "inorder", seq, attempt, "retry"),
                    Note::TimedOut => debug!(target: "inorder", seq, attempt, "timeout"),
                    Note::Expired => debug!(target: "inorder", seq, attempt, "total timeout"),
                    Note::Failed => debug!(target: "inorder", seq, attempt, "failure"),
                    Note::Received => debug!(target: "inorder", seq, attempt, "dead letter"),
                    Note::NotReceived => {
                        warn!(target: "inorder", seq, attempt, "dead letter not received");
                    }
                    Note::Halted => warn!(target: "inorder", seq, attempt, "halt"),
                }
            }
        }

        fn push(&mut self, note: Note, seq: Option<Seq>, attempt: Option<u32>) {
            // what is gone has nothing to tell
            self.0.extend(seq.map(|seq| (note, seq, attempt.map(number))));
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use super::{Completion, Outcome, Run, Seq, Who, Why};

    pub(in crate::driver) struct Span;

    pub(in crate::driver) struct Notes;

    /// Not `()`, which is nothing to hold.
    pub(in crate::driver) struct Entered;

    impl Span {
        #[inline(always)]
        pub(in crate::driver) fn new(_: Run, _: impl Fn() -> Option<Who>) -> Self {
            Self
        }

        #[inline(always)]
        pub(in crate::driver) fn none() -> Self {
            Self
        }

        #[inline(always)]
        pub(in crate::driver) fn enter(&self) -> Entered {
            Entered
        }
    }

    impl Notes {
        #[inline(always)]
        pub(in crate::driver) fn new() -> Self {
            Self
        }

        #[inline(always)]
        pub(in crate::driver) fn ended(
            &mut self,
            _: Completion,
            _: Outcome,
            _: Option<Seq>,
            _: u32,
        ) {
        }

        #[inline(always)]
        pub(in crate::driver) fn timed_out(&mut self, _: Why, _: bool, _: Option<Seq>, _: u32) {}

        #[inline(always)]
        pub(in crate::driver) fn expired(&mut self, _: Option<Seq>) {}

        #[inline(always)]
        pub(in crate::driver) fn handed_over(&mut self, _: bool, _: Option<Seq>, _: u32) {}

        #[inline(always)]
        pub(in crate::driver) fn halted(&mut self, _: Seq, _: u32) {}

        #[inline(always)]
        pub(in crate::driver) fn tell(&mut self) {}
    }
}
