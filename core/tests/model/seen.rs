//! The getters of the naive model, under the names of the dispatcher.

use std::time::Duration;

use inorder::{Blocked, BlockedState, Handle, Seq, Source, Time};

use crate::naive::{Naive, Phase, Stage};
use crate::numbers::Numbers;

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
        self.blocked(index).map(|blocked| blocked.seq)
    }

    pub(crate) fn failed(&self, id: Source) -> Option<Handle> {
        self.sources[self.open_source_of(id)?].failed
    }

    pub(crate) fn head_of(&self, id: Source) -> Option<Handle> {
        self.head(self.open_source_of(id)?).map(|at| self.items[at].handle)
    }

    pub(crate) fn why_blocked(&self, id: Source) -> Option<Expected> {
        self.blocked(self.open_source_of(id)?)
    }

    /// Of the head of the release order.
    fn blocked(&self, index: usize) -> Option<Expected> {
        let in_flight = self.in_flight(index) as u64;
        let Some(at) = self.head(index) else {
            let source = &self.sources[index];
            let numbers = source.numbers.as_ref().filter(|_| in_flight > 0)?;
            return Some(Expected {
                seq: Numbers::expected(numbers),
                attempt: 0,
                since: source.missing_since,
                waiting: in_flight,
                state: BlockedState::Missing,
                due: None,
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
            Stage::Settled(_) | Stage::Lent(_) => BlockedState::Untaken,
        };
        let deadline = item.deadline.filter(|_| !item.is_too_old);
        Some(Expected {
            seq: item.seq,
            attempt: item.attempt,
            since: item.accepted,
            waiting: in_flight - 1,
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
