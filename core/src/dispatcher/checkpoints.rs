//! Checkpoints: what of a source is completed, by its own numbers, and what was completed in an earlier life.
//!
//! A source that numbers its items receives them one after the other, so that nothing has to be done when one is pushed:
//! what is below a number that is completed was received. One whose caller gives the numbers receives an item when it
//! comes in order; what is given up on the way is never received, and holds up nothing.

use super::Dispatcher;
use super::flags::Flag;
use super::sources::SourceState;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::ids::{Seq, Source};
use crate::watermark::Watermark;

/// The highest number of a source that numbers its items itself: far beyond what it can reach.
const MOST_OWN: Seq = Seq::MAX / 2;

/// What of a source is completed.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    source: Source,
    watermark: Watermark,
    /// Numbers below it are received, where the source gives them.
    received: Seq,
    /// The checkpoint that it goes on from.
    restored: Option<Checkpoint>,
    /// So many of its runs are received.
    passed: usize,
}

impl Progress {
    pub(super) fn new(source: Source) -> Self {
        let watermark = Watermark::new();
        Self { source, watermark, received: 0, restored: None, passed: 0 }
    }

    pub(super) fn is_of(&self, source: Source) -> bool {
        self.source == source
    }

    fn receive(&mut self, seq: Seq) {
        // numbers rise, and there is no limit: nothing is refused
        let _ = self.watermark.receive(seq);
    }

    /// Receives what was restored and is below a number: of each run the last is enough, as ids may have holes.
    fn receive_restored(&mut self, below: Seq) {
        let Some(restored) = &self.restored else { return };
        let runs = restored.runs().skip(self.passed).take_while(|run| run.1 < below);
        for (_, last) in runs {
            self.passed += 1;
            let _ = self.watermark.receive(last);
        }
    }

    /// Receives all numbers up to this one that are not received yet.
    fn receive_up_to(&mut self, seq: Seq) {
        for seq in self.received..=seq {
            self.receive(seq);
        }
        self.received = self.received.max(seq + 1);
    }
}

impl SourceState {
    /// An item has come in order whose number the caller gave.
    #[inline]
    pub(super) fn receive(&mut self, seq: Seq) {
        if let Some(progress) = &mut self.progress {
            progress.receive_restored(seq);
            progress.receive(seq);
        }
    }

    /// What was restored below this number has come in order.
    #[inline]
    pub(super) fn receive_restored(&mut self, below: Seq) {
        if let Some(progress) = &mut self.progress {
            progress.receive_restored(below);
        }
    }

    /// An item is completed.
    pub(super) fn complete(&mut self, seq: Seq) {
        let Some(progress) = &mut self.progress else { return };
        if self.sequenced.is_none() {
            progress.receive_up_to(seq);
        }
        progress.watermark.complete_id(seq);
    }

    /// The source is lost: what is completed is for its new owner to say.
    pub(super) fn fence(&mut self) {
        if let Some(progress) = &mut self.progress {
            progress.watermark.fence();
        }
    }

    /// Passes over the next number if it was restored. False where it was not.
    pub(super) fn pass_restored(&mut self) -> bool {
        let seq = self.next_seq;
        let Some(progress) = &mut self.progress else { return false };
        let Some(restored) = &progress.restored else { return false };
        let is_restored = restored.contains(seq);
        self.flags.set(Flag::Numbered, restored.highest() > Some(seq));
        if is_restored {
            self.next_seq += 1;
            progress.receive_up_to(seq);
        }
        is_restored
    }
}

impl Dispatcher {
    /// The position of a source and what is completed beyond it, both of this instant: to be stored, and
    /// [restored](Self::restore) in a later life. The position is the highest number up to which every item that was
    /// received is completed; one with a number of its own is received when everything before it has arrived or was given
    /// up.
    ///
    /// Also of a source that is drained, until another one is opened. `None` where it is not
    /// [acknowledged](crate::SourceOptions::acknowledged), and where it was [lost](Self::fence): what is done is then for
    /// its new owner to say. O(what is received beyond the position).
    #[must_use]
    pub fn checkpoint(&self, source: Source) -> Option<Checkpoint> {
        let progress = self.sources.progress(source)?;
        (!progress.watermark.is_fenced()).then(|| progress.watermark.checkpoint())
    }

    pub(super) fn restore_source(
        &mut self,
        source: Source,
        checkpoint: &Checkpoint,
        committed: Option<Seq>,
    ) -> Result<(), CheckpointError> {
        let Some((index, state)) =
            self.sources.get_mut(source).filter(|(_, it)| !it.flags.has(Flag::Ended))
        else {
            return Err(CheckpointError::SourceOver);
        };
        let Some(progress) = &mut state.progress else {
            return Err(CheckpointError::Unacknowledged);
        };
        checkpoint.check_position(committed)?;
        let most = if state.sequenced.is_some() { Seq::MAX - 1 } else { MOST_OWN };
        if let Some(found) = checkpoint.highest().filter(|found| *found > most) {
            return Err(CheckpointError::Beyond { found, most });
        }
        let next = match &state.sequenced {
            Some(sequenced) => sequenced.sequencer.expected(),
            None => state.next_seq,
        };
        let is_new = progress.restored.is_none()
            && match &mut state.sequenced {
                Some(sequenced) => {
                    sequenced.sequencer.restore(checkpoint.position(), checkpoint.runs())
                }
                None => next == 0,
            };
        if !is_new {
            return Err(CheckpointError::SourceUsed { next });
        }
        progress.watermark.restore(checkpoint, committed)?;
        progress.restored = Some(checkpoint.clone());
        match &state.sequenced {
            Some(sequenced) => progress.receive_restored(sequenced.sequencer.expected()),
            None => {
                state.next_seq = committed.map_or(0, |position| position + 1);
                state.flags.set(Flag::Numbered, checkpoint.runs().len() > 0);
                progress.received = state.next_seq;
            }
        }
        // what was too far may fit now
        self.tell_starved(index);
        Ok(())
    }
}
