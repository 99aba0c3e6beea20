//! Retry: how many attempts an item gets, and how long it waits before the next.

use core::time::Duration;

use crate::ids::Seq;
use crate::options::{OptionsError, check_span};
use crate::outcome::HAND_OVERS;
use crate::time::whole_micros;

/// The waits before a hand-over is tried again.
pub(crate) const HAND_OVER: Retry = Retry {
    attempts: HAND_OVERS,
    initial: Duration::from_millis(100),
    maximum: Duration::from_secs(30),
    multiplier: 2.0_f64.to_bits(),
    jitter: false,
    seed: None,
};

/// How often an item is tried, and how long it waits in between: exponential backoff with full jitter.
///
/// The wait before the second attempt is at most [`initial`](Self::initial), and before each further one at most the
/// [`multiplier`](Self::multiplier) times as long, up to [`maximum`](Self::maximum). With jitter (the default) it is
/// drawn evenly from 0 to that bound; see Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
/// The draw is a hash of the seed, the position and the number of the attempt, so that the same seed gives the same
/// waits in all languages.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use inorder::Retry;
///
/// let retry = Retry::new(3).initial(Duration::from_millis(200)).jitter(false);
/// assert!(retry.check().is_ok());
/// assert_eq!(
///     Retry::new(0).check().unwrap_err().to_string(),
///     "retry.attempts must be from 1 to 2147483647, not 0",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Retry {
    attempts: u32,
    initial: Duration,
    maximum: Duration,
    /// Its bits, which can be compared.
    multiplier: u64,
    jitter: bool,
    seed: Option<u64>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 5,
            initial: Duration::from_millis(100),
            maximum: Duration::from_secs(30),
            multiplier: 2.0_f64.to_bits(),
            jitter: true,
            seed: None,
        }
    }
}

impl Retry {
    /// So many attempts at most, the first included: 0.1 s before the second, doubling to 30 s, with jitter.
    pub fn new(attempts: u32) -> Self {
        Self { attempts, ..Self::default() }
    }

    /// The longest wait before the second attempt: 0.1 s by default; 0 is allowed.
    pub fn initial(mut self, initial: Duration) -> Self {
        self.initial = initial;
        self
    }

    /// The longest wait there is: 30 s by default.
    pub fn maximum(mut self, maximum: Duration) -> Self {
        self.maximum = maximum;
        self
    }

    /// How many times longer each wait may be than the one before, rounded to a thousandth: 2 by default.
    pub fn multiplier(mut self, multiplier: f64) -> Self {
        self.multiplier = multiplier.to_bits();
        self
    }

    /// Whether a wait is drawn evenly from 0 to its bound (the default) or is the bound.
    pub fn jitter(mut self, jitter: bool) -> Self {
        self.jitter = jitter;
        self
    }

    /// Makes the draws repeatable. Drivers take the host's entropy where there is none.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The seed that holds where [`seed`](Self::seed) was not called.
    pub fn seed_or(mut self, seed: u64) -> Self {
        self.seed.get_or_insert(seed);
        self
    }

    /// Looks whether these make sense.
    ///
    /// # Errors
    /// The first value that is out of its bounds.
    pub fn check(&self) -> Result<(), OptionsError> {
        let most = HAND_OVERS - 1;
        if !(1..=most).contains(&self.attempts) {
            let error = OptionsError::Range {
                name: "retry.attempts",
                value: self.attempts.into(),
                least: 1,
                most: most.into(),
            };
            return Err(error);
        }
        check_span("retry.maximum", Some(self.maximum))?;
        if self.thousandths() == 0 || f64::from_bits(self.multiplier).is_infinite() {
            return Err(OptionsError::Multiplier { bits: self.multiplier });
        }
        Ok(())
    }

    /// Whether an item that was tried so often is tried again.
    pub(crate) fn allows(&self, tried: u32) -> bool {
        tried < self.attempts
    }

    /// Microseconds before a run, which is the `nth` (from 2) that its bound counts and has the number `run` in all.
    pub(crate) fn delay(&self, seq: Seq, nth: u32, run: u32) -> u64 {
        let bound = self.bound(nth);
        if !self.jitter {
            return bound;
        }
        let seed = self.seed.unwrap_or(0);
        let draw = split_mix(split_mix(seed ^ seq) ^ u64::from(run));
        (((u128::from(bound) + 1) * u128::from(draw)) >> 64) as u64
    }

    /// The multiplier; 0 where it is no number, or less than half of one thousandth.
    fn thousandths(&self) -> u32 {
        (f64::from_bits(self.multiplier) * 1_000.0 + 0.5) as u32
    }

    fn bound(&self, nth: u32) -> u64 {
        let maximum = whole_micros(self.maximum);
        let mut bound = maximum.min(whole_micros(self.initial));
        for _ in 2..nth {
            let product = u128::from(bound) * u128::from(self.thousandths()) / 1_000;
            let next = u64::try_from(product).map_or(maximum, |next| next.min(maximum));
            if next == bound {
                break;
            }
            bound = next;
        }
        bound
    }
}

/// One step of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
fn split_mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn the_hash_is_split_mix() {
        // the first two outputs of the generator seeded with 1234567, from its reference implementation
        let first = split_mix(1_234_567);
        let second = split_mix(1_234_567_u64.wrapping_add(0x9E37_79B9_7F4A_7C15));
        assert_eq!((first, second), (6_457_827_717_110_365_317, 3_203_168_211_198_807_973));
    }

    #[test]
    fn a_seed_for_want_of_one_changes_nothing_else() {
        let retry = Retry::new(7).initial(Duration::from_millis(3)).seed_or(11);
        assert_eq!((retry.attempts, retry.seed), (7, Some(11)));
        assert_eq!(retry.seed_or(12).seed, Some(11));
    }

    #[test]
    fn bounds_double_up_to_the_maximum() {
        let retry = Retry::new(9).maximum(Duration::from_secs(1)).jitter(false);
        let delays: Vec<u64> = (2..8).map(|n| retry.delay(0, n, n)).collect();
        assert_eq!(delays, [100_000, 200_000, 400_000, 800_000, 1_000_000, 1_000_000]);
        assert_eq!(retry.delay(0, u32::MAX, u32::MAX), 1_000_000);
    }

    #[test]
    fn each_bound_is_rounded_down_before_the_next() {
        let retry = Retry::new(9).initial(Duration::from_micros(3)).multiplier(1.5).jitter(false);
        let delays: Vec<u64> = (2..7).map(|n| retry.delay(0, n, n)).collect();
        assert_eq!(delays, [3, 4, 6, 9, 13]);
        let falling = Retry::new(9).initial(Duration::from_micros(5)).multiplier(0.5).jitter(false);
        assert_eq!([2, 3, 4, 5].map(|n| falling.delay(0, n, n)), [5, 2, 1, 0]);
    }

    #[test]
    fn jitter_stays_within_the_bound_and_spreads() {
        let retry = Retry::new(9).seed(7);
        let draws: Vec<u64> = (0..2_000).map(|seq| retry.delay(seq, 2, 2)).collect();
        assert!(draws.iter().all(|delay| *delay <= 100_000));
        let mean = draws.iter().sum::<u64>() / 2_000;
        assert!((48_000..52_000).contains(&mean), "{mean}");
        assert_ne!(retry.delay(1, 2, 2), retry.delay(1, 3, 3) / 2);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let text = |retry: Retry| retry.check().unwrap_err().to_string();
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 0.000_4] {
            let named = text(Retry::new(2).multiplier(bad));
            assert!(named.ends_with(&bad.to_string()), "{named}");
        }
        assert_eq!(
            text(Retry::new(2).maximum(Duration::ZERO)),
            "retry.maximum must be longer than 0, not 0"
        );
        assert!(Retry::new(2).initial(Duration::ZERO).check().is_ok());
    }
}
