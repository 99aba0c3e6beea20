//! A stream as source: what is read of it is run, and what comes of that is given out in order.

mod cells;
mod post;
mod work;

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::attempt::Attempts;
use super::clock::{MaybeClock, NoClock, Timer};
use super::key::Key;
use super::letters::Letters;
use super::state::{Failed, State};
use super::told::Nobody;
use super::trials::Trials;
use crate::event::Why;
use crate::hint::rarely;
use crate::{OnFailure, Options, OptionsError, Outcome, Retry, Seq, SourceOptions, Time};
use cells::{Cell, Cells};
use post::Post;
use work::{Ended, Lent, Stage, Work};

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

/// One result.
pub(super) struct Emitted<O> {
    /// What the handler returned, or why it was stopped.
    pub(super) output: Result<O, Why>,
    pub(super) seq: Seq,
    pub(super) attempt: u32,
}

impl<S, H, F, K> Pipeline<S, H, F, K, NoClock, Nobody>
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
            post: Post::new(Nobody),
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
    /// The next result, in order. `None` at the end. `outcome` says how an output counts, and `can_fail` whether any fails.
    #[inline]
    pub(super) fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        outcome: impl Fn(&F::Output) -> Outcome,
        can_fail: bool,
    ) -> Poll<Option<Emitted<F::Output>>> {
        if rarely(self.work.stage != Stage::Open) && !self.as_mut().project().work.start() {
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
        // what has started is called first, however late that is
        let is_all_begun = C::HAS_TIME && !work.state.has_runs();
        if work.attempts.any_woken() {
            work.poll_woken(&outcome);
        }
        if work.post.any_woken() {
            work.poll_letters();
        }
        if is_all_begun && work.state.is_due() {
            // here, too: while results are at hand it does not come to where it waits
            work.fire_due();
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
                    Ended::InVain if !work.must_begin() => {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Ended::AtOnce | Ended::InVain | Ended::Later => {}
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
