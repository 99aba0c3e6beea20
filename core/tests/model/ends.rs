//! The naive model: how attempts end, and what follows when they failed.

use std::time::Duration;

use inorder::{Completion, Event, Handle, Lane, OnFailure, Outcome, Resume, Time, Why};

use crate::config::Retrying;
use crate::naive::{Cut, Naive, Phase, Stage, Verdict};

pub(crate) fn is_timeout(why: Why) -> bool {
    matches!(why, Why::AttemptTimeout | Why::DeadlineExceeded)
}

impl Naive {
    pub(crate) fn complete(
        &mut self,
        handle: Handle,
        attempt: u32,
        outcome: Outcome,
    ) -> Completion {
        let Some(at) = self.look_up(handle) else { return Completion::Stale };
        let is_current = self.items[at].last_attempt() == attempt;
        let completion = match self.items[at].stage {
            Stage::Running if is_current => self.end_attempt(at, outcome),
            Stage::HandingOver if is_current => self.end_hand_over(at, outcome),
            Stage::Detached if is_current => {
                self.counts.ignored += 1;
                let lane = self.items.remove(at).lane;
                self.note_lane(lane);
                Completion::Ignored
            }
            Stage::Early
            | Stage::Queued
            | Stage::Running
            | Stage::Backoff
            | Stage::HandOver
            | Stage::HandingOver
            | Stage::Halted
            | Stage::Settled(_)
            | Stage::Lent(_)
            | Stage::Lost
            | Stage::LostLent
            | Stage::Detached => {
                self.counts.stale += 1;
                Completion::Stale
            }
        };
        self.refresh_line();
        completion
    }

    fn end_attempt(&mut self, at: usize, outcome: Outcome) -> Completion {
        self.items[at].attempt_due = None;
        let Some(why) = self.items[at].fate else {
            let verdict = match outcome {
                Outcome::Ok => Verdict::Ok,
                Outcome::Cancelled => Verdict::Nothing(Why::Cancelled),
                Outcome::Failed { retry, after } => return self.fail(at, retry, after),
                other => panic!("unknown {other:?}"),
            };
            self.settle(at, verdict);
            return Completion::Settled;
        };
        self.counts.ignored += 1;
        if is_timeout(why) {
            self.items[at].fate = None;
            let retry = matches!(outcome, Outcome::Failed { retry: true, .. });
            self.fail(at, retry && why == Why::AttemptTimeout, None);
        } else {
            self.settle(at, Verdict::Nothing(why));
        }
        Completion::Ignored
    }

    fn end_hand_over(&mut self, at: usize, outcome: Outcome) -> Completion {
        if let Some(why) = self.items[at].fate {
            self.counts.ignored += 1;
            self.settle(at, Verdict::Nothing(why));
            return Completion::Ignored;
        }
        if outcome == Outcome::Ok {
            self.settle(at, Verdict::Nothing(Why::DeadLettered));
            return Completion::Settled;
        }
        let wait = Retrying::hand_over(self.items[at].hand_overs);
        self.wait(at, Stage::HandOver, self.now.after(wait), false);
        Completion::Retrying
    }

    fn fail(&mut self, at: usize, retry: bool, after: Option<Duration>) -> Completion {
        match self.next_attempt(at, after).filter(|_| retry && self.comes_out(at)) {
            Some(_) if self.sources[self.items[at].source].revoked => {
                self.settle(at, Verdict::Nothing(Why::HandedBack));
                Completion::Settled
            }
            Some(due) => {
                self.wait(at, Stage::Backoff, due, false);
                Completion::Retrying
            }
            None => {
                self.fail_for_good(at);
                Completion::Settled
            }
        }
    }

    /// When the next attempt is due, if one is left and the item does not get too old before it.
    fn next_attempt(&self, at: usize, after: Option<Duration>) -> Option<Time> {
        let (item, retry) = (&self.items[at], self.config.retry?);
        let tried = item.attempt - item.attempts_before;
        if tried >= retry.attempts {
            return None;
        }
        let wait = after.unwrap_or_else(|| retry.wait(item.seq, tried + 1, item.attempt + 1));
        let due = self.now.after(wait);
        item.deadline.is_none_or(|deadline| due < deadline).then_some(due)
    }

    pub(crate) fn fail_for_good(&mut self, at: usize) {
        if !self.comes_out(at) {
            return self.settle(at, Verdict::Failed);
        }
        match self.policy_of(at) {
            OnFailure::Fail | OnFailure::Emit => self.settle(at, Verdict::Failed),
            OnFailure::Skip => self.settle(at, Verdict::Nothing(Why::Skipped)),
            OnFailure::DeadLetter => self.hand_over(at),
            OnFailure::HaltKey => self.halt(at),
            other => panic!("unknown {other:?}"),
        }
    }

    fn wait(&mut self, at: usize, stage: Stage, due: Time, is_due: bool) {
        let item = &mut self.items[at];
        (item.stage, item.due, item.is_due) = (stage, Some(due), is_due);
    }

    fn hand_over(&mut self, at: usize) {
        self.items[at].deadline = None;
        self.wait(at, Stage::HandOver, self.now, true);
    }

    fn halt(&mut self, at: usize) {
        let item = &mut self.items[at];
        item.stage = Stage::Halted;
        (item.due, item.deadline) = (None, None);
        let (handle, source) = (item.handle, item.source);
        self.events.push(Event::Halted { handle });
        if self.phase != Phase::Open {
            self.settle_halted(handle);
        } else if self.sources[source].revoked {
            self.settle(at, Verdict::Nothing(Why::HandedBack));
        }
    }

    /// Nobody will resume it: it is settled after those behind it.
    pub(crate) fn settle_halted(&mut self, handle: Handle) {
        let at = self.find(handle).expect("it is in flight");
        let lane = self.items[at].lane;
        let mut behind: Vec<(Option<u64>, Handle)> = self
            .items
            .iter()
            .filter(|item| item.lane == lane && item.stage == Stage::Queued)
            .map(|item| (item.turn, item.handle))
            .collect();
        behind.sort_unstable();
        for (_, handle) in behind {
            let at = self.find(handle).expect("nothing else leaves");
            self.settle(at, Verdict::Nothing(Why::KeyHalted));
        }
        let at = self.find(handle).expect("it is in flight");
        self.settle(at, Verdict::Nothing(Why::KeyHalted));
    }

    pub(crate) fn halted_lanes(&self) -> Vec<Lane> {
        let halted = self.items.iter().filter(|item| item.stage == Stage::Halted);
        let mut lanes: Vec<Lane> = halted.filter_map(|item| item.lane).collect();
        lanes.sort_unstable();
        lanes
    }

    pub(crate) fn halted_in(&self, lane: Lane) -> Option<usize> {
        self.items.iter().position(|item| item.lane == Some(lane) && item.stage == Stage::Halted)
    }

    pub(crate) fn resume_lane(&mut self, lane: Lane, how: Resume) -> bool {
        let Some(at) = self.halted_in(lane) else { return false };
        match how {
            Resume::Retry => {
                let deadline = self.config.total_timeout.map(|span| self.now.after(span));
                let item = &mut self.items[at];
                item.attempts_before = item.attempt;
                item.rejected = false;
                (item.deadline, item.is_too_old) = (deadline, false);
                self.wait(at, Stage::Backoff, self.now, true);
            }
            Resume::Skip => self.settle(at, Verdict::Nothing(Why::Skipped)),
            Resume::DeadLetter => self.hand_over(at),
        }
        self.refresh_line();
        true
    }

    /// Whether a failure of the item matters: what is behind a cut is settled whatever it is.
    fn comes_out(&self, at: usize) -> bool {
        !self.is_stopped() && self.is_before_cut(at)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        matches!(self.phase, Phase::Grace(_) | Phase::Over)
    }

    pub(crate) fn is_before_cut(&self, at: usize) -> bool {
        let item = &self.items[at];
        match self.sources[item.source].cut {
            Cut::Nowhere => true,
            Cut::After(position) => item.seq < position,
            Cut::Unsettled | Cut::Everything => false,
        }
    }
}
