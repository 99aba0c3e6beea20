//! What of what was seen matters for what may follow.

use inorder::{Lane, RunKind, Why};

use crate::known::{Known, Life};
use crate::seen::Seen;

/// What is not there.
const NONE: u64 = u64::MAX;

impl Seen {
    /// Adds that to the form of a dispatcher in which the lanes have these names. Of an item that has left nothing matters
    /// but that its handler runs, of a source that is drained nothing at all; numbers only by what they are above.
    pub(crate) fn add_to(&self, form: &mut Vec<u64>, lanes: &[Lane]) {
        let name = |lane: u32| {
            let named = lanes.iter().position(|other| other.number() == lane);
            let before = || (0..lane).filter(|it| !lanes.iter().any(|o| o.number() == *it)).count();
            named.unwrap_or_else(|| lanes.len() + before())
        };
        let mut order: Vec<usize> = (0..self.items.len()).collect();
        order.retain(|item| {
            let known = &self.items[*item];
            !known.has_left || matches!(known.life, Life::Running(_))
        });
        order.sort_by_key(|item| {
            let known = &self.items[*item];
            match (known.has_left, known.lane) {
                // its source does not matter any more
                (true, Some(lane)) => (true, name(lane), 0),
                (has_left, _) => (has_left, self.place(known.source), known.seq),
            }
        });
        for item in &order {
            let known = &self.items[*item];
            let lane =
                known.lane.filter(|_| !self.is_over(known)).map_or(0, |lane| name(lane) as u64 + 1);
            form.push(self.code(known) << 8 | lane << 4 | self.place(known.source) as u64);
        }
        form.push(NONE);
        for (source, part) in self.sources.iter().enumerate().filter(|(_, part)| !part.is_drained) {
            let flags = [
                part.ended,
                part.taking,
                part.starved,
                part.revoked,
                part.fenced,
                part.stopped,
                part.has_failed,
                part.given_back,
            ];
            let below = |seq: u64| {
                let is_below =
                    |known: &&Known| known.source == source && !known.has_left && known.seq < seq;
                self.items.iter().filter(is_below).count()
            };
            let last_out = part.last_out.filter(|_| self.config.ordered);
            let cut = part.cut.map_or(0, |cut| below(cut) as u64 + 1);
            let last_out = last_out.map_or(0, |last| below(last + 1) as u64);
            form.push(bits(&flags) << 16 | cut << 8 | last_out);
        }
        let accepts = self.sources.iter().any(|part| !part.ended);
        let flags = [self.paused, self.is_closed, self.is_stopped(), self.is_cut()];
        form.push(bits(&flags) << 8 | if accepts { self.items.len() as u64 } else { 0 });
        let mut last = [NONE; 2];
        for (lane, item) in self.last_in_lane.iter().enumerate() {
            let is_open =
                |item: &usize| !self.is_over(&self.items[*item]) && !self.items[*item].has_left;
            let item = item.filter(is_open);
            let place = item.and_then(|item| order.iter().position(|other| *other == item));
            last[name(lane as u32)] = place.map_or(NONE, |place| place as u64);
        }
        form.extend(last);
    }

    /// The place of a source among those that are there, and behind them.
    fn place(&self, source: usize) -> usize {
        match self.sources[source].is_drained {
            true => self.sources.len(),
            false => self.sources[..source].iter().filter(|part| !part.is_drained).count(),
        }
    }

    /// Whether a cancel may change something.
    pub(crate) fn may_be_cancelled(&self, known: &Known) -> bool {
        if known.has_left || self.is_over(known) {
            return false;
        }
        match known.life {
            Life::Accepted | Life::Between | Life::Ended => true,
            Life::Running(RunKind::Handler) => {
                let timeouts = [Why::AttemptTimeout, Why::DeadlineExceeded];
                known.fate.is_none_or(|why| timeouts.contains(&why))
            }
            Life::Running(RunKind::HandOver) => false,
        }
    }

    /// Whether an item is settled, or given up where it was, and needs its lane and its attempts no more.
    pub(crate) fn is_over(&self, known: &Known) -> bool {
        let part = &self.sources[known.source];
        let is_stopped = part.fenced || self.is_behind(known);
        let is_given_back = is_stopped || part.revoked || part.given_back;
        match known.life {
            Life::Running(_) => false,
            Life::Between if known.is_handed() => is_stopped,
            Life::Accepted | Life::Between => is_given_back,
            Life::Ended => is_given_back || self.is_closed || !known.is_halted,
        }
    }

    /// What matters of an item.
    fn code(&self, known: &Known) -> u64 {
        if known.has_left {
            return 0;
        }
        let is_open = !self.is_over(known);
        let life = match known.life {
            _ if !is_open => 0,
            Life::Accepted => 1,
            Life::Running(RunKind::Handler) => 2,
            Life::Running(RunKind::HandOver) => 3,
            Life::Between => 4,
            Life::Ended => 5,
        };
        let is_tried = is_open && matches!(known.life, Life::Running(_) | Life::Between);
        let tries = if is_tried && !known.is_handed() { known.tries.min(3).into() } else { 0 };
        let flags = [
            is_open && known.started,
            known.is_well,
            known.is_bad,
            known.is_cancelled,
            is_open && known.is_expired,
            known.is_skipped,
            known.is_halted,
            known.is_completed,
            known.is_lent,
            known.is_handed(),
        ];
        let fate = known.fate.map_or(0, |why| why as u64 + 1);
        life << 24 | tries << 20 | fate << 12 | bits(&flags)
    }
}

fn bits(flags: &[bool]) -> u64 {
    flags.iter().fold(0, |bits, flag| bits << 1 | u64::from(*flag))
}
