//! Getters: what can be seen from outside.

use core::time::Duration;

use super::Dispatcher;
use super::shutdown::Phase;
use crate::ids::{Handle, Seq, Source};
use crate::slots::State;
use crate::stats::{Blocked, BlockedState, Stats};
use crate::time::Time;

/// The counters and gauges behind [`Stats`].
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) accepted: u64,
    pub(super) started: u64,
    pub(super) ok: u64,
    pub(super) failed: u64,
    pub(super) cancelled: u64,
    pub(super) released: u64,
    pub(super) ignored: u64,
    pub(super) refused: u64,
    pub(super) late: u64,
    pub(super) duplicate: u64,
    pub(super) stale: u64,
    pub(super) queued: u32,
    pub(super) running: u32,
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
        Stats {
            accepted: tally.accepted,
            started: tally.started,
            ok: tally.ok,
            failed: tally.failed,
            cancelled: tally.cancelled,
            released: tally.released,
            ignored: tally.ignored,
            refused: tally.refused,
            late: tally.late,
            duplicate: tally.duplicate,
            stale: tally.stale,
            queued: tally.queued.into(),
            running: tally.running.into(),
            held: in_flight - u64::from(tally.queued) - u64::from(tally.running),
            in_flight,
            concurrency: self.concurrency.into(),
            capacity: self.capacity.into(),
            oldest_age: oldest.map_or(Duration::ZERO, |since| age(now, since)),
        }
    }

    /// The item at the head of a release order: what [`why_blocked`](Self::why_blocked) is about. `None` when nothing of
    /// the source is in flight, or the head is missing.
    #[must_use]
    pub fn head(&self, source: Source) -> Option<Handle> {
        let slot = self.sources[self.sources.find(source)?].order.head()?;
        Some(self.items.handle(slot))
    }

    /// What the next release of a source waits for; `None` when nothing of it is in flight.
    #[must_use]
    pub fn why_blocked(&self, now: Time, source: Source) -> Option<Blocked> {
        let source = &self.sources[self.sources.find(source)?];
        let Some(slot) = source.order.head() else {
            let sequenced = source.sequenced.as_ref().filter(|sequenced| sequenced.waiting > 0)?;
            return Some(Blocked {
                seq: sequenced.sequencer.expected(),
                attempt: 0,
                age: age(now, sequenced.since),
                waiting: source.in_flight.into(),
                state: BlockedState::Missing,
            });
        };
        let item = &self.items[slot];
        let state = match item.state {
            State::Free | State::Early | State::Waiting | State::Ready => BlockedState::Queued,
            State::Running | State::Detached => BlockedState::Running,
            State::Held(_) | State::Lent(_) => BlockedState::Untaken,
        };
        let (seq, attempt): (Seq, u32) = (item.seq, item.attempt);
        let waiting = u64::from(source.in_flight) - 1;
        Some(Blocked { seq, attempt, age: age(now, item.accepted), waiting, state })
    }

    /// Whether an item cannot be done before another of its source has ended: it is that one, or behind it in the order
    /// of release or in a lane. For drivers that tell a deadlock. False where one of them is no longer in flight.
    #[must_use]
    pub fn is_held_up_by(&self, handle: Handle, other: Handle) -> bool {
        let (Some(slot), Some(other)) = (self.items.find(handle), self.items.find(other)) else {
            return false;
        };
        let (item, other) = (&self.items[slot], &self.items[other]);
        let in_order = self.ordered || item.lane.is_some() && item.lane == other.lane;
        item.source == other.source && (item.seq == other.seq || item.seq > other.seq && in_order)
    }

    /// Since when the head of a release order is waited for: an item, or a number that is missing.
    fn waits_since(&self, index: u32) -> Option<Time> {
        let source = &self.sources[index];
        let early = || source.sequenced.as_ref().filter(|sequenced| sequenced.waiting > 0);
        source
            .order
            .head()
            .map_or_else(|| early().map(|s| s.since), |slot| Some(self.items[slot].accepted))
    }
}

fn age(now: Time, since: Time) -> Duration {
    Duration::from_micros(now.since(since))
}
