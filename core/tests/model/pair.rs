//! The dispatcher and the naive model side by side: each command goes to both, and everything that can be seen must
//! be the same.

use std::fmt::Debug;
use std::time::Duration;

use inorder::{
    Arrival, Checkpoint, Completion, Event, Handle, Lane, Outcome, PushError, Resume, Source, Time,
    What,
};

use crate::config::Config;
use crate::lives::Lives;
use crate::naive::{Naive, Stage};
use crate::numbers::{Numbering, Numbers};
use crate::progress::Done;
use crate::recorded::{Recorded, Shared};
use crate::steps::{Act, Case, End, Step, Stray};
use crate::trace::Wrong;
use crate::watch::Watch;

pub(crate) struct Pair {
    dispatcher: Recorded,
    naive: Naive,
    watch: Watch,
    lives: Lives,
    /// The latest time that was said.
    now: Time,
    /// The time that is said now.
    said: Time,
    sources: Vec<Source>,
    handles: Vec<Handle>,
    running: Vec<(Handle, u32)>,
    lent: Vec<Handle>,
}

pub(crate) type Checked = Result<(), String>;

pub(crate) fn same<T: PartialEq + Debug>(what: &str, got: &T, expected: &T) -> Checked {
    if got == expected { Ok(()) } else { Err(format!("{what}: {got:?}, not {expected:?}")) }
}

fn done(checkpoint: &Checkpoint) -> Done {
    let ids = checkpoint.runs().flat_map(|(first, last)| first..=last);
    (checkpoint.position(), ids.collect())
}

fn pick<T: Copy>(from: &[T], number: usize) -> Option<T> {
    (!from.is_empty()).then(|| from[number % from.len()])
}

impl Pair {
    /// It is written down as it goes, if that is wanted.
    pub(crate) fn new(config: Config, record: Option<Shared>) -> Self {
        Self {
            dispatcher: Recorded::new(&config, record),
            naive: Naive::new(config),
            watch: Watch::new(config),
            lives: Lives::default(),
            now: Time::from_micros(0),
            said: Time::from_micros(0),
            sources: Vec::new(),
            handles: Vec::new(),
            running: Vec::new(),
            lent: Vec::new(),
        }
    }

    pub(crate) fn tried(case: &Case, record: Option<Shared>) -> Result<(), Wrong> {
        Self::new(case.config, record).run(&case.steps, case.end)
    }

    /// With a model that takes the limits for others.
    pub(crate) fn believing(self, config: Config) -> Self {
        Self { naive: Naive::new(config), watch: Watch::new(config), ..self }
    }

    pub(crate) fn run(mut self, steps: &[Step], end: End) -> Result<(), Wrong> {
        for (number, step) in steps.iter().enumerate() {
            let wrong = |what| Wrong { place: format!("step {number} {step:?}"), what };
            self.step(*step).map_err(wrong)?;
        }
        let wrong = |what| Wrong { place: String::from("at the end"), what };
        match end {
            End::Drain => self.drain_all().and_then(|()| self.finish()),
            End::Abort => self.abort_all().and_then(|()| self.finish()),
            End::Cut => Ok(()),
        }
        .map_err(wrong)
    }

    fn step(&mut self, step: Step) -> Checked {
        self.dispatcher.follows(step);
        self.said = Time::from_micros(self.now.as_micros().saturating_add_signed(step.after));
        self.now = self.now.max(self.said);
        self.act(step.act)?;
        self.drain()?;
        self.compare()
    }

    fn act(&mut self, act: Act) -> Checked {
        let now = self.said;
        // a source that is drained is picked now and then: it is not known any more
        let source = |number: usize| pick(&self.sources, number);
        match act {
            Act::Open { keyed, acknowledged, numbering } => {
                return self.open(keyed, acknowledged, numbering).map(drop);
            }
            Act::Push { source: number, lane, raises } => {
                let Some(id) = source(number) else { return Ok(()) };
                self.naive.at(now);
                return self.push(id, lane, raises);
            }
            Act::PushAt { source: number, lane, ahead, behind, raises } => {
                let Some(id) = source(number) else { return Ok(()) };
                self.naive.at(now);
                return self.push_at(id, lane, ahead, behind, raises);
            }
            Act::Complete { running, outcome } => {
                let Some((handle, attempt)) = pick(&self.running, running) else { return Ok(()) };
                return self.complete(handle, attempt, outcome);
            }
            Act::Take { source: number } => {
                let Some(id) = source(number) else { return Ok(()) };
                if let Some(handle) = self.lend(id)? {
                    self.drain()?;
                    return self.give_back(handle);
                }
            }
            Act::Lend { source: number } => {
                let Some(id) = source(number) else { return Ok(()) };
                self.lend(id)?;
            }
            Act::Released { lent } => {
                if let Some(handle) = pick(&self.lent, lent) {
                    return self.give_back(handle);
                }
            }
            Act::Undelivered { lent } => {
                let Some(handle) = pick(&self.lent, lent) else { return Ok(()) };
                return self.undeliver(handle);
            }
            Act::Cancel { item } => {
                let Some(handle) = pick(&self.live(), item) else { return Ok(()) };
                return self.cancel(handle);
            }
            Act::Reject { item } => {
                let Some(handle) = pick(&self.live(), item) else { return Ok(()) };
                return self.reject(handle);
            }
            Act::Stray { handle, attempt, command } => {
                let handle = match handle {
                    Stray::Known(number) => pick(&self.handles, number),
                    Stray::Bits(bits) => Some(Handle::from_bits(bits)),
                };
                let Some(handle) = handle else { return Ok(()) };
                // what stands for numbers that were given up has a handle that the model does not know yet
                if self.dispatcher.seq_of(handle).is_some() && self.naive.find(handle).is_none() {
                    return Ok(());
                }
                return match command {
                    0 => self.complete(handle, attempt, Outcome::Ok),
                    1 => self.complete(handle, attempt, Outcome::FAILED),
                    2 => self.cancel(handle),
                    3 => self.reject(handle),
                    4 => self.give_back(handle),
                    _ => self.undeliver(handle),
                };
            }
            Act::End { source: number } => {
                let Some(id) = source(number) else { return Ok(()) };
                self.naive.at(now);
                self.naive.end(id);
                self.dispatcher.end(now, id);
            }
            Act::Refuse => {
                self.naive.at(now);
                self.naive.refuse();
                self.dispatcher.refuse(now);
            }
            Act::Pause { paused } => {
                self.naive.at(now);
                self.naive.set_paused(paused);
                self.watch.paused = self.naive.paused;
                match paused {
                    true => self.dispatcher.pause(now),
                    false => self.dispatcher.unpause(now),
                }
            }
            Act::Limits { concurrency, capacity } => {
                self.naive.at(now);
                let expected = self.naive.set_limits(concurrency, capacity);
                self.watch.config = self.naive.config;
                let got = self.dispatcher.set_limits(now, concurrency, capacity);
                return same("set_limits", &got.is_ok(), &expected);
            }
            Act::Taking { source: number, taking } => {
                let Some(id) = source(number) else { return Ok(()) };
                self.naive.at(now);
                self.naive.taking(id, taking);
                self.dispatcher.taking(now, id, taking);
            }
            Act::Resume { lane, how } => {
                let Some(lane) = Lane::new(lane) else { return Ok(()) };
                return self.resume(lane, how);
            }
            Act::Stop { source: number, ahead } => {
                let Some(id) = source(number) else { return Ok(()) };
                let from = self.naive.oldest(id).unwrap_or(0).saturating_add(ahead);
                self.watch.stopped(id);
                self.naive.at(now);
                self.naive.stop_source(id, from);
                self.dispatcher.stop(now, id, from);
            }
            Act::Revoke { source: number, timeout } => {
                let Some(id) = source(number) else { return Ok(()) };
                let timeout = timeout.map(Duration::from_micros);
                self.watch.revoked(id, timeout.is_some());
                self.naive.at(now);
                self.naive.revoke(id, timeout);
                self.dispatcher.revoke(now, id, timeout);
            }
            Act::Fence { source: number } => {
                let Some(id) = source(number) else { return Ok(()) };
                self.watch.fenced(id);
                self.naive.at(now);
                self.naive.fence(id);
                self.dispatcher.fence(now, id);
            }
            Act::Close { timeout } => {
                let timeout = timeout.map(Duration::from_micros);
                self.naive.at(now);
                self.naive.close(timeout);
                self.watch.paused = false;
                self.dispatcher.close(now, timeout);
            }
            Act::Store { source: number } => {
                let Some(id) = source(number) else { return Ok(()) };
                if let Some(checkpoint) = self.dispatcher.checkpoint(id) {
                    self.lives.store(id, checkpoint);
                }
            }
            Act::Restore { source: number, stored, skew } => {
                let id = self.sources.iter().rev().nth(number % self.sources.len().max(1));
                let Some(id) = id.copied() else { return Ok(()) };
                return self.restore(id, stored, skew);
            }
            Act::Crash => return self.crash(),
            Act::Timeout => self.handle_timeout(now),
            Act::Due => {
                let due = self.dispatcher.poll_timeout();
                self.said = due.unwrap_or(now).max(self.now);
                self.now = self.said;
                self.handle_timeout(self.said);
            }
        }
        Ok(())
    }

    fn open(
        &mut self,
        keyed: bool,
        acknowledged: bool,
        numbering: Option<Numbering>,
    ) -> Result<Option<Source>, String> {
        let given = self.dispatcher.open_source(keyed, acknowledged, numbering);
        self.sources.extend(given);
        if let Some(id) = given {
            self.watch.opened(id, acknowledged);
            self.lives.opened(id, numbering);
        }
        // the model agrees where it is closed when none is given, and the source is new
        let agrees = self.naive.open_source(keyed, acknowledged, numbering, given);
        same("opened", &agrees, &true).map(|()| given)
    }

    /// Nothing is left but what was stored, and the last sources go on from that.
    fn crash(&mut self) -> Checked {
        let last: Vec<Source> = self.sources.iter().rev().take(3).copied().collect();
        let last: Vec<_> = last.iter().filter_map(|id| self.lives.crashed(*id)).collect();
        let (config, lives) = (self.naive.config, std::mem::take(&mut self.lives));
        *self = Self { lives, ..Self::new(config, self.dispatcher.record()) };
        for (numbering, stored) in last {
            let given = self.open(false, true, numbering)?;
            if let (Some(id), Some(stored)) = (given, stored) {
                self.restore_one(id, stored, false)?;
            }
        }
        Ok(())
    }

    fn restore(&mut self, id: Source, stored: usize, skew: bool) -> Checked {
        self.restore_one(id, self.lives.pick(stored), skew)
    }

    fn restore_one(
        &mut self,
        id: Source,
        (lineage, checkpoint): (usize, Checkpoint),
        skew: bool,
    ) -> Checked {
        let position = checkpoint.position();
        let committed = if skew { Some(position.map_or(3, |it| it ^ 1)) } else { position };
        let expected = self.naive.restore(id, &done(&checkpoint), committed);
        let got = self.dispatcher.restore(id, &checkpoint, committed);
        same("restore", &got, &expected)?;
        if got.is_ok() {
            self.lives.restored(id, (lineage, checkpoint));
        }
        Ok(())
    }

    fn live(&self) -> Vec<Handle> {
        let items = self.naive.items.iter().filter(|item| item.stage.is_item());
        items.map(|item| item.handle).collect()
    }

    fn handle_timeout(&mut self, now: Time) {
        self.naive.at(now);
        self.naive.fire_due();
        self.dispatcher.handle_timeout(now);
    }

    fn resume(&mut self, lane: Lane, how: Resume) -> Checked {
        if let Some(at) = self.naive.halted_in(lane).filter(|_| how == Resume::Retry) {
            self.watch.resumed(self.naive.items[at].handle);
        }
        self.naive.at(self.said);
        let expected = self.naive.resume_lane(lane, how);
        same("resume_lane", &self.dispatcher.resume_lane(self.said, lane, how), &expected)
    }

    fn push(&mut self, id: Source, lane: Option<u32>, raises: bool) -> Checked {
        // what has no key has no lane
        let lane = lane.and_then(Lane::new).filter(|_| !raises);
        let got = self.dispatcher.push(self.said, id, lane);
        let expected = self.naive.push(id, lane, got.ok());
        same("push", &got.map(|_| ()), &expected)?;
        if got == Err(PushError::Restored) {
            let index = self.naive.open_source_of(id).ok_or("it is open")?;
            self.lives.answered_restored(id, self.naive.sources[index].next_seq - 1)?;
        }
        self.watch.offered(id, got.err());
        match got {
            Ok(handle) => self.accepted(handle, id, lane, raises),
            Err(_) => Ok(()),
        }
    }

    fn push_at(
        &mut self,
        id: Source,
        lane: Option<u32>,
        ahead: u64,
        behind: u64,
        raises: bool,
    ) -> Checked {
        let lane = lane.and_then(Lane::new).filter(|_| !raises);
        let next = self
            .naive
            .sources
            .iter()
            .find(|source| source.id == id)
            .and_then(|source| source.numbers.as_ref());
        let next_number = next.map_or(0, Numbers::next);
        let seq = next_number.saturating_add(ahead).saturating_sub(behind);
        let seq = next.map_or(seq, |numbers| numbers.wire(seq));
        let unwrapped = next.and_then(|numbers| numbers.seq_of(seq)).unwrap_or(seq);
        let got = self.dispatcher.push_at(self.said, id, lane, seq);
        let handle = match got {
            Ok(Arrival::Ready(handle) | Arrival::Held(handle)) => Some(handle),
            Ok(Arrival::Duplicate | Arrival::Late | Arrival::TooFar | Arrival::Restored)
            | Err(_) => None,
        };
        let expected = self.naive.push_at(id, lane, seq, handle);
        same("push_at", &got, &expected)?;
        if got == Ok(Arrival::Restored) {
            self.lives.answered_restored(id, unwrapped)?;
        }
        self.watch.offered(id, got.err());
        match handle {
            Some(handle) => self.accepted(handle, id, lane, raises),
            None => Ok(()),
        }
    }

    fn accepted(
        &mut self,
        handle: Handle,
        id: Source,
        lane: Option<Lane>,
        raises: bool,
    ) -> Checked {
        self.handles.push(handle);
        let seq = self.dispatcher.seq_of(handle).ok_or("it has no number")?;
        self.watch.slots_in_use(self.naive.items.len() + 1 - self.live().len());
        self.watch.accepted(handle, id, seq, lane)?;
        if raises { self.reject(handle) } else { Ok(()) }
    }

    fn complete(&mut self, handle: Handle, attempt: u32, outcome: Outcome) -> Checked {
        self.naive.at(self.said);
        let expected = self.naive.complete(handle, attempt, outcome);
        let got = self.dispatcher.complete(self.said, handle, attempt, outcome);
        same("complete", &got, &expected)?;
        if got != Completion::Stale {
            self.running.retain(|(other, _)| *other != handle);
            self.watch.ended(handle, got, outcome)?;
        }
        Ok(())
    }

    fn cancel(&mut self, handle: Handle) -> Checked {
        self.naive.at(self.said);
        let expected = self.naive.cancel(handle);
        same("cancel", &self.dispatcher.cancel(self.said, handle), &expected)
    }

    fn reject(&mut self, handle: Handle) -> Checked {
        self.naive.at(self.said);
        let expected = self.naive.reject(handle);
        same("reject", &self.dispatcher.reject(self.said, handle), &expected)
    }

    fn lend(&mut self, id: Source) -> Result<Option<Handle>, String> {
        let got = self.dispatcher.poll_release(id);
        let expected = self.naive.poll_release(id, got.map(|release| release.handle));
        same("poll_release", &got, &expected)?;
        let Some(release) = got else { return Ok(None) };
        self.lent.push(release.handle);
        self.watch.lent(id, release)?;
        if matches!(release.what, What::Lost { .. } | What::GapTimeout { .. }) {
            self.handles.push(release.handle);
        }
        Ok(Some(release.handle))
    }

    fn give_back(&mut self, handle: Handle) -> Checked {
        self.naive.at(self.said);
        let expected = self.naive.released(handle);
        let got = self.dispatcher.released(self.said, handle);
        same("released", &got, &expected)?;
        self.lent.retain(|other| *other != handle);
        if got { self.watch.released(handle) } else { Ok(()) }
    }

    fn undeliver(&mut self, handle: Handle) -> Checked {
        self.naive.at(self.said);
        let at = self.naive.find(handle).map(|at| self.naive.items[at].source);
        let source = at.map(|index| self.naive.sources[index].id);
        let expected = self.naive.undelivered(handle);
        let got = self.dispatcher.undelivered(self.said, handle);
        same("undelivered", &got, &expected)?;
        self.lent.retain(|other| *other != handle);
        if got { self.watch.undelivered(source, handle) } else { Ok(()) }
    }

    /// As a driver does it: events until there is none, one start, and again.
    fn drain(&mut self) -> Checked {
        loop {
            let got: Vec<_> = std::iter::from_fn(|| self.dispatcher.poll_event()).collect();
            let expected = std::mem::take(&mut self.naive.events);
            same("events", &got, &expected)?;
            for (source, first, last) in self.naive.given_up.drain(..) {
                self.lives.given_up(source, first, last);
            }
            for event in &got {
                self.watch.event(*event)?;
                if let Event::Completed { handle } = *event {
                    let (source, seq) = self.watch.place_of(handle)?;
                    self.lives.completed(source, seq);
                }
                if let Event::Left { handle, .. } = event {
                    self.lent.retain(|other| other != handle);
                }
            }
            let stats = self.dispatcher.stats(self.now);
            let pending = stats.backing_off + stats.handing_over;
            let (run, expected) = (self.dispatcher.poll_dispatch(), self.naive.start_next());
            same("start", &run, &expected)?;
            match run {
                Some(run) => {
                    self.watch.started(run, pending)?;
                    let (source, seq) = self.watch.place_of(run.handle)?;
                    self.lives.started(source, seq)?;
                    self.running.push((run.handle, run.attempt));
                }
                None if self.naive.events.is_empty() => break,
                None => {}
            }
        }
        same("events at rest", &self.dispatcher.poll_event(), &None)
    }

    /// Everything that can be seen from outside.
    fn compare(&mut self) -> Checked {
        let (dispatcher, naive, now) = (&self.dispatcher, &self.naive, self.now);
        for id in self.sources.iter().rev().take(4).copied() {
            same("wants", &dispatcher.wants(id), &naive.wants(id))?;
            same("wants_one", &dispatcher.wants_one(id), &(naive.wants(id) > 0))?;
            same("is_full", &dispatcher.is_full(id), &naive.is_full(id))?;
            same("oldest", &dispatcher.oldest(id), &naive.oldest(id))?;
            let gap_error = naive.gap_error(id);
            same("gap_error", &dispatcher.gap_error(id), &gap_error)?;
            if gap_error.is_none() {
                same("failed", &dispatcher.failed(id), &naive.failed(id))?;
            }
            same("head", &dispatcher.head(id), &naive.head_of(id))?;
            let checkpoint = dispatcher.checkpoint(id);
            same("checkpoint", &checkpoint.as_ref().map(done), &naive.checkpoint(id))?;
            if let Some(checkpoint) = checkpoint {
                self.lives.is_true(id, &checkpoint)?;
            }
            same("can_lend", &dispatcher.can_lend(id), &naive.next_result(id).is_some())?;
            let (got, expected) = (dispatcher.why_blocked(now, id), naive.why_blocked(id));
            let is_same = match (&got, &expected) {
                (Some(blocked), Some(expected)) => expected.is(now, blocked),
                (None, None) => true,
                (None, Some(_)) | (Some(_), None) => false,
            };
            if !is_same {
                return Err(format!("why_blocked: {got:?}, not {expected:?}"));
            }
        }
        for item in naive.items.iter().filter(|item| item.stage != Stage::Lost) {
            same("seq_of", &dispatcher.seq_of(item.handle), &Some(item.seq))?;
            same("lane_of", &dispatcher.lane_of(item.handle), &item.lane)?;
        }
        same("halted_lanes", &dispatcher.halted_lanes(), &naive.halted_lanes())?;
        let (items, lost) = (self.live().len(), naive.items.len());
        same("len", &dispatcher.len(), &items)?;
        same("is_empty", &dispatcher.is_empty(), &(items == 0))?;
        same("poll_timeout", &dispatcher.poll_timeout(), &naive.poll_timeout())?;
        same("is_closed", &dispatcher.is_closed(), &naive.is_closed())?;
        same("is_drained", &dispatcher.is_drained(), &naive.is_drained())?;
        let stats = dispatcher.stats(now);
        naive.compare_stats(&stats, now).inspect_err(|error| {
            dispatcher.asks_figure(now, error.split(':').next().unwrap_or_default());
        })?;
        self.watch.slots_in_use(lost - items);
        self.watch.at_rest(&stats)
    }

    /// Nothing may be forgotten.
    fn finish(&mut self) -> Checked {
        self.step(Step { after: 0, act: Act::Close { timeout: Some(0) } })?;
        same("left inside", &self.dispatcher.len(), &0)?;
        same("over", &self.dispatcher.is_drained(), &true)?;
        self.watch.finished(&self.dispatcher.stats(self.now))
    }

    /// Stops with all inside.
    fn abort_all(&mut self) -> Checked {
        let at_once = |act| Step { after: 0, act };
        self.step(at_once(Act::Close { timeout: Some(1_000) }))?;
        self.step(Step { after: 1_000, act: Act::Timeout })?;
        self.step(at_once(Act::Complete { running: 0, outcome: Outcome::FAILED }))?;
        self.step(Step { after: 250_000, act: Act::Timeout })?;
        while !self.running.is_empty() {
            self.step(at_once(Act::Complete { running: 0, outcome: Outcome::Ok }))?;
        }
        Ok(())
    }

    /// Ends all sources, and then works, resumes, waits and takes until nothing is left.
    fn drain_all(&mut self) -> Checked {
        let (known, rounds) = (self.sources.len(), 8 * (self.naive.items.len() + 1));
        let one = Act::Limits { concurrency: 1, capacity: 4 };
        let at_once = |act| Step { after: 0, act };
        self.step(at_once(Act::Pause { paused: false }))?;
        for source in 0..known {
            self.step(at_once(Act::End { source }))?;
        }
        self.step(at_once(one))?;
        for _ in 0..rounds {
            self.step(Step { after: 1, act: Act::Released { lent: 0 } })?;
            self.step(Step { after: 1, act: Act::Complete { running: 0, outcome: Outcome::Ok } })?;
            for lane in self.naive.halted_lanes() {
                let how = Resume::Skip;
                self.step(at_once(Act::Resume { lane: lane.number(), how }))?;
            }
            for source in 0..known {
                self.step(at_once(Act::Take { source }))?;
            }
            if self.naive.items.is_empty() {
                break;
            }
            self.step(at_once(Act::Due))?;
        }
        same("in flight after the drain", &self.dispatcher.len(), &0)
    }
}
