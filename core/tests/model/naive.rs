//! The rules of the dispatcher in the plainest form: one list of items, looked through from end to end each time.
//!
//! Nothing here is taken from the implementation: no lists per lane, no counters that could be counted, no tables by
//! slot. Where the rules leave the order of two events open, this says which it is. Handles and sources are the ones
//! that the dispatcher gave; this only says whether it should have given one.

use std::time::Duration;

use inorder::{Event, Handle, Lane, Rest, Run, Seq, Source, Time, Why};

use crate::numbers::Numbers;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ok,
    Failed,
    Cancelled(Why),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Early,
    Queued,
    Running,
    Settled(Verdict),
    Lent(Verdict),
    Detached,
}

#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) handle: Handle,
    pub(crate) source: usize,
    pub(crate) seq: Seq,
    pub(crate) lane: Option<Lane>,
    pub(crate) accepted: Time,
    pub(crate) stage: Stage,
    pub(crate) attempt: u32,
    pub(crate) fate: Option<Why>,
    pub(crate) rejected: bool,
    /// When it came in order; `None` while it is early.
    pub(crate) turn: Option<u64>,
    pub(crate) settled: u64,
}

impl Item {
    /// Why it was cancelled, if it is settled so.
    fn cancelled(&self) -> Option<Why> {
        if let Stage::Settled(Verdict::Cancelled(why)) = self.stage { Some(why) } else { None }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct SourceModel {
    pub(crate) id: Source,
    pub(crate) keyed: bool,
    pub(crate) open: bool,
    pub(crate) ended: bool,
    pub(crate) starved: bool,
    pub(crate) revoked: bool,
    pub(crate) cut: Cut,
    pub(crate) failed: Option<Handle>,
    pub(crate) next_seq: Seq,
    pub(crate) numbers: Option<Numbers>,
    pub(crate) missing_since: Time,
    pub(crate) last_start: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Nowhere,
    After(Seq),
    Unsettled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Open,
    Draining(Option<Time>),
    Grace(Time),
    Over,
}

/// What has a place in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Shared(Lane),
    Own(Handle),
}

/// How a dispatcher is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    pub(crate) concurrency: usize,
    pub(crate) capacity: usize,
    pub(crate) ordered: bool,
    pub(crate) fail: bool,
}

/// What was counted, for good.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) accepted: u64,
    pub(crate) started: u64,
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
    pub(crate) released: u64,
    pub(crate) ignored: u64,
    pub(crate) refused: u64,
    pub(crate) late: u64,
    pub(crate) duplicate: u64,
    pub(crate) stale: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Naive {
    pub(crate) config: Config,
    /// In the order of acceptance.
    pub(crate) items: Vec<Item>,
    pub(crate) sources: Vec<SourceModel>,
    line: Vec<Key>,
    pub(crate) events: Vec<Event>,
    pub(crate) counts: Counts,
    pub(crate) now: Time,
    pub(crate) phase: Phase,
    ticks: u64,
}

impl Naive {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            items: Vec::new(),
            sources: Vec::new(),
            line: Vec::new(),
            events: Vec::new(),
            counts: Counts::default(),
            now: Time::from_micros(0),
            phase: Phase::Open,
            ticks: 0,
        }
    }

    pub(crate) fn tick(&mut self) -> u64 {
        self.ticks += 1;
        self.ticks
    }

    pub(crate) fn find(&self, handle: Handle) -> Option<usize> {
        self.items.iter().position(|item| item.handle == handle)
    }

    /// As `find`; a stale handle is counted.
    pub(crate) fn look_up(&mut self, handle: Handle) -> Option<usize> {
        let at = self.find(handle);
        self.counts.stale += u64::from(at.is_none());
        at
    }

    pub(crate) fn open_source_of(&self, id: Source) -> Option<usize> {
        self.sources.iter().position(|source| source.id == id && source.open)
    }

    /// The open sources, by the number in their id.
    pub(crate) fn open_sources(&self) -> Vec<usize> {
        let mut open: Vec<usize> =
            (0..self.sources.len()).filter(|s| self.sources[*s].open).collect();
        open.sort_by_key(|s| self.place(*s));
        open
    }

    fn place(&self, source: usize) -> u64 {
        self.sources[source].id.to_bits() % (1 << 20)
    }

    /// Accepted and not released.
    pub(crate) fn in_flight(&self, source: usize) -> usize {
        self.items
            .iter()
            .filter(|item| item.source == source && item.stage != Stage::Detached)
            .count()
    }

    /// The release order of a source: what came in order and has not left.
    pub(crate) fn order(&self, source: usize) -> Vec<usize> {
        let is_in = |item: &Item| {
            item.source == source && item.stage != Stage::Detached && item.turn.is_some()
        };
        let mut order: Vec<usize> =
            (0..self.items.len()).filter(|at| is_in(&self.items[*at])).collect();
        order.sort_by_key(|at| self.items[*at].turn);
        order
    }

    pub(crate) fn head(&self, source: usize) -> Option<usize> {
        let is_in = |item: &Item| {
            item.source == source && item.stage != Stage::Detached && item.turn.is_some()
        };
        (0..self.items.len())
            .filter(|at| is_in(&self.items[*at]))
            .min_by_key(|at| self.items[*at].turn)
    }

    pub(crate) fn count(&self, stage: impl Fn(Stage) -> bool) -> usize {
        self.items.iter().filter(|item| stage(item.stage)).count()
    }

    // what starts next

    fn key(item: &Item) -> Key {
        item.lane.map_or(Key::Own(item.handle), Key::Shared)
    }

    /// The item of a lane that starts next, if the lane is free.
    fn first_of(&self, key: Key) -> Option<usize> {
        let of_lane = || (0..self.items.len()).filter(|at| Self::key(&self.items[*at]) == key);
        if of_lane().any(|at| matches!(self.items[at].stage, Stage::Running | Stage::Detached)) {
            return None;
        }
        of_lane()
            .filter(|at| self.items[*at].stage == Stage::Queued)
            .min_by_key(|at| self.items[*at].turn)
    }

    /// Lanes that became runnable join the back of the line, those that are it no more leave it.
    pub(crate) fn refresh_line(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        line.retain(|key| self.first_of(*key).is_some());
        let mut queued: Vec<usize> =
            (0..self.items.len()).filter(|at| self.items[*at].stage == Stage::Queued).collect();
        queued.sort_by_key(|at| self.items[*at].turn);
        for at in queued {
            let key = Self::key(&self.items[at]);
            if !line.contains(&key) && self.first_of(key).is_some() {
                line.push(key);
            }
        }
        self.line = line;
    }

    fn next_to_start(&self) -> Option<usize> {
        if self.config.ordered {
            let mut sources = self.open_sources();
            sources.sort_by_key(|s| self.sources[*s].last_start);
            for source in sources {
                let head = self.head(source);
                if let Some(at) =
                    head.filter(|at| self.first_of(Self::key(&self.items[*at])) == Some(*at))
                {
                    return Some(at);
                }
            }
        }
        self.first_of(*self.line.first()?)
    }

    pub(crate) fn start_next(&mut self) -> Option<Run> {
        while self.count(|stage| stage == Stage::Running) < self.config.concurrency {
            let at = self.next_to_start()?;
            // one item per turn
            let key = Self::key(&self.items[at]);
            self.line.retain(|other| *other != key);
            if self.items[at].rejected {
                self.settle(at, Verdict::Failed);
                self.refresh_line();
                continue;
            }
            self.counts.started += 1;
            self.sources[self.items[at].source].last_start = self.counts.started;
            let item = &mut self.items[at];
            item.stage = Stage::Running;
            item.attempt += 1;
            return Some(Run { handle: item.handle, attempt: item.attempt });
        }
        None
    }

    // settlement and what follows from it

    pub(crate) fn signal(&mut self, at: usize, why: Why) {
        let item = &mut self.items[at];
        if item.fate.is_none() {
            item.fate = Some(why);
            self.events.push(Event::Signal { handle: item.handle, attempt: item.attempt, why });
        }
    }

    /// Tells that a lane is idle, if nothing of it is in work.
    pub(crate) fn note_lane(&mut self, lane: Option<Lane>) {
        let Some(lane) = lane else { return };
        let in_work = |item: &Item| {
            item.lane == Some(lane)
                && matches!(
                    item.stage,
                    Stage::Early | Stage::Queued | Stage::Running | Stage::Detached
                )
        };
        if !self.items.iter().any(in_work) {
            self.events.push(Event::LaneIdle { lane });
        }
    }

    pub(crate) fn settle(&mut self, at: usize, verdict: Verdict) {
        let settled = self.tick();
        let item = &mut self.items[at];
        item.stage = Stage::Settled(verdict);
        item.settled = settled;
        let (handle, source, seq, lane) = (item.handle, item.source, item.seq, item.lane);
        match verdict {
            Verdict::Ok => self.counts.ok += 1,
            Verdict::Failed => self.counts.failed += 1,
            Verdict::Cancelled(_) => self.counts.cancelled += 1,
        }
        self.note_lane(lane);
        if matches!(self.phase, Phase::Grace(_) | Phase::Over) {
            let rest =
                if self.items[at].attempt == 0 { Rest::NeverStarted } else { Rest::Unfinished };
            return self.leave_behind(handle, rest);
        }
        let behind = match self.sources[source].cut {
            Cut::Nowhere => false,
            Cut::After(position) => seq > position,
            Cut::Unsettled => true,
        };
        match verdict {
            _ if behind => self.pass(handle),
            Verdict::Failed if self.config.fail => self.cut_off(handle),
            Verdict::Ok | Verdict::Failed => {}
            Verdict::Cancelled(_) if self.config.ordered => self.pass_heads(source),
            Verdict::Cancelled(_) => self.pass(handle),
        }
    }

    /// The failure of an item, or of its delivery: nothing comes out after it.
    pub(crate) fn cut_off(&mut self, handle: Handle) {
        let at = self.find(handle).expect("it is in flight");
        let (index, seq, turn) = (self.items[at].source, self.items[at].seq, self.items[at].turn);
        let failed = self.items[at].stage == Stage::Settled(Verdict::Failed);
        let source = &mut self.sources[index];
        source.ended = true;
        source.failed = failed.then_some(handle);
        source.cut = if self.config.ordered { Cut::After(seq) } else { Cut::Unsettled };
        self.tell_starved(index);
        self.bring_early(index);
        let ordered = self.config.ordered;
        let behind = self.order(index).into_iter().map(|at| self.items[at].clone());
        let behind: Vec<Item> =
            behind.filter(|item| item.handle != handle && (!ordered || item.turn > turn)).collect();
        for item in behind {
            let at = self.find(item.handle).expect("nothing else leaves");
            match item.stage {
                Stage::Early | Stage::Queued => self.settle(at, Verdict::Cancelled(Why::Failure)),
                Stage::Running => self.signal(at, Why::Failure),
                Stage::Settled(verdict) if ordered || matches!(verdict, Verdict::Cancelled(_)) => {
                    self.pass(item.handle);
                }
                Stage::Settled(_) | Stage::Lent(_) | Stage::Detached => {}
            }
        }
        for other in self.open_sources() {
            // one that failed itself still brings out what is before its position
            if other != index && self.sources[other].cut == Cut::Nowhere {
                self.give_back(other);
            }
        }
    }

    /// What came early has its turn: no more comes of the numbers before it.
    fn bring_early(&mut self, source: usize) {
        let mut early: Vec<usize> = (0..self.items.len())
            .filter(|at| self.items[*at].source == source && self.items[*at].turn.is_none())
            .collect();
        early.sort_by_key(|at| self.items[*at].seq);
        for at in early {
            self.items[at].turn = Some(self.tick());
        }
    }

    /// Nothing more of a source starts: what does not run is handed back.
    fn give_back(&mut self, source: usize) {
        if std::mem::replace(&mut self.sources[source].revoked, true) {
            return;
        }
        self.sources[source].ended = true;
        self.tell_starved(source);
        self.bring_early(source);
        let handles: Vec<Handle> =
            self.order(source).into_iter().map(|at| self.items[at].handle).collect();
        for handle in handles {
            let Some(at) = self.find(handle) else { continue };
            if matches!(self.items[at].stage, Stage::Early | Stage::Queued) {
                self.settle(at, Verdict::Cancelled(Why::HandedBack));
            }
        }
        if self.config.ordered {
            self.pass_heads(source);
        }
        self.note_drained(source);
    }

    // leaving

    pub(crate) fn pass_heads(&mut self, source: usize) {
        while let Some(at) = self.head(source) {
            if self.items[at].cancelled().is_none() {
                return;
            }
            self.pass(self.items[at].handle);
        }
    }

    pub(crate) fn pass(&mut self, handle: Handle) {
        let at = self.find(handle).expect("it is in flight");
        let why = self.items[at].cancelled().unwrap_or(Why::Failure);
        self.events.push(Event::Passed { handle, why });
        let source = self.items[at].source;
        self.leave(handle);
        self.note_drained(source);
    }

    /// Out of the release order: its unit comes back.
    pub(crate) fn leave(&mut self, handle: Handle) {
        self.counts.released += 1;
        let source = self.remove(handle).source;
        if self.in_flight(source) < self.config.capacity {
            self.tell_starved(source);
        }
    }

    pub(crate) fn leave_behind(&mut self, handle: Handle, rest: Rest) {
        let at = self.find(handle).expect("it is in flight");
        let why = self.items[at].cancelled().or(self.config.fail.then_some(Why::Closed));
        self.events.push(Event::Left { handle, rest, why });
        let source = self.remove(handle).source;
        self.note_drained(source);
    }

    pub(crate) fn remove(&mut self, handle: Handle) -> Item {
        let at = self.find(handle).expect("it is in flight");
        let item = self.items.remove(at);
        let source = &mut self.sources[item.source];
        if source.failed == Some(handle) {
            source.failed = None;
        }
        if let Some(numbers) = &mut source.numbers {
            numbers.leave(item.seq);
        }
        item
    }

    pub(crate) fn tell_starved(&mut self, source: usize) {
        if std::mem::take(&mut self.sources[source].starved) {
            self.events.push(Event::Room { source: self.sources[source].id });
        }
    }

    pub(crate) fn note_drained(&mut self, source: usize) {
        let state = &self.sources[source];
        if state.open && state.ended && self.in_flight(source) == 0 {
            self.sources[source].open = false;
            self.events.push(Event::Drained { source: self.sources[source].id });
            self.note_over();
        }
    }

    pub(crate) fn note_over(&mut self) {
        if self.phase != Phase::Open && self.sources.iter().all(|source| !source.open) {
            self.phase = Phase::Over;
        }
    }

    // stopping

    pub(crate) fn fire_due(&mut self) {
        match self.phase {
            Phase::Draining(Some(due)) if due <= self.now => self.stop(),
            Phase::Grace(due) if due <= self.now => self.detach(),
            Phase::Open | Phase::Draining(_) | Phase::Grace(_) | Phase::Over => {}
        }
    }

    fn everything(&self) -> Vec<Handle> {
        let order = |source| self.order(source).into_iter().map(|at| self.items[at].handle);
        self.open_sources().into_iter().flat_map(order).collect()
    }

    fn stop(&mut self) {
        self.phase = Phase::Grace(self.now.after(Duration::from_millis(250)));
        for handle in self.everything() {
            let at = self.find(handle).expect("nothing else leaves");
            match self.items[at].stage {
                Stage::Early | Stage::Queued => self.settle(at, Verdict::Cancelled(Why::Closed)),
                Stage::Running => self.signal(at, Why::Closed),
                Stage::Settled(_) | Stage::Lent(_) => self.leave_behind(handle, Rest::Settled),
                Stage::Detached => {}
            }
        }
    }

    fn detach(&mut self) {
        for handle in self.everything() {
            let at = self.find(handle).expect("nothing else leaves");
            self.events.push(Event::Left {
                handle,
                rest: Rest::Detached,
                why: self.items[at].fate,
            });
            self.counts.cancelled += 1;
            self.items[at].stage = Stage::Detached;
            self.note_drained(self.items[at].source);
        }
    }
}
