//! Time, as a driver reads it.

use std::future::{Pending, pending};

use crate::Time;

/// A clock, and a timer by it: all that a [`Processor`](super::Processor) needs of its host.
///
/// It must not go backwards. A ready one is `FuturesTimer` (feature `futures-timer`), for any executor, or `TokioTimer`
/// (feature `tokio`).
pub trait Clock {
    /// What [`sleep_until`](Self::sleep_until) returns.
    type Sleep: Future<Output = ()>;

    /// The time: microseconds since an origin of the clock's own choice.
    fn now(&self) -> Time;

    /// Is ready as soon as [`now`](Self::now) is `deadline` or later.
    fn sleep_until(&self, deadline: Time) -> Self::Sleep;
}

/// No clock: ages are 0, and nothing has a time limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoClock;

/// A [`Clock`] or [`NoClock`].
pub trait MaybeClock: sealed::Sealed {
    #[doc(hidden)]
    type Sleep: Future<Output = ()>;

    #[doc(hidden)]
    fn time(&self) -> Time;

    #[doc(hidden)]
    fn sleep(&self, deadline: Time) -> Self::Sleep;
}

impl<C: Clock> MaybeClock for C {
    type Sleep = C::Sleep;

    fn time(&self) -> Time {
        self.now()
    }

    fn sleep(&self, deadline: Time) -> C::Sleep {
        self.sleep_until(deadline)
    }
}

impl MaybeClock for NoClock {
    type Sleep = Pending<()>;

    fn time(&self) -> Time {
        Time::default()
    }

    fn sleep(&self, _: Time) -> Pending<()> {
        pending()
    }
}

mod sealed {
    pub trait Sealed {}
    impl<C: super::Clock> Sealed for C {}
    impl Sealed for super::NoClock {}
}

/// The host's monotonic clock, and the timer of the crate `futures-timer`: for any executor.
///
/// Its origin is the moment it was made; clones have the same.
#[cfg(feature = "futures-timer")]
#[derive(Clone, Copy, Debug)]
pub struct FuturesTimer {
    origin: std::time::Instant,
}

#[cfg(feature = "futures-timer")]
impl FuturesTimer {
    /// A clock that begins now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn new() -> Self {
        Self { origin: std::time::Instant::now() }
    }
}

#[cfg(feature = "futures-timer")]
impl Default for FuturesTimer {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "futures-timer")]
impl Clock for FuturesTimer {
    type Sleep = futures_timer::Delay;

    fn now(&self) -> Time {
        Time::default().after(self.origin.elapsed())
    }

    fn sleep_until(&self, deadline: Time) -> futures_timer::Delay {
        futures_timer::Delay::new(std::time::Duration::from_micros(deadline.since(self.now())))
    }
}

/// The clock and the timer of tokio: also where its time is paused, in tests.
///
/// Its origin is the moment it was made; clones have the same.
#[cfg(feature = "tokio")]
#[derive(Clone, Copy, Debug)]
pub struct TokioTimer {
    origin: tokio::time::Instant,
}

#[cfg(feature = "tokio")]
impl TokioTimer {
    /// A clock that begins now.
    #[must_use]
    pub fn new() -> Self {
        Self { origin: tokio::time::Instant::now() }
    }
}

#[cfg(feature = "tokio")]
impl Default for TokioTimer {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "tokio")]
impl Clock for TokioTimer {
    type Sleep = tokio::time::Sleep;

    fn now(&self) -> Time {
        Time::default().after(self.origin.elapsed())
    }

    /// # Panics
    /// Outside of a tokio runtime with its time enabled.
    fn sleep_until(&self, deadline: Time) -> tokio::time::Sleep {
        tokio::time::sleep_until(
            self.origin + std::time::Duration::from_micros(deadline.as_micros()),
        )
    }
}
