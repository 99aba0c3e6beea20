//! Decides what starts, what waits and what comes out: a state machine of numbers.
//!
//! The parts, in the order in which an item meets them: [`admission`] (offers), [`lanes`] (what may start),
//! [`attempts`] (starts, ends, cancellation), [`failures`] (retries, and what follows when there are no more),
//! [`release`] (the order in which results come out), [`gaps`] (numbers that do not come), [`checkpoints`] (what is done
//! for good), [`ownership`] (sources that are lost), [`shutdown`]. [`sources`] keeps what is per source ([`flags`]:
//! what is unusual about it), [`alarms`] what is due when.
//!
//! What every item takes (push, start, complete, lend, take back) is always inlined: a call with its saved registers
//! costs as much as the work, and a driver calls each from one place. What is rare stays out of line, and is
//! [marked](crate::hint) as such, so that the ordinary way takes few jumps: see the README of the bench.

mod admission;
mod alarms;
mod attempts;
mod canonical;
mod checkpoints;
mod failures;
mod flags;
mod gaps;
mod lanes;
mod ownership;
mod release;
mod seeing;
mod shutdown;
mod sources;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::event::Event;
use crate::fifo::{Fifo, Work};
use crate::hint::rarely;
use crate::ids::{Handle, Lane, Seq, Source};
use crate::options::{OnFailure, Options, OptionsError, SourceOptions};
use crate::outcome::{Arrival, Completion, Outcome, PushError, Release, Resume, Run};
use crate::retry::Retry;
use crate::slots::{Slots, State};
use crate::time::Time;
use crate::timers::{Alarms, Limit};

use failures::Troubles;
use lanes::Lanes;
use seeing::Tally;
use shutdown::Phase;
use sources::Sources;

/// The one scheduler: takes items in, says what to start, and gives results out in order.
///
/// It holds numbers only. Payloads, handlers and results stay with the *driver*, in arrays by
/// [`Slot`](crate::Slot), so that nothing a user wrote ever runs in here.
///
/// The contract: one command, then drain [`poll_event`](Self::poll_event) and [`poll_dispatch`](Self::poll_dispatch)
/// until both are empty; [`poll_release`](Self::poll_release) once for each unit of demand;
/// [`poll_timeout`](Self::poll_timeout) last.
///
/// No call panics on what it is given: handles and sources that are no longer known change nothing but a counter.
/// Every call is O(1) amortised, but those that concern many items (a failure, a stop) are O(those items), and with
/// several sources a start is O(log sources).
///
/// # Examples
/// ```
/// use inorder::{Completion, Dispatcher, Options, Outcome, SourceOptions, Time};
///
/// let mut dispatcher = Dispatcher::new(&Options::new().concurrency(2))?;
/// let source = dispatcher.open_source(SourceOptions::new()).expect("it is open");
/// let now = Time::from_micros(0);
/// let first = dispatcher.push(now, source, None).expect("there is room");
/// let second = dispatcher.push(now, source, None).expect("there is room");
/// let runs: Vec<_> = std::iter::from_fn(|| dispatcher.poll_dispatch()).collect();
/// assert_eq!(runs.len(), 2);
///
/// // the second ends first, and is held
/// assert_eq!(dispatcher.complete(now, second, 1, Outcome::Ok), Completion::Settled);
/// assert_eq!(dispatcher.poll_release(source), None);
/// assert_eq!(dispatcher.complete(now, first, 1, Outcome::Ok), Completion::Settled);
/// for handle in [first, second] {
///     assert_eq!(dispatcher.poll_release(source).map(|release| release.handle), Some(handle));
///     dispatcher.released(now, handle);
/// }
/// # Ok::<(), inorder::OptionsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dispatcher {
    concurrency: u32,
    capacity: u32,
    ordered: bool,
    on_failure: OnFailure,
    /// The policy for an item without a lane where lanes are halted.
    on_failure_without_lane: OnFailure,
    retry: Option<Retry>,
    /// The time of an attempt.
    timeout: Option<Box<Limit>>,
    /// The time of an item.
    total_timeout: Option<Box<Limit>>,
    items: Slots,
    /// How many of them stand for numbers that were given up.
    gaps: usize,
    /// What is known of items that failed.
    troubles: Troubles,
    /// What may start: the first item of each lane that is free, in the order in which the lanes became so.
    line: Fifo<Work>,
    lanes: Lanes,
    sources: Sources,
    /// The head of a release order need not be the first of the line: there are lanes, or were several sources.
    heads_apart: bool,
    /// What is due at some time, but for the time limits of items.
    alarms: Alarms,
    /// Hand-overs that are due, and wait to be started.
    hand_overs: Alarms,
    /// Retries that are due, and wait to be started.
    retries: Alarms,
    /// Whether a success needs nothing but to be held: in order, without time limits, and nobody is told of completions.
    ends_are_plain: bool,
    /// How many items wait to be tried again or are handed over, and one more while paused. At 0 the line says all about
    /// what starts.
    aside: u32,
    paused: bool,
    events: VecDeque<Event>,
    tally: Tally,
    now: Time,
    phase: Phase,
    /// An offer was refused because all sources together hold as many items as there can be.
    overflowed: bool,
}

impl Dispatcher {
    /// An empty dispatcher without sources.
    ///
    /// # Errors
    /// The first option that is out of its bounds.
    pub fn new(options: &Options) -> Result<Self, OptionsError> {
        options.check()?;
        Ok(Self {
            concurrency: options.concurrency as u32,
            capacity: options.effective_capacity() as u32,
            ordered: options.ordered,
            on_failure: options.policy(),
            on_failure_without_lane: match options.on_failure_or {
                // there is no lane to halt
                OnFailure::HaltKey => OnFailure::Fail,
                OnFailure::Fail | OnFailure::Emit | OnFailure::Skip | OnFailure::DeadLetter => {
                    options.on_failure_or
                }
            },
            retry: options.retry.clone(),
            timeout: options.timeout.map(|span| Box::new(Limit::new(span))),
            total_timeout: options.total_timeout.map(|span| Box::new(Limit::new(span))),
            items: Slots::default(),
            gaps: 0,
            troubles: Troubles::default(),
            line: Fifo::default(),
            lanes: Lanes::default(),
            sources: Sources::default(),
            heads_apart: false,
            alarms: Alarms::new(),
            hand_overs: Alarms::new(),
            retries: Alarms::new(),
            ends_are_plain: options.ordered
                && options.timeout.is_none()
                && options.total_timeout.is_none(),
            aside: 0,
            paused: false,
            events: VecDeque::new(),
            tally: Tally::default(),
            now: Time::default(),
            phase: Phase::Open,
            overflowed: false,
        })
    }

    // getters: the others are in `seeing`

    /// Items in flight of all sources.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tally.inside()
    }

    /// Whether nothing is in flight.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The position of an item in its source; `None` where the handle is stale.
    #[must_use]
    pub fn seq_of(&self, handle: Handle) -> Option<Seq> {
        self.items.find(handle).map(|slot| self.items[slot].seq)
    }

    /// The lane of an item; `None` where it has one of its own or the handle is stale.
    #[must_use]
    pub fn lane_of(&self, handle: Handle) -> Option<Lane> {
        self.items.find(handle).and_then(|slot| self.items[slot].lane)
    }

    // time

    /// Fires what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        self.advance_clock(now);
        self.fire_due();
    }

    // commands: settings

    /// Starts nothing any more, retries neither. What runs goes on, and so do time limits, hand-overs and releases.
    pub fn pause(&mut self, now: Time) {
        self.advance_clock(now);
        self.set_paused(true);
    }

    /// Starts again what may start.
    pub fn unpause(&mut self, now: Time) {
        self.advance_clock(now);
        self.set_paused(false);
    }

    /// Changes the limits. Lowering them cancels nothing; raising them lets in and starts exactly as many as fit.
    ///
    /// # Errors
    /// As [`Options::check`], and a capacity that is more than the numbers of a source allow; nothing is changed.
    pub fn set_limits(
        &mut self,
        now: Time,
        concurrency: usize,
        capacity: usize,
    ) -> Result<(), OptionsError> {
        self.advance_clock(now);
        Options::new().concurrency(concurrency).capacity(capacity).check()?;
        self.check_windows(capacity)?;
        self.change_limits(concurrency as u32, capacity as u32);
        Ok(())
    }

    // commands: offers

    /// A new source. `None` where the dispatcher is closed, there are 2^20 sources, or an option is
    /// [refused](Self::check_source).
    pub fn open_source(&mut self, options: SourceOptions) -> Option<Source> {
        if self.phase != Phase::Open || self.check_source(&options).is_err() {
            return None;
        }
        let was_single = self.sources.is_single();
        self.ends_are_plain &= !options.acknowledged;
        let source = self.sources.open(options, self.capacity, self.tally.started);
        if was_single && !self.sources.is_single() {
            // the first source was alone until now, and its turns were not noted
            self.sources.note_starts_alone(self.tally.started);
            self.heads_apart = self.ordered;
            self.note_head(0);
        }
        source
    }

    /// Has a source go on from a checkpoint of an earlier life, before anything is offered to it. `committed` is the
    /// position that is stored as committed; where the checkpoint alone knows it, that is its own.
    ///
    /// The source begins with the number after the position. Numbers that the checkpoint has are done: they count as
    /// arrived, what comes with one is answered [`Arrival::Restored`] or [`PushError::Restored`], and the order of
    /// release passes over them. They take neither a slot nor a unit of capacity.
    ///
    /// A source that gives the numbers itself must get the same items in the same order as in the earlier life, from the
    /// position on. Ids of others, which may have holes, are for a [`Watermark`](crate::Watermark) beside the source.
    ///
    /// # Errors
    /// The source is [over](CheckpointError::SourceOver), is not [acknowledged](CheckpointError::Unacknowledged) or was
    /// [used](CheckpointError::SourceUsed); the checkpoint is of another [position](CheckpointError::Position), or has
    /// numbers that no source [has](CheckpointError::Beyond). Nothing is changed.
    ///
    /// # Examples
    /// ```
    /// use inorder::{Arrival, Dispatcher, Options, Outcome, SourceOptions, Time};
    ///
    /// let now = Time::from_micros(0);
    /// let options = SourceOptions::new().sequenced(0).acknowledged(true);
    /// let mut dispatcher = Dispatcher::new(&Options::new().concurrency(3))?;
    /// let source = dispatcher.open_source(options).expect("it is open");
    /// for seq in 0..3 {
    ///     let _ = dispatcher.push_at(now, source, None, seq)?;
    /// }
    /// let runs: Vec<_> = std::iter::from_fn(|| dispatcher.poll_dispatch()).collect();
    /// for done in [0, 2] {
    ///     dispatcher.complete(now, runs[done].handle, 1, Outcome::Ok);
    /// }
    /// let stored = dispatcher.checkpoint(source).expect("it is acknowledged");
    /// assert_eq!((stored.position(), stored.contains(2)), (Some(0), true));
    ///
    /// // after a crash: 0 and 2 are done, 1 runs again
    /// let mut dispatcher = Dispatcher::new(&Options::new())?;
    /// let source = dispatcher.open_source(options).expect("it is open");
    /// dispatcher.restore(source, &stored, Some(0))?;
    /// assert_eq!(dispatcher.push_at(now, source, None, 0)?, Arrival::Late);
    /// assert!(matches!(dispatcher.push_at(now, source, None, 1)?, Arrival::Ready(_)));
    /// assert_eq!(dispatcher.push_at(now, source, None, 2)?, Arrival::Restored);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn restore(
        &mut self,
        source: Source,
        checkpoint: &Checkpoint,
        committed: Option<Seq>,
    ) -> Result<(), CheckpointError> {
        self.restore_source(source, checkpoint, committed)
    }

    /// Offers an item, which gets the next number of its source. With a lane it never runs at the same time as another
    /// of that lane; without, in a lane of its own.
    ///
    /// # Errors
    /// See [`PushError`]. Nothing is taken, and nothing counted.
    #[inline(always)]
    pub fn push(
        &mut self,
        now: Time,
        source: Source,
        lane: Option<Lane>,
    ) -> Result<Handle, PushError> {
        self.advance_clock(now);
        self.admit_next(source, lane)
    }

    /// Offers an item that has a number, to a source that is sequenced. It starts once everything before it has
    /// arrived or was given up. Where gaps are [skipped](crate::OnGap::Skip), a number beyond the window gives up a
    /// missing head at once.
    ///
    /// # Errors
    /// See [`PushError`]. Nothing is taken. Late and duplicate numbers are answers and counted.
    pub fn push_at(
        &mut self,
        now: Time,
        source: Source,
        lane: Option<Lane>,
        seq: Seq,
    ) -> Result<Arrival, PushError> {
        self.advance_clock(now);
        self.admit_at(source, lane, seq)
    }

    /// Says of an item just pushed that its key could not be had: it fails when its turn to start comes, without an
    /// attempt. False where it is too late for that.
    pub fn reject(&mut self, now: Time, handle: Handle) -> bool {
        self.advance_clock(now);
        let Some(slot) = self.find(handle) else { return false };
        let item = &mut self.items[slot];
        let queued = matches!(item.state, State::Early | State::Waiting | State::Ready);
        item.is_rejected |= queued;
        queued
    }

    /// Counts an offer that was turned away and does not wait.
    pub fn refuse(&mut self, now: Time) {
        self.advance_clock(now);
        self.tally.refused += 1;
    }

    /// No more comes from this source. What is missing of it is given up, or is an error where gaps
    /// [fail](crate::OnGap::Fail).
    pub fn end(&mut self, now: Time, source: Source) {
        self.advance_clock(now);
        if let Some(index) = self.sources.find(source) {
            self.end_source(index);
        }
    }

    /// Says whether what comes out of a source is taken by somebody, who says when that is done: `on_result`, or an
    /// iteration. Without, an item is completed when it is settled.
    pub fn taking(&mut self, now: Time, source: Source, taking: bool) {
        self.advance_clock(now);
        if let Some(index) = self.sources.find(source) {
            self.change_taking(index, taking);
        }
    }

    // commands: attempts

    /// Says that an attempt ended.
    #[inline(always)]
    pub fn complete(
        &mut self,
        now: Time,
        handle: Handle,
        attempt: u32,
        outcome: Outcome,
    ) -> Completion {
        self.advance_clock(now);
        self.end_attempt(handle, attempt, outcome)
    }

    /// Cancels an item. One that waits to be started is settled at once; of one that runs the outcome is fixed at once
    /// and an [`Event::Signal`] given. False where it is settled already, or stale.
    pub fn cancel(&mut self, now: Time, handle: Handle) -> bool {
        self.advance_clock(now);
        self.cancel_item(handle)
    }

    /// Lets a lane go on that is halted. False where it is not, or its source is revoked.
    pub fn resume_lane(&mut self, now: Time, lane: Lane, how: Resume) -> bool {
        self.advance_clock(now);
        self.resume(lane, how)
    }

    // commands: results

    /// Says that a result which was lent is taken: its unit of capacity comes back. False where it is not lent.
    #[inline(always)]
    pub fn released(&mut self, now: Time, handle: Handle) -> bool {
        self.advance_clock(now);
        self.take_back(handle)
    }

    /// Says that the delivery of a result which was lent failed: it is not released, everything of its source behind
    /// it is cancelled, and its source accepts no more. False where it is not lent.
    pub fn undelivered(&mut self, now: Time, handle: Handle) -> bool {
        self.advance_clock(now);
        self.fail_delivery(handle)
    }

    // commands: stopping

    /// Cuts off what comes out of a source: a callback of the user's failed at this position. As under
    /// [`OnFailure::Fail`] what is before it still comes out; what is there or after it is cancelled. An earlier failure
    /// stays.
    pub fn stop(&mut self, now: Time, source: Source, from: Seq) {
        self.advance_clock(now);
        if let Some(index) = self.sources.find(source) {
            self.cut_off_from(index, from);
        }
    }

    /// The source is given up, in good order: nothing of it starts, is retried or resumed any more, and what does not
    /// run is handed back. What runs or is being handed over may end until the timeout, which then
    /// [fences](Self::fence) it; what is settled comes out.
    pub fn revoke(&mut self, now: Time, source: Source, timeout: Option<core::time::Duration>) {
        self.advance_clock(now);
        if let Some(index) = self.sources.find(source) {
            self.revoke_source(index, timeout);
        }
    }

    /// The source is lost: nothing comes out of it any more, and what runs is signalled and ignored. Its lanes stay
    /// taken until their handlers have ended.
    pub fn fence(&mut self, now: Time, source: Source) {
        self.advance_clock(now);
        if let Some(index) = self.sources.find(source) {
            self.fence_source(index);
        }
    }

    /// Accepts nothing more and lets the rest drain. At the timeout what runs is signalled and gets a grace of 0.25 s;
    /// what still runs then is reported as detached. Without a timeout it waits for ever. A second call can only
    /// shorten the time; with [`Duration::ZERO`](core::time::Duration::ZERO) it stops at once.
    pub fn close(&mut self, now: Time, timeout: Option<core::time::Duration>) {
        self.advance_clock(now);
        self.begin_close(timeout);
    }

    // polls

    /// The next event. Drained after each command, before anything else is pushed.
    #[inline]
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        // most often there is none: asked after every command
        if self.events.is_empty() { None } else { self.next_event() }
    }

    /// The next attempt to start. It counts as running from here on.
    #[inline]
    #[must_use]
    pub fn poll_dispatch(&mut self) -> Option<Run> {
        if rarely(self.aside > 0) {
            return self.start_aside();
        }
        self.start_next()
    }

    /// Lends the next result of a source, if it is there and none is lent.
    #[inline]
    #[must_use]
    pub fn poll_release(&mut self, source: Source) -> Option<Release> {
        self.lend_next(source)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest; `None`: nothing is due.
    #[inline]
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        self.next_due()
    }

    #[cold]
    #[inline(never)]
    fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The slot of a handle; a stale one is counted.
    fn find(&mut self, handle: Handle) -> Option<u32> {
        let slot = self.items.find(handle);
        if slot.is_none() {
            self.tally.stale += 1;
        }
        slot
    }

    #[inline]
    fn advance_clock(&mut self, now: Time) {
        if rarely(now > self.now) {
            self.now = now;
        }
    }
}
