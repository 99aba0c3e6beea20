//! The invariants that hold whatever the order: looked at from outside, by what the dispatcher says alone.

use std::collections::{BTreeMap, BTreeSet};

use inorder::{
    Completion, Event, Handle, Lane, OnFailure, Outcome, PushError, Release, Run, RunKind, Seq,
    Source, Stats, What, Why,
};

use crate::config::Config;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Accepted,
    Running(RunKind),
    /// To be tried or handed over again.
    Between,
    /// Its handler ended, or it was never begun; if nothing comes after it, it is settled.
    Ended,
}

#[derive(Clone, Debug)]
struct Known {
    source: Source,
    seq: Seq,
    lane: Option<Lane>,
    life: Life,
    attempts: u32,
    hand_overs: u32,
    /// The attempts of which the allowance speaks.
    tried: u32,
    /// Its last attempt, or hand-over, ended well.
    is_well: bool,
    completed: bool,
    released_ok: bool,
    /// Released, passed, reported or undelivered.
    has_left: bool,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    in_flight: usize,
    starved: bool,
    acknowledged: bool,
    last_out: Option<Seq>,
    has_failed: bool,
    revoked: bool,
    fenced: bool,
    /// As `fenced`, or it will be at some time.
    may_be_lost: bool,
    stopped: bool,
    drained: bool,
}

pub(crate) struct Watch {
    pub(crate) config: Config,
    pub(crate) paused: bool,
    items: BTreeMap<Handle, Known>,
    sources: BTreeMap<Source, Seen>,
    last_in_lane: BTreeMap<(Lane, Source), Seq>,
    /// Who started last in a lane, since it was idle.
    in_work: BTreeMap<Lane, Option<Handle>>,
    running: usize,
    most_slots: usize,
    /// What stands for numbers that were given up, and is lent.
    lost: BTreeSet<Handle>,
}

type Checked = Result<(), String>;

fn holds(is: bool, rule: &str) -> Checked {
    if is { Ok(()) } else { Err(format!("broken: {rule}")) }
}

impl Watch {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            paused: false,
            items: BTreeMap::new(),
            sources: BTreeMap::new(),
            last_in_lane: BTreeMap::new(),
            in_work: BTreeMap::new(),
            running: 0,
            most_slots: 0,
            lost: BTreeSet::new(),
        }
    }

    pub(crate) fn opened(&mut self, source: Source, acknowledged: bool) {
        self.of(source).acknowledged = acknowledged;
    }

    pub(crate) fn revoked(&mut self, source: Source, has_timeout: bool) {
        let seen = self.of(source);
        seen.revoked = true;
        seen.may_be_lost |= has_timeout;
    }

    pub(crate) fn fenced(&mut self, source: Source) {
        let seen = self.of(source);
        (seen.fenced, seen.may_be_lost) = (true, true);
    }

    pub(crate) fn stopped(&mut self, source: Source) {
        self.of(source).stopped = true;
    }

    pub(crate) fn offered(&mut self, source: Source, error: Option<PushError>) {
        if error == Some(PushError::Full) {
            self.of(source).starved = true;
        }
    }

    /// The source and the number of an item.
    pub(crate) fn place_of(&self, handle: Handle) -> Result<(Source, Seq), String> {
        let known = self.items.get(&handle).ok_or("it was accepted")?;
        Ok((known.source, known.seq))
    }

    fn of(&mut self, source: Source) -> &mut Seen {
        self.sources.entry(source).or_default()
    }

    pub(crate) fn accepted(
        &mut self,
        handle: Handle,
        source: Source,
        seq: Seq,
        lane: Option<Lane>,
    ) -> Checked {
        let seen = self.of(source);
        holds(!seen.drained && !seen.revoked, "a source that is gone accepts nothing")?;
        let known = Known {
            source,
            seq,
            lane,
            life: Life::Accepted,
            attempts: 0,
            hand_overs: 0,
            tried: 0,
            is_well: false,
            completed: false,
            released_ok: false,
            has_left: false,
        };
        holds(self.items.insert(handle, known).is_none(), "a handle is given once")?;
        let live: Vec<Handle> = self.live().collect();
        self.most_slots = self.most_slots.max(live.len());
        holds(handle.slot().index() < self.most_slots, "slots are dense")?;
        let same_slot = live.iter().filter(|other| other.slot() == handle.slot()).count();
        holds(same_slot == 1, "a slot has one item")?;
        if let Some(lane) = lane {
            self.in_work.entry(lane).or_default();
        }
        let capacity = self.config.capacity;
        let seen = self.of(source);
        seen.in_flight += 1;
        // what is in stays in when the limit is lowered, and what is missing is admitted all the same
        holds(seen.in_flight <= capacity.max(10), "capacity is not exceeded")
    }

    /// So many slots have no item; and one more of each source may have had none for a moment.
    pub(crate) fn slots_in_use(&mut self, without_item: usize) {
        let live = self.live().count() + without_item + self.sources.len();
        self.most_slots = self.most_slots.max(live);
    }

    /// What has a slot: not left, or reported while its handler runs.
    fn live(&self) -> impl Iterator<Item = Handle> + '_ {
        self.items
            .iter()
            .filter(|(_, known)| !known.has_left || matches!(known.life, Life::Running(_)))
            .map(|(handle, _)| *handle)
    }

    /// `pending` are those that were to be tried or handed over before it.
    pub(crate) fn started(&mut self, run: Run, pending: u64) -> Checked {
        let known = self.items.get_mut(&run.handle).ok_or("what starts was accepted")?;
        holds(!matches!(known.life, Life::Running(_)), "attempts of an item never overlap")?;
        holds(!known.has_left, "what has left starts no more")?;
        let (source, seq, lane) = (known.source, known.seq, known.lane);
        let is_new = known.life == Life::Accepted;
        let is_first = known.attempts == 0 && known.hand_overs == 0;
        if run.kind() == RunKind::Handler {
            known.attempts += 1;
            known.tried += 1;
            holds(run.attempt == known.attempts, "attempts count from 1")?;
            holds(known.hand_overs == 0, "what is handed over is tried no more")?;
            let allowed = self.config.retry.map_or(1, |retry| retry.attempts);
            holds(known.tried <= allowed, "no more attempts than allowed")?;
            self.running += 1;
            holds(self.running <= self.config.concurrency, "concurrency is not exceeded")?;
            holds(!self.paused, "nothing starts while paused")?;
            let is_alone = self.config.concurrency > 1 || pending == 0 || !is_new;
            holds(is_alone, "one item at a time")?;
            holds(!self.of(source).revoked, "nothing of a revoked source starts")?;
        } else {
            known.hand_overs += 1;
            holds(run.attempt == (1 << 31) + known.hand_overs, "hand-overs count from 1")?;
        }
        holds(!self.of(source).fenced, "nothing of a lost source starts")?;
        let known = self.items.get_mut(&run.handle).ok_or("what starts was accepted")?;
        known.life = Life::Running(run.kind());
        let Some(lane) = lane else { return Ok(()) };
        let runs =
            |other: &&Known| other.lane == Some(lane) && matches!(other.life, Life::Running(_));
        holds(self.items.values().filter(runs).count() == 1, "a lane never overlaps")?;
        let last = self.in_work.insert(lane, Some(run.handle)).flatten();
        holds(is_first || last == Some(run.handle), "none starts between two attempts")?;
        let before = self.last_in_lane.insert((lane, source), seq);
        holds(
            before.is_none_or(|before| before < seq || before == seq && !is_first),
            "a lane starts in order",
        )
    }

    pub(crate) fn ended(&mut self, handle: Handle, how: Completion, outcome: Outcome) -> Checked {
        let known = self.items.get_mut(&handle).ok_or("what ends was accepted")?;
        let Life::Running(kind) = known.life else {
            return Err("broken: an attempt ends once".into());
        };
        let is_again = how == Completion::Retrying && !known.has_left;
        known.life = if is_again { Life::Between } else { Life::Ended };
        known.is_well = how == Completion::Settled && outcome == Outcome::Ok;
        // a detached one is not counted any more
        self.running -= usize::from(kind == RunKind::Handler && !known.has_left);
        Ok(())
    }

    pub(crate) fn resumed(&mut self, handle: Handle) {
        if let Some(known) = self.items.get_mut(&handle) {
            (known.tried, known.life) = (0, Life::Between);
        }
    }

    pub(crate) fn lent(&mut self, source: Source, release: Release) -> Checked {
        let (ordered, config) = (self.config.ordered, self.config);
        if matches!(release.what, What::Lost { .. } | What::GapTimeout { .. }) {
            return self.lent_lost(source, release);
        }
        let known = self.items.get(&release.handle).ok_or("what comes out was accepted")?;
        holds(known.source == source && known.seq == release.seq, "it comes out of its source")?;
        holds(known.attempts == release.attempt, "it comes out with its last attempt")?;
        holds(known.life != Life::Between, "it is not tried again")?;
        holds(!matches!(known.life, Life::Running(_)) && !known.has_left, "it ended and is there")?;
        holds(known.is_well == (release.what == What::Ok), "it comes out as it ended")?;
        let policy = match (config.policy, known.lane) {
            (OnFailure::HaltKey, None) => config.policy_without_lane,
            (policy, _) => policy,
        };
        let seen = self.of(source);
        holds(!seen.has_failed, "nothing comes out after the failure")?;
        holds(!seen.fenced, "nothing comes out of a lost source")?;
        if release.what == What::Failed {
            holds(
                matches!(policy, OnFailure::Fail | OnFailure::Emit),
                "failures come out where the policy says so",
            )?;
            seen.has_failed |= policy == OnFailure::Fail;
        }
        let before = seen.last_out.replace(release.seq);
        holds(
            !ordered || before.is_none_or(|before| before < release.seq),
            "results come out in order",
        )
    }

    fn lent_lost(&mut self, source: Source, release: Release) -> Checked {
        holds(!self.items.contains_key(&release.handle), "what is lost is no item")?;
        holds(self.lost.insert(release.handle), "what is lost comes out once")?;
        let ordered = self.config.ordered;
        let seen = self.of(source);
        holds(!seen.has_failed, "nothing comes out after the failure")?;
        holds(!seen.fenced, "nothing comes out of a lost source")?;
        seen.has_failed |= matches!(release.what, What::GapTimeout { .. });
        let before = seen.last_out.replace(release.seq);
        let is_next = before.is_none_or(|before| before < release.seq);
        holds(!ordered || is_next, "what is lost comes out in its place")
    }

    pub(crate) fn undelivered(&mut self, source: Option<Source>, handle: Handle) -> Checked {
        if self.lost.remove(&handle) {
            source.into_iter().for_each(|source| self.stopped(source));
            return Ok(());
        }
        let known = self.items.get(&handle).ok_or("what leaves was accepted")?;
        self.stopped(known.source);
        self.left(handle)
    }

    pub(crate) fn released(&mut self, handle: Handle) -> Checked {
        if self.lost.remove(&handle) {
            return Ok(());
        }
        let known = self.items.get_mut(&handle).ok_or("what leaves was accepted")?;
        known.released_ok = known.is_well;
        self.left(handle)
    }

    /// It is released, passed, reported or undelivered.
    fn left(&mut self, handle: Handle) -> Checked {
        let known = self.items.get_mut(&handle).ok_or("what leaves was accepted")?;
        holds(!known.has_left, "an item leaves once")?;
        known.has_left = true;
        let source = known.source;
        self.of(source).in_flight -= 1;
        Ok(())
    }

    pub(crate) fn event(&mut self, event: Event) -> Checked {
        match event {
            Event::Signal { handle, attempt, .. } => {
                let known = self.items.get(&handle).ok_or("what is signalled was accepted")?;
                let last = match known.life {
                    Life::Running(RunKind::Handler) => known.attempts,
                    Life::Running(RunKind::HandOver) => (1 << 31) + known.hand_overs,
                    Life::Accepted | Life::Between | Life::Ended => 0,
                };
                holds(attempt == last && !known.has_left, "what is signalled runs")
            }
            Event::Passed { handle, why } => {
                let known = self.items.get(&handle).ok_or("what is passed was accepted")?;
                let is_running = matches!(known.life, Life::Running(_));
                holds(!is_running, "what is passed has ended")?;
                let is_handed = known.hand_overs > 0 && known.is_well;
                holds(is_handed == (why == Why::DeadLettered), "dead-lettered is handed over")?;
                let is_owed = matches!(why, Why::Skipped | Why::DeadLettered) && !known.completed;
                let seen = &self.sources[&known.source];
                let policies = [self.config.policy, self.config.policy_without_lane];
                let may_be_cut =
                    seen.stopped || seen.may_be_lost || policies.contains(&OnFailure::Fail);
                holds(
                    !is_owed || !seen.acknowledged || may_be_cut,
                    "what is skipped or handed over is completed",
                )?;
                self.left(handle)
            }
            Event::Left { handle, .. } if self.lost.remove(&handle) => Ok(()),
            Event::Left { handle, .. } => {
                self.left(handle)?;
                let is_running = self.items[&handle].life == Life::Running(RunKind::Handler);
                self.running -= usize::from(is_running);
                Ok(())
            }
            Event::LaneIdle { lane } => {
                holds(self.in_work.remove(&lane).is_some(), "a lane is idle once")?;
                let mut of_lane = self.items.values().filter(|known| known.lane == Some(lane));
                holds(
                    !of_lane.any(|known| matches!(known.life, Life::Running(_))),
                    "nothing runs in an idle lane",
                )?;
                self.last_in_lane.retain(|(other, _), _| *other != lane);
                Ok(())
            }
            Event::Room { source } => {
                self.of(source).starved = false;
                Ok(())
            }
            Event::Drained { source } => {
                let inside =
                    self.items.values().any(|known| known.source == source && !known.has_left);
                self.of(source).drained = true;
                holds(!inside, "a drained source is empty")
            }
            Event::Completed { handle } => {
                let known = self.items.get_mut(&handle).ok_or("what is completed was accepted")?;
                holds(!known.completed, "an item is completed once")?;
                holds(!matches!(known.life, Life::Running(_)), "what is completed has ended")?;
                holds(
                    known.is_well || self.config.policy != OnFailure::DeadLetter,
                    "what was not handed over is not completed",
                )?;
                known.completed = true;
                let seen = &self.sources[&known.source];
                holds(seen.acknowledged && !seen.fenced, "completions are told to the owner")
            }
            Event::Expired { handle } => {
                let known = self.items.get_mut(&handle).ok_or("what expires was accepted")?;
                holds(!matches!(known.life, Life::Running(_)), "what runs is signalled instead")?;
                known.is_well = false;
                if known.life == Life::Between {
                    known.life = Life::Ended;
                }
                Ok(())
            }
            Event::Halted { handle } => {
                let known = self.items.get(&handle).ok_or("what halts was accepted")?;
                holds(known.lane.is_some() && !known.has_left, "what halts has a lane")?;
                holds(self.config.policy == OnFailure::HaltKey, "lanes halt where asked for")
            }
            Event::Lost { .. } | Event::Gap { .. } => Ok(()),
            other => Err(format!("unknown {other:?}")),
        }
    }

    pub(crate) fn at_rest(&self, stats: &Stats) -> Checked {
        let pending =
            stats.queued + stats.running + stats.backing_off + stats.handing_over + stats.halted;
        holds(stats.in_flight == pending + stats.held, "the gauges sum up")?;
        holds(stats.accepted == settled(stats) + pending, "each item ends in one way")?;
        holds(stats.running == self.running as u64, "what runs is counted")?;
        for seen in self.sources.values() {
            holds(
                !seen.starved || seen.in_flight >= self.config.capacity,
                "who waits is told when there is room",
            )?;
        }
        for known in self.items.values().filter(|known| known.released_ok) {
            let seen = &self.sources[&known.source];
            holds(
                known.completed || !seen.acknowledged || seen.may_be_lost,
                "what was released is completed",
            )?;
        }
        Ok(())
    }

    pub(crate) fn finished(&self, stats: &Stats) -> Checked {
        holds(self.items.values().all(|known| known.has_left), "every item leaves")?;
        let runs = |known: &Known| matches!(known.life, Life::Running(_));
        holds(!self.items.values().any(runs), "every attempt ends")?;
        holds(stats.accepted == settled(stats), "every item is settled")?;
        holds(self.in_work.is_empty(), "every lane is idle in the end")
    }
}

fn settled(stats: &Stats) -> u64 {
    stats.ok + stats.failed + stats.skipped + stats.dead_lettered + stats.cancelled
}
