//! The getters of the naive model, under the names of the dispatcher.

use std::time::Duration;

use inorder::{Blocked, BlockedState, Handle, Seq, Source, Stats, Time};

use crate::naive::{Naive, Phase, Stage};
use crate::numbers::Numbers;
use crate::pair::{Checked, same};

impl Naive {
    /// Without keys one item more than can start now, with keys as many as there is room for.
    pub(crate) fn wants(&self, id: Source) -> usize {
        let Some(index) = self.open_source_of(id).filter(|index| !self.sources[*index].ended)
        else {
            return 0;
        };
        let room = self.config.capacity.saturating_sub(self.in_flight(index));
        if self.sources[index].keyed {
            return room;
        }
        let queued = self.count(|stage| matches!(stage, Stage::Early | Stage::Queued));
        room.min((self.may_start() + 1).saturating_sub(queued))
    }

    pub(crate) fn is_full(&self, id: Source) -> bool {
        self.open_source_of(id).is_some_and(|index| self.in_flight(index) >= self.config.capacity)
    }

    pub(crate) fn oldest(&self, id: Source) -> Option<Seq> {
        let index = self.open_source_of(id)?;
        let mut order = self.order(index).into_iter();
        let oldest = order.find(|at| self.items[*at].stage.is_item());
        match oldest {
            Some(at) => Some(self.items[at].seq),
            None if self.in_flight(index) == 0 => None,
            None => self.sources[index].numbers.as_ref().map(Numbers::expected),
        }
    }

    pub(crate) fn failed(&self, id: Source) -> Option<Handle> {
        self.sources[self.open_source_of(id)?].failed
    }

    pub(crate) fn head_of(&self, id: Source) -> Option<Handle> {
        let head = self.head(self.open_source_of(id)?)?;
        self.items[head].stage.is_item().then_some(self.items[head].handle)
    }

    pub(crate) fn why_blocked(&self, id: Source) -> Option<Expected> {
        self.blocked(self.open_source_of(id)?)
    }

    /// Of the head of the release order.
    fn blocked(&self, index: usize) -> Option<Expected> {
        let in_flight = self.in_flight(index) as u64;
        if in_flight == 0 {
            return None;
        }
        let Some(at) = self.head(index) else {
            let numbers = self.sources[index].numbers.as_ref()?;
            let (since, due) = numbers.missing_since()?;
            return Some(Expected {
                seq: Numbers::expected(numbers),
                attempt: 0,
                since,
                waiting: in_flight,
                state: BlockedState::Missing,
                due,
            });
        };
        let item = &self.items[at];
        let state = match item.stage {
            Stage::Early | Stage::Queued if self.paused => BlockedState::Paused,
            Stage::Early | Stage::Queued => BlockedState::Queued,
            Stage::Running | Stage::Detached => BlockedState::Running,
            Stage::Backoff => BlockedState::BackingOff,
            Stage::HandOver | Stage::HandingOver => BlockedState::HandingOver,
            Stage::Halted => BlockedState::Halted,
            Stage::Settled(_) | Stage::Lent(_) | Stage::Lost | Stage::LostLent => {
                BlockedState::Untaken
            }
        };
        let deadline = item.deadline.filter(|_| !item.is_too_old);
        Some(Expected {
            seq: item.seq,
            attempt: item.attempt,
            since: item.accepted,
            waiting: in_flight - u64::from(item.stage.is_item()),
            state,
            due: [item.attempt_due, deadline, item.due].into_iter().flatten().min(),
        })
    }

    pub(crate) fn oldest_age(&self, now: Time) -> Duration {
        let heads = self.open_sources().into_iter().filter_map(|index| self.blocked(index));
        let ages = heads.map(|blocked| Duration::from_micros(now.since(blocked.since)));
        ages.max().unwrap_or(Duration::ZERO)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.phase != Phase::Open
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.phase == Phase::Over
    }

    /// The counters and gauges, counted.
    pub(crate) fn compare_stats(&self, stats: &Stats, now: Time) -> Checked {
        let (naive, counts) = (self, self.counts);
        let queued = naive.count(|stage| matches!(stage, Stage::Early | Stage::Queued)) as u64;
        let running = naive.count(|stage| stage == Stage::Running) as u64;
        let backing_off = naive.count(|stage| stage == Stage::Backoff) as u64;
        let handing_over =
            naive.count(|stage| matches!(stage, Stage::HandOver | Stage::HandingOver)) as u64;
        let halted = naive.count(|stage| stage == Stage::Halted) as u64;
        let in_flight = counts.accepted - counts.released;
        let held = in_flight - queued - running - backing_off - handing_over - halted;
        let pairs = [
            ("accepted", stats.accepted, counts.accepted),
            ("restored", stats.restored, counts.restored),
            ("started", stats.started, counts.started),
            ("retried", stats.retried, counts.retried),
            ("timed_out", stats.timed_out, counts.timed_out),
            ("ok", stats.ok, counts.ok),
            ("failed", stats.failed, counts.failed),
            ("skipped", stats.skipped, counts.skipped),
            ("dead_lettered", stats.dead_lettered, counts.dead_lettered),
            ("cancelled", stats.cancelled, counts.cancelled),
            ("released", stats.released, counts.released),
            ("ignored", stats.ignored, counts.ignored),
            ("refused", stats.refused, counts.refused),
            ("late", stats.late, counts.late),
            ("duplicate", stats.duplicate, counts.duplicate),
            ("stale", stats.stale, counts.stale),
            ("lost", stats.lost, counts.lost),
            ("queued", stats.queued, queued),
            ("running", stats.running, running),
            ("backing_off", stats.backing_off, backing_off),
            ("handing_over", stats.handing_over, handing_over),
            ("halted", stats.halted, halted),
            ("held", stats.held, held),
            ("in_flight", stats.in_flight, in_flight),
            ("concurrency", stats.concurrency, naive.config.concurrency as u64),
            ("capacity", stats.capacity, naive.config.capacity as u64),
        ];
        for (name, got, expected) in pairs {
            same(name, &got, &expected)?;
        }
        same("oldest_age", &stats.oldest_age, &naive.oldest_age(now))
    }
}

/// What the dispatcher should say is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    seq: Seq,
    attempt: u32,
    since: Time,
    waiting: u64,
    state: BlockedState,
    due: Option<Time>,
}

impl Expected {
    pub(crate) fn is(&self, now: Time, blocked: &Blocked) -> bool {
        let age = Duration::from_micros(now.since(self.since));
        let left = self.due.map(|due| Duration::from_micros(due.since(now)));
        (blocked.seq, blocked.attempt, blocked.waiting, blocked.state)
            == (self.seq, self.attempt, self.waiting, self.state)
            && (blocked.age, blocked.next_deadline) == (age, left)
    }
}
