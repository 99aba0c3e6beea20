//! The end: waiting for it, and what is left over.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use super::failure::{DEADLOCK, Failure, Stop};
use super::inside::Inside;
use super::shared::Shared;
use super::sync::{AtomicBool, AtomicWaker};
use super::ticket::Pledge;
use crate::Seq;

/// What is left of a processor that was closed. All lists are in order.
///
/// `T` is the item, `I` what the processor keeps of it: the item too, with
/// [`keep_items`](super::Builder::keep_items), else `()`.
#[non_exhaustive]
pub struct Report<T, I = ()> {
    /// Items that left the release order, however they ended.
    pub released: u64,
    /// Items whose handler was stopped.
    pub unfinished: Vec<(Seq, I)>,
    /// Items whose handler was never called.
    pub never_started: Vec<(Seq, T)>,
    /// Items whose handler still runs. In Rust a handler that is stopped is dropped, so there are none.
    pub detached: Vec<(Seq, I)>,
    /// Numbers that were missing when the processor was closed.
    pub lost: Vec<Lost>,
}

/// Numbers that were given up: both ends are among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lost {
    /// The first of them.
    pub first: Seq,
    /// The last of them.
    pub last: Seq,
}

/// Why [`join`](super::Processor::join) did not end well.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError<E> {
    /// A failure had stopped the processor.
    Stopped(Stop<E>),
    /// It is awaited inside a handler or a callback that it waits for.
    Deadlock,
}

/// Why [`close`](super::Processor::close) did not end well.
#[non_exhaustive]
pub enum CloseError<T, E, I = ()> {
    /// A failure had stopped the processor.
    Stopped {
        /// The failure.
        stop: Stop<E>,
        /// What is left all the same.
        report: Arc<Report<T, I>>,
    },
    /// It is awaited inside a handler or a callback that it waits for. The processor is being closed all the same.
    Deadlock,
}

impl<E> JoinError<E> {
    /// The failure that had stopped the processor, where it was one.
    pub fn stop(&self) -> Option<&Stop<E>> {
        match self {
            Self::Stopped(stop) => Some(stop),
            Self::Deadlock => None,
        }
    }
}

impl<T, E, I> CloseError<T, E, I> {
    /// The failure that had stopped the processor, where it was one.
    pub fn stop(&self) -> Option<&Stop<E>> {
        match self {
            Self::Stopped { stop, .. } => Some(stop),
            Self::Deadlock => None,
        }
    }

    /// What is left, where the processor is closed.
    pub fn report(&self) -> Option<&Arc<Report<T, I>>> {
        match self {
            Self::Stopped { report, .. } => Some(report),
            Self::Deadlock => None,
        }
    }
}

impl<T, I> Default for Report<T, I> {
    fn default() -> Self {
        Self {
            released: 0,
            unfinished: Vec::new(),
            never_started: Vec::new(),
            detached: Vec::new(),
            lost: Vec::new(),
        }
    }
}

impl<T, I> Report<T, I> {
    pub(super) fn finish(&mut self, released: u64) {
        self.released = released;
        self.unfinished.sort_by_key(|(seq, _)| *seq);
        self.never_started.sort_by_key(|(seq, _)| *seq);
        self.detached.sort_by_key(|(seq, _)| *seq);
    }
}

/// Without the items, of which nothing is asked.
impl<T, I> fmt::Debug for Report<T, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn seqs<X>(list: &[(Seq, X)]) -> Vec<Seq> {
            list.iter().map(|(seq, _)| *seq).collect()
        }
        f.debug_struct("Report")
            .field("released", &self.released)
            .field("unfinished", &seqs(&self.unfinished))
            .field("never_started", &seqs(&self.never_started))
            .field("detached", &seqs(&self.detached))
            .field("lost", &self.lost)
            .finish()
    }
}

impl<T, E: fmt::Debug, I> fmt::Debug for CloseError<T, E, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped { stop, report } => {
                f.debug_struct("Stopped").field("stop", stop).field("report", report).finish()
            }
            Self::Deadlock => f.write_str("Deadlock"),
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for JoinError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped(stop) => f.debug_tuple("Stopped").field(stop).finish(),
            Self::Deadlock => f.write_str("Deadlock"),
        }
    }
}

impl<E: fmt::Display> fmt::Display for JoinError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped(stop) => stop.fmt(f),
            Self::Deadlock => f.write_str(DEADLOCK),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> Error for JoinError<E> {}

impl<T, E: fmt::Display, I> fmt::Display for CloseError<T, E, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped { stop, .. } => stop.fmt(f),
            Self::Deadlock => f.write_str(DEADLOCK),
        }
    }
}

impl<T, E: fmt::Debug + fmt::Display, I> Error for CloseError<T, E, I> {}

/// What was running when all was stopped: its ticket waits for a copy of its item.
pub(super) struct Leftover<R, E, I> {
    pub(super) pledge: Pledge<R, E, I>,
    pub(super) failure: Failure<E, I>,
    pub(super) is_detached: bool,
}

/// All who wait: by the number until which they do, and those for the end.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    joining: BTreeMap<(Seq, u64), Arc<Waiter>>,
    closing: Vec<Arc<Waiter>>,
    /// How many have ever joined.
    joined: u64,
}

impl Waiters {
    pub(super) fn is_empty(&self) -> bool {
        self.joining.is_empty() && self.closing.is_empty()
    }

    /// Adds one who waits until everything before a number has left.
    pub(super) fn join(&mut self, until: Seq) -> Arc<Waiter> {
        self.joined += 1;
        let waiter = Waiter::new(Some((until, self.joined)));
        self.joining.insert((until, self.joined), Arc::clone(&waiter));
        waiter
    }

    /// Adds one who waits for the end.
    pub(super) fn close(&mut self) -> Arc<Waiter> {
        let waiter = Waiter::new(None);
        self.closing.retain(|other| Arc::strong_count(other) > 1);
        self.closing.push(Arc::clone(&waiter));
        waiter
    }

    /// Tells those whose time has come, who are to be woken outside of every lock.
    pub(super) fn tell(&mut self, oldest: Option<Seq>, is_over: bool, told: &mut Vec<Arc<Waiter>>) {
        while let Some(entry) = self.joining.first_entry() {
            if oldest.is_some_and(|oldest| oldest < entry.key().0) {
                break;
            }
            told.push(entry.remove().told());
        }
        if is_over {
            told.extend(self.closing.drain(..).map(Waiter::told));
        }
    }

    /// Forgets one who waits no more.
    fn forget(&mut self, waiter: &Waiter) -> Option<Arc<Waiter>> {
        self.joining.remove(&waiter.place?)
    }
}

/// Somebody who waits until everything before a number has left, or for the end.
#[derive(Debug)]
pub(super) struct Waiter {
    /// Among those who join.
    place: Option<(Seq, u64)>,
    is_told: AtomicBool,
    waker: AtomicWaker,
}

impl Waiter {
    fn new(place: Option<(Seq, u64)>) -> Arc<Self> {
        Arc::new(Self { place, is_told: AtomicBool::new(false), waker: AtomicWaker::new() })
    }

    fn told(self: Arc<Self>) -> Arc<Self> {
        self.is_told.store(true, Ordering::Release);
        self
    }

    pub(super) fn wake(&self) {
        self.waker.wake();
    }

    /// Forgets who waits, so that the last of a waiter may be dropped under a lock.
    fn forget(&self) {
        drop(self.waker.take());
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.is_told.load(Ordering::Acquire) {
            self.waker.register(cx.waker());
            if !self.is_told.load(Ordering::Acquire) {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }
}

/// A future of everything accepted so far: see [`Processor::join`](super::Processor::join).
///
/// # Cancellation safety
/// Dropping it changes nothing.
#[must_use = "it waits only while it is awaited"]
pub struct Join<T, R, E, Q: Eq + Hash, I> {
    pub(super) shared: Arc<Shared<T, R, E, Q, I>>,
    pub(super) waiter: Arc<Waiter>,
}

impl<T, R, E, Q: Eq + Hash, I> Join<T, R, E, Q, I> {
    /// Whether it is polled inside of one of the items for which it waits.
    fn is_vain(&self) -> bool {
        let Some(inside) = Inside::of(&self.shared.core) else { return false };
        let seq = self.shared.core.lock().seq_of(inside.handle);
        self.waiter.place.zip(seq).is_some_and(|((until, _), seq)| seq < until)
    }
}

impl<T, R, E, Q: Eq + Hash, I> Future for Join<T, R, E, Q, I> {
    type Output = Result<(), JoinError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.waiter.poll(cx).is_pending() {
            return if self.is_vain() {
                Poll::Ready(Err(JoinError::Deadlock))
            } else {
                Poll::Pending
            };
        }
        let stop = self.shared.items().stop.clone();
        Poll::Ready(stop.map_or(Ok(()), |stop| Err(JoinError::Stopped(stop))))
    }
}

impl<T, R, E, Q: Eq + Hash, I> Drop for Join<T, R, E, Q, I> {
    fn drop(&mut self) {
        self.waiter.forget();
        let forgotten = self.shared.items().waiters.forget(&self.waiter);
        drop(forgotten);
    }
}

impl<T, R, E, Q: Eq + Hash, I> Drop for Close<T, R, E, Q, I> {
    fn drop(&mut self) {
        self.waiter.forget();
    }
}

/// A future of the end: see [`Processor::close`](super::Processor::close).
///
/// # Cancellation safety
/// Closing begins with the call: dropping this does not end it, and another call gives the same report.
#[must_use = "closing has begun, and awaiting it gives the report"]
pub struct Close<T, R, E, Q: Eq + Hash, I> {
    pub(super) shared: Arc<Shared<T, R, E, Q, I>>,
    pub(super) waiter: Arc<Waiter>,
    pub(super) is_abort: bool,
}

impl<T, R, E, Q: Eq + Hash, I> Future for Close<T, R, E, Q, I> {
    type Output = Result<Arc<Report<T, I>>, CloseError<T, E, I>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.waiter.poll(cx).is_pending() {
            // an abort ends what it is in
            return if !self.is_abort && Inside::of(&self.shared.core).is_some() {
                Poll::Ready(Err(CloseError::Deadlock))
            } else {
                Poll::Pending
            };
        }
        let items = self.shared.items();
        let report = items.final_report.clone().expect("it is there at the end");
        Poll::Ready(match items.stop.clone() {
            None => Ok(report),
            Some(stop) => Err(CloseError::Stopped { stop, report }),
        })
    }
}

impl<T, R, E, Q: Eq + Hash, I> fmt::Debug for Join<T, R, E, Q, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join").field("waiter", &self.waiter).finish_non_exhaustive()
    }
}

impl<T, R, E, Q: Eq + Hash, I> fmt::Debug for Close<T, R, E, Q, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Close").field("waiter", &self.waiter).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_no_more_is_not_kept() {
        let mut waiters = Waiters::default();
        let (first, second) = (waiters.join(1), waiters.join(1));
        assert!(waiters.forget(&first).is_some() && waiters.forget(&first).is_none());
        assert!(waiters.forget(&second).is_some() && waiters.is_empty());
        for _ in 0..3 {
            drop(waiters.close());
        }
        assert_eq!(waiters.closing.len(), 1, "the one before is forgotten by the next");
    }

    #[test]
    fn each_is_told_in_its_turn() {
        let mut waiters = Waiters::default();
        let all = [1, 3, 3].map(|until| waiters.join(until));
        let end = waiters.close();
        let mut tell = |oldest, is_over| {
            let mut told = Vec::new();
            waiters.tell(oldest, is_over, &mut told);
            told.len()
        };
        assert_eq!([tell(Some(0), false), tell(Some(1), false), tell(Some(2), false)], [0, 1, 0]);
        assert_eq!([tell(Some(3), false), tell(None, false), tell(None, true)], [2, 0, 1]);
        let is_told = |waiter: &Arc<Waiter>| waiter.is_told.load(Ordering::Acquire);
        assert!(all.iter().all(is_told) && is_told(&end));
    }
}
