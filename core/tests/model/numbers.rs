//! The numbers of a source whose caller gives them, as sets.

use std::collections::BTreeSet;

use inorder::{Insert, Seq};

#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    capacity: u64,
    arrived: BTreeSet<Seq>,
    /// Released, passed or given up.
    gone: BTreeSet<Seq>,
    /// Done in an earlier life.
    restored: BTreeSet<Seq>,
    /// Below it everything is gone, or before the start.
    next: Seq,
    /// Below it everything has arrived or is given up.
    expected: Seq,
}

impl Numbers {
    pub(crate) fn new(start: Seq, capacity: usize) -> Self {
        let (arrived, gone, restored) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        Self { capacity: capacity as u64, arrived, gone, restored, next: start, expected: start }
    }

    pub(crate) fn restore(&mut self, position: Option<Seq>, done: &BTreeSet<Seq>) {
        self.next = position.map_or(self.next, |position| position + 1);
        self.expected = self.next;
        self.restored = done.clone();
        self.settle();
    }

    pub(crate) fn is_used(&self) -> bool {
        !self.arrived.is_empty()
    }

    /// What arrived, or was restored, and has nothing missing before it.
    pub(crate) fn in_order(&self) -> BTreeSet<Seq> {
        let all = self.arrived.union(&self.restored).copied();
        all.filter(|seq| *seq < self.expected).collect()
    }

    pub(crate) fn look(&self, seq: Seq) -> Insert {
        if self.restored.contains(&seq) {
            Insert::Restored
        } else if seq < self.next || self.gone.contains(&seq) {
            Insert::Late
        } else if self.arrived.contains(&seq) {
            Insert::Duplicate
        } else if seq - self.next >= self.capacity || seq == Seq::MAX {
            Insert::TooFar
        } else if seq == self.expected {
            Insert::Ready
        } else {
            Insert::Held
        }
    }

    pub(crate) fn arrive(&mut self, seq: Seq) {
        self.arrived.insert(seq);
        self.settle();
    }

    pub(crate) fn leave(&mut self, seq: Seq) {
        self.gone.insert(seq);
        self.settle();
    }

    pub(crate) fn next(&self) -> Seq {
        self.next
    }

    pub(crate) fn expected(&self) -> Seq {
        self.expected
    }

    /// The first range that is missing before something that arrived.
    pub(crate) fn first_missing(&self) -> Option<(Seq, Seq)> {
        let arrived = self.arrived.range(self.expected..).next()?;
        let restored = self.restored.range(self.expected..).next();
        Some((self.expected, arrived.min(restored.unwrap_or(arrived)) - 1))
    }

    pub(crate) fn give_up(&mut self, first: Seq, last: Seq) {
        self.gone.extend(first..=last);
        self.settle();
    }

    fn settle(&mut self) {
        while [&self.arrived, &self.gone, &self.restored]
            .iter()
            .any(|it| it.contains(&self.expected))
        {
            self.expected += 1;
        }
        while self.gone.contains(&self.next)
            || self.restored.contains(&self.next) && self.next < self.expected
        {
            self.next += 1;
        }
    }
}
