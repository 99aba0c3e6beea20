//! Stopping: draining with a limit, the grace, and what is reported in the end.

use alloc::vec::Vec;
use core::time::Duration;

use super::Dispatcher;
use crate::event::{Event, Rest, Why};
use crate::options::OnFailure;
use crate::slots::{State, Verdict};
use crate::time::Time;

/// What a handler that was signalled at the end has to come to its own end.
const GRACE: Duration = Duration::from_millis(250);

/// How far the dispatcher is on its way to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// Accepts nothing; drains until the deadline.
    Draining(Option<Time>),
    /// The deadline is over; what runs was signalled and is waited for until then.
    Grace(Time),
    Over,
}

impl Phase {
    /// Whether nothing is released any more.
    #[inline]
    pub(super) fn is_stopped(self) -> bool {
        matches!(self, Self::Grace(_) | Self::Over)
    }

    #[inline]
    pub(super) fn due(self) -> Option<Time> {
        match self {
            Self::Draining(deadline) => deadline,
            Self::Grace(until) => Some(until),
            Self::Open | Self::Over => None,
        }
    }
}

impl Dispatcher {
    pub(super) fn begin_close(&mut self, timeout: Option<Duration>) {
        let deadline = timeout.map(|timeout| self.now.after(timeout));
        match self.phase {
            Phase::Open => {
                self.phase = Phase::Draining(deadline);
                for index in self.sources.indices().collect::<Vec<_>>() {
                    self.end_source(index);
                }
                self.note_over();
            }
            Phase::Draining(earlier) => {
                self.phase = Phase::Draining(earlier.into_iter().chain(deadline).min());
            }
            Phase::Grace(_) | Phase::Over => {}
        }
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            self.fire_due();
        }
    }

    pub(super) fn end_source(&mut self, index: u32) {
        self.give_up_gaps(index);
        let state = &mut self.sources[index];
        state.ended = true;
        self.tell_starved(index);
        self.note_drained(index);
    }

    /// Fires the limit or the grace, if it is due.
    pub(super) fn fire_due(&mut self) {
        match self.phase {
            Phase::Draining(Some(deadline)) if deadline <= self.now => self.stop(),
            Phase::Grace(until) if until <= self.now => self.detach(),
            Phase::Open | Phase::Draining(_) | Phase::Grace(_) | Phase::Over => {}
        }
    }

    /// Becomes over when it is closed and all is drained.
    pub(super) fn note_over(&mut self) {
        if self.phase != Phase::Open && self.sources.are_drained() {
            self.phase = Phase::Over;
        }
    }

    /// Reports an item that is settled, and whose turn does not come any more.
    pub(super) fn leave_behind(&mut self, slot: u32, rest: Rest) {
        let (State::Held(verdict) | State::Lent(verdict)) = self.items[slot].state else { return };
        let why = match verdict {
            Verdict::Ok | Verdict::Failed if self.on_failure == OnFailure::Fail => {
                Some(Why::Closed)
            }
            Verdict::Ok | Verdict::Failed => None,
            Verdict::Cancelled(why) => Some(why),
        };
        let (handle, index) = (self.items.handle(slot), self.items[slot].source);
        self.events.push_back(Event::Left { handle, rest, why });
        self.forget(slot);
        self.note_drained(index);
    }

    /// Reports what does not run, and signals what does.
    fn stop(&mut self) {
        self.phase = Phase::Grace(self.now.after(GRACE));
        for slot in self.everything() {
            match self.items[slot].state {
                State::Early | State::Waiting | State::Ready => {
                    self.settle_unstarted(slot, Why::Closed);
                }
                State::Running => self.signal(slot, Why::Closed),
                State::Held(_) | State::Lent(_) => self.leave_behind(slot, Rest::Settled),
                State::Free | State::Detached => {}
            }
        }
    }

    /// Reports what still runs.
    fn detach(&mut self) {
        for slot in self.everything() {
            let (handle, index) = (self.items.handle(slot), self.items[slot].source);
            let why = self.items[slot].fate;
            self.events.push_back(Event::Left { handle, rest: Rest::Detached, why });
            self.tally.running -= 1;
            self.tally.cancelled += 1;
            self.unlink(slot);
            self.items[slot].state = State::Detached;
            self.note_drained(index);
        }
    }

    /// All items of all sources, in the order of each. None is early: closing has given up the gaps.
    fn everything(&self) -> Vec<u32> {
        let mut slots = Vec::with_capacity(self.items.taken());
        for index in self.sources.indices() {
            let order = &self.sources[index].order;
            slots.extend(core::iter::successors(order.head(), |slot| {
                order.after(&self.items, *slot)
            }));
        }
        slots
    }
}
