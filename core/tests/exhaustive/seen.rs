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
    has_limit: bool,
    /// Who started last in each lane since it was idle.
    last_in_lane: [Option<usize>; 2],
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
            has_limit: false,
            last_in_lane: [None; 2],
            owed: None,
        }
    }

    /// What of this matters for what may follow, with the items in the order of source and number.
    pub(crate) fn key(&self) -> Vec<u8> {
        let mut order: Vec<usize> = (0..self.items.len()).collect();
        order.sort_by_key(|item| (self.items[*item].source, self.items[*item].seq));
        let mut key = Vec::new();
        for item in &order {
            let known = &self.items[*item];
            let life = match known.life {
                Life::Accepted => 0,
                Life::Running(RunKind::Handler) => 1,
                Life::Running(RunKind::HandOver) => 2,
                Life::Between => 3,
                Life::Ended => 4,
            };
            let flags = [
                known.started,
                known.is_well,
                known.is_bad,
                known.is_cancelled,
                known.is_expired,
                known.is_skipped,
                known.is_halted,
                known.is_completed,
                known.is_lent,
                known.has_left,
            ];
            let bits = flags.iter().fold(0_u16, |bits, flag| bits << 1 | u16::from(*flag));
            let lane = known.lane.map_or(0, |lane| lane as u8 + 1);
            key.extend([known.source as u8, life, lane, known.tries.min(3) as u8]);
            key.push(known.fate.map_or(0, |why| why as u8 + 1));
            key.extend(bits.to_le_bytes());
        }
        for part in &self.sources {
            let flags = [
                part.ended,
                part.taking,
                part.starved,
                part.revoked,
                part.fenced,
                part.stopped,
                part.has_failed,
                part.given_back,
            ];
            key.push(flags.iter().fold(0, |bits, flag| bits << 1 | u8::from(*flag)));
            key.extend([part.last_out, part.cut].map(|seq| seq.map_or(0, |seq| seq as u8 + 1)));
        }
        key.extend([self.paused, self.is_closed, self.has_limit].map(u8::from));
        for last in self.last_in_lane {
            let place = last.and_then(|last| order.iter().position(|item| *item == last));
            key.push(place.map_or(0, |place| place as u8 + 1));
        }
        key
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

    /// Whether some failure could have cut off what comes out, of the source or of all.
    fn may_be_cut(&self) -> bool {
        let fails =
            |item: usize| self.items[item].is_bad && self.policy_of(item) == OnFailure::Fail;
        (0..self.items.len()).any(fails) || self.sources.iter().any(|part| part.stopped)
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
            part.ended && (self.is_closed || part.revoked || self.may_be_cut()),
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
        let may_be_cut = self.may_be_cut();
        let known = &mut self.items[item];
        let is_handler = known.life == Life::Running(RunKind::Handler);
        let told = known.fate.take();
        let expected = match (told, outcome) {
            _ if known.has_left => Completion::Ignored,
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
        let is_stopping = self.is_closed && self.has_limit;
        let may_be_given_back = self.sources[known.source].revoked || may_be_cut || is_stopping;
        holds(
            due.is_none() || is_again || may_be_given_back || known.is_given_up(told),
            "what may be tried again is",
        )?;
        let is_over = !is_again && how != Completion::Retrying;
        known.life = if is_over { Life::Ended } else { Life::Between };
        known.is_well = how == Completion::Settled && outcome == Outcome::Ok;
        known.is_bad |= outcome != Outcome::Ok || is_timeout;
        known.is_cancelled |= told.is_some() && !is_timeout;
        known.due = due.filter(|_| is_again);
        let has_failed = how == Completion::Settled && outcome != Outcome::Ok || is_timeout;
        // what may be tried again is handed back instead where its source was revoked
        if has_failed && is_handler && due.is_none() && !is_stopping {
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

    pub(crate) fn closed(&mut self, has_limit: bool) {
        self.is_closed = true;
        self.has_limit |= has_limit;
        self.paused = false;
        for part in &mut self.sources {
            part.ended = true;
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
                let known = &mut self.items[item];
                holds(!matches!(known.life, Life::Running(_)), "what runs is signalled instead")?;
                (known.is_expired, known.is_bad, known.due) = (true, true, None);
                if known.life == Life::Between {
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
                known.is_halted = true;
                holds(known.is_bad && known.lane.is_some(), "what halts its lane failed")?;
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
                holds(self.is_closed && self.has_limit, "only a stop leaves something")?;
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
                self.sources[place(source)].ended = true;
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
        let is_lower = |other: &Known| {
            other.source == known.source
                && other.is_bad
                && (other.seq < known.seq || !self.config.ordered)
        };
        let is_right = match why {
            Why::Cancelled => known.is_cancelled,
            Why::Failure => part.stopped || self.items.iter().any(is_lower) && self.may_be_cut(),
            Why::Skipped => {
                known.is_skipped || self.config.policy == OnFailure::Skip && known.is_bad
            }
            Why::DeadLettered => is_handed,
            Why::KeyHalted => self.is_closed && self.config.policy == OnFailure::HaltKey,
            Why::HandedBack => !known.is_well && (part.revoked || self.may_be_cut()),
            Why::Fenced => part.fenced || part.revoked,
            other @ (Why::Closed | Why::AttemptTimeout | Why::DeadlineExceeded | _) => {
                return Err(format!("broken: passed because of {other:?}"));
            }
        };
        holds(is_right, "what is passed has a reason")?;
        let is_done = matches!(why, Why::Skipped | Why::DeadLettered);
        holds(
            known.is_completed || !is_done || part.fenced || self.may_be_cut(),
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
