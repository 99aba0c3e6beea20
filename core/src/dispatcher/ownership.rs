//! Ownership: sources that are given up in good order, or lost.

use alloc::vec::Vec;
use core::time::Duration;

use super::Dispatcher;
use super::flags::Flag;
use super::sources::Cut;
use crate::event::Why;
use crate::slots::State;
use crate::time::Time;
use crate::timers::{Alarm, Kind};

impl Dispatcher {
    pub(super) fn revoke_source(&mut self, index: u32, timeout: Option<Duration>) {
        self.give_back(index);
        let state = &self.sources[index];
        // one that is lost already has nothing to wait for
        let waits = state.is_open() && state.cut != Cut::Everything;
        let Some(timeout) = timeout.filter(|_| waits) else { return };
        let due = self.now.after(timeout);
        // a second call can only shorten the time
        if self.sources[index].revoke_due.is_none_or(|earlier| due < earlier) {
            self.forget_revoke(index);
            self.sources[index].revoke_due = Some(due);
            self.alarms.insert(end_of_revoke(index, due));
        }
    }

    /// Hands back what does not run, and lets nothing more in.
    pub(super) fn give_back(&mut self, index: u32) {
        let state = &mut self.sources[index];
        if state.revoked {
            return;
        }
        state.revoked = true;
        state.flags.set(Flag::Ended, true);
        self.tell_starved(index);
        self.bring_early(index);
        for slot in self.items_of(index) {
            match self.items[slot].state {
                State::Early | State::Waiting | State::Ready | State::Backoff | State::Halted => {
                    self.settle_unstarted(slot, Why::HandedBack);
                }
                State::Free
                | State::Running
                | State::HandOver
                | State::HandingOver
                | State::Held(_)
                | State::Lent(_)
                | State::Detached
                | State::Gap
                | State::GapLent => {}
            }
        }
        // some that came early were cancelled before
        self.pass_heads(index);
        self.note_drained(index);
    }

    pub(super) fn fence_source(&mut self, index: u32) {
        let state = &mut self.sources[index];
        if !state.is_open() || state.cut == Cut::Everything {
            return;
        }
        state.revoked = true;
        state.flags.set(Flag::Ended, true);
        state.cut = Cut::Everything;
        state.fence();
        self.forget_revoke(index);
        self.tell_starved(index);
        self.bring_early(index);
        for slot in self.items_of(index) {
            // whoever has one that is lent says when it is done with it
            if let Some(State::Held(_) | State::Gap) = self.stop_item(slot, Why::Fenced) {
                self.pass_fenced(slot);
            }
        }
        self.note_drained(index);
    }

    pub(super) fn forget_revoke(&mut self, index: u32) {
        if let Some(due) = self.sources[index].revoke_due.take() {
            self.alarms.remove(&end_of_revoke(index, due));
        }
    }

    /// The items of a source in their order.
    pub(super) fn items_of(&self, index: u32) -> Vec<u32> {
        let order = &self.sources[index].order;
        core::iter::successors(order.head(), |slot| order.after(&self.items, *slot)).collect()
    }
}

fn end_of_revoke(source: u32, due: Time) -> Alarm {
    Alarm { due, kind: Kind::Revoke, source, seq: 0, slot: 0 }
}
