//! The rules of acknowledging as plain lists, looked through from end to end.

use std::collections::BTreeSet;

use inorder::{CommitId, ReceiveError};

/// What a watermark says of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    New,
    Known,
    Restored,
}

/// A position, and what is done beyond it.
pub(crate) type Done = (Option<u64>, BTreeSet<u64>);

#[derive(Clone, Debug, Default)]
pub(crate) struct Naive {
    capacity: Option<usize>,
    pub(crate) generation: u64,
    pub(crate) is_fenced: bool,
    pub(crate) stale: u64,
    pub(crate) in_flight: Option<(CommitId, Done)>,
    /// Of this generation: each id with whether it is done.
    received: Vec<(u64, bool)>,
    restored: BTreeSet<u64>,
    /// The position that the generation began with.
    began: Option<u64>,
    /// What the last commit that was confirmed describes.
    committed: Done,
}

impl Naive {
    pub(crate) fn new(capacity: Option<usize>) -> Self {
        Self { capacity, ..Self::default() }
    }

    pub(crate) fn position(&self) -> Option<u64> {
        let done = self.received.iter().take_while(|(_, is_done)| *is_done);
        done.map(|(id, _)| *id).last().or(self.began)
    }

    pub(crate) fn done(&self) -> Done {
        let position = self.position();
        let received = self.received.iter().filter(|(_, is_done)| *is_done).map(|(id, _)| *id);
        let all = received.chain(self.restored.iter().copied());
        (position, all.filter(|&id| Some(id) > position).collect())
    }

    pub(crate) fn committed(&self) -> Option<u64> {
        self.committed.0
    }

    pub(crate) fn in_progress(&self) -> Vec<u64> {
        self.received.iter().filter(|(_, is_done)| !is_done).map(|(id, _)| *id).collect()
    }

    pub(crate) fn unacknowledged(&self) -> usize {
        self.received.iter().filter(|(id, _)| Some(*id) > self.committed()).count()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.capacity.is_some_and(|capacity| self.unacknowledged() >= capacity)
    }

    pub(crate) fn is_dirty(&self, done: &Done) -> bool {
        *done != self.committed
    }

    pub(crate) fn can_commit(&self, done: &Done) -> bool {
        self.is_dirty(done) && self.in_flight.is_none() && !self.is_fenced
    }

    pub(crate) fn is_commit_urgent(&self, done: &Done) -> bool {
        self.capacity.is_some_and(|capacity| 2 * self.unacknowledged() >= capacity)
            && done.0 > self.committed()
            && self.can_commit(done)
    }

    pub(crate) fn is_fresh(&self) -> bool {
        self.received.is_empty() && !self.is_fenced
    }

    pub(crate) fn receive(&mut self, id: u64) -> Result<Said, ReceiveError> {
        let highest = self.received.last().map(|(id, _)| *id).or(self.began);
        if self.is_fenced {
            Err(ReceiveError::Fenced)
        } else if self.received.iter().any(|(old, _)| *old == id && Some(id) > self.position()) {
            Ok(Said::Known)
        } else if let Some(highest) = highest.filter(|highest| id <= *highest) {
            Err(ReceiveError::NotRising { id, highest })
        } else if self.is_full() {
            Err(ReceiveError::Full { capacity: self.capacity.unwrap_or(0) })
        } else {
            let is_done = self.restored.contains(&id);
            self.received.push((id, is_done));
            Ok(if is_done { Said::Restored } else { Said::New })
        }
    }

    pub(crate) fn complete(&mut self, generation: u64, id: u64) -> bool {
        let is_current = generation == self.generation && !self.is_fenced;
        let entry = self.received.iter_mut().find(|entry| **entry == (id, false));
        match entry.filter(|_| is_current) {
            Some(entry) => entry.1 = true,
            None => {
                self.stale += 1;
                return false;
            }
        }
        true
    }

    pub(crate) fn end_commit(&mut self, id: CommitId, is_stored: bool) -> bool {
        match self.in_flight.take_if(|(current, _)| *current == id) {
            Some((_, done)) => {
                if is_stored {
                    self.committed = done;
                }
                true
            }
            None => {
                self.stale += 1;
                false
            }
        }
    }

    pub(crate) fn fence(&mut self) {
        self.is_fenced = true;
        self.in_flight = None;
    }

    pub(crate) fn renew(&mut self, committed: Option<u64>) {
        self.generation += 1;
        self.is_fenced = false;
        self.received.clear();
        self.begin_with((committed, BTreeSet::new()));
    }

    pub(crate) fn begin_with(&mut self, done: Done) {
        self.began = done.0;
        self.restored = done.1.clone();
        self.in_flight = None;
        self.committed = done;
    }
}
