//! The naive model: what of a source is received and done, as sets.

use std::collections::BTreeSet;

use inorder::{CheckpointError, Seq, Source};

use crate::naive::Naive;
use crate::numbers::Numbers;

/// A position, and the ids beyond it that are done.
pub(crate) type Done = (Option<Seq>, Vec<Seq>);

/// What is completed of a source that is acknowledged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    base: Option<Seq>,
    pub(crate) restored: BTreeSet<Seq>,
    is_restored: bool,
    /// Received, where the source gives the numbers.
    pub(crate) received: BTreeSet<Seq>,
    pub(crate) completed: BTreeSet<Seq>,
    pub(crate) is_lost: bool,
}

impl Progress {
    fn done(&self, received: &BTreeSet<Seq>) -> Done {
        let is_done = |seq: &Seq| self.completed.contains(seq) || self.restored.contains(seq);
        let passed = received.iter().take_while(|seq| is_done(seq)).last();
        let position = passed.copied().or(self.base);
        let all: BTreeSet<Seq> = self.completed.union(&self.restored).copied().collect();
        (position, all.into_iter().filter(|seq| Some(*seq) > position).collect())
    }
}

impl Naive {
    pub(crate) fn checkpoint(&self, id: Source) -> Option<Done> {
        let index = self.sources.iter().position(|source| source.id == id)?;
        let source = &self.sources[index];
        let progress = source.progress.as_ref().filter(|progress| !progress.is_lost)?;
        // its place was taken by another
        if self.sources[index + 1..].iter().any(|it| it.place() == source.place()) {
            return None;
        }
        Some(match &source.numbers {
            None => progress.done(&progress.received),
            Some(numbers) => progress.done(&numbers.in_order()),
        })
    }

    pub(crate) fn restore(
        &mut self,
        id: Source,
        (position, done): &Done,
        committed: Option<Seq>,
    ) -> Result<(), CheckpointError> {
        let index = self.open_source_of(id).filter(|index| !self.sources[*index].ended);
        let Some(index) = index else { return Err(CheckpointError::SourceOver) };
        let source = &mut self.sources[index];
        let Some(progress) = &mut source.progress else {
            return Err(CheckpointError::Unacknowledged);
        };
        if *position != committed {
            return Err(CheckpointError::Position { found: *position, committed });
        }
        let most = if source.numbers.is_some() { Seq::MAX - 1 } else { Seq::MAX / 2 };
        if let Some(found) = done.last().copied().or(*position).filter(|found| *found > most) {
            return Err(CheckpointError::Beyond { found, most });
        }
        let next = source.numbers.as_ref().map_or(source.next_seq, Numbers::expected);
        let is_used = match &source.numbers {
            Some(numbers) => numbers.is_used(),
            None => source.next_seq > 0,
        };
        if is_used || progress.is_restored {
            return Err(CheckpointError::SourceUsed { next });
        }
        progress.is_restored = true;
        progress.base = *position;
        progress.restored = done.iter().copied().collect();
        match &mut source.numbers {
            Some(numbers) => numbers.restore(*position, &progress.restored),
            None => source.next_seq = position.map_or(0, |position| position + 1),
        }
        self.tell_starved(index);
        Ok(())
    }
}
