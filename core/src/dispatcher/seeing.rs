//! Getters: what can be seen from outside.

use alloc::vec::Vec;
use core::time::Duration;

use super::Dispatcher;
use super::shutdown::Phase;
use super::sources::{Sequenced, SourceState};
use crate::event::Why;
use crate::ids::{Handle, Seq, Source};
use crate::slots::{NIL, State, Verdict};
use crate::stats::{Blocked, BlockedState, Stats};
use crate::time::Time;

/// The counters and gauges behind [`Stats`]. What every item changes is counted once, as it happens; how many are where
/// follows from that, and from what happens rarely.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) accepted: u64,
    pub(super) restored: u64,
    pub(super) started: u64,
    pub(super) retried: u64,
    pub(super) timed_out: u64,
    pub(super) ok: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
    pub(super) dead_lettered: u64,
    pub(super) cancelled: u64,
    pub(super) released: u64,
    pub(super) ignored: u64,
    pub(super) refused: u64,
    pub(super) late: u64,
    pub(super) duplicate: u64,
    pub(super) stale: u64,
    pub(super) lost: u64,
    /// Attempts started of items that had been tried, or had failed, before.
    pub(super) again: u64,
    /// Items that left the queue without an attempt.
    pub(super) unstarted: u64,
    /// Attempts that ended without success, or were given up while they ran.
    pub(super) unsuccessful: u64,
    /// Items that are gone, and do not count as released.
    pub(super) left: u64,
    pub(super) backing_off: u32,
    pub(super) handing_over: u32,
    pub(super) halted: u32,
}

impl Tally {
    /// Items whose slots are taken.
    #[inline]
    pub(super) fn inside(&self) -> usize {
        (self.accepted - self.released - self.left) as usize
    }

    /// Items that wait to be started for the first time.
    #[inline]
    pub(super) fn queued(&self) -> u32 {
        (self.accepted + self.again - self.started - self.unstarted) as u32
    }

    /// Attempts that run.
    #[inline]
    pub(super) fn running(&self) -> u32 {
        (self.started - self.ok - self.unsuccessful) as u32
    }

    /// The sum of the two, for less than each.
    #[inline]
    pub(super) fn queued_or_running(&self) -> u32 {
        (self.accepted + self.again - self.unstarted - self.ok - self.unsuccessful) as u32
    }

    pub(super) fn settled(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Ok => self.ok += 1,
            Verdict::Failed => self.failed += 1,
            Verdict::Nothing(Why::Skipped) => self.skipped += 1,
            Verdict::Nothing(Why::DeadLettered) => self.dead_lettered += 1,
            Verdict::Nothing(_) => self.cancelled += 1,
        }
    }
}

impl Dispatcher {
    /// Whether it accepts nothing more, because [`close`](Self::close) was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.phase != Phase::Open
    }

    /// Whether it is closed, and everything has left or been reported.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Counters and gauges. O(sources).
    #[must_use]
    pub fn stats(&self, now: Time) -> Stats {
        let oldest = self.sources.indices().filter_map(|index| self.waits_since(index)).min();
        let tally = &self.tally;
        let in_flight = tally.accepted - tally.released;
        let pending = tally.queued()
            + tally.running()
            + tally.backing_off
            + tally.handing_over
            + tally.halted;
        Stats {
            accepted: tally.accepted,
            restored: tally.restored,
            started: tally.started,
            retried: tally.retried,
            timed_out: tally.timed_out,
            ok: tally.ok,
            failed: tally.failed,
            skipped: tally.skipped,
            dead_lettered: tally.dead_lettered,
            cancelled: tally.cancelled,
            released: tally.released,
            ignored: tally.ignored,
            refused: tally.refused,
            late: tally.late,
            duplicate: tally.duplicate,
            stale: tally.stale,
            lost: tally.lost,
            queued: tally.queued().into(),
            running: tally.running().into(),
            backing_off: tally.backing_off.into(),
            handing_over: tally.handing_over.into(),
            halted: tally.halted.into(),
            held: in_flight - u64::from(pending),
            in_flight,
            concurrency: self.concurrency.into(),
            capacity: self.capacity.into(),
            oldest_age: oldest.map_or(Duration::ZERO, |since| age(now, since)),
        }
    }

    /// The item at the head of a release order: what [`why_blocked`](Self::why_blocked) is about. `None` when nothing of
    /// the source is in flight, or the head is missing or was given up.
    #[must_use]
    pub fn head(&self, source: Source) -> Option<Handle> {
        let slot = self.sources[self.sources.find(source)?].order.head()?;
        (!self.is_gap(slot)).then(|| self.items.handle(slot))
    }

    /// What the next release of a source waits for; `None` when nothing of it is in flight.
    #[must_use]
    pub fn why_blocked(&self, now: Time, source: Source) -> Option<Blocked> {
        let source = &self.sources[self.sources.find(source)?];
        if source.in_flight == 0 {
            return None;
        }
        let Some(slot) = source.order.head() else {
            let sequencer = &head_missing(source)?.sequencer;
            return Some(Blocked {
                seq: sequencer.expected(),
                attempt: 0,
                age: sequencer.missing_since().map_or(Duration::ZERO, |(_, since)| age(now, since)),
                waiting: source.in_flight.into(),
                state: BlockedState::Missing,
                next_deadline: sequencer.gives_up_at().map(|due| age(due, now)),
            });
        };
        let item = &self.items[slot];
        let state = match item.state {
            State::Waiting | State::Ready if self.paused => BlockedState::Paused,
            State::Free | State::Early | State::Waiting | State::Ready => BlockedState::Queued,
            State::Running | State::Detached => BlockedState::Running,
            State::Backoff => BlockedState::BackingOff,
            State::HandOver | State::HandingOver => BlockedState::HandingOver,
            State::Halted => BlockedState::Halted,
            State::Held(_) | State::Lent(_) | State::Gap | State::GapLent => BlockedState::Untaken,
        };
        let (seq, attempt): (Seq, u32) = (item.seq, item.attempt);
        let waiting = u64::from(source.in_flight) - u64::from(!self.is_gap(slot));
        let limits = [&self.timeout, &self.total_timeout];
        let limits = limits.into_iter().flatten().filter_map(|limit| limit.due(slot));
        let alarm = self.troubles.get(slot, item.handle).and_then(|trouble| trouble.alarm);
        let due = limits.chain(alarm.map(|alarm| alarm.due)).min();
        let next_deadline = due.map(|due| age(due, now));
        let age = age(now, item.accepted);
        Some(Blocked { seq, attempt, age, waiting, state, next_deadline })
    }

    /// Whether an item cannot be done before another is: it is that one, it is behind it in the order of release or in a
    /// lane, that one is lent, or nothing starts beside it. For drivers that tell a deadlock: the handler, or the
    /// delivery, of `other` waits for `handle`. False where one of them is no longer in flight.
    #[must_use]
    pub fn is_held_up_by(&self, handle: Handle, other: Handle) -> bool {
        let (Some(slot), Some(other)) = (self.items.find(handle), self.items.find(other)) else {
            return false;
        };
        let (item, other) = (&self.items[slot], &self.items[other]);
        let is_queued =
            matches!(item.state, State::Early | State::Waiting | State::Ready | State::Backoff);
        let is_busy = matches!(other.state, State::Running | State::HandingOver);
        if is_queued && is_busy && self.concurrency == 1 {
            return true;
        }
        let is_lent = matches!(other.state, State::Lent(_) | State::GapLent);
        let in_order = self.ordered || item.lane.is_some() && item.lane == other.lane;
        item.source == other.source
            && (item.seq == other.seq || is_lent || item.seq > other.seq && in_order)
    }

    /// Whether only `waiting` could make room: the items whose handler or receiver, or the delivery of whose result,
    /// waits for room itself. For drivers that tell a deadlock, asked when all is drained; these then wait for ever,
    /// unless one of them is refused.
    ///
    /// False while anything else could: an attempt runs, of a handler or to hand over, or was signalled, or a result is
    /// lent that is not among `waiting`, a result is there and not lent, a lane is halted, a pause keeps something from
    /// starting, or a number is missing at the head of a sequenced source. O(`waiting` log `waiting` + sources) where all
    /// that runs is among `waiting`, else O(1).
    #[must_use]
    pub fn is_deadlocked(&self, waiting: &[Handle]) -> bool {
        let tally = &self.tally;
        // what is handed over runs, or is due
        let running = tally.running() as usize + tally.handing_over as usize;
        let is_paused = self.paused && tally.queued() > 0 && tally.running() < self.concurrency;
        // what is due some day may give a unit back
        let is_due = !self.hand_overs.is_empty() || self.next_due().is_some();
        let is_pending = tally.backing_off > 0 || tally.halted > 0 || is_paused || is_due;
        if waiting.len() < running || is_pending {
            return false;
        }
        let mut slots: Vec<u32> = waiting.iter().filter_map(|it| self.items.find(*it)).collect();
        slots.sort_unstable();
        slots.dedup();
        // whose outcome is fixed is about to end, and waits no more
        let runs = |slot: &&u32| {
            let item = &self.items[**slot];
            matches!(item.state, State::Running | State::HandingOver) && item.fate.is_none()
        };
        slots.iter().filter(runs).count() == running
            && self.sources.indices().all(|index| {
                let source = &self.sources[index];
                match self.lent_of(source) {
                    None => !self.has_result(source) && head_missing(source).is_none(),
                    Some(lent) => slots.binary_search(&lent).is_ok(),
                }
            })
    }

    /// Whether [`poll_event`](Self::poll_event) has something to tell: after [`poll_dispatch`](Self::poll_dispatch),
    /// where an item whose time is over has failed in its turn to start.
    #[inline]
    #[must_use]
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Whether [`poll_release`](Self::poll_release) has something to lend: for drivers to which a call costs more than a
    /// look at its last answer.
    #[inline]
    #[must_use]
    pub fn can_lend(&self, source: Source) -> bool {
        self.sources.get(source).is_some_and(|(_, it)| it.lent == NIL && self.has_result(it))
    }

    /// What is lent of a source.
    pub(super) fn lent_of(&self, source: &SourceState) -> Option<u32> {
        let slot = if self.ordered { source.order.head()? } else { source.lent };
        let item = self.items.get(slot as usize)?;
        matches!(item.state, State::Lent(_) | State::GapLent).then_some(slot)
    }

    /// Whether there is a result that can be lent.
    #[inline]
    fn has_result(&self, source: &SourceState) -> bool {
        let first = if self.ordered { source.order.head() } else { source.settled.head() };
        first.is_some_and(|slot| matches!(self.items[slot].state, State::Held(_) | State::Gap))
    }

    /// Since when the head of a release order is waited for: an item, or a number that is missing.
    fn waits_since(&self, index: u32) -> Option<Time> {
        let source = &self.sources[index];
        match source.order.head() {
            _ if source.in_flight == 0 => None,
            Some(slot) => Some(self.items[slot].accepted),
            None => head_missing(source)?.sequencer.missing_since().map(|(_, since)| since),
        }
    }
}

/// The reorder buffer of a source of which nothing is in order, and something waits for a number that is missing.
fn head_missing(source: &SourceState) -> Option<&Sequenced> {
    let sequenced = source.sequenced.as_deref()?;
    (source.order.is_empty() && sequenced.waiting > 0).then_some(sequenced)
}

fn age(now: Time, since: Time) -> Duration {
    Duration::from_micros(now.since(since))
}
