//! Items by sequence number: in as they come, out in order.

use alloc::boxed::Box;

use crate::ids::Seq;
use crate::options::OptionsError;
use crate::sequencer::{Insert, Ring, SequencerOptions, Window};

/// A bounded reorder buffer: a [`Window`] over a ring of items.
///
/// # Examples
/// ```
/// use inorder::{Insert, ReorderBuffer, SequencerOptions};
///
/// let mut buffer = ReorderBuffer::new(SequencerOptions::new().start(1).capacity(1024));
/// assert_eq!(buffer.insert(2, "second"), Insert::Held);
/// assert_eq!(buffer.pop(), None);
/// assert_eq!(buffer.insert(1, "first"), Insert::Ready);
/// assert_eq!(buffer.pop(), Some((1, "first")));
/// assert_eq!(buffer.pop(), Some((2, "second")));
/// ```
#[derive(Clone, Debug)]
pub struct ReorderBuffer<T> {
    window: Window<Items<T>>,
}

/// The items that are in, by the remainder of the number, of which no two in the window have the same. That an item is
/// there is the only mark that its number is in: marks apart would have to be kept in two more registers.
#[derive(Clone, Debug)]
struct Items<T>(Box<[Option<T>]>);

impl<T> ReorderBuffer<T> {
    /// An empty buffer.
    ///
    /// # Panics
    /// Where an option is out of its bounds, or one that a buffer has not; see [`try_new`](Self::try_new).
    #[must_use]
    pub fn new(options: SequencerOptions) -> Self {
        match Self::try_new(options) {
            Ok(buffer) => buffer,
            Err(error) => panic!("{error}"),
        }
    }

    /// An empty buffer. Of the options it has the start and the capacity.
    ///
    /// # Errors
    /// The first option that is out of its bounds, or that a buffer has not.
    pub fn try_new(options: SequencerOptions) -> Result<Self, OptionsError> {
        options.check_plain()?;
        let places = options.effective_capacity().next_power_of_two();
        let items = core::iter::repeat_with(|| None).take(places).collect();
        Ok(Self { window: Window::over(Items(items), options) })
    }

    /// The lowest number that was not popped. It bounds the window.
    #[must_use]
    pub const fn next(&self) -> Seq {
        self.window.next()
    }

    /// How many items are in.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.window.len()
    }

    /// Whether no item is in.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.window.is_empty()
    }

    /// The ranges that are missing before the highest number that is in: first and last, both inclusive.
    pub fn missing(&self) -> impl Iterator<Item = (Seq, Seq)> + '_ {
        self.window.missing()
    }

    /// The items that are in, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &T> + '_ {
        self.window.ring().0.iter().flatten()
    }

    /// What [`insert`](Self::insert) would say. For items that one wants to keep when they are not admitted.
    ///
    /// O(1), but between an insert that was [`Ready`](Insert::Ready) and the next, or the end of what pops, it walks over
    /// what is in order.
    pub fn look(&self, seq: Seq) -> Insert {
        self.window.look(seq)
    }

    /// Takes an item in. One that is not admitted (duplicate, late or too far) is dropped.
    #[inline]
    pub fn insert(&mut self, seq: Seq, item: T) -> Insert {
        self.window.insert_with(seq, |items| *items.at(seq) = Some(item))
    }

    /// The next item with its number, if it is in.
    #[inline]
    pub fn pop(&mut self) -> Option<(Seq, T)> {
        self.window.pop_with(|items, seq| items.at(seq).take().map(|item| (seq, item)))
    }

    /// Gives up what is missing below `seq`. What is in there still comes out in its turn.
    pub fn skip_to(&mut self, seq: Seq) {
        self.window.skip_to(seq);
    }
}

impl<T> Items<T> {
    #[inline(always)]
    fn place(&self, seq: Seq) -> usize {
        // the size is a power of two
        seq as usize & (self.0.len() - 1)
    }

    #[inline(always)]
    fn at(&mut self, seq: Seq) -> &mut Option<T> {
        let place = self.place(seq);
        &mut self.0[place]
    }
}

impl<T> Ring for Items<T> {
    #[inline(always)]
    fn is_in(&self, seq: Seq) -> bool {
        self.0[self.place(seq)].is_some()
    }

    #[inline(always)]
    fn find(&self, from: Seq, until: Seq, is_in: bool) -> Seq {
        (from..until).find(|seq| self.is_in(*seq) == is_in).unwrap_or(until.max(from))
    }

    // what has left was taken out
    #[inline(always)]
    fn move_on(&mut self, _: Seq, _: Seq) {}
}

#[cfg(test)]
mod tests {
    use alloc::rc::Rc;
    use alloc::vec::Vec;

    use super::*;
    use crate::rounds::{rounds, unless_interpreted};

    #[test]
    fn random_steps_agree_with_a_window_of_bits() {
        let mut lots = 0x9E37_79B9_7F4A_7C15_u64;
        let mut draw = move |below: u64| {
            lots ^= lots << 13;
            lots ^= lots >> 7;
            lots ^= lots << 17;
            lots % below
        };
        for round in 0..rounds(200) as usize {
            let capacity = [1, 2, 3, 8, 70][round % 5];
            let options = SequencerOptions::new().start(draw(100)).capacity(capacity);
            let mut window = Window::new(options).unwrap();
            let mut buffer = ReorderBuffer::new(options);
            // in some rounds hardly anything is popped, in others hardly anything stays
            let patience = 2 + draw(20);
            for _ in 0..unless_interpreted(400, 60) {
                let seq = (window.next() + draw(capacity as u64 + 3)).saturating_sub(draw(4));
                if draw(patience) == 0 {
                    assert_eq!(buffer.pop(), window.pop().map(|seq| (seq, seq)));
                } else if draw(30) == 0 {
                    buffer.skip_to(seq);
                    window.skip_to(seq);
                } else {
                    assert_eq!(buffer.look(seq), window.look(seq));
                    assert_eq!(buffer.insert(seq, seq), window.insert(seq));
                }
                assert_eq!((buffer.next(), buffer.len()), (window.next(), window.len()));
                assert!(buffer.missing().eq(window.missing()));
                assert_eq!(buffer.iter().count(), buffer.len());
            }
        }
    }

    #[test]
    fn numbers_are_no_indices() {
        let mut buffer = ReorderBuffer::new(SequencerOptions::new().start(1 << 40).capacity(3));
        for k in [2, 1, 0] {
            let _ = buffer.insert((1 << 40) + k, k);
        }
        assert_eq!(
            core::iter::from_fn(|| buffer.pop()).map(|(_, k)| k).collect::<Vec<_>>(),
            [0, 1, 2]
        );
    }

    #[test]
    fn what_is_not_admitted_does_not_replace_what_is_in() {
        let mut buffer = ReorderBuffer::new(SequencerOptions::new().capacity(64));
        assert_eq!(buffer.insert(1, "kept"), Insert::Held);
        assert_eq!(buffer.insert(1, "again"), Insert::Duplicate);
        assert_eq!(buffer.insert(65, "the same place"), Insert::TooFar);
        assert_eq!(buffer.insert(0, "first"), Insert::Ready);
        assert_eq!((buffer.pop(), buffer.pop()), (Some((0, "first")), Some((1, "kept"))));
    }

    #[test]
    fn what_is_in_can_be_looked_at() {
        let mut buffer = ReorderBuffer::new(SequencerOptions::new());
        let _ = buffer.insert(2, "c");
        let _ = buffer.insert(0, "a");
        assert_eq!(buffer.iter().collect::<Vec<_>>(), [&"a", &"c"]);
        assert_eq!(buffer.pop(), Some((0, "a")));
        assert_eq!(buffer.iter().collect::<Vec<_>>(), [&"c"]);
    }

    #[test]
    fn nothing_is_kept_after_it_was_popped() {
        let item = Rc::new(());
        let mut buffer = ReorderBuffer::new(SequencerOptions::new());
        let _ = buffer.insert(0, item.clone());
        assert_eq!(Rc::strong_count(&item), 2);
        drop(buffer.pop());
        assert_eq!(Rc::strong_count(&item), 1);
    }
}
