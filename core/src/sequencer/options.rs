//! What a sequencer can be told, and what it refuses.

use core::time::Duration;

use crate::ids::Seq;
use crate::options::{DEFAULT_CAPACITY, OptionsError, check_limit, check_span};

/// The window of a [`Sequencer`](crate::Sequencer), and what becomes of numbers that do not come.
///
/// # Examples
/// ```
/// use inorder::{OnGap, SequencerOptions};
///
/// assert!(SequencerOptions::new().start(1).capacity(64).gap(OnGap::Skip).check().is_ok());
/// assert_eq!(
///     SequencerOptions::new().wrap(8).capacity(65).check().unwrap_err().to_string(),
///     "capacity must be from 1 to 64 with wrap 8, not 65",
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct SequencerOptions {
    /// `None`: the first number that is seen.
    pub(crate) start: Option<Seq>,
    capacity: Option<usize>,
    gap: Option<OnGap>,
    pub(super) gap_timeout: Option<Duration>,
    pub(super) gap_warning: Option<Duration>,
    pub(super) restart: OnRestart,
    pub(super) wrap: Option<u32>,
}

/// What becomes of numbers that are missing while later ones are in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnGap {
    /// They are waited for. A number beyond the window is too far.
    #[default]
    Wait,
    /// They are given up after [`gap_timeout`](SequencerOptions::gap_timeout), and as soon as a number comes that is
    /// beyond the window. A late original never comes out.
    Skip,
    /// After [`gap_timeout`](SequencerOptions::gap_timeout) they are an error. A number beyond the window is too far.
    Fail,
}

/// What becomes of a source that counts from anew: five arrivals in a row, `n`, `n + 1` to `n + 4`, all more than the
/// capacity below the next number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnRestart {
    /// They are late, as from a source that delivers again what it has delivered.
    #[default]
    Ignore,
    /// What is held comes out, then it goes on from `n`, those five included.
    Reset,
    /// It is an error.
    Fail,
}

impl Default for SequencerOptions {
    fn default() -> Self {
        Self {
            start: Some(0),
            capacity: None,
            gap: None,
            gap_timeout: None,
            gap_warning: None,
            restart: OnRestart::Ignore,
            wrap: None,
        }
    }
}

impl SequencerOptions {
    /// From 0, with a capacity of 1024, waiting for what is missing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first number: 0 by default.
    pub fn start(mut self, start: Seq) -> Self {
        self.start = Some(start);
        self
    }

    /// The first number is the first that is seen.
    pub fn start_at_first(mut self) -> Self {
        self.start = None;
        self
    }

    /// The window: numbers below the next one to be released plus this are admitted. 1 to 2^20, by default 1024; where
    /// numbers [wrap](Self::wrap) at most a quarter of them, to which the default is lowered.
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = Some(capacity);
        self
    }

    /// What becomes of missing numbers: by default [`OnGap::Wait`], or [`OnGap::Skip`] where there is a
    /// [`gap_timeout`](Self::gap_timeout).
    pub fn gap(mut self, gap: OnGap) -> Self {
        self.gap = Some(gap);
        self
    }

    /// How long the next number is waited for while something beyond it is in: more than 0, rounded to microseconds.
    /// The whole range is given up then, up to the first number that is in.
    pub fn gap_timeout(mut self, timeout: Duration) -> Self {
        self.gap_timeout = Some(timeout);
        self
    }

    /// How long after something came beyond the next number this is told, so that the caller can ask for it again. By
    /// default it is not told; 0: at once, unless it comes at the same instant.
    pub fn gap_warning(mut self, warning: Duration) -> Self {
        self.gap_warning = Some(warning);
        self
    }

    /// The warning where [`gap_warning`](Self::gap_warning) was not called.
    pub fn gap_warning_or(mut self, warning: Duration) -> Self {
        self.gap_warning.get_or_insert(warning);
        self
    }

    /// What becomes of a source that counts from anew.
    pub fn restart(mut self, restart: OnRestart) -> Self {
        self.restart = restart;
        self
    }

    /// After how many bits the numbers wrap to 0: 8, 16 or 32. They are compared by serial number arithmetic (RFC
    /// 1982), and only their lowest bits count.
    pub fn wrap(mut self, bits: u32) -> Self {
        self.wrap = Some(bits);
        self
    }

    /// Looks whether a sequencer can be made of these.
    ///
    /// # Errors
    /// The first option that is out of its bounds.
    pub fn check(&self) -> Result<(), OptionsError> {
        check_limit("capacity", self.effective_capacity())?;
        if let Some(wrap) = self.wrap {
            self.check_wrap(wrap)?;
        }
        check_span("gap_timeout", self.gap_timeout)?;
        if self.gap_timeout.is_some() && self.gap == Some(OnGap::Wait) {
            return Err(OptionsError::Unused { name: "gap_timeout", place: "gap wait" });
        }
        Ok(())
    }

    /// Whether it takes a clock to do what these say.
    #[must_use]
    pub fn has_time_limit(&self) -> bool {
        self.timed_option().is_some()
    }

    /// The option because of which it takes a clock.
    pub(crate) fn timed_option(&self) -> Option<&'static str> {
        let is_warned_later = self.gap_warning.is_some_and(|warning| !warning.is_zero());
        if self.gap_timeout.is_some() {
            Some("gap_timeout")
        } else {
            is_warned_later.then_some("gap_warning")
        }
    }

    /// As [`check`](Self::check), where there is nothing but a start and a capacity.
    pub(crate) fn check_plain(&self) -> Result<(), OptionsError> {
        let given = [
            ("start", self.start.is_none()),
            ("gap", self.gap.is_some()),
            ("gap_timeout", self.gap_timeout.is_some()),
            ("gap_warning", self.gap_warning.is_some()),
            ("restart", self.restart != OnRestart::Ignore),
            ("wrap", self.wrap.is_some()),
        ];
        let place = "a buffer without policy";
        match given.iter().find(|(_, is_given)| *is_given) {
            Some(&(name, _)) => Err(OptionsError::Unused { name, place }),
            None => self.check(),
        }
    }

    /// As [`check`](Self::check), for a source of a dispatcher with a window of so many numbers.
    pub(crate) fn check_source(&self, capacity: usize) -> Result<(), OptionsError> {
        let place = "a source of the dispatcher";
        if self.restart != OnRestart::Ignore {
            return Err(OptionsError::Unused { name: "restart", place });
        }
        match self.capacity {
            Some(_) => Err(OptionsError::Unused { name: "capacity", place }),
            None => self.capacity(capacity).check(),
        }
    }

    /// The largest window that is allowed, where numbers wrap.
    pub(crate) fn most_capacity(&self) -> Option<usize> {
        self.wrap.map(quarter)
    }

    pub(super) fn policy(&self) -> OnGap {
        self.gap.unwrap_or(if self.gap_timeout.is_some() { OnGap::Skip } else { OnGap::Wait })
    }

    pub(crate) fn effective_capacity(&self) -> usize {
        self.capacity.unwrap_or_else(|| {
            self.wrap.map_or(DEFAULT_CAPACITY, |bits| DEFAULT_CAPACITY.min(quarter(bits)))
        })
    }

    fn check_wrap(&self, wrap: u32) -> Result<(), OptionsError> {
        if !matches!(wrap, 8 | 16 | 32) {
            return Err(OptionsError::Wrap { bits: wrap });
        }
        let (capacity, most) = (self.effective_capacity() as u64, quarter(wrap) as u64);
        if capacity > most {
            let (name, value) = ("capacity", capacity);
            return Err(OptionsError::BeyondWrap { name, value, least: 1, most, wrap });
        }
        let most = (1 << wrap) - 1;
        match self.start {
            Some(value) if value > most => {
                Err(OptionsError::BeyondWrap { name: "start", value, least: 0, most, wrap })
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// A quarter of the numbers of so many bits.
fn quarter(bits: u32) -> usize {
    1 << (bits.clamp(2, 32) - 2)
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};

    use super::*;

    fn text(options: SequencerOptions) -> String {
        options.check().unwrap_err().to_string()
    }

    #[test]
    fn what_is_out_of_its_bounds_is_named_with_what_is_allowed() {
        let options = SequencerOptions::new();
        assert_eq!(text(options.capacity(0)), "capacity must be from 1 to 1048576, not 0");
        assert_eq!(text(options.wrap(12)), "wrap must be 8, 16 or 32, not 12");
        assert_eq!(text(options.wrap(0)), "wrap must be 8, 16 or 32, not 0");
        assert_eq!(text(options.wrap(u32::MAX)), "wrap must be 8, 16 or 32, not 4294967295");
        assert_eq!(
            text(options.wrap(16).capacity(16_385)),
            "capacity must be from 1 to 16384 with wrap 16, not 16385"
        );
        assert_eq!(
            text(options.wrap(8).start(256)),
            "start must be from 0 to 255 with wrap 8, not 256"
        );
        assert_eq!(
            text(options.gap_timeout(Duration::ZERO)),
            "gap_timeout must be longer than 0, not 0"
        );
        let waits = options.gap(OnGap::Wait).gap_timeout(Duration::from_secs(1));
        assert_eq!(text(waits), "gap_timeout has no meaning for gap wait");
    }

    #[test]
    fn the_largest_values_are_allowed() {
        let options = SequencerOptions::new();
        for allowed in [
            options.wrap(8).capacity(64).start(255),
            options.wrap(16).capacity(16_384).start(65_535),
            options.wrap(32).capacity(1 << 20).start(u64::from(u32::MAX)),
            options.start(u64::MAX),
            options.gap_warning(Duration::ZERO),
        ] {
            assert_eq!(allowed.check(), Ok(()), "{allowed:?}");
        }
    }

    #[test]
    fn the_default_capacity_is_lowered_to_a_quarter_of_the_numbers() {
        let capacity = |options: SequencerOptions| options.effective_capacity();
        assert_eq!(capacity(SequencerOptions::new()), 1024);
        assert_eq!(capacity(SequencerOptions::new().wrap(8)), 64);
        assert_eq!(capacity(SequencerOptions::new().wrap(16)), 1024);
    }

    #[test]
    fn a_timeout_alone_means_skip() {
        let timeout = Duration::from_millis(1);
        assert_eq!(SequencerOptions::new().policy(), OnGap::Wait);
        assert_eq!(SequencerOptions::new().gap_timeout(timeout).policy(), OnGap::Skip);
        assert_eq!(
            SequencerOptions::new().gap_timeout(timeout).gap(OnGap::Fail).policy(),
            OnGap::Fail
        );
    }

    #[test]
    fn only_what_waits_needs_a_clock() {
        let options = SequencerOptions::new();
        assert!(!options.gap_warning(Duration::ZERO).has_time_limit());
        assert!(options.gap_warning(Duration::from_millis(1)).has_time_limit());
        assert!(options.gap_timeout(Duration::from_millis(1)).has_time_limit());
    }

    #[test]
    fn a_plain_buffer_says_what_it_has_not() {
        let plain = |options: SequencerOptions| options.check_plain().map_err(|e| e.to_string());
        let options = SequencerOptions::new();
        assert_eq!(plain(options.start(7).capacity(9)), Ok(()));
        let no =
            |name: &str| Err(alloc::format!("{name} has no meaning for a buffer without policy"));
        assert_eq!(plain(options.wrap(16)), no("wrap"));
        assert_eq!(plain(options.start_at_first()), no("start"));
        assert_eq!(plain(options.gap(OnGap::Skip)), no("gap"));
        assert_eq!(plain(options.restart(OnRestart::Reset)), no("restart"));
        assert_eq!(plain(options.gap_warning(Duration::ZERO)), no("gap_warning"));
        assert_eq!(
            plain(options.capacity(0)),
            Err("capacity must be from 1 to 1048576, not 0".into())
        );
    }
}
