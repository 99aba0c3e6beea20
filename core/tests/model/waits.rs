//! How long is waited before the next attempt, from the rules.

use std::time::Duration;

use inorder::Seq;

use crate::config::Retrying;
use crate::lots::mixed;

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
