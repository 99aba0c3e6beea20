//! The naive model: what is due at a time, sources that are given up or lost, and the end of it all.

use std::time::Duration;

use inorder::{Event, Handle, OnFailure, Rest, Seq, Time, Why};

use crate::naive::{Cut, Naive, Phase, Stage, Verdict};
use crate::numbers::Numbers;

/// What is due, in the order in which it goes off at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Revoke,
    Total,
    Attempt,
    Gap,
    GapWarning,
    HandOver,
    Retry,
}

/// When, what, and of which source and item.
type Due = (Time, Kind, u64, Seq, usize, Option<Handle>);

impl Naive {
    /// All that is due some time: when, what, and of which source and item.
    fn alarms(&self) -> Vec<Due> {
        let mut alarms = Vec::new();
        for item in &self.items {
            let kind = if item.stage == Stage::HandOver { Kind::HandOver } else { Kind::Retry };
            let again = item.due.filter(|_| !item.is_due).map(|due| (due, kind));
            let total = item.deadline.filter(|_| !item.is_too_old);
            let total = total.map(|due| (due, Kind::Total));
            let attempt = item.attempt_due.map(|due| (due, Kind::Attempt));
            for (due, kind) in [again, total, attempt].into_iter().flatten() {
                let place = self.place(item.source);
                alarms.push((due, kind, place, item.seq, item.source, Some(item.handle)));
            }
        }
        for index in self.open_sources() {
            let source = &self.sources[index];
            let revoke = source.revoke_due.map(|due| (due, Kind::Revoke));
            let numbers = source.numbers.as_ref().filter(|_| !source.ended);
            let gap = numbers.and_then(Numbers::gives_up_at);
            let warning = numbers.and_then(Numbers::warns_at);
            let gap = gap.map(|due| (due, Kind::Gap));
            let warning = warning.map(|due| (due, Kind::GapWarning));
            for (due, kind) in [revoke, gap, warning].into_iter().flatten() {
                alarms.push((due, kind, self.place(index), 0, index, None));
            }
        }
        alarms.sort_unstable();
        alarms
    }

    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        let phase = match self.phase {
            Phase::Draining(due) => due,
            Phase::Grace(due) => Some(due),
            Phase::Open | Phase::Over => None,
        };
        self.alarms().first().map(|alarm| alarm.0).into_iter().chain(phase).min()
    }

    pub(crate) fn fire_due(&mut self) {
        while let Some(due) = self.poll_timeout().filter(|due| *due <= self.now) {
            match self.phase {
                Phase::Draining(Some(deadline)) if deadline <= due => self.stop(),
                Phase::Grace(until) if until <= due => self.detach(),
                Phase::Open | Phase::Draining(_) | Phase::Grace(_) | Phase::Over => {
                    // what becomes due at the same instant by these comes behind them
                    let mut due_now = self.alarms();
                    due_now.retain(|alarm| alarm.0 == due);
                    for alarm in due_now {
                        self.fire_one(alarm);
                    }
                }
            }
        }
        self.refresh_line();
    }

    /// Fires an alarm, unless one before it of the same time has put an end to it.
    fn fire_one(&mut self, alarm: Due) {
        if !self.alarms().contains(&alarm) {
            return;
        }
        let (_, kind, _, _, source, handle) = alarm;
        match (kind, handle.and_then(|handle| self.find(handle))) {
            (_, Some(at)) => self.fire(kind, at),
            (Kind::Gap, None) => self.gap_is_over(source),
            (Kind::GapWarning, None) => self.warn_of_gap(source),
            (_, None) => self.fence_source(source),
        }
    }

    fn fire(&mut self, kind: Kind, at: usize) {
        let is_undisturbed =
            self.items[at].stage == Stage::Running && self.items[at].fate.is_none();
        match kind {
            Kind::Total => {
                self.items[at].is_too_old = true;
                self.expire(at);
            }
            Kind::Attempt => {
                self.items[at].attempt_due = None;
                if is_undisturbed {
                    self.counts.timed_out += 1;
                    self.signal(at, Why::AttemptTimeout);
                }
            }
            Kind::HandOver | Kind::Retry => self.items[at].is_due = true,
            Kind::Revoke | Kind::Gap | Kind::GapWarning => {
                unreachable!("that is not of an item")
            }
        }
    }

    /// An item is too old.
    fn expire(&mut self, at: usize) {
        let (handle, stage) = (self.items[at].handle, self.items[at].stage);
        if stage == Stage::Running {
            if self.items[at].fate.is_none() {
                self.counts.timed_out += 1;
                self.signal(at, Why::DeadlineExceeded);
            }
            return;
        }
        if !matches!(stage, Stage::Early | Stage::Queued | Stage::Backoff) {
            return;
        }
        self.events.push(Event::Expired { handle });
        self.refresh_line();
        // halted or handed over it would be in work beside one of its lane
        let is_in_work_then =
            matches!(self.policy_of(at), OnFailure::DeadLetter | OnFailure::HaltKey);
        let has_turn = stage == Stage::Backoff || self.is_first(at);
        if stage == Stage::Early || is_in_work_then && !has_turn {
            self.items[at].rejected = true;
        } else {
            self.fail_for_good(at);
        }
    }

    // ownership

    pub(crate) fn revoke_source(&mut self, index: usize, timeout: Option<Duration>) {
        self.give_back(index);
        let source = &mut self.sources[index];
        if source.open && source.cut != Cut::Everything {
            let due = timeout.map(|timeout| self.now.after(timeout));
            source.revoke_due = source.revoke_due.into_iter().chain(due).min();
        }
        self.refresh_line();
    }

    /// Nothing more of a source starts: what does not run is handed back.
    pub(crate) fn give_back(&mut self, source: usize) {
        if std::mem::replace(&mut self.sources[source].revoked, true) {
            return;
        }
        self.sources[source].ended = true;
        self.tell_starved(source);
        self.bring_early(source);
        for handle in self.handles(source) {
            let Some(at) = self.find(handle) else { continue };
            let stage = self.items[at].stage;
            if matches!(stage, Stage::Early | Stage::Queued | Stage::Backoff | Stage::Halted) {
                self.settle(at, Verdict::Nothing(Why::HandedBack));
            }
        }
        if self.config.ordered {
            self.pass_heads(source);
        }
        self.note_drained(source);
    }

    pub(crate) fn fence_source(&mut self, index: usize) {
        let source = &mut self.sources[index];
        if !source.open || source.cut == Cut::Everything {
            return;
        }
        (source.revoked, source.ended, source.cut) = (true, true, Cut::Everything);
        source.revoke_due = None;
        if let Some(progress) = &mut source.progress {
            progress.is_lost = true;
        }
        self.tell_starved(index);
        self.bring_early(index);
        for handle in self.handles(index) {
            let at = self.find(handle).expect("nothing else leaves");
            match self.items[at].stage {
                Stage::Early | Stage::Queued | Stage::Backoff | Stage::HandOver | Stage::Halted => {
                    self.settle(at, Verdict::Nothing(Why::Fenced));
                }
                Stage::Running | Stage::HandingOver => self.signal(at, Why::Fenced),
                Stage::Settled(_) => self.pass(handle),
                Stage::Lost => self.drop_lost(handle),
                Stage::Lent(_) | Stage::LostLent | Stage::Detached => {}
            }
        }
        self.note_drained(index);
        self.refresh_line();
    }

    // the end

    pub(crate) fn close(&mut self, timeout: Option<Duration>) {
        let due = timeout.map(|timeout| self.now.after(timeout));
        match self.phase {
            Phase::Open => {
                self.paused = false;
                self.phase = Phase::Draining(due);
                for index in self.open_sources() {
                    self.end_source(index);
                }
                // at an abort nothing is passed: they are reported
                let is_abort = timeout == Some(Duration::ZERO);
                for lane in self.halted_lanes().into_iter().filter(|_| !is_abort) {
                    if let Some(at) = self.halted_in(lane) {
                        self.settle_halted(self.items[at].handle);
                    }
                }
                self.note_over();
            }
            Phase::Draining(earlier) => {
                self.phase = Phase::Draining(earlier.into_iter().chain(due).min());
            }
            Phase::Grace(_) | Phase::Over => {}
        }
        if timeout == Some(Duration::ZERO) {
            if let Phase::Draining(_) = self.phase {
                self.stop();
            }
        }
        self.refresh_line();
    }

    fn stop(&mut self) {
        self.phase = Phase::Grace(self.now.after(Duration::from_millis(250)));
        for handle in self.everything() {
            let at = self.find(handle).expect("nothing else leaves");
            match self.items[at].stage {
                Stage::Early | Stage::Queued | Stage::Backoff | Stage::HandOver | Stage::Halted => {
                    self.settle(at, Verdict::Nothing(Why::Closed));
                }
                Stage::Running | Stage::HandingOver => self.signal(at, Why::Closed),
                Stage::Settled(_) | Stage::Lent(_) => self.leave_behind(handle, Rest::Settled),
                Stage::Lost | Stage::LostLent => self.drop_lost(handle),
                Stage::Detached => {}
            }
        }
    }

    fn detach(&mut self) {
        for handle in self.everything() {
            let at = self.find(handle).expect("nothing else leaves");
            let item = &mut self.items[at];
            item.stage = Stage::Detached;
            (item.attempt_due, item.deadline) = (None, None);
            let (why, source) = (item.fate, item.source);
            self.events.push(Event::Left { handle, rest: Rest::Detached, why });
            self.counts.cancelled += 1;
            self.note_drained(source);
        }
    }

    fn everything(&self) -> Vec<Handle> {
        self.open_sources().into_iter().flat_map(|source| self.handles(source)).collect()
    }

    /// The items of a source in its order.
    fn handles(&self, source: usize) -> Vec<Handle> {
        self.order(source).into_iter().map(|at| self.items[at].handle).collect()
    }
}
