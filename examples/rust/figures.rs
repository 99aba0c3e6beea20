//! What is counted, the same in every language: what started too early, what came out too late, what was held.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// When each item started, ended and came out, as positions in one sequence of events.
///
/// Positions, not times: two things that happen at one instant still have an order.
pub(crate) struct Log {
    events: Mutex<Events>,
    progress: Box<dyn Fn(usize) + Send + Sync>,
}

#[derive(Default)]
struct Events {
    count: usize,
    starts: Vec<usize>,
    ends: Vec<usize>,
    ended: usize,
    out: Vec<usize>,
    peak_held: usize,
}

impl Log {
    /// A log of `count` items.
    pub(crate) fn new(count: usize) -> Self {
        Self::with_progress(count, |_| ())
    }

    /// Calls `progress` with the number of those that came out, at each.
    pub(crate) fn with_progress(
        count: usize,
        progress: impl Fn(usize) + Send + Sync + 'static,
    ) -> Self {
        let events = Events { starts: vec![0; count], ends: vec![0; count], ..Events::default() };
        Self { events: Mutex::new(events), progress: Box::new(progress) }
    }

    pub(crate) fn started(&self, index: usize) {
        let mut events = self.events();
        events.count += 1;
        events.starts[index] = events.count;
    }

    pub(crate) fn ended(&self, index: usize) {
        let mut events = self.events();
        // Before this one is counted: what is held then had time to come out, and could not.
        events.peak_held = events.peak_held.max(events.ended - events.out.len());
        events.count += 1;
        events.ended += 1;
        events.ends[index] = events.count;
    }

    pub(crate) fn came_out(&self, index: usize) {
        let mut events = self.events();
        events.out.push(index);
        let out = events.out.len();
        drop(events);
        (self.progress)(out);
    }

    /// Items that started before an earlier one of the same key had ended.
    ///
    /// An item whose key is `None` has no earlier one.
    pub(crate) fn overlaps<K: Eq + Hash>(&self, keys: impl Iterator<Item = Option<K>>) -> usize {
        let events = self.events();
        let (mut count, mut latest_end) = (0, HashMap::new());
        for ((start, end), key) in events.starts.iter().zip(&events.ends).zip(keys) {
            let Some(key) = key else { continue };
            let latest = latest_end.entry(key).or_insert(0);
            count += usize::from(start < latest);
            *latest = (*latest).max(*end);
        }
        count
    }

    /// Items that came out after a later one.
    pub(crate) fn inversions(&self) -> usize {
        let events = self.events();
        let (mut count, mut highest) = (0, 0);
        for index in &events.out {
            count += usize::from(*index < highest);
            highest = highest.max(*index);
        }
        count
    }

    /// How many came out.
    pub(crate) fn out(&self) -> usize {
        self.events().out.len()
    }

    /// How many had ended and could not come out yet, at most.
    pub(crate) fn peak_held(&self) -> usize {
        self.events().peak_held
    }

    fn events(&self) -> MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
