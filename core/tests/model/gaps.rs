//! The naive model: numbers that come, and those that do not.

use inorder::{
    Arrival, Event, Handle, Insert, Lane, OnGap, PushError, Release, Rest, Seq, SequenceError,
    Source, What,
};

use crate::naive::{Item, Naive, Stage};
use crate::numbers::Numbers;

/// Handles that no dispatcher gives, for what it has not named yet.
const UNNAMED: u64 = (u32::MAX as u64) << 20;

impl Naive {
    /// The arrival has the handle that was given, where it has one.
    pub(crate) fn push_at(
        &mut self,
        id: Source,
        lane: Option<Lane>,
        number: Seq,
        given: Option<Handle>,
    ) -> Result<Arrival, PushError> {
        let index = self.accepting(id)?;
        let before = self.next_number(index);
        let Some(numbers) = &mut self.sources[index].numbers else {
            return Err(PushError::Numbering);
        };
        numbers.begin(number);
        let Some(seq) = numbers.seq_of(number) else {
            self.counts.late += 1;
            return Ok(Arrival::Late);
        };
        let lost: Vec<(Seq, Seq)> = numbers.in_the_way_of(seq).into_iter().collect();
        lost.iter().for_each(|(first, last)| numbers.give_up(*first, *last));
        if !lost.is_empty() && numbers.look(seq) == Insert::TooFar {
            let items = self.in_flight(index);
            self.move_on(index, before, lost, false);
            if self.in_flight(index) == items {
                // unordered, what was cancelled before leaves with it, and the next number may be missing, too
                return self.push_at(id, lane, number, given);
            }
            // what is cancelled has left: its slot is free when that was told
            self.sources[index].starved = true;
            self.tell_starved(index);
            return Ok(Arrival::TooFar);
        }
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
            Insert::Restored => {
                self.counts.restored += 1;
                return Ok(Arrival::Restored);
            }
            Insert::Suspect => unreachable!("without restarts"),
            Insert::Ready | Insert::Held => numbers.arrive(seq),
        }
        self.accept(index, seq, lane, given, Stage::Early, None);
        self.move_on(index, before, lost, false);
        let handle = given.unwrap_or(Handle::from_bits(u64::MAX));
        Ok(if look == Insert::Ready { Arrival::Ready(handle) } else { Arrival::Held(handle) })
    }

    /// No more comes: what is missing is given up, or an error.
    pub(crate) fn end_numbers(&mut self, index: usize) {
        let before = self.next_number(index);
        let Some(numbers) = &mut self.sources[index].numbers else { return };
        if numbers.numbering.gap == OnGap::Fail && numbers.first_awaited().is_some() {
            return self.fail_at_gap(index);
        }
        let mut lost = Vec::new();
        while let Some((first, last)) = numbers.first_awaited() {
            numbers.give_up(first, last);
            lost.push((first, last));
        }
        self.move_on(index, before, lost, true);
    }

    /// The time of what is missing is over.
    pub(crate) fn gap_is_over(&mut self, index: usize) {
        let before = self.next_number(index);
        let Some(numbers) = &mut self.sources[index].numbers else { return };
        if numbers.numbering.gap == OnGap::Fail {
            return self.fail_at_gap(index);
        }
        let Some((first, last)) = numbers.first_missing() else { return };
        numbers.give_up(first, last);
        self.move_on(index, before, vec![(first, last)], false);
    }

    pub(crate) fn warn_of_gap(&mut self, index: usize) {
        let Some(numbers) = &mut self.sources[index].numbers else { return };
        let Some((at, last)) = numbers.first_missing() else { return };
        numbers.told();
        let (first, last) = (numbers.wire(at), numbers.wire(last));
        self.events.push(Event::Gap { source: self.sources[index].id, at, first, last });
    }

    /// The error at the failed position, where that is a gap.
    pub(crate) fn gap_error(&self, id: Source) -> Option<(Seq, SequenceError)> {
        let source = &self.sources[self.open_source_of(id)?];
        let item = &self.items[self.find(source.failed?)?];
        let numbers = source.numbers.as_ref().filter(|_| !item.stage.is_item())?;
        let (first, last) = (numbers.wire(item.seq), numbers.wire(item.last));
        Some((item.seq, SequenceError::GapTimeout { first, last, key: () }))
    }

    pub(crate) fn lend_lost(&mut self, at: usize, given: Option<Handle>) -> Release {
        let item = &mut self.items[at];
        item.stage = Stage::LostLent;
        let unnamed = item.handle;
        item.handle = given.unwrap_or(unnamed);
        let (handle, seq, last) = (item.handle, item.seq, item.last);
        let source = &mut self.sources[item.source];
        let is_error = source.failed == Some(unnamed);
        if is_error {
            source.failed = Some(handle);
        }
        let wire = |seq| source.numbers.as_ref().map_or(seq, |numbers| numbers.wire(seq));
        let (first, last) = (wire(seq), wire(last));
        let what =
            if is_error { What::GapTimeout { first, last } } else { What::Lost { first, last } };
        Release { handle, seq, attempt: 0, what }
    }

    /// It does not come out. Who has it is told.
    pub(crate) fn drop_lost(&mut self, handle: Handle) {
        let item = self.remove(handle);
        if item.stage == Stage::LostLent {
            self.events.push(Event::Left { handle, rest: Rest::Settled, why: None });
        }
        self.note_drained(item.source);
    }

    fn next_number(&self, index: usize) -> Seq {
        self.sources[index].numbers.as_ref().map_or(0, Numbers::next)
    }

    /// Nothing comes out behind what is missing.
    fn fail_at_gap(&mut self, index: usize) {
        let numbers = self.sources[index].numbers.as_ref();
        let Some((first, last)) = numbers.and_then(Numbers::first_missing) else { return };
        let handle = self.enter_lost(index, first, last);
        self.cut_off_at_gap(index, first, handle);
        self.refresh_line();
    }

    /// Numbers that were given up take their place in the order.
    fn enter_lost(&mut self, index: usize, first: Seq, last: Seq) -> Handle {
        let (turn, settled) = (self.tick(), self.tick());
        let handle = Handle::from_bits(UNNAMED + turn);
        let item = Item::new(handle, index, first, self.now);
        let stage = Stage::Lost;
        self.items.push(Item { last, stage, turn: Some(turn), settled, ..item });
        handle
    }

    /// What has arrived and has nothing missing before it comes in order, and what was given up, number by number.
    fn move_on(&mut self, index: usize, before: Seq, lost: Vec<(Seq, Seq)>, at_the_end: bool) {
        let mut lost = lost.into_iter().peekable();
        while let Some(expected) = self.sources[index].numbers.as_ref().map(Numbers::expected) {
            let due =
                |item: &Item| item.source == index && item.turn.is_none() && item.seq < expected;
            let due = (0..self.items.len()).filter(|at| due(&self.items[*at]));
            let arrived = due.min_by_key(|at| self.items[*at].seq);
            let is_before = |first: Seq| arrived.is_none_or(|at| first < self.items[at].seq);
            if let Some((first, last)) = lost.next_if(|(first, _)| is_before(*first)) {
                self.counts.lost += last - first + 1;
                self.given_up.push((self.sources[index].id, first, last));
                let numbers = self.sources[index].numbers.as_ref().expect("it has them");
                let comes_out = numbers.numbering.losses_come_out;
                if comes_out {
                    self.enter_lost(index, first, last);
                }
                if at_the_end || !comes_out {
                    let numbers = self.sources[index].numbers.as_ref().expect("it has them");
                    let (first, last) = (numbers.wire(first), numbers.wire(last));
                    self.events.push(Event::Lost { source: self.sources[index].id, first, last });
                }
                continue;
            }
            let Some(at) = arrived else { break };
            self.items[at].turn = Some(self.tick());
            if self.items[at].stage == Stage::Early {
                self.items[at].stage = Stage::Queued;
            }
            self.pass_heads(index);
        }
        if self.next_number(index) > before {
            self.tell_starved(index);
        }
        let now = self.now;
        if let Some(numbers) = &mut self.sources[index].numbers {
            numbers.watch(now);
        }
        self.refresh_line();
    }
}
