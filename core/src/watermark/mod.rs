//! Up to where everything that was received is completed, and what of it may be committed.
//!
//! Ids are the source's: they rise, and nothing is calculated with them, so that holes in them are harmless.

mod commits;

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::iter;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::ids::{MAX_ITEMS, Mark};
use crate::options::OptionsError;

use commits::Commits;
pub use commits::{Commit, CommitId};

/// What was received of one source, what of it is completed, and what is committed.
///
/// The [position](Self::position) is the highest id up to which everything that was received is completed. It never
/// passes one that is not, and what is completed beyond it is kept in the [`Checkpoint`].
///
/// A *generation* is one ownership of the source: ids rise in each, and what was received in an earlier one is
/// forgotten. A mark or a commit of an earlier one is stale: counted, and nothing else.
///
/// # Examples
/// ```
/// use inorder::{Received, Watermark};
///
/// let mut watermark = Watermark::new();
/// let mut marks = Vec::new();
/// for id in [3, 4, 8] {
///     if let Received::New(mark) = watermark.receive(id)? {
///         marks.push(mark);
///     }
/// }
/// watermark.complete(marks[0]);
/// watermark.complete(marks[2]);
/// assert_eq!(watermark.position(), Some(3));
///
/// let commit = watermark.begin_commit().expect("something was completed");
/// assert_eq!(commit.checkpoint.runs().collect::<Vec<_>>(), [(8, 8)]);
/// watermark.complete(marks[1]);
/// assert_eq!(watermark.position(), Some(8));
/// watermark.confirm(commit.id);
/// assert!(watermark.is_dirty(), "4 was completed meanwhile");
/// # Ok::<(), inorder::ReceiveError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Watermark {
    /// What was received and is beyond the position, rising.
    entries: VecDeque<Entry>,
    /// The mark of the first entry. Marks rise over all generations, so that one of an old generation is below it.
    first: u64,
    /// The mark that came first in this generation.
    origin: u64,
    position: Option<u64>,
    /// What the next id must be beyond.
    highest: Option<u64>,
    in_progress: usize,
    restored: Restored,
    commits: Commits,
    capacity: Option<usize>,
    generation: u64,
    is_fenced: bool,
    stale: u64,
}

/// An id that was received.
#[derive(Clone, Copy, Debug)]
struct Entry {
    id: u64,
    is_done: bool,
}

/// What [`Watermark::receive`] says of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Received {
    /// It is to be run, and completed by its mark or its id.
    New(Mark),
    /// It was received before in this generation: it is in progress, or completed beyond the position.
    Known,
    /// The restored checkpoint has it: it is completed, and not to be run.
    Restored,
}

impl Watermark {
    /// Of a source of which nothing is committed, without a limit.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`new`](Self::new), with at most so many ids received and not acknowledged, from 1 to 2^20. It bounds what is
    /// received again in a later life.
    ///
    /// # Errors
    /// The capacity is out of its bounds.
    pub fn with_capacity(capacity: usize) -> Result<Self, OptionsError> {
        if (1..=MAX_ITEMS).contains(&capacity) {
            Ok(Self { capacity: Some(capacity), ..Self::default() })
        } else {
            Err(OptionsError::OutOfBounds { name: "capacity", value: capacity })
        }
    }

    /// The highest id up to which everything that was received is completed; at first what the generation began with.
    /// `None` before the first.
    #[must_use]
    pub const fn position(&self) -> Option<u64> {
        self.position
    }

    /// The position of the last commit that was confirmed; at first what the generation began with.
    #[must_use]
    pub const fn committed(&self) -> Option<u64> {
        self.commits.committed()
    }

    /// How many ids are received and not completed.
    #[must_use]
    pub const fn in_progress(&self) -> usize {
        self.in_progress
    }

    /// How many ids are received and not acknowledged: beyond the position that is committed.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        usize::try_from(self.next() - self.commits.acknowledged()).unwrap_or(usize::MAX)
    }

    /// Whether no further id is received until a commit is confirmed.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.capacity.is_some_and(|capacity| self.unacknowledged() >= capacity)
    }

    /// Whether something changed since what the last confirmed commit describes.
    #[must_use]
    pub const fn is_dirty(&self) -> bool {
        self.commits.uncommitted() > 0
    }

    /// How much changed since then: in completions.
    #[must_use]
    pub const fn uncommitted(&self) -> u64 {
        self.commits.uncommitted()
    }

    /// Whether a commit is neither confirmed nor failed.
    #[must_use]
    pub const fn is_committing(&self) -> bool {
        self.commits.is_in_flight()
    }

    /// Whether a commit is to be begun without waiting for its time: half of the capacity is received and not
    /// acknowledged, and a commit would acknowledge some of it.
    #[must_use]
    pub fn is_commit_urgent(&self) -> bool {
        let is_half_full =
            self.capacity.is_some_and(|capacity| self.unacknowledged() >= capacity.div_ceil(2));
        is_half_full && self.first > self.commits.acknowledged() && self.can_commit()
    }

    /// How many generations there were before this one.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether the generation is over, and no new one has begun.
    #[must_use]
    pub const fn is_fenced(&self) -> bool {
        self.is_fenced
    }

    /// How many completions, and ends of commits, were not those of something that waited for them.
    #[must_use]
    pub const fn stale(&self) -> u64 {
        self.stale
    }

    /// The position and what is completed beyond it, of this instant.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        let received = self.entries.iter().filter(|entry| entry.is_done);
        let mut received = received.map(|entry| (entry.id, entry.id)).peekable();
        let mut restored = self.restored.runs.iter().copied().peekable();
        let rising = iter::from_fn(|| match (received.peek(), restored.peek()) {
            (Some(a), Some(b)) if b.0 < a.0 => restored.next(),
            (Some(_), _) => received.next(),
            (None, _) => restored.next(),
        });
        Checkpoint::new(self.position, rising)
    }

    /// Takes an id in, which must be beyond all that this generation received and the position that it began with.
    /// One that is received again and is not passed yet is known, and changes nothing.
    ///
    /// # Errors
    /// The id does not rise, there is no room for it, or the generation is over. Nothing is changed.
    pub fn receive(&mut self, id: u64) -> Result<Received, ReceiveError> {
        if self.is_fenced {
            return Err(ReceiveError::Fenced);
        }
        if let Some(highest) = self.highest.filter(|&highest| id <= highest) {
            return match self.find(id) {
                Some(_) => Ok(Received::Known),
                None => Err(ReceiveError::NotRising { id, highest }),
            };
        }
        if let Some(capacity) = self.capacity.filter(|_| self.is_full()) {
            return Err(ReceiveError::Full { capacity });
        }
        let mark = Mark::from_bits(self.next());
        let is_done = self.restored.has_rising(id);
        self.highest = Some(id);
        self.entries.push_back(Entry { id, is_done });
        if !is_done {
            self.in_progress += 1;
            return Ok(Received::New(mark));
        }
        if self.advance() {
            self.commits.changed();
        }
        Ok(Received::Restored)
    }

    /// An id that was received is completed. O(1) amortised. False, and counted as stale, where the mark is of an
    /// earlier generation, or its id is completed already.
    pub fn complete(&mut self, mark: Mark) -> bool {
        let place = mark.to_bits().checked_sub(self.first);
        self.complete_at(place.and_then(|place| usize::try_from(place).ok()))
    }

    /// As [`complete`](Self::complete), by the id: O(log n), or O(1) where the ids have no holes.
    pub fn complete_id(&mut self, id: u64) -> bool {
        self.complete_at(self.find(id))
    }

    /// Begins a commit of the position and the checkpoint of this instant. `None` while one is in flight, where nothing
    /// changed since the last, and where the generation is over.
    #[must_use]
    pub fn begin_commit(&mut self) -> Option<Commit> {
        self.can_commit().then(|| {
            let checkpoint = self.checkpoint();
            let id = self.commits.begin(self.position, self.first);
            Commit { id, checkpoint }
        })
    }

    /// The commit was stored. False, and counted as stale, where it is not the one in flight.
    pub fn confirm(&mut self, commit: CommitId) -> bool {
        let is_current = self.commits.confirm(commit);
        self.count_stale(!is_current);
        is_current
    }

    /// The commit was not stored, or nobody knows: what it was to store is still to be committed. False, and counted as
    /// stale, where it is not the one in flight.
    pub fn fail(&mut self, commit: CommitId) -> bool {
        let is_current = self.commits.fail(commit);
        self.count_stale(!is_current);
        is_current
    }

    /// Ends the generation: nothing more is received, completed or committed. What was can still be read.
    pub fn fence(&mut self) {
        self.is_fenced = true;
        self.commits.fence();
    }

    /// Begins a generation with what is committed, `None` where nothing is; the one before it is over. Ids that it has
    /// not committed are new when they are received again, unless a checkpoint is restored.
    pub fn renew(&mut self, committed: Option<u64>) {
        self.first = self.next();
        self.origin = self.first;
        self.entries.clear();
        self.in_progress = 0;
        self.generation += 1;
        self.is_fenced = false;
        self.begin_with(committed, Restored::default());
    }

    /// Goes on from a checkpoint, before the generation receives its first id. What it has is done. `committed` is the
    /// position that the source has committed; where the checkpoint alone knows it, that is
    /// [`checkpoint.position()`](Checkpoint::position).
    ///
    /// # Errors
    /// [`Position`](CheckpointError::Position) where the checkpoint was taken at another position, so that it may not
    /// be of this source; [`NotFresh`](CheckpointError::NotFresh) where it comes too late. Nothing is changed.
    pub fn restore(
        &mut self,
        checkpoint: &Checkpoint,
        committed: Option<u64>,
    ) -> Result<(), CheckpointError> {
        if self.is_fenced || self.next() != self.origin {
            return Err(CheckpointError::NotFresh);
        }
        checkpoint.check_position(committed)?;
        self.begin_with(committed, Restored { runs: checkpoint.runs().collect(), at: 0 });
        Ok(())
    }

    /// The mark of the next id.
    fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    fn begin_with(&mut self, committed: Option<u64>, restored: Restored) {
        (self.position, self.highest) = (committed, committed);
        self.restored = restored;
        self.commits.begin_with(committed, self.first);
    }

    fn find(&self, id: u64) -> Option<usize> {
        // where there are no holes it is as far from the first as its id
        let guess =
            usize::try_from(id.checked_sub(self.entries.front()?.id)?).unwrap_or(usize::MAX);
        if self.entries.get(guess).is_some_and(|entry| entry.id == id) {
            return Some(guess);
        }
        self.entries.binary_search_by_key(&id, |entry| entry.id).ok()
    }

    fn complete_at(&mut self, place: Option<usize>) -> bool {
        let entry = place.and_then(|place| self.entries.get_mut(place));
        let Some(entry) = entry.filter(|entry| !entry.is_done && !self.is_fenced) else {
            self.count_stale(true);
            return false;
        };
        entry.is_done = true;
        self.in_progress -= 1;
        self.commits.changed();
        self.advance();
        true
    }

    /// Moves the position as far as it may go. False where it stays.
    fn advance(&mut self) -> bool {
        let from = self.first;
        while let Some(&Entry { id, is_done: true }) = self.entries.front() {
            self.entries.pop_front();
            self.position = Some(id);
            self.first += 1;
        }
        self.first > from
    }

    fn can_commit(&self) -> bool {
        self.is_dirty() && !self.is_committing() && !self.is_fenced
    }

    fn count_stale(&mut self, is_stale: bool) {
        self.stale += u64::from(is_stale);
    }
}

/// Why an id is not received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiveError {
    /// It is not beyond what the generation received, or began with, and is not one that is known.
    NotRising {
        /// The id.
        id: u64,
        /// What it must be beyond.
        highest: u64,
    },
    /// As many as the capacity are received and not acknowledged.
    Full {
        /// The capacity.
        capacity: usize,
    },
    /// The generation is over, and no new one has begun.
    Fenced,
}

impl fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRising { id, highest } => {
                write!(f, "ids must rise: the next must be above {highest}, not {id}")
            }
            Self::Full { capacity } => {
                write!(f, "ids received and not acknowledged must be at most {capacity}")
            }
            Self::Fenced => f.write_str("the generation is over: a new one must begin first"),
        }
    }
}

impl core::error::Error for ReceiveError {}

/// What a checkpoint said is done, asked for rising ids.
#[derive(Clone, Debug, Default)]
struct Restored {
    runs: Vec<(u64, u64)>,
    /// The runs before it are below all ids that are still to come.
    at: usize,
}

impl Restored {
    /// Whether the id is done; it must be above all that were asked for before.
    fn has_rising(&mut self, id: u64) -> bool {
        while self.runs.get(self.at).is_some_and(|&(_, last)| last < id) {
            self.at += 1;
        }
        self.runs.get(self.at).is_some_and(|&(first, _)| first <= id)
    }
}

#[cfg(test)]
mod tests;
