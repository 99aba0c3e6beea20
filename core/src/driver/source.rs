//! A stream as source: what is read of it is run, and what comes of that is given out in order.

mod cells;
mod post;

use std::hash::Hash;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::attempt::{Attempts, Round};
use super::clock::{MaybeClock, NoClock, Timer};
use super::key::Key;
use super::letters::{Letters, NoReceiver};
use super::spans::Span;
use super::state::{Failed, State};
use super::trials::Trials;
use crate::event::Why;
use crate::{
    Completion, Handle, OnFailure, Options, OptionsError, Outcome, Release, Retry, Run, RunKind,
    Seq, SourceOptions, Time, What,
};
use cells::{Cell, Cells};
use post::Post;

pin_project! {
    /// A stream, its handler, and what runs.
    pub(super) struct Pipeline<
        S: Stream,
        H,
        F: Future,
        K: Key<S::Item>,
        C: MaybeClock,
        L: Letters<S::Item, F::Output>,
    > {
        // gone once it has ended, or nothing more is wanted of it
        #[pin]
        source: Option<S>,
        handler: H,
        key: K,
        work: Work<S::Item, F, K::Key, C, L>,
    }
}

/// What runs, and what came of it.
struct Work<T, F: Future, Q, C: MaybeClock, L: Letters<T, F::Output>> {
    state: State,
    cells: Cells<T, F::Output, Q>,
    attempts: Attempts<F>,
    trials: Trials<T, F::Output>,
    post: Post<T, F::Output, L>,
    options: Options,
    timer: Timer<C>,
    stage: Stage,
    /// The failure that ends it, while its source is dropped: a panic may go through that.
    lent: Option<Lent>,
    /// A panic has cost an item.
    lost_one: bool,
}

/// How far a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing was asked for.
    New,
    Open,
    /// Nothing more comes out.
    Over,
}

/// A result that is lent, in as few registers as can be.
#[derive(Clone, Copy)]
struct Lent {
    handle: Handle,
    seq: Seq,
    attempt: u32,
    has_failed: bool,
}

/// When an attempt that was begun ends.
enum Ended {
    AtOnce,
    Later,
}

/// One result.
pub(super) struct Emitted<O> {
    /// What the handler returned, or why it was stopped.
    pub(super) output: Result<O, Why>,
    pub(super) seq: Seq,
    pub(super) attempt: u32,
}

impl<S, H, F, K> Pipeline<S, H, F, K, NoClock, NoReceiver>
where
    S: Stream,
    F: Future,
    K: Key<S::Item>,
{
    pub(super) fn new(source: S, options: Options, key: K, handler: H) -> Self {
        let state = State::new(&options, SourceOptions::new().keyed(K::KEYED));
        let work = Work {
            state,
            cells: Cells::default(),
            attempts: Attempts::new(options.concurrency),
            trials: Trials::default(),
            post: Post::new(NoReceiver),
            options,
            timer: Timer::new(NoClock),
            stage: Stage::New,
            lent: None,
            lost_one: false,
        };
        Self { source: Some(source), handler, key, work }
    }
}

impl<S, H, F, K, C, L> Pipeline<S, H, F, K, C, L>
where
    S: Stream,
    F: Future,
    K: Key<S::Item>,
    C: MaybeClock,
    L: Letters<S::Item, F::Output>,
{
    /// Gives it a clock, before anything is asked of it.
    pub(super) fn with_clock<P: MaybeClock>(self, clock: P) -> Pipeline<S, H, F, K, P, L> {
        let Self { source, handler, key, work } = self;
        let Work { state, cells, attempts, trials, post, options, stage, lent, lost_one, .. } =
            work;
        let timer = Timer::new(clock);
        let work =
            Work { state, cells, attempts, trials, post, options, timer, stage, lent, lost_one };
        Pipeline { source, handler, key, work }
    }

    /// Says who receives what fails for good, before anything is asked of it.
    pub(super) fn with_receiver<P: Letters<S::Item, F::Output>>(
        self,
        copy: fn(&S::Item) -> S::Item,
        receiver: P,
    ) -> Pipeline<S, H, F, K, C, P> {
        let Self { source, handler, key, work } = self;
        let Work { state, cells, attempts, trials, options, timer, stage, lent, lost_one, .. } =
            work;
        let post = Post::new(receiver);
        let mut work =
            Work { state, cells, attempts, trials, post, options, timer, stage, lent, lost_one };
        work.cells.hands_over = work.options.policy() == OnFailure::DeadLetter;
        work.trials.again.get_or_insert(copy);
        Pipeline { source, handler, key, work }
    }

    /// Has it try again, before anything is asked of it.
    ///
    /// # Panics
    /// Where something was, or the options make no sense.
    pub(super) fn retry(&mut self, retry: Retry, again: fn(&S::Item) -> S::Item) {
        let work = &mut self.work;
        assert!(work.stage == Stage::New, "a stream is told how to try again before it is polled");
        work.options = work.options.clone().retry(retry);
        work.trials.again = Some(again);
        work.state = State::new(&work.options, SourceOptions::new().keyed(K::KEYED));
    }

    pub(super) fn trials(&mut self) -> &mut Trials<S::Item, F::Output> {
        &mut self.work.trials
    }
}

impl<S, H, F, K, C, L> Pipeline<S, H, F, K, C, L>
where
    S: Stream,
    H: FnMut(S::Item) -> F,
    F: Future,
    K: Key<S::Item>,
    C: MaybeClock,
    L: Letters<S::Item, F::Output>,
{
    /// Items inside, and those that the source still has: at least, and at most.
    pub(super) fn size_hint(&self) -> (usize, Option<usize>) {
        if self.work.stage == Stage::Over {
            return (0, Some(0));
        }
        let inside = self.work.state.len();
        let (low, high) = match &self.source {
            Some(source) if self.work.state.failed().is_none() => source.size_hint(),
            _ => (0, Some(0)),
        };
        // of what panicked nothing comes out
        let least = if self.work.has_panicked() { 0 } else { low.saturating_add(inside) };
        (least, high.and_then(|high| high.checked_add(inside)))
    }

    /// The next result, in order. `None` at the end. `outcome` says how an output counts, and `can_fail` whether any fails.
    #[inline]
    pub(super) fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        outcome: impl Fn(&F::Output) -> Outcome,
        can_fail: bool,
    ) -> Poll<Option<Emitted<F::Output>>> {
        if self.work.stage != Stage::Open && !self.as_mut().project().work.start() {
            return Poll::Ready(None);
        }
        let release = ready!(self.as_mut().advance(cx, outcome, true));
        let mut this = self.project();
        let work = this.work;
        let Some(release) = release else {
            work.stage = Stage::Over;
            return Poll::Ready(None);
        };
        let is_fatal = can_fail
            && release.has_failed
            && work.state.failed() == Some(Failed::Item(release.handle));
        if is_fatal {
            // a panic may go through its destructor: then the failure comes out at the next poll
            work.lent = Some(release);
            this.source.set(None);
            work.lent = None;
        }
        let output = work.cells.take(release.handle);
        work.state.released(release.handle);
        work.drain();
        if is_fatal {
            // the last thing that comes out
            work.stage = Stage::Over;
        }
        let output = match output {
            Cell::Done(output) => Ok(output),
            other @ (Cell::Empty
            | Cell::Waiting(_)
            | Cell::Begun(_)
            | Cell::TimedOutKept(_)
            | Cell::ExpiredKept(_)
            | Cell::TimedOut(_)) => Err(other.why_timed_out()),
        };
        Poll::Ready(Some(Emitted { output, seq: release.seq, attempt: release.attempt }))
    }

    /// Works on without giving anything out. Ready when there is nothing to do until something is taken.
    pub(super) fn poll_progress(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        outcome: impl Fn(&F::Output) -> Outcome,
    ) -> Poll<()> {
        if self.work.stage != Stage::Open {
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
    ) -> Poll<Option<Lent>> {
        let mut this = self.project();
        let work = this.work;
        work.recover();
        work.look_at_the_clock();
        if work.attempts.any_woken() {
            work.poll_woken(&outcome);
        }
        if work.post.any_woken() {
            work.poll_letters();
        }
        let mut is_source_waiting = false;
        loop {
            if let Some(run) = work.state.next_run() {
                match work.begin(run, this.handler, &outcome) {
                    // what has to wait is begun at once, but one that need not is no reason to run ahead
                    Ended::AtOnce if wanted && !work.must_begin() => {
                        if let Some(release) = work.lend() {
                            return Poll::Ready(Some(release));
                        }
                    }
                    Ended::AtOnce | Ended::Later => {}
                }
                continue;
            }
            if is_source_waiting || !work.state.wants_one() {
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
        if wanted {
            if let Some(release) = work.lend() {
                return Poll::Ready(Some(release));
            }
        }
        if work.state.is_drained() {
            return Poll::Ready(None);
        }
        if C::HAS_TIME && work.ring(cx) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let is_idle = work.attempts.running() == 0 && work.post.is_idle() && !work.timer.is_set();
        if !wanted && !is_source_waiting && is_idle {
            return Poll::Ready(None);
        }
        work.attempts.register(cx.waker());
        work.post.register(cx.waker());
        if work.attempts.any_woken() || work.post.any_woken() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<S, H, F, K, C, L> Pipeline<S, H, F, K, C, L>
where
    S: Stream,
    F: Future,
    K: Key<S::Item>,
    C: MaybeClock,
    L: Letters<S::Item, F::Output>,
{
    pub(super) fn state(&self) -> &State {
        &self.work.state
    }

    pub(super) fn check(&self) -> Result<(), OptionsError> {
        self.work.check()
    }

    pub(super) fn now(&self) -> Time {
        self.work.timer.now()
    }

    /// Whether the end was told.
    pub(super) fn is_over(&self) -> bool {
        self.work.stage == Stage::Over
    }
}

impl<T, F: Future, Q, C: MaybeClock, L: Letters<T, F::Output>> Work<T, F, Q, C, L> {
    /// Begins, unless it is over.
    ///
    /// # Panics
    /// Where an option needs what was not given.
    #[cold]
    fn start(&mut self) -> bool {
        if self.stage == Stage::New {
            if let Err(error) = self.check() {
                panic!("{error}");
            }
            self.stage = Stage::Open;
        }
        self.stage == Stage::Open
    }

    fn check(&self) -> Result<(), OptionsError> {
        let needs = |name, needs| Err(OptionsError::Needs { name, needs });
        match self.options.policy() {
            OnFailure::Fail | OnFailure::Emit | OnFailure::Skip => {}
            OnFailure::DeadLetter if L::IS_WANTED => {}
            OnFailure::DeadLetter => needs("on_failure: dead_letter", "somebody who receives")?,
            OnFailure::HaltKey => needs("on_failure: halt_key", "a Processor")?,
        }
        if L::IS_WANTED && !C::HAS_TIME {
            needs("dead_letter", "a clock")?;
        }
        self.options.check_needs(C::HAS_TIME, self.trials.again.is_some())
    }

    #[inline]
    fn look_at_the_clock(&mut self) {
        if C::HAS_TIME {
            self.state.set_now(self.timer.now());
        }
    }

    /// The next result, if it is there: the one that a panic kept in, or the next in order.
    #[inline]
    fn lend(&mut self) -> Option<Lent> {
        if let Some(lent) = self.lent.take() {
            return Some(lent);
        }
        let Release { handle, seq, attempt, what } = self.state.release()?;
        // a stream numbers its items itself: none is missing
        Some(Lent { handle, seq, attempt, has_failed: what == What::Failed })
    }

    /// Whether what has started is to be begun although there is a result: its time has begun.
    #[inline]
    fn must_begin(&self) -> bool {
        C::HAS_TIME && self.state.has_runs()
    }

    /// Sets the timer, and fires what is due. True where something was.
    #[cold]
    fn ring(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(due) = self.timer.poll(self.state.timeout(), cx) else { return false };
        self.state.set_now(due);
        self.state.handle_timeout();
        self.drain();
        true
    }

    /// Drains, and stops what was signalled.
    #[inline(always)]
    fn drain(&mut self) {
        if C::HAS_TIME {
            self.state.drain_all(&mut self.cells);
            self.stop_signalled();
        } else if self.state.drain(&mut self.cells) {
            self.stop_signalled();
        }
    }

    #[cold]
    fn stop_signalled(&mut self) {
        while let Some((run, why)) = self.cells.signals.pop() {
            self.stop(run, why);
            self.state.drain_all(&mut self.cells);
        }
        self.cells.notes.tell();
        // last, as a destructor may panic
        self.cells.trash.clear();
    }

    fn stop(&mut self, run: Run, why: Why) {
        let cell = self.cells.of(run.handle);
        let is_unbegun = matches!(cell, Cell::Waiting(_) | Cell::TimedOut(..));
        // first, as a panic may come
        let left_over = if why.is_timeout() {
            self.cells.time_out(run.handle, why).map_or(Cell::Empty, Cell::Waiting)
        } else {
            self.cells.take(run.handle)
        };
        if !is_unbegun && !self.attempts.stop(run) {
            return;
        }
        if why.is_timeout() {
            let outcome = self.trials.timed_out(run, why);
            let seq = self.state.seq_of(run.handle);
            let is_retried = self.state.end_timed_out(run, outcome, !is_unbegun);
            self.cells.notes.timed_out(why, is_retried, seq, run.attempt);
        } else if is_unbegun {
            self.state.stop_unbegun(run, Outcome::Cancelled);
        } else {
            self.state.complete(run, Outcome::Cancelled);
        }
        drop(left_over);
    }

    /// Puts right what a panic has left behind: its item counts as cancelled.
    #[inline]
    fn recover(&mut self) {
        // nothing is tried again without a clock
        let is_broken = || self.trials.is_broken() || self.post.is_broken();
        if self.attempts.is_broken() || C::HAS_TIME && is_broken() {
            self.recover_from_panic();
        }
    }

    fn has_panicked(&self) -> bool {
        self.lost_one || self.attempts.is_broken() || self.trials.is_broken()
    }

    #[cold]
    fn recover_from_panic(&mut self) {
        let runs = [self.attempts.recover(), self.trials.recover()];
        self.lost_one |= runs.iter().any(Option::is_some);
        // a hand-over is tried again
        let runs = runs.into_iter().chain([self.post.recover()]);
        for run in runs.flatten() {
            self.state.complete(run, Outcome::Cancelled);
            self.drain();
        }
        // those that a panic has left
        self.stop_signalled();
    }

    #[inline]
    fn begin(
        &mut self,
        run: Run,
        handler: &mut impl FnMut(T) -> F,
        outcome: impl Fn(&F::Output) -> Outcome,
    ) -> Ended {
        if L::IS_WANTED && run.kind() == RunKind::HandOver {
            return self.begin_hand_over(run);
        }
        let poll = if !C::HAS_TIME || self.trials.again.is_none() {
            let Cell::Waiting(item) = self.cells.take(run.handle) else { return Ended::Later };
            let span = Span::new(run, || self.state.who(run.handle));
            self.attempts.begin(run, span, || handler(item))
        } else {
            self.begin_copy(run, handler)
        };
        let Poll::Ready(output) = poll else { return Ended::Later };
        self.finish(run, output, outcome);
        Ended::AtOnce
    }

    #[cold]
    fn begin_hand_over(&mut self, run: Run) -> Ended {
        let span = Span::new(run, || self.state.who(run.handle));
        let seq = self.state.seq_of(run.handle).unwrap_or_default();
        match self.post.begin(run, seq, span, &mut self.cells) {
            Poll::Ready(is_received) => {
                self.handed_over(run, is_received);
                Ended::AtOnce
            }
            Poll::Pending => Ended::Later,
        }
    }

    #[cold]
    fn poll_letters(&mut self) {
        let mut round = Round::default();
        while let Some((run, is_received)) = self.post.poll_woken(&mut round) {
            self.handed_over(run, is_received);
        }
    }

    fn handed_over(&mut self, run: Run, is_received: bool) {
        let outcome = if is_received { Outcome::Ok } else { Outcome::FAILED };
        let seq = self.state.seq_of(run.handle);
        self.cells.notes.handed_over(is_received, seq, run.attempt);
        self.state.complete(run, outcome);
        let letter = if is_received { self.post.forget(run.handle) } else { None };
        self.cells.notes.tell();
        self.drain();
        // last, as a destructor may panic
        drop(letter);
    }

    /// Begins with a copy of the item, which stays where it is.
    #[cold]
    fn begin_copy(&mut self, run: Run, handler: &mut impl FnMut(T) -> F) -> Poll<F::Output> {
        let cell = &mut self.cells.cells[run.handle.slot().index()];
        let Some(again) = self.trials.again else { return Poll::Pending };
        let (Cell::Waiting(item) | Cell::Begun(item) | Cell::TimedOutKept(item)) =
            std::mem::replace(cell, Cell::Empty)
        else {
            return Poll::Pending;
        };
        *cell = Cell::Begun(item);
        let Cell::Begun(item) = &*cell else { return Poll::Pending };
        self.post.note(run);
        let span = Span::new(run, || self.state.who(run.handle));
        self.attempts.begin(run, span, || handler(again(item)))
    }

    fn poll_woken(&mut self, outcome: impl Fn(&F::Output) -> Outcome) {
        let mut round = Round::default();
        while let Some((run, output)) = self.attempts.poll_woken(&mut round, |_| ()) {
            self.finish(run, output, &outcome);
        }
    }

    #[inline]
    fn finish(&mut self, run: Run, output: F::Output, outcome: impl Fn(&F::Output) -> Outcome) {
        let outcome = outcome(&output);
        let outcome = self.trials.outcome(run, &output, outcome);
        let seq = self.state.seq_of(run.handle);
        let completion = self.state.complete(run, outcome);
        self.cells.notes.ended(completion, outcome, seq, run.attempt);
        if completion == Completion::Settled {
            if C::HAS_TIME && self.cells.hands_over && outcome != Outcome::Ok {
                self.post.keep(run, seq.unwrap_or_default(), output, &mut self.cells);
            } else {
                self.cells.put(run.handle, Cell::Done(output));
            }
        } else if completion == Completion::Retrying {
            self.cells.wait_again(run.handle);
        }
        self.cells.notes.tell();
        self.drain();
    }
}

impl<T, F, Q, C, L> Work<T, F, Q, C, L>
where
    F: Future,
    Q: Eq + Hash,
    C: MaybeClock,
    L: Letters<T, F::Output>,
{
    #[inline]
    fn accept(&mut self, item: T, key: Option<Q>) {
        let lane = key.and_then(|key| self.cells.lane_of(key));
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
