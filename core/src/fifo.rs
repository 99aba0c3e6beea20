//! First-in-first-out lists that run through the items themselves: nothing is allocated, and any item leaves its list
//! in constant time.

use core::marker::PhantomData;

use crate::slots::{Item, NIL, Slots};

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
#[derive(Debug)]
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
#[derive(Debug)]
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
#[derive(Debug)]
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
    pub(crate) fn after(&self, slots: &Slots, slot: u32) -> Option<u32> {
        let next = C::link(&slots[slot]).next;
        (next != NIL).then_some(next)
    }

    #[inline]
    pub(crate) fn push_back(&mut self, slots: &mut Slots, slot: u32) {
        *C::link_mut(&mut slots[slot]) = Link { prev: self.tail, next: NIL };
        if self.tail == NIL {
            self.head = slot;
        } else {
            C::link_mut(&mut slots[self.tail]).next = slot;
        }
        self.tail = slot;
    }

    #[inline]
    pub(crate) fn pop_front(&mut self, slots: &mut Slots) -> Option<u32> {
        let slot = self.head()?;
        self.remove(slots, slot);
        Some(slot)
    }

    #[inline]
    pub(crate) fn remove(&mut self, slots: &mut Slots, slot: u32) {
        let Link { prev, next } = core::mem::replace(C::link_mut(&mut slots[slot]), Link::NONE);
        self.join(slots, prev, next);
    }

    /// Puts `new` in the place of `old`.
    pub(crate) fn replace(&mut self, slots: &mut Slots, old: u32, new: u32) {
        let Link { prev, next } = core::mem::replace(C::link_mut(&mut slots[old]), Link::NONE);
        *C::link_mut(&mut slots[new]) = Link { prev, next };
        self.join(slots, prev, new);
        self.join(slots, new, next);
    }

    #[inline]
    fn join(&mut self, slots: &mut Slots, left: u32, right: u32) {
        if left == NIL {
            self.head = right;
        } else {
            C::link_mut(&mut slots[left]).next = right;
        }
        if right == NIL {
            self.tail = left;
        } else {
            C::link_mut(&mut slots[right]).prev = left;
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::slots::State;
    use crate::time::Time;

    fn five() -> (Slots, Fifo<Work>) {
        let (mut slots, mut fifo) = (Slots::default(), Fifo::default());
        for seq in 0..5 {
            let slot = slots.insert(0, seq, None, Time::default(), State::Ready);
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
