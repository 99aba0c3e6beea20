//! A form of the state in which it can be compared: for tests that walk through every state there is.

use alloc::vec::Vec;

use super::Dispatcher;
use super::flags::Flag;
use super::shutdown::Phase;
use super::sources::{Cut, SourceState};
use crate::fifo::{Chain, Fifo};
use crate::ids::Lane;
use crate::sequencer::Insert;
use crate::slots::{Item, NIL, State, Verdict};
use crate::time::Time;

/// The end of a list, and what is not there.
const NONE: u64 = u64::MAX;

/// In place of the time that is left.
const OVERDUE: u64 = NONE - 1;

/// More attempts to hand over do not make the wait longer.
const LONGEST_WAIT: u32 = 10;

/// What stands for slots, lanes and sources: their places here.
struct Names {
    slots: Vec<u32>,
    lanes: Vec<Lane>,
    sources: Vec<u32>,
}

impl Dispatcher {
    /// All that decides what it does from here on, as numbers: two dispatchers with the same options that give the same
    /// ones do the same, as long as no source is opened, but for names. With it the lanes in the order of the names that
    /// they have there. O(items log items).
    ///
    /// Items are named by their places in the order of source and number, numbers that a source gave by how many items
    /// are below them: only their order is ever looked at. Lanes are named by the first item that needs its own, sources
    /// by their places among those that are open: whoever comes first of two in something is decided by the order of the
    /// sources, so that it is kept. Times are what is left of them. What is over is not in it: sources that are drained,
    /// the attempts and the lane of what is settled; nor are epochs, counters, the numbers of attempts and checkpoints,
    /// given or restored. With jitter numbers and attempts decide too, and are missing.
    #[doc(hidden)]
    #[must_use]
    pub fn canonical(&self) -> (Vec<u64>, Vec<Lane>) {
        let names = self.names();
        let (phase, due) = match self.phase {
            Phase::Open => (0, None),
            Phase::Draining(due) => (1, due),
            Phase::Grace(until) => (2, Some(until)),
            Phase::Over => (3, None),
        };
        let flags = [self.paused, self.heads_apart, self.overflowed, self.ends_are_plain];
        let mut form = Vec::with_capacity(32 * (1 + names.slots.len()));
        form.extend([self.concurrency.into(), self.capacity.into(), phase, self.left(due)]);
        form.extend([bits(&flags), self.aside.into(), self.events.len() as u64]);
        let has_turns = self.heads_apart && self.takes_turns(&names);
        for (source, place, is_head) in self.sources.by_last_start() {
            form.extend([if has_turns { place as u64 } else { 0 }, u64::from(is_head)]);
            self.add_source(&mut form, &names, source);
        }
        form.push(NONE);
        for slot in &names.slots {
            self.add_item(&mut form, &names, *slot);
        }
        form.push(NONE);
        self.add_list(&mut form, &names, &self.line);
        for lane in &names.lanes {
            form.extend([self.early_in(*lane).into(), names.slot(self.owner_of(*lane))]);
            form.extend(self.waiting_in(*lane).map(|slot| names.slot(Some(slot))));
            form.push(NONE);
        }
        for due in [&self.hand_overs, &self.retries] {
            form.extend(due.iter().map(|alarm| names.slot(Some(alarm.slot))));
            form.push(NONE);
        }
        (form, names.lanes)
    }

    /// The slots that are taken, by source and number, those last whose source does not know them any more; and the
    /// lanes that they need.
    fn names(&self) -> Names {
        let is_gone = |item: &Item| item.state == State::Detached;
        let order = |slot: &u32| {
            let item = &self.items[*slot];
            (is_gone(item), item.source, item.seq)
        };
        let slots = 0..self.items.len() as u32;
        let mut slots: Vec<u32> =
            slots.filter(|slot| self.items[*slot].state != State::Free).collect();
        slots.sort_unstable_by_key(order);
        let mut lanes = Vec::new();
        for slot in &slots {
            let lane = self.items[*slot].lane.filter(|_| needs_lane(self.items[*slot].state));
            if let Some(lane) = lane.filter(|lane| !lanes.contains(lane)) {
                lanes.push(lane);
            }
        }
        Names { slots, lanes, sources: self.sources.indices().collect() }
    }

    /// Whether it may matter which source started something last: several have what may start, or may get it.
    fn takes_turns(&self, names: &Names) -> bool {
        let starts = |index: &u32| {
            let is_queued = |slot: &u32| {
                let item = &self.items[*slot];
                let is_queued = matches!(item.state, State::Early | State::Waiting | State::Ready);
                item.source == *index && is_queued
            };
            !self.sources[*index].flags.has(Flag::Ended) || names.slots.iter().any(is_queued)
        };
        self.sources.indices().filter(starts).count() > 1
    }

    fn add_source(&self, form: &mut Vec<u64>, names: &Names, source: &SourceState) {
        let unusual = [Flag::Ended, Flag::Starved, Flag::Lent].map(|flag| source.flags.has(flag));
        let flags = [source.acknowledged, source.taking, source.revoked];
        let flags = bits(&flags) << 8 | bits(&unusual);
        let below = |seq: u64| {
            let slots = core::iter::successors(source.order.head(), |slot| {
                source.order.after(&self.items, *slot)
            });
            slots.filter(|slot| self.items[*slot].seq < seq).count() as u64
        };
        let (cut, position) = match source.cut {
            Cut::Nowhere => (0, 0),
            Cut::After(position) if source.sequenced.is_some() => (1, position),
            Cut::After(position) => (1, below(position) << 32 | below(position.saturating_add(1))),
            Cut::Unsettled => (2, 0),
            Cut::Everything => (3, 0),
        };
        form.extend([flags, cut, position, self.left(source.revoke_due)]);
        form.push(names.slot(self.lent_of(source)));
        form.push(names.slot(Some(source.failed)));
        self.add_list(form, names, &source.order);
        self.add_list(form, names, &source.settled);
        if let Some(sequenced) = source.sequenced.as_deref() {
            let sequencer = &sequenced.sequencer;
            let (next, expected) = (sequencer.next(), sequencer.expected());
            let window = (next..next + sequencer.span() as u64)
                .filter(|seq| sequencer.look(*seq) == Insert::Duplicate);
            form.extend([next, expected, sequenced.waiting.into()]);
            form.extend(window);
            form.push(NONE);
            form.extend(sequenced.given_up.iter().flat_map(|(first, last)| [*first, *last]));
            let alarm = sequenced.alarm;
            form.extend([NONE, alarm.map_or(NONE, |alarm| alarm.kind as u64)]);
            form.push(self.left(alarm.map(|alarm| alarm.due)));
            form.push(self.left(sequencer.gives_up_at()));
        }
    }

    fn add_item(&self, form: &mut Vec<u64>, names: &Names, slot: u32) {
        let item = &self.items[slot];
        let (state, verdict) = code(item.state);
        let lane = item.lane.filter(|_| needs_lane(item.state)).map_or(NONE, |it| names.lane(it));
        form.extend([state << 8 | verdict, lane]);
        if item.state == State::Detached {
            return;
        }
        let trouble = self.troubles.get(slot, item.handle);
        let (before, hand_overs, alarm) = trouble.map_or((0, 0, None), |trouble| {
            (trouble.attempts_before, trouble.hand_overs, trouble.alarm)
        });
        let tried = match item.state {
            State::Running | State::Backoff => item.attempt - before,
            State::HandOver | State::HandingOver => hand_overs.min(LONGEST_WAIT),
            State::Free
            | State::Early
            | State::Waiting
            | State::Ready
            | State::Halted
            | State::Held(_)
            | State::Lent(_)
            | State::Detached
            | State::Gap
            | State::GapLent => 0,
        };
        let has_started =
            item.attempt > 0 && !matches!(item.state, State::Held(_) | State::Lent(_));
        let flags = [item.is_rejected, item.is_completed, has_started, self.stands_early(slot)];
        let fate = item.fate.map_or(0, |why| why as u64 + 1);
        let kind = alarm.map_or(0, |alarm| alarm.kind as u64 + 1);
        form.push(u64::from(tried) << 32 | bits(&flags) << 16 | fate << 8 | kind);
        form.push(self.left(alarm.map(|alarm| alarm.due)));
        let limits = [&self.timeout, &self.total_timeout].map(Option::as_ref);
        form.extend(limits.map(|limit| self.left(limit.and_then(|limit| limit.due(slot)))));
        form.push(names.source(item.source));
        if self.sources[item.source].sequenced.is_some() {
            form.push(item.seq);
        }
    }

    fn add_list<C: Chain>(&self, form: &mut Vec<u64>, names: &Names, list: &Fifo<C>) {
        let slots = core::iter::successors(list.head(), |slot| list.after(&self.items, *slot));
        form.extend(slots.map(|slot| names.slot(Some(slot))));
        form.push(NONE);
    }

    /// What is left of the time until something is due. What was due before now comes before what is due now.
    fn left(&self, due: Option<Time>) -> u64 {
        due.map_or(NONE, |due| if due < self.now { OVERDUE } else { due.since(self.now) })
    }
}

impl Names {
    fn slot(&self, slot: Option<u32>) -> u64 {
        let slot = slot.filter(|slot| *slot != NIL);
        slot.and_then(|slot| self.slots.iter().position(|other| *other == slot))
            .map_or(NONE, |place| place as u64)
    }

    fn lane(&self, lane: Lane) -> u64 {
        self.lanes.iter().position(|other| *other == lane).map_or(NONE, |place| place as u64)
    }

    fn source(&self, index: u32) -> u64 {
        self.sources.iter().position(|other| *other == index).map_or(NONE, |place| place as u64)
    }
}

/// Whether an item in this state keeps others of its lane waiting.
fn needs_lane(state: State) -> bool {
    match state {
        State::Early
        | State::Waiting
        | State::Ready
        | State::Running
        | State::Backoff
        | State::HandOver
        | State::HandingOver
        | State::Halted
        | State::Detached => true,
        State::Free | State::Held(_) | State::Lent(_) | State::Gap | State::GapLent => false,
    }
}

fn bits(flags: &[bool]) -> u64 {
    flags.iter().fold(0, |bits, flag| bits << 1 | u64::from(*flag))
}

/// The state, and what it was settled with.
fn code(state: State) -> (u64, u64) {
    let of = |verdict| match verdict {
        Verdict::Ok => 0,
        Verdict::Failed => 1,
        Verdict::Nothing(why) => 2 + why as u64,
    };
    match state {
        State::Free => (0, 0),
        State::Early => (1, 0),
        State::Waiting => (2, 0),
        State::Ready => (3, 0),
        State::Running => (4, 0),
        State::Backoff => (5, 0),
        State::HandOver => (6, 0),
        State::HandingOver => (7, 0),
        State::Halted => (8, 0),
        State::Held(verdict) => (9, of(verdict)),
        State::Lent(verdict) => (10, of(verdict)),
        State::Detached => (11, 0),
        State::Gap => (12, 0),
        State::GapLent => (13, 0),
    }
}
