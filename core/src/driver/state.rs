//! The one place where the drivers touch the [`Dispatcher`].
//!
//! | what happens | command | who |
//! |---|---|---|
//! | an item comes | `push` `push_at` `refuse` | source, offer |
//! | its source ends | `end` | source |
//! | an attempt ended | `complete` | source, engine |
//! | a ticket is cancelled | `cancel` | ticket |
//! | a key goes on | `resume_lane` | steering |
//! | fewer or more may run, or none | `set_limits` `pause` `unpause` | steering |
//! | it goes on from an earlier life | `restore` | builder |
//! | results are taken by somebody, or not any more | `taking` | builder, results |
//! | a result is wanted | `poll_release` | results, delivery |
//! | it was taken, or could not be delivered | `released` `undelivered` | results, delivery |
//! | the timer rings | `handle_timeout` | source, engine |
//! | a callback failed | `stop` | engine |
//! | the end | `close` | processor |
//!
//! After each comes [`State::drain`]. It calls nothing that a user wrote.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::mem;
use std::sync::PoisonError;
use std::task::Waker;
use std::time::Duration;

use super::runs::Runs;
use super::spans::Who;
use super::sync::{AtomicWaker, Mutex, MutexGuard};
use crate::event::{Event, Rest, Why};
use crate::{
    Arrival, Blocked, Checkpoint, Completion, Dispatcher, Handle, Lane, Options, OptionsError,
    Outcome, PushError, Release, Resume, Run, Seq, SequenceError, Source, SourceOptions, Stats,
    Time,
};

/// What a driver keeps by slot, and what it does there when the dispatcher tells.
pub(super) trait Slots {
    /// The outcome of an attempt is fixed: stop it.
    fn signal(&mut self, run: Run, why: Why);
    /// The total time of an item that does not run was over.
    fn expired(&mut self, handle: Handle, seq: Option<Seq>);
    /// The item failed for good and holds its key.
    fn halted(&mut self, handle: Handle);
    /// The item left without a result. `failed` is the item at the failed position.
    fn passed(&mut self, handle: Handle, why: Why, failed: Option<Failed>);
    /// The item was inside when all was stopped.
    fn left(&mut self, handle: Handle, rest: Rest, why: Option<Why>, failed: Option<Failed>);
    /// Nothing of the lane is left.
    fn lane_idle(&mut self, lane: Lane);
    /// These numbers were given up at the end.
    fn lost(&mut self, first: Seq, last: Seq);
    /// These numbers are missing; the position of the first.
    fn gap(&mut self, at: Seq, first: Seq, last: Seq);
}

/// What is at the failed position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    Item(Handle),
    /// Numbers that did not come; the position of the first.
    Gap {
        at: Seq,
        first: Seq,
        last: Seq,
    },
}

/// A ticket, and the item in whose handler or delivery it is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Vain {
    pub(super) ticket: Handle,
    pub(super) inside: Handle,
}

/// A dispatcher with one source, and the runs that it started and nobody has begun.
#[derive(Debug)]
pub(super) struct State {
    dispatcher: Dispatcher,
    source: Source,
    runs: Runs,
    /// Those of the runs that were stopped before they began.
    dead: HashSet<Run>,
    now: Time,
    /// There is room for those who wait, or they are to be turned away.
    room: bool,
    drained: bool,
    /// Tickets that are waited for inside of what holds them up.
    vain: Vec<Vain>,
    /// When the driver looks at the time by itself; `None`: not before it is woken.
    looks_at: Option<Time>,
}

/// What a processor and its tickets share, whatever they are of: the state, and who drives it.
///
/// The lock is never held over anything that a user wrote but the equality of keys.
#[derive(Debug)]
pub(super) struct Core {
    state: Mutex<State>,
    driver: AtomicWaker,
}

impl Core {
    pub(super) fn new(state: State) -> Self {
        Self { state: Mutex::new(state), driver: AtomicWaker::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets who is woken. To be followed by a look at the state.
    pub(super) fn register_driver(&self, task: &Waker) {
        self.driver.register(task);
    }

    pub(super) fn wake_driver(&self) {
        self.driver.wake();
    }

    pub(super) fn forget_driver(&self) {
        drop(self.driver.take());
    }
}

impl State {
    /// # Panics
    /// Where an option is out of its bounds.
    pub(super) fn new(options: &Options, source: SourceOptions) -> Self {
        let mut dispatcher = match Dispatcher::new(&with_entropy(options)) {
            Ok(dispatcher) => dispatcher,
            Err(error) => panic!("{error}"),
        };
        let source = dispatcher
            .open_source(source)
            .expect("a new dispatcher is open, and has no source yet");
        Self {
            dispatcher,
            source,
            runs: Runs::default(),
            dead: HashSet::new(),
            now: Time::default(),
            room: false,
            drained: false,
            vain: Vec::new(),
            looks_at: None,
        }
    }

    // getters

    /// Whether a stream may read another item.
    #[inline]
    pub(super) fn wants_one(&self) -> bool {
        let wants = self.dispatcher.wants_one(self.source);
        debug_assert_eq!(wants, self.dispatcher.wants(self.source) > 0, "both say the same");
        wants
    }

    /// Items in flight.
    pub(super) fn len(&self) -> usize {
        self.dispatcher.len()
    }

    /// Whether the source has ended and nothing of it is left.
    #[inline]
    pub(super) fn is_drained(&self) -> bool {
        self.drained
    }

    /// Whether it is closed and nothing is left.
    pub(super) fn is_over(&self) -> bool {
        self.dispatcher.is_drained()
    }

    pub(super) fn seq_of(&self, handle: Handle) -> Option<Seq> {
        self.dispatcher.seq_of(handle)
    }

    /// The position of a number that comes over the wire.
    pub(super) fn unwrapped(&self, seq: Seq) -> Seq {
        self.dispatcher.unwrapped(self.source, seq).unwrap_or(seq)
    }

    /// What a span of it says.
    pub(super) fn who(&self, handle: Handle) -> Option<Who> {
        Some((self.dispatcher.seq_of(handle)?, self.dispatcher.lane_of(handle)))
    }

    /// The lowest number in flight.
    pub(super) fn oldest(&self) -> Option<Seq> {
        self.dispatcher.oldest(self.source)
    }

    /// What is at the failed position.
    pub(super) fn failed(&self) -> Option<Failed> {
        let item = Failed::Item(self.dispatcher.failed(self.source)?);
        Some(match self.dispatcher.gap_error(self.source) {
            Some((at, SequenceError::GapTimeout { first, last, .. })) => {
                Failed::Gap { at, first, last }
            }
            Some((_, SequenceError::TooFar { .. } | SequenceError::SourceRestarted { .. }))
            | None => item,
        })
    }

    /// Whether only these, whose handlers or whose delivery wait for room, could make room.
    pub(super) fn is_deadlocked(&self, waiting: &[Handle]) -> bool {
        self.dispatcher.is_deadlocked(waiting)
    }

    /// Whether a ticket cannot be done before the end of what waits for it.
    pub(super) fn is_vain(&self, vain: Vain) -> bool {
        self.dispatcher.is_held_up_by(vain.ticket, vain.inside)
    }

    /// The lanes that are halted.
    pub(super) fn halted_lanes(&self) -> impl Iterator<Item = Lane> + '_ {
        self.dispatcher.halted_lanes()
    }

    pub(super) fn stats(&self, now: Time) -> Stats {
        self.dispatcher.stats(now.max(self.now))
    }

    /// The concurrency, and the capacity.
    pub(super) fn limits(&self) -> (usize, usize) {
        let stats = self.dispatcher.stats(self.now);
        (stats.concurrency as usize, stats.capacity as usize)
    }

    pub(super) fn why_blocked(&self, now: Time) -> Option<Blocked> {
        self.dispatcher.why_blocked(now.max(self.now), self.source)
    }

    pub(super) fn checkpoint(&self) -> Option<Checkpoint> {
        self.dispatcher.checkpoint(self.source)
    }

    pub(super) fn timeout(&self) -> Option<Time> {
        self.dispatcher.poll_timeout()
    }

    /// Whether an attempt waits to be begun.
    pub(super) fn has_runs(&self) -> bool {
        !self.runs.is_empty()
    }

    // commands: all are given at the time that was set last

    /// Sets the time. A driver reads its clock once per wake-up.
    pub(super) fn set_now(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    #[inline(always)]
    pub(super) fn push(&mut self, lane: Option<Lane>) -> Result<Handle, PushError> {
        self.dispatcher.push(self.now, self.source, lane)
    }

    pub(super) fn push_at(&mut self, lane: Option<Lane>, seq: Seq) -> Result<Arrival, PushError> {
        self.dispatcher.push_at(self.now, self.source, lane, seq)
    }

    pub(super) fn refuse(&mut self) {
        self.dispatcher.refuse(self.now);
    }

    pub(super) fn end(&mut self) {
        self.dispatcher.end(self.now, self.source);
    }

    #[inline(always)]
    pub(super) fn complete(&mut self, run: Run, outcome: Outcome) -> Completion {
        self.dispatcher.complete(self.now, run.handle, run.attempt, outcome)
    }

    pub(super) fn cancel(&mut self, handle: Handle) -> bool {
        self.dispatcher.cancel(self.now, handle)
    }

    pub(super) fn resume_lane(&mut self, lane: Lane, how: Resume) -> bool {
        self.dispatcher.resume_lane(self.now, lane, how)
    }

    pub(super) fn pause(&mut self) {
        self.dispatcher.pause(self.now);
    }

    pub(super) fn unpause(&mut self) {
        self.dispatcher.unpause(self.now);
    }

    pub(super) fn set_limits(
        &mut self,
        concurrency: usize,
        capacity: usize,
    ) -> Result<(), OptionsError> {
        self.dispatcher.set_limits(self.now, concurrency, capacity)
    }

    /// # Panics
    /// Where the checkpoint does not fit, or comes too late.
    pub(super) fn restore(&mut self, checkpoint: &Checkpoint) {
        let restored = self.dispatcher.restore(self.source, checkpoint, checkpoint.position());
        if let Err(error) = restored {
            panic!("{error}");
        }
    }

    /// Says whether somebody takes the results, and says when that is done.
    pub(super) fn taking(&mut self, taking: bool) {
        self.dispatcher.taking(self.now, self.source, taking);
    }

    pub(super) fn stop(&mut self, from: Seq) {
        self.dispatcher.stop(self.now, self.source, from);
    }

    /// False where it is not lent any more: all was stopped.
    #[inline(always)]
    pub(super) fn released(&mut self, handle: Handle) -> bool {
        self.dispatcher.released(self.now, handle)
    }

    pub(super) fn undelivered(&mut self, handle: Handle) {
        self.dispatcher.undelivered(self.now, handle);
    }

    pub(super) fn close(&mut self, timeout: Option<Duration>) {
        self.dispatcher.close(self.now, timeout);
    }

    pub(super) fn handle_timeout(&mut self) {
        self.dispatcher.handle_timeout(self.now);
    }

    /// Ends an attempt that was signalled and never began. Its run is passed over.
    pub(super) fn stop_unbegun(&mut self, run: Run, outcome: Outcome) {
        if self.complete(run, outcome) == Completion::Ignored {
            self.dead.insert(run);
        }
    }

    /// Ends an attempt whose time was over. Whether it is tried again.
    #[cold]
    pub(super) fn end_timed_out(&mut self, run: Run, outcome: Outcome, is_begun: bool) -> bool {
        let backing_off = self.dispatcher.stats(self.now).backing_off;
        if is_begun {
            self.complete(run, outcome);
        } else {
            self.stop_unbegun(run, outcome);
        }
        self.dispatcher.stats(self.now).backing_off > backing_off
    }

    /// A ticket is waited for: noted where it is in vain.
    #[cold]
    pub(super) fn wait_for(&mut self, vain: Vain) {
        if self.is_vain(vain) && !self.vain.contains(&vain) {
            self.vain.push(vain);
        }
    }

    /// Whether the ticket of this item was noted: then no longer.
    pub(super) fn take_vain_of(&mut self, ticket: Handle) -> bool {
        let before = self.vain.len();
        self.vain.retain(|vain| vain.ticket != ticket);
        self.vain.len() < before
    }

    /// What was noted.
    pub(super) fn take_vain(&mut self) -> Vec<Vain> {
        mem::take(&mut self.vain)
    }

    // polls

    /// The next attempt to begin.
    #[inline(always)]
    pub(super) fn next_run(&mut self) -> Option<Run> {
        let run = self.runs.pop()?;
        if self.dead.is_empty() { Some(run) } else { self.next_alive(run) }
    }

    /// This one, or the next that was not stopped before it began.
    #[cold]
    fn next_alive(&mut self, mut run: Run) -> Option<Run> {
        while self.dead.remove(&run) {
            run = self.runs.pop()?;
        }
        Some(run)
    }

    /// Whether there is a result to be lent.
    pub(super) fn can_release(&self) -> bool {
        self.dispatcher.can_lend(self.source)
    }

    /// The next result, lent.
    #[inline(always)]
    pub(super) fn release(&mut self) -> Option<Release> {
        self.dispatcher.poll_release(self.source)
    }

    /// Whether something is due before the driver looks at the time by itself.
    pub(super) fn is_due_unseen(&self) -> bool {
        self.timeout().is_some_and(|due| self.looks_at.is_none_or(|at| due < at))
    }

    /// The driver looks at the time then, and before that where it is woken.
    pub(super) fn look_at(&mut self, time: Option<Time>) {
        self.looks_at = time;
    }

    /// Whether something is due at the time that was set last.
    pub(super) fn is_due(&self) -> bool {
        self.timeout().is_some_and(|due| due <= self.now)
    }

    /// Whether there is room for those who wait; asked once.
    pub(super) fn take_room(&mut self) -> bool {
        mem::take(&mut self.room)
    }

    /// Takes all events and starts. A start makes no event where nothing has a time limit.
    /// True where there was an event.
    #[inline(always)]
    pub(super) fn drain(&mut self, slots: &mut impl Slots) -> bool {
        let mut was_told = false;
        loop {
            while let Some(event) = self.dispatcher.poll_event() {
                self.tell(event, slots);
                was_told = true;
            }
            let Some(run) = self.dispatcher.poll_dispatch() else { return was_told };
            self.runs.push(run);
        }
    }

    /// As [`drain`](Self::drain), where starts may make events: an item whose time was over fails in its turn.
    pub(super) fn drain_all(&mut self, slots: &mut impl Slots) {
        loop {
            self.drain(slots);
            if !self.dispatcher.has_events() {
                return;
            }
        }
    }

    #[cold]
    fn tell(&mut self, event: Event, slots: &mut impl Slots) {
        match event {
            Event::Signal { handle, attempt, why } => {
                slots.signal(Run { handle, attempt }, why);
            }
            Event::Expired { handle } => slots.expired(handle, self.seq_of(handle)),
            Event::Halted { handle } => slots.halted(handle),
            Event::Passed { handle, why } => slots.passed(handle, why, self.failed()),
            Event::Left { handle, rest, why } => slots.left(handle, rest, why, self.failed()),
            Event::Lost { first, last, .. } => slots.lost(first, last),
            Event::Room { .. } => self.room = true,
            Event::LaneIdle { lane } => slots.lane_idle(lane),
            Event::Drained { .. } => self.drained = true,
            Event::Gap { at, first, last, .. } => slots.gap(at, first, last),
            Event::Completed { .. } => {}
        }
    }
}

/// The host's entropy for waits that are drawn, where no seed is given.
fn with_entropy(options: &Options) -> Options {
    let mut options = options.clone();
    if let Some(retry) = options.retry.take() {
        options.retry = Some(retry.seed_or(RandomState::new().build_hasher().finish()));
    }
    options
}
