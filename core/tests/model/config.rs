//! How a dispatcher of the tests is set up, for the dispatcher and for the model.

use std::time::Duration;

use inorder::{OnFailure, Options, Retry};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) concurrency: usize,
    pub(crate) capacity: usize,
    pub(crate) ordered: bool,
    pub(crate) policy: OnFailure,
    pub(crate) policy_without_lane: OnFailure,
    pub(crate) retry: Option<Retrying>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) total_timeout: Option<Duration>,
}

/// Times in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retrying {
    pub(crate) attempts: u32,
    pub(crate) initial: u64,
    pub(crate) maximum: u64,
    /// In halves.
    pub(crate) multiplier: u64,
    pub(crate) seed: Option<u64>,
}

impl Config {
    pub(crate) fn options(&self) -> Options {
        let mut options = Options::new()
            .concurrency(self.concurrency)
            .capacity(self.capacity)
            .ordered(self.ordered)
            .on_failure(self.policy)
            .on_failure_or(self.policy_without_lane);
        if let Some(retrying) = self.retry {
            let retry = Retry::new(retrying.attempts)
                .initial(Duration::from_micros(retrying.initial))
                .maximum(Duration::from_micros(retrying.maximum))
                .multiplier(retrying.multiplier as f64 / 2.0)
                .jitter(retrying.seed.is_some())
                .seed(retrying.seed.unwrap_or(0));
            options = options.retry(retry);
        }
        if let Some(timeout) = self.timeout {
            options = options.timeout(timeout);
        }
        if let Some(timeout) = self.total_timeout {
            options = options.total_timeout(timeout);
        }
        options
    }
}
