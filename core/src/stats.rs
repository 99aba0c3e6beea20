//! What can be seen from outside: counters, gauges, and what the next release waits for.

use core::time::Duration;

use crate::ids::Seq;

/// Counters since the beginning, and gauges of now.
///
/// Every accepted item ends in exactly one of `ok`, `failed`, `skipped`, `dead_lettered` and `cancelled`. `accepted`
/// less `released` is `in_flight`, which is the sum of `queued`, `running`, `backing_off`, `handing_over`, `held` and
/// `halted`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Stats {
    /// Items accepted.
    pub accepted: u64,
    /// Offers of items that a restored checkpoint has: they were done in an earlier life, and are not accepted.
    pub restored: u64,
    /// Attempts started.
    pub started: u64,
    /// Attempts started that were not the first of their item.
    pub retried: u64,
    /// Attempts that were stopped because their time, or that of their item, was over.
    pub timed_out: u64,
    /// Items settled with a result.
    pub ok: u64,
    /// Items that failed for good, and whose failure comes out.
    pub failed: u64,
    /// Items that failed for good and were skipped.
    pub skipped: u64,
    /// Items that failed for good and were handed over.
    pub dead_lettered: u64,
    /// Items settled without a result: cancelled, behind a failure, or left when the dispatcher was stopped.
    pub cancelled: u64,
    /// Items that left the release order, however they ended.
    pub released: u64,
    /// Attempts that ended after their outcome had been fixed.
    pub ignored: u64,
    /// Offers turned away for want of room.
    pub refused: u64,
    /// Offers with a number that was released or given up.
    pub late: u64,
    /// Offers with a number that was accepted and not released.
    pub duplicate: u64,
    /// Commands for an old handle or attempt.
    pub stale: u64,
    /// Numbers that were given up.
    pub lost: u64,
    /// Items that wait to be started.
    pub queued: u64,
    /// Items whose handler runs.
    pub running: u64,
    /// Items that wait to be tried again.
    pub backing_off: u64,
    /// Items that failed for good and are being handed over.
    pub handing_over: u64,
    /// Items settled and not released.
    pub held: u64,
    /// Items that failed for good and hold their key.
    pub halted: u64,
    /// Items accepted and not released.
    pub in_flight: u64,
    /// The most attempts that may run at once.
    pub concurrency: u64,
    /// The most items of a source that may be in flight.
    pub capacity: u64,
    /// How long the head of a release order is waited for, the longest of all sources, as
    /// [`Blocked::age`]; 0 when nothing is in flight. Microseconds in serialised form.
    #[cfg_attr(feature = "serde", serde(serialize_with = "micros"))]
    pub oldest_age: Duration,
}

/// What the next release of a source waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Blocked {
    /// The head of the release order: the oldest item in flight, or the number that is missing.
    pub seq: Seq,
    /// The number of its last attempt; 0 where none started.
    pub attempt: u32,
    /// Since it was accepted; of a missing number since something was first beyond it. Microseconds in serialised
    /// form.
    #[cfg_attr(feature = "serde", serde(serialize_with = "micros"))]
    pub age: Duration,
    /// How many accepted items are behind it.
    pub waiting: u64,
    /// What it is in.
    pub state: BlockedState,
    /// How long until the next time limit, retry or hand-over of it; of a missing number until it is given up. `None`
    /// where nothing is due. Microseconds in serialised form.
    #[cfg_attr(feature = "serde", serde(serialize_with = "micros_or_none"))]
    pub next_deadline: Option<Duration>,
}

/// What the head of a release order is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum BlockedState {
    /// It waits to be started.
    Queued,
    /// Its handler runs.
    Running,
    /// It waits to be tried again.
    BackingOff,
    /// It failed for good and is being handed over.
    HandingOver,
    /// It failed for good and holds its key.
    Halted,
    /// It waits to be started, and nothing is started now.
    Paused,
    /// It has not arrived.
    Missing,
    /// It is settled, or was given up, and not taken yet or not given back.
    Untaken,
}

impl BlockedState {
    /// The name that all languages use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::BackingOff => "backing_off",
            Self::HandingOver => "handing_over",
            Self::Halted => "halted",
            Self::Paused => "paused",
            Self::Missing => "missing",
            Self::Untaken => "untaken",
        }
    }
}

#[cfg(feature = "serde")]
fn micros_or_none<S: serde::Serializer>(
    left: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match left {
        Some(left) => micros(left, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(feature = "serde")]
fn micros<S: serde::Serializer>(age: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(age.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(all(test, feature = "serde"))]
mod tests {
    use super::*;

    #[test]
    fn times_are_whole_microseconds_and_states_are_in_snake_case() {
        let mut blocked = Blocked {
            seq: 7,
            attempt: 2,
            age: Duration::from_millis(3),
            waiting: 1,
            state: BlockedState::BackingOff,
            next_deadline: Some(Duration::from_nanos(5_999)),
        };
        let said = |blocked: &Blocked| serde_json::to_value(blocked).unwrap();
        assert_eq!(
            said(&blocked),
            serde_json::json!({
                "seq": 7, "attempt": 2, "age": 3_000, "waiting": 1, "state": "backing_off", "next_deadline": 5,
            })
        );
        blocked.next_deadline = None;
        assert!(said(&blocked)["next_deadline"].is_null());
        let stats = Stats { oldest_age: Duration::from_secs(1), ..Stats::default() };
        assert_eq!(serde_json::to_value(stats).unwrap()["oldest_age"], 1_000_000);
    }
}
