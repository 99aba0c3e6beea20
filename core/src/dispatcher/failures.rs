//! Failures: tried again, and what the policy says when an item has failed for good.

use alloc::vec::Vec;
use core::time::Duration;

use super::Dispatcher;
use crate::event::{Event, Why};
use crate::ids::{Handle, Lane};
use crate::options::OnFailure;
use crate::outcome::{Completion, HAND_OVERS, Outcome, Resume};
use crate::retry::HAND_OVER;
use crate::slots::{Item, State, Verdict};
use crate::time::Time;
use crate::timers::{Alarm, Kind};

/// What is known of an item that failed, beyond what is known of every item.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trouble {
    handle: Handle,
    /// The attempts before its key was resumed: the allowance of retries begins there.
    pub(super) attempts_before: u32,
    /// The attempts to hand it over.
    pub(super) hand_overs: u32,
    /// When it is tried or handed over again, until that starts.
    pub(super) alarm: Option<Alarm>,
}

/// By slot: as long as the highest slot of an item that ever failed.
#[derive(Clone, Debug, Default)]
pub(super) struct Troubles(Vec<Trouble>);

impl Troubles {
    /// That of an item: a blank one where it had none before.
    pub(super) fn of(&mut self, slot: u32, handle: Handle) -> &mut Trouble {
        let index = slot as usize;
        let blank = Trouble { handle, attempts_before: 0, hand_overs: 0, alarm: None };
        if index >= self.0.len() {
            self.0.resize(index + 1, blank);
        }
        if self.0[index].handle != handle {
            self.0[index] = blank;
        }
        &mut self.0[index]
    }

    pub(super) fn get(&self, slot: u32, handle: Handle) -> Option<&Trouble> {
        self.0.get(slot as usize).filter(|trouble| trouble.handle == handle)
    }

    /// The number of the attempt of an item that was started last, be it one to hand it over.
    pub(super) fn last_attempt(&self, slot: u32, item: &Item) -> u32 {
        match self.get(slot, item.handle) {
            Some(trouble) if trouble.hand_overs > 0 => {
                HAND_OVERS.saturating_add(trouble.hand_overs)
            }
            _ => item.attempt,
        }
    }
}

impl Dispatcher {
    /// What follows when an attempt has failed, which does not run any more.
    pub(super) fn fail(&mut self, slot: u32, retry: bool, after: Option<Duration>) -> Completion {
        if self.is_coming_out(slot) {
            if let Some(due) = self.next_attempt(slot, after).filter(|_| retry) {
                if self.sources[self.items[slot].source].revoked {
                    self.settle(slot, Verdict::Nothing(Why::HandedBack));
                    return Completion::Settled;
                }
                self.back_off(slot, due);
                return Completion::Retrying;
            }
        }
        self.fail_for_good(slot);
        Completion::Settled
    }

    /// Fails an item that stands in no list, and has its lane.
    pub(super) fn fail_for_good(&mut self, slot: u32) {
        if !self.is_coming_out(slot) {
            self.settle(slot, Verdict::Failed);
            return;
        }
        match self.on_failure_of(slot) {
            OnFailure::Fail | OnFailure::Emit => self.settle(slot, Verdict::Failed),
            OnFailure::Skip => self.settle(slot, Verdict::Nothing(Why::Skipped)),
            OnFailure::DeadLetter => self.hand_over(slot),
            OnFailure::HaltKey => self.halt(slot),
        }
    }

    /// The policy that holds for an item.
    pub(super) fn on_failure_of(&self, slot: u32) -> OnFailure {
        if self.on_failure != OnFailure::HaltKey || self.items[slot].lane.is_some() {
            return self.on_failure;
        }
        self.on_failure_without_lane
    }

    /// When the next attempt is due, if there is one.
    fn next_attempt(&mut self, slot: u32, after: Option<Duration>) -> Option<Time> {
        let retry = self.retry.as_ref()?;
        let item = &self.items[slot];
        let before =
            self.troubles.get(slot, item.handle).map_or(0, |trouble| trouble.attempts_before);
        let tried = item.attempt - before;
        if !retry.allows(tried) {
            return None;
        }
        let run = item.attempt.saturating_add(1);
        let due = match after {
            Some(after) => self.now.after(after),
            None => self.now.plus(retry.delay(item.seq, tried + 1, run)),
        };
        let deadline = self.total_timeout.as_ref().and_then(|limit| limit.due(slot));
        deadline.is_none_or(|deadline| due < deadline).then_some(due)
    }

    fn back_off(&mut self, slot: u32, due: Time) {
        self.tally.backing_off += 1;
        self.aside += 1;
        self.items[slot].state = State::Backoff;
        let alarm = self.alarm(slot, due, Kind::Retry);
        self.alarms.insert(alarm);
    }

    /// Hands an item over, now.
    fn hand_over(&mut self, slot: u32) {
        self.disarm_total(slot);
        self.tally.handing_over += 1;
        self.aside += 1;
        self.items[slot].state = State::HandOver;
        let alarm = self.alarm(slot, self.now, Kind::HandOver);
        self.hand_overs.insert(alarm);
    }

    /// The end of an attempt to hand an item over.
    pub(super) fn end_hand_over(&mut self, slot: u32, outcome: Outcome) -> Completion {
        if let Some(why) = self.items[slot].fate {
            self.tally.ignored += 1;
            self.leave_hand_over();
            self.settle(slot, Verdict::Nothing(why));
            return Completion::Ignored;
        }
        if outcome == Outcome::Ok {
            self.leave_hand_over();
            self.settle(slot, Verdict::Nothing(Why::DeadLettered));
            return Completion::Settled;
        }
        let item = &mut self.items[slot];
        item.state = State::HandOver;
        let (seq, handle) = (item.seq, item.handle);
        let tried = self.troubles.of(slot, handle).hand_overs;
        let due = self.now.plus(HAND_OVER.delay(seq, tried.saturating_add(1), 0));
        let alarm = self.alarm(slot, due, Kind::HandOver);
        self.alarms.insert(alarm);
        Completion::Retrying
    }

    /// Counts an item out that is not handed over any more.
    pub(super) fn leave_hand_over(&mut self) {
        self.tally.handing_over -= 1;
        self.aside -= 1;
    }

    fn halt(&mut self, slot: u32) {
        self.disarm_total(slot);
        let handle = self.items.handle(slot);
        self.events.push_back(Event::Halted { handle });
        self.tally.halted += 1;
        self.items[slot].state = State::Halted;
        if self.is_closed() {
            self.settle_halted(slot);
        } else if self.sources[self.items[slot].source].revoked {
            self.settle_unstarted(slot, Why::HandedBack);
        }
    }

    /// Settles an item that is halted, and those behind it in its lane: nobody will resume it.
    pub(super) fn settle_halted(&mut self, slot: u32) {
        let Some(lane) = self.items[slot].lane else { return };
        // those behind first: each settlement of an owner would make the next one start
        let behind: Vec<u32> = self.waiting_in(lane).collect();
        for slot in behind {
            self.settle_unstarted(slot, Why::KeyHalted);
        }
        self.settle_unstarted(slot, Why::KeyHalted);
    }

    pub(super) fn resume(&mut self, lane: Lane, how: Resume) -> bool {
        let Some(slot) = self.owner_of(lane) else { return false };
        let item = &self.items[slot];
        let (handle, attempt) = (item.handle, item.attempt);
        if item.state != State::Halted || self.sources[item.source].revoked {
            return false;
        }
        self.tally.halted -= 1;
        match how {
            Resume::Retry => {
                self.troubles.of(slot, handle).attempts_before = attempt;
                self.items[slot].is_rejected = false;
                if let Some(limit) = &mut self.total_timeout {
                    limit.arm(slot, self.now);
                }
                self.tally.backing_off += 1;
                self.aside += 1;
                self.items[slot].state = State::Backoff;
                let alarm = self.alarm(slot, self.now, Kind::Retry);
                self.retries.insert(alarm);
            }
            Resume::Skip => self.settle(slot, Verdict::Nothing(Why::Skipped)),
            Resume::DeadLetter => self.hand_over(slot),
        }
        true
    }

    /// Whether an item that fails is dealt with: neither stopped nor cut off.
    fn is_coming_out(&self, slot: u32) -> bool {
        !self.phase.is_stopped() && self.is_before_cut(slot)
    }

    /// Notes when an item is due again.
    fn alarm(&mut self, slot: u32, due: Time, kind: Kind) -> Alarm {
        let item = &self.items[slot];
        let alarm = Alarm { due, kind, source: item.source, seq: item.seq, slot };
        self.troubles.of(slot, item.handle).alarm = Some(alarm);
        alarm
    }

    /// Counts an item out that is not tried again any more, or settled. It keeps its lane.
    pub(super) fn leave_backoff(&mut self, slot: u32) {
        self.forget_alarm(slot);
        self.tally.backing_off -= 1;
        self.aside -= 1;
    }

    pub(super) fn forget_alarm(&mut self, slot: u32) {
        let handle = self.items.handle(slot);
        if let Some(alarm) = self.troubles.of(slot, handle).alarm.take() {
            // it is due, or will be
            let due = match alarm.kind {
                Kind::HandOver => &mut self.hand_overs,
                Kind::Retry
                | Kind::Revoke
                | Kind::Total
                | Kind::Attempt
                | Kind::Gap
                | Kind::GapWarning => &mut self.retries,
            };
            if !due.remove(&alarm) {
                self.alarms.remove(&alarm);
            }
        }
    }

    /// Fails an item that does not have its lane, and does not need it.
    pub(super) fn fail_out_of_turn(&mut self, slot: u32, policy: OnFailure) {
        let is_skipped = self.is_coming_out(slot) && policy == OnFailure::Skip;
        let verdict = if is_skipped { Verdict::Nothing(Why::Skipped) } else { Verdict::Failed };
        self.conclude(slot, verdict);
    }

    pub(super) fn disarm_total(&mut self, slot: u32) {
        if let Some(limit) = &mut self.total_timeout {
            limit.disarm(slot);
        }
    }
}
