//! Hints to the compiler: what is rare is laid out aside, so that the ordinary way runs straight through.

/// A condition that rarely holds.
#[inline(always)]
pub(crate) fn rarely(condition: bool) -> bool {
    if condition {
        rare();
    }
    condition
}

/// A branch that calls it counts as one that is rarely taken.
#[cold]
#[inline]
pub(crate) fn rare() {}
