//! A stream as source: what is read of it is run, and what comes of that is given out in order.

use std::hash::{Hash, RandomState};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::attempt::{Attempts, Round};
use super::key::{Hashed, Key, Lanes};
use super::state::{Slots, State};
use crate::event::{Rest, Why};
use crate::{Completion, Handle, Lane, Options, Outcome, Release, Run, Seq, SourceOptions, What};

pin_project! {
    /// A stream, its handler, and what runs.
    pub(super) struct Engine<S: Stream, H, F: Future, K: Key<S::Item>> {
        // gone once it has ended, or nothing more is wanted of it
        #[pin]
        source: Option<S>,
        handler: H,
        key: K,
        work: Work<S::Item, F, K::Key>,
    }
}

/// What runs, and what came of it.
struct Work<T, F: Future, Q> {
    state: State,
    cells: Cells<T, F::Output, Q>,
    attempts: Attempts<F>,
    /// Something was asked for.
    is_started: bool,
    /// The next result: kept here, as a panic may go through the poll that was to give it out.
    lent: Option<Release>,
    /// Nothing more comes out.
    is_over: bool,
}

/// What there is of each item, by slot.
struct Cells<T, O, Q> {
    cells: Vec<Cell<T, O>>,
    lanes: Lanes<Q>,
    hasher: RandomState,
    signals: Vec<Run>,
}

enum Cell<T, O> {
    Empty,
    /// It waits to be begun.
    Waiting(T),
    /// Its handler came to an end.
    Done(O),
}

/// When an attempt that was begun ends.
enum Ended {
    AtOnce,
    Later,
}

/// One result.
pub(super) struct Emitted<O> {
    pub(super) output: O,
    pub(super) seq: Seq,
    pub(super) attempt: u32,
}

impl<S, H, F, K> Engine<S, H, F, K>
where
    S: Stream,
    H: FnMut(S::Item) -> F,
    F: Future,
    K: Key<S::Item>,
{
    pub(super) fn new(source: S, options: &Options, key: K, handler: H) -> Self {
        let state = State::new(options, SourceOptions::new().keyed(K::KEYED));
        let cells = Cells {
            cells: Vec::new(),
            lanes: Lanes::default(),
            hasher: RandomState::new(),
            signals: Vec::new(),
        };
        let attempts = Attempts::new(options.concurrency);
        let work = Work { state, cells, attempts, is_started: false, lent: None, is_over: false };
        Self { source: Some(source), handler, key, work }
    }

    /// Items inside, and those that the source still has: at least, and at most.
    pub(super) fn size_hint(&self) -> (usize, Option<usize>) {
        if self.work.is_over {
            return (0, Some(0));
        }
        let inside = self.work.state.len();
        let (low, high) = match &self.source {
            Some(source) if self.work.state.failed().is_none() => source.size_hint(),
            _ => (0, Some(0)),
        };
        (low.saturating_add(inside), high.and_then(|high| high.checked_add(inside)))
    }

    /// The next result, in order. `None` at the end. `outcome` says how an output counts.
    #[inline]
    pub(super) fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        outcome: impl Fn(&F::Output) -> Outcome,
    ) -> Poll<Option<Emitted<F::Output>>> {
        if self.work.is_over {
            return Poll::Ready(None);
        }
        self.as_mut().project().work.is_started = true;
        let release = ready!(self.as_mut().advance(cx, outcome, true));
        let mut this = self.project();
        let work = this.work;
        let Some(release) = release else {
            work.is_over = true;
            return Poll::Ready(None);
        };
        let is_fatal = release.what == What::Failed && work.state.failed() == Some(release.handle);
        let output = work.cells.take(release.handle);
        work.state.released(release.handle);
        work.drain();
        if is_fatal {
            // the last thing that comes out
            work.is_over = true;
            this.source.set(None);
        }
        let Cell::Done(output) = output else {
            unreachable!("the result that is lent is in its cell")
        };
        Poll::Ready(Some(Emitted { output, seq: release.seq, attempt: release.attempt }))
    }

    /// Works on without giving anything out. Ready when there is nothing to do until something is taken.
    pub(super) fn poll_progress(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        outcome: impl Fn(&F::Output) -> Outcome,
    ) -> Poll<()> {
        if self.work.is_over || !self.work.is_started {
            return Poll::Ready(());
        }
        self.advance(cx, outcome, false).map(|_| ())
    }

    /// Reads, begins and polls. Ready with the next result if `wanted`, or with `None` when nothing is left to do.
    #[inline]
    fn advance(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        outcome: impl Fn(&F::Output) -> Outcome,
        wanted: bool,
    ) -> Poll<Option<Release>> {
        let mut this = self.project();
        let work = this.work;
        work.recover();
        if work.attempts.any_woken() {
            work.poll_woken(&outcome);
        }
        let mut is_source_waiting = false;
        loop {
            if let Some((run, item)) = work.next_run() {
                let ended = work.begin(run, || (this.handler)(item), &outcome);
                if wanted && work.lent.is_none() {
                    work.lent = work.state.release();
                }
                match ended {
                    // what has to wait is begun at once, but one that need not is no reason to run ahead
                    Ended::AtOnce if work.lent.is_some() => break,
                    Ended::AtOnce | Ended::Later => continue,
                }
            }
            if is_source_waiting || work.state.wants() == 0 {
                break;
            }
            // one that has ended is wanted nothing of
            let Some(source) = this.source.as_mut().as_pin_mut() else { break };
            match source.poll_next(cx) {
                Poll::Ready(Some(item)) => {
                    let key = this.key.key(&item);
                    work.accept(item, key);
                }
                Poll::Ready(None) => {
                    work.state.end();
                    work.drain();
                    this.source.set(None);
                }
                Poll::Pending => is_source_waiting = true,
            }
        }
        if wanted && work.lent.is_none() {
            work.lent = work.state.release();
        }
        if wanted && work.lent.is_some() {
            return Poll::Ready(work.lent.take());
        }
        if work.state.is_drained() {
            return Poll::Ready(None);
        }
        if !wanted && !is_source_waiting && work.attempts.running() == 0 {
            return Poll::Ready(None);
        }
        work.attempts.register(cx.waker());
        if work.attempts.any_woken() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<S: Stream, H, F: Future, K: Key<S::Item>> Engine<S, H, F, K> {
    pub(super) fn state(&self) -> &State {
        &self.work.state
    }

    /// Whether the end was told.
    pub(super) fn is_over(&self) -> bool {
        self.work.is_over
    }
}

impl<T, F: Future, Q> Work<T, F, Q> {
    /// Drains, and stops what was signalled.
    #[inline]
    fn drain(&mut self) {
        self.state.drain(&mut self.cells);
        if !self.cells.signals.is_empty() {
            self.stop_signalled();
        }
    }

    #[cold]
    fn stop_signalled(&mut self) {
        while let Some(run) = self.cells.signals.pop() {
            if self.cells.drop_waiting(run.handle) {
                self.state.stop_unbegun(run);
            } else if self.attempts.stop(run) {
                self.state.complete(run, Outcome::Cancelled);
            }
            self.state.drain(&mut self.cells);
        }
    }

    /// Puts right what a panic has left behind: its item counts as cancelled.
    #[inline]
    fn recover(&mut self) {
        if self.attempts.is_broken() {
            self.recover_from_panic();
        }
    }

    #[cold]
    fn recover_from_panic(&mut self) {
        if let Some(run) = self.attempts.recover() {
            self.state.complete(run, Outcome::Cancelled);
            self.drain();
        }
    }

    #[inline]
    fn begin(
        &mut self,
        run: Run,
        handler: impl FnOnce() -> F,
        outcome: impl Fn(&F::Output) -> Outcome,
    ) -> Ended {
        let Poll::Ready(output) = self.attempts.begin(run, handler) else { return Ended::Later };
        self.finish(run, output, outcome);
        Ended::AtOnce
    }

    fn poll_woken(&mut self, outcome: impl Fn(&F::Output) -> Outcome) {
        let mut round = Round::default();
        while let Some((run, output)) = self.attempts.poll_woken(&mut round) {
            self.finish(run, output, &outcome);
        }
    }

    #[inline]
    fn finish(&mut self, run: Run, output: F::Output, outcome: impl Fn(&F::Output) -> Outcome) {
        if self.state.complete(run, outcome(&output)) == Completion::Settled {
            self.cells.cells[run.handle.slot().index()] = Cell::Done(output);
        }
        self.drain();
    }

    #[inline]
    fn next_run(&mut self) -> Option<(Run, T)> {
        let run = self.state.next_run(|handle| {
            matches!(self.cells.cells[handle.slot().index()], Cell::Waiting(_))
        })?;
        match self.cells.take(run.handle) {
            Cell::Waiting(item) => Some((run, item)),
            Cell::Empty | Cell::Done(_) => None,
        }
    }
}

impl<T, F: Future, Q: Eq + Hash> Work<T, F, Q> {
    #[inline]
    fn accept(&mut self, item: T, key: Option<Q>) {
        let lane = key.and_then(|key| {
            let key = Hashed::new(&self.cells.hasher, key);
            self.cells.lanes.intern(key).0
        });
        let handle = self.state.push(lane).expect("a stream reads only what there is room for");
        let index = handle.slot().index();
        if index == self.cells.cells.len() {
            self.cells.cells.push(Cell::Waiting(item));
        } else {
            self.cells.cells[index] = Cell::Waiting(item);
        }
        self.drain();
    }
}

impl<T, O, Q> Cells<T, O, Q> {
    #[inline]
    fn take(&mut self, handle: Handle) -> Cell<T, O> {
        std::mem::replace(&mut self.cells[handle.slot().index()], Cell::Empty)
    }

    /// Drops the payload of an item that was not begun. False where it was.
    fn drop_waiting(&mut self, handle: Handle) -> bool {
        let cell = &mut self.cells[handle.slot().index()];
        let is_waiting = matches!(cell, Cell::Waiting(_));
        if is_waiting {
            *cell = Cell::Empty;
        }
        is_waiting
    }
}

impl<T, O, Q> Slots for Cells<T, O, Q> {
    fn signal(&mut self, run: Run) {
        self.signals.push(run);
    }

    fn passed(&mut self, handle: Handle, _: Why, _: Option<Handle>) {
        drop(self.take(handle));
    }

    fn left(&mut self, handle: Handle, _: Rest, _: Option<Why>, _: Option<Handle>) {
        drop(self.take(handle));
    }

    fn lane_idle(&mut self, lane: Lane) {
        drop(self.lanes.forget(lane));
    }

    // a stream numbers its items itself
    fn lost(&mut self, _: Seq, _: Seq) {}
}
