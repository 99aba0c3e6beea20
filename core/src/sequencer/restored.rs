//! Numbers that were done before: of a checkpoint.

use alloc::vec::Vec;

use crate::ids::Seq;

/// Runs of numbers, both ends inclusive, in rising order and apart from each other.
#[derive(Clone, Debug, Default)]
pub(super) struct Restored {
    runs: Vec<(Seq, Seq)>,
}

impl Restored {
    /// The runs from `start` on, whatever order they come in. The last number there is stays out.
    pub(super) fn new(runs: impl IntoIterator<Item = (Seq, Seq)>, start: Seq) -> Self {
        let mut given: Vec<(Seq, Seq)> = runs
            .into_iter()
            .map(|(first, last)| (first.max(start), last.min(Seq::MAX - 1)))
            .filter(|(first, last)| first <= last)
            .collect();
        given.sort_unstable();
        let mut runs: Vec<(Seq, Seq)> = Vec::with_capacity(given.len());
        for (first, last) in given {
            match runs.last_mut() {
                Some(before) if first <= before.1 + 1 => before.1 = before.1.max(last),
                Some(_) | None => runs.push((first, last)),
            }
        }
        Self { runs }
    }

    /// The end of the run in which a number is; `None` where it is in none.
    #[inline]
    pub(super) fn run_of(&self, seq: Seq) -> Option<Seq> {
        // asked of every arrival, and mostly nothing was restored
        if self.runs.is_empty() {
            None
        } else {
            self.next(seq).filter(|run| run.0 <= seq).map(|run| run.1)
        }
    }

    /// The first of these numbers from `from` on.
    pub(super) fn first_from(&self, from: Seq) -> Option<Seq> {
        self.next(from).map(|run| run.0.max(from))
    }

    /// The highest of these numbers.
    pub(super) fn last(&self) -> Option<Seq> {
        self.runs.last().map(|run| run.1)
    }

    /// The first run that ends at `seq` or after it.
    fn next(&self, seq: Seq) -> Option<(Seq, Seq)> {
        self.runs.get(self.runs.partition_point(|run| run.1 < seq)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_put_together() {
        let restored = Restored::new([(9, 12), (2, 4), (5, 6), (11, 15), (3, 3), (8, 7)], 3);
        assert_eq!(restored.runs, [(3, 6), (9, 15)]);
        assert_eq!(
            [2, 3, 6, 7, 9, 15, 16].map(|seq| restored.run_of(seq)),
            [None, Some(6), Some(6), None, Some(15), Some(15), None]
        );
        assert_eq!(
            [0, 4, 7, 15, 16].map(|seq| restored.first_from(seq)),
            [Some(3), Some(4), Some(9), Some(15), None]
        );
        assert_eq!(restored.last(), Some(15));
    }

    #[test]
    fn no_run_upsets_it() {
        let restored = Restored::new([(0, u64::MAX), (u64::MAX, u64::MAX), (5, 2)], 0);
        assert_eq!(restored.runs, [(0, u64::MAX - 1)]);
        assert_eq!(Restored::new([(0, 9)], 10).last(), None);
    }
}
