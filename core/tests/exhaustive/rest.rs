//! What holds in every state at rest.

use inorder::{RunKind, Stats};

use crate::known::{Known, Life};
use crate::seen::{Checked, Seen, holds};

impl Seen {
    pub(crate) fn at_rest(&self, stats: &Stats, halted: &[u32]) -> Checked {
        let pending =
            stats.queued + stats.running + stats.backing_off + stats.handing_over + stats.halted;
        holds(stats.in_flight == pending + stats.held, "the gauges sum up")?;
        let settled =
            stats.ok + stats.failed + stats.skipped + stats.dead_lettered + stats.cancelled;
        holds(stats.accepted == settled + pending, "each item ends in one way")?;
        let runs =
            |known: &&Known| known.life == Life::Running(RunKind::Handler) && !known.has_left;
        let running = self.items.iter().filter(runs).count();
        holds(stats.running == running as u64, "what runs is counted")?;
        let is_handed = |known: &&Known| {
            let is_pending = known.life == Life::Between && known.attempt > 1 << 31;
            !known.has_left && (is_pending || known.life == Life::Running(RunKind::HandOver))
        };
        let handed = self.items.iter().filter(is_handed).count() as u64;
        holds(stats.handing_over <= handed, "what failed is handed over at once")?;
        holds(stats.halted == halted.len() as u64, "halted lanes are counted")?;
        holds(!self.is_closed || halted.is_empty(), "closing settles what is halted")?;
        for known in self.items.iter().filter(|known| !known.has_left) {
            let part = &self.sources[known.source];
            let runs = matches!(known.life, Life::Running(_));
            holds(
                !runs || known.fate.is_some() || !self.is_behind(known),
                "what runs behind a failure is signalled",
            )?;
            let is_owed = known.is_well && !part.taking && !known.is_lent && !part.fenced;
            holds(
                !is_owed || known.is_completed,
                "what nobody takes is completed when it is settled",
            )?;
        }
        for (source, part) in self.sources.iter().enumerate() {
            let inside = self.inside(source).len();
            holds(inside <= self.config.capacity, "capacity is not exceeded")?;
            holds(
                !part.starved || inside >= self.config.capacity,
                "who waits is told when there is room",
            )?;
        }
        let has_slot = running < self.config.concurrency && !self.paused;
        let is_single = self.config.concurrency == 1;
        if has_slot && !(is_single && stats.handing_over > 0) {
            holds(!self.is_anything_late(), "a due retry starts")?;
        }
        if has_slot && !(is_single && stats.handing_over + stats.backing_off > 0) {
            let is_behind = |known: &&Known| {
                let waits = known.life == Life::Accepted && !known.has_left;
                waits && !self.is_over(known) && self.is_held_back(known, halted)
            };
            let behind = self.items.iter().filter(is_behind).count() as u64;
            holds(stats.queued <= behind, "what may start has started")?;
        }
        Ok(())
    }

    /// Whether something of its lane is in work.
    fn is_held_back(&self, known: &Known, halted: &[u32]) -> bool {
        let Some(lane) = known.lane else { return false };
        let in_work = |other: &Known| {
            let is_pending = other.life == Life::Between && !other.has_left;
            other.lane == Some(lane) && (is_pending || matches!(other.life, Life::Running(_)))
        };
        halted.contains(&lane) || self.items.iter().any(in_work)
    }

    /// A result that is there, and whose turn it is, can be had.
    pub(crate) fn comes_out(&self, source: usize, inside: &[usize], can_lend: bool) -> Checked {
        let is_lent = inside.iter().any(|item| self.items[*item].is_lent);
        if is_lent || self.sources[source].fenced {
            return holds(!can_lend, "one result at a time is lent, and none of a lost source");
        }
        let has_result = |item: &usize| {
            let known = &self.items[*item];
            known.is_well && known.attempt < 1 << 31
        };
        let head = inside.iter().min_by_key(|item| self.items[**item].seq);
        let is_there = if self.config.ordered {
            head.is_some_and(has_result)
        } else {
            inside.iter().any(has_result)
        };
        holds(can_lend || !is_there, "what is held comes out")
    }
}
