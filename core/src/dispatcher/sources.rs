//! What is kept per source, and whose turn it is among several.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;

use super::checkpoints::Progress;
use super::flags::{Flag, Flags};
use crate::fifo::{Fifo, Link, Order, Work};
use crate::hint::rarely;
use crate::ids::{MAX_ITEMS, Seq, Source};
use crate::options::SourceOptions;
use crate::sequencer::{Sequencer, SequencerOptions};
use crate::slots::{Item, NIL};
use crate::time::Time;
use crate::timers::Alarm;

/// One source. 128 bytes, so that its place is found by a shift.
#[derive(Clone, Debug)]
#[repr(align(128))]
pub(super) struct SourceState {
    /// What it is known by; [`Source::NONE`] while it is not open.
    id: Source,
    epoch: u32,
    pub(super) keyed: bool,
    /// Completions are told.
    pub(super) acknowledged: bool,
    /// Somebody takes what comes out, and says when that is done.
    pub(super) taking: bool,
    /// It is given up: nothing of it starts any more.
    pub(super) revoked: bool,
    /// When it is fenced for that reason.
    pub(super) revoke_due: Option<Time>,
    /// What is unusual about it.
    pub(super) flags: Flags,
    /// What comes out is cut off.
    pub(super) cut: Cut,
    /// The items in the order in which they come out if ordered, of acceptance in any case.
    pub(super) order: Fifo<Order>,
    /// The settled ones in the order of settlement, where unordered.
    pub(super) settled: Fifo<Work>,
    /// Accepted and not released.
    pub(super) in_flight: u32,
    /// The next number, where the source gives them.
    pub(super) next_seq: Seq,
    /// Where the caller gives the numbers.
    pub(super) sequenced: Option<Box<Sequenced>>,
    /// What is completed, where that is told. It stays when the source is drained.
    pub(super) progress: Option<Box<Progress>>,
    /// The item that is lent, or no slot, where unordered: else the head is.
    pub(super) lent: u32,
    /// The item at the failed position, or no slot.
    pub(super) failed: u32,
    /// When an item of it was last started, in starts of the dispatcher; 0 if none was.
    last_start: u64,
    /// The starts of the dispatcher before it was opened.
    starts_before: u64,
    /// Whether it stands in `Sources::heads`.
    in_heads: bool,
}

impl SourceState {
    fn blank() -> Self {
        Self {
            id: Source::NONE,
            epoch: 0,
            keyed: false,
            acknowledged: false,
            taking: false,
            revoked: false,
            revoke_due: None,
            flags: Flags::default(),
            cut: Cut::Nowhere,
            order: Fifo::default(),
            settled: Fifo::default(),
            in_flight: 0,
            next_seq: 0,
            sequenced: None,
            progress: None,
            lent: NIL,
            failed: NIL,
            last_start: 0,
            starts_before: 0,
            in_heads: false,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.id != Source::NONE
    }

    /// What is lent next where unordered: one at a time, as if it were the head.
    pub(super) fn next_settled(&self) -> Option<u32> {
        self.settled.head().filter(|_| self.lent == NIL)
    }

    /// Notes what is lent, where unordered: else it is the head.
    pub(super) fn lend(&mut self, slot: u32) {
        self.lent = slot;
        self.flags.set(Flag::Lent, true);
    }

    /// Lets go of an item, with its number and its neighbours in the order.
    #[inline(always)]
    pub(super) fn let_go(&mut self, items: &mut [Item], slot: u32, seq: Seq, neighbours: Link) {
        self.order.close(items, neighbours);
        self.in_flight -= 1;
        if rarely(!self.flags.is_empty()) {
            self.let_go_of_rest(slot, seq);
        }
    }

    /// Forgets what else is known of an item that has left, which is something only where there are flags.
    fn let_go_of_rest(&mut self, slot: u32, seq: Seq) {
        self.forget(slot);
        if let Some(sequenced) = &mut self.sequenced {
            sequenced.sequencer.leave(seq);
        }
    }

    /// Forgets what an entry of the release order was beside that.
    pub(super) fn forget(&mut self, slot: u32) {
        if self.lent == slot {
            self.lent = NIL;
            self.flags.set(Flag::Lent, false);
        }
        if self.failed == slot {
            self.failed = NIL;
        }
    }
}

impl Sequenced {
    /// `None` where there is no sequencer with these options.
    fn new(numbers: SequencerOptions, losses_come_out: bool, capacity: u32) -> Option<Box<Self>> {
        let sequencer = Sequencer::new(numbers.capacity(capacity as usize)).ok()?;
        let early = vec![NIL; sequencer.span()].into_boxed_slice();
        Some(Box::new(Self {
            sequencer,
            most_capacity: numbers.most_capacity(),
            losses_come_out,
            early,
            waiting: 0,
            alarm: None,
            given_up: BTreeMap::new(),
        }))
    }

    /// The place of a number in `early`.
    pub(super) fn place(&self, seq: Seq) -> usize {
        // the size is a power of two
        seq as usize & (self.early.len() - 1)
    }

    /// Changes the window. What came early keeps its place.
    pub(super) fn set_capacity(&mut self, capacity: u32, items: &[Item]) {
        self.sequencer.set_capacity(capacity as usize);
        let span = self.sequencer.span();
        if span > self.early.len() {
            let early = core::mem::replace(&mut self.early, vec![NIL; span].into_boxed_slice());
            for slot in early.into_iter().filter(|slot| *slot != NIL) {
                let place = self.place(items[slot as usize].seq);
                self.early[place] = slot;
            }
        }
    }

    /// Whether a number that is in has left before its turn: unordered, where its item was cancelled.
    pub(super) fn has_left_early(&self, number: Seq) -> bool {
        let seq = self.sequencer.unwrapped(number);
        seq >= self.sequencer.expected() && self.early[self.place(seq)] == NIL
    }
}

/// Where what comes out is cut off, by a failure or a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    Nowhere,
    /// Nothing after this position comes out.
    After(Seq),
    /// Nothing that is not settled comes out: unordered, there are no positions.
    Unsettled,
    /// Nothing comes out: the source is lost.
    Everything,
}

/// The reorder buffer of a source whose caller gives the numbers.
#[derive(Clone, Debug)]
pub(super) struct Sequenced {
    pub(super) sequencer: Sequencer,
    /// The largest window, where numbers wrap.
    pub(super) most_capacity: Option<usize>,
    /// What is given up takes a place in the release order.
    pub(super) losses_come_out: bool,
    /// The slots of items that came early, by the remainder of their number.
    pub(super) early: Box<[u32]>,
    /// How many came early and wait.
    pub(super) waiting: u32,
    /// When it looks at the time next.
    pub(super) alarm: Option<Alarm>,
    /// What was given up and has not come out: by the first number, the last.
    pub(super) given_up: BTreeMap<Seq, Seq>,
}

/// All sources, by number.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources {
    sources: Vec<SourceState>,
    free: Vec<u32>,
    open: u32,
    /// Those whose head may start, the least recently started first. Only kept where there are several.
    heads: BTreeSet<(u64, u32)>,
}

impl Sources {
    /// A new source; `starts` are those of the dispatcher until now.
    pub(super) fn open(
        &mut self,
        options: SourceOptions,
        capacity: u32,
        starts: u64,
    ) -> Option<Source> {
        let sequenced = match options.numbers {
            None => None,
            Some(numbers) => Some(Sequenced::new(numbers, options.losses_come_out, capacity)?),
        };
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.sources.len() < MAX_ITEMS => {
                self.sources.push(SourceState::blank());
                self.sources.len() as u32 - 1
            }
            None => return None,
        };
        let mut flags = Flags::default();
        flags.set(Flag::Numbered, sequenced.is_some());
        let source = &mut self.sources[index as usize];
        let id = Source::new(index, source.epoch);
        *source = SourceState {
            id,
            epoch: source.epoch,
            keyed: options.keyed,
            acknowledged: options.acknowledged,
            flags,
            sequenced,
            progress: options.acknowledged.then(|| Box::new(Progress::new(id))),
            starts_before: starts,
            ..SourceState::blank()
        };
        self.open += 1;
        Some(source.id)
    }

    /// Forgets a source that is drained.
    pub(super) fn close(&mut self, index: u32) {
        self.set_head(index, false);
        let source = &mut self[index];
        source.id = Source::NONE;
        source.epoch = source.epoch.wrapping_add(1);
        source.sequenced = None;
        self.free.push(index);
        self.open -= 1;
    }

    #[inline]
    pub(super) fn find(&self, source: Source) -> Option<u32> {
        self.get(source).map(|(index, _)| index)
    }

    /// The source, and its number.
    #[inline]
    pub(super) fn get_mut(&mut self, source: Source) -> Option<(u32, &mut SourceState)> {
        let state = self.sources.get_mut(source.index() as usize)?;
        if state.id == source { Some((source.index(), state)) } else { None }
    }

    #[inline]
    pub(super) fn get(&self, source: Source) -> Option<(u32, &SourceState)> {
        let state = self.sources.get(source.index() as usize)?;
        if state.id == source { Some((source.index(), state)) } else { None }
    }

    /// What is completed of a source, also when it is drained, until another one has its number.
    pub(super) fn progress(&self, source: Source) -> Option<&Progress> {
        let state = self.sources.get(source.index() as usize)?;
        state.progress.as_deref().filter(|progress| progress.is_of(source))
    }

    /// Those that are open, the place of each among them by its last start, and whether its head may start.
    pub(super) fn by_last_start(&self) -> impl Iterator<Item = (&SourceState, usize, bool)> + '_ {
        let open = || self.sources.iter().filter(|source| source.is_open());
        open().map(move |source| {
            let before = open().filter(|other| other.last_start < source.last_start);
            (source, before.count(), source.in_heads)
        })
    }

    pub(super) fn id(&self, index: u32) -> Source {
        self[index].id
    }

    /// The numbers of those that are open.
    pub(super) fn indices(&self) -> impl Iterator<Item = u32> + '_ {
        self.sources.iter().zip(0..).filter_map(|(source, index)| source.is_open().then_some(index))
    }

    pub(super) fn are_drained(&self) -> bool {
        self.open == 0
    }

    /// Whether there was never more than one, so that it is always its turn.
    #[inline]
    pub(super) fn is_single(&self) -> bool {
        self.sources.len() == 1
    }

    /// Notes whether the head of a source may start.
    pub(super) fn set_head(&mut self, index: u32, may_start: bool) {
        let source = &mut self.sources[index as usize];
        if source.in_heads == may_start {
            return;
        }
        source.in_heads = may_start;
        let entry = (source.last_start, index);
        if may_start {
            self.heads.insert(entry);
        } else {
            self.heads.remove(&entry);
        }
    }

    /// The source whose head starts next, where there are several.
    pub(super) fn first_head(&self) -> Option<u32> {
        self.heads.first().map(|&(_, index)| index)
    }

    /// Notes when the first source started last, which was not noted while it was alone.
    pub(super) fn note_starts_alone(&mut self, starts: u64) {
        let first = &mut self.sources[0];
        if first.is_open() && starts > first.starts_before {
            first.last_start = starts;
        }
    }

    /// Notes that an item of a source starts, which is the start of this number.
    pub(super) fn started(&mut self, index: u32, starts: u64) {
        let source = &mut self.sources[index as usize];
        if source.in_heads {
            self.heads.remove(&(source.last_start, index));
            self.heads.insert((starts, index));
        }
        source.last_start = starts;
    }
}

impl core::ops::Index<u32> for Sources {
    type Output = SourceState;

    #[inline]
    fn index(&self, index: u32) -> &SourceState {
        &self.sources[index as usize]
    }
}

impl core::ops::IndexMut<u32> for Sources {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut SourceState {
        &mut self.sources[index as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_source_is_found_by_a_shift() {
        assert_eq!(size_of::<SourceState>(), 128);
    }
}
