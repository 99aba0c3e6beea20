//! Acceptance: who gets in, with which number, and who is told when there is room.

use alloc::vec::Vec;

use super::Dispatcher;
use super::sources::Cut;
use crate::event::Event;
use crate::ids::{Handle, Lane, MAX_ITEMS, Seq, Source};
use crate::outcome::{Arrival, PushError};
use crate::sequencer::Insert;
use crate::slots::{Item, NIL, State};

impl Dispatcher {
    /// How many items a stream may read of this source now: without keys one more than can start, with keys as many as
    /// there is room for.
    #[inline]
    #[must_use]
    pub fn wants(&self, source: Source) -> usize {
        let Some(index) = self.sources.find(source) else { return 0 };
        let state = &self.sources[index];
        if state.ended {
            return 0;
        }
        let room = self.capacity.saturating_sub(state.in_flight) as usize;
        let room = room.min(MAX_ITEMS - self.items.taken().min(MAX_ITEMS));
        if state.keyed {
            return room;
        }
        let startable = self.startable() as usize + 1;
        room.min(startable.saturating_sub(self.tally.queued as usize))
    }

    /// Whether a stream may read another item of this source now: whether [`wants`](Self::wants) is not 0.
    #[inline]
    #[must_use]
    pub fn wants_one(&self, source: Source) -> bool {
        let Some((_, state)) = self.sources.get(source) else { return false };
        if state.ended || state.in_flight >= self.capacity || self.items.is_full() {
            return false;
        }
        state.keyed || self.tally.queued <= self.startable()
    }

    /// How many items that were never tried may start now, if there are so many.
    #[inline]
    fn startable(&self) -> u32 {
        // while anything is pending and one runs at a time, that one is it
        if self.aside > 0 && (self.paused || self.concurrency == 1) {
            return 0;
        }
        // what runs may be more than the concurrency, which can be lowered
        self.concurrency.saturating_sub(self.tally.running)
    }

    /// Whether an offer to this source would have to wait.
    #[must_use]
    pub fn is_full(&self, source: Source) -> bool {
        self.items.is_full()
            || self.sources.find(source).is_some_and(|i| self.sources[i].in_flight >= self.capacity)
    }

    #[inline(always)]
    pub(super) fn admit_next(
        &mut self,
        source: Source,
        lane: Option<Lane>,
    ) -> Result<Handle, PushError> {
        let Some((index, state)) = self.sources.get_mut(source) else {
            return Err(PushError::Closed);
        };
        if state.ended || state.has_numbers {
            return self.admit_next_unless_restored(source, index, lane);
        }
        if state.in_flight >= self.capacity || self.items.is_full() {
            self.starve(index);
            return Err(PushError::Full);
        }
        let seq = state.next_seq;
        state.next_seq += 1;
        state.in_flight += 1;
        self.tally.accepted += 1;
        self.tally.queued += 1;
        let (now, work, order) = (self.now, self.line.next_link(), state.order.next_link());
        let (slot, handle) = self.items.insert(|handle| Item {
            work,
            order,
            ..Item::new(handle, index, seq, lane, now, State::Ready)
        });
        if let Some(limit) = &mut self.total_timeout {
            limit.arm(slot, now);
        }
        let items = &mut *self.items;
        state.order.push_linked(items, slot);
        match lane {
            None => {
                self.line.push_linked(items, slot);
                self.note_head(index);
            }
            Some(lane) => self.enter_shared_lane(slot, lane),
        }
        Ok(handle)
    }

    /// Admits the next item of a source that has ended, or that does not give all numbers itself.
    #[cold]
    fn admit_next_unless_restored(
        &mut self,
        source: Source,
        index: u32,
        lane: Option<Lane>,
    ) -> Result<Handle, PushError> {
        let state = &mut self.sources[index];
        if state.ended {
            return Err(PushError::Closed);
        }
        if state.sequenced.is_some() {
            return Err(PushError::Numbering);
        }
        if state.pass_restored() {
            self.tally.restored += 1;
            return Err(PushError::Restored);
        }
        let has_numbers = core::mem::take(&mut state.has_numbers);
        let answer = self.admit_next(source, lane);
        self.sources[index].has_numbers = has_numbers;
        answer
    }

    pub(super) fn admit_at(
        &mut self,
        source: Source,
        lane: Option<Lane>,
        seq: Seq,
    ) -> Result<Arrival, PushError> {
        let is_full = self.items.is_full();
        let Some((index, state)) = self.sources.get_mut(source) else {
            return Err(PushError::Closed);
        };
        if state.ended {
            return Err(PushError::Closed);
        }
        let Some(sequenced) = &mut state.sequenced else { return Err(PushError::Numbering) };
        match sequenced.sequencer.look(seq) {
            Insert::Ready | Insert::Held => {}
            Insert::Duplicate if !sequenced.has_left_early(seq) => {
                self.tally.duplicate += 1;
                return Ok(Arrival::Duplicate);
            }
            Insert::Duplicate | Insert::Late | Insert::Suspect => {
                self.tally.late += 1;
                return Ok(Arrival::Late);
            }
            Insert::Restored => {
                self.tally.restored += 1;
                return Ok(Arrival::Restored);
            }
            Insert::TooFar => {
                self.starve(index);
                return Ok(Arrival::TooFar);
            }
        }
        if is_full {
            self.starve(index);
            return Err(PushError::Full);
        }
        let is_ready = sequenced.sequencer.insert(self.now, seq) == Insert::Ready;
        let now = self.now;
        let (slot, handle) =
            self.items.insert(|handle| Item::new(handle, index, seq, lane, now, State::Early));
        if let Some(limit) = &mut self.total_timeout {
            limit.arm(slot, now);
        }
        if sequenced.waiting == 0 {
            sequenced.since = self.now;
        }
        let place = sequenced.place(seq);
        sequenced.early[place] = slot;
        sequenced.waiting += 1;
        state.in_flight += 1;
        self.tally.accepted += 1;
        self.tally.queued += 1;
        if let Some(lane) = lane {
            self.expect_in_lane(lane);
        }
        if is_ready {
            self.bring_in_order(index, seq);
            return Ok(Arrival::Ready(handle));
        }
        Ok(Arrival::Held(handle))
    }

    /// Gives up what is missing below the highest number that arrived. Where a failure has cut off what came early,
    /// nothing of it comes out any more, and there is no loss to tell.
    pub(super) fn give_up_gaps(&mut self, index: u32) {
        if self.sources[index].cut != Cut::Nowhere {
            return;
        }
        loop {
            let id = self.sources.id(index);
            let Some(sequenced) = &mut self.sources[index].sequenced else { return };
            if !sequenced.sequencer.holds_any() {
                return;
            }
            let Some((first, last)) = sequenced.sequencer.missing().next() else { return };
            sequenced.sequencer.skip_to(last + 1);
            self.events.push_back(Event::Lost { source: id, first, last });
            self.bring_in_order(index, last + 1);
        }
    }

    /// Puts an item at the end of the release order.
    #[inline]
    pub(super) fn enter_order(&mut self, slot: u32) {
        let index = self.items[slot].source;
        self.sources[index].order.push_back(&mut self.items, slot);
    }

    /// Tells those that were refused that there is room now: a unit of this source is free again.
    #[inline]
    pub(super) fn make_room(&mut self, index: u32) {
        if self.sources[index].starved || self.overflowed {
            self.tell_all_room(index);
        }
    }

    #[cold]
    fn tell_all_room(&mut self, index: u32) {
        if core::mem::take(&mut self.overflowed) {
            for other in self.sources.indices().collect::<Vec<u32>>() {
                self.tell_room(other);
            }
        }
        self.tell_room(index);
    }

    fn tell_room(&mut self, index: u32) {
        if self.sources[index].in_flight < self.capacity {
            self.tell_starved(index);
        }
    }

    /// Tells a source that was refused something to offer again: there is room, or there will be none.
    pub(super) fn tell_starved(&mut self, index: u32) {
        if core::mem::take(&mut self.sources[index].starved) {
            let source = self.sources.id(index);
            self.events.push_back(Event::Room { source });
        }
    }

    /// The items from `seq` on that came early and whose turn has come.
    fn bring_in_order(&mut self, index: u32, mut seq: Seq) {
        let mut until = None;
        loop {
            let now = self.now;
            let state = &mut self.sources[index];
            let Some(sequenced) = &mut state.sequenced else { return };
            let expected = sequenced.sequencer.expected();
            // beyond the window nothing has come early: the rest was restored, and may be long
            let until = until.get_or_insert(seq.saturating_add(sequenced.early.len() as u64));
            if seq >= expected.min(*until) {
                state.receive_restored(expected);
                return;
            }
            let place = sequenced.place(seq);
            let slot = core::mem::replace(&mut sequenced.early[place], NIL);
            sequenced.since = now;
            seq += 1;
            if slot == NIL {
                // unordered, it was cancelled and has left
                if sequenced.sequencer.leave(seq - 1) {
                    state.receive(seq - 1);
                }
                continue;
            }
            sequenced.waiting -= 1;
            state.receive(seq - 1);
            self.enter_order(slot);
            if self.items[slot].state == State::Early {
                self.enter_lane(slot);
            } else {
                // it was cancelled before its turn
                self.leave_in_turn(slot);
            }
        }
    }

    /// Puts what came early at the end of the release order as it is: its source is cut off, and the rest of its
    /// numbers with it.
    pub(super) fn bring_early(&mut self, index: u32) {
        let Some(sequenced) = &mut self.sources[index].sequenced else { return };
        sequenced.waiting = 0;
        let mut early: Vec<u32> =
            sequenced.early.iter().copied().filter(|slot| *slot != NIL).collect();
        sequenced.early.fill(NIL);
        early.sort_unstable_by_key(|slot| self.items[*slot].seq);
        for slot in early {
            self.enter_order(slot);
        }
    }

    /// Whether an item waits for its turn: it came early, and its source is not cut off.
    pub(super) fn stands_early(&self, slot: u32) -> bool {
        let item = &self.items[slot];
        let sequenced = self.sources[item.source].sequenced.as_ref();
        sequenced.is_some_and(|sequenced| sequenced.early[sequenced.place(item.seq)] == slot)
    }

    /// Unordered, lets an item leave that came early and was cancelled. Its number counts as arrived.
    pub(super) fn leave_early(&mut self, slot: u32) {
        let (index, seq) = (self.items[slot].source, self.items[slot].seq);
        let Some(sequenced) = &mut self.sources[index].sequenced else { return };
        let place = sequenced.place(seq);
        sequenced.early[place] = NIL;
        sequenced.waiting -= 1;
        self.enter_order(slot);
        self.pass(slot);
    }

    pub(super) fn change_limits(&mut self, concurrency: u32, capacity: u32) {
        self.concurrency = concurrency;
        self.capacity = capacity;
        for index in self.sources.indices().collect::<Vec<u32>>() {
            self.tell_room(index);
        }
    }

    #[cold]
    fn starve(&mut self, index: u32) {
        self.sources[index].starved = true;
        self.overflowed |= self.items.is_full();
    }
}
