//! What is held of a sequence, by number.

use alloc::vec::Vec;

use crate::ids::{Seq, Slot};

/// Slots by the remainder of their numbers. It grows with the distance between those that are in: most sequences have
/// no gap most of the time, and there may be many sequences.
#[derive(Debug, Default)]
pub(super) struct Ring {
    places: Vec<Option<(Seq, Slot)>>,
}

impl Ring {
    pub(super) fn insert(&mut self, seq: Seq, slot: Slot) {
        loop {
            match self.place(seq) {
                Some(place) if place.is_none() => return *place = Some((seq, slot)),
                Some(_) | None => self.grow(),
            }
        }
    }

    pub(super) fn remove(&mut self, seq: Seq) -> Option<Slot> {
        self.place(seq)?.take_if(|(other, _)| *other == seq).map(|(_, slot)| slot)
    }

    fn place(&mut self, seq: Seq) -> Option<&mut Option<(Seq, Slot)>> {
        // the size is a power of two
        let index = seq as usize & self.places.len().wrapping_sub(1);
        self.places.get_mut(index)
    }

    /// Makes it twice as large. What was apart stays so.
    fn grow(&mut self) {
        let size = (self.places.len() * 2).max(8);
        let before = core::mem::take(&mut self.places);
        self.places.resize(size, None);
        for (seq, slot) in before.into_iter().flatten() {
            if let Some(place) = self.place(seq) {
                *place = Some((seq, slot));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_until_no_two_have_the_same_place() {
        let mut ring = Ring::default();
        let seqs = [1_000, 1_001, 1_008, 1_016, 1_500, 1_512, 1_999];
        for (seq, n) in seqs.into_iter().zip(0..) {
            ring.insert(seq, Slot(n));
        }
        assert_eq!(ring.places.len(), 1_024);
        assert_eq!(ring.remove(1_000 + 1_024), None, "the same place, and another number");
        for (seq, n) in seqs.into_iter().zip(0..) {
            assert_eq!(ring.remove(seq), Some(Slot(n)));
            assert_eq!(ring.remove(seq), None);
        }
    }

    #[test]
    fn what_follows_each_other_needs_no_room() {
        let mut ring = Ring::default();
        for seq in 0..100 {
            ring.insert(seq, Slot(0));
            assert_eq!(ring.remove(seq), Some(Slot(0)));
        }
        assert_eq!(ring.places.len(), 8);
    }
}
