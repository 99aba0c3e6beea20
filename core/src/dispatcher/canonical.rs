//! A form of the state in which it can be compared: for tests that walk through every state there is.

use alloc::vec::Vec;

use super::Dispatcher;
use super::marks::Mark;
use super::shutdown::Phase;
use super::sources::{Cut, SourceState};
use crate::fifo::{Chain, Fifo};
use crate::sequencer::Insert;
use crate::slots::{NIL, State, Verdict};
use crate::time::Time;

/// The end of a list, and what is not there.
const NONE: u64 = u64::MAX;

/// In place of the time that is left.
const OVERDUE: u64 = NONE - 1;

/// More attempts to hand over do not make the wait longer.
const LONGEST_WAIT: u32 = 10;

impl Dispatcher {
    /// All that decides what it does from here on, as numbers: two dispatchers with the same options that give the same
    /// ones do the same. Items are named by their places in the order of source and number, times by what is left of
    /// them; epochs, counters, the numbers of attempts and checkpoints, given or restored, are not in it. With jitter the number of an attempt decides
    /// too, and is missing. O(items log items).
    #[doc(hidden)]
    #[must_use]
    pub fn canonical(&self) -> Vec<u64> {
        let names = self.names();
        let (phase, due) = match self.phase {
            Phase::Open => (0, None),
            Phase::Draining(due) => (1, due),
            Phase::Grace(until) => (2, Some(until)),
            Phase::Over => (3, None),
        };
        let flags = [self.paused, self.heads_apart, self.overflowed, self.ends_are_plain];
        let mut form = Vec::with_capacity(32 * (1 + names.len()));
        form.extend([self.concurrency.into(), self.capacity.into(), phase, self.left(due)]);
        form.extend([bits(&flags), self.aside.into(), self.events.len() as u64]);
        for (source, place, is_head) in self.sources.by_last_start() {
            form.extend([place as u64, u64::from(is_head)]);
            self.add_source(&mut form, &names, source);
        }
        for slot in &names {
            self.add_item(&mut form, *slot);
        }
        self.add_list(&mut form, &names, &self.line);
        for (lane, early) in self.early_in_lanes() {
            form.extend([early.into(), name(&names, self.owner_of(lane))]);
            form.extend(self.waiting_in(lane).map(|slot| name(&names, Some(slot))));
            form.push(NONE);
        }
        for due in [&self.hand_overs, &self.retries] {
            form.extend(due.iter().map(|alarm| name(&names, Some(alarm.slot))));
            form.push(NONE);
        }
        form
    }

    /// The slots that are taken, by source and number.
    fn names(&self) -> Vec<u32> {
        let slots = 0..self.items.len() as u32;
        let mut taken: Vec<u32> =
            slots.filter(|slot| self.items[*slot].state != State::Free).collect();
        taken.sort_unstable_by_key(|slot| (self.items[*slot].source, self.items[*slot].seq));
        taken
    }

    fn add_source(&self, form: &mut Vec<u64>, names: &[u32], source: &SourceState) {
        let flags = [
            source.is_open(),
            source.acknowledged,
            source.taking,
            source.revoked,
            source.marks.has(Mark::Ended),
            source.marks.has(Mark::Starved),
        ];
        let (cut, position) = match source.cut {
            Cut::Nowhere => (0, 0),
            Cut::After(position) => (1, position),
            Cut::Unsettled => (2, 0),
            Cut::Everything => (3, 0),
        };
        form.extend([bits(&flags), cut, position, source.next_seq, self.left(source.revoke_due)]);
        form.push(name(names, self.lent_of(source)));
        form.push(name(names, Some(source.failed)));
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

    fn add_item(&self, form: &mut Vec<u64>, slot: u32) {
        let item = &self.items[slot];
        let trouble = self.troubles.get(slot, item.handle);
        let (before, hand_overs, alarm) = trouble.map_or((0, 0, None), |trouble| {
            (trouble.attempts_before, trouble.hand_overs, trouble.alarm)
        });
        let (state, verdict) = code(item.state);
        let flags =
            [item.is_rejected, item.is_completed, item.attempt > 0, self.stands_early(slot)];
        let limits = [&self.timeout, &self.total_timeout]
            .map(|limit| limit.as_ref().and_then(|limit| limit.due(slot)));
        form.extend([item.source.into(), item.seq, state, verdict, bits(&flags)]);
        form.extend([
            item.lane.map_or(NONE, |lane| lane.number().into()),
            item.fate.map_or(NONE, |why| why as u64),
            (item.attempt - before).into(),
            hand_overs.min(LONGEST_WAIT).into(),
            alarm.map_or(NONE, |alarm| alarm.kind as u64),
            self.left(alarm.map(|alarm| alarm.due)),
        ]);
        form.extend(limits.map(|due| self.left(due)));
    }

    fn add_list<C: Chain>(&self, form: &mut Vec<u64>, names: &[u32], list: &Fifo<C>) {
        let slots = core::iter::successors(list.head(), |slot| list.after(&self.items, *slot));
        form.extend(slots.map(|slot| name(names, Some(slot))));
        form.push(NONE);
    }

    /// What is left of the time until something is due. What was due before now comes before what is due now.
    fn left(&self, due: Option<Time>) -> u64 {
        due.map_or(NONE, |due| if due < self.now { OVERDUE } else { due.since(self.now) })
    }
}

fn name(names: &[u32], slot: Option<u32>) -> u64 {
    let slot = slot.filter(|slot| *slot != NIL);
    slot.and_then(|slot| names.iter().position(|other| *other == slot))
        .map_or(NONE, |place| place as u64)
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
        State::Free => (0, NONE),
        State::Early => (1, NONE),
        State::Waiting => (2, NONE),
        State::Ready => (3, NONE),
        State::Running => (4, NONE),
        State::Backoff => (5, NONE),
        State::HandOver => (6, NONE),
        State::HandingOver => (7, NONE),
        State::Halted => (8, NONE),
        State::Held(verdict) => (9, of(verdict)),
        State::Lent(verdict) => (10, of(verdict)),
        State::Detached => (11, NONE),
        State::Gap => (12, NONE),
        State::GapLent => (13, NONE),
    }
}
