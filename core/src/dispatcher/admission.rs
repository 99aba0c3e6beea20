//! Acceptance: who gets in, with which number, and who is told when there is room.

use alloc::vec::Vec;

use super::Dispatcher;
use super::flags::Flag;
use super::gaps::Reached;
use crate::event::Event;
use crate::hint::{rare, rarely};
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
        if state.flags.has(Flag::Ended) {
            return 0;
        }
        let room = self.capacity.saturating_sub(state.in_flight) as usize;
        let room = room.min(MAX_ITEMS - (self.tally.inside() + self.gaps).min(MAX_ITEMS));
        if state.keyed {
            return room;
        }
        let startable = self.startable() as usize + 1;
        room.min(startable.saturating_sub(self.tally.queued() as usize))
    }

    /// Whether a stream may read another item of this source now: whether [`wants`](Self::wants) is not 0.
    #[inline]
    #[must_use]
    pub fn wants_one(&self, source: Source) -> bool {
        let Some((_, state)) = self.sources.get(source) else { return false };
        if state.flags.has(Flag::Ended) || state.in_flight >= self.capacity || self.items.is_full()
        {
            return false;
        }
        if state.keyed {
            return true;
        }
        // cheaper to ask, and most often so: then no more is queued than can start
        (self.aside == 0 && self.tally.queued_or_running() <= self.concurrency)
            || self.tally.queued() <= self.startable()
    }

    /// How many items that were never tried may start now, if there are so many.
    #[inline]
    fn startable(&self) -> u32 {
        // while anything is pending and one runs at a time, that one is it
        if rarely(self.aside > 0) && (self.paused || self.concurrency == 1) {
            return 0;
        }
        // what runs may be more than the concurrency, which can be lowered
        self.concurrency.saturating_sub(self.tally.running())
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
        if rarely(state.flags.has_either(Flag::Ended, Flag::Numbered)) {
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
        let (now, work, order) = (self.now, self.line.next_link(), state.order.next_link());
        let (slot, handle) = self.items.insert(|handle| Item {
            work,
            order,
            ..Item::new(handle, index, seq, lane, now, State::Ready)
        });
        if let Some(limit) = &mut self.total_timeout {
            rare();
            limit.arm(slot, now);
        }
        let items = &mut *self.items;
        state.order.push_linked(items, slot, order);
        match lane {
            None => {
                self.line.push_linked(items, slot, work);
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
        if state.flags.has(Flag::Ended) {
            return Err(PushError::Closed);
        }
        if state.sequenced.is_some() {
            return Err(PushError::Numbering);
        }
        if state.pass_restored() {
            self.tally.restored += 1;
            return Err(PushError::Restored);
        }
        let is_numbered = state.flags.take(Flag::Numbered);
        let answer = self.admit_next(source, lane);
        self.sources[index].flags.set(Flag::Numbered, is_numbered);
        answer
    }

    pub(super) fn admit_at(
        &mut self,
        source: Source,
        lane: Option<Lane>,
        number: Seq,
    ) -> Result<Arrival, PushError> {
        let is_full = self.items.is_full();
        let Some((index, state)) = self.sources.get_mut(source) else {
            return Err(PushError::Closed);
        };
        if state.flags.has(Flag::Ended) {
            return Err(PushError::Closed);
        }
        let Some(sequenced) = &mut state.sequenced else { return Err(PushError::Numbering) };
        match sequenced.sequencer.look(number) {
            Insert::Ready | Insert::Held if is_full => {
                self.starve(index);
                return Err(PushError::Full);
            }
            Insert::TooFar if is_full => {
                self.starve(index);
                return Ok(Arrival::TooFar);
            }
            Insert::Ready | Insert::Held | Insert::TooFar => {}
            Insert::Duplicate if !sequenced.has_left_early(number) => {
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
        }
        Ok(self.admit_number(index, lane, number))
    }

    /// How far its source was, and what its sequencer says. `None`: it is beyond the window, whatever was given up, and
    /// is told when to come again.
    fn insert_number(&mut self, index: u32, number: Seq) -> Option<(Reached, Insert)> {
        loop {
            let (before, now) = (self.reached(index)?, self.now);
            let said = self.sources[index].sequenced.as_mut()?.sequencer.insert(now, number);
            if matches!(said, Insert::Ready | Insert::Held) {
                return Some((before, said));
            }
            let items = self.len();
            self.follow_numbers(index, before, false);
            // where nothing but numbers has left, the next one may be missing, too
            if self.len() == items
                && self.reached(index)?.is_beyond(before)
                && !self.items.is_full()
            {
                continue;
            }
            self.starve(index);
            if self.len() < items {
                // its slot could be that of an item that has left, of which the driver has not heard: it offers again
                self.tell_starved(index);
            }
            return None;
        }
    }

    /// Takes a number in, or gives something up and does not: there is a slot for it.
    fn admit_number(&mut self, index: u32, lane: Option<Lane>, number: Seq) -> Arrival {
        let now = self.now;
        let Some((before, said)) = self.insert_number(index, number) else {
            return Arrival::TooFar;
        };
        let state = &mut self.sources[index];
        let Some(sequenced) = &mut state.sequenced else { return Arrival::Late };
        let seq = sequenced.sequencer.unwrapped(number);
        let (slot, handle) =
            self.items.insert(|handle| Item::new(handle, index, seq, lane, now, State::Early));
        if let Some(limit) = &mut self.total_timeout {
            limit.arm(slot, now);
        }
        let place = sequenced.place(seq);
        sequenced.early[place] = slot;
        sequenced.waiting += 1;
        state.in_flight += 1;
        self.tally.accepted += 1;
        if let Some(lane) = lane {
            self.expect_in_lane(lane);
        }
        self.follow_numbers(index, before, false);
        if said == Insert::Ready { Arrival::Ready(handle) } else { Arrival::Held(handle) }
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
        if self.sources[index].flags.has(Flag::Starved) || self.overflowed {
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
        let state = &self.sources[index];
        // who gives the numbers waits for a window, in which there may be room whatever is beyond it
        if state.sequenced.is_some() || state.in_flight < self.capacity {
            self.tell_starved(index);
        }
    }

    /// Tells a source that was refused something to offer again: there is room, or there will be none.
    pub(super) fn tell_starved(&mut self, index: u32) {
        if self.sources[index].flags.take(Flag::Starved) {
            let source = self.sources.id(index);
            self.events.push_back(Event::Room { source });
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
        let before = core::mem::replace(&mut self.capacity, capacity);
        for index in self.sources.indices().collect::<Vec<u32>>() {
            if let Some(sequenced) = &mut self.sources[index].sequenced {
                sequenced.set_capacity(capacity, &self.items);
                if capacity <= before {
                    continue;
                }
            }
            self.tell_room(index);
        }
    }

    #[cold]
    fn starve(&mut self, index: u32) {
        self.sources[index].flags.set(Flag::Starved, true);
        self.overflowed |= self.items.is_full();
    }
}
