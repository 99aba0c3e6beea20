//! One commit at a time: what it describes, what changed since, and what of it is known to be stored.

use crate::checkpoint::Checkpoint;

/// A position and a checkpoint to be stored, both of the instant in which the commit was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Commit {
    /// By which it is confirmed, or failed.
    pub id: CommitId,
    /// What is to be stored: its [position](Checkpoint::position), and with it what is done beyond.
    pub checkpoint: Checkpoint,
}

/// Which commit of a [`Watermark`](crate::Watermark): they are counted over all generations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(u64);

impl CommitId {
    /// The id with these bits. Bits of no commit make a stale id, and no error.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits: how many commits there were before it.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }
}

/// The commits of one source.
#[derive(Clone, Debug, Default)]
pub(super) struct Commits {
    committed: Option<u64>,
    /// The mark that follows what is committed.
    acknowledged: u64,
    /// Changes since the last commit that was confirmed.
    uncommitted: u64,
    in_flight: Option<InFlight>,
    next: u64,
}

/// What a commit describes.
#[derive(Clone, Copy, Debug)]
struct InFlight {
    id: CommitId,
    position: Option<u64>,
    mark: u64,
    changes: u64,
}

impl Commits {
    pub(super) const fn committed(&self) -> Option<u64> {
        self.committed
    }

    /// The mark that follows what is committed.
    pub(super) const fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// How many changes no confirmed commit describes.
    pub(super) const fn uncommitted(&self) -> u64 {
        self.uncommitted
    }

    pub(super) const fn is_in_flight(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Something changed that is to be committed.
    pub(super) fn changed(&mut self) {
        self.uncommitted += 1;
    }

    /// A commit of the position, which the mark follows, is to be stored. No other one may be in flight.
    pub(super) fn begin(&mut self, position: Option<u64>, mark: u64) -> CommitId {
        let id = CommitId(self.next);
        self.next += 1;
        self.in_flight = Some(InFlight { id, position, mark, changes: self.uncommitted });
        id
    }

    /// The commit was stored. False where it is not the one in flight.
    pub(super) fn confirm(&mut self, id: CommitId) -> bool {
        let Some(commit) = self.end(id) else { return false };
        self.committed = commit.position;
        self.acknowledged = commit.mark;
        // what changed meanwhile is in none
        self.uncommitted -= commit.changes;
        true
    }

    /// The commit was not stored. False where it is not the one in flight.
    pub(super) fn fail(&mut self, id: CommitId) -> bool {
        self.end(id).is_some()
    }

    /// What is in flight ends stale.
    pub(super) fn fence(&mut self) {
        self.in_flight = None;
    }

    /// A generation begins with what is committed, which the mark follows.
    pub(super) fn begin_with(&mut self, committed: Option<u64>, mark: u64) {
        self.committed = committed;
        self.acknowledged = mark;
        self.uncommitted = 0;
        self.in_flight = None;
    }

    fn end(&mut self, id: CommitId) -> Option<InFlight> {
        let commit = self.in_flight.filter(|commit| commit.id == id)?;
        self.in_flight = None;
        Some(commit)
    }
}
