//! Offers: items on their way in, and those that wait for room.

use std::collections::VecDeque;

use inorder::{Arrival, Handle, Lane, PushError, Seq};
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::engine::Engine;
use crate::imports;
use crate::lanes::{Claim, mix};
use crate::raw::{Obj, to_be_raised};
use crate::state::{Entry, State};
use crate::ticket::{Done, Refusal, Ticket};
use crate::waiter::Waiter;

/// An item on its way in.
pub(crate) struct Offer {
    pub(crate) item: Obj,
    pub(crate) context: Obj,
    /// The lane of its key, claimed for it.
    pub(crate) lane: Option<Lane>,
    /// The exception of the key function.
    pub(crate) key_error: Option<Obj>,
    pub(crate) seq: Option<Seq>,
    pub(crate) ticket: Option<Py<Ticket>>,
    /// In whose handler or `on_result` it was made.
    pub(crate) within: Option<Handle>,
}

struct Waiting {
    id: u64,
    offer: Offer,
    future: Py<Waiter>,
}

impl Waiting {
    /// Who is lower is offered first.
    fn rank(&self) -> (Seq, u64) {
        (self.offer.seq.unwrap_or_default(), self.id)
    }
}

/// Offers that wait for room: first come, first served; where numbers are given, the lowest first, so that one that
/// fits goes before those that do not.
#[derive(Default)]
pub(crate) struct Offers {
    waiting: VecDeque<Waiting>,
    next_id: u64,
    /// There is room, for the first of them perhaps.
    pub(crate) has_room: bool,
    /// How many of them were made inside a handler or `on_result`.
    inside: usize,
}

impl Offers {
    /// Whether a handler or `on_result` waits for room.
    #[inline]
    pub(crate) const fn has_inside(&self) -> bool {
        self.inside > 0
    }

    /// Those who do.
    pub(crate) fn inside(&self) -> Vec<Handle> {
        self.waiting.iter().filter_map(|waiting| waiting.offer.within).collect()
    }

    /// The futures of all offers that wait.
    pub(crate) fn futures(&self) -> impl Iterator<Item = &Py<Waiter>> {
        self.waiting.iter().map(|waiting| &waiting.future)
    }

    fn push(&mut self, waiting: Waiting) {
        self.inside += usize::from(waiting.offer.within.is_some());
        let rank = waiting.rank();
        let place = match self.waiting.back() {
            Some(last) if last.rank() > rank => {
                self.waiting.partition_point(|other| other.rank() < rank)
            }
            _ => self.waiting.len(),
        };
        self.waiting.insert(place, waiting);
    }

    fn remove(&mut self, place: usize) -> Option<Waiting> {
        let waiting = self.waiting.remove(place)?;
        self.inside -= usize::from(waiting.offer.within.is_some());
        Some(waiting)
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.waiting.iter().try_for_each(|waiting| {
            visit.call(&waiting.offer.item)?;
            visit.call(&waiting.offer.context)?;
            visit.call(&waiting.offer.key_error)?;
            visit.call(&waiting.offer.ticket)?;
            visit.call(&waiting.future)
        })
    }
}

impl State {
    /// Offers an item to the core, and drains. An offer that has to wait stays in `offer`; one that is refused for good
    /// goes.
    pub(crate) fn offer(
        &mut self,
        py: Python<'_>,
        offer: &mut Option<Offer>,
    ) -> Result<(), Refusal> {
        let result = self.push(py, offer);
        if result.is_ok() {
            self.drain(py);
        }
        result
    }

    /// Lets an offer wait for room.
    pub(crate) fn wait_for_room(
        &mut self,
        py: Python<'_>,
        offer: Offer,
        future: Py<Waiter>,
    ) -> u64 {
        let id = self.offers.next_id;
        self.offers.next_id += 1;
        self.offers.push(Waiting { id, offer, future });
        self.break_deadlock(py);
        id
    }

    /// Lets an offer that waits do so with another future.
    pub(crate) fn wait_again(&mut self, id: u64, future: Py<Waiter>) {
        if let Some(waiting) = self.offers.waiting.iter_mut().find(|waiting| waiting.id == id) {
            self.effects.garbage.push(std::mem::replace(&mut waiting.future, future).into_any());
        }
    }

    /// Takes back an offer that waits. False where it waits no longer.
    pub(crate) fn withdraw(&mut self, id: u64) -> bool {
        let Some(place) = self.offers.waiting.iter().position(|waiting| waiting.id == id) else {
            return false;
        };
        if let Some(Waiting { offer, future, .. }) = self.offers.remove(place) {
            self.effects.garbage.push(future.into_any());
            self.drop_offer(offer);
        }
        true
    }

    /// Takes out the offer that waited longest among those made inside: its ticket and its future.
    pub(crate) fn withdraw_first_inside(
        &mut self,
        py: Python<'_>,
    ) -> Option<(Py<Ticket>, Py<Waiter>)> {
        let inside = self.offers.waiting.iter().enumerate();
        let inside = inside.filter(|(_, waiting)| waiting.offer.within.is_some());
        let (place, _) = inside.min_by_key(|(_, waiting)| waiting.id)?;
        let Waiting { offer, future, .. } = self.offers.remove(place)?;
        let ticket = offer.ticket.as_ref().map(|ticket| ticket.clone_ref(py));
        self.drop_offer(offer);
        Some((ticket?, future))
    }

    /// Counts an offer that was turned away and does not wait.
    pub(crate) fn refuse(&mut self, py: Python<'_>, offer: Option<Offer>) {
        self.core.refuse(self.now);
        if let Some(offer) = offer {
            self.drop_offer(offer);
        }
        self.drain(py);
    }

    /// Offers the first of those that wait to the core, if there is room. False where there is none.
    pub(crate) fn serve_offers(&mut self, py: Python<'_>) -> bool {
        if !self.offers.has_room {
            return false;
        }
        let Some(Waiting { id, offer, future }) = self.offers.remove(0) else {
            self.offers.has_room = false;
            return false;
        };
        let ticket = offer.ticket.as_ref().map(|ticket| ticket.clone_ref(py));
        let mut offer = Some(offer);
        let refusal = self.push(py, &mut offer).err();
        match (refusal, offer) {
            (Some(Refusal::Full | Refusal::TooFar), Some(offer)) => {
                self.offers.inside += usize::from(offer.within.is_some());
                self.offers.waiting.push_front(Waiting { id, offer, future });
                self.effects.garbage.extend(ticket.map(Py::into_any));
                self.offers.has_room = false;
                return true;
            }
            (Some(refusal), _) => {
                if let Some(ticket) = &ticket {
                    ticket.get().settle(py, Done::Refused(refusal));
                }
            }
            (None, _) => {}
        }
        self.effects.futures.push(future);
        self.effects.garbage.extend(ticket.map(Py::into_any));
        true
    }

    fn push(&mut self, py: Python<'_>, offer: &mut Option<Offer>) -> Result<(), Refusal> {
        let Some(Offer { lane, seq, .. }) = offer else { return Ok(()) };
        let answer = match *seq {
            None => self.core.push(self.now, self.source, *lane).map(Ok),
            Some(seq) => {
                self.core.push_at(self.now, self.source, *lane, seq).map(|arrival| match arrival {
                    Arrival::Ready(handle) | Arrival::Held(handle) => Ok(handle),
                    Arrival::Duplicate => Err(Refusal::Duplicate),
                    // nothing is restored yet
                    Arrival::Late | Arrival::Restored => Err(Refusal::Late),
                    Arrival::TooFar => Err(Refusal::TooFar),
                })
            }
        };
        let refusal = match answer {
            Ok(Ok(handle)) => {
                if let Some(offer) = offer.take() {
                    self.accept(py, handle, offer);
                }
                return Ok(());
            }
            Ok(Err(refusal)) => refusal,
            Err(PushError::Full) => Refusal::Full,
            Err(_) => Refusal::Closed,
        };
        let gone = offer.take_if(|_| !matches!(refusal, Refusal::Full | Refusal::TooFar));
        if let Some(offer) = gone {
            self.drop_offer(offer);
        }
        Err(refusal)
    }

    #[inline]
    fn accept(&mut self, py: Python<'_>, handle: Handle, offer: Offer) {
        let Offer { item, context, lane, key_error, ticket, .. } = offer;
        // just accepted
        let seq = self.core.seq_of(handle).unwrap_or_default();
        self.end = self.end.max(seq + 1);
        if let Some(lane) = lane {
            self.lanes.enter(lane);
        }
        if let Some(ticket) = &ticket {
            ticket.get().accept(py, handle, seq);
        }
        let has_failed = key_error.is_some();
        if has_failed {
            self.core.reject(self.now, handle);
        }
        let slot = handle.slot().index();
        if slot >= self.slots.len() {
            self.slots.resize_with(slot + 1, Entry::default);
        }
        self.slots[slot] = Entry {
            handle: Some(handle),
            seq,
            payload: Some(item),
            context: Some(context),
            result: key_error,
            ticket,
            has_failed,
            ..Entry::default()
        };
    }

    pub(crate) fn drop_offer(&mut self, offer: Offer) {
        let Offer { item, context, lane, key_error, ticket, .. } = offer;
        let key = lane.and_then(|lane| self.lanes.disclaim(lane));
        self.effects.garbage.extend([item, context]);
        self.effects.garbage.extend(key.into_iter().chain(key_error));
        self.effects.garbage.extend(ticket.map(Py::into_any));
    }
}

impl Engine {
    /// Finds the lane of a key. `None`: a lane of its own.
    pub(crate) fn claim_lane(&self, key: &Bound<'_, PyAny>) -> PyResult<Option<Lane>> {
        let py = key.py();
        if key.is_none() {
            return Ok(None);
        }
        let hash = mix(key.hash()?);
        let mut known = Vec::new();
        loop {
            match self.state.with(py, |state| state.lanes.claim(hash, key, &known)) {
                Claim::Done(lane) => return Ok(Some(lane)),
                Claim::NoRoom => {
                    return Err(imports::error(
                        imports::full_error(py),
                        "there are as many keys as there can be",
                    ));
                }
                Claim::Compare(other) => {
                    let is_equal = other.bind(py).eq(key)?;
                    known.push((other, is_equal));
                }
            }
        }
    }

    /// An offer of an item: asks the key function for its key, and finds its lane. What the function raises becomes
    /// the item's failure.
    #[inline]
    pub(crate) fn offer(&self, item: Bound<'_, PyAny>, key: Option<&Obj>, context: Obj) -> Offer {
        let Some(key) = key else { return new_offer(item, Ok(None), context) };
        let lane = key.bind(item.py()).call1((&item,)).and_then(|key| self.claim_lane(&key));
        new_offer(item, lane, context)
    }

    /// An offer of an item with a key.
    pub(crate) fn offer_with_key(
        &self,
        item: Bound<'_, PyAny>,
        key: &Bound<'_, PyAny>,
        context: Obj,
    ) -> Offer {
        new_offer(item, self.claim_lane(key), context)
    }
}

#[inline]
fn new_offer(item: Bound<'_, PyAny>, lane: PyResult<Option<Lane>>, context: Obj) -> Offer {
    let py = item.py();
    let (lane, key_error) = match lane {
        Ok(lane) => (lane, None),
        Err(error) => (None, Some(to_be_raised(py, error))),
    };
    Offer { item: item.unbind(), context, lane, key_error, seq: None, ticket: None, within: None }
}
