//! What a driver has seen of each item, and the invariants in terms of that.

use std::time::Duration;

use inorder::{
    Completion, Event, Handle, OnFailure, Outcome, Release, Resume, Run, RunKind, Seq, Source,
    Time, What, Why,
};

use crate::config::Config;
use crate::known::{Known, Life, Part};

pub(crate) type Checked = Result<(), String>;

pub(crate) fn holds(is: bool, rule: &str) -> Checked {
    if is { Ok(()) } else { Err(format!("broken: {rule}")) }
}

#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) config: Config,
    pub(crate) now: Time,
    pub(crate) items: Vec<Known>,
    pub(crate) sources: Vec<Part>,
    pub(crate) paused: bool,
    pub(crate) is_closed: bool,
    /// When what is left is reported, where it was closed with a limit.
    stop_due: Option<Time>,
    /// Who started last in each lane since it was idle.
    pub(crate) last_in_lane: [Option<usize>; 2],
    /// Items released since the last drain, which must be completed by then.
    owed: Option<usize>,
}

impl Seen {
    pub(crate) fn new(config: Config, sources: usize) -> Self {
        Self {
            config,
            now: Time::default(),
            items: Vec::new(),
            sources: vec![Part::default(); sources],
            paused: false,
            is_closed: false,
            stop_due: None,
            last_in_lane: [None; 2],
            owed: None,
        }
    }

    pub(crate) fn inside(&self, source: usize) -> Vec<usize> {
        let is_in =
            |item: &usize| self.items[*item].source == source && !self.items[*item].has_left;
        (0..self.items.len()).filter(is_in).collect()
    }

    fn find(&self, handle: Handle) -> Result<usize, String> {
        let at = self.items.iter().position(|known| known.handle == handle);
        at.ok_or_else(|| "broken: it was accepted".into())
    }

    fn policy_of(&self, item: usize) -> OnFailure {
        match (self.config.policy, self.items[item].lane) {
            (OnFailure::HaltKey, None) => self.config.policy_without_lane,
            (policy, _) => policy,
        }
    }

    /// Whether some failure has cut off what comes out, of the source or of all.
    pub(crate) fn is_cut(&self) -> bool {
        self.sources.iter().any(|part| part.cut.is_some())
    }

    /// Whether it was closed, and the time for that is over.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop_due.is_some_and(|due| due <= self.now)
    }

    fn failed_for_good(&mut self, item: usize) {
        let is_lost = self.sources[self.items[item].source].fenced;
        let is_cutting = self.policy_of(item) == OnFailure::Fail && !is_lost;
        if is_cutting && !self.is_behind(&self.items[item]) {
            self.cut_off(item);
        }
    }

    /// What follows when an item failed for good under `fail`, or its delivery did.
    fn cut_off(&mut self, item: usize) {
        let (source, seq) = (self.items[item].source, self.items[item].seq);
        let position = if self.config.ordered { seq } else { 0 };
        for (number, part) in self.sources.iter_mut().enumerate() {
            if number == source {
                part.cut = Some(part.cut.map_or(position, |cut| cut.min(position)));
            } else if part.cut.is_none() {
                part.given_back = true;
            }
        }
    }

    /// Whether the time of some retry is over that was not handed back or cut off.
    pub(crate) fn is_anything_late(&self) -> bool {
        self.items.iter().any(|known| {
            let part = &self.sources[known.source];
            let is_gone = part.revoked || part.given_back || self.is_behind(known);
            known.due.is_some_and(|due| due < self.now) && !is_gone
        })
    }

    /// Whether an item is behind what failed in its source.
    pub(crate) fn is_behind(&self, known: &Known) -> bool {
        self.sources[known.source].cut.is_some_and(|cut| known.seq >= cut)
    }

    pub(crate) fn may_refuse(&self, source: usize) -> Checked {
        let part = &self.sources[source];
        holds(
            part.ended && (self.is_closed || part.revoked || self.is_cut()),
            "an open source accepts",
        )
    }

    // commands

    pub(crate) fn accepted(
        &mut self,
        handle: Handle,
        source: usize,
        seq: Seq,
        lane: Option<u32>,
    ) -> Checked {
        let inside = self.inside(source).len();
        holds(inside < self.config.capacity, "capacity is not exceeded")?;
        holds(!self.sources[source].ended, "an ended source accepts nothing")?;
        holds(self.find(handle).is_err(), "a handle is given once")?;
        self.items.push(Known {
            handle,
            source,
            seq,
            lane,
            life: Life::Accepted,
            attempt: 0,
            tries: 0,
            started: false,
            fate: None,
            is_well: false,
            is_bad: false,
            is_cancelled: false,
            is_expired: false,
            is_skipped: false,
            is_halted: false,
            is_completed: false,
            is_lent: false,
            has_left: false,
            due: None,
            deadline: self.config.total_timeout.map(|span| self.now.after(span)),
        });
        Ok(())
    }

    pub(crate) fn ended(
        &mut self,
        item: usize,
        how: Completion,
        outcome: Outcome,
        is_again: bool,
    ) -> Checked {
        let part = &self.sources[self.items[item].source];
        let is_stopped = self.is_stopped();
        let is_behind = self.is_behind(&self.items[item]);
        let may_be_given_back = part.revoked || part.given_back || is_behind || is_stopped;
        let known = &mut self.items[item];
        if known.has_left {
            known.life = Life::Ended;
            return holds(how == Completion::Ignored, "an end of what was reported is ignored");
        }
        let is_handler = known.life == Life::Running(RunKind::Handler);
        let told = known.fate.take();
        let expected = match (told, outcome) {
            (Some(_), _) => Completion::Ignored,
            (None, Outcome::Ok) => Completion::Settled,
            (None, _) if !is_handler || is_again => Completion::Retrying,
            (None, _) => Completion::Settled,
        };
        holds(how == expected, "an end is answered as it is")?;
        let is_timeout = matches!(told, Some(Why::AttemptTimeout | Why::DeadlineExceeded));
        let may_again =
            is_handler && outcome == Outcome::RETRY && told != Some(Why::DeadlineExceeded);
        let retry = self.config.retry.filter(|retry| known.tries < retry.attempts && may_again);
        let due = retry.map(|retry| self.now.after(Duration::from_micros(retry.initial)));
        let due = due.filter(|due| known.deadline.is_none_or(|deadline| *due < deadline));
        holds(due.is_some() || !is_again, "only what may be is tried again")?;
        holds(
            due.is_none() || is_again || may_be_given_back || known.is_given_up(told),
            "what may be tried again is",
        )?;
        let is_over = !is_again && how != Completion::Retrying;
        known.life = if is_over { Life::Ended } else { Life::Between };
        known.is_well = how == Completion::Settled && outcome == Outcome::Ok;
        // what was tried again and went well has not failed
        known.is_bad &= !(known.is_well && is_handler);
        known.is_bad |= outcome != Outcome::Ok || is_timeout;
        known.is_cancelled |= told.is_some() && !is_timeout;
        known.due = due.filter(|_| is_again);
        let has_failed = how == Completion::Settled && outcome != Outcome::Ok || is_timeout;
        // what may be tried again is handed back instead where its source was revoked
        if has_failed && is_handler && due.is_none() && !is_stopped {
            self.failed_for_good(item);
        }
        Ok(())
    }

    pub(crate) fn cancelled(&mut self, item: usize, answer: bool) -> Checked {
        let known = &mut self.items[item];
        let is_settled = known.is_lent || known.is_well || known.is_skipped || known.has_left;
        holds(!answer || !is_settled, "what is settled is not cancelled")?;
        let is_handed = known.life == Life::Running(RunKind::HandOver);
        holds(!answer || !is_handed, "what is handed over is not cancelled")?;
        let runs = known.life == Life::Running(RunKind::Handler) && !known.has_left;
        holds(answer || !runs, "what runs can be cancelled")?;
        if runs {
            // it may have been told of a timeout, and is cancelled instead
            let is_timeout =
                matches!(known.fate, Some(Why::AttemptTimeout | Why::DeadlineExceeded));
            if is_timeout {
                known.fate = Some(Why::Cancelled);
            }
        } else if answer {
            (known.is_cancelled, known.is_halted) = (true, false);
            (known.life, known.due) = (Life::Ended, None);
        }
        Ok(())
    }

    pub(crate) fn lent(&mut self, source: usize, release: Release) -> Checked {
        let item = self.find(release.handle)?;
        let policy = self.policy_of(item);
        let known = &mut self.items[item];
        holds(known.source == source && known.seq == release.seq, "it comes out of its source")?;
        holds(!known.has_left && !known.is_lent, "it comes out once")?;
        holds(!known.is_cancelled && !known.is_skipped, "what gives no result does not come out")?;
        let is_over = known.life == Life::Ended || known.is_expired;
        holds(is_over, "it comes out when it has ended")?;
        holds(known.is_well == (release.what == What::Ok), "it comes out as it ended")?;
        known.is_lent = true;
        let part = &mut self.sources[source];
        holds(!part.fenced, "nothing comes out of a lost source")?;
        holds(!part.has_failed && !part.stopped, "nothing comes out after a failure")?;
        if release.what == What::Failed {
            holds(
                matches!(policy, OnFailure::Fail | OnFailure::Emit),
                "failures come out where the policy says so",
            )?;
            part.has_failed = policy == OnFailure::Fail;
        }
        let before = part.last_out.replace(release.seq);
        holds(
            !self.config.ordered || before.is_none_or(|before| before < release.seq),
            "results come out in order",
        )
    }

    pub(crate) fn released(&mut self, item: usize) -> Checked {
        self.owed = self.items[item].is_well.then_some(item);
        self.left(item)
    }

    pub(crate) fn undelivered(&mut self, item: usize) -> Checked {
        let part = &mut self.sources[self.items[item].source];
        (part.stopped, part.ended) = (true, true);
        self.items[item].is_bad = true;
        self.cut_off(item);
        self.left(item)
    }

    pub(crate) fn resumed(&mut self, lane: u32, how: Resume) {
        let is_halted = |known: &&mut Known| known.lane == Some(lane) && known.is_halted;
        let Some(known) = self.items.iter_mut().find(is_halted) else { return };
        known.is_halted = false;
        match how {
            Resume::Retry => {
                (known.life, known.tries, known.is_expired) = (Life::Between, 0, false);
                known.due = Some(self.now);
                known.deadline = self.config.total_timeout.map(|span| self.now.after(span));
            }
            Resume::Skip => known.is_skipped = true,
            Resume::DeadLetter => known.life = Life::Ended,
        }
    }

    pub(crate) fn goes_on_to(&mut self, now: Time) {
        self.now = now;
        for part in &mut self.sources {
            part.fenced |= part.revoke_due.is_some_and(|due| due <= now);
        }
    }

    pub(crate) fn closed(&mut self, limit: Option<Duration>) {
        // one that was handed back does not hold its lane any more
        let is_halted = |known: &&Known| known.is_halted && !self.is_over(known);
        let halted = self.items.iter().filter(is_halted).filter_map(|known| known.lane);
        for lane in halted.collect::<Vec<_>>() {
            self.give_up_behind(lane);
        }
        self.is_closed = true;
        let due = limit.map(|limit| self.now.after(limit));
        self.stop_due = self.stop_due.into_iter().chain(due).min();
        self.paused = false;
        for part in &mut self.sources {
            part.ended = true;
        }
    }

    /// What waits in a lane that is halted is settled when all is closed.
    fn give_up_behind(&mut self, lane: u32) {
        let waits = |known: &&mut Known| known.lane == Some(lane) && known.life == Life::Accepted;
        for known in self.items.iter_mut().filter(waits) {
            known.life = Life::Ended;
        }
    }

    // what it says

    pub(crate) fn started(&mut self, run: Run, pending: u64, halted: &[u32]) -> Checked {
        let item = self.find(run.handle)?;
        let runs = |known: &Known| known.life == Life::Running(RunKind::Handler) && !known.has_left;
        let running = self.items.iter().filter(|known| runs(known)).count();
        let known = &self.items[item];
        let (lane, part) = (known.lane, &self.sources[known.source]);
        holds(!known.has_left && !known.is_cancelled, "what is settled starts no more")?;
        holds(!matches!(known.life, Life::Running(_)), "attempts of an item never overlap")?;
        holds(!part.fenced, "nothing of a lost source starts")?;
        if run.kind() == RunKind::Handler {
            holds(!part.revoked, "nothing of a revoked source starts")?;
            holds(!part.given_back, "nothing of another source starts after a failure")?;
            holds(!self.is_behind(known), "nothing behind a failure starts")?;
            holds(!self.paused, "nothing starts while paused")?;
            holds(running < self.config.concurrency, "concurrency is not exceeded")?;
            holds(!known.is_expired, "what is too old starts no more")?;
            let is_alone = pending == 0 || known.life != Life::Accepted;
            holds(self.config.concurrency > 1 || is_alone, "one item at a time")?;
            let is_passed_over = known.life == Life::Accepted && self.is_anything_late();
            holds(!is_passed_over, "due retries start before new work")?;
            let allowed = self.config.retry.map_or(1, |retry| retry.attempts);
            holds(known.tries < allowed, "no more attempts than allowed")?;
            holds(known.due.is_none_or(|due| due <= self.now), "no attempt before its time")?;
            holds(run.attempt == known.attempt + 1, "attempts count from 1")?;
        } else {
            let policies = [OnFailure::DeadLetter, OnFailure::HaltKey];
            holds(
                policies.contains(&self.config.policy) && known.is_bad,
                "what failed is handed over",
            )?;
            let before = known.attempt.max(1 << 31);
            holds(run.attempt == before + 1, "hand-overs count from 1")?;
        }
        if let Some(lane) = lane {
            holds(!halted.contains(&lane), "nothing starts in a halted lane")?;
            let overlaps =
                |other: &Known| other.lane == Some(lane) && matches!(other.life, Life::Running(_));
            holds(!self.items.iter().any(overlaps), "a lane never overlaps")?;
            let waits = |other: &Known| {
                (other.lane, other.source) == (known.lane, known.source)
                    && other.seq < known.seq
                    && other.life == Life::Accepted
                    && !other.has_left
                    && !other.is_expired
            };
            let is_before = !known.started && run.kind() == RunKind::Handler;
            holds(!is_before || !self.items.iter().any(waits), "a lane starts in order")?;
            let last = self.last_in_lane[lane as usize].replace(item);
            let is_first = !self.items[item].started;
            holds(is_first || last == Some(item), "none starts between two attempts")?;
        }
        let known = &mut self.items[item];
        known.tries += u32::from(run.kind() == RunKind::Handler);
        (known.life, known.attempt, known.started) = (Life::Running(run.kind()), run.attempt, true);
        known.due = None;
        Ok(())
    }

    pub(crate) fn event(&mut self, event: Event, sources: &[Source]) -> Checked {
        let place = |id: Source| sources.iter().position(|other| *other == id).unwrap_or(0);
        match event {
            Event::Signal { handle, attempt, why } => {
                let item = self.find(handle)?;
                if why == Why::Fenced {
                    self.sources[self.items[item].source].fenced = true;
                }
                let known = &mut self.items[item];
                let runs = matches!(known.life, Life::Running(_)) && known.attempt == attempt;
                holds(runs && !known.has_left, "what is signalled runs")?;
                holds(known.fate.is_none(), "an attempt is signalled once")?;
                known.fate = Some(why);
                Ok(())
            }
            Event::Expired { handle } => {
                let item = self.find(handle)?;
                let policies = [OnFailure::DeadLetter, OnFailure::HaltKey];
                let goes_on = policies.contains(&self.policy_of(item));
                let known = &mut self.items[item];
                holds(!matches!(known.life, Life::Running(_)), "what runs is signalled instead")?;
                (known.is_expired, known.is_bad, known.due) = (true, true, None);
                if known.life == Life::Between || !goes_on {
                    known.life = Life::Ended;
                }
                self.failed_for_good(item);
                Ok(())
            }
            Event::Halted { handle } => {
                let item = self.find(handle)?;
                // one before it may have been handed back, and wait to be passed
                let lane = self.items[item].lane;
                for known in self.items.iter_mut().filter(|known| known.lane == lane) {
                    known.is_halted = false;
                }
                let known = &mut self.items[item];
                holds(!matches!(known.life, Life::Running(_)), "what halts its lane has ended")?;
                (known.is_halted, known.life) = (true, Life::Ended);
                holds(known.is_bad && known.lane.is_some(), "what halts its lane failed")?;
                if let Some(lane) = lane.filter(|_| self.is_closed) {
                    self.give_up_behind(lane);
                }
                holds(self.config.policy == OnFailure::HaltKey, "lanes halt where asked for")
            }
            Event::Completed { handle } => {
                let item = self.find(handle)?;
                self.completed(item)
            }
            Event::Passed { handle, why } => {
                let item = self.find(handle)?;
                self.passed(item, why)
            }
            Event::Left { handle, .. } => {
                holds(self.is_stopped(), "only a stop leaves something")?;
                let item = self.find(handle)?;
                self.left(item)
            }
            Event::Room { source } => {
                self.sources[place(source)].starved = false;
                Ok(())
            }
            Event::LaneIdle { lane } => {
                let runs = |known: &Known| {
                    known.lane == Some(lane.number()) && matches!(known.life, Life::Running(_))
                };
                holds(!self.items.iter().any(runs), "nothing runs in an idle lane")?;
                self.last_in_lane[lane.number() as usize] = None;
                Ok(())
            }
            Event::Drained { source } => {
                let part = &mut self.sources[place(source)];
                (part.ended, part.is_drained) = (true, true);
                holds(self.inside(place(source)).is_empty(), "a drained source is empty")
            }
            other @ (Event::Lost { .. } | _) => Err(format!("broken: {other:?}")),
        }
    }

    fn completed(&mut self, item: usize) -> Checked {
        let skips = self.config.policy == OnFailure::Skip && self.items[item].is_bad;
        let known = &mut self.items[item];
        holds(!known.is_completed, "an item is completed once")?;
        holds(!matches!(known.life, Life::Running(_)), "what is completed has ended")?;
        holds(known.is_well || known.is_skipped || skips, "what is completed is done")?;
        known.is_completed = true;
        let (part, is_out) = (&self.sources[known.source], known.has_left || !known.is_well);
        let is_handed = known.attempt > 1 << 31;
        holds(!part.fenced, "completions are told to the owner")?;
        holds(!part.taking || is_out || is_handed, "what is taken is completed when it is")
    }

    fn passed(&mut self, item: usize, why: Why) -> Checked {
        let known = &self.items[item];
        let part = &self.sources[known.source];
        holds(!matches!(known.life, Life::Running(_)), "what is passed has ended")?;
        let is_handed = known.attempt > 1 << 31 && known.is_well;
        let is_right = match why {
            Why::Cancelled => known.is_cancelled,
            Why::Failure => self.is_behind(known),
            Why::Skipped => {
                known.is_skipped || self.config.policy == OnFailure::Skip && known.is_bad
            }
            Why::DeadLettered => is_handed,
            Why::KeyHalted => self.is_closed && self.config.policy == OnFailure::HaltKey,
            Why::HandedBack => !known.is_well && (part.revoked || part.given_back),
            Why::Fenced => part.fenced || part.revoked,
            other @ (Why::Closed | Why::AttemptTimeout | Why::DeadlineExceeded | _) => {
                return Err(format!("broken: passed because of {other:?}"));
            }
        };
        holds(is_right, "what is passed has a reason")?;
        let is_done = matches!(why, Why::Skipped | Why::DeadLettered);
        holds(
            known.is_completed || !is_done || part.fenced || self.is_cut(),
            "what is skipped or handed over is completed",
        )?;
        if why == Why::Fenced {
            let source = known.source;
            self.sources[source].fenced = true;
        }
        self.left(item)
    }

    fn left(&mut self, item: usize) -> Checked {
        let known = &mut self.items[item];
        holds(!known.has_left, "an item leaves once")?;
        (known.has_left, known.is_halted, known.due) = (true, false, None);
        Ok(())
    }

    // at rest

    pub(crate) fn drained(&mut self) -> Checked {
        let Some(item) = self.owed.take() else { return Ok(()) };
        let known = &self.items[item];
        holds(
            known.is_completed || self.sources[known.source].fenced,
            "what was released is completed",
        )
    }
}
