//! Release: what comes out, in which order, and what is passed over.

use alloc::vec::Vec;

use super::Dispatcher;
use super::sources::Cut;
use crate::event::{Event, Why};
use crate::ids::{Handle, Seq, Source};
use crate::outcome::{Release, What};
use crate::slots::{NIL, State, Verdict};

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
        if let Some(head) = state.order.head() {
            return Some(self.items[head].seq);
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
        let slot = match (self.ordered, state.lent) {
            (true, _) => state.order.head()?,
            (false, NIL) => state.settled.head()?,
            (false, _) => return None,
        };
        let item = &mut self.items[slot];
        let State::Held(verdict) = item.state else { return None };
        let what = match verdict {
            Verdict::Ok => What::Ok,
            Verdict::Failed => What::Failed,
            Verdict::Cancelled(_) => return None,
        };
        item.state = State::Lent(verdict);
        state.lent = slot;
        let release = Release { handle: item.handle, seq: item.seq, attempt: item.attempt, what };
        if !self.ordered {
            state.settled.remove(&mut self.items, slot);
        }
        Some(release)
    }

    #[inline(always)]
    pub(super) fn take_back(&mut self, handle: Handle) -> bool {
        let Some((slot, index)) = self.lent(handle) else { return false };
        self.tally.released += 1;
        let state = self.sources.unlink(&mut self.items, slot);
        self.items.remove(slot);
        let is_next_cancelled = state.order.head().is_some_and(|head| {
            matches!(self.items[head].state, State::Held(Verdict::Cancelled(_)))
        });
        if is_next_cancelled || state.ended || state.starved {
            self.follow(index);
        } else if self.heads_apart || self.overflowed {
            self.note_head(index);
            self.make_room(index);
        }
        true
    }

    pub(super) fn fail_delivery(&mut self, handle: Handle) -> bool {
        let Some((slot, index)) = self.lent(handle) else { return false };
        self.cut_off(slot);
        // what was settled and not delivered comes after it, whatever its number
        let settled: Vec<u32> =
            core::iter::from_fn(|| self.sources[index].settled.pop_front(&mut self.items))
                .collect();
        for slot in settled {
            self.pass(slot);
        }
        // it is neither released nor completed, so it is held for ever as far as the counters know
        self.forget(slot);
        // its source accepts no more, but others may wait for the slot
        self.make_room(index);
        self.note_drained(index);
        true
    }

    /// Cuts off what comes out behind an item: cancels what is after it, and accepts no more.
    pub(super) fn cut_off(&mut self, slot: u32) {
        let (index, seq) = (self.items[slot].source, self.items[slot].seq);
        let failed = matches!(self.items[slot].state, State::Held(Verdict::Failed));
        let state = &mut self.sources[index];
        state.ended = true;
        state.failed = if failed { slot } else { NIL };
        state.cut = if self.ordered { Cut::After(seq) } else { Cut::Unsettled };
        self.tell_starved(index);
        self.bring_early(index);
        let order = &self.sources[index].order;
        let first = if self.ordered { order.after(&self.items, slot) } else { order.head() };
        let behind = core::iter::successors(first, |other| order.after(&self.items, *other));
        let behind: Vec<u32> = behind.filter(|other| *other != slot).collect();
        for other in behind {
            match self.items[other].state {
                State::Early | State::Waiting | State::Ready => {
                    self.settle_unstarted(other, Why::Failure);
                }
                State::Running => self.signal(other, Why::Failure),
                State::Held(verdict) => {
                    // unordered, what was settled before comes out before
                    if self.ordered || matches!(verdict, Verdict::Cancelled(_)) {
                        self.pass(other);
                    }
                }
                State::Free | State::Lent(_) | State::Detached => {}
            }
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
        let index = self.items[slot].source;
        let why = if let State::Held(Verdict::Cancelled(why)) = self.items[slot].state {
            why
        } else {
            Why::Failure
        };
        let handle = self.items.handle(slot);
        self.events.push_back(Event::Passed { handle, why });
        self.leave(slot);
        self.note_drained(index);
    }

    /// Takes an item out of its source and gives its slot back, without counting it as released.
    pub(super) fn forget(&mut self, slot: u32) {
        self.unlink(slot);
        self.items.remove(slot);
    }

    /// Takes an item out of its source.
    pub(super) fn unlink(&mut self, slot: u32) {
        let index = self.items[slot].source;
        self.sources.unlink(&mut self.items, slot);
        self.note_head(index);
    }

    /// Reports a source that has ended and of which nothing is left.
    pub(super) fn note_drained(&mut self, index: u32) {
        let state = &self.sources[index];
        if state.ended && state.in_flight == 0 && state.is_open() {
            self.drained(index);
        }
    }

    /// Passes over the heads that give no result.
    fn pass_heads(&mut self, index: u32) {
        if !self.ordered {
            return;
        }
        while let Some(slot) = self.sources[index].order.head() {
            let State::Held(Verdict::Cancelled(why)) = self.items[slot].state else { return };
            let handle = self.items.handle(slot);
            self.events.push_back(Event::Passed { handle, why });
            self.leave(slot);
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
        self.sources.close(index);
        self.note_over();
    }
}
