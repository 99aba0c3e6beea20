//! What a driver, or a broken one, may do next.

use std::fmt;
use std::time::Duration;

use inorder::{OnFailure, OnGap, Outcome, Resume};

use crate::config::{Config, Retrying};
use crate::lots::Lots;
use crate::numbers::Numbering;

/// One command. Items and sources are picked by number from those there are, so that what is left of a run after
/// some of it was dropped still means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Open {
        keyed: bool,
        acknowledged: bool,
        numbering: Option<Numbering>,
    },
    Push {
        source: usize,
        lane: Option<u32>,
        raises: bool,
    },
    PushAt {
        source: usize,
        lane: Option<u32>,
        ahead: u64,
        behind: u64,
        raises: bool,
    },
    Complete {
        running: usize,
        outcome: Outcome,
    },
    Take {
        source: usize,
    },
    Lend {
        source: usize,
    },
    Released {
        lent: usize,
    },
    Undelivered {
        lent: usize,
    },
    Cancel {
        item: usize,
    },
    Reject {
        item: usize,
    },
    /// Anything said of any item that ever was, or of bits that no item ever had.
    Stray {
        handle: Stray,
        attempt: u32,
        command: u8,
    },
    End {
        source: usize,
    },
    Refuse,
    Pause {
        paused: bool,
    },
    Limits {
        concurrency: usize,
        capacity: usize,
    },
    Taking {
        source: usize,
        taking: bool,
    },
    Resume {
        lane: u32,
        how: Resume,
    },
    /// A callback failed, so many numbers after the oldest in flight.
    Stop {
        source: usize,
        ahead: u64,
    },
    Revoke {
        source: usize,
        timeout: Option<u64>,
    },
    Fence {
        source: usize,
    },
    Close {
        timeout: Option<u64>,
    },
    /// The checkpoint of a source is stored.
    Store {
        source: usize,
    },
    /// A source goes on from one that is stored, or what is committed is another.
    Restore {
        source: usize,
        stored: usize,
        skew: bool,
    },
    /// A new dispatcher begins, with nothing but what was stored.
    Crash,
    Timeout,
    /// The time goes on to what is due next.
    Due,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stray {
    Known(usize),
    Bits(u64),
}

/// A command, so many microseconds after the one before; or with a time that long ago.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) after: i64,
    pub(crate) act: Act,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+} {:?}", self.after, self.act)
    }
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// All that is inside comes out.
    Drain,
    Abort,
    /// With its last step.
    Cut,
}

/// A whole run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) config: Config,
    pub(crate) steps: Vec<Step>,
    pub(crate) end: End,
}

pub(crate) const POLICIES: [OnFailure; 5] =
    [OnFailure::Fail, OnFailure::Emit, OnFailure::Skip, OnFailure::DeadLetter, OnFailure::HaltKey];

pub(crate) fn config(lots: &mut Lots) -> Config {
    let concurrency = 1 + lots.below(4) as usize;
    let retrying = Retrying {
        attempts: 1 + lots.below(4) as u32,
        initial: lots.one_of(&[0, 1, 40_000, 100_000]),
        maximum: lots.one_of(&[1, 100_000, 150_000, 30_000_000]),
        multiplier: 1 + lots.below(4),
        seed: lots.one_in(2).then_some(7),
    };
    let micros = Duration::from_micros;
    let spans = [None, None, Some(micros(1)), Some(micros(60_000)), Some(micros(250_000))];
    Config {
        concurrency,
        capacity: concurrency + lots.below(6) as usize,
        ordered: !lots.one_in(3),
        policy: lots.one_of(&POLICIES),
        policy_without_lane: lots.one_of(&POLICIES[..4]),
        retry: lots.one_in(2).then_some(retrying),
        timeout: lots.one_of(&spans),
        total_timeout: lots.one_of(&spans),
    }
}

pub(crate) fn numbering(lots: &mut Lots) -> Numbering {
    let wrap = lots.one_of(&[None, None, Some(8), Some(16)]);
    let last = wrap.map_or(u64::MAX, |bits| (1 << bits) - 1);
    let start = lots.one_of(&[Some(0), Some(7), Some(last - 40), Some(last - 1), None]);
    let spans = [None, Some(1), Some(40_000), Some(100_000)];
    let gap = lots.one_of(&[OnGap::Wait, OnGap::Skip, OnGap::Skip, OnGap::Fail]);
    let timeout = lots.one_of(&spans).filter(|_| gap != OnGap::Wait);
    let warning = lots.one_of(&[None, Some(0), Some(1), Some(40_000)]);
    Numbering { start, gap, timeout, warning, wrap, losses_come_out: !lots.one_in(4) }
}

/// How often which command comes: a run has its own.
pub(crate) struct Mix {
    lanes: u64,
    sequenced: bool,
    /// All sources are acknowledged, and now and then everything but what is stored is lost.
    crashes: bool,
    /// One in so many fails, raises or stops something.
    rough: u64,
    /// So many of the commands that are not rough are offers, ends of attempts, and results that are taken.
    weights: [u64; 3],
}

impl Mix {
    pub(crate) fn new(lots: &mut Lots) -> Self {
        // few failures in some runs, so that they get old, and many in others
        let rough = [5, 10, 60][lots.below(3) as usize];
        let lanes = [0, 1, 3][lots.below(3) as usize];
        let weights = [0; 3].map(|_| 1 + lots.below(6));
        let (sequenced, crashes) = (lots.one_in(2), lots.one_in(3));
        Self { lanes, sequenced, crashes, rough, weights }
    }

    pub(crate) fn first(&self, lots: &mut Lots) -> Vec<Step> {
        (0..1 + lots.below(3)).map(|_| Step { after: 0, act: self.open(lots) }).collect()
    }

    fn open(&self, lots: &mut Lots) -> Act {
        let numbering = self.sequenced.then(|| numbering(lots));
        let acknowledged = self.crashes || lots.one_in(3);
        Act::Open { keyed: lots.one_in(2), acknowledged, numbering }
    }

    pub(crate) fn step(&self, lots: &mut Lots) -> Step {
        let after = match lots.below(16) {
            0 => 250_000,
            1..=3 => lots.below(100_000) as i64,
            4 => -(lots.below(300_000) as i64),
            _ => 0,
        };
        Step { after, act: self.act(lots) }
    }

    fn act(&self, lots: &mut Lots) -> Act {
        if self.crashes && lots.one_in(12) {
            let source = lots.pick();
            return if lots.one_in(6) { Act::Crash } else { Act::Store { source } };
        }
        if lots.one_in(self.rough * 8) {
            return self.rough_act(lots);
        }
        let [offers, ends, takes] = self.weights;
        let source = lots.pick();
        match lots.below(offers + ends + takes + 4) {
            0 => Act::Lend { source },
            1 => Act::Released { lent: lots.pick() },
            2 => Act::Cancel { item: lots.pick() },
            3 if lots.one_in(2) => self.stray(lots),
            3 if lots.one_in(2) => Act::Store { source },
            3 => Act::Due,
            other if other < 4 + offers => self.push(source, lots),
            other if other < 4 + offers + ends => {
                Act::Complete { running: lots.pick(), outcome: self.outcome(lots) }
            }
            _ => Act::Take { source },
        }
    }

    fn rough_act(&self, lots: &mut Lots) -> Act {
        match lots.below(24) {
            19 => Act::Store { source: lots.pick() },
            20..=21 => Act::Restore {
                // the younger ones more often
                source: lots.below(2) as usize * lots.pick(),
                stored: lots.below(4) as usize,
                skew: lots.one_in(8),
            },
            22 => Act::Crash,
            0 => Act::End { source: lots.pick() },
            1 => Act::Close { timeout: lots.one_of(&[None, Some(0), Some(1), Some(200_000)]) },
            2..=4 => self.open(lots),
            5 => Act::Undelivered { lent: lots.pick() },
            6 => Act::Reject { item: lots.pick() },
            7 => Act::Refuse,
            8..=9 => Act::Pause { paused: lots.one_in(2) },
            10 => {
                let concurrency = lots.below(5) as usize;
                Act::Limits { concurrency, capacity: concurrency + lots.below(5) as usize }
            }
            11 => Act::Taking { source: lots.pick(), taking: lots.one_in(2) },
            12..=14 => {
                let how = lots.one_of(&[Resume::Retry, Resume::Skip, Resume::DeadLetter]);
                Act::Resume { lane: lots.below(self.lanes + 1) as u32, how }
            }
            15 => Act::Stop { source: lots.pick(), ahead: lots.below(4) },
            16 => {
                let timeout = lots.one_of(&[None, Some(0), Some(1), Some(100_000)]);
                Act::Revoke { source: lots.pick(), timeout }
            }
            17 => Act::Fence { source: lots.pick() },
            18 => Act::Due,
            _ => Act::Timeout,
        }
    }

    fn stray(&self, lots: &mut Lots) -> Act {
        let handle = match lots.below(4) {
            0 => Stray::Bits(lots.draw() >> lots.below(64)),
            _ => Stray::Known(lots.pick()),
        };
        let attempt = lots.one_of(&[0, 1, 2, 3, (1 << 31) + 1, (1 << 31) + 2]);
        Act::Stray { handle, attempt, command: lots.below(6) as u8 }
    }

    fn push(&self, source: usize, lots: &mut Lots) -> Act {
        let lane = if self.lanes > 0 && !lots.one_in(3) {
            Some(lots.below(self.lanes) as u32)
        } else {
            None
        };
        let raises = lots.one_in(self.rough * 2);
        // now and then the kind that the source does not take
        if self.sequenced != lots.one_in(50) {
            let far = lots.one_of(&[1, 3, 9, 14]);
            let ahead = lots.below(far);
            let behind = if lots.one_in(4) { lots.below(4) } else { 0 };
            return Act::PushAt { source, lane, ahead, behind, raises };
        }
        Act::Push { source, lane, raises }
    }

    fn outcome(&self, lots: &mut Lots) -> Outcome {
        match lots.below(self.rough) {
            0 => Outcome::FAILED,
            1 => Outcome::Cancelled,
            2 => Outcome::RETRY,
            3 => {
                let after = Duration::from_micros(lots.one_of(&[0, 1, 70_000, 200_000]));
                Outcome::Failed { retry: true, after: Some(after) }
            }
            _ => Outcome::Ok,
        }
    }
}
