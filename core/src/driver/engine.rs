//! The driver of a processor: calls the handlers, polls what they return, and says how they ended.

use std::fmt;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::attempt::{Attempts, Round};
use super::clock::{MaybeClock, Timer};
use super::effects::{Effects, to_the_end};
use super::failure::{Failure, Stop, StopKind};
use super::inside::Inside;
use super::items::{Ended, Items, Next};
use super::letters::{Ears, Letter};
use super::resequence::Gap;
use super::shared::Shared;
use super::spans::Span;
use super::state::State;
use super::trials::Trials;
use crate::event::Why;
use crate::{Handle, Outcome, Run, RunKind, Seq, Time};

/// So many handlers are begun in one poll of a driver before its executor has a turn.
pub(super) const TURN: usize = 256;

pin_project! {
    /// The driver of a [`Processor`](super::Processor): a future that ends when the processor is closed and drained.
    ///
    /// It is `Send` where the handler, its futures, the items and the results are. Dropping it aborts.
    ///
    /// # Progress
    /// All work is done while it is polled: handlers and callbacks are called, time limits are looked at, and results are
    /// delivered. It begins at most 256 handlers in one poll, so that its executor has its turn.
    ///
    /// # Cancellation safety
    /// A poll that is not followed by another one leaves all as it is. Dropped before its end it aborts, as
    /// [`Processor::abort`](super::Processor::abort) does: handlers are dropped, and tickets get
    /// [`Closed`](super::FailureKind::Closed).
    ///
    /// # Panics
    /// A panic of a handler, a callback, a clock or a destructor goes through its poll. Polled again it goes on with the
    /// rest: the item of that handler counts as cancelled, a hand-over is tried again, a halted key whose `on_halt`
    /// panicked stops the processor there, and after a panic of `on_result` it aborts.
    #[must_use = "a processor does nothing unless its driver is polled: spawn it"]
    pub struct Driver<D> {
        #[pin]
        engine: D,
    }
}

impl<D> Driver<D> {
    pub(super) fn new(engine: D) -> Self {
        Self { engine }
    }
}

impl<D: Future<Output = ()>> Future for Driver<D> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().engine.poll(cx)
    }
}

impl<D> fmt::Debug for Driver<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}

/// What a processor calls.
pub(super) struct Calls<H, D, G, N> {
    pub(super) handler: H,
    /// `on_result`, as a future that never ends.
    pub(super) delivery: D,
    /// Hands a failure over.
    pub(super) hand_over: G,
    /// `on_halt` and `on_gap`.
    pub(super) ears: N,
}

/// What is behind a driver.
pub(super) struct Engine<T, R, E, Q: Eq + Hash, I, H, F, C: MaybeClock, D, G, L, N> {
    shared: Arc<Shared<T, R, E, Q, I>>,
    handler: H,
    attempts: Attempts<F>,
    trials: Trials<T, Result<R, E>>,
    timer: Timer<C>,
    /// `on_result` and what it is doing: none at the end, or after its panic.
    delivery: Option<Pin<Box<D>>>,
    hand_over: G,
    /// Failures that are being handed over.
    letters: Attempts<L>,
    ears: N,
    effects: Effects<T, R, E, Q, I>,
    /// Taken to be begun: kept here, as a panic may come before that.
    next: Option<Next<T, E, I>>,
    is_over: bool,
}

/// Nothing in it is pinned but what is boxed.
impl<T, R, E, Q: Eq + Hash, I, H, F, C: MaybeClock, D, G, L, N> Unpin
    for Engine<T, R, E, Q, I, H, F, C, D, G, L, N>
{
}

impl<T, R, E, Q: Eq + Hash, I, H, F, C: MaybeClock, D, G, L, N>
    Engine<T, R, E, Q, I, H, F, C, D, G, L, N>
{
    pub(super) fn new(
        shared: Arc<Shared<T, R, E, Q, I>>,
        concurrency: usize,
        trials: Trials<T, Result<R, E>>,
        clock: C,
        calls: Calls<H, D, G, N>,
    ) -> Self {
        Self {
            shared,
            handler: calls.handler,
            attempts: Attempts::new(concurrency),
            trials,
            timer: Timer::new(clock),
            delivery: Some(Box::pin(calls.delivery)),
            hand_over: calls.hand_over,
            letters: Attempts::new(1),
            ears: calls.ears,
            effects: Effects::new(),
            next: None,
            is_over: false,
        }
    }

    /// Gives commands, with all that follows from them.
    fn command<X>(
        &mut self,
        commands: impl FnOnce(&mut State, &mut Items<T, R, E, Q, I>, &mut Effects<T, R, E, Q, I>) -> X,
    ) -> X {
        let answer = self.shared.command(Time::default(), &mut self.effects, commands);
        self.effects.perform();
        answer
    }

    /// Ends an attempt that was stopped.
    fn cancelled(&mut self, run: Run) {
        self.command(|state, items, _| {
            items.forget_inside(run.handle);
            state.complete(run, Outcome::Cancelled)
        });
    }

    /// Drops the futures of what was signalled.
    fn stop_signalled(&mut self) {
        // one that a panic kept from beginning could not be found: it begins first
        while self.next.is_none() {
            let Some((run, why)) = self.shared.items().signals.pop_front() else { return };
            if why.is_timeout() {
                self.time_out(run, why);
                continue;
            }
            let is_stopped = match run.kind() {
                RunKind::Handler => self.attempts.stop(run),
                RunKind::HandOver => self.letters.stop(run),
            };
            // otherwise it has ended meanwhile
            if is_stopped {
                self.cancelled(run);
            }
        }
    }

    /// Stops an attempt whose time is over, and asks whether it may be tried again.
    #[cold]
    fn time_out(&mut self, run: Run, why: Why) {
        // noted first, as a panic may come
        let Some(is_begun) =
            self.command(|state, items, effects| items.note_timeout(state, run, why, effects))
        else {
            return;
        };
        if is_begun && !self.attempts.stop(run) {
            return;
        }
        let outcome = self.trials.timed_out(run, why);
        self.command(|state, _, effects| {
            let seq = state.seq_of(run.handle);
            let is_retried = state.end_timed_out(run, outcome, is_begun);
            effects.notes.timed_out(why, is_retried, seq, run.attempt);
        });
    }

    /// Copies the items of what was running when all was stopped, for the report.
    fn report_unfinished(&mut self) {
        loop {
            let Some(leftover) = self.shared.items().unfinished.pop() else { return };
            let copy = catch_unwind(AssertUnwindSafe(|| self.shared.copy(&leftover.failure.item)));
            let (copy, panic) = match copy {
                Ok(copy) => (Some(copy), None),
                Err(panic) => (None, Some(panic)),
            };
            self.command(|_, items, effects| items.report(leftover, copy, effects));
            if let Some(panic) = panic {
                resume_unwind(panic);
            }
        }
    }

    /// Puts right what a panic has left behind.
    fn recover(&mut self) {
        let runs = [self.attempts.recover(), self.letters.recover(), self.trials.recover()];
        for run in runs.into_iter().flatten() {
            self.cancelled(run);
        }
    }

    /// Stops all that runs, and waits for nothing.
    fn abort(&mut self) {
        // what a panic has left
        self.effects.perform();
        self.recover();
        match self.next.take() {
            None => {}
            Some(Next::Handler(run, item)) => {
                self.cancelled(run);
                drop(item);
            }
            Some(Next::HandOver(run, failure)) => {
                drop(Letter::new(&self.shared, run.handle, failure));
                self.cancelled(run);
            }
        }
        drop(self.shared.close(Time::default(), Some(Duration::ZERO)));
        // not told any more, but their tickets wait
        loop {
            let halted = self.shared.items().next_halted();
            let Some((handle, failure)) = halted else { break };
            drop(Letter::new(&self.shared, handle, failure));
        }
        self.stop_signalled();
        self.delivery = None;
        self.report_unfinished();
        self.shared.core.forget_driver();
    }
}

impl<T, R, E, Q, I, H, F, C, D, G, L, N> Engine<T, R, E, Q, I, H, F, C, D, G, L, N>
where
    Q: Eq + Hash,
    H: FnMut(T) -> F,
    F: Future<Output = Result<R, E>>,
    C: MaybeClock,
    D: Future<Output = ()>,
    G: FnMut(Letter<T, R, E, Q, I>) -> L,
    L: Future<Output = bool>,
    N: Ears<E, I>,
{
    /// Says how an output counts. `original` is the item, where it is not in its place.
    fn ended(&mut self, run: Run, result: Result<R, E>, original: Option<T>) -> Ended<T, R, E> {
        let outcome = if result.is_ok() { Outcome::Ok } else { Outcome::FAILED };
        let outcome = self.trials.outcome(run, &result, outcome);
        Ended { run, result, outcome, original }
    }

    /// Polls each attempt that was woken.
    fn poll_woken(&mut self) {
        let mut round = Round::default();
        while let Some((run, result)) =
            self.attempts.poll_woken(&mut round, |run| Inside::from(run).enter(&self.shared.core))
        {
            let ended = self.ended(run, result, None);
            self.command(|state, items, effects| items.complete(state, ended, effects));
        }
        if self.letters.any_woken() {
            self.poll_letters();
        }
    }

    #[cold]
    fn poll_letters(&mut self) {
        let mut round = Round::default();
        while let Some((run, is_received)) =
            self.letters.poll_woken(&mut round, |run| Inside::from(run).enter(&self.shared.core))
        {
            self.handed_over(run, is_received);
        }
    }

    fn handed_over(&mut self, run: Run, is_received: bool) {
        let outcome = if is_received { Outcome::Ok } else { Outcome::FAILED };
        self.command(|state, items, effects| {
            items.forget_inside(run.handle);
            effects.notes.handed_over(is_received, state.seq_of(run.handle), run.attempt);
            state.complete(run, outcome)
        });
    }

    /// Begins what is to be begun; at most as many as make a turn in one poll.
    fn begin(&mut self, begun: &mut usize) {
        let mut ended = None;
        loop {
            let next = &mut self.next;
            let is_full = *begun >= TURN;
            self.shared.command(Time::default(), &mut self.effects, |state, items, effects| {
                if let Some(ended) = ended.take() {
                    items.complete(state, ended, effects);
                    items.settle(state, effects);
                }
                if next.is_none() && !is_full {
                    *next = items.next_run(state, effects);
                }
            });
            self.effects.perform();
            let Some(next) = self.next.take() else { return };
            *begun += 1;
            ended = match next {
                Next::Handler(run, item) => self.begin_handler(run, item),
                Next::HandOver(run, failure) => {
                    self.begin_hand_over(run, failure);
                    None
                }
            };
        }
    }

    #[inline]
    fn begin_handler(&mut self, run: Run, item: T) -> Option<Ended<T, R, E>> {
        let span = Span::new(run, || self.shared.core.lock().who(run.handle));
        let inside = Inside::from(run).enter(&self.shared.core);
        let Some(again) = self.trials.again else {
            let poll = self.attempts.begin(run, span, || (self.handler)(item));
            drop(inside);
            return match poll {
                Poll::Ready(result) => Some(self.ended(run, result, None)),
                Poll::Pending => None,
            };
        };
        let poll = self.attempts.begin(run, span, || (self.handler)(again(&item)));
        drop(inside);
        match poll {
            Poll::Ready(result) => Some(self.ended(run, result, Some(item))),
            Poll::Pending => {
                self.command(|state, items, effects| items.put_back(state, run, item, effects));
                None
            }
        }
    }

    #[cold]
    fn begin_hand_over(&mut self, run: Run, failure: Failure<E, I>) {
        let letter = Letter::new(&self.shared, run.handle, failure);
        let hand_over = &mut self.hand_over;
        let span = Span::new(run, || self.shared.core.lock().who(run.handle));
        let inside = Inside::from(run).enter(&self.shared.core);
        let poll = self.letters.begin(run, span, || hand_over(letter));
        drop(inside);
        if let Poll::Ready(is_received) = poll {
            self.handed_over(run, is_received);
        }
    }

    /// Tells `on_halt` of the keys that were halted, and `on_gap` of numbers that are missing.
    fn tell(&mut self) {
        loop {
            let halted = self.shared.items().next_halted();
            if let Some((handle, failure)) = halted {
                self.tell_one(handle, failure);
                continue;
            }
            let gap = self.shared.items().next_gap();
            let Some((at, gap)) = gap else { return };
            self.tell_gap(at, gap);
        }
    }

    #[cold]
    fn tell_gap(&mut self, at: Seq, gap: Gap) {
        let told = catch_unwind(AssertUnwindSafe(|| self.ears.tell_gap(gap)));
        self.told(told, at, 0);
    }

    #[cold]
    fn tell_one(&mut self, handle: Handle, failure: Failure<E, I>) {
        let (seq, attempt) = (failure.seq, failure.attempt);
        self.effects.notes.halted(seq, attempt);
        self.effects.perform();
        let letter = Letter::new(&self.shared, handle, failure);
        let told = catch_unwind(AssertUnwindSafe(|| self.ears.tell_halt(letter.failure())));
        drop(letter);
        self.told(told, seq, attempt);
    }

    /// Stops all at a position where a callback failed over it.
    fn told(&mut self, told: std::thread::Result<Result<(), E>>, seq: Seq, attempt: u32) {
        let (kind, panic) = match told {
            Ok(Ok(())) => return,
            Ok(Err(error)) => (StopKind::Error(Arc::new(error)), None),
            Err(panic) => (StopKind::Panicked, Some(panic)),
        };
        let stop = Stop { seq, attempt, kind };
        self.command(|state, items, _| items.stop_at(state, stop));
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    /// Goes on with `on_result`. After a panic of it nothing can be delivered any more, so all is stopped.
    fn deliver(&mut self, cx: &mut Context<'_>) {
        let Some(mut delivery) = self.delivery.take() else { return self.abort() };
        if delivery.as_mut().poll(cx).is_pending() {
            self.delivery = Some(delivery);
        }
    }

    /// Sets the timer, and fires what is due. True where something was.
    fn ring(&mut self, cx: &mut Context<'_>) -> bool {
        let mut state = self.shared.core.lock();
        // without a clock, too
        let (is_due, due) = (state.is_due(), state.timeout());
        state.look_at(due);
        drop(state);
        let rung = if is_due { due } else { self.timer.poll(due, cx) };
        let Some(due) = rung else { return false };
        self.shared.command(due, &mut self.effects, |state, _, _| state.handle_timeout());
        self.effects.perform();
        self.stop_signalled();
        true
    }
}

impl<T, R, E, Q, I, H, F, C, D, G, L, N> Future for Engine<T, R, E, Q, I, H, F, C, D, G, L, N>
where
    Q: Eq + Hash,
    H: FnMut(T) -> F,
    F: Future<Output = Result<R, E>>,
    C: MaybeClock,
    D: Future<Output = ()>,
    G: FnMut(Letter<T, R, E, Q, I>) -> L,
    L: Future<Output = bool>,
    N: Ears<E, I>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.is_over {
            return Poll::Ready(());
        }
        this.shared.core.register_driver(cx.waker());
        this.attempts.register(cx.waker());
        this.letters.register(cx.waker());
        this.recover();
        this.shared.command(this.timer.now(), &mut this.effects, |state, _, _| {
            // it does so in this poll
            state.look_at(Some(Time::default()));
        });
        this.effects.perform();
        this.stop_signalled();
        this.poll_woken();
        let mut begun = 0;
        loop {
            this.begin(&mut begun);
            this.stop_signalled();
            this.tell();
            this.deliver(cx);
            this.shared.tell_vain(|handle| this.letters.wake(handle));
            let is_rung = this.ring(cx);
            this.report_unfinished();
            if this.shared.items().final_report.is_some() {
                this.is_over = true;
                // with what is being delivered, whose ticket waits
                this.delivery = None;
                this.shared.core.forget_driver();
                return Poll::Ready(());
            }
            if begun >= TURN || this.attempts.any_woken() || this.letters.any_woken() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if !is_rung && !this.shared.has_work() {
                return Poll::Pending;
            }
        }
    }
}

impl<T, R, E, Q: Eq + Hash, I, H, F, C: MaybeClock, D, G, L, N> Drop
    for Engine<T, R, E, Q, I, H, F, C, D, G, L, N>
{
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        // destructors of the user's may panic, each once
        to_the_end(|| self.abort());
    }
}
