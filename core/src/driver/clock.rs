//! Time, as a driver reads it.

use std::future::{Pending, pending};
use std::pin::Pin;
use std::task::Context;

use crate::Time;

/// A clock, and a timer by it: all that a time limit or a retry needs of its host.
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
    const HAS_TIME: bool;

    #[doc(hidden)]
    type Sleep: Future<Output = ()>;

    #[doc(hidden)]
    fn time(&self) -> Time;

    #[doc(hidden)]
    fn sleep(&self, deadline: Time) -> Self::Sleep;
}

impl<C: Clock> MaybeClock for C {
    const HAS_TIME: bool = true;

    type Sleep = C::Sleep;

    fn time(&self) -> Time {
        self.now()
    }

    fn sleep(&self, deadline: Time) -> C::Sleep {
        self.sleep_until(deadline)
    }
}

impl MaybeClock for NoClock {
    const HAS_TIME: bool = false;

    type Sleep = Pending<()>;

    fn time(&self) -> Time {
        Time::default()
    }

    fn sleep(&self, _: Time) -> Pending<()> {
        pending()
    }
}

/// The one timer of a driver.
pub(super) struct Timer<C: MaybeClock> {
    clock: C,
    sleep: Option<(Time, Pin<Box<C::Sleep>>)>,
}

impl<C: MaybeClock> Timer<C> {
    pub(super) fn new(clock: C) -> Self {
        Self { clock, sleep: None }
    }

    #[inline]
    pub(super) fn now(&self) -> Time {
        self.clock.time()
    }

    pub(super) fn is_set(&self) -> bool {
        self.sleep.is_some()
    }

    /// Sets it, or stops it, and says what time it rang for, if it did.
    pub(super) fn poll(&mut self, due: Option<Time>, cx: &mut Context<'_>) -> Option<Time> {
        if self.sleep.as_ref().map(|(time, _)| *time) != due {
            self.sleep = None;
            self.sleep = due.map(|due| (due, Box::pin(self.clock.sleep(due))));
        }
        let (due, sleep) = self.sleep.as_mut()?;
        if sleep.as_mut().poll(cx).is_pending() {
            return None;
        }
        let due = *due;
        self.sleep = None;
        Some(due)
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
