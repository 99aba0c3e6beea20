//! Attempts: what starts, how it ends, and what a signal fixes before it does.

use super::Dispatcher;
use super::sources::Cut;
use crate::event::{Event, Rest, Why};
use crate::ids::Handle;
use crate::options::OnFailure;
use crate::outcome::{Completion, Outcome, Run};
use crate::slots::{State, Verdict};

impl Dispatcher {
    #[inline]
    pub(super) fn start_next(&mut self) -> Option<Run> {
        while self.tally.running < self.concurrency {
            let slot = self.first_to_start()?;
            self.line.remove(&mut self.items, slot);
            self.tally.queued -= 1;
            let item = &mut self.items[slot];
            if item.rejected {
                self.settle(slot, Verdict::Failed);
                continue;
            }
            item.state = State::Running;
            item.attempt += 1;
            let (attempt, source) = (item.attempt, item.source);
            self.tally.running += 1;
            self.tally.started += 1;
            self.sources.started(source);
            self.note_head(source);
            return Some(Run { handle: self.items.handle(slot), attempt });
        }
        None
    }

    #[inline]
    pub(super) fn end_attempt(&mut self, handle: Handle, attempt: u32, outcome: Outcome) -> Completion {
        let Some(slot) = self.find(handle) else { return Completion::Stale };
        let item = &self.items[slot];
        let is_current = item.attempt == attempt;
        match item.state {
            State::Running if is_current => {}
            State::Detached if is_current => {
                self.tally.ignored += 1;
                self.leave_lane(slot);
                self.items.remove(slot);
                return Completion::Ignored;
            }
            _ => {
                self.tally.stale += 1;
                return Completion::Stale;
            }
        }
        self.tally.running -= 1;
        if let Some(why) = item.fate {
            self.tally.ignored += 1;
            self.settle(slot, Verdict::Cancelled(why));
            return Completion::Ignored;
        }
        let verdict = match outcome {
            Outcome::Ok => Verdict::Ok,
            Outcome::Failed => Verdict::Failed,
            Outcome::Cancelled => Verdict::Cancelled(Why::Cancelled),
        };
        self.settle(slot, verdict);
        Completion::Settled
    }

    pub(super) fn cancel_item(&mut self, handle: Handle) -> bool {
        let Some(slot) = self.find(handle) else { return false };
        match self.items[slot].state {
            State::Early | State::Waiting | State::Ready => {
                self.settle_unstarted(slot, Why::Cancelled);
                true
            }
            State::Running => {
                self.signal(slot, Why::Cancelled);
                true
            }
            State::Free | State::Held(_) | State::Lent(_) | State::Detached => false,
        }
    }

    /// Fixes the outcome of a running attempt, unless it is fixed.
    pub(super) fn signal(&mut self, slot: u32, why: Why) {
        let handle = self.items.handle(slot);
        let item = &mut self.items[slot];
        if item.fate.is_none() {
            item.fate = Some(why);
            self.events.push_back(Event::Signal { handle, attempt: item.attempt, why });
        }
    }

    /// Settles an item that waits to be started as cancelled.
    pub(super) fn settle_unstarted(&mut self, slot: u32, why: Why) {
        self.unqueue(slot);
        self.tally.queued -= 1;
        self.conclude(slot, Verdict::Cancelled(why));
    }

    /// Settles an item whose turn it was: gives its lane on.
    #[inline]
    fn settle(&mut self, slot: u32, verdict: Verdict) {
        self.leave_lane(slot);
        self.conclude(slot, verdict);
    }

    /// The settlement itself, exactly one for each accepted item.
    #[inline]
    fn conclude(&mut self, slot: u32, verdict: Verdict) {
        let item = &mut self.items[slot];
        let was_early = item.state == State::Early;
        item.state = State::Held(verdict);
        let (index, seq) = (item.source, item.seq);
        self.tally.held += 1;
        match verdict {
            Verdict::Ok => self.tally.ok += 1,
            Verdict::Failed => self.tally.failed += 1,
            Verdict::Cancelled(_) => self.tally.cancelled += 1,
        }
        if self.phase.is_stopped() {
            let rest = if self.items[slot].attempt == 0 { Rest::NeverStarted } else { Rest::Unfinished };
            self.leave_behind(slot, rest);
            return;
        }
        let is_cut = match self.sources[index].cut {
            Cut::Nowhere => false,
            Cut::After(position) => seq > position,
            Cut::Unsettled => true,
        };
        if is_cut {
            self.pass(slot);
            return;
        }
        if verdict == Verdict::Failed && self.on_failure == OnFailure::Fail {
            self.cut_off(slot);
        }
        match verdict {
            Verdict::Cancelled(_) if was_early => {}
            Verdict::Cancelled(_) => self.leave_in_turn(slot),
            Verdict::Ok | Verdict::Failed if self.ordered => {}
            Verdict::Ok | Verdict::Failed => self.sources[index].settled.push_back(&mut self.items, slot),
        }
    }
}
