//! The table of items: what the dispatcher knows of each, by slot number.

use alloc::vec::Vec;
use core::ops::{Deref, DerefMut, Index, IndexMut};

use crate::event::Why;
use crate::fifo::Link;
use crate::hint::rarely;
use crate::ids::{Handle, Lane, MAX_ITEMS, Seq};
use crate::time::Time;

/// No slot: the end of a list, or no item.
pub(crate) const NIL: u32 = u32::MAX;

/// Where an item is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// No item: the slot is free.
    Free,
    /// Accepted, and not everything before it has arrived.
    Early,
    /// Behind another item of its lane.
    Waiting,
    /// In the line of what may start.
    Ready,
    /// Its handler runs.
    Running,
    /// To be tried again, now or later.
    Backoff,
    /// To be handed over, now or later.
    HandOver,
    /// An attempt to hand it over runs.
    HandingOver,
    /// It failed for good, and holds its lane.
    Halted,
    /// Settled, and not released.
    Held(Verdict),
    /// Lent to the driver.
    Lent(Verdict),
    /// Reported, while its handler still runs.
    Detached,
    /// No item: numbers that were given up, in their place among the items.
    Gap,
    /// As that, lent to the driver.
    GapLent,
}

/// How an item was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ok,
    Failed,
    /// Nothing comes out.
    Nothing(Why),
}

/// One item. 64 bytes: a cache line holds it.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) seq: Seq,
    pub(crate) accepted: Time,
    /// In the line, in the queue of its lane, or among the settled of an unordered source: never in two of them.
    pub(crate) work: Link,
    /// In the order of acceptance of its source.
    pub(crate) order: Link,
    pub(crate) handle: Handle,
    pub(crate) source: u32,
    pub(crate) lane: Option<Lane>,
    pub(crate) attempt: u32,
    pub(crate) state: State,
    /// The outcome, where a signal has fixed it before the end of the attempt.
    pub(crate) fate: Option<Why>,
    /// Its key could not be had: it fails when its turn comes.
    pub(crate) is_rejected: bool,
    /// It was told that it is completed.
    pub(crate) is_completed: bool,
}

/// The items by slot number.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    items: Vec<Item>,
    /// The first free slot: they are linked by `work.next`.
    free: u32,
}

impl Default for Slots {
    fn default() -> Self {
        Self { items: Vec::new(), free: NIL }
    }
}

impl Slots {
    pub(crate) fn is_full(&self) -> bool {
        rarely(self.free == NIL) && self.items.len() >= MAX_ITEMS
    }

    /// The slot of a handle that is not stale.
    pub(crate) fn find(&self, handle: Handle) -> Option<u32> {
        self.lookup(handle).filter(|(_, item)| item.state != State::Free).map(|(slot, _)| slot)
    }

    /// The item of a handle. One that was made up may be of a slot that is free.
    #[inline]
    pub(crate) fn lookup(&self, handle: Handle) -> Option<(u32, &Item)> {
        let slot = handle.slot().0;
        let item = self.items.get(slot as usize)?;
        if item.handle == handle { Some((slot, item)) } else { None }
    }

    /// As [`lookup`](Self::lookup), to be changed.
    #[inline(always)]
    pub(crate) fn lookup_mut(&mut self, handle: Handle) -> Option<(u32, &mut Item)> {
        let slot = handle.slot().0;
        let item = self.items.get_mut(slot as usize)?;
        if item.handle == handle { Some((slot, item)) } else { None }
    }

    #[inline]
    pub(crate) fn handle(&self, slot: u32) -> Handle {
        self[slot].handle
    }

    /// Takes a slot for the item that is made with its handle. The caller has looked that there is one.
    #[inline(always)]
    pub(crate) fn insert(&mut self, make: impl Fn(Handle) -> Item) -> (u32, Handle) {
        let slot = self.free;
        let Some(place) = self.items.get_mut(slot as usize) else {
            return self.grow(make(Handle::new(self.items.len() as u32, 0)));
        };
        let handle = place.handle;
        self.free = place.work.next;
        // made in its place: made before, it would be made in memory and copied, for the sake of growing
        *place = make(handle);
        (slot, handle)
    }

    /// Gives a slot back. Handles of it are stale from here on.
    #[inline(always)]
    pub(crate) fn remove(&mut self, slot: u32) {
        let next = core::mem::replace(&mut self.free, slot);
        let item = &mut self[slot];
        item.handle = item.handle.next();
        item.state = State::Free;
        item.work.next = next;
    }

    #[cold]
    fn grow(&mut self, item: Item) -> (u32, Handle) {
        let (slot, handle) = (self.items.len() as u32, item.handle);
        self.items.push(item);
        (slot, handle)
    }
}

impl Item {
    /// An item that stands in no list.
    #[inline(always)]
    pub(crate) const fn new(
        handle: Handle,
        source: u32,
        seq: Seq,
        lane: Option<Lane>,
        accepted: Time,
        state: State,
    ) -> Self {
        Self {
            seq,
            accepted,
            work: Link::NONE,
            order: Link::NONE,
            handle,
            source,
            lane,
            attempt: 0,
            state,
            fate: None,
            is_rejected: false,
            is_completed: false,
        }
    }
}

impl Deref for Slots {
    type Target = [Item];

    #[inline(always)]
    fn deref(&self) -> &[Item] {
        &self.items
    }
}

impl DerefMut for Slots {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [Item] {
        &mut self.items
    }
}

impl Index<u32> for Slots {
    type Output = Item;

    #[inline]
    fn index(&self, slot: u32) -> &Item {
        &self.items[slot as usize]
    }
}

impl IndexMut<u32> for Slots {
    #[inline]
    fn index_mut(&mut self, slot: u32) -> &mut Item {
        &mut self.items[slot as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(handle: Handle) -> Item {
        Item::new(handle, 0, 0, None, Time::default(), State::Ready)
    }

    #[test]
    fn a_slot_is_used_again_and_its_old_handle_is_stale() {
        let mut slots = Slots::default();
        let (first, _) = slots.insert(item);
        let old = slots.handle(first);
        slots.remove(first);
        assert_eq!(slots.find(old), None);
        let (second, _) = slots.insert(item);
        assert_eq!(first, second);
        assert_eq!(slots.find(old), None);
        assert_eq!(slots.find(slots.handle(second)), Some(second));
    }

    #[test]
    fn made_up_handles_are_stale() {
        let slots = Slots::default();
        assert_eq!(slots.find(Handle::from_bits(u64::MAX)), None);
        assert_eq!(slots.find(Handle::from_bits(0)), None);
    }

    #[test]
    fn an_item_fits_a_cache_line() {
        assert!(size_of::<Item>() <= 64, "{}", size_of::<Item>());
    }
}
