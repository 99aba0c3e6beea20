//! Lanes: at most one item of a key at a time, in order, and each key in its turn.
//!
//! The first item of a lane that is free stands in the line; those behind it in the queue of the lane. So a lane
//! starts one item per turn, however many it has.

use alloc::vec::Vec;

use super::Dispatcher;
use crate::event::Event;
use crate::fifo::{Fifo, Work};
use crate::hint::rarely;
use crate::ids::Lane;
use crate::slots::{NIL, State};

#[derive(Clone, Debug)]
struct LaneState {
    /// The item in the line or running, or no slot.
    owner: u32,
    queue: Fifo<Work>,
    /// How many came early and stand nowhere yet: they keep the lane's number.
    early: u32,
}

/// All lanes that the host has numbered.
#[derive(Clone, Debug, Default)]
pub(super) struct Lanes {
    lanes: Vec<LaneState>,
}

impl Lanes {
    #[inline]
    fn get(&mut self, lane: Lane) -> &mut LaneState {
        let index = lane.number() as usize;
        if index >= self.lanes.len() {
            self.lanes.resize_with(index + 1, || LaneState {
                owner: NIL,
                queue: Fifo::default(),
                early: 0,
            });
        }
        &mut self.lanes[index]
    }
}

impl Dispatcher {
    /// Notes that an item of a lane came early.
    pub(super) fn expect_in_lane(&mut self, lane: Lane) {
        self.lanes.get(lane).early += 1;
    }

    /// Puts an item that came early in the line, or behind those of its lane.
    #[inline]
    pub(super) fn enter_lane(&mut self, slot: u32) {
        match self.items[slot].lane {
            None => self.join_line(slot),
            Some(lane) => {
                self.lanes.get(lane).early -= 1;
                self.enter_shared_lane(slot, lane);
            }
        }
    }

    pub(super) fn enter_shared_lane(&mut self, slot: u32, lane: Lane) {
        self.heads_apart = self.ordered;
        let state = self.lanes.get(lane);
        if state.owner == NIL {
            state.owner = slot;
            self.join_line(slot);
        } else {
            state.queue.push_back(&mut self.items, slot);
            self.items[slot].state = State::Waiting;
        }
    }

    /// Gives the lane of an item that is settled to the next one of it.
    #[inline]
    pub(super) fn leave_lane(&mut self, slot: u32) {
        if let Some(lane) = self.items[slot].lane {
            self.leave_shared_lane(lane);
        }
    }

    pub(super) fn leave_shared_lane(&mut self, lane: Lane) {
        let state = self.lanes.get(lane);
        match state.queue.pop_front(&mut self.items) {
            Some(next) => {
                state.owner = next;
                self.join_line(next);
            }
            None => self.idle(lane),
        }
    }

    /// The item of a lane that is in the line, in work, or halted.
    pub(super) fn owner_of(&self, lane: Lane) -> Option<u32> {
        let owner = self.lanes.lanes.get(lane.number() as usize)?.owner;
        (owner != NIL).then_some(owner)
    }

    /// How many items of a lane came early.
    pub(super) fn early_in(&self, lane: Lane) -> u32 {
        self.lanes.lanes.get(lane.number() as usize).map_or(0, |state| state.early)
    }

    /// The items that wait behind the owner of a lane.
    pub(super) fn waiting_in(&self, lane: Lane) -> impl Iterator<Item = u32> + '_ {
        let queue = self.lanes.lanes.get(lane.number() as usize).map(|state| &state.queue);
        queue.into_iter().flat_map(|queue| {
            core::iter::successors(queue.head(), |slot| queue.after(&self.items, *slot))
        })
    }

    /// The lanes that are halted, in the order of their numbers. O(lanes).
    pub fn halted_lanes(&self) -> impl Iterator<Item = Lane> + '_ {
        let owners = self.lanes.lanes.iter().map(|state| state.owner);
        owners.filter(|owner| *owner != NIL).filter_map(|owner| {
            let item = &self.items[owner];
            item.lane.filter(|_| item.state == State::Halted)
        })
    }

    /// Takes an item that does not run out of where it waits, and gives its lane on.
    pub(super) fn withdraw(&mut self, slot: u32) {
        match self.items[slot].state {
            State::Early | State::Waiting | State::Ready => {
                self.unqueue(slot);
                self.tally.unstarted += 1;
            }
            State::Backoff => {
                self.leave_backoff(slot);
                self.leave_lane(slot);
            }
            State::HandOver => {
                self.forget_alarm(slot);
                self.leave_hand_over();
                self.leave_lane(slot);
            }
            State::Halted => {
                self.tally.halted -= 1;
                self.leave_lane(slot);
            }
            State::Free
            | State::Running
            | State::HandingOver
            | State::Held(_)
            | State::Lent(_)
            | State::Detached
            | State::Gap
            | State::GapLent => {}
        }
    }

    /// Takes an item out of the line. It keeps its lane.
    pub(super) fn leave_line(&mut self, slot: u32) {
        self.line.remove(&mut self.items, slot);
        self.tally.unstarted += 1;
    }

    /// Takes an item that has not started out of the line or of the queue of its lane.
    fn unqueue(&mut self, slot: u32) {
        let item = &self.items[slot];
        match (item.state, item.lane) {
            (State::Waiting, Some(lane)) => {
                self.lanes.get(lane).queue.remove(&mut self.items, slot);
            }
            (State::Ready, Some(lane)) => {
                let state = self.lanes.get(lane);
                match state.queue.pop_front(&mut self.items) {
                    // the lane keeps its turn
                    Some(next) => {
                        state.owner = next;
                        self.line.replace(&mut self.items, slot, next);
                        self.items[next].state = State::Ready;
                        self.note_head(self.items[next].source);
                    }
                    None => {
                        self.line.remove(&mut self.items, slot);
                        self.idle(lane);
                    }
                }
            }
            (State::Ready, None) => self.line.remove(&mut self.items, slot),
            (State::Early, Some(lane)) => {
                let state = self.lanes.get(lane);
                state.early -= 1;
                if state.owner == NIL {
                    self.idle(lane);
                }
            }
            // one that came early stands nowhere yet; the others have started
            (_, _) => {}
        }
    }

    /// The item that starts next: the head of a release order if it may, else the first of the line.
    #[inline]
    pub(super) fn first_to_start(&self) -> Option<u32> {
        let first = self.line.head()?;
        if rarely(self.heads_apart) {
            let source = if self.sources.is_single() { Some(0) } else { self.sources.first_head() };
            let head = source.and_then(|index| self.sources[index].order.head());
            if let Some(slot) = head.filter(|slot| self.items[*slot].state == State::Ready) {
                return Some(slot);
            }
        }
        Some(first)
    }

    /// Notes whether the head of the release order of a source may start. Called whenever that may have changed.
    #[inline]
    pub(super) fn note_head(&mut self, index: u32) {
        if rarely(self.heads_apart && !self.sources.is_single()) {
            self.note_one_of_several(index);
        }
    }

    fn note_one_of_several(&mut self, index: u32) {
        let head = self.sources[index].order.head();
        let may_start = head.is_some_and(|slot| self.items[slot].state == State::Ready);
        self.sources.set_head(index, may_start);
    }

    #[inline(always)]
    pub(super) fn join_line(&mut self, slot: u32) {
        self.line.push_back(&mut self.items, slot);
        let item = &mut self.items[slot];
        item.state = State::Ready;
        let source = item.source;
        self.note_head(source);
    }

    fn idle(&mut self, lane: Lane) {
        let state = self.lanes.get(lane);
        state.owner = NIL;
        if state.early == 0 {
            self.events.push_back(Event::LaneIdle { lane });
        }
    }
}
