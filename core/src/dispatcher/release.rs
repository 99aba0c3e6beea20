//! Release: what comes out, in which order, and what is passed over.

use alloc::vec::Vec;

use super::Dispatcher;
use super::flags::Flag;
use super::sources::Cut;
use crate::event::{Event, Why};
use crate::hint::rarely;
use crate::ids::{Handle, Seq, Source};
use crate::outcome::{Release, What};
use crate::slots::{Item, NIL, State, Verdict};

impl Dispatcher {
    /// The item at the failed position of a source, while it is in flight.
    #[must_use]
    pub fn failed(&self, source: Source) -> Option<Handle> {
        let slot = self.sources[self.sources.find(source)?].failed;
        (slot != NIL).then(|| self.items.handle(slot))
    }

    /// The lowest number of a source that is in flight. With ordered release everything below it has left.
    #[must_use]
    pub fn oldest(&self, source: Source) -> Option<Seq> {
        let state = &self.sources[self.sources.find(source)?];
        let mut order = core::iter::successors(state.order.head(), |slot| {
            state.order.after(&self.items, *slot)
        });
        if let Some(oldest) = order.find(|slot| !self.is_gap(*slot)) {
            return Some(self.items[oldest].seq);
        }
        state
            .sequenced
            .as_ref()
            .filter(|sequenced| sequenced.waiting > 0)
            .map(|s| s.sequencer.expected())
    }

    #[inline(always)]
    pub(super) fn lend_next(&mut self, source: Source) -> Option<Release> {
        let (_, state) = self.sources.get_mut(source)?;
        // ordered, what is lent is the head
        let slot =
            if rarely(!self.ordered) { state.next_settled()? } else { state.order.head()? };
        let item = &mut self.items[slot];
        let State::Held(verdict) = item.state else { return self.lend_gap(slot) };
        let what = match verdict {
            Verdict::Ok => What::Ok,
            Verdict::Failed => What::Failed,
            Verdict::Nothing(_) => return None,
        };
        item.state = State::Lent(verdict);
        let release = Release { handle: item.handle, seq: item.seq, attempt: item.attempt, what };
        if rarely(!self.ordered) {
            state.lend(slot);
            state.settled.remove(&mut self.items, slot);
        }
        Some(release)
    }

    #[inline(always)]
    pub(super) fn take_back(&mut self, handle: Handle) -> bool {
        if rarely(!self.ends_are_plain) {
            self.note_delivered(handle);
        }
        let Some((slot, item)) = self.items.lookup(handle) else {
            self.tally.stale += 1;
            return false;
        };
        if !matches!(item.state, State::Lent(_)) {
            return self.take_gap_back(handle);
        }
        let (index, seq, neighbours) = (item.source, item.seq, item.order);
        self.items.remove(slot);
        self.tally.released += 1;
        let state = &mut self.sources[index];
        state.let_go(&mut self.items, slot, seq, neighbours);
        let is_next_cancelled = state
            .order
            .head()
            .is_some_and(|head| matches!(self.items[head].state, State::Held(Verdict::Nothing(_))));
        if rarely(is_next_cancelled || !state.flags.is_empty() || self.overflowed) {
            self.follow(index);
        } else if self.heads_apart {
            self.note_head(index);
        }
        true
    }

    pub(super) fn fail_delivery(&mut self, handle: Handle) -> bool {
        let Some((slot, index)) = self.lent_gap(handle).or_else(|| self.lent(handle)) else {
            return false;
        };
        self.cut_off(slot);
        // what was settled and not delivered comes after it, whatever its number
        let settled: Vec<u32> =
            core::iter::from_fn(|| self.sources[index].settled.pop_front(&mut self.items))
                .collect();
        for slot in settled {
            self.pass(slot);
        }
        // it is neither released nor completed, so it is held for ever as far as the counters know
        if self.is_gap(slot) {
            self.forget_gap(slot);
        } else {
            self.forget(slot);
            self.tally.left += 1;
        }
        // its source accepts no more, but others may wait for the slot
        self.make_room(index);
        self.note_drained(index);
        true
    }

    /// Cuts off what comes out behind an item: cancels what is after it, and accepts no more.
    pub(super) fn cut_off(&mut self, slot: u32) {
        let (index, seq) = (self.items[slot].source, self.items[slot].seq);
        let failed = matches!(self.items[slot].state, State::Held(Verdict::Failed));
        self.sources[index].failed = if failed { slot } else { NIL };
        self.cut_off_at(index, seq, Some(slot));
    }

    /// Cuts off what comes out behind a gap that is an error.
    pub(super) fn cut_off_at_gap(&mut self, slot: u32) {
        let (index, seq) = (self.items[slot].source, self.items[slot].seq);
        self.sources[index].failed = slot;
        self.cut_off_at(index, seq, Some(slot));
    }

    /// Cuts off what comes out at a position, unless it is cut off there or before: a callback failed.
    pub(super) fn cut_off_from(&mut self, index: u32, from: Seq) {
        // what is missing does not come any more, and nothing behind it either
        let missing = self.sources[index].sequenced.as_ref().map(|it| it.sequencer.expected());
        let from = missing.map_or(from, |missing| missing.min(from));
        let is_earlier = match self.sources[index].cut {
            Cut::Nowhere => true,
            Cut::After(position) => from < position,
            Cut::Unsettled | Cut::Everything => false,
        };
        if is_earlier {
            self.sources[index].failed = NIL;
            self.cut_off_at(index, from, None);
            self.note_drained(index);
        }
    }

    /// Cancels what is at a position or behind it, but for the item that failed there, and accepts no more.
    fn cut_off_at(&mut self, index: u32, position: Seq, failed: Option<u32>) {
        let state = &mut self.sources[index];
        state.flags.set(Flag::Ended, true);
        state.cut = if self.ordered { Cut::After(position) } else { Cut::Unsettled };
        self.tell_starved(index);
        self.bring_early(index);
        for other in self.items_of(index) {
            let is_before = self.ordered && self.items[other].seq < position;
            if is_before || failed == Some(other) {
                continue;
            }
            let comes_out = match self.stop_item(other, Why::Failure) {
                // unordered, what was settled before comes out before
                Some(State::Held(verdict)) => {
                    !self.ordered && !matches!(verdict, Verdict::Nothing(_))
                }
                Some(State::Gap) => !self.ordered,
                Some(_) | None => true,
            };
            if !comes_out {
                self.pass(other);
            }
        }
        // one that is cut off itself still has to bring out what is before its position
        let goes_on = |other: &u32| *other != index && self.sources[*other].cut == Cut::Nowhere;
        for other in self.sources.indices().filter(goes_on).collect::<Vec<_>>() {
            self.give_back(other);
        }
    }

    /// Lets a cancelled item leave: at once if unordered, else when it is the head.
    pub(super) fn leave_in_turn(&mut self, slot: u32) {
        if self.ordered {
            let index = self.items[slot].source;
            self.pass_heads(index);
            self.note_drained(index);
        } else {
            self.pass(slot);
        }
    }

    /// Lets an item leave without a result, wherever it is in the order.
    pub(super) fn pass(&mut self, slot: u32) {
        if self.is_gap(slot) {
            self.drop_gap(slot);
            return;
        }
        let index = self.items[slot].source;
        let is_lost = self.sources[index].cut == Cut::Everything;
        let why = if let State::Held(Verdict::Nothing(why)) = self.items[slot].state {
            why
        } else if is_lost {
            Why::Fenced
        } else {
            Why::Failure
        };
        self.leave_untaken(slot, why);
        self.note_drained(index);
    }

    /// Takes an item out of its source and gives its slot back, without counting it as released.
    pub(super) fn forget(&mut self, slot: u32) {
        self.unlink(slot);
        self.items.remove(slot);
    }

    /// Takes an item out of its source.
    pub(super) fn unlink(&mut self, slot: u32) {
        let Item { source, seq, order, .. } = self.items[slot];
        self.sources[source].let_go(&mut self.items, slot, seq, order);
        self.note_head(source);
    }

    /// Reports a source that has ended and of which nothing is left.
    pub(super) fn note_drained(&mut self, index: u32) {
        let state = &self.sources[index];
        // what was given up comes out, too
        if state.flags.has(Flag::Ended)
            && state.in_flight == 0
            && state.order.is_empty()
            && state.is_open()
        {
            self.drained(index);
        }
    }

    /// Passes over the heads that give no result.
    pub(super) fn pass_heads(&mut self, index: u32) {
        if !self.ordered {
            return;
        }
        while let Some(slot) = self.sources[index].order.head() {
            let State::Held(Verdict::Nothing(why)) = self.items[slot].state else { return };
            self.leave_untaken(slot, why);
        }
    }

    /// Lets an item leave of which nothing comes out.
    fn leave_untaken(&mut self, slot: u32, why: Why) {
        let (handle, state) = (self.items.handle(slot), &self.sources[self.items[slot].source]);
        let is_done = matches!(why, Why::Skipped | Why::DeadLettered);
        if is_done && state.acknowledged && self.is_before_cut(slot) {
            self.note_completed(slot);
        }
        self.events.push_back(Event::Passed { handle, why });
        self.leave(slot);
    }

    /// Passes over a settled item of a source that is lost.
    pub(super) fn pass_fenced(&mut self, slot: u32) {
        let is_listed = matches!(
            self.items[slot].state,
            State::Held(Verdict::Ok | Verdict::Failed) | State::Gap
        );
        if !self.ordered && is_listed {
            let index = self.items[slot].source;
            self.sources[index].settled.remove(&mut self.items, slot);
        }
        self.pass(slot);
    }

    /// Tells that an item is completed by its settlement, where nobody takes results.
    pub(super) fn note_settled(&mut self, slot: u32) {
        let item = &self.items[slot];
        let state = &self.sources[item.source];
        let is_done = matches!(
            item.state,
            State::Held(Verdict::Ok | Verdict::Nothing(Why::Skipped | Why::DeadLettered))
        );
        if is_done && state.acknowledged && !state.taking && state.cut != Cut::Everything {
            self.note_completed(slot);
        }
    }

    /// Tells that an item is completed by being taken.
    fn note_delivered(&mut self, handle: Handle) {
        let Some((slot, item)) = self.items.lookup(handle) else { return };
        let state = &self.sources[item.source];
        let is_done = item.state == State::Lent(Verdict::Ok);
        if is_done && state.acknowledged && state.cut != Cut::Everything {
            self.note_completed(slot);
        }
    }

    /// Tells it once: whether results are taken may change between the settlement and the release.
    fn note_completed(&mut self, slot: u32) {
        let item = &mut self.items[slot];
        if !core::mem::replace(&mut item.is_completed, true) {
            self.sources[item.source].complete(item.seq);
            self.events.push_back(Event::Completed { handle: item.handle });
        }
    }

    /// Somebody begins to take what comes out of a source, or leaves: then what is settled is completed, but for what
    /// is lent, until it is given back.
    pub(super) fn change_taking(&mut self, index: u32, taking: bool) {
        let state = &mut self.sources[index];
        let ends = core::mem::replace(&mut state.taking, taking) && !taking;
        if ends && state.acknowledged {
            for slot in self.items_of(index) {
                self.note_settled(slot);
            }
        }
    }

    /// What follows when an item has left whose source has offers that wait, or has ended, or whose next item is
    /// cancelled.
    fn follow(&mut self, index: u32) {
        self.note_head(index);
        self.make_room(index);
        self.pass_heads(index);
        self.note_drained(index);
    }

    /// Lets an item leave the release order: its unit of capacity comes back.
    fn leave(&mut self, slot: u32) {
        let index = self.items[slot].source;
        self.tally.released += 1;
        self.forget(slot);
        self.make_room(index);
    }

    /// The slot and the source of an item that is lent.
    #[inline(always)]
    fn lent(&mut self, handle: Handle) -> Option<(u32, u32)> {
        let Some((slot, item)) = self.items.lookup(handle) else {
            self.tally.stale += 1;
            return None;
        };
        matches!(item.state, State::Lent(_)).then_some((slot, item.source))
    }

    #[cold]
    fn drained(&mut self, index: u32) {
        let source = self.sources.id(index);
        self.events.push_back(Event::Drained { source });
        self.forget_revoke(index);
        self.sources.close(index);
        self.note_over();
    }
}
