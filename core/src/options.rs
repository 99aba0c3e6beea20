//! What a dispatcher can be told, and what is refused.

use core::fmt;
use core::time::Duration;

use crate::ids::{MAX_ITEMS, Seq};
use crate::retry::Retry;
use crate::sequencer::SequencerOptions;

/// The capacity where none is given and [`Options::concurrency`] does not ask for more.
pub(crate) const DEFAULT_CAPACITY: usize = 1024;

/// How work is run and released.
///
/// # Examples
/// ```
/// use inorder::Options;
///
/// assert!(Options::new().concurrency(64).check().is_ok());
/// assert_eq!(
///     Options::new().concurrency(0).check().unwrap_err().to_string(),
///     "concurrency must be from 1 to 1048576, not 0",
/// );
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    pub(crate) concurrency: usize,
    pub(crate) capacity: Option<usize>,
    pub(crate) ordered: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) total_timeout: Option<Duration>,
    pub(crate) retry: Option<Retry>,
    pub(crate) on_failure: Option<OnFailure>,
    /// What holds where none is given, and for an item without a key where keys are halted.
    pub(crate) on_failure_or: OnFailure,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrency: 1,
            capacity: None,
            ordered: true,
            timeout: None,
            total_timeout: None,
            retry: None,
            on_failure: None,
            on_failure_or: OnFailure::Fail,
        }
    }
}

impl Options {
    /// The defaults: one at a time, a capacity of 1024, in order.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many attempts may run at once: 1 (the default) to 2^20. With 1 the next item starts when this one is
    /// settled.
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// How many items of a source may be accepted and not yet released: at least the concurrency, at most 2^20; by
    /// default 1024, or four times the concurrency where that is more. The more, the less a slow item holds up those
    /// behind it.
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = Some(capacity);
        self
    }

    /// Whether results come out in the order of their items (the default), or as they settle.
    pub fn ordered(mut self, ordered: bool) -> Self {
        self.ordered = ordered;
        self
    }

    /// How long an attempt may take, from its start: no limit by default. One that takes longer is signalled to stop
    /// and has failed; it keeps its slot and its lane until its handler has ended.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long an item may take in all, from its acceptance: no limit by default. It does not hold for a hand-over, nor
    /// while the item's key is halted.
    pub fn total_timeout(mut self, timeout: Duration) -> Self {
        self.total_timeout = Some(timeout);
        self
    }

    /// Tries again what failed: by default nothing is.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// What happens when an item failed for good: by default [`OnFailure::Fail`] for streams and [`OnFailure::Emit`]
    /// for a `Processor`.
    pub fn on_failure(mut self, policy: OnFailure) -> Self {
        self.on_failure = Some(policy);
        self
    }

    /// The policy that holds where [`on_failure`](Self::on_failure) was not called.
    /// Under [`OnFailure::HaltKey`] it holds for items without a key.
    pub fn on_failure_or(mut self, policy: OnFailure) -> Self {
        self.on_failure_or = policy;
        self
    }

    /// The policy that holds.
    pub(crate) fn policy(&self) -> OnFailure {
        self.on_failure.unwrap_or(self.on_failure_or)
    }

    /// Lowers the default capacity to what numbers that wrap allow.
    pub fn fit(mut self, source: &SourceOptions) -> Self {
        let most = source.numbers.and_then(|numbers| numbers.most_capacity());
        if let Some(most) = most.filter(|_| self.capacity.is_none()) {
            self.capacity = Some(self.effective_capacity().min(most));
        }
        self
    }

    /// Looks whether a dispatcher can be made of these.
    ///
    /// # Errors
    /// The first option that is out of its bounds.
    pub fn check(&self) -> Result<(), OptionsError> {
        check_limit("concurrency", self.concurrency)?;
        check_span("timeout", self.timeout)?;
        check_span("total_timeout", self.total_timeout)?;
        if let Some(retry) = &self.retry {
            retry.check()?;
        }
        let Some(capacity) = self.capacity else { return Ok(()) };
        check_limit("capacity", capacity)?;
        if capacity < self.concurrency {
            return Err(OptionsError::CapacityBelowConcurrency {
                capacity,
                concurrency: self.concurrency,
            });
        }
        Ok(())
    }

    /// Looks whether what these need is given.
    #[cfg(feature = "futures")]
    pub(crate) fn check_needs(
        &self,
        has_clock: bool,
        has_copies: bool,
    ) -> Result<(), OptionsError> {
        let needs = |is_missing: bool, name, needs| {
            if is_missing { Err(OptionsError::Needs { name, needs }) } else { Ok(()) }
        };
        let is_handed_over = self.policy() == OnFailure::DeadLetter;
        needs(self.timeout.is_some() && !has_clock, "timeout", "a clock")?;
        needs(self.total_timeout.is_some() && !has_clock, "total_timeout", "a clock")?;
        needs(self.retry.is_some() && !has_copies, "retry", "a way to copy items, as T::clone")?;
        needs(self.retry.is_some() && !has_clock, "retry", "a clock")?;
        needs(is_handed_over && !has_clock, "on_failure: dead_letter", "a clock")
    }

    pub(crate) fn effective_capacity(&self) -> usize {
        self.capacity.unwrap_or_else(|| {
            DEFAULT_CAPACITY.max(self.concurrency.saturating_mul(4).min(MAX_ITEMS))
        })
    }
}

/// What happens when an item failed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnFailure {
    /// Everything before the failed position comes out, the failure comes out exactly there, and nothing after it
    /// does. The position is the lowest that failed: what is before it still starts and comes out, what is after it is
    /// cancelled at once.
    Fail,
    /// The failure takes the place of the result, and the rest goes on.
    Emit,
    /// Nothing comes out of it, and the rest goes on.
    Skip,
    /// It is handed over, outside the concurrency and as often as it takes: at once, then after 0.1 s doubling to 30 s.
    /// Until then it keeps its position, its lane and its unit of capacity. Then nothing comes out of it.
    DeadLetter,
    /// Its lane stops until [`resume_lane`](crate::Dispatcher::resume_lane). It keeps its position and its unit of
    /// capacity, and gives its slot back. For an item without a lane the policy of
    /// [`on_failure_or`](Options::on_failure_or) holds.
    HaltKey,
}

/// What a source is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct SourceOptions {
    pub(crate) keyed: bool,
    pub(crate) numbers: Option<SequencerOptions>,
    pub(crate) acknowledged: bool,
    pub(crate) losses_come_out: bool,
}

impl Default for SourceOptions {
    fn default() -> Self {
        Self { keyed: false, numbers: None, acknowledged: false, losses_come_out: true }
    }
}

impl SourceOptions {
    /// A source without keys that numbers its items from 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether its items have keys: then a stream reads on while there is capacity, to find a key that is free.
    pub fn keyed(mut self, keyed: bool) -> Self {
        self.keyed = keyed;
        self
    }

    /// Whether to tell when an item is completed: [`Event::Completed`](crate::Event::Completed).
    pub fn acknowledged(mut self, acknowledged: bool) -> Self {
        self.acknowledged = acknowledged;
        self
    }

    /// The caller gives the numbers, beginning with this one. What is missing is waited for.
    pub fn sequenced(self, start: Seq) -> Self {
        self.sequenced_with(SequencerOptions::new().start(start))
    }

    /// The caller gives the numbers, and these say what becomes of those that do not come. The window is the capacity of
    /// the dispatcher, so that these have none; and no source starts again.
    pub fn sequenced_with(mut self, numbers: SequencerOptions) -> Self {
        self.numbers = Some(numbers);
        self
    }

    /// Whether numbers that were given up [come out](crate::What::Lost) in their place, as they do by default, or are only
    /// told, by [`Event::Lost`](crate::Event::Lost): for drivers that hand nothing out but results.
    pub fn losses_come_out(mut self, come_out: bool) -> Self {
        self.losses_come_out = come_out;
        self
    }
}

/// An option that is out of its bounds. The text names the value and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionsError {
    /// A limit is not from 1 to 2^20.
    OutOfBounds {
        /// The option.
        name: &'static str,
        /// What it was set to.
        value: usize,
    },
    /// A number is out of its range.
    Range {
        /// The option.
        name: &'static str,
        /// What it was set to.
        value: u64,
        /// The least it may be.
        least: u64,
        /// The most it may be.
        most: u64,
    },
    /// A time is 0.
    NoTime {
        /// The option.
        name: &'static str,
    },
    /// `retry.multiplier` is no number, or too small.
    Multiplier {
        /// The bits of what it was set to.
        bits: u64,
    },
    /// An option has no effect without something else, which was not given.
    Needs {
        /// The option.
        name: &'static str,
        /// What it needs.
        needs: &'static str,
    },
    /// There is less room than may run at once.
    CapacityBelowConcurrency {
        /// The capacity asked for.
        capacity: usize,
        /// The least it may be.
        concurrency: usize,
    },
    /// Something that numbers which wrap do not allow: the window takes at most a quarter of them.
    BeyondWrap {
        /// The option.
        name: &'static str,
        /// What it was set to.
        value: u64,
        /// The least it may be.
        least: u64,
        /// The most it may be.
        most: u64,
        /// The bits of the numbers.
        wrap: u32,
    },
    /// A number of bits after which no counter wraps.
    Wrap {
        /// What it was set to.
        bits: u32,
    },
    /// An option that has no meaning where it was given.
    Unused {
        /// The option.
        name: &'static str,
        /// Where it was given.
        place: &'static str,
    },
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfBounds { name, value } => {
                write!(f, "{name} must be from 1 to {MAX_ITEMS}, not {value}")
            }
            Self::Range { name, value, least, most } => {
                write!(f, "{name} must be from {least} to {most}, not {value}")
            }
            Self::NoTime { name } => write!(f, "{name} must be longer than 0, not 0"),
            Self::Multiplier { bits } => {
                let value = f64::from_bits(*bits);
                write!(f, "retry.multiplier must be a finite number of at least 0.001, not {value}")
            }
            Self::Needs { name, needs } => write!(f, "{name} needs {needs}"),
            Self::CapacityBelowConcurrency { capacity, concurrency } => {
                write!(
                    f,
                    "capacity must be at least the concurrency of {concurrency}, not {capacity}"
                )
            }
            Self::BeyondWrap { name, value, least, most, wrap } => {
                write!(f, "{name} must be from {least} to {most} with wrap {wrap}, not {value}")
            }
            Self::Wrap { bits } => write!(f, "wrap must be 8, 16 or 32, not {bits}"),
            Self::Unused { name, place } => write!(f, "{name} has no meaning for {place}"),
        }
    }
}

impl core::error::Error for OptionsError {}

pub(crate) fn check_limit(name: &'static str, value: usize) -> Result<(), OptionsError> {
    if (1..=MAX_ITEMS).contains(&value) {
        Ok(())
    } else {
        Err(OptionsError::OutOfBounds { name, value })
    }
}

pub(crate) fn check_span(name: &'static str, span: Option<Duration>) -> Result<(), OptionsError> {
    if span.is_some_and(|span| span.is_zero()) {
        Err(OptionsError::NoTime { name })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn capacity_follows_a_large_concurrency() {
        assert_eq!(Options::new().concurrency(256).effective_capacity(), 1024);
        assert_eq!(Options::new().concurrency(257).effective_capacity(), 1028);
        assert_eq!(Options::new().concurrency(MAX_ITEMS).effective_capacity(), MAX_ITEMS);
    }

    #[test]
    fn limits_out_of_bounds_are_named() {
        let text = |options: Options| options.check().unwrap_err().to_string();
        assert_eq!(
            text(Options::new().concurrency(MAX_ITEMS + 1)),
            "concurrency must be from 1 to 1048576, not 1048577"
        );
        assert_eq!(text(Options::new().capacity(0)), "capacity must be from 1 to 1048576, not 0");
        assert_eq!(
            text(Options::new().concurrency(8).capacity(7)),
            "capacity must be at least the concurrency of 8, not 7"
        );
    }

    #[test]
    fn a_policy_that_was_asked_for_is_kept() {
        assert_eq!(Options::new().policy(), OnFailure::Fail);
        assert_eq!(Options::new().on_failure_or(OnFailure::Emit).policy(), OnFailure::Emit);
        let asked = Options::new().on_failure(OnFailure::Fail).on_failure_or(OnFailure::Emit);
        assert_eq!(asked.policy(), OnFailure::Fail);
    }
}
