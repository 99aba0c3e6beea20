//! First-in-first-out lists that run through the items themselves: nothing is allocated, and any item leaves its list
//! in constant time.

use core::marker::PhantomData;

use crate::slots::{Item, NIL};

/// The neighbours of an item in a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) prev: u32,
    pub(crate) next: u32,
}

impl Link {
    pub(crate) const NONE: Self = Self { prev: NIL, next: NIL };
}

/// Which of the links of an item a list runs through.
pub(crate) trait Chain {
    fn link(item: &Item) -> &Link;
    fn link_mut(item: &mut Item) -> &mut Link;
}

/// The line, the queues of the lanes, and the settled of an unordered source.
#[derive(Clone, Debug)]
pub(crate) enum Work {}

impl Chain for Work {
    #[inline]
    fn link(item: &Item) -> &Link {
        &item.work
    }

    #[inline]
    fn link_mut(item: &mut Item) -> &mut Link {
        &mut item.work
    }
}

/// The order of acceptance.
#[derive(Clone, Debug)]
pub(crate) enum Order {}

impl Chain for Order {
    #[inline]
    fn link(item: &Item) -> &Link {
        &item.order
    }

    #[inline]
    fn link_mut(item: &mut Item) -> &mut Link {
        &mut item.order
    }
}

/// A doubly linked list of slots.
#[derive(Clone, Debug)]
pub(crate) struct Fifo<C> {
    head: u32,
    tail: u32,
    chain: PhantomData<C>,
}

impl<C> Default for Fifo<C> {
    fn default() -> Self {
        Self { head: NIL, tail: NIL, chain: PhantomData }
    }
}

impl<C: Chain> Fifo<C> {
    #[inline]
    pub(crate) fn head(&self) -> Option<u32> {
        (self.head != NIL).then_some(self.head)
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head == NIL
    }

    /// The one behind `slot`.
    #[inline]
    pub(crate) fn after(&self, items: &[Item], slot: u32) -> Option<u32> {
        let next = C::link(&items[slot as usize]).next;
        (next != NIL).then_some(next)
    }

    #[inline(always)]
    pub(crate) fn push_back(&mut self, items: &mut [Item], slot: u32) {
        let link = self.next_link();
        *C::link_mut(&mut items[slot as usize]) = link;
        self.push_linked(items, slot, link);
    }

    /// The link that an item needs to be pushed.
    #[inline(always)]
    pub(crate) fn next_link(&self) -> Link {
        Link { prev: self.tail, next: NIL }
    }

    /// As [`push_back`](Self::push_back), of an item that has its [link](Self::next_link).
    #[inline(always)]
    pub(crate) fn push_linked(&mut self, items: &mut [Item], slot: u32, link: Link) {
        self.tail = slot;
        // no slot has the number NIL
        match items.get_mut(link.prev as usize) {
            Some(item) => C::link_mut(item).next = slot,
            None => self.head = slot,
        }
    }

    #[inline]
    pub(crate) fn pop_front(&mut self, items: &mut [Item]) -> Option<u32> {
        let slot = self.head()?;
        self.remove(items, slot);
        Some(slot)
    }

    #[inline(always)]
    pub(crate) fn remove(&mut self, items: &mut [Item], slot: u32) {
        self.close(items, *C::link(&items[slot as usize]));
    }

    /// Closes the list where an item stood between these neighbours.
    #[inline(always)]
    pub(crate) fn close(&mut self, items: &mut [Item], neighbours: Link) {
        self.join(items, neighbours.prev, neighbours.next);
    }

    /// Puts `new` in the place of `old`.
    pub(crate) fn replace(&mut self, items: &mut [Item], old: u32, new: u32) {
        let Link { prev, next } = *C::link(&items[old as usize]);
        *C::link_mut(&mut items[new as usize]) = Link { prev, next };
        self.join(items, prev, new);
        self.join(items, new, next);
    }

    #[inline(always)]
    fn join(&mut self, items: &mut [Item], left: u32, right: u32) {
        match items.get_mut(left as usize) {
            Some(item) => C::link_mut(item).next = right,
            None => self.head = right,
        }
        match items.get_mut(right as usize) {
            Some(item) => C::link_mut(item).prev = left,
            None => self.tail = left,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::slots::{Slots, State};
    use crate::time::Time;

    fn five() -> (Slots, Fifo<Work>) {
        let (mut slots, mut fifo) = (Slots::default(), Fifo::default());
        for seq in 0..5 {
            let (slot, _) = slots
                .insert(|handle| Item::new(handle, 0, seq, None, Time::default(), State::Ready));
            fifo.push_back(&mut slots, slot);
        }
        (slots, fifo)
    }

    fn rest(slots: &mut Slots, fifo: &mut Fifo<Work>) -> Vec<u32> {
        core::iter::from_fn(|| fifo.pop_front(slots)).collect()
    }

    #[test]
    fn any_place_can_be_left() {
        let (mut slots, mut fifo) = five();
        for slot in [0, 4, 2] {
            fifo.remove(&mut slots, slot);
        }
        assert_eq!(rest(&mut slots, &mut fifo), [1, 3]);
        assert_eq!(fifo.head(), None);
    }

    #[test]
    fn a_replacement_keeps_the_place() {
        for place in 0..4 {
            let (mut slots, mut fifo) = five();
            fifo.remove(&mut slots, 4);
            fifo.replace(&mut slots, place, 4);
            let mut expected = [0, 1, 2, 3];
            expected[place as usize] = 4;
            assert_eq!(rest(&mut slots, &mut fifo), expected);
        }
    }
}
