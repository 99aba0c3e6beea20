//! What is missing: what the timer says of it, and what is given up.

use super::{End, OnGap, SequenceError, Sequencer, SequencerEvent};
use crate::ids::Seq;
use crate::time::Time;

/// A number that is missing while something is beyond it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) at: Seq,
    pub(super) since: Time,
    is_told: bool,
}

/// What the timer does; at one instant in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    GiveUp,
    Warn,
}

impl Sequencer {
    /// What the timer does next, and when.
    pub(crate) fn due(&self) -> Option<(Time, Due)> {
        let open = self.open?;
        let give_up = self.options.gap_timeout.map(|span| (open.since.after(span), Due::GiveUp));
        let warning = self.options.gap_warning.filter(|_| !open.is_told);
        let warn = warning.map(|span| (open.since.after(span), Due::Warn));
        give_up.into_iter().chain(warn).min()
    }

    /// The first range from `from` on that is missing before something that is in. `from` is not before the expected
    /// number.
    pub(crate) fn gap_from(&self, from: Seq) -> Option<(Seq, Seq)> {
        let mut first = from;
        loop {
            if first >= self.top {
                return None;
            }
            let after = self.window.first_absent(first);
            let after = self.restored.run_of(after).map_or(after, |last| last + 1);
            if after == first {
                break;
            }
            first = after;
        }
        let arrived = self.window.first_in(first, self.top);
        let beyond = arrived.into_iter().chain(self.restored.first_from(first)).min()?;
        Some((first, beyond - 1))
    }

    /// Gives up what is missing at the head to make room for a number beyond the window. False where nothing is
    /// missing there, or it is not to be given up.
    pub(super) fn give_up_head(&mut self, seq: Seq) -> bool {
        let expected = self.window.expected();
        let is_head = self.window.next() == expected && self.options.policy() == OnGap::Skip;
        if !is_head || seq == Seq::MAX {
            return false;
        }
        let last = self.gap_from(expected).map_or(seq - 1, |(_, last)| last.min(seq - 1));
        self.give_up(expected, last);
        true
    }

    /// Gives up everything that is missing. False where that is an error.
    pub(super) fn give_up_all(&mut self) -> bool {
        while self.give_up_first() {}
        self.open = None;
        self.is_open()
    }

    /// Gives up what is missing first. False where nothing is, or that is an error.
    pub(super) fn give_up_first(&mut self) -> bool {
        let Some((first, last)) = self.gap_from(self.window.expected()) else { return false };
        if self.options.policy() == OnGap::Fail {
            self.fail_at_gap((first, last));
            return false;
        }
        self.give_up(first, last);
        true
    }

    fn give_up(&mut self, first: Seq, last: Seq) {
        self.lost.push_back((first, last));
        self.lost_count = self.lost_count.saturating_add(last - first + 1);
        self.window.skip_to(last + 1);
        self.settle();
    }

    fn fail_at_gap(&mut self, range: (Seq, Seq)) {
        let (first, last) = self.on_wire(range);
        self.fail(SequenceError::GapTimeout { first, last, key: () });
    }

    pub(super) fn fail(&mut self, error: SequenceError) {
        self.open = None;
        self.end = End::Failed(error);
    }

    /// What follows when the expected number may have moved, or something came beyond it.
    pub(super) fn settle(&mut self) {
        self.pass_restored();
        self.watch();
    }

    /// What was restored is in order as soon as everything before it is.
    pub(super) fn pass_restored(&mut self) {
        while let Some(last) = self.restored.run_of(self.window.expected()) {
            self.window.skip_to(last + 1);
        }
    }

    /// Sets the timer.
    pub(super) fn watch(&mut self) {
        let at = self.window.expected();
        if self.top <= at || !self.is_open() {
            self.open = None;
        } else if self.open.is_none_or(|open| open.at != at) {
            self.open = Some(Open { at, since: self.now, is_told: false });
        }
    }

    /// Does what the timer does next.
    pub(super) fn fire(&mut self) {
        let (Some((_, due)), Some(range)) = (self.due(), self.gap_from(self.window.expected()))
        else {
            self.open = None;
            return;
        };
        match due {
            Due::GiveUp if self.options.policy() == OnGap::Fail => self.fail_at_gap(range),
            Due::GiveUp => self.give_up(range.0, range.1),
            Due::Warn => {
                if let Some(open) = &mut self.open {
                    open.is_told = true;
                }
                let (first, last) = self.on_wire(range);
                self.events.push_back(SequencerEvent::Gap { first, last });
            }
        }
    }

    /// When the expected number is given up, or is an error.
    pub(crate) fn gives_up_at(&self) -> Option<Time> {
        let span = self.options.gap_timeout?;
        self.open.map(|open| open.since.after(span))
    }

    /// Takes nothing in any more, and gives nothing up.
    pub(crate) fn abandon(&mut self) {
        self.open = None;
        self.is_ended = true;
    }

    /// As [`handle_timeout`](Self::handle_timeout), but one thing only. To be called where that is due.
    pub(crate) fn fire_next(&mut self, now: Time) {
        self.now = self.now.max(now);
        self.fire();
    }
}
