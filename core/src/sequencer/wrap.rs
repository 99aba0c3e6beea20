//! Serial number arithmetic (RFC 1982): which of two numbers of a counter that wraps comes first.

use crate::ids::Seq;

/// How numbers come over the wire: their lowest bits only, or all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wrap {
    mask: u64,
}

/// Where a number is, seen from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// So many after it, or the same.
    Ahead(u64),
    /// So many before it.
    Behind(u64),
}

impl Wrap {
    /// Numbers of so many bits; `None`: that do not wrap.
    pub(super) const fn new(bits: Option<u32>) -> Self {
        Self { mask: if let Some(bits) = bits { (1 << bits) - 1 } else { u64::MAX } }
    }

    /// A number as it comes over the wire.
    #[inline]
    pub(super) const fn wire(self, seq: Seq) -> Seq {
        seq & self.mask
    }

    /// Where a number of the wire is, seen from `from`. Half the numbers away, which the RFC leaves open, it is behind:
    /// what might be late does not come out.
    #[inline]
    pub(super) const fn place(self, wire: Seq, from: Seq) -> Place {
        let is_ahead = if self.mask == u64::MAX {
            wire >= from
        } else {
            wire.wrapping_sub(from) & self.mask <= self.mask / 2
        };
        if is_ahead {
            Place::Ahead(wire.wrapping_sub(from) & self.mask)
        } else {
            Place::Behind(from.wrapping_sub(wire) & self.mask)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_of_8_bits_goes_on_after_its_highest_number() {
        let wrap = Wrap::new(Some(8));
        assert_eq!(wrap.place(0, 255), Place::Ahead(1));
        assert_eq!(wrap.place(255, 256), Place::Behind(1));
        assert_eq!(wrap.place(127, 1_024), Place::Ahead(127));
        assert_eq!(wrap.place(128, 1_024), Place::Behind(128));
        assert_eq!(wrap.place(5, 1_024 + 5), Place::Ahead(0));
        assert_eq!(wrap.wire(1_024 + 5), 5);
    }

    #[test]
    fn numbers_that_do_not_wrap_are_what_they_are() {
        let wrap = Wrap::new(None);
        assert_eq!(wrap.place(u64::MAX, 0), Place::Ahead(u64::MAX));
        assert_eq!(wrap.place(0, u64::MAX), Place::Behind(u64::MAX));
        assert_eq!(wrap.place(7, 7), Place::Ahead(0));
    }
}
