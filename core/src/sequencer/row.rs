//! Sources that count from anew: what arrives in a row, far below.

use super::{End, Insert, OnRestart, SequenceError, Sequencer, SequencerEvent};
use crate::ids::Seq;

/// So many arrivals in a row are a source that counts from anew.
pub(super) const ROW: u64 = 5;

/// Arrivals in a row, far below.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Row {
    /// As it came over the wire.
    first: Seq,
    len: u64,
}

impl Sequencer {
    pub(super) fn may_restart(&self, distance: u64) -> bool {
        self.options.restart != OnRestart::Ignore
            && distance > self.options.effective_capacity() as u64
    }

    /// Keeps an arrival aside that may be of a source that counts from anew. It is so far below the next number.
    pub(super) fn join_row(&mut self, wire: Seq, distance: u64) -> Insert {
        let wire = self.wrap.wire(wire);
        if self.row.len == 0 || wire != self.wrap.wire(self.row.first.wrapping_add(self.row.len)) {
            self.break_row();
            self.row.first = wire;
        }
        self.row.len += 1;
        if self.row.len < ROW {
            return Insert::Suspect;
        }
        let first = core::mem::take(&mut self.row).first;
        if self.options.restart == OnRestart::Fail {
            self.fail(SequenceError::SourceRestarted { first, key: () });
            return Insert::Suspect;
        }
        let behind = self.window.next().checked_sub(distance.saturating_add(ROW - 1));
        if !self.give_up_all() {
            return Insert::Suspect;
        }
        // before 0 there are no numbers: there it goes on from what came over the wire
        self.end = End::Restart(behind.unwrap_or(first));
        Insert::Ready
    }

    /// Those that were kept aside are late.
    pub(super) fn break_row(&mut self) {
        let Row { first, len } = core::mem::take(&mut self.row);
        if len > 0 {
            let last = self.wrap.wire(first.wrapping_add(len - 1));
            self.events.push_back(SequencerEvent::Late { first, last });
        }
    }

    /// A new run may be longer than the window is wide, which takes the rest of it for late.
    #[inline]
    pub(super) fn of_new_run(&self, seq: Seq, said: Insert) -> Insert {
        let is_in = |seq| seq - self.window.next() < ROW && self.window.is_in(seq);
        let is_late = said == Insert::Late && seq >= self.window.next();
        if is_late && is_in(seq) { Insert::Duplicate } else { said }
    }
}
