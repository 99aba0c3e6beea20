//! Attempts: what starts, how it ends, and what a signal fixes before it does.

use super::Dispatcher;
use super::sources::Cut;
use crate::event::{Event, Rest, Why};
use crate::ids::Handle;
use crate::options::OnFailure;
use crate::outcome::{Completion, Outcome, Run};
use crate::slots::{State, Verdict};

impl Dispatcher {
    #[inline(always)]
    pub(super) fn start_next(&mut self) -> Option<Run> {
        while self.tally.running < self.concurrency {
            let slot = self.first_to_start()?;
            let items = &mut *self.items;
            self.line.remove(items, slot);
            self.tally.queued -= 1;
            let item = &mut items[slot as usize];
            if item.is_rejected {
                let source = item.source;
                self.settle(slot, Verdict::Failed);
                // it may be the head still, and starts no more
                self.note_head(source);
                continue;
            }
            item.state = State::Running;
            item.attempt += 1;
            let (run, source) = (Run { handle: item.handle, attempt: item.attempt }, item.source);
            self.tally.running += 1;
            self.tally.started += 1;
            if self.heads_apart && !self.sources.is_single() {
                self.sources.started(source, self.tally.started);
                self.note_head(source);
            }
            return Some(run);
        }
        None
    }

    #[inline(always)]
    pub(super) fn end_attempt(
        &mut self,
        handle: Handle,
        attempt: u32,
        outcome: Outcome,
    ) -> Completion {
        let Some((slot, item)) = self.items.lookup_mut(handle) else { return self.stale() };
        if item.state != State::Running || item.attempt != attempt {
            return self.end_old_attempt(slot, attempt);
        }
        self.tally.running -= 1;
        let fate = item.fate;
        if outcome == Outcome::Ok && fate.is_none() && self.ordered {
            // nothing else follows: of what is cut off or stopped each running attempt has its fate
            item.state = State::Held(Verdict::Ok);
            self.tally.ok += 1;
            if let Some(lane) = item.lane {
                self.leave_shared_lane(lane);
            }
            return Completion::Settled;
        }
        self.end_otherwise(slot, fate, outcome)
    }

    fn end_otherwise(&mut self, slot: u32, fate: Option<Why>, outcome: Outcome) -> Completion {
        if let Some(why) = fate {
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

    #[cold]
    fn stale(&mut self) -> Completion {
        self.tally.stale += 1;
        Completion::Stale
    }

    /// The end of an attempt that does not count as running: one that was reported, or a stale one.
    #[cold]
    fn end_old_attempt(&mut self, slot: u32, attempt: u32) -> Completion {
        let item = &self.items[slot];
        if item.state != State::Detached || item.attempt != attempt {
            return self.stale();
        }
        self.tally.ignored += 1;
        self.leave_lane(slot);
        self.items.remove(slot);
        Completion::Ignored
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
    fn settle(&mut self, slot: u32, verdict: Verdict) {
        self.leave_lane(slot);
        self.conclude(slot, verdict);
    }

    /// The settlement itself, exactly one for each accepted item.
    fn conclude(&mut self, slot: u32, verdict: Verdict) {
        let item = &mut self.items[slot];
        let was_early = item.state == State::Early;
        item.state = State::Held(verdict);
        let index = item.source;
        if self.phase.is_stopped() || self.sources[index].cut != Cut::Nowhere {
            self.conclude_behind_the_end(slot, verdict);
            return;
        }
        match verdict {
            Verdict::Ok => self.tally.ok += 1,
            Verdict::Failed => {
                self.tally.failed += 1;
                if self.on_failure == OnFailure::Fail {
                    self.cut_off(slot);
                }
            }
            Verdict::Cancelled(_) => {
                self.tally.cancelled += 1;
                match (was_early, self.ordered) {
                    // it leaves when its turn has come
                    (true, true) => {}
                    (true, false) => self.leave_early(slot),
                    (false, _) => self.leave_in_turn(slot),
                }
                return;
            }
        }
        if !self.ordered {
            self.sources[index].settled.push_back(&mut self.items, slot);
        }
    }

    /// A settlement after the dispatcher was stopped, or in a source that is cut off.
    #[cold]
    fn conclude_behind_the_end(&mut self, slot: u32, verdict: Verdict) {
        match verdict {
            Verdict::Ok => self.tally.ok += 1,
            Verdict::Failed => self.tally.failed += 1,
            Verdict::Cancelled(_) => self.tally.cancelled += 1,
        }
        let item = &self.items[slot];
        if self.phase.is_stopped() {
            let rest = if item.attempt == 0 { Rest::NeverStarted } else { Rest::Unfinished };
            self.leave_behind(slot, rest);
            return;
        }
        let is_before = match self.sources[item.source].cut {
            Cut::Nowhere => true,
            Cut::After(position) => item.seq < position,
            Cut::Unsettled => false,
        };
        match verdict {
            Verdict::Failed if is_before && self.on_failure == OnFailure::Fail => {
                self.cut_off(slot);
            }
            Verdict::Ok | Verdict::Failed if is_before => {}
            Verdict::Cancelled(_) if is_before => self.leave_in_turn(slot),
            Verdict::Ok | Verdict::Failed | Verdict::Cancelled(_) => self.pass(slot),
        }
    }
}
