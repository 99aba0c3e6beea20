//! Alarms: what is due when, and what it does. All that is due at one time goes off in one order.

use alloc::vec::Vec;

use super::Dispatcher;
use super::shutdown::Phase;
use crate::event::{Event, Why};
use crate::options::OnFailure;
use crate::slots::State;
use crate::time::Time;
use crate::timers::{Alarm, Kind};

impl Dispatcher {
    #[inline]
    pub(super) fn next_due(&self) -> Option<Time> {
        // asked after every command, and most often there are no timers
        let is_limited = self.timeout.is_some() || self.total_timeout.is_some();
        if matches!(self.phase, Phase::Open) && !is_limited && self.alarms.is_empty() {
            return None;
        }
        self.next_alarm()
    }

    fn next_alarm(&self) -> Option<Time> {
        let limits = [&self.timeout, &self.total_timeout];
        let limits =
            limits.into_iter().flatten().filter_map(|limit| limit.first()).map(|(due, _)| due);
        let alarm = self.alarms.first().map(|alarm| alarm.due);
        limits.chain(alarm).chain(self.phase.due()).min()
    }

    /// Fires all that is due, in the order in which it became due.
    pub(super) fn fire_due(&mut self) {
        while let Some(due) = self.next_due().filter(|due| *due <= self.now) {
            match self.phase {
                Phase::Draining(Some(deadline)) if deadline <= due => {
                    self.stop_all();
                    continue;
                }
                Phase::Grace(until) if until <= due => {
                    self.detach();
                    continue;
                }
                Phase::Open | Phase::Draining(_) | Phase::Grace(_) | Phase::Over => {}
            }
            for alarm in self.take_due(due) {
                self.fire(alarm);
            }
        }
    }

    /// Everything that is due at a time, in order.
    fn take_due(&mut self, due: Time) -> Vec<Alarm> {
        let mut fired = Vec::new();
        while let Some(alarm) = self.alarms.first().copied().filter(|alarm| alarm.due <= due) {
            self.alarms.remove(&alarm);
            fired.push(alarm);
        }
        let items = &self.items;
        let limits = [(Kind::Total, &mut self.total_timeout), (Kind::Attempt, &mut self.timeout)];
        for (kind, limit) in limits {
            let Some(limit) = limit else { continue };
            while let Some((_, slot)) = limit.first().filter(|(first, _)| *first <= due) {
                limit.disarm(slot);
                let item = &items[slot];
                fired.push(Alarm { due, kind, source: item.source, seq: item.seq, slot });
            }
        }
        fired.sort_unstable();
        fired
    }

    /// One alarm. What an earlier one of the same time has settled is passed over.
    fn fire(&mut self, alarm: Alarm) {
        let slot = alarm.slot;
        match alarm.kind {
            Kind::Revoke => self.fence_source(alarm.source),
            Kind::Total => self.expire(slot),
            Kind::Attempt => {
                if self.items[slot].state == State::Running && self.items[slot].fate.is_none() {
                    self.tally.timed_out += 1;
                    self.signal(slot, Why::AttemptTimeout);
                }
            }
            Kind::Gap | Kind::GapWarning => self.fire_gap(alarm),
            Kind::HandOver | Kind::Retry => {
                // it may have been settled by an alarm of the same time
                let handle = self.items.handle(slot);
                let trouble = self.troubles.get(slot, handle);
                if trouble.is_some_and(|trouble| trouble.alarm == Some(alarm)) {
                    let is_retry = alarm.kind == Kind::Retry;
                    let due = if is_retry { &mut self.retries } else { &mut self.hand_overs };
                    due.insert(alarm);
                }
            }
        }
    }

    /// Fails an item whose total time is over, wherever it is.
    fn expire(&mut self, slot: u32) {
        let handle = self.items.handle(slot);
        match self.items[slot].state {
            State::Running => match self.items[slot].fate {
                None => {
                    self.tally.timed_out += 1;
                    self.signal(slot, Why::DeadlineExceeded);
                }
                // it was signalled, and a retry would be due too late
                Some(Why::AttemptTimeout) => self.items[slot].fate = Some(Why::DeadlineExceeded),
                Some(_) => {}
            },
            State::Early => {
                self.events.push_back(Event::Expired { handle });
                self.items[slot].is_rejected = true;
            }
            State::Waiting | State::Ready => {
                self.events.push_back(Event::Expired { handle });
                let (policy, source) = (self.on_failure_of(slot), self.items[slot].source);
                if !matches!(policy, OnFailure::DeadLetter | OnFailure::HaltKey) {
                    self.withdraw(slot);
                    self.fail_out_of_turn(slot, policy);
                } else if self.items[slot].state == State::Waiting {
                    // it would be handed over, or hold its lane, at the same time as one before it
                    self.items[slot].is_rejected = true;
                } else {
                    self.leave_line(slot);
                    self.fail_for_good(slot);
                }
                // it may be the head still, and starts no more
                self.note_head(source);
            }
            State::Backoff => {
                self.events.push_back(Event::Expired { handle });
                self.leave_backoff(slot);
                self.fail_for_good(slot);
            }
            State::Free
            | State::HandOver
            | State::HandingOver
            | State::Halted
            | State::Held(_)
            | State::Lent(_)
            | State::Detached
            | State::Gap
            | State::GapLent => {}
        }
    }
}
