//! The rules of the dispatcher in the plainest form: one list of items, looked through from end to end each time.
//!
//! Nothing here is taken from the implementation: no lists per lane, no counters that could be counted, no tables by
//! slot. Where the rules leave the order of two events open, this says which it is. Handles and sources are the ones
//! that the dispatcher gave; this only says whether it should have given one.
//!
//! Here: what there is, and what starts next. `ends` has how attempts end and what follows, `leaving` settlement and
//! the order of release, `stopping` all that stops or is due at a time, `face` the commands and `seen` the getters.

use inorder::{Event, Handle, Lane, OnFailure, Run, Seq, Source, Time, Why};

use crate::config::Config;
use crate::numbers::Numbers;
use crate::progress::Progress;

/// Attempts of handing over are numbered from here.
pub(crate) const HAND_OVERS: u32 = 1 << 31;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ok,
    Failed,
    /// Nothing comes out.
    Nothing(Why),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Early,
    Queued,
    Running,
    /// To be tried again.
    Backoff,
    /// To be handed over, or to be again.
    HandOver,
    HandingOver,
    Halted,
    Settled(Verdict),
    Lent(Verdict),
    Detached,
    /// No item: numbers that were given up.
    Lost,
    LostLent,
}

impl Stage {
    /// Whether an item in it keeps others of its lane from starting.
    pub(crate) fn holds_lane(self) -> bool {
        match self {
            Self::Running
            | Self::Backoff
            | Self::HandOver
            | Self::HandingOver
            | Self::Halted
            | Self::Detached => true,
            Self::Early
            | Self::Queued
            | Self::Settled(_)
            | Self::Lent(_)
            | Self::Lost
            | Self::LostLent => false,
        }
    }

    /// Whether there is an item.
    pub(crate) fn is_item(self) -> bool {
        !matches!(self, Self::Lost | Self::LostLent)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) handle: Handle,
    pub(crate) source: usize,
    pub(crate) seq: Seq,
    /// Of numbers that were given up the last.
    pub(crate) last: Seq,
    pub(crate) lane: Option<Lane>,
    pub(crate) accepted: Time,
    pub(crate) stage: Stage,
    pub(crate) attempt: u32,
    /// The attempts before its lane was resumed.
    pub(crate) attempts_before: u32,
    pub(crate) hand_overs: u32,
    pub(crate) fate: Option<Why>,
    pub(crate) rejected: bool,
    /// When it came in order; `None` while it is early.
    pub(crate) turn: Option<u64>,
    pub(crate) settled: u64,
    pub(crate) completed: bool,
    /// When the attempt that runs is too long.
    pub(crate) attempt_due: Option<Time>,
    /// When the item is too old, and whether that was said.
    pub(crate) deadline: Option<Time>,
    pub(crate) is_too_old: bool,
    /// When it is tried or handed over again, and whether that time has come.
    pub(crate) due: Option<Time>,
    pub(crate) is_due: bool,
}

impl Item {
    pub(crate) fn new(handle: Handle, source: usize, seq: Seq, accepted: Time) -> Self {
        Self {
            handle,
            source,
            seq,
            last: seq,
            lane: None,
            accepted,
            stage: Stage::Early,
            attempt: 0,
            attempts_before: 0,
            hand_overs: 0,
            fate: None,
            rejected: false,
            turn: None,
            settled: 0,
            completed: false,
            attempt_due: None,
            deadline: None,
            is_too_old: false,
            due: None,
            is_due: false,
        }
    }

    /// The number of what was started last of it.
    pub(crate) fn last_attempt(&self) -> u32 {
        if self.hand_overs > 0 { HAND_OVERS + self.hand_overs } else { self.attempt }
    }

    /// Why nothing comes out of it, if it is settled so.
    pub(crate) fn nothing(&self) -> Option<Why> {
        if let Stage::Settled(Verdict::Nothing(why)) = self.stage { Some(why) } else { None }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct SourceModel {
    pub(crate) id: Source,
    pub(crate) keyed: bool,
    /// What is completed, where that is told.
    pub(crate) progress: Option<Progress>,
    pub(crate) taking: bool,
    pub(crate) open: bool,
    pub(crate) ended: bool,
    pub(crate) starved: bool,
    pub(crate) revoked: bool,
    pub(crate) revoke_due: Option<Time>,
    pub(crate) cut: Cut,
    pub(crate) failed: Option<Handle>,
    pub(crate) next_seq: Seq,
    pub(crate) numbers: Option<Numbers>,
    pub(crate) last_start: u64,
}

impl SourceModel {
    /// The number in its id.
    pub(crate) fn place(&self) -> u64 {
        self.id.to_bits() % (1 << 20)
    }
}

/// Where what comes out of a source ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Nowhere,
    /// In order: at a position.
    After(Seq),
    /// Unordered: with what was settled.
    Unsettled,
    /// At once: the source is lost.
    Everything,
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

/// What was counted, for good.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) accepted: u64,
    pub(crate) restored: u64,
    pub(crate) started: u64,
    pub(crate) retried: u64,
    pub(crate) timed_out: u64,
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    pub(crate) dead_lettered: u64,
    pub(crate) cancelled: u64,
    pub(crate) released: u64,
    pub(crate) ignored: u64,
    pub(crate) refused: u64,
    pub(crate) late: u64,
    pub(crate) duplicate: u64,
    pub(crate) stale: u64,
    pub(crate) lost: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Naive {
    pub(crate) config: Config,
    /// In the order of acceptance.
    pub(crate) items: Vec<Item>,
    pub(crate) sources: Vec<SourceModel>,
    line: Vec<Key>,
    pub(crate) events: Vec<Event>,
    /// What was given up, whether that is told or comes out.
    pub(crate) given_up: Vec<(Source, Seq, Seq)>,
    pub(crate) counts: Counts,
    pub(crate) now: Time,
    pub(crate) phase: Phase,
    pub(crate) paused: bool,
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
            given_up: Vec::new(),
            counts: Counts::default(),
            now: Time::from_micros(0),
            phase: Phase::Open,
            paused: false,
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

    pub(crate) fn place(&self, source: usize) -> u64 {
        self.sources[source].place()
    }

    /// Accepted and not released.
    pub(crate) fn in_flight(&self, source: usize) -> usize {
        self.items
            .iter()
            .filter(|item| item.source == source && item.stage != Stage::Detached)
            .filter(|item| item.stage.is_item())
            .count()
    }

    /// The release order of a source: what came in order and has not left.
    pub(crate) fn order(&self, source: usize) -> Vec<usize> {
        let mut order: Vec<usize> =
            (0..self.items.len()).filter(|at| self.is_in_order(*at, source)).collect();
        order.sort_by_key(|at| self.items[*at].turn);
        order
    }

    pub(crate) fn head(&self, source: usize) -> Option<usize> {
        (0..self.items.len())
            .filter(|at| self.is_in_order(*at, source))
            .min_by_key(|at| self.items[*at].turn)
    }

    fn is_in_order(&self, at: usize, source: usize) -> bool {
        let item = &self.items[at];
        item.source == source && item.stage != Stage::Detached && item.turn.is_some()
    }

    pub(crate) fn count(&self, stage: impl Fn(Stage) -> bool) -> usize {
        self.items.iter().filter(|item| stage(item.stage)).count()
    }

    /// The policy that holds for an item.
    pub(crate) fn policy_of(&self, at: usize) -> OnFailure {
        match (self.config.policy, self.items[at].lane) {
            (OnFailure::HaltKey, None) => self.config.policy_without_lane,
            (policy, _) => policy,
        }
    }

    // what starts next

    fn key(item: &Item) -> Key {
        item.lane.map_or(Key::Own(item.handle), Key::Shared)
    }

    /// The item of a lane that starts next, if the lane is free.
    fn first_of(&self, key: Key) -> Option<usize> {
        let of_lane = || (0..self.items.len()).filter(|at| Self::key(&self.items[*at]) == key);
        if of_lane().any(|at| self.items[at].stage.holds_lane()) {
            return None;
        }
        of_lane()
            .filter(|at| self.items[*at].stage == Stage::Queued)
            .min_by_key(|at| self.items[*at].turn)
    }

    /// Whether it may start as far as its lane goes.
    pub(crate) fn is_first(&self, at: usize) -> bool {
        self.first_of(Self::key(&self.items[at])) == Some(at)
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

    fn next_new(&self) -> Option<usize> {
        if self.config.ordered {
            let mut sources = self.open_sources();
            sources.sort_by_key(|s| self.sources[*s].last_start);
            for source in sources {
                if let Some(at) = self.head(source).filter(|at| self.is_first(*at)) {
                    return Some(at);
                }
            }
        }
        self.first_of(*self.line.first()?)
    }

    /// What is due of those in a stage: by due time, source, seq.
    fn next_due_of(&self, stage: Stage) -> Option<usize> {
        let is_due = |at: &usize| self.items[*at].stage == stage && self.items[*at].is_due;
        (0..self.items.len()).filter(is_due).min_by_key(|at| {
            let item = &self.items[*at];
            (item.due, self.place(item.source), item.seq)
        })
    }

    /// How many first attempts may be started now, if there are so many.
    pub(crate) fn may_start(&self) -> usize {
        let is_pending =
            |stage| matches!(stage, Stage::Backoff | Stage::HandOver | Stage::HandingOver);
        if self.paused || self.config.concurrency == 1 && self.count(is_pending) > 0 {
            return 0;
        }
        self.config.concurrency.saturating_sub(self.count(|stage| stage == Stage::Running))
    }

    pub(crate) fn start_next(&mut self) -> Option<Run> {
        loop {
            if let Some(at) = self.next_due_of(Stage::HandOver) {
                let item = &mut self.items[at];
                item.stage = Stage::HandingOver;
                item.hand_overs += 1;
                item.due = None;
                return Some(Run { handle: item.handle, attempt: item.last_attempt() });
            }
            let running = self.count(|stage| stage == Stage::Running);
            let handed = self.count(|s| matches!(s, Stage::HandOver | Stage::HandingOver));
            let single = self.config.concurrency == 1;
            if self.paused || running >= self.config.concurrency || single && handed > 0 {
                return None;
            }
            if let Some(at) = self.next_due_of(Stage::Backoff) {
                return Some(self.start(at));
            }
            if self.may_start() == 0 {
                return None;
            }
            let at = self.next_new()?;
            // one item per turn
            let key = Self::key(&self.items[at]);
            self.line.retain(|other| *other != key);
            if !self.items[at].rejected {
                return Some(self.start(at));
            }
            self.fail_for_good(at);
            self.refresh_line();
        }
    }

    fn start(&mut self, at: usize) -> Run {
        self.counts.started += 1;
        self.sources[self.items[at].source].last_start = self.counts.started;
        let item = &mut self.items[at];
        item.stage = Stage::Running;
        item.attempt += 1;
        item.due = None;
        item.attempt_due = self.config.timeout.map(|span| self.now.after(span));
        self.counts.retried += u64::from(item.attempt > 1);
        Run { handle: item.handle, attempt: item.attempt }
    }
}
