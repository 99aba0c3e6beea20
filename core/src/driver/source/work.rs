//! What a stream has running, and what came of it: begins, polls, ends and stops attempts, and puts right what a panic
//! has left behind.

use std::hash::Hash;
use std::task::{Context, Poll};

use super::cells::{Cell, Cells};
use super::post::Post;
use crate::driver::attempt::{Attempts, Round};
use crate::driver::clock::{MaybeClock, Timer};
use crate::driver::engine::TURN;
use crate::driver::letters::Letters;
use crate::driver::spans::Span;
use crate::driver::state::State;
use crate::driver::trials::Trials;
use crate::event::Why;
use crate::hint::rarely;
use crate::{
    Completion, Handle, OnFailure, Options, OptionsError, Outcome, Release, Run, RunKind, Seq, What,
};

/// What runs, and what came of it.
pub(super) struct Work<T, F: Future, Q, C: MaybeClock, L: Letters<T, F::Output>> {
    pub(super) state: State,
    pub(super) cells: Cells<T, F::Output, Q>,
    pub(super) attempts: Attempts<F>,
    pub(super) trials: Trials<T, F::Output>,
    pub(super) post: Post<T, F::Output, L>,
    pub(super) options: Options,
    pub(super) timer: Timer<C>,
    pub(super) stage: Stage,
    /// The failure that ends it, while its source is dropped: a panic may go through that.
    pub(super) lent: Option<Lent>,
    /// A panic has cost an item.
    pub(super) lost_one: bool,
}

/// How far a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing was asked for.
    New,
    Open,
    /// Nothing more comes out.
    Over,
}

/// A result that is lent, in as few registers as can be.
#[derive(Clone, Copy)]
pub(super) struct Lent {
    pub(super) handle: Handle,
    pub(super) seq: Seq,
    pub(super) attempt: u32,
    pub(super) has_failed: bool,
}

/// When an attempt that was begun ends.
pub(super) enum Ended {
    AtOnce,
    /// At once, and nothing came out of it nor of many before it: others are to have their turn.
    InVain,
    Later,
}

impl<T, F: Future, Q, C: MaybeClock, L: Letters<T, F::Output>> Work<T, F, Q, C, L> {
    /// Begins, unless it is over.
    ///
    /// # Panics
    /// Where an option needs what was not given.
    #[cold]
    pub(super) fn start(&mut self) -> bool {
        if self.stage == Stage::New {
            if let Err(error) = self.check() {
                panic!("{error}");
            }
            self.stage = Stage::Open;
        }
        self.stage == Stage::Open
    }

    pub(super) fn check(&self) -> Result<(), OptionsError> {
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
    pub(super) fn look_at_the_clock(&mut self) {
        if C::HAS_TIME {
            self.state.set_now(self.timer.now());
        }
    }

    /// The next result, if it is there: the one that a panic kept in, or the next in order.
    #[inline]
    pub(super) fn lend(&mut self) -> Option<Lent> {
        if let Some(lent) = self.lent.take() {
            return Some(lent);
        }
        let Release { handle, seq, attempt, what } = self.state.release()?;
        // a stream numbers its items itself: none is missing
        Some(Lent { handle, seq, attempt, has_failed: what == What::Failed })
    }

    /// Whether what has started is to be begun although there is a result: its time has begun.
    #[inline]
    pub(super) fn must_begin(&self) -> bool {
        C::HAS_TIME && self.state.has_runs()
    }

    /// Sets the timer, and fires what is due. True where something was.
    #[cold]
    pub(super) fn ring(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(due) = self.timer.poll(self.state.timeout(), cx) else { return false };
        self.state.set_now(due);
        self.fire_due();
        true
    }

    /// Fires what is due at the time that was set last.
    #[cold]
    pub(super) fn fire_due(&mut self) {
        self.state.handle_timeout();
        self.drain();
    }

    /// Drains, and stops what was signalled. True where so many have left without a result that others are to have
    /// their turn; told once.
    #[inline(always)]
    pub(super) fn drain(&mut self) -> bool {
        if C::HAS_TIME {
            self.state.drain_all(&mut self.cells);
            self.stop_signalled()
        } else if rarely(self.state.drain(&mut self.cells)) {
            self.stop_signalled()
        } else {
            false
        }
    }

    #[cold]
    fn stop_signalled(&mut self) -> bool {
        while let Some((run, why)) = self.cells.signals.pop_front() {
            self.stop(run, why);
            self.state.drain_all(&mut self.cells);
        }
        self.cells.notes.tell();
        // last, as a destructor may panic
        self.cells.trash.clear();
        let are_many = self.cells.passed >= TURN;
        if are_many {
            self.cells.passed = 0;
        }
        are_many
    }

    fn stop(&mut self, run: Run, why: Why) {
        let cell = self.cells.of(run.handle);
        let is_unbegun =
            matches!(cell, Cell::Waiting(_) | Cell::TimedOutKept(_) | Cell::TimedOut(..));
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
    pub(super) fn recover(&mut self) {
        // nothing is tried again without a clock
        let is_broken = || self.trials.is_broken() || self.post.is_broken();
        if rarely(self.attempts.is_broken() || C::HAS_TIME && is_broken()) {
            self.recover_from_panic();
        }
    }

    pub(super) fn has_panicked(&self) -> bool {
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
    pub(super) fn begin(
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
        if self.finish(run, output, outcome) { Ended::InVain } else { Ended::AtOnce }
    }

    #[cold]
    fn begin_hand_over(&mut self, run: Run) -> Ended {
        let span = Span::new(run, || self.state.who(run.handle));
        let seq = self.state.seq_of(run.handle).unwrap_or_default();
        match self.post.begin(run, seq, span, &mut self.cells) {
            Poll::Ready(is_received) if self.handed_over(run, is_received) => Ended::InVain,
            Poll::Ready(_) => Ended::AtOnce,
            Poll::Pending => Ended::Later,
        }
    }

    #[cold]
    pub(super) fn poll_letters(&mut self) {
        let mut round = Round::default();
        while let Some((run, is_received)) = self.post.poll_woken(&mut round) {
            self.handed_over(run, is_received);
        }
    }

    /// As [`drain`](Self::drain).
    fn handed_over(&mut self, run: Run, is_received: bool) -> bool {
        let outcome = if is_received { Outcome::Ok } else { Outcome::FAILED };
        let seq = self.state.seq_of(run.handle);
        self.cells.notes.handed_over(is_received, seq, run.attempt);
        self.state.complete(run, outcome);
        let letter = if is_received { self.post.forget(run.handle) } else { None };
        self.cells.notes.tell();
        let are_many = self.drain();
        // last, as a destructor may panic
        drop(letter);
        are_many
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

    pub(super) fn poll_woken(&mut self, outcome: impl Fn(&F::Output) -> Outcome) {
        let mut round = Round::default();
        while let Some((run, output)) = self.attempts.poll_woken(&mut round, |_| ()) {
            self.finish(run, output, &outcome);
        }
    }

    /// As [`drain`](Self::drain).
    #[inline]
    fn finish(
        &mut self,
        run: Run,
        output: F::Output,
        outcome: impl Fn(&F::Output) -> Outcome,
    ) -> bool {
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
        self.drain()
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
    pub(super) fn accept(&mut self, item: T, key: Option<Q>) {
        let lane = key.and_then(|key| self.cells.lane_of(key));
        let handle = self.state.push(lane).expect("a stream reads only what there is room for");
        let index = handle.slot().index();
        if rarely(index == self.cells.cells.len()) {
            self.cells.cells.push(Cell::Waiting(item));
        } else {
            self.cells.cells[index] = Cell::Waiting(item);
        }
        self.drain();
    }
}
