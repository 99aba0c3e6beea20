//! Time as the core knows it: a number that the driver reads off its clock.

use core::time::Duration;

/// Microseconds since an origin that the caller chose.
///
/// The core never reads a clock; each command takes the time at which it is given. A time earlier than one given
/// before counts as that one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The time so many microseconds after the origin.
    #[inline]
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the origin.
    #[inline]
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The time that long after this one, rounded to the nearest microsecond; the last there is where that overflows.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(whole_micros(span)))
    }

    /// The time so many microseconds after this one; the last there is where that overflows.
    #[must_use]
    pub(crate) const fn plus(self, micros: u64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// Microseconds from an earlier time to this one; 0 where the other is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The nearest number of microseconds, at least one where the span is not empty.
pub(crate) fn whole_micros(span: Duration) -> u64 {
    let nanos = span.as_nanos();
    let micros = (nanos + 500) / 1_000;
    let micros = if nanos > 0 { micros.max(1) } else { 0 };
    u64::try_from(micros).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_rounded_to_the_nearest_microsecond() {
        let after = |nanos| Time::default().after(Duration::from_nanos(nanos)).as_micros();
        assert_eq!([0, 1, 1_499, 1_500].map(after), [0, 1, 1, 2]);
        assert_eq!(Time::from_micros(7).after(Duration::MAX).as_micros(), u64::MAX);
    }
}
