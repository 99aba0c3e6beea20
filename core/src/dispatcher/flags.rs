//! What is unusual about a source: one look tells that there is nothing to look at.

/// One thing that is not so with most sources at most times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flag {
    /// No more comes.
    Ended = 1,
    /// An offer was refused since the last event that says there is room.
    Starved = 2,
    /// The caller gives the numbers, or some that are still to come were restored.
    Numbered = 4,
    /// Unordered, a result is lent.
    Lent = 8,
}

/// A set of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags(u8);

impl Flags {
    #[inline]
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[inline]
    pub(super) fn has(self, flag: Flag) -> bool {
        self.0 & flag as u8 != 0
    }

    #[inline]
    pub(super) fn has_either(self, flag: Flag, other: Flag) -> bool {
        self.0 & (flag as u8 | other as u8) != 0
    }

    pub(super) fn set(&mut self, flag: Flag, on: bool) {
        self.0 = self.0 & !(flag as u8) | if on { flag as u8 } else { 0 };
    }

    /// Takes a flag away, if it is there.
    pub(super) fn take(&mut self, flag: Flag) -> bool {
        let had = self.has(flag);
        self.set(flag, false);
        had
    }
}
