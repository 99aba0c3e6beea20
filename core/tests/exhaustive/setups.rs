//! The spaces that are walked through: which options, and which commands.

use std::fmt;
use std::time::Duration;

use inorder::OnFailure;

use crate::config::{Config, Retrying};

/// The times of all setups are few of these, in microseconds, so that many are due at one instant.
pub(crate) const UNIT: u64 = 100_000;

pub(crate) const POLICIES: [OnFailure; 5] =
    [OnFailure::Fail, OnFailure::Emit, OnFailure::Skip, OnFailure::DeadLetter, OnFailure::HaltKey];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Small,
    Whole,
}

/// Commands beyond offers, ends, results and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extra {
    /// cancel, close
    Stops,
    /// revoke, fence
    Losses,
    /// all of these
    Both,
    /// end, pause, a failed delivery, whether results are taken
    Rest,
}

#[derive(Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) config: Config,
    pub(crate) items: usize,
    pub(crate) depth: usize,
    pub(crate) sources: usize,
    pub(crate) lanes: &'static [Option<u32>],
    pub(crate) extra: Extra,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { concurrency, capacity, ordered, policy, .. } = self.config;
        let Self { items, sources, depth, extra, .. } = self;
        write!(
            f,
            "{policy:?}, {items} items of {sources} sources, concurrency {concurrency}, capacity {capacity}, \
             ordered {ordered}, with {extra:?}, up to {depth} commands"
        )
    }
}

impl Size {
    /// How many items there are, and the most commands in a row.
    fn of(self, extra: Extra) -> (usize, usize) {
        match (self, extra) {
            (Self::Small, Extra::Stops | Extra::Losses | Extra::Both) => (2, 6),
            (Self::Small, Extra::Rest) => (2, 5),
            (Self::Whole, _) => (3, environment("INORDER_EXHAUSTIVE_DEPTH", 12)),
        }
    }

    /// What there is beyond offers, ends, results and time: all at once where there is time for that.
    fn extras(self) -> &'static [Extra] {
        match self {
            Self::Small => &[Extra::Stops, Extra::Losses, Extra::Rest],
            Self::Whole => &[Extra::Both, Extra::Rest],
        }
    }
}

pub(crate) fn environment(name: &str, default: usize) -> usize {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Setups for looking at whether states that are taken for the same are.
pub(crate) fn alike(policy: OnFailure, depth: usize) -> impl Iterator<Item = Setup> {
    let mut setups = of(policy, Size::Whole);
    setups.retain(|setup| setup.config.capacity == 2 && setup.config.concurrency == 2);
    setups.into_iter().map(move |setup| Setup { depth, ..setup })
}

/// All setups of a policy. Three items never exceed a capacity of 3, so that 4 would be the same.
pub(crate) fn of(policy: OnFailure, size: Size) -> Vec<Setup> {
    let capacities: &[usize] = if size == Size::Whole { &[2, 3] } else { &[2] };
    let orders: &[bool] = if size == Size::Whole { &[true, false] } else { &[true] };
    let mut setups = Vec::new();
    for extra in size.extras().iter().copied() {
        for ordered in orders.iter().copied() {
            for concurrency in [1, 2] {
                for capacity in capacities.iter().copied() {
                    let (items, depth) = size.of(extra);
                    let config = config(policy, concurrency, capacity, ordered);
                    let lanes = &[Some(0), Some(1)];
                    setups.push(Setup { config, items, depth, sources: 2, lanes, extra });
                }
            }
        }
    }
    setups
}

fn config(policy: OnFailure, concurrency: usize, capacity: usize, ordered: bool) -> Config {
    let retry = Retrying { attempts: 2, initial: UNIT, maximum: UNIT, multiplier: 2, seed: None };
    let span = |units| Some(Duration::from_micros(units * UNIT));
    Config {
        concurrency,
        capacity,
        ordered,
        policy,
        policy_without_lane: OnFailure::Emit,
        retry: Some(retry),
        timeout: span(2),
        total_timeout: span(4),
    }
}
