//! The driver of a processor: calls the handlers, polls what they return, and says how they ended.

use std::fmt;
use std::hash::Hash;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::attempt::{Attempts, Round};
use super::clock::MaybeClock;
use super::effects::Effects;
use super::shared::Shared;
use crate::{Outcome, Run, Time};

/// So many handlers are begun in one poll of the driver before its executor has a turn.
const TURN: usize = 256;

pin_project! {
    /// The driver of a [`Processor`](super::Processor): a future that ends when the processor is closed and drained.
    ///
    /// It is `Send` where the handler, its futures, the items and the results are. Dropping it aborts.
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

/// What is behind a driver.
pub(super) struct Engine<T, R, E, Q: Eq + Hash, I, H, F, C: MaybeClock, D> {
    shared: Arc<Shared<T, R, E, Q, I>>,
    handler: H,
    attempts: Attempts<F>,
    clock: C,
    timer: Option<(Time, Pin<Box<C::Sleep>>)>,
    /// `on_result` and what it is doing: none at the end, or after its panic.
    delivery: Option<Pin<Box<D>>>,
    effects: Effects<T, R, E, Q, I>,
    /// Taken to be begun: kept here, as a panic may come before that.
    next: Option<(Run, T)>,
    is_over: bool,
}

/// Nothing in it is pinned but what is boxed.
impl<T, R, E, Q: Eq + Hash, I, H, F, C: MaybeClock, D> Unpin for Engine<T, R, E, Q, I, H, F, C, D> {}

impl<T, R, E, Q: Eq + Hash, I, H, F, C: MaybeClock, D> Engine<T, R, E, Q, I, H, F, C, D> {
    pub(super) fn new(
        shared: Arc<Shared<T, R, E, Q, I>>,
        concurrency: usize,
        handler: H,
        clock: C,
        delivery: D,
    ) -> Self {
        Self {
            shared,
            handler,
            attempts: Attempts::new(concurrency),
            clock,
            timer: None,
            delivery: Some(Box::pin(delivery)),
            effects: Effects::new(),
            next: None,
            is_over: false,
        }
    }

    /// Ends an attempt that was stopped.
    fn cancelled(&mut self, run: Run) {
        self.shared.command(Time::default(), &mut self.effects, |state, _, _| {
            state.complete(run, Outcome::Cancelled);
        });
        self.effects.perform();
    }

    /// Drops the futures of what was signalled.
    fn stop_signalled(&mut self) {
        loop {
            let Some(run) = self.shared.items().signals.pop() else { return };
            // otherwise it has ended meanwhile
            if self.attempts.stop(run) {
                self.cancelled(run);
            }
        }
    }

    /// Copies the items of what was running when all was stopped, for the report.
    fn report_unfinished(&mut self) {
        let leftovers = mem::take(&mut self.shared.items().unfinished);
        for leftover in leftovers {
            let copy = self.shared.copy(&leftover.failure.item);
            self.shared.command(Time::default(), &mut self.effects, |_, items, effects| {
                items.report(leftover, copy, effects);
            });
            self.effects.perform();
        }
    }

    /// Puts right what a panic has left behind.
    fn recover(&mut self) {
        if let Some(run) = self.attempts.recover() {
            self.cancelled(run);
        }
    }

    /// Stops all that runs, and waits for nothing.
    fn abort(&mut self) {
        self.recover();
        if let Some((run, item)) = self.next.take() {
            self.cancelled(run);
            drop(item);
        }
        drop(self.shared.close(Time::default(), Some(Duration::ZERO)));
        self.stop_signalled();
        self.delivery = None;
        self.report_unfinished();
        self.shared.core.forget_driver();
    }
}

impl<T, R, E, Q, I, H, F, C, D> Engine<T, R, E, Q, I, H, F, C, D>
where
    Q: Eq + Hash,
    H: FnMut(T) -> F,
    F: Future<Output = Result<R, E>>,
    C: MaybeClock,
    D: Future<Output = ()>,
{
    /// Polls each attempt that was woken.
    fn poll_woken(&mut self) {
        let mut round = Round::default();
        while let Some((run, result)) = self.attempts.poll_woken(&mut round) {
            self.shared.command(Time::default(), &mut self.effects, |state, items, effects| {
                items.complete(state, run, result, effects);
            });
            self.effects.perform();
        }
    }

    /// Begins what is to be begun; at most as many as make a turn in one poll.
    fn begin(&mut self, begun: &mut usize) {
        let mut ended = None;
        loop {
            let next = &mut self.next;
            let is_full = *begun >= TURN;
            self.shared.command(Time::default(), &mut self.effects, |state, items, effects| {
                if let Some((run, result)) = ended.take() {
                    items.complete(state, run, result, effects);
                    items.settle(state, effects);
                }
                if next.is_none() && !is_full {
                    *next = items.next_run(state);
                }
            });
            self.effects.perform();
            let Some((run, item)) = self.next.take() else { return };
            *begun += 1;
            if let Poll::Ready(result) = self.attempts.begin(run, || (self.handler)(item)) {
                ended = Some((run, result));
            }
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
        let due = self.shared.core.lock().timeout();
        if self.timer.as_ref().map(|(time, _)| *time) != due {
            self.timer = due.map(|due| (due, Box::pin(self.clock.sleep(due))));
        }
        let Some((due, sleep)) = &mut self.timer else { return false };
        if sleep.as_mut().poll(cx).is_pending() {
            return false;
        }
        let due = *due;
        self.timer = None;
        self.shared.command(due, &mut self.effects, |state, _, _| state.handle_timeout());
        self.effects.perform();
        true
    }
}

impl<T, R, E, Q, I, H, F, C, D> Future for Engine<T, R, E, Q, I, H, F, C, D>
where
    Q: Eq + Hash,
    H: FnMut(T) -> F,
    F: Future<Output = Result<R, E>>,
    C: MaybeClock,
    D: Future<Output = ()>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.is_over {
            return Poll::Ready(());
        }
        this.shared.core.register_driver(cx.waker());
        this.attempts.register(cx.waker());
        this.recover();
        this.shared.command(this.clock.time(), &mut this.effects, |_, _, _| ());
        this.effects.perform();
        this.stop_signalled();
        this.poll_woken();
        let mut begun = 0;
        loop {
            this.begin(&mut begun);
            this.stop_signalled();
            this.deliver(cx);
            let is_rung = this.ring(cx);
            this.report_unfinished();
            if this.shared.items().final_report.is_some() {
                this.is_over = true;
                // with what is being delivered, whose ticket waits
                this.delivery = None;
                this.shared.core.forget_driver();
                return Poll::Ready(());
            }
            if begun >= TURN || this.attempts.any_woken() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if !is_rung && !this.shared.has_work() {
                return Poll::Pending;
            }
        }
    }
}

impl<T, R, E, Q: Eq + Hash, I, H, F, C: MaybeClock, D> Drop for Engine<T, R, E, Q, I, H, F, C, D> {
    fn drop(&mut self) {
        /// Goes on where a destructor of the user's panics.
        struct Abort<'a, T, R, E, Q: Eq + Hash, I, H, F, C: MaybeClock, D>(
            &'a mut Engine<T, R, E, Q, I, H, F, C, D>,
        );
        impl<T, R, E, Q: Eq + Hash, I, H, F, C: MaybeClock, D> Drop
            for Abort<'_, T, R, E, Q, I, H, F, C, D>
        {
            fn drop(&mut self) {
                if !mem::replace(&mut self.0.is_over, true) {
                    self.0.abort();
                }
            }
        }
        if !self.is_over {
            let abort = Abort(self);
            abort.0.abort();
            abort.0.is_over = true;
        }
    }
}
