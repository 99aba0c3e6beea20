//! Timers: time limits of constant length, one list each, and alarms at any time.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use crate::ids::Seq;
use crate::slots::NIL;
use crate::time::{Time, whole_micros};

/// A time limit that is the same for all items: what was armed first is due first, so that a list will do and every
/// call is O(1). (A heap with lazy deletion keeps what has long ended, until its time comes.)
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    micros: u64,
    head: u32,
    tail: u32,
    /// By slot.
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    prev: u32,
    next: u32,
    due: Option<Time>,
}

impl Limit {
    pub(crate) fn new(span: Duration) -> Self {
        Self { micros: whole_micros(span), head: NIL, tail: NIL, entries: Vec::new() }
    }

    /// When the time of a slot is over; `None` where it is not armed.
    pub(crate) fn due(&self, slot: u32) -> Option<Time> {
        self.entries.get(slot as usize)?.due
    }

    /// What is due next.
    pub(crate) fn first(&self) -> Option<(Time, u32)> {
        let due = self.entries.get(self.head as usize)?.due?;
        Some((due, self.head))
    }

    /// Starts the time of a slot.
    pub(crate) fn arm(&mut self, slot: u32, now: Time) {
        self.disarm(slot);
        let index = slot as usize;
        if index >= self.entries.len() {
            self.entries.resize(index + 1, Entry { prev: NIL, next: NIL, due: None });
        }
        let prev = core::mem::replace(&mut self.tail, slot);
        self.entries[index] = Entry { prev, next: NIL, due: Some(now.plus(self.micros)) };
        match self.entries.get_mut(prev as usize) {
            Some(entry) => entry.next = slot,
            None => self.head = slot,
        }
    }

    /// Stops the time of a slot, if it runs.
    pub(crate) fn disarm(&mut self, slot: u32) {
        let Some(entry) = self.entries.get_mut(slot as usize) else { return };
        if entry.due.take().is_none() {
            return;
        }
        let (prev, next) = (entry.prev, entry.next);
        match self.entries.get_mut(prev as usize) {
            Some(entry) => entry.next = next,
            None => self.head = next,
        }
        match self.entries.get_mut(next as usize) {
            Some(entry) => entry.prev = prev,
            None => self.tail = prev,
        }
    }
}

/// What an alarm is for. At one instant they go off in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A source that was revoked is waited for no longer.
    Revoke,
    /// The total time of an item is over.
    Total,
    /// The time of an attempt is over.
    Attempt,
    /// A number that is missing is given up, or is an error.
    Gap,
    /// It is told that a number is missing.
    GapWarning,
    /// A hand-over is tried again.
    HandOver,
    /// An item is tried again.
    Retry,
}

/// Something that is due at a time, in the order in which alarms go off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Alarm {
    pub(crate) due: Time,
    pub(crate) kind: Kind,
    pub(crate) source: u32,
    pub(crate) seq: Seq,
    pub(crate) slot: u32,
}

/// Alarms by time. Each is removed exactly, in O(log n).
pub(crate) type Alarms = BTreeSet<Alarm>;

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(limit: &mut Limit) -> Vec<(u64, u32)> {
        core::iter::from_fn(|| {
            let (due, slot) = limit.first()?;
            limit.disarm(slot);
            Some((due.as_micros(), slot))
        })
        .collect()
    }

    #[test]
    fn what_was_armed_first_is_due_first() {
        let mut limit = Limit::new(Duration::from_micros(10));
        for (slot, now) in [(3, 0), (0, 1), (7, 1), (1, 2)] {
            limit.arm(slot, Time::from_micros(now));
        }
        limit.disarm(0);
        limit.disarm(0);
        limit.disarm(100);
        limit.arm(3, Time::from_micros(5));
        assert_eq!((limit.due(0), limit.due(3)), (None, Some(Time::from_micros(15))));
        assert_eq!(rest(&mut limit), [(11, 7), (12, 1), (15, 3)]);
        assert_eq!(limit.first(), None);
        limit.arm(2, Time::from_micros(6));
        assert_eq!(rest(&mut limit), [(16, 2)]);
    }
}
