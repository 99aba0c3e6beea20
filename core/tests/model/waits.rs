//! How long is waited before the next attempt, from the rules.

use std::time::Duration;

use inorder::Seq;

use crate::config::Retrying;

/// What is waited before a hand-over is tried again.
const HAND_OVER: Retrying =
    Retrying { attempts: 0, initial: 100_000, maximum: 30_000_000, multiplier: 4, seed: None };

impl Retrying {
    /// The wait before the n-th run that counts, which is the run of this number.
    pub(crate) fn wait(&self, seq: Seq, nth: u32, run: u32) -> Duration {
        let mut bound = self.initial.min(self.maximum);
        for _ in 2..nth {
            bound = (bound * (self.multiplier * 500) / 1_000).min(self.maximum);
        }
        let Some(seed) = self.seed else { return Duration::from_micros(bound) };
        let draw = u128::from(mixed(mixed(seed ^ seq) ^ u64::from(run)));
        Duration::from_micros((((u128::from(bound) + 1) * draw) >> 64) as u64)
    }

    /// The wait after so many attempts to hand over.
    pub(crate) fn hand_over(tried: u32) -> Duration {
        HAND_OVER.wait(0, tried + 1, 0)
    }
}

/// One step of SplitMix64.
pub(crate) fn mixed(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
