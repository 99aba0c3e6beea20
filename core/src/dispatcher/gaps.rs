//! Gaps: numbers that do not come, and what stands for them where they were given up.
//!
//! Who looks at the numbers of a source is its [`Sequencer`](crate::Sequencer). Here is what follows when it moves on:
//! items come in order, and for each range that was given up an entry takes its place among them, which is lent and
//! taken back as a result is, and takes no unit of capacity.

use alloc::vec::Vec;

use super::Dispatcher;
use crate::event::{Event, Rest};
use crate::ids::{Handle, Seq, Source};
use crate::options::{OptionsError, SourceOptions};
use crate::outcome::{Release, What};
use crate::sequencer::{Due, SequenceError, SequencerEvent};
use crate::slots::{Item, NIL, State};
use crate::timers::{Alarm, Kind};

/// How far the numbers of a source were before something happened to them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reached {
    next: Seq,
    expected: Seq,
}

impl Reached {
    /// Whether the window has moved.
    pub(super) fn is_beyond(self, before: Self) -> bool {
        self.next > before.next
    }
}

impl Dispatcher {
    /// The error at the failed position of a source where that is a gap, and its position; while it is in flight.
    #[must_use]
    pub fn gap_error(&self, source: Source) -> Option<(Seq, SequenceError)> {
        let state = &self.sources[self.sources.find(source)?];
        let slot = state.failed;
        if slot == NIL || !self.is_gap(slot) {
            return None;
        }
        let (first, last) = self.given_up(slot)?;
        Some((self.items[slot].seq, SequenceError::GapTimeout { first, last, key: () }))
    }

    /// The position that a number has, or would have, which comes over the wire, as [`seq_of`](Self::seq_of) says it: the
    /// same where numbers do not wrap. By it offers that wait come in the order of their numbers. `None` where the source
    /// is not sequenced.
    #[must_use]
    pub fn unwrapped(&self, source: Source, number: Seq) -> Option<Seq> {
        let sequenced = self.sources[self.sources.find(source)?].sequenced.as_ref()?;
        Some(sequenced.sequencer.unwrapped(number))
    }

    /// Looks whether a source can be opened with these options.
    ///
    /// # Errors
    /// The first option that is out of its bounds, or that a source has not.
    pub fn check_source(&self, options: &SourceOptions) -> Result<(), OptionsError> {
        match options.numbers {
            None => Ok(()),
            Some(numbers) => numbers.check_source(self.capacity as usize),
        }
    }

    /// Looks whether the numbers of all sources allow such a window.
    pub(super) fn check_windows(&self, capacity: usize) -> Result<(), OptionsError> {
        for index in self.sources.indices() {
            let sequenced = self.sources[index].sequenced.as_ref();
            let most = sequenced.and_then(|sequenced| sequenced.most_capacity);
            if let Some(most) = most.filter(|most| capacity > *most) {
                let wrap = most.trailing_zeros() + 2;
                let (value, most) = (capacity as u64, most as u64);
                return Err(OptionsError::BeyondWrap {
                    name: "capacity",
                    value,
                    least: 1,
                    most,
                    wrap,
                });
            }
        }
        Ok(())
    }

    // the numbers move on

    /// How far the numbers of a source are.
    pub(super) fn reached(&self, index: u32) -> Option<Reached> {
        let sequencer = &self.sources[index].sequenced.as_ref()?.sequencer;
        Some(Reached { next: sequencer.next(), expected: sequencer.expected() })
    }

    /// What follows when numbers of a source may have come in order, been given up, or become an error.
    /// `at_the_end`: what was given up is told, too.
    pub(super) fn follow_numbers(&mut self, index: u32, before: Reached, at_the_end: bool) {
        self.bring_in_order(index, before.expected, at_the_end);
        let id = self.sources.id(index);
        while let Some(sequenced) = &mut self.sources[index].sequenced {
            let Some(event) = sequenced.sequencer.pop_event() else { break };
            if let SequencerEvent::Gap { first, last } = event {
                let at = sequenced.sequencer.expected();
                self.events.push_back(Event::Gap { source: id, at, first, last });
            }
        }
        let sequenced = self.sources[index].sequenced.as_mut();
        if sequenced.is_some_and(|sequenced| sequenced.sequencer.take_error().is_some()) {
            self.fail_at_gap(index);
        }
        if self.reached(index).is_some_and(|reached| reached.is_beyond(before)) {
            self.tell_starved(index);
        }
        self.watch_gaps(index);
    }

    /// Puts what came early, and what was given up, in the release order, from a number on and in the order of numbers.
    fn bring_in_order(&mut self, index: u32, mut from: Seq, at_the_end: bool) {
        loop {
            let state = &mut self.sources[index];
            let Some(sequenced) = &mut state.sequenced else { return };
            let arrived = sequenced.sequencer.first_in_order(from);
            let lost = sequenced.sequencer.first_lost();
            match (lost, arrived) {
                (Some((first, last)), arrived) if arrived.is_none_or(|seq| first < seq) => {
                    let _ = sequenced.sequencer.pop_lost();
                    from = last + 1;
                    self.give_up(index, (first, last), at_the_end);
                }
                (_, Some(seq)) => {
                    from = seq + 1;
                    self.bring_one(index, seq);
                }
                (_, None) => {
                    let expected = sequenced.sequencer.expected();
                    state.receive_restored(expected);
                    return;
                }
            }
        }
    }

    /// Puts what came early at the end of the release order: its turn has come.
    fn bring_one(&mut self, index: u32, seq: Seq) {
        let state = &mut self.sources[index];
        let Some(sequenced) = &mut state.sequenced else { return };
        let place = sequenced.place(seq);
        let slot = core::mem::replace(&mut sequenced.early[place], NIL);
        if slot == NIL {
            // unordered, it was cancelled and has left
            if sequenced.sequencer.leave(seq) {
                state.receive(seq);
            }
            return;
        }
        sequenced.waiting -= 1;
        state.receive(seq);
        self.enter_order(slot);
        if self.items[slot].state == State::Early {
            self.enter_lane(slot);
        } else {
            // it was cancelled before its turn
            self.leave_in_turn(slot);
        }
    }

    fn give_up(&mut self, index: u32, (first, last): (Seq, Seq), at_the_end: bool) {
        self.tally.lost = self.tally.lost.saturating_add(last - first + 1);
        let sequenced = self.sources[index].sequenced.as_ref();
        let comes_out = sequenced.is_some_and(|sequenced| sequenced.losses_come_out);
        let has_place = comes_out && self.enter_gap(index, first, last).is_some();
        if at_the_end || !has_place {
            self.tell_lost(index, (first, last));
        }
    }

    fn tell_lost(&mut self, index: u32, range: (Seq, Seq)) {
        let source = self.sources.id(index);
        let Some(sequenced) = &self.sources[index].sequenced else { return };
        let (first, last) = sequenced.sequencer.on_wire(range);
        self.events.push_back(Event::Lost { source, first, last });
    }

    /// The error: nothing comes out behind it.
    fn fail_at_gap(&mut self, index: u32) {
        let Some(sequenced) = &self.sources[index].sequenced else { return };
        let first = sequenced.sequencer.expected();
        let Some((_, last)) = sequenced.sequencer.gap_from(first) else { return };
        match self.enter_gap(index, first, last) {
            Some(slot) => self.cut_off_at_gap(slot),
            None => {
                self.tell_lost(index, (first, last));
                self.cut_off_from(index, first);
            }
        }
    }

    /// A place for a range at the end of the release order. `None` where there are as many items as there can be.
    fn enter_gap(&mut self, index: u32, first: Seq, last: Seq) -> Option<u32> {
        if self.items.is_full() {
            return None;
        }
        self.sources[index].sequenced.as_mut()?.given_up.insert(first, last);
        self.gaps += 1;
        let now = self.now;
        let (slot, _) =
            self.items.insert(|handle| Item::new(handle, index, first, None, now, State::Gap));
        self.enter_order(slot);
        if !self.ordered {
            self.sources[index].settled.push_back(&mut self.items, slot);
        }
        Some(slot)
    }

    // the timer

    /// Sets the alarm for what a source waits for next.
    pub(super) fn watch_gaps(&mut self, index: u32) {
        let Some(sequenced) = &mut self.sources[index].sequenced else { return };
        let alarm = sequenced.sequencer.due().map(|(due, what)| Alarm {
            due,
            kind: match what {
                Due::GiveUp => Kind::Gap,
                Due::Warn => Kind::GapWarning,
            },
            source: index,
            seq: sequenced.sequencer.expected(),
            slot: NIL,
        });
        let before = core::mem::replace(&mut sequenced.alarm, alarm);
        if before != alarm {
            if let Some(before) = before {
                self.alarms.remove(&before);
            }
            self.alarms.extend(alarm);
        }
    }

    /// Does what the alarm of a source is for, unless that is over.
    pub(super) fn fire_gap(&mut self, alarm: Alarm) {
        let index = alarm.source;
        let Some(before) = self.reached(index) else { return };
        let Some(sequenced) = &mut self.sources[index].sequenced else { return };
        if sequenced.alarm == Some(alarm) {
            sequenced.alarm = None;
            sequenced.sequencer.fire_next(self.now);
            self.follow_numbers(index, before, false);
        }
    }

    // the end

    /// Gives up what is missing, or fails where it is. Once something was cut off nothing is missing any more.
    pub(super) fn end_numbers(&mut self, index: u32) {
        let Some(before) = self.reached(index) else { return };
        let Some(sequenced) = &mut self.sources[index].sequenced else { return };
        sequenced.sequencer.end_held(self.now);
        self.follow_numbers(index, before, true);
    }

    /// Puts what came early at the end of the release order as it is: its source is cut off, and the rest of its
    /// numbers with it.
    pub(super) fn bring_early(&mut self, index: u32) {
        let Some(sequenced) = &mut self.sources[index].sequenced else { return };
        sequenced.sequencer.abandon();
        sequenced.waiting = 0;
        let mut early: Vec<u32> =
            sequenced.early.iter().copied().filter(|slot| *slot != NIL).collect();
        sequenced.early.fill(NIL);
        early.sort_unstable_by_key(|slot| self.items[*slot].seq);
        for slot in early {
            self.enter_order(slot);
        }
        self.watch_gaps(index);
    }

    // what stands for them

    /// Whether a slot stands for numbers that were given up.
    pub(super) fn is_gap(&self, slot: u32) -> bool {
        matches!(self.items[slot].state, State::Gap | State::GapLent)
    }

    /// The numbers for which a slot stands, as they come over the wire.
    fn given_up(&self, slot: u32) -> Option<(Seq, Seq)> {
        let item = &self.items[slot];
        let sequenced = self.sources[item.source].sequenced.as_ref()?;
        let last = sequenced.given_up.get(&item.seq)?;
        Some(sequenced.sequencer.on_wire((item.seq, *last)))
    }

    /// Lends it, where that is what a slot is.
    #[cold]
    pub(super) fn lend_gap(&mut self, slot: u32) -> Option<Release> {
        if self.items[slot].state != State::Gap {
            return None;
        }
        let (first, last) = self.given_up(slot)?;
        let item = &mut self.items[slot];
        item.state = State::GapLent;
        let (handle, seq, index) = (item.handle, item.seq, item.source);
        let state = &mut self.sources[index];
        let is_error = state.failed == slot;
        if !self.ordered {
            state.lend(slot);
            state.settled.remove(&mut self.items, slot);
        }
        let what =
            if is_error { What::GapTimeout { first, last } } else { What::Lost { first, last } };
        Some(Release { handle, seq, attempt: 0, what })
    }

    /// The slot and the source of one that is lent.
    pub(super) fn lent_gap(&self, handle: Handle) -> Option<(u32, u32)> {
        let (slot, item) = self.items.lookup(handle)?;
        (item.state == State::GapLent).then_some((slot, item.source))
    }

    /// Takes one back that was lent: no unit comes back with it.
    #[cold]
    pub(super) fn take_gap_back(&mut self, handle: Handle) -> bool {
        let Some((slot, index)) = self.lent_gap(handle) else { return false };
        self.forget_gap(slot);
        self.pass_heads(index);
        self.note_drained(index);
        true
    }

    /// Drops one that does not come out. Of one that is lent the driver is told.
    pub(super) fn drop_gap(&mut self, slot: u32) {
        let item = &self.items[slot];
        let (handle, index, is_lent) = (item.handle, item.source, item.state == State::GapLent);
        if is_lent {
            self.events.push_back(Event::Left { handle, rest: Rest::Settled, why: None });
        }
        self.forget_gap(slot);
        self.note_drained(index);
    }

    /// Takes it out of its source, but for the list of what is settled.
    pub(super) fn forget_gap(&mut self, slot: u32) {
        let (index, seq) = (self.items[slot].source, self.items[slot].seq);
        let state = &mut self.sources[index];
        state.order.remove(&mut self.items, slot);
        state.forget(slot);
        if let Some(sequenced) = &mut state.sequenced {
            sequenced.given_up.remove(&seq);
        }
        self.items.remove(slot);
        self.gaps -= 1;
        self.note_head(index);
        if self.overflowed {
            // it takes no unit, but its slot is one of those that all sources share
            self.make_room(index);
        }
    }
}
