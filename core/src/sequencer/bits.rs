//! Which numbers are in, as bits: ranges are walked a word of 64 numbers at a time.

use alloc::boxed::Box;
use alloc::vec;

use super::window::Ring;
use crate::ids::Seq;

/// Numbers that a word stands for.
const WORD: u64 = u64::BITS as u64;

/// A bit for each number of a window. Below the next one, in the same word, what has left is stale: it is forgotten a
/// word at a time.
#[derive(Clone, Debug)]
pub struct Bits(Box<[u64]>);

impl Bits {
    pub(super) fn new(capacity: usize) -> Self {
        // one word more than the window takes, so that the one with the next number in it is never reached from the
        // other end
        let words = (capacity.div_ceil(WORD as usize) + 1).next_power_of_two();
        Self(vec![0; words].into_boxed_slice())
    }

    #[inline]
    pub(super) fn set(&mut self, seq: Seq) {
        self.0[self.word(seq)] |= 1 << (seq % WORD);
    }

    pub(super) fn unset(&mut self, seq: Seq) {
        self.0[self.word(seq)] &= !(1 << (seq % WORD));
    }

    /// Makes place for a larger window. Numbers from `first` to `last` may be in.
    pub(super) fn widen(&mut self, capacity: usize, first: Seq, last: Seq) {
        let mut wider = Self::new(capacity);
        if wider.0.len() > self.0.len() {
            for word in first / WORD..=last / WORD {
                let at = word * WORD;
                let place = wider.word(at);
                wider.0[place] = self.0[self.word(at)];
            }
            *self = wider;
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }

    /// The place of the word that stands for a number.
    #[inline]
    fn word(&self, seq: Seq) -> usize {
        // the number of words is a power of two
        (seq / WORD) as usize & (self.0.len() - 1)
    }
}

impl Ring for Bits {
    #[inline]
    fn is_in(&self, seq: Seq) -> bool {
        self.0[self.word(seq)] >> (seq % WORD) & 1 != 0
    }

    #[inline]
    fn find(&self, from: Seq, until: Seq, is_in: bool) -> Seq {
        let mut at = from;
        while at < until {
            let word = self.0[self.word(at)];
            let wanted = if is_in { word } else { !word } >> (at % WORD);
            if wanted != 0 {
                return until.min(at + u64::from(wanted.trailing_zeros()));
            }
            at = (at - at % WORD).saturating_add(WORD);
        }
        until.max(from)
    }

    #[inline]
    fn move_on(&mut self, from: Seq, to: Seq) {
        if from ^ to >= WORD {
            let word = self.word(from);
            self.0[word] = 0;
        }
    }
}
