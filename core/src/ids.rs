//! The numbers that cross the API, each of a type of its own.

use core::fmt;
use core::num::NonZeroU64;

/// The number of bits of a slot number, and so the binary logarithm of [`MAX_ITEMS`].
const SLOT_BITS: u32 = 20;

/// The bits of a handle: of the slot, and of the 32 of the epoch.
const HANDLE_MASK: u64 = (1 << (SLOT_BITS + 32)) - 1;

/// The most items that all sources of a dispatcher hold together, and the largest limit there can be: 2^20.
pub const MAX_ITEMS: usize = 1 << SLOT_BITS;

/// An item's position in its source: assigned on acceptance, or given by the caller where the source is sequenced.
///
/// A plain number, because callers count with it.
pub type Seq = u64;

/// The place of an item in the arrays of a driver: below [`MAX_ITEMS`], and used again once the item has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub(crate) u32);

impl Slot {
    /// The number as an index.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// An accepted item: its slot, and how often that slot had been used before.
///
/// A handle kept longer than its item is *stale*: commands that get one change nothing but a counter. Its bits are
/// exact in an `f64`: 20 of the slot, and 32 of the epoch above them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(NonZeroU64);

impl Handle {
    /// Set in each, so that an `Option` of one takes no more room and fits a register.
    const MARK: u64 = 1 << 63;

    #[inline]
    pub(crate) const fn new(slot: u32, epoch: u32) -> Self {
        Self::marked(((epoch as u64) << SLOT_BITS) | slot as u64)
    }

    /// The handle with these bits. Bits that no dispatcher gave make a stale handle, and no error.
    #[inline]
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        if bits <= HANDLE_MASK { Self::marked(bits) } else { Self(NonZeroU64::MAX) }
    }

    /// The bits: below 2^52.
    #[inline]
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0.get() & !Self::MARK
    }

    /// The slot: the index of the item's payload in the arrays of the driver.
    #[inline]
    #[must_use]
    pub const fn slot(self) -> Slot {
        Slot(self.0.get() as u32 & (MAX_ITEMS as u32 - 1))
    }

    /// The handle of the next item in the same slot.
    #[inline]
    pub(crate) const fn next(self) -> Self {
        Self::marked((self.0.get() + (1 << SLOT_BITS)) & HANDLE_MASK)
    }

    #[inline]
    const fn marked(bits: u64) -> Self {
        match NonZeroU64::new(bits | Self::MARK) {
            Some(marked) => Self(marked),
            None => unreachable!(),
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.to_bits()).finish()
    }
}

/// The items that share a key: a number by which the host knows the key, below [`MAX_ITEMS`].
///
/// The host gives a number to a key when its first item comes, and may give it to another key after
/// [`Event::LaneIdle`](crate::Event::LaneIdle).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane(u32);

impl Lane {
    /// A lane; `None` where the number is [`MAX_ITEMS`] or more.
    #[inline]
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if (number as usize) < MAX_ITEMS { Some(Self(number)) } else { None }
    }

    /// The number.
    #[inline]
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// Where items come from: one stream, one processor, one partition.
///
/// Like a [`Handle`] it goes stale when its source is drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(u64);

impl Source {
    /// No source: no bits make it.
    pub(crate) const NONE: Self = Self(u64::MAX);

    pub(crate) const fn new(index: u32, epoch: u32) -> Self {
        Self(((epoch as u64) << SLOT_BITS) | index as u64)
    }

    /// The source with these bits, as [`Handle::from_bits`].
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits & HANDLE_MASK)
    }

    /// The bits: below 2^52.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    #[inline]
    pub(crate) const fn index(self) -> u32 {
        self.0 as u32 & (MAX_ITEMS as u32 - 1)
    }
}

/// An id that a [`Watermark`](crate::Watermark) received: which it was of all that it ever received.
///
/// One of an earlier generation is stale: completing it changes nothing but a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(u64);

impl Mark {
    /// The mark with these bits. Bits that no watermark gave make a stale mark, and no error.
    #[inline]
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits: how many ids were received before it.
    #[inline]
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_exact_in_a_double() {
        let handle = Handle::new(MAX_ITEMS as u32 - 1, u32::MAX);
        assert_eq!((handle.to_bits() as f64) as u64, handle.to_bits());
        assert_eq!(handle.slot().index(), MAX_ITEMS - 1);
        assert_eq!(handle.next(), Handle::new(MAX_ITEMS as u32 - 1, 0));
    }

    #[test]
    fn lane_numbers_are_bounded() {
        assert!(Lane::new(MAX_ITEMS as u32 - 1).is_some());
        assert!(Lane::new(MAX_ITEMS as u32).is_none());
    }
}
