//! The invariants that hold whatever the order: looked at from outside, by what the dispatcher says alone.

use std::collections::BTreeMap;

use inorder::{Event, Handle, Lane, PushError, Release, Run, Seq, Source, Stats, What};

use crate::naive::Config;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Accepted,
    Running,
    /// Its handler ended, or it was never begun and never will.
    Ended,
}

#[derive(Clone, Debug)]
struct Known {
    source: Source,
    seq: Seq,
    lane: Option<Lane>,
    life: Life,
    /// Released, passed, reported or undelivered.
    has_left: bool,
}

pub(crate) struct Watch {
    config: Config,
    items: BTreeMap<Handle, Known>,
    in_flight: BTreeMap<Source, usize>,
    starved: BTreeMap<Source, bool>,
    last_out: BTreeMap<Source, Seq>,
    has_failed: BTreeMap<Source, bool>,
    last_in_lane: BTreeMap<(Lane, Source), Seq>,
    /// Items of a lane since it was idle.
    lanes: BTreeMap<Lane, usize>,
    running: usize,
    most_slots: usize,
    drained: Vec<Source>,
}

type Checked = Result<(), String>;

fn holds(is: bool, rule: &str) -> Checked {
    if is { Ok(()) } else { Err(format!("broken: {rule}")) }
}

impl Watch {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            items: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            starved: BTreeMap::new(),
            last_out: BTreeMap::new(),
            has_failed: BTreeMap::new(),
            last_in_lane: BTreeMap::new(),
            lanes: BTreeMap::new(),
            running: 0,
            most_slots: 0,
            drained: Vec::new(),
        }
    }

    pub(crate) fn offered(&mut self, source: Source, error: Option<PushError>) {
        if error == Some(PushError::Full) {
            self.starved.insert(source, true);
        }
    }

    pub(crate) fn accepted(
        &mut self,
        handle: Handle,
        source: Source,
        seq: Seq,
        lane: Option<Lane>,
    ) -> Checked {
        holds(!self.drained.contains(&source), "a drained source accepts nothing")?;
        let known = Known { source, seq, lane, life: Life::Accepted, has_left: false };
        holds(self.items.insert(handle, known).is_none(), "a handle is given once")?;
        let live: Vec<Handle> = self.live().collect();
        self.most_slots = self.most_slots.max(live.len());
        holds(handle.slot().index() < self.most_slots, "slots are dense")?;
        let same_slot = live.iter().filter(|other| other.slot() == handle.slot()).count();
        holds(same_slot == 1, "a slot has one item")?;
        if let Some(lane) = lane {
            *self.lanes.entry(lane).or_default() += 1;
        }
        let in_flight = self.in_flight.entry(source).or_default();
        *in_flight += 1;
        holds(*in_flight <= self.config.capacity, "capacity is not exceeded")
    }

    /// What has a slot: not left, or reported while its handler runs.
    fn live(&self) -> impl Iterator<Item = Handle> + '_ {
        self.items
            .iter()
            .filter(|(_, known)| !known.has_left || known.life == Life::Running)
            .map(|(handle, _)| *handle)
    }

    pub(crate) fn started(&mut self, run: Run) -> Checked {
        let known = self.items.get_mut(&run.handle).ok_or("what starts was accepted")?;
        holds(known.life == Life::Accepted && !known.has_left, "an attempt starts once")?;
        holds(run.attempt == 1, "attempts count from 1")?;
        known.life = Life::Running;
        self.running += 1;
        holds(self.running <= self.config.concurrency, "concurrency is not exceeded")?;
        let (source, seq, lane) = (known.source, known.seq, known.lane);
        let Some(lane) = lane else { return Ok(()) };
        let in_lane = self
            .items
            .values()
            .filter(|other| other.lane == Some(lane) && other.life == Life::Running);
        holds(in_lane.count() == 1, "a lane never overlaps")?;
        let before = self.last_in_lane.insert((lane, source), seq);
        holds(before.is_none_or(|before| before < seq), "a lane starts in order")
    }

    pub(crate) fn ended(&mut self, handle: Handle) -> Checked {
        let known = self.items.get_mut(&handle).ok_or("what ends was accepted")?;
        holds(known.life == Life::Running, "an attempt ends once")?;
        known.life = Life::Ended;
        // a detached one is not counted any more
        self.running -= usize::from(!known.has_left);
        Ok(())
    }

    pub(crate) fn lent(&mut self, source: Source, release: Release) -> Checked {
        let known = self.items.get(&release.handle).ok_or("what comes out was accepted")?;
        holds(known.source == source && known.seq == release.seq, "it comes out of its source")?;
        holds(known.life != Life::Running && !known.has_left, "it has ended and not left")?;
        let after_failure = self.has_failed.get(&source).copied().unwrap_or(false);
        holds(!after_failure, "nothing comes out after the failure")?;
        if release.what == What::Failed && self.config.fail {
            self.has_failed.insert(source, true);
        }
        let before = self.last_out.insert(source, release.seq);
        holds(
            !self.config.ordered || before.is_none_or(|before| before < release.seq),
            "results come out in order",
        )
    }

    /// It is released, passed, reported or undelivered.
    pub(crate) fn left(&mut self, handle: Handle) -> Checked {
        let known = self.items.get_mut(&handle).ok_or("what leaves was accepted")?;
        holds(!known.has_left, "an item leaves once")?;
        known.has_left = true;
        *self.in_flight.entry(known.source).or_default() -= 1;
        Ok(())
    }

    pub(crate) fn event(&mut self, event: Event) -> Checked {
        match event {
            Event::Signal { handle, .. } => {
                let known = self.items.get(&handle).ok_or("what is signalled was accepted")?;
                holds(known.life == Life::Running && !known.has_left, "what is signalled runs")
            }
            Event::Passed { handle, .. } => {
                self.left(handle)?;
                holds(self.items[&handle].life != Life::Running, "what is passed has ended")
            }
            Event::Left { handle, .. } => {
                self.left(handle)?;
                self.running -= usize::from(self.items[&handle].life == Life::Running);
                Ok(())
            }
            Event::LaneIdle { lane } => {
                holds(self.lanes.remove(&lane).is_some(), "a lane is idle once")?;
                let mut of_lane = self.items.values().filter(|known| known.lane == Some(lane));
                holds(
                    of_lane.all(|known| known.life != Life::Running),
                    "nothing runs in an idle lane",
                )?;
                self.last_in_lane.retain(|(other, _), _| *other != lane);
                Ok(())
            }
            Event::Room { source } => {
                self.starved.insert(source, false);
                Ok(())
            }
            Event::Drained { source } => {
                let inside =
                    self.items.values().any(|known| known.source == source && !known.has_left);
                self.drained.push(source);
                holds(!inside, "a drained source is empty")
            }
            Event::Lost { .. } => Ok(()),
            other
            @ (Event::Expired { .. } | Event::Halted { .. } | Event::Completed { .. } | _) => {
                Err(format!("unknown {other:?}"))
            }
        }
    }

    pub(crate) fn at_rest(&self, stats: &Stats) -> Checked {
        holds(stats.in_flight == stats.queued + stats.running + stats.held, "the gauges sum up")?;
        let settled = stats.ok + stats.failed + stats.cancelled;
        holds(
            stats.accepted == settled + stats.queued + stats.running,
            "each item ends in one way",
        )?;
        holds(stats.running == self.running as u64, "what runs is counted")?;
        for (source, starved) in &self.starved {
            let in_flight = self.in_flight.get(source).copied().unwrap_or_default();
            holds(
                !starved || in_flight >= self.config.capacity,
                "who waits is told when there is room",
            )?;
        }
        Ok(())
    }

    pub(crate) fn finished(&self, stats: &Stats) -> Checked {
        holds(self.items.values().all(|known| known.has_left), "every item leaves")?;
        holds(self.items.values().all(|known| known.life != Life::Running), "every attempt ends")?;
        holds(
            stats.accepted == stats.ok + stats.failed + stats.cancelled,
            "every item is settled",
        )?;
        holds(self.lanes.is_empty(), "every lane is idle in the end")
    }
}
