//! Attempts that run: futures in places that are made once, polled where they are.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::wake::WakeSet;
use crate::Run;

/// No place.
const NOWHERE: u32 = u32::MAX;

/// The futures of the attempts that have begun, at most `concurrency` of them.
///
/// A place is made when it is first needed, with a box for the future and a waker, and used again and again: an item
/// costs no allocation. The first poll of a future comes before it counts as waiting, so that one which is ready at
/// once touches nothing else.
pub(super) struct Attempts<F> {
    places: Vec<Place<F>>,
    free: Vec<u32>,
    /// The place of the attempt of an item, by slot.
    at: Vec<u32>,
    wakes: Arc<WakeSet>,
    /// The place in which something of the user's is at work: after a panic it is known by that.
    busy: Option<u32>,
}

struct Place<F> {
    future: Pin<Box<Option<F>>>,
    waker: Waker,
    run: Run,
}

impl<F> Attempts<F> {
    pub(super) fn new(concurrency: usize) -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            at: Vec::new(),
            wakes: WakeSet::new(concurrency),
            busy: None,
        }
    }

    /// How many run.
    pub(super) fn running(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Whether one was woken since it was polled.
    #[inline]
    pub(super) fn any_woken(&self) -> bool {
        self.wakes.any()
    }

    /// Has the task woken by the next wake of an attempt. Follow with [`any_woken`](Self::any_woken).
    pub(super) fn register(&self, task: &Waker) {
        self.wakes.register(task);
    }

    /// Stops an attempt: drops its future. False where it does not run, or is another one by now.
    pub(super) fn stop(&mut self, run: Run) -> bool {
        let Some(&at) = self.at.get(run.handle.slot().index()) else { return false };
        if self.places.get(at as usize).is_none_or(|place| place.run != run) {
            return false;
        }
        self.vacate(at);
        true
    }

    /// Whether a panic went through a future.
    #[inline]
    pub(super) fn is_broken(&self) -> bool {
        self.busy.is_some()
    }

    /// After a panic of a future: drops it, and says whose it was. Whoever was woken meanwhile is polled again.
    pub(super) fn recover(&mut self) -> Option<Run> {
        let at = self.busy.take()?;
        self.vacate(at);
        for at in 0..self.places.len() {
            self.wakes.wake(at);
        }
        Some(self.places[at as usize].run)
    }

    /// Empties a place and gives it back.
    #[inline]
    fn vacate(&mut self, at: u32) {
        let place = &mut self.places[at as usize];
        self.busy = Some(at);
        place.future.as_mut().set(None);
        self.busy = None;
        self.at[place.run.handle.slot().index()] = NOWHERE;
        self.free.push(at);
    }

    #[cold]
    fn add_place(&mut self, run: Run) -> u32 {
        let at = self.places.len();
        self.places.push(Place { future: Box::pin(None), waker: self.wakes.waker(at), run });
        at as u32
    }
}

impl<F: Future> Attempts<F> {
    /// Begins an attempt: polls its future for the first time.
    #[inline]
    pub(super) fn begin(&mut self, run: Run, future: F) -> Poll<F::Output> {
        let at = match self.free.pop() {
            Some(at) => at,
            None => self.add_place(run),
        };
        let slot = run.handle.slot().index();
        if slot >= self.at.len() {
            self.at.resize(slot + 1, NOWHERE);
        }
        self.at[slot] = at;
        let place = &mut self.places[at as usize];
        place.run = run;
        place.future.as_mut().set(Some(future));
        self.poll(at)
    }

    /// Polls those that were woken, until one of them ends: which one, and with what.
    ///
    /// `seen` is where the round is, 0 at its begin. In a round each is polled once, so that one which wakes itself
    /// does not keep the others waiting.
    pub(super) fn poll_woken(&mut self, seen: &mut Round) -> Option<(Run, F::Output)> {
        loop {
            while seen.bits != 0 {
                let at = seen.word as u32 * u64::BITS + seen.bits.trailing_zeros();
                seen.bits &= seen.bits - 1;
                let Some(place) = self.places.get(at as usize) else { continue };
                let run = place.run;
                if place.future.is_none() {
                    continue;
                }
                if let Poll::Ready(output) = self.poll(at) {
                    return Some((run, output));
                }
            }
            (seen.word, seen.bits) = self.wakes.take(seen.next)?;
            seen.next = seen.word + 1;
        }
    }

    #[inline]
    fn poll(&mut self, at: u32) -> Poll<F::Output> {
        let place = &mut self.places[at as usize];
        let Some(future) = place.future.as_mut().as_pin_mut() else { return Poll::Pending };
        self.busy = Some(at);
        let poll = future.poll(&mut Context::from_waker(&place.waker));
        self.busy = None;
        if poll.is_ready() {
            self.vacate(at);
        }
        poll
    }
}

/// A walk over the places that were woken.
#[derive(Debug, Default)]
pub(super) struct Round {
    next: usize,
    word: usize,
    bits: u64,
}

impl<F> Drop for Attempts<F> {
    fn drop(&mut self) {
        self.wakes.forget_task();
    }
}
