//! Stopping: draining with a limit, the grace, and what is reported in the end.

use alloc::vec::Vec;
use core::time::Duration;

use super::Dispatcher;
use super::flags::Flag;
use crate::event::{Event, Rest, Why};
use crate::fifo::Fifo;
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
                self.set_paused(false);
                self.phase = Phase::Draining(deadline);
                for index in self.sources.indices().collect::<Vec<_>>() {
                    self.end_source(index);
                }
                // an abort reports them, as it passes nothing
                let is_abort = timeout.is_some_and(|timeout| timeout.is_zero());
                let halted = self.halted_lanes().filter(|_| !is_abort).collect::<Vec<_>>();
                for lane in halted {
                    if let Some(slot) = self.owner_of(lane) {
                        self.settle_halted(slot);
                    }
                }
                self.note_over();
            }
            Phase::Draining(earlier) => {
                self.phase = Phase::Draining(earlier.into_iter().chain(deadline).min());
            }
            Phase::Grace(_) | Phase::Over => {}
        }
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            self.stop_when_due();
        }
    }

    pub(super) fn end_source(&mut self, index: u32) {
        self.end_numbers(index);
        let state = &mut self.sources[index];
        state.flags.set(Flag::Ended, true);
        self.tell_starved(index);
        self.note_drained(index);
    }

    /// While paused nothing starts. Closing ends a pause, and there is none after it.
    pub(super) fn set_paused(&mut self, paused: bool) {
        let paused = paused && self.phase == Phase::Open;
        self.aside -= u32::from(self.paused);
        self.aside += u32::from(paused);
        self.paused = paused;
    }

    /// Stops at once where the time is over already.
    fn stop_when_due(&mut self) {
        if matches!(self.phase, Phase::Draining(Some(deadline)) if deadline <= self.now) {
            self.stop_all();
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
        if self.is_gap(slot) {
            return self.drop_gap(slot);
        }
        let (State::Held(verdict) | State::Lent(verdict)) = self.items[slot].state else { return };
        let why = match verdict {
            Verdict::Ok | Verdict::Failed if self.on_failure == OnFailure::Fail => {
                Some(Why::Closed)
            }
            Verdict::Ok | Verdict::Failed => None,
            Verdict::Nothing(why) => Some(why),
        };
        let (handle, index) = (self.items.handle(slot), self.items[slot].source);
        self.events.push_back(Event::Left { handle, rest, why });
        self.forget(slot);
        self.tally.left += 1;
        self.note_drained(index);
    }

    /// Reports what does not run, and signals what does.
    pub(super) fn stop_all(&mut self) {
        self.phase = Phase::Grace(self.now.after(GRACE));
        for index in self.sources.indices().collect::<Vec<_>>() {
            // all of it leaves
            self.sources[index].settled = Fifo::default();
        }
        for slot in self.everything() {
            if self.stop_item(slot, Why::Closed).is_some() {
                self.leave_behind(slot, Rest::Settled);
            }
        }
    }

    /// Reports what still runs.
    pub(super) fn detach(&mut self) {
        for slot in self.everything() {
            let (handle, index) = (self.items.handle(slot), self.items[slot].source);
            let why = self.items[slot].fate;
            self.events.push_back(Event::Left { handle, rest: Rest::Detached, why });
            if self.items[slot].state == State::HandingOver {
                self.leave_hand_over();
            } else {
                self.tally.unsuccessful += 1;
            }
            if let Some(limit) = &mut self.timeout {
                limit.disarm(slot);
            }
            if let Some(limit) = &mut self.total_timeout {
                limit.disarm(slot);
            }
            self.tally.cancelled += 1;
            self.unlink(slot);
            self.items[slot].state = State::Detached;
            self.note_drained(index);
        }
    }

    /// All items of all sources, in the order of each. None is early: closing has given up the gaps.
    fn everything(&self) -> Vec<u32> {
        self.sources.indices().flat_map(|index| self.items_of(index)).collect()
    }
}
