//! Attempts that run: futures in places that are made once, polled where they are.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::spans::Span;
use super::wake::WakeSet;
use crate::{Handle, Run};

/// No place.
const NOWHERE: u32 = u32::MAX;

/// The futures of the attempts that have begun.
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
    busy: u32,
}

struct Place<F> {
    future: Pin<Box<Option<F>>>,
    waker: Waker,
    run: Run,
    span: Span,
}

impl<F> Attempts<F> {
    pub(super) fn new(expected: usize) -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            at: Vec::new(),
            wakes: WakeSet::new(expected.max(1)),
            busy: NOWHERE,
        }
    }

    /// How many run.
    #[inline]
    pub(super) fn running(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Whether one was woken since it was polled.
    #[inline]
    pub(super) fn any_woken(&self) -> bool {
        self.running() > 0 && self.wakes.any()
    }

    /// Has the task woken by the next wake of an attempt. Follow with [`any_woken`](Self::any_woken).
    pub(super) fn register(&self, task: &Waker) {
        self.wakes.register(task);
    }

    /// Has the attempt of an item polled again, if one runs.
    #[cold]
    pub(super) fn wake(&self, handle: Handle) {
        let at = self.at.get(handle.slot().index()).copied().unwrap_or(NOWHERE);
        if self.places.get(at as usize).is_some_and(|place| place.run.handle == handle) {
            self.wakes.wake(at as usize);
        }
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
        self.busy != NOWHERE
    }

    /// After a panic: drops the future, and says whose it was. Whoever was woken meanwhile is polled again.
    pub(super) fn recover(&mut self) -> Option<Run> {
        let at = self.busy;
        let run = self.places.get(at as usize)?.run;
        // it may panic again, when it is dropped: it is known until then
        self.places[at as usize].clear();
        self.busy = NOWHERE;
        // one that had just begun has kept its place among the free ones
        if self.at.get(run.handle.slot().index()) == Some(&at) {
            self.vacate(at);
        }
        for at in 0..self.places.len() {
            self.wakes.wake(at);
        }
        Some(run)
    }

    /// Empties a place and gives it back.
    #[inline]
    fn vacate(&mut self, at: u32) {
        let place = &mut self.places[at as usize];
        self.busy = at;
        place.clear();
        self.busy = NOWHERE;
        self.at[place.run.handle.slot().index()] = NOWHERE;
        self.free.push(at);
    }

    /// Takes the last free place for an attempt that goes on.
    #[inline]
    fn keep(&mut self, at: u32, run: Run) {
        self.free.pop();
        let slot = run.handle.slot().index();
        if slot >= self.at.len() {
            self.at.resize(slot + 1, NOWHERE);
        }
        self.at[slot] = at;
    }

    #[cold]
    fn add_place(&mut self, run: Run) -> u32 {
        let at = self.places.len();
        if at == self.wakes.len() {
            self.grow();
        }
        let (future, waker) = (Box::pin(None), self.wakes.waker(at));
        self.places.push(Place { future, waker, run, span: Span::none() });
        self.free.push(at as u32);
        at as u32
    }
}

impl<F> Attempts<F> {
    /// Makes room for twice as many. All are polled again, so that they know their new wakers: the old ones wake nobody.
    fn grow(&mut self) {
        self.wakes.forget_task();
        self.wakes = WakeSet::new(self.wakes.len() * 2);
        for (at, place) in self.places.iter_mut().enumerate() {
            place.waker = self.wakes.waker(at);
            self.wakes.wake(at);
        }
    }
}

impl<F: Future> Attempts<F> {
    /// Begins an attempt: calls its handler, and polls the future for the first time.
    #[inline]
    pub(super) fn begin(
        &mut self,
        run: Run,
        span: Span,
        handler: impl FnOnce() -> F,
    ) -> Poll<F::Output> {
        let at = match self.free.last() {
            Some(&at) => at,
            None => self.add_place(run),
        };
        let place = &mut self.places[at as usize];
        place.run = run;
        self.busy = at;
        place.span = span;
        let poll = place.begin(handler);
        if poll.is_ready() {
            place.clear();
        }
        self.busy = NOWHERE;
        if poll.is_pending() {
            self.keep(at, run);
        }
        poll
    }

    /// Polls those that were woken, until one of them ends: which one, and with what.
    ///
    /// `seen` is where the round is, 0 at its begin. In a round each is polled once, so that one which wakes itself
    /// does not keep the others waiting.
    /// `around` says what is to be held while one is polled.
    pub(super) fn poll_woken<X>(
        &mut self,
        seen: &mut Round,
        around: impl Fn(Run) -> X,
    ) -> Option<(Run, F::Output)> {
        loop {
            while seen.bits != 0 {
                let at = seen.word as u32 * u64::BITS + seen.bits.trailing_zeros();
                seen.bits &= seen.bits - 1;
                let Some(place) = self.places.get_mut(at as usize) else { continue };
                self.busy = at;
                let poll = {
                    let _held = around(place.run);
                    place.poll()
                };
                self.busy = NOWHERE;
                if let Poll::Ready(output) = poll {
                    let run = place.run;
                    self.vacate(at);
                    return Some((run, output));
                }
            }
            (seen.word, seen.bits) = self.wakes.take(seen.next)?;
            seen.next = seen.word + 1;
        }
    }
}

impl<F> Place<F> {
    /// Drops the future, inside of its span.
    #[inline]
    fn clear(&mut self) {
        let span = mem::replace(&mut self.span, Span::none());
        let _entered = span.enter();
        self.future.as_mut().set(None);
    }
}

impl<F: Future> Place<F> {
    #[inline]
    fn begin(&mut self, handler: impl FnOnce() -> F) -> Poll<F::Output> {
        let _entered = self.span.enter();
        self.future.as_mut().set(Some(handler()));
        let Some(future) = self.future.as_mut().as_pin_mut() else { return Poll::Pending };
        future.poll(&mut Context::from_waker(&self.waker))
    }

    #[inline]
    fn poll(&mut self) -> Poll<F::Output> {
        let _entered = self.span.enter();
        let Some(future) = self.future.as_mut().as_pin_mut() else { return Poll::Pending };
        future.poll(&mut Context::from_waker(&self.waker))
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
