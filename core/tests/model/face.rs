//! The commands of the naive model, under the names of the dispatcher. `ends` has `complete` and `resume_lane`,
//! `stopping` has `close`, `fire_due` and `poll_timeout`.

use std::time::Duration;

use inorder::{Handle, Lane, PushError, Release, Seq, Source, Time, What, Why};

use crate::naive::{Cut, Item, Naive, Phase, SourceModel, Stage, Verdict};
use crate::numbers::{Numbering, Numbers};
use crate::progress::Progress;

impl Naive {
    pub(crate) fn at(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    /// `given` is what the dispatcher answered. False where it should have refused.
    pub(crate) fn open_source(
        &mut self,
        keyed: bool,
        acknowledged: bool,
        numbering: Option<Numbering>,
        given: Option<Source>,
    ) -> bool {
        let Some(id) = given.filter(|_| self.phase == Phase::Open) else {
            return self.phase != Phase::Open;
        };
        let is_new = self.sources.iter().all(|source| source.id != id);
        self.sources.push(SourceModel {
            id,
            keyed,
            progress: acknowledged.then(Progress::default),
            taking: false,
            open: true,
            ended: false,
            starved: false,
            revoked: false,
            revoke_due: None,
            cut: Cut::Nowhere,
            failed: None,
            next_seq: 0,
            numbers: numbering.map(|numbering| Numbers::new(numbering, self.config.capacity)),
            last_start: 0,
        });
        is_new
    }

    pub(crate) fn push(
        &mut self,
        id: Source,
        lane: Option<Lane>,
        given: Option<Handle>,
    ) -> Result<(), PushError> {
        let index = self.accepting(id)?;
        if self.sources[index].numbers.is_some() {
            return Err(PushError::Numbering);
        }
        let seq = self.sources[index].next_seq;
        if let Some(progress) = &mut self.sources[index].progress {
            if progress.restored.contains(&seq) {
                progress.received.insert(seq);
                self.sources[index].next_seq += 1;
                self.counts.restored += 1;
                return Err(PushError::Restored);
            }
        }
        if self.in_flight(index) >= self.config.capacity {
            self.sources[index].starved = true;
            return Err(PushError::Full);
        }
        self.sources[index].next_seq += 1;
        if let Some(progress) = &mut self.sources[index].progress {
            progress.received.insert(seq);
        }
        let turn = Some(self.tick());
        self.accept(index, seq, lane, given, Stage::Queued, turn);
        self.refresh_line();
        Ok(())
    }

    pub(crate) fn reject(&mut self, handle: Handle) -> bool {
        let Some(at) = self.look_up(handle) else { return false };
        let waits = matches!(self.items[at].stage, Stage::Early | Stage::Queued);
        self.items[at].rejected |= waits;
        waits
    }

    pub(crate) fn refuse(&mut self) {
        self.counts.refused += 1;
    }

    pub(crate) fn end(&mut self, id: Source) {
        if let Some(index) = self.open_source_of(id) {
            self.end_source(index);
        }
    }

    pub(crate) fn cancel(&mut self, handle: Handle) -> bool {
        let Some(at) = self.look_up(handle) else { return false };
        let is_open = match self.items[at].stage {
            Stage::Early | Stage::Queued | Stage::Backoff | Stage::Halted => {
                self.settle(at, Verdict::Nothing(Why::Cancelled));
                true
            }
            Stage::Running => {
                self.signal(at, Why::Cancelled);
                true
            }
            Stage::HandOver
            | Stage::HandingOver
            | Stage::Settled(_)
            | Stage::Lent(_)
            | Stage::Lost
            | Stage::LostLent
            | Stage::Detached => false,
        };
        self.refresh_line();
        is_open
    }

    /// The item whose result comes out next, if it is there and none is lent.
    pub(crate) fn next_result(&self, id: Source) -> Option<usize> {
        let index = self.open_source_of(id)?;
        let is_lent = |item: &Item| {
            item.source == index && matches!(item.stage, Stage::Lent(_) | Stage::LostLent)
        };
        if self.items.iter().any(is_lent) {
            return None;
        }
        let is_result = |at: &usize| {
            let stage = self.items[*at].stage;
            matches!(stage, Stage::Settled(Verdict::Ok | Verdict::Failed) | Stage::Lost)
        };
        if self.config.ordered {
            return self.head(index).filter(is_result);
        }
        self.order(index).into_iter().filter(is_result).min_by_key(|at| self.items[*at].settled)
    }

    /// What stands for numbers that were given up has the handle that was given.
    pub(crate) fn poll_release(&mut self, id: Source, given: Option<Handle>) -> Option<Release> {
        let at = self.next_result(id)?;
        if self.items[at].stage == Stage::Lost {
            return Some(self.lend_lost(at, given));
        }
        let item = &mut self.items[at];
        let Stage::Settled(verdict) = item.stage else { return None };
        item.stage = Stage::Lent(verdict);
        let what = if verdict == Verdict::Ok { What::Ok } else { What::Failed };
        Some(Release { handle: item.handle, seq: item.seq, attempt: item.attempt, what })
    }

    pub(crate) fn released(&mut self, handle: Handle) -> bool {
        let Some(source) = self.lent(handle) else { return false };
        let at = self.find(handle).expect("it is lent");
        if self.items[at].stage == Stage::LostLent {
            self.remove(handle);
        } else {
            if self.sources[source].cut != Cut::Everything {
                self.note_completed(at);
            }
            self.leave(handle);
        }
        if self.config.ordered {
            self.pass_heads(source);
        }
        self.note_drained(source);
        true
    }

    pub(crate) fn undelivered(&mut self, handle: Handle) -> bool {
        let Some(source) = self.lent(handle) else { return false };
        self.cut_off(handle);
        let mut held: Vec<&Item> = self.items.iter().filter(|item| item.source == source).collect();
        held.retain(|item| {
            matches!(item.stage, Stage::Settled(Verdict::Ok | Verdict::Failed) | Stage::Lost)
        });
        held.sort_by_key(|item| item.settled);
        for (handle, stage) in held.iter().map(|it| (it.handle, it.stage)).collect::<Vec<_>>() {
            if stage == Stage::Lost { self.drop_lost(handle) } else { self.pass(handle) }
        }
        self.remove(handle);
        self.note_drained(source);
        self.refresh_line();
        true
    }

    pub(crate) fn taking(&mut self, id: Source, taking: bool) {
        let Some(index) = self.open_source_of(id) else { return };
        let ends = std::mem::replace(&mut self.sources[index].taking, taking) && !taking;
        for at in self.order(index) {
            if ends && matches!(self.items[at].stage, Stage::Settled(_)) {
                self.note_completed(at);
            }
        }
    }

    pub(crate) fn stop_source(&mut self, id: Source, from: Seq) {
        if let Some(index) = self.open_source_of(id) {
            self.stop_at(index, from);
            self.refresh_line();
        }
    }

    pub(crate) fn revoke(&mut self, id: Source, timeout: Option<Duration>) {
        if let Some(index) = self.open_source_of(id) {
            self.revoke_source(index, timeout);
        }
    }

    pub(crate) fn fence(&mut self, id: Source) {
        if let Some(index) = self.open_source_of(id) {
            self.fence_source(index);
        }
    }

    pub(crate) fn set_paused(&mut self, paused: bool) {
        self.paused = paused && self.phase == Phase::Open;
    }

    pub(crate) fn set_limits(&mut self, concurrency: usize, capacity: usize) -> bool {
        if concurrency == 0 || capacity < concurrency {
            return false;
        }
        let before = self.config.capacity;
        (self.config.concurrency, self.config.capacity) = (concurrency, capacity);
        for index in self.open_sources() {
            let is_told = match &mut self.sources[index].numbers {
                None => self.in_flight(index) < capacity,
                Some(numbers) => {
                    numbers.capacity = capacity as u64;
                    capacity > before
                }
            };
            if is_told {
                self.tell_starved(index);
            }
        }
        true
    }

    // helpers

    pub(crate) fn accepting(&self, id: Source) -> Result<usize, PushError> {
        self.open_source_of(id).filter(|index| !self.sources[*index].ended).ok_or(PushError::Closed)
    }

    pub(crate) fn accept(
        &mut self,
        source: usize,
        seq: Seq,
        lane: Option<Lane>,
        given: Option<Handle>,
        stage: Stage,
        turn: Option<u64>,
    ) {
        self.counts.accepted += 1;
        let handle = given.unwrap_or(Handle::from_bits(u64::MAX));
        let deadline = self.config.total_timeout.map(|span| self.now.after(span));
        let item = Item::new(handle, source, seq, self.now);
        self.items.push(Item { lane, stage, turn, deadline, ..item });
    }

    fn lent(&mut self, handle: Handle) -> Option<usize> {
        let at = self.look_up(handle)?;
        let is_lent = matches!(self.items[at].stage, Stage::Lent(_) | Stage::LostLent);
        is_lent.then(|| self.items[at].source)
    }

    pub(crate) fn end_source(&mut self, index: usize) {
        if !self.sources[index].ended {
            self.end_numbers(index);
        }
        self.sources[index].ended = true;
        self.tell_starved(index);
        self.note_drained(index);
    }
}
