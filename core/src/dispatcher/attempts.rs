//! Attempts: what starts, how it ends, and what a signal fixes before it does.

use super::Dispatcher;
use super::sources::Cut;
use crate::event::{Event, Rest, Why};
use crate::hint::{rare, rarely};
use crate::ids::Handle;
use crate::options::OnFailure;
use crate::outcome::{Completion, HAND_OVERS, Outcome, Run};
use crate::slots::{State, Verdict};

impl Dispatcher {
    /// Starts the next of those that were never tried.
    #[inline(always)]
    pub(super) fn start_next(&mut self) -> Option<Run> {
        // most often there is nothing: asked after every command
        if self.line.is_empty() || self.tally.running() >= self.concurrency {
            return None;
        }
        let slot = self.first_to_start()?;
        let items = &mut *self.items;
        self.line.remove(items, slot);
        let item = &mut items[slot as usize];
        if rarely(item.is_rejected) {
            return self.start_behind_rejected(slot);
        }
        item.state = State::Running;
        item.attempt += 1;
        let run = Run { handle: item.handle, attempt: item.attempt };
        let source = item.source;
        self.tally.started += 1;
        if let Some(limit) = &mut self.timeout {
            rare();
            limit.arm(slot, self.now);
        }
        if rarely(self.heads_apart && !self.sources.is_single()) {
            self.sources.started(source, self.tally.started);
            self.note_head(source);
        }
        Some(run)
    }

    /// What starts next while something is to be tried again or handed over, or nothing is to start: hand-overs, which
    /// need no slot; retries that are due; then new work, with a concurrency of 1 only if nothing is pending.
    #[inline(never)]
    pub(super) fn start_aside(&mut self) -> Option<Run> {
        if let Some(run) = self.start_hand_over() {
            return Some(run);
        }
        if self.paused || self.tally.running() >= self.concurrency {
            return None;
        }
        let is_single = self.concurrency == 1;
        if is_single && self.tally.handing_over > 0 {
            return None;
        }
        if let Some(run) = self.start_retry() {
            return Some(run);
        }
        if is_single && self.tally.backing_off > 0 {
            return None;
        }
        self.start_next()
    }

    fn start_hand_over(&mut self) -> Option<Run> {
        let alarm = self.hand_overs.pop_first()?;
        let item = &mut self.items[alarm.slot];
        item.state = State::HandingOver;
        let trouble = self.troubles.of(alarm.slot, item.handle);
        trouble.alarm = None;
        trouble.hand_overs = trouble.hand_overs.saturating_add(1);
        Some(Run { handle: item.handle, attempt: HAND_OVERS.saturating_add(trouble.hand_overs) })
    }

    fn start_retry(&mut self) -> Option<Run> {
        let alarm = self.retries.pop_first()?;
        self.tally.backing_off -= 1;
        self.aside -= 1;
        let item = &mut self.items[alarm.slot];
        self.troubles.of(alarm.slot, item.handle).alarm = None;
        item.state = State::Running;
        item.attempt = (item.attempt + 1).min(HAND_OVERS - 1);
        self.tally.again += 1;
        self.tally.started += 1;
        self.tally.retried += u64::from(item.attempt > 1);
        if let Some(limit) = &mut self.timeout {
            limit.arm(alarm.slot, self.now);
        }
        self.sources.started(alarm.source, self.tally.started);
        Some(Run { handle: item.handle, attempt: item.attempt })
    }

    /// Fails an item whose turn to start it is, without an attempt, and those behind it likewise; then starts the next.
    /// If one is handed over, that is what starts.
    #[cold]
    fn start_behind_rejected(&mut self, mut slot: u32) -> Option<Run> {
        loop {
            self.tally.unstarted += 1;
            let source = self.items[slot].source;
            self.fail_for_good(slot);
            // it may be the head still, and starts no more
            self.note_head(source);
            if let Some(run) = self.start_hand_over() {
                return Some(run);
            }
            match self.first_to_start() {
                Some(next) if self.items[next].is_rejected => {
                    self.line.remove(&mut self.items, next);
                    slot = next;
                }
                Some(_) | None => return self.start_next(),
            }
        }
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
            return self.end_other_attempt(slot, attempt, outcome);
        }
        let fate = item.fate;
        if outcome == Outcome::Ok && fate.is_none() && self.ends_are_plain {
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
        if let Some(limit) = &mut self.timeout {
            limit.disarm(slot);
        }
        if fate.is_some() || outcome != Outcome::Ok {
            self.tally.unsuccessful += 1;
        }
        let Some(why) = fate else {
            return match outcome {
                Outcome::Ok => {
                    self.settle(slot, Verdict::Ok);
                    Completion::Settled
                }
                Outcome::Cancelled => {
                    self.settle(slot, Verdict::Nothing(Why::Cancelled));
                    Completion::Settled
                }
                Outcome::Failed { retry, after } => self.fail(slot, retry, after),
            };
        };
        self.tally.ignored += 1;
        if why.is_timeout() {
            self.items[slot].fate = None;
            // of an attempt that timed out only that counts: may it be tried again?
            let retry = why == Why::AttemptTimeout
                && matches!(outcome, Outcome::Failed { retry: true, .. });
            self.fail(slot, retry, None);
        } else {
            self.settle(slot, Verdict::Nothing(why));
        }
        Completion::Ignored
    }

    #[cold]
    fn stale(&mut self) -> Completion {
        self.tally.stale += 1;
        Completion::Stale
    }

    /// The end of an attempt that does not count as running: one of handing over, one that was reported, or a stale one.
    fn end_other_attempt(&mut self, slot: u32, attempt: u32, outcome: Outcome) -> Completion {
        let item = &self.items[slot];
        match item.state {
            State::HandingOver if self.troubles.last_attempt(slot, item) == attempt => {
                self.end_hand_over(slot, outcome)
            }
            State::Detached if self.troubles.last_attempt(slot, item) == attempt => {
                self.tally.ignored += 1;
                self.leave_lane(slot);
                self.items.remove(slot);
                self.tally.left += 1;
                Completion::Ignored
            }
            State::Free
            | State::Early
            | State::Waiting
            | State::Ready
            | State::Running
            | State::Backoff
            | State::HandOver
            | State::HandingOver
            | State::Halted
            | State::Held(_)
            | State::Lent(_)
            | State::Detached
            | State::Gap
            | State::GapLent => self.stale(),
        }
    }

    pub(super) fn cancel_item(&mut self, handle: Handle) -> bool {
        let Some(slot) = self.find(handle) else { return false };
        match self.items[slot].state {
            State::Early | State::Waiting | State::Ready | State::Backoff | State::Halted => {
                self.settle_unstarted(slot, Why::Cancelled);
                true
            }
            State::Running => {
                self.signal(slot, Why::Cancelled);
                true
            }
            State::Free
            | State::HandOver
            | State::HandingOver
            | State::Held(_)
            | State::Lent(_)
            | State::Detached
            | State::Gap
            | State::GapLent => false,
        }
    }

    /// Fixes the outcome of a running attempt, unless it is fixed. What cancels the item overrides a timeout, of which
    /// the handler was told.
    pub(super) fn signal(&mut self, slot: u32, why: Why) {
        let handle = self.items.handle(slot);
        let item = &mut self.items[slot];
        match item.fate {
            None => {
                item.fate = Some(why);
                let attempt = self.troubles.last_attempt(slot, item);
                self.events.push_back(Event::Signal { handle, attempt, why });
            }
            Some(fate) if fate.is_timeout() && !why.is_timeout() => item.fate = Some(why),
            Some(_) => return,
        }
        // what is fixed no time limit changes, but that the total time may be over before a retry
        if let Some(limit) = &mut self.timeout {
            limit.disarm(slot);
        }
        if !why.is_timeout() {
            self.disarm_total(slot);
        }
    }

    /// Stops an item that is not settled: its attempt, if one runs, else it itself. One that is settled is left, and its
    /// state given.
    pub(super) fn stop_item(&mut self, slot: u32, why: Why) -> Option<State> {
        match self.items[slot].state {
            State::Early
            | State::Waiting
            | State::Ready
            | State::Backoff
            | State::HandOver
            | State::Halted => self.settle_unstarted(slot, why),
            State::Running | State::HandingOver => self.signal(slot, why),
            state @ (State::Free
            | State::Held(_)
            | State::Lent(_)
            | State::Detached
            | State::Gap
            | State::GapLent) => return Some(state),
        }
        None
    }

    /// Settles an item that does not run as one of which nothing comes out.
    pub(super) fn settle_unstarted(&mut self, slot: u32, why: Why) {
        self.withdraw(slot);
        self.conclude(slot, Verdict::Nothing(why));
    }

    /// Settles an item whose turn it was: gives its lane on.
    pub(super) fn settle(&mut self, slot: u32, verdict: Verdict) {
        self.leave_lane(slot);
        self.conclude(slot, verdict);
    }

    /// The settlement itself, exactly one for each accepted item.
    pub(super) fn conclude(&mut self, slot: u32, verdict: Verdict) {
        if let Some(limit) = &mut self.total_timeout {
            limit.disarm(slot);
        }
        let was_early = self.items[slot].state == State::Early && self.stands_early(slot);
        let item = &mut self.items[slot];
        item.state = State::Held(verdict);
        let index = item.source;
        self.tally.settled(verdict);
        if self.phase.is_stopped() || self.sources[index].cut != Cut::Nowhere {
            self.conclude_behind_the_end(slot, verdict);
            return;
        }
        match verdict {
            Verdict::Ok => self.note_settled(slot),
            Verdict::Failed => {
                if self.on_failure_of(slot) == OnFailure::Fail {
                    self.cut_off(slot);
                }
            }
            Verdict::Nothing(_) => {
                self.note_settled(slot);
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
        let item = &self.items[slot];
        if self.phase.is_stopped() {
            let rest = if item.attempt == 0 { Rest::NeverStarted } else { Rest::Unfinished };
            self.leave_behind(slot, rest);
            return;
        }
        self.note_settled(slot);
        // the outcome of what runs behind a cut is fixed: nothing comes out
        match verdict {
            Verdict::Failed if self.on_failure_of(slot) == OnFailure::Fail => self.cut_off(slot),
            Verdict::Ok | Verdict::Failed => debug_assert!(self.is_before_cut(slot)),
            Verdict::Nothing(_) if self.is_before_cut(slot) => self.leave_in_turn(slot),
            Verdict::Nothing(_) => self.pass(slot),
        }
    }

    /// Whether an item comes out although its source may be cut off.
    pub(super) fn is_before_cut(&self, slot: u32) -> bool {
        let item = &self.items[slot];
        match self.sources[item.source].cut {
            Cut::Nowhere => true,
            Cut::After(position) => item.seq < position,
            Cut::Unsettled | Cut::Everything => false,
        }
    }
}
