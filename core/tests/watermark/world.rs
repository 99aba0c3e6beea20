//! A source with a store beside it, as a broker is: bytes say what happens next. The watermark is compared with the
//! naive one after each step, and whatever happens, every id is run in the end.

use std::collections::BTreeSet;

use inorder::{
    Checkpoint, CheckpointError, Commit, CommitId, Mark, ReceiveError, Received, Watermark,
};

use crate::naive::{Done, Naive, Said};

/// Ids of a source are made as they are wanted, up to so many.
const MOST: usize = 2000;

pub(crate) fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let mut world = World::new(&mut choices);
    while let Some(step) = choices.next() {
        world.step(step, &mut choices);
        world.compare();
    }
    world.finish();
}

/// What is to be chosen, a byte at a time; zeros where there are no more.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn below(&mut self, number: usize) -> usize {
        self.next().map_or(0, usize::from) % number.max(1)
    }
}

/// What a commit stores.
#[derive(Clone, Debug)]
enum Stored {
    Bytes(Vec<u8>),
    Text(String),
}

impl Stored {
    fn read(&self) -> Checkpoint {
        match self {
            Self::Bytes(bytes) => Checkpoint::from_bytes(bytes),
            Self::Text(text) => Checkpoint::from_text(text),
        }
        .expect("it was written so")
    }
}

struct World {
    capacity: Option<usize>,
    watermark: Watermark,
    naive: Naive,
    /// The ids of the source, as far as they were wanted, and how many of them this generation got.
    log: Vec<u64>,
    got: usize,
    /// Every mark that was ever given, with its generation and id.
    marks: Vec<(Mark, u64, u64)>,
    commits: Vec<(CommitId, Stored)>,
    stored: Option<Stored>,
    /// What was completed, in whatever generation.
    completed: BTreeSet<u64>,
}

impl World {
    fn new(choices: &mut Choices<'_>) -> Self {
        let capacity = Some(choices.below(40)).filter(|&capacity| capacity > 0);
        Self {
            capacity,
            watermark: watermark(capacity),
            naive: Naive::new(capacity),
            log: Vec::new(),
            got: 0,
            marks: Vec::new(),
            commits: Vec::new(),
            stored: None,
            completed: BTreeSet::new(),
        }
    }

    fn step(&mut self, step: u8, choices: &mut Choices<'_>) {
        match step % 32 {
            0..=8 => self.deliver(choices),
            9 => {
                let id = self.some_id(choices);
                let _ = self.receive(id);
            }
            10..=18 => {
                // the younger ones more often
                let back = 1 + choices.below(1 + step as usize / 8);
                if let Some(&mark) = self.marks.iter().nth_back(back) {
                    self.complete(mark);
                }
            }
            19 => {
                let id = self.some_id(choices);
                let says = self.naive.complete(self.naive.generation, id);
                assert_eq!(self.watermark.complete_id(id), says);
                self.note(says, id);
            }
            20 => {
                // what may have it is restored, and done
                let given = self.marks.last().map_or(0, |(mark, ..)| mark.to_bits() + 1);
                let stray = Mark::from_bits(given + choices.below(256) as u64);
                assert!(!self.watermark.complete(stray));
                self.naive.stale += 1;
            }
            21 | 22 => self.begin_commit(choices),
            23 | 24 => self.end_commit(choices.below(4), 0),
            25 => {
                let back = choices.below(4);
                self.end_commit(choices.below(4), back);
            }
            26 if choices.below(4) == 0 => {
                self.watermark.fence();
                self.naive.fence();
            }
            27 if choices.below(4) == 0 => self.renew(),
            28 | 29 if choices.below(4) == 0 => {
                if choices.below(2) == 0 {
                    self.crash();
                } else {
                    self.renew();
                }
                self.restore();
            }
            30 => self.restore_wrongly(choices),
            _ => self.cut(choices),
        }
    }

    /// The source gives its next id, if the watermark takes it.
    fn deliver(&mut self, choices: &mut Choices<'_>) {
        if self.got == self.log.len() {
            if self.log.len() == MOST {
                return;
            }
            let last = self.log.last().copied();
            let hole = match choices.below(16) {
                0..=10 => 0,
                11..=14 => choices.below(8) as u64,
                _ => 1 << choices.below(64),
            };
            let Some(from) = last.map_or(Some(0), |last| last.checked_add(1)) else { return };
            self.log.push(from.saturating_add(hole));
        }
        self.give();
    }

    /// False where the watermark does not take it now.
    fn give(&mut self) -> bool {
        let id = self.log[self.got];
        let is_taken = match self.receive(id) {
            Ok(_) => true,
            // it was received out of turn
            Err(ReceiveError::NotRising { .. }) => Some(id) <= self.naive.position(),
            Err(_) => false,
        };
        self.got += usize::from(is_taken);
        is_taken
    }

    fn receive(&mut self, id: u64) -> Result<Said, ReceiveError> {
        let expected = self.naive.receive(id);
        let said = self.watermark.receive(id).map(|received| match received {
            Received::New(mark) => {
                self.marks.push((mark, self.naive.generation, id));
                Said::New
            }
            Received::Known => Said::Known,
            Received::Restored => {
                assert!(self.completed.contains(&id), "{id} is skipped");
                Said::Restored
            }
        });
        assert_eq!(said, expected, "receive {id}");
        said
    }

    fn complete(&mut self, (mark, generation, id): (Mark, u64, u64)) {
        let says = self.naive.complete(generation, id);
        assert_eq!(self.watermark.complete(mark), says, "complete {id} of {generation}");
        self.note(says, id);
    }

    fn note(&mut self, is_completed: bool, id: u64) {
        if is_completed {
            self.completed.insert(id);
        }
    }

    fn begin_commit(&mut self, choices: &mut Choices<'_>) {
        let (commit, expected) = (self.watermark.begin_commit(), self.naive.done());
        assert_eq!(commit.is_some(), self.naive.can_commit(&expected));
        let Some(Commit { id, checkpoint }) = commit else { return };
        assert_eq!(done(&checkpoint), expected, "of one instant");
        let limit = [None, Some(20), Some(40 + choices.below(64))][choices.below(3)];
        let stored = if choices.below(2) == 0 {
            checkpoint.to_bytes(limit).map(Stored::Bytes)
        } else {
            checkpoint.to_text(limit).map(Stored::Text)
        };
        self.commits.push((id, stored.expect("the position fits")));
        self.naive.in_flight = Some((id, expected));
    }

    /// The store answers that it has a commit (0, 1), that it failed (2), or it has it and the answer is lost (3).
    fn end_commit(&mut self, how: usize, back: usize) {
        let Some((id, stored)) = self.commits.iter().nth_back(back).cloned() else { return };
        let is_current = self.naive.in_flight.as_ref().is_some_and(|(current, _)| *current == id);
        if is_current && how != 2 {
            let before = self.stored.as_ref().and_then(|stored| stored.read().position());
            assert!(stored.read().position() >= before, "what is committed goes back");
            self.stored = Some(stored);
        }
        let says = self.naive.end_commit(id, how < 2);
        assert_eq!(says, is_current);
        assert_eq!(
            if how < 2 { self.watermark.confirm(id) } else { self.watermark.fail(id) },
            says
        );
    }

    /// A new generation, with what the store has of the position.
    fn renew(&mut self) {
        let committed = self.stored.as_ref().and_then(|stored| stored.read().position());
        self.watermark.renew(committed);
        self.naive.renew(committed);
        self.got = self.begin();
    }

    /// Where the source goes on: how many ids are not beyond the position that is stored.
    fn begin(&self) -> usize {
        let committed = self.stored.as_ref().and_then(|stored| stored.read().position());
        self.log.partition_point(|&id| Some(id) <= committed)
    }

    /// All that is not stored is lost.
    fn crash(&mut self) {
        self.watermark = watermark(self.capacity);
        self.naive = Naive::new(self.capacity);
        self.marks.clear();
        self.commits.clear();
        self.got = self.begin();
    }

    fn restore(&mut self) {
        let Some(stored) = &self.stored else { return };
        let checkpoint = stored.read();
        assert_eq!(self.watermark.restore(&checkpoint, checkpoint.position()), Ok(()));
        self.naive.begin_with(done(&checkpoint));
    }

    fn restore_wrongly(&mut self, choices: &mut Choices<'_>) {
        let checkpoint = self.watermark.checkpoint();
        let found = checkpoint.position();
        let other = match found {
            None => Some(choices.below(3) as u64),
            Some(_) if choices.below(4) == 0 => None,
            Some(position) => Some(position ^ (1 << choices.below(64))),
        };
        let error = if self.naive.is_fresh() {
            CheckpointError::Position { found, committed: other }
        } else {
            CheckpointError::NotFresh
        };
        assert_eq!(self.watermark.restore(&checkpoint, other), Err(error));
    }

    /// What is cut off is the tail and nothing else, and what is kept comes back.
    fn cut(&mut self, choices: &mut Choices<'_>) {
        let checkpoint = self.watermark.checkpoint();
        let limit = choices.below(128);
        for is_text in [false, true] {
            let (stored, size) = if is_text {
                let text = checkpoint.to_text(Some(limit));
                let size = text.as_ref().map(|text| text.encode_utf16().count());
                (text.clone().map(Stored::Text), size.unwrap_or(0))
            } else {
                let bytes = checkpoint.to_bytes(Some(limit));
                (bytes.clone().map(Stored::Bytes), bytes.map_or(0, |bytes| bytes.len()))
            };
            assert!(size <= limit);
            match stored {
                Ok(stored) => {
                    let ((position, all), (kept_at, kept)) =
                        (done(&checkpoint), done(&stored.read()));
                    assert_eq!(kept_at, position);
                    assert!(kept.iter().eq(all.iter().take(kept.len())));
                    let whole = checkpoint.to_bytes(None).expect("there is no limit").len();
                    assert!(kept.len() == all.len() || whole > limit, "it would have fitted");
                }
                Err(CheckpointError::Limit { limit: told, least }) => {
                    assert!(told == limit && least > limit && least <= 20);
                }
                Err(other) => panic!("{other}"),
            }
        }
    }

    fn compare(&self) {
        let (w, n) = (&self.watermark, &self.naive);
        let (expected, in_progress) = (n.done(), n.in_progress());
        assert_eq!((w.position(), done(&w.checkpoint())), (expected.0, expected.clone()));
        assert_eq!((w.committed(), w.is_dirty()), (n.committed(), n.is_dirty(&expected)));
        assert_eq!(w.is_dirty(), w.uncommitted() > 0);
        assert_eq!(w.in_progress(), in_progress.len());
        assert_eq!((w.unacknowledged(), w.is_full()), (n.unacknowledged(), n.is_full()));
        assert_eq!(w.is_commit_urgent(), n.is_commit_urgent(&expected));
        assert_eq!((w.is_committing(), w.stale()), (n.in_flight.is_some(), n.stale));
        assert_eq!((w.is_fenced(), w.generation()), (n.is_fenced, n.generation));
        assert!(in_progress.first().is_none_or(|&id| w.position() < Some(id)));
        assert!(w.committed() <= w.position());
    }

    /// From wherever it is, all of the source is run, and the position reaches its end.
    fn finish(&mut self) {
        if self.naive.is_fenced {
            self.renew();
            self.restore();
        }
        while self.got < self.log.len() || !self.naive.in_progress().is_empty() {
            while self.got < self.log.len() && self.give() {}
            for id in self.naive.in_progress().into_iter().rev() {
                assert!(
                    self.watermark.complete_id(id)
                        && self.naive.complete(self.naive.generation, id)
                );
                self.completed.insert(id);
            }
            if let Some((id, _)) = self.naive.in_flight {
                assert!(self.watermark.fail(id) && self.naive.end_commit(id, false));
            }
            if self.watermark.is_dirty() {
                self.begin_commit(&mut Choices(&[]));
                self.end_commit(0, 0);
            }
            self.compare();
        }
        assert!(self.log.iter().all(|id| self.completed.contains(id)), "some were skipped");
        // an id that the source does not have may have been received
        assert!(self.watermark.position() >= self.log.last().copied());
        assert_eq!(self.watermark.checkpoint().runs().len(), 0);
    }

    /// One that the source gave or is to give next, or one beside it.
    fn some_id(&self, choices: &mut Choices<'_>) -> u64 {
        let back = choices.below(24);
        let near = self.log.iter().take(self.got + 1).nth_back(back).copied().unwrap_or(0);
        near.saturating_sub(u64::from(choices.below(4) == 0))
    }
}

fn watermark(capacity: Option<usize>) -> Watermark {
    capacity.map_or_else(Watermark::new, |capacity| {
        Watermark::with_capacity(capacity).expect("it is allowed")
    })
}

fn done(checkpoint: &Checkpoint) -> Done {
    (checkpoint.position(), checkpoint.runs().flat_map(|(first, last)| first..=last).collect())
}
