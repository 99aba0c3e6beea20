//! The numbers that are in, and the three that say what is in order.
//!
//! The window is a ring with a place for each number from the next one on, as in the receivers of selective-repeat
//! protocols. Every call is O(1) amortised.

use super::Insert;
use super::bits::Bits;
use super::options::SequencerOptions;
use crate::ids::Seq;
use crate::options::OptionsError;

/// Where it is kept which numbers of a window are in: one place for each remainder of a number.
pub trait Ring {
    /// Whether a number is in that is in the window.
    fn is_in(&self, seq: Seq) -> bool;

    /// The first number from `from` on that is in, or is not; where there is none before `until`, `until`, or `from` if
    /// that is beyond it.
    fn find(&self, from: Seq, until: Seq, is_in: bool) -> Seq;

    /// The next number of the window goes from one to the other. What was between is not in any more.
    fn move_on(&mut self, from: Seq, to: Seq);
}

/// A reorder buffer of numbers alone: what has arrived, what has left, what is missing.
///
/// It has no policy and no time: see [`Sequencer`](crate::Sequencer) for gaps that are given up, counters that wrap and
/// sources that start again, and [`ReorderBuffer`](crate::ReorderBuffer) for one with the items in it.
///
/// Three numbers move: [`next`](Self::next), the lowest that has not left, bounds the window;
/// [`expected`](Self::expected), the lowest that has neither arrived nor been given up, bounds what is in order; what
/// arrived beyond it is held.
///
/// # Examples
/// ```
/// use inorder::{Insert, SequencerOptions, Window};
///
/// let mut window = Window::new(SequencerOptions::new().capacity(8))?;
/// assert_eq!(window.insert(1), Insert::Held);
/// assert_eq!(window.insert(0), Insert::Ready);
/// assert_eq!((window.pop(), window.pop(), window.pop()), (Some(0), Some(1), None));
/// assert_eq!(window.insert(0), Insert::Late);
/// assert_eq!(window.insert(10), Insert::TooFar);
/// # Ok::<(), inorder::OptionsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Window<R = Bits> {
    /// For each number from `next` on whether it is in: arrived and not left.
    ring: R,
    capacity: u64,
    /// The most that the capacity ever was: what is in may be that far ahead.
    width: u64,
    next: Seq,
    /// The lowest that is missing, unless `is_behind`.
    expected: Seq,
    /// Whether `expected` arrived, and the lowest that is missing was not looked for yet: all from there up to it are in,
    /// or have left. Over items that is a walk, and who takes out all that is in order comes to its end anyway, so it is
    /// left to the next number that arrives. Over bits, of which a word is looked through at once, it is not left.
    is_behind: bool,
    /// One more than the last number that is admitted. The last number there is never is, so that one more than a number
    /// is a number.
    end: Seq,
    len: usize,
    /// Whether some number from `next` to `expected` is not in: it left out of turn, or was given up.
    holes: bool,
}

impl Window {
    /// An empty one. Of the options it has the start and the capacity.
    ///
    /// # Errors
    /// The first option that is out of its bounds, or that a window has not.
    pub fn new(options: SequencerOptions) -> Result<Self, OptionsError> {
        options.check_plain()?;
        Ok(Self::with(options))
    }

    /// As [`new`](Self::new), of options that were checked.
    pub(super) fn with(options: SequencerOptions) -> Self {
        Self::over(Bits::new(options.effective_capacity()), options)
    }

    /// Takes a number in. Only [`Ready`](Insert::Ready) and [`Held`](Insert::Held) change something.
    #[inline]
    pub fn insert(&mut self, seq: Seq) -> Insert {
        let said = self.insert_with(seq, |ring| ring.set(seq));
        self.settle();
        said
    }

    /// Lets the next number leave, if it is in.
    #[inline]
    pub fn pop(&mut self) -> Option<Seq> {
        self.pop_with(|_, seq| Some(seq))
    }

    /// The lowest number that has neither arrived nor been given up.
    #[inline]
    #[must_use]
    pub const fn expected(&self) -> Seq {
        self.expected
    }

    /// Lets a number leave that is in and in order, before those below it too. False where it is not.
    #[inline]
    pub(crate) fn leave(&mut self, seq: Seq) -> bool {
        if seq < self.next
            || seq >= self.expected
            || seq - self.next >= self.width
            || !self.is_in(seq)
        {
            return false;
        }
        self.len -= 1;
        if seq == self.next {
            self.move_next(seq + 1);
        } else {
            self.ring.unset(seq);
            self.holes = true;
        }
        self.pass_holes();
        true
    }

    /// Changes how far ahead numbers are admitted. What is in stays in.
    pub(super) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity as u64;
        self.end = self.next.saturating_add(self.capacity);
        if self.capacity > self.width {
            let last = self.window_end() - 1;
            self.ring.widen(capacity, self.next, last);
            self.width = self.capacity;
        }
    }

    /// Forgets everything, and goes on from `first` with so many in from there on: fewer than a word of bits.
    pub(super) fn restart(&mut self, first: Seq, count: u64) {
        self.ring.clear();
        (self.next, self.expected) = (first, first.saturating_add(count));
        self.end = first.saturating_add(self.capacity);
        (self.len, self.holes) = (count as usize, false);
        for seq in first..self.expected {
            self.ring.set(seq);
        }
    }
}

impl<R: Ring> Window<R> {
    /// An empty one over a ring. Inlined, so that where it begins is known to the loops that follow.
    #[inline(always)]
    pub(crate) fn over(ring: R, options: SequencerOptions) -> Self {
        let (start, capacity) = (options.start.unwrap_or(0), options.effective_capacity());
        let capacity = capacity as u64;
        Self {
            ring,
            capacity,
            width: capacity,
            next: start,
            expected: start,
            is_behind: false,
            end: start.saturating_add(capacity),
            len: 0,
            holes: false,
        }
    }

    /// What it is over.
    pub(crate) const fn ring(&self) -> &R {
        &self.ring
    }

    /// The lowest number that has not left. It bounds the window.
    #[inline]
    #[must_use]
    pub const fn next(&self) -> Seq {
        self.next
    }

    /// How many numbers are in.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether no number is in.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The ranges that are missing before the highest number that is in: first and last, both inclusive.
    pub fn missing(&self) -> impl Iterator<Item = (Seq, Seq)> + '_ {
        let (mut from, end) = (self.first_missing(), self.window_end());
        core::iter::from_fn(move || {
            let after = self.ring.find(from, end, true);
            if after >= end {
                return None;
            }
            let range = (from, after - 1);
            from = self.ring.find(after, end, false);
            Some(range)
        })
    }

    /// What [`insert`](Self::insert) would say.
    #[inline]
    pub fn look(&self, seq: Seq) -> Insert {
        let expected = self.first_missing();
        if !self.admits(seq, expected) {
            self.refuse(seq, expected)
        } else if seq == expected {
            Insert::Ready
        } else {
            Insert::Held
        }
    }

    /// Takes a number in: `put` puts it in the ring. Only [`Ready`](Insert::Ready) and [`Held`](Insert::Held) change
    /// something.
    #[inline(always)]
    pub(crate) fn insert_with(&mut self, seq: Seq, put: impl FnOnce(&mut R)) -> Insert {
        self.settle();
        if !self.admits(seq, self.expected) {
            return self.refuse(seq, self.expected);
        }
        put(&mut self.ring);
        self.len += 1;
        if seq == self.expected {
            self.is_behind = true;
            Insert::Ready
        } else {
            Insert::Held
        }
    }

    /// Lets the next number leave, if it is in: `take` takes it out of the ring, if it is there.
    #[inline(always)]
    pub(crate) fn pop_with<T>(&mut self, take: impl FnOnce(&mut R, Seq) -> Option<T>) -> Option<T> {
        let seq = self.next;
        if seq == self.expected && !self.is_behind {
            return None;
        }
        let Some(taken) = take(&mut self.ring, seq) else {
            (self.expected, self.is_behind) = (seq, false);
            return None;
        };
        self.len -= 1;
        self.move_next(seq + 1);
        self.pass_holes();
        Some(taken)
    }

    /// Gives up what is missing below `seq`. What is in there still leaves in its turn.
    pub fn skip_to(&mut self, seq: Seq) {
        self.settle();
        if seq <= self.expected {
            return;
        }
        self.expected = self.ring.find(seq, self.window_end(), false);
        self.holes = true;
        self.pass_holes();
    }

    /// The first number from `from` on, and below `until`, that is in. `from` is not before the next number.
    pub(super) fn first_in(&self, from: Seq, until: Seq) -> Option<Seq> {
        let until = until.min(self.window_end());
        let at = self.ring.find(from, until, true);
        (at < until).then_some(at)
    }

    /// The first number from `from` on that is not in. `from` is not before the next number.
    pub(super) fn first_absent(&self, from: Seq) -> Seq {
        self.ring.find(from, self.window_end(), false)
    }

    /// The least size of an array in which the place of each number in the window is its remainder: a power of two.
    #[must_use]
    pub fn span(&self) -> usize {
        self.width.next_power_of_two() as usize
    }

    /// The lowest number that has neither arrived nor been given up.
    #[inline(always)]
    fn first_missing(&self) -> Seq {
        if self.is_behind {
            self.ring.find(self.expected.max(self.next), self.window_end(), false)
        } else {
            self.expected
        }
    }

    /// Looks for the lowest number that is missing. Inlined, as what calls it: a call with a reference would keep the
    /// numbers that move in memory instead of registers.
    #[inline(always)]
    fn settle(&mut self) {
        (self.expected, self.is_behind) = (self.first_missing(), false);
    }

    /// Whether a number is taken in, where `expected` is the lowest that is missing.
    #[inline(always)]
    fn admits(&self, seq: Seq, expected: Seq) -> bool {
        seq >= expected && seq < self.end && !self.ring.is_in(seq)
    }

    /// Why a number is not taken in.
    #[inline(always)]
    fn refuse(&self, seq: Seq, expected: Seq) -> Insert {
        if seq < self.next {
            Insert::Late
        } else if seq - self.next < self.width && self.is_in(seq) {
            Insert::Duplicate
        } else if seq < expected {
            Insert::Late
        } else {
            Insert::TooFar
        }
    }

    /// Moves `next` past what has left out of turn or was given up.
    #[inline]
    fn pass_holes(&mut self) {
        if self.holes {
            self.move_next(if self.len == 0 {
                self.expected
            } else {
                self.ring.find(self.next, self.expected, true)
            });
            self.holes = self.next < self.expected;
        }
    }

    /// Moves `next` on.
    #[inline]
    fn move_next(&mut self, to: Seq) {
        self.ring.move_on(self.next, to);
        self.end = self.end.saturating_add(to - self.next);
        self.next = to;
    }

    /// Whether a number is in that is at most a word of bits beyond the next one, or in the window.
    #[inline]
    pub(super) fn is_in(&self, seq: Seq) -> bool {
        self.ring.is_in(seq)
    }

    /// One more than the last number that may be in.
    #[inline]
    fn window_end(&self) -> Seq {
        self.next.saturating_add(self.width)
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;

    use super::*;
    use crate::rounds::{rounds, unless_interpreted};

    fn window(start: Seq, capacity: usize) -> Window {
        Window::new(SequencerOptions::new().start(start).capacity(capacity)).unwrap()
    }

    fn all(window: &mut Window) -> Vec<Seq> {
        core::iter::from_fn(|| window.pop()).collect()
    }

    #[test]
    fn the_missing_one_is_admitted_to_a_full_window() {
        for capacity in [1, 2, 63, 64, 65, 100, 128] {
            let mut w = window(0, capacity);
            for seq in 1..capacity as u64 {
                assert_eq!(w.insert(seq), Insert::Held);
            }
            assert_eq!(w.insert(capacity as u64), Insert::TooFar);
            assert_eq!(w.insert(0), Insert::Ready);
            assert_eq!(w.expected(), capacity as u64, "capacity {capacity}");
            assert_eq!(all(&mut w), (0..capacity as u64).collect::<Vec<_>>());
        }
    }

    #[test]
    fn ranges_that_are_missing_are_inclusive() {
        let mut w = window(10, 256);
        for seq in [12, 13, 15, 140] {
            assert_eq!(w.insert(seq), Insert::Held);
        }
        assert_eq!(w.missing().collect::<Vec<_>>(), [(10, 11), (14, 14), (16, 139)]);
    }

    #[test]
    fn what_is_given_up_is_late_and_what_is_in_still_leaves() {
        let mut w = window(0, 8);
        assert_eq!((w.insert(2), w.insert(5)), (Insert::Held, Insert::Held));
        w.skip_to(4);
        assert_eq!((w.next(), w.expected()), (2, 4));
        assert_eq!(
            (w.insert(1), w.insert(3), w.insert(2)),
            (Insert::Late, Insert::Late, Insert::Duplicate)
        );
        assert_eq!((w.pop(), w.pop()), (Some(2), None));
        assert_eq!(w.next(), 4);
        assert_eq!(w.insert(4), Insert::Ready);
        assert_eq!(all(&mut w), [4, 5]);
    }

    #[test]
    fn a_skip_beyond_the_window_keeps_what_is_in() {
        let mut w = window(0, 4);
        assert_eq!(w.insert(3), Insert::Held);
        w.skip_to(1_000_000);
        assert_eq!(w.insert(5), Insert::Late);
        assert_eq!(w.insert(1_000_000), Insert::TooFar);
        assert_eq!(all(&mut w), [3]);
        assert_eq!(w.next(), 1_000_000);
        assert_eq!(w.insert(1_000_000), Insert::Ready);
    }

    #[test]
    fn a_restart_forgets_what_was_in() {
        for capacity in [1, 8, 64] {
            let mut w = window(1_000, capacity);
            assert_eq!(w.insert(1_000), Insert::Ready);
            w.restart(62, 5);
            assert_eq!((w.next(), w.expected(), w.len()), (62, 67, 5));
            assert_eq!(w.insert(62), Insert::Duplicate);
            assert_eq!(w.missing().count(), 0);
            assert_eq!(all(&mut w), [62, 63, 64, 65, 66]);
            assert_eq!(w.insert(67), Insert::Ready);
        }
    }

    #[test]
    fn the_ends_of_the_numbers_do_not_overflow() {
        let mut w = window(u64::MAX - 2, 64);
        assert_eq!(w.insert(u64::MAX - 1), Insert::Held);
        assert_eq!(w.insert(u64::MAX), Insert::TooFar);
        assert_eq!(w.insert(u64::MAX - 2), Insert::Ready);
        assert_eq!(all(&mut w), [u64::MAX - 2, u64::MAX - 1]);
        w.skip_to(u64::MAX);
        assert_eq!(w.insert(u64::MAX), Insert::TooFar);
        assert_eq!(w.missing().count(), 0);
    }

    /// The rules as sets: `in_` arrived and not left, `gone` left or given up.
    struct Model {
        in_: BTreeSet<Seq>,
        next: Seq,
        expected: Seq,
        capacity: u64,
    }

    impl Model {
        fn settle(&mut self) {
            while self.in_.contains(&self.expected) {
                self.expected += 1;
            }
            while self.next < self.expected && !self.in_.contains(&self.next) {
                self.next += 1;
            }
        }

        fn insert(&mut self, seq: Seq) -> Insert {
            let said = if self.in_.contains(&seq) {
                Insert::Duplicate
            } else if seq < self.expected {
                Insert::Late
            } else if seq >= self.next + self.capacity {
                Insert::TooFar
            } else if seq == self.expected {
                Insert::Ready
            } else {
                Insert::Held
            };
            if matches!(said, Insert::Ready | Insert::Held) {
                self.in_.insert(seq);
                self.settle();
            }
            said
        }
    }

    #[test]
    fn random_steps_agree_with_sets() {
        let mut lots = 0x2545_F491_4F6C_DD1D_u64;
        let mut draw = move |below: u64| {
            lots ^= lots << 13;
            lots ^= lots >> 7;
            lots ^= lots << 17;
            lots % below
        };
        for round in 0..rounds(200) as usize {
            let capacity = [1, 3, 8, 64, 70, 128][round % 6];
            let start = draw(100);
            let mut w = window(start, capacity as usize);
            let mut m = Model { in_: BTreeSet::new(), next: start, expected: start, capacity };
            for _ in 0..unless_interpreted(400, 60) {
                let capacity = m.capacity;
                match draw(20) {
                    0 if draw(3) == 0 => {
                        // wider and narrower than what is in
                        m.capacity = 1 + draw(300);
                        w.set_capacity(m.capacity as usize);
                    }
                    0 => {
                        let to = m.next + draw(capacity + 4);
                        w.skip_to(to);
                        m.expected = m.expected.max(to);
                        m.settle();
                    }
                    1..=6 => {
                        let popped = (m.next < m.expected).then_some(m.next);
                        if let Some(seq) = popped {
                            m.in_.remove(&seq);
                            m.next += 1;
                            m.settle();
                        }
                        assert_eq!(w.pop(), popped);
                    }
                    7..=9 => {
                        let seq = m.next + draw(capacity);
                        let leaves = seq < m.expected && m.in_.remove(&seq);
                        m.settle();
                        assert_eq!(w.leave(seq), leaves);
                    }
                    _ => {
                        let seq = (m.next + draw(capacity + 3)).saturating_sub(draw(4));
                        assert_eq!(w.insert(seq), m.insert(seq));
                    }
                }
                assert_eq!((w.next(), w.expected(), w.len()), (m.next, m.expected, m.in_.len()));
                let held = m.in_.last().copied().unwrap_or(0);
                let missing: Vec<Seq> =
                    (m.expected..held.max(m.expected)).filter(|n| !m.in_.contains(n)).collect();
                assert_eq!(w.missing().flat_map(|(a, b)| a..=b).collect::<Vec<_>>(), missing);
            }
        }
    }
}
