//! The commands and getters of the naive model, under the names of the dispatcher.

use std::time::Duration;

use inorder::{
    Arrival, Blocked, BlockedState, Completion, Event, Handle, Insert, Lane, Outcome, PushError,
    Release, Seq, Source, Time, What, Why,
};

use crate::naive::{Cut, Item, Naive, Phase, SourceModel, Stage, Verdict};
use crate::numbers::Numbers;

impl Naive {
    pub(crate) fn at(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    /// `given` is what the dispatcher answered. False where it should have refused.
    pub(crate) fn open_source(
        &mut self,
        keyed: bool,
        start: Option<Seq>,
        given: Option<Source>,
    ) -> bool {
        let Some(id) = given.filter(|_| self.phase == Phase::Open) else {
            return self.phase != Phase::Open;
        };
        let is_new = self.sources.iter().all(|source| source.id != id);
        self.sources.push(SourceModel {
            id,
            keyed,
            open: true,
            ended: false,
            starved: false,
            revoked: false,
            cut: Cut::Nowhere,
            failed: None,
            next_seq: 0,
            numbers: start.map(|start| Numbers::new(start, self.config.capacity)),
            missing_since: self.now,
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
        if self.in_flight(index) >= self.config.capacity {
            self.sources[index].starved = true;
            return Err(PushError::Full);
        }
        let seq = self.sources[index].next_seq;
        self.sources[index].next_seq += 1;
        let turn = Some(self.tick());
        self.accept(index, seq, lane, given, Stage::Queued, turn);
        self.refresh_line();
        Ok(())
    }

    /// The arrival has the handle that was given, where it has one.
    pub(crate) fn push_at(
        &mut self,
        id: Source,
        lane: Option<Lane>,
        seq: Seq,
        given: Option<Handle>,
    ) -> Result<Arrival, PushError> {
        let index = self.accepting(id)?;
        let Some(numbers) = &mut self.sources[index].numbers else {
            return Err(PushError::Numbering);
        };
        let look = numbers.look(seq);
        match look {
            Insert::Duplicate => {
                self.counts.duplicate += 1;
                return Ok(Arrival::Duplicate);
            }
            Insert::Late => {
                self.counts.late += 1;
                return Ok(Arrival::Late);
            }
            Insert::TooFar => {
                self.sources[index].starved = true;
                return Ok(Arrival::TooFar);
            }
            Insert::Ready | Insert::Held => numbers.arrive(seq),
            Insert::Restored | Insert::Suspect => unreachable!("without checkpoint and restarts"),
        }
        let is_first_early =
            !self.items.iter().any(|item| item.source == index && item.turn.is_none());
        if is_first_early {
            self.sources[index].missing_since = self.now;
        }
        self.accept(index, seq, lane, given, Stage::Early, None);
        self.bring_in_order(index);
        let handle = given.unwrap_or(Handle::from_bits(u64::MAX));
        Ok(if look == Insert::Ready { Arrival::Ready(handle) } else { Arrival::Held(handle) })
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

    pub(crate) fn complete(
        &mut self,
        handle: Handle,
        attempt: u32,
        outcome: Outcome,
    ) -> Completion {
        let Some(at) = self.look_up(handle) else { return Completion::Stale };
        let item = &self.items[at];
        let is_current = item.attempt == attempt;
        let completion = match (item.stage, item.fate) {
            (Stage::Running, Some(why)) if is_current => {
                self.counts.ignored += 1;
                self.settle(at, Verdict::Cancelled(why));
                Completion::Ignored
            }
            (Stage::Running, None) if is_current => {
                let verdict = match outcome {
                    Outcome::Ok => Verdict::Ok,
                    Outcome::FAILED => Verdict::Failed,
                    Outcome::Cancelled => Verdict::Cancelled(Why::Cancelled),
                    other @ (Outcome::Failed { .. } | _) => panic!("unknown {other:?}"),
                };
                self.settle(at, verdict);
                Completion::Settled
            }
            (Stage::Detached, _) if is_current => {
                self.counts.ignored += 1;
                let lane = self.items.remove(at).lane;
                self.note_lane(lane);
                Completion::Ignored
            }
            _ => {
                self.counts.stale += 1;
                Completion::Stale
            }
        };
        self.refresh_line();
        completion
    }

    pub(crate) fn cancel(&mut self, handle: Handle) -> bool {
        let Some(at) = self.look_up(handle) else { return false };
        let is_open = match self.items[at].stage {
            Stage::Early | Stage::Queued => {
                self.settle(at, Verdict::Cancelled(Why::Cancelled));
                true
            }
            Stage::Running => {
                self.signal(at, Why::Cancelled);
                true
            }
            Stage::Settled(_) | Stage::Lent(_) | Stage::Detached => false,
        };
        self.refresh_line();
        is_open
    }

    pub(crate) fn poll_release(&mut self, id: Source) -> Option<Release> {
        let index = self.open_source_of(id)?;
        if self
            .items
            .iter()
            .any(|item| item.source == index && matches!(item.stage, Stage::Lent(_)))
        {
            return None;
        }
        let is_result = |at: &usize| {
            matches!(self.items[*at].stage, Stage::Settled(Verdict::Ok | Verdict::Failed))
        };
        let at = if self.config.ordered {
            self.head(index).filter(is_result)?
        } else {
            self.order(index)
                .into_iter()
                .filter(is_result)
                .min_by_key(|at| self.items[*at].settled)?
        };
        let item = &mut self.items[at];
        let Stage::Settled(verdict) = item.stage else { return None };
        item.stage = Stage::Lent(verdict);
        let what = if verdict == Verdict::Ok { What::Ok } else { What::Failed };
        Some(Release { handle: item.handle, seq: item.seq, attempt: item.attempt, what })
    }

    pub(crate) fn released(&mut self, handle: Handle) -> bool {
        let Some(source) = self.lent(handle) else { return false };
        self.leave(handle);
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
        held.retain(|item| matches!(item.stage, Stage::Settled(Verdict::Ok | Verdict::Failed)));
        held.sort_by_key(|item| item.settled);
        for handle in held.iter().map(|item| item.handle).collect::<Vec<_>>() {
            self.pass(handle);
        }
        self.remove(handle);
        self.note_drained(source);
        self.refresh_line();
        true
    }

    pub(crate) fn close(&mut self, timeout: Option<Duration>) {
        let due = timeout.map(|timeout| self.now.after(timeout));
        match self.phase {
            Phase::Open => {
                self.phase = Phase::Draining(due);
                for index in self.open_sources() {
                    self.end_source(index);
                }
                self.note_over();
            }
            Phase::Draining(earlier) => {
                self.phase = Phase::Draining(match (earlier, due) {
                    (Some(earlier), Some(due)) => Some(earlier.min(due)),
                    (one, other) => one.or(other),
                });
            }
            Phase::Grace(_) | Phase::Over => {}
        }
        if timeout == Some(Duration::ZERO) {
            self.fire_due();
        }
        self.refresh_line();
    }

    pub(crate) fn handle_timeout(&mut self) {
        self.fire_due();
        self.refresh_line();
    }

    // getters

    pub(crate) fn wants(&self, id: Source) -> usize {
        let Some(index) = self.open_source_of(id).filter(|index| !self.sources[*index].ended)
        else {
            return 0;
        };
        let room = self.config.capacity.saturating_sub(self.in_flight(index));
        if self.sources[index].keyed {
            return room;
        }
        let busy =
            self.count(|stage| matches!(stage, Stage::Early | Stage::Queued | Stage::Running));
        room.min((self.config.concurrency + 1).saturating_sub(busy))
    }

    pub(crate) fn is_full(&self, id: Source) -> bool {
        self.open_source_of(id).is_some_and(|index| self.in_flight(index) >= self.config.capacity)
    }

    pub(crate) fn oldest(&self, id: Source) -> Option<Seq> {
        let index = self.open_source_of(id)?;
        self.blocked(index).map(|blocked| blocked.0)
    }

    pub(crate) fn failed(&self, id: Source) -> Option<Handle> {
        self.sources[self.open_source_of(id)?].failed
    }

    /// Of the head of the release order: number, attempt, since when, state.
    fn blocked(&self, index: usize) -> Option<(Seq, u32, Time, BlockedState)> {
        if let Some(at) = self.head(index) {
            let item = &self.items[at];
            let state = match item.stage {
                Stage::Early | Stage::Queued => BlockedState::Queued,
                Stage::Running | Stage::Detached => BlockedState::Running,
                Stage::Settled(_) | Stage::Lent(_) => BlockedState::Untaken,
            };
            return Some((item.seq, item.attempt, item.accepted, state));
        }
        let source = &self.sources[index];
        let numbers = source.numbers.as_ref().filter(|_| self.in_flight(index) > 0)?;
        Some((numbers.expected(), 0, source.missing_since, BlockedState::Missing))
    }

    pub(crate) fn is_blocked_by(&self, now: Time, id: Source, blocked: Option<Blocked>) -> bool {
        let index = self.open_source_of(id);
        let expected = index.and_then(|index| Some((index, self.blocked(index)?)));
        match (expected, blocked) {
            (None, None) => true,
            (Some((index, (seq, attempt, since, state))), Some(blocked)) => {
                let behind = self.in_flight(index) - usize::from(state != BlockedState::Missing);
                let age = Duration::from_micros(now.since(since));
                (blocked.seq, blocked.attempt, blocked.age, blocked.state)
                    == (seq, attempt, age, state)
                    && blocked.waiting == behind as u64
            }
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    pub(crate) fn oldest_age(&self, now: Time) -> Duration {
        let heads = self.open_sources().into_iter().filter_map(|index| self.blocked(index));
        heads
            .map(|(_, _, since, _)| Duration::from_micros(now.since(since)))
            .max()
            .unwrap_or(Duration::ZERO)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.phase != Phase::Open
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.phase == Phase::Over
    }

    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        match self.phase {
            Phase::Draining(due) => due,
            Phase::Grace(due) => Some(due),
            Phase::Open | Phase::Over => None,
        }
    }

    // helpers

    fn accepting(&self, id: Source) -> Result<usize, PushError> {
        self.open_source_of(id).filter(|index| !self.sources[*index].ended).ok_or(PushError::Closed)
    }

    fn accept(
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
        let (accepted, settled) = (self.now, 0);
        self.items.push(Item {
            handle,
            source,
            seq,
            lane,
            accepted,
            stage,
            attempt: 0,
            fate: None,
            rejected: false,
            turn,
            settled,
        });
    }

    fn lent(&mut self, handle: Handle) -> Option<usize> {
        let at = self.look_up(handle)?;
        matches!(self.items[at].stage, Stage::Lent(_)).then(|| self.items[at].source)
    }

    /// What has arrived and has nothing missing before it comes in order, number by number.
    fn bring_in_order(&mut self, index: usize) {
        while let Some(expected) = self.sources[index].numbers.as_ref().map(Numbers::expected) {
            let due =
                |item: &Item| item.source == index && item.turn.is_none() && item.seq < expected;
            let due = (0..self.items.len()).filter(|at| due(&self.items[*at]));
            let Some(at) = due.min_by_key(|at| self.items[*at].seq) else { break };
            self.sources[index].missing_since = self.now;
            self.items[at].turn = Some(self.tick());
            if self.items[at].stage == Stage::Early {
                self.items[at].stage = Stage::Queued;
            }
            self.pass_heads(index);
        }
        self.refresh_line();
    }

    fn end_source(&mut self, index: usize) {
        while self.sources[index].cut == Cut::Nowhere {
            let Some(numbers) = &mut self.sources[index].numbers else { break };
            let Some((first, last)) = numbers.first_missing() else { break };
            numbers.give_up(first, last);
            self.events.push(Event::Lost { source: self.sources[index].id, first, last });
            self.bring_in_order(index);
        }
        self.sources[index].ended = true;
        self.tell_starved(index);
        self.note_drained(index);
    }
}
