//! Who was woken: a bit for each run place, and the task behind them all.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Wake, Waker};

use super::sync::{AtomicU64, AtomicWaker};

const WORD: usize = u64::BITS as usize;

/// The places that were woken since they were last taken.
///
/// Two levels: a bit for each place, and a bit for each word of those in which one may be set. A waker that finds its
/// word or the summary not empty leaves the rest to the one who was first there, so that a burst of wakes costs one
/// wake of the task.
#[derive(Debug)]
pub(super) struct WakeSet {
    places: Box<[AtomicU64]>,
    summary: Box<[AtomicU64]>,
    task: AtomicWaker,
}

impl WakeSet {
    pub(super) fn new(places: usize) -> Arc<Self> {
        let words = places.div_ceil(WORD);
        let zeros = |count: usize| std::iter::repeat_with(AtomicU64::default).take(count).collect();
        Arc::new(Self {
            places: zeros(words),
            summary: zeros(words.div_ceil(WORD)),
            task: AtomicWaker::new(),
        })
    }

    /// How many places there are at least.
    pub(super) fn len(&self) -> usize {
        self.places.len() * WORD
    }

    /// The waker of a place. It outlives the place: one that fires later wakes whoever is there then.
    pub(super) fn waker(self: &Arc<Self>, place: usize) -> Waker {
        Waker::from(Arc::new(PlaceWaker { set: Arc::clone(self), place }))
    }

    /// Sets the task to be woken. To be followed by a look at [`any`](Self::any), for what came in between.
    pub(super) fn register(&self, task: &Waker) {
        self.task.register(task);
    }

    /// Forgets the task, which wakers that outlive this may otherwise keep alive.
    pub(super) fn forget_task(&self) {
        drop(self.task.take());
    }

    #[inline]
    pub(super) fn any(&self) -> bool {
        self.summary.iter().any(|word| word.load(Ordering::Acquire) != 0)
    }

    pub(super) fn wake(&self, place: usize) {
        let word = place / WORD;
        if self.places[word].fetch_or(1 << (place % WORD), Ordering::AcqRel) != 0 {
            return;
        }
        if self.summary[word / WORD].fetch_or(1 << (word % WORD), Ordering::AcqRel) == 0 {
            self.task.wake();
        }
    }

    /// Takes the next word of places that were woken, from the word `from` on: its number and its bits.
    #[inline]
    pub(super) fn take(&self, from: usize) -> Option<(usize, u64)> {
        let mut word = from;
        while word < self.places.len() {
            let summary = &self.summary[word / WORD];
            let ahead = summary.load(Ordering::Acquire) >> (word % WORD);
            if ahead == 0 {
                word = (word / WORD + 1) * WORD;
                continue;
            }
            word += ahead.trailing_zeros() as usize;
            // first the summary: a wake in between sets it again
            summary.fetch_and(!(1 << (word % WORD)), Ordering::AcqRel);
            let bits = self.places[word].swap(0, Ordering::AcqRel);
            if bits != 0 {
                return Some((word, bits));
            }
        }
        None
    }
}

#[derive(Debug)]
struct PlaceWaker {
    set: Arc<WakeSet>,
    place: usize,
}

impl Wake for PlaceWaker {
    fn wake(self: Arc<Self>) {
        self.set.wake(self.place);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.set.wake(self.place);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn taken(set: &WakeSet) -> Vec<usize> {
        let mut places = Vec::new();
        let mut from = 0;
        while let Some((word, bits)) = set.take(from) {
            places
                .extend((0..WORD).filter(|bit| bits >> bit & 1 == 1).map(|bit| word * WORD + bit));
            from = word + 1;
        }
        places
    }

    #[test]
    fn every_place_that_was_woken_is_taken_once() {
        let set = WakeSet::new(1 << 20);
        let woken = [0, 1, 63, 64, 4_095, 4_096, 70_000, (1 << 20) - 1];
        for place in woken {
            set.wake(place);
            set.wake(place);
        }
        assert!(set.any());
        assert_eq!(taken(&set), woken);
        assert!(!set.any());
        assert!(taken(&set).is_empty());
    }

    #[test]
    fn a_burst_wakes_the_task_once_and_the_next_burst_again() {
        let (set, counter) = (WakeSet::new(200), Arc::new(Counter::default()));
        for burst in 1..=3 {
            set.register(&Waker::from(Arc::clone(&counter)));
            for place in 0..200 {
                set.waker(place).wake();
            }
            assert_eq!(counter.0.load(Ordering::SeqCst), burst);
            assert_eq!(taken(&set).len(), 200);
        }
    }

    #[test]
    fn a_forgotten_task_is_not_kept() {
        let (set, counter) = (WakeSet::new(1), Arc::new(Counter::default()));
        let late = set.waker(0);
        set.register(&Waker::from(Arc::clone(&counter)));
        set.forget_task();
        assert_eq!(Arc::strong_count(&counter), 1);
        late.wake();
        assert_eq!(counter.0.load(Ordering::SeqCst), 0);
    }
}
