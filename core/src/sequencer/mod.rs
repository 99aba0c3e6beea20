//! Numbers that arrive out of order: whose turn it is, what is waited for, and what is given up.
//!
//! [`window`] keeps what is in; the [`Sequencer`] puts time and policy on top: [`gaps`], sources that count from anew
//! ([`row`]), counters that [`wrap`], and what was done before ([`restored`]).

mod bits;
mod error;
mod event;
mod gaps;
mod insert;
mod options;
mod restored;
mod row;
#[cfg(test)]
mod tests;
mod window;
mod wrap;

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::ids::Seq;
use crate::options::OptionsError;
use crate::time::Time;

pub use error::SequenceError;
pub use event::SequencerEvent;
pub use insert::Insert;
pub use options::{OnGap, OnRestart, SequencerOptions};
pub(crate) use window::Ring;
pub use window::Window;

pub(crate) use gaps::Due;

use gaps::Open;
use restored::Restored;
use row::{ROW, Row};
use wrap::{Place, Wrap};

/// Says of each number whether its turn has come, and what becomes of those that do not come.
///
/// Three numbers move: [`next`](Self::next), the lowest that has not left, bounds the window;
/// [`expected`](Self::expected), the lowest that has neither arrived nor been given up, bounds what is in order; what
/// arrived beyond it is held. There is one timer, for `expected`: it starts when something is beyond it, and dies when
/// it moves.
///
/// The contract: one command, then [`poll_event`](Self::poll_event) until there is none; so before and after each
/// [`pop`](Self::pop), since what is lost is told in its place; [`poll_timeout`](Self::poll_timeout) last.
///
/// Numbers that are given to it, and those in events, are as they come over the wire; those that `pop`, `next` and
/// `expected` say go on rising where the wire's [wrap](SequencerOptions::wrap).
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use inorder::{Insert, Sequencer, SequencerEvent, SequencerOptions, Time};
///
/// let options = SequencerOptions::new().gap_timeout(Duration::from_millis(20));
/// let mut sequencer = Sequencer::new(options)?;
/// let mut now = Time::from_micros(0);
/// assert_eq!(sequencer.insert(now, 0), Insert::Ready);
/// assert_eq!(sequencer.insert(now, 2), Insert::Held);
/// assert_eq!((sequencer.pop(), sequencer.pop()), (Some(0), None));
///
/// now = sequencer.poll_timeout().expect("1 is missing");
/// sequencer.handle_timeout(now);
/// assert_eq!(sequencer.poll_event(), Some(SequencerEvent::Lost { first: 1, last: 1 }));
/// assert_eq!(sequencer.pop(), Some(2));
/// assert_eq!(sequencer.insert(now, 1), Insert::Late);
/// # Ok::<(), inorder::OptionsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sequencer {
    options: SequencerOptions,
    wrap: Wrap,
    window: Window,
    /// Whether the first number is known.
    is_started: bool,
    /// One more than the highest number that is in or restored.
    top: Seq,
    restored: Restored,
    /// The timer.
    open: Option<Open>,
    row: Row,
    /// What was given up and not told yet.
    lost: VecDeque<(Seq, Seq)>,
    lost_count: u64,
    /// What is told at once.
    events: VecDeque<SequencerEvent>,
    end: End,
    /// No more arrives.
    is_ended: bool,
    now: Time,
}

/// What comes when everything that is in order has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// More.
    Open,
    /// A new run from this number on.
    Restart(Seq),
    /// An error.
    Failed(SequenceError),
    /// Nothing: the error was told.
    Told,
}

impl Sequencer {
    /// An empty one.
    ///
    /// # Errors
    /// The first option that is out of its bounds.
    pub fn new(options: SequencerOptions) -> Result<Self, OptionsError> {
        options.check()?;
        Ok(Self {
            options,
            wrap: Wrap::new(options.wrap),
            window: Window::with(options),
            is_started: options.start.is_some(),
            top: 0,
            restored: Restored::default(),
            open: None,
            row: Row::default(),
            lost: VecDeque::new(),
            lost_count: 0,
            events: VecDeque::new(),
            end: End::Open,
            is_ended: false,
            now: Time::default(),
        })
    }

    // getters

    /// The lowest number that has not left; 0 before the first one where that is [the one
    /// seen](SequencerOptions::start_at_first). It bounds the window.
    #[inline]
    #[must_use]
    pub const fn next(&self) -> Seq {
        self.window.next()
    }

    /// The lowest number that has neither arrived nor been given up; as [`next`](Self::next) before the first one.
    #[inline]
    #[must_use]
    pub const fn expected(&self) -> Seq {
        self.window.expected()
    }

    /// How many numbers are in.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.window.len()
    }

    /// Whether no number is in.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.window.is_empty()
    }

    /// How many numbers were given up and told, or are to be told, as lost.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost_count
    }

    /// The ranges that are missing before the highest number that is in: first and last, both inclusive, as they would
    /// come over the wire.
    pub fn missing(&self) -> impl Iterator<Item = (Seq, Seq)> + '_ {
        let mut from = self.window.expected();
        core::iter::from_fn(move || {
            let (first, last) = self.gap_from(from)?;
            from = last + 1;
            Some(self.on_wire((first, last)))
        })
    }

    /// What [`insert`](Self::insert) would say; [`TooFar`](Insert::TooFar) also where it would give something up to
    /// make room.
    pub fn look(&self, seq: Seq) -> Insert {
        if !self.is_open() {
            return self.refusal();
        }
        if !self.is_started {
            let seq = self.wrap.wire(seq);
            return match self.restored.run_of(seq) {
                Some(_) => Insert::Restored,
                None if seq == Seq::MAX => Insert::TooFar,
                None => Insert::Ready,
            };
        }
        match self.place(seq) {
            Ok(seq) if self.restored.run_of(seq).is_some() => Insert::Restored,
            Ok(seq) => self.of_new_run(seq, self.window.look(seq)),
            Err(distance) if self.may_restart(distance) => Insert::Suspect,
            Err(_) => Insert::Late,
        }
    }

    /// The size of an array in which the place of each number in the window is its remainder: a power of two.
    #[must_use]
    pub fn span(&self) -> usize {
        self.window.span()
    }

    // time

    /// Fires what is due: tells of what is missing, gives it up, or fails.
    pub fn handle_timeout(&mut self, now: Time) {
        self.now = self.now.max(now);
        self.watch();
        while self.due().is_some_and(|(due, _)| due <= self.now) {
            self.fire();
        }
    }

    // commands

    /// Takes a number in. [`Ready`](Insert::Ready) and [`Held`](Insert::Held) are in; of a
    /// [`Suspect`](Insert::Suspect) an event says what becomes of it.
    ///
    /// Where what is missing is [skipped](OnGap::Skip), and so is the next number, one beyond the window gives up what
    /// is missing before the first that is in, until it fits or something can leave.
    pub fn insert(&mut self, now: Time, seq: Seq) -> Insert {
        self.now = self.now.max(now);
        if !self.is_open() {
            return self.refusal();
        }
        if !self.is_started {
            let first = self.wrap.wire(seq);
            if first == Seq::MAX {
                return Insert::TooFar;
            }
            self.is_started = true;
            self.window.restart(first, 0);
        }
        let wire = seq;
        let seq = match self.place(wire) {
            Ok(seq) => seq,
            Err(distance) if self.may_restart(distance) => return self.join_row(wire, distance),
            Err(_) => {
                self.break_row();
                return Insert::Late;
            }
        };
        self.break_row();
        if self.restored.run_of(seq).is_some() {
            self.settle();
            return Insert::Restored;
        }
        let mut said = self.window.insert(seq);
        while said == Insert::TooFar && self.give_up_head(seq) {
            said = self.window.insert(seq);
        }
        match said {
            Insert::Ready | Insert::Held => {
                self.top = self.top.max(seq + 1);
                self.settle();
            }
            Insert::Duplicate
            | Insert::Late
            | Insert::TooFar
            | Insert::Restored
            | Insert::Suspect => {}
        }
        self.of_new_run(seq, said)
    }

    /// Gives up what is missing below `seq`, a number as [`next`](Self::next) says it. What is in there still leaves
    /// in its turn. The caller knows it: no event tells of it.
    pub fn skip_to(&mut self, seq: Seq) {
        if self.is_open() && seq > self.window.expected() {
            self.is_started = true;
            self.window.skip_to(seq);
            self.settle();
        }
    }

    /// No more comes. What is still missing is given up, or an error where gaps are to [fail](OnGap::Fail).
    pub fn end(&mut self, now: Time) {
        self.now = self.now.max(now);
        if self.is_open() {
            self.break_row();
            self.give_up_all();
        }
        // a new run that is still to come has nothing missing
        self.is_ended = true;
    }

    /// Takes over what was done before, of a checkpoint: everything up to the watermark, and runs of numbers beyond it,
    /// both ends inclusive. The first number is then the one after the watermark; `None`: as the options say. Numbers
    /// that were done count as arrived, and an arrival is [`Restored`](Insert::Restored).
    ///
    /// Of a [`Checkpoint`](crate::Checkpoint): `restore(checkpoint.position(), checkpoint.runs())`.
    ///
    /// To be called before anything else; false, and nothing changes, where something has arrived or left.
    pub fn restore(
        &mut self,
        watermark: Option<Seq>,
        done: impl IntoIterator<Item = (Seq, Seq)>,
    ) -> bool {
        let first = self.options.start.unwrap_or(0);
        if self.top > 0 || self.window.next() != first || !self.is_open() {
            return false;
        }
        if let Some(watermark) = watermark {
            self.is_started = true;
            self.window.restart(watermark.saturating_add(1), 0);
        }
        self.restored = Restored::new(done, self.window.next());
        if let Some(last) = self.restored.last() {
            self.top = last + 1;
        }
        if self.is_started {
            self.pass_restored();
        }
        true
    }

    /// Whether something that came waits for a number that is missing. What was restored does not.
    pub(crate) fn holds_any(&self) -> bool {
        self.window.first_in(self.window.expected(), self.top).is_some()
    }

    /// As [`end`](Self::end), but what is missing only before something that was restored is not given up: nobody waits
    /// for it.
    pub(crate) fn end_held(&mut self, now: Time) {
        self.now = self.now.max(now);
        while self.is_open() && self.holds_any() && self.give_up_first() {}
        self.abandon();
    }

    /// Lets a number leave that is in and in order, before those below it too. False where it is not.
    #[inline]
    pub(crate) fn leave(&mut self, seq: Seq) -> bool {
        self.window.leave(seq)
    }

    /// Tells of gaps, at once where the options do not say when.
    pub(crate) fn tell_gaps(&mut self) {
        self.options = self.options.gap_warning_or(Duration::ZERO);
    }

    /// The number, as [`next`](Self::next) says it, of one of the wire that is in.
    pub(crate) fn unwrapped(&self, wire: Seq) -> Seq {
        self.place(wire).unwrap_or(self.window.next())
    }

    /// Changes the window. What is in stays in.
    pub(crate) fn set_capacity(&mut self, capacity: usize) {
        self.options = self.options.capacity(capacity);
        self.window.set_capacity(capacity);
    }

    /// The first number from `from` on that is in, and in order.
    pub(crate) fn first_in_order(&self, from: Seq) -> Option<Seq> {
        self.window.first_in(from.max(self.window.next()), self.window.expected())
    }

    /// What was given up first and not told yet, whatever is before it. Not as it comes over the wire.
    pub(crate) fn first_lost(&self) -> Option<(Seq, Seq)> {
        self.lost.front().copied()
    }

    pub(crate) fn pop_lost(&mut self) -> Option<(Seq, Seq)> {
        self.lost.pop_front()
    }

    /// What is told at once.
    pub(crate) fn pop_event(&mut self) -> Option<SequencerEvent> {
        self.events.pop_front()
    }

    /// The error behind which nothing leaves, whatever is before it; told once.
    pub(crate) fn take_error(&mut self) -> Option<SequenceError> {
        let End::Failed(error) = self.end else { return None };
        self.end = End::Told;
        Some(error)
    }

    /// Whether a new run waits until the old one has left.
    pub(crate) fn is_restarting(&self) -> bool {
        matches!(self.end, End::Restart(_))
    }

    // polls

    /// The next event. Some stand in the order of the numbers, and come when everything before them has left:
    /// [`Lost`](SequencerEvent::Lost), [`Restarted`](SequencerEvent::Restarted), [`Failed`](SequencerEvent::Failed).
    #[must_use]
    pub fn poll_event(&mut self) -> Option<SequencerEvent> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        if self.is_loss_next() {
            let (first, last) = self.lost.pop_front().map(|range| self.on_wire(range))?;
            return Some(SequencerEvent::Lost { first, last });
        }
        if self.window.next() < self.window.expected() || !self.lost.is_empty() {
            return None;
        }
        match self.end {
            End::Open | End::Told => None,
            End::Failed(error) => {
                self.end = End::Told;
                Some(SequencerEvent::Failed(error))
            }
            End::Restart(first) => {
                self.end = End::Open;
                self.window.restart(first, ROW);
                self.restored = Restored::default();
                self.top = self.window.expected();
                Some(SequencerEvent::Restarted { first: self.wrap.wire(first) })
            }
        }
    }

    /// Lets the next number leave, if it is in. `None` also where an event comes before it.
    #[inline]
    pub fn pop(&mut self) -> Option<Seq> {
        if self.is_loss_next() { None } else { self.window.pop() }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest; `None`: nothing is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        self.due().map(|(due, _)| due)
    }

    // what has arrived

    /// The number of an arrival, or how far it is below the next one.
    #[inline]
    fn place(&self, wire: Seq) -> Result<Seq, u64> {
        match self.wrap.place(wire, self.window.next()) {
            // the last number there is is too far
            Place::Ahead(distance) => Ok(self.window.next().saturating_add(distance)),
            Place::Behind(distance) => match self.window.next().checked_sub(distance) {
                Some(seq) if self.restored.run_of(seq).is_some() => Ok(seq),
                Some(_) | None => Err(distance),
            },
        }
    }

    /// Whether numbers are taken in.
    #[inline]
    fn is_open(&self) -> bool {
        self.end == End::Open && !self.is_ended
    }

    /// What an arrival is told that comes after an end, or before a new run.
    fn refusal(&self) -> Insert {
        if self.is_restarting() { Insert::TooFar } else { Insert::Late }
    }

    /// Whether everything before what was given up first has left.
    #[inline]
    fn is_loss_next(&self) -> bool {
        self.lost.front().is_some_and(|(first, _)| self.window.next() > *first)
    }

    /// A number as it comes over the wire.
    pub(crate) fn wire(&self, seq: Seq) -> Seq {
        self.wrap.wire(seq)
    }

    /// The number that is missing while something is beyond it, as it comes over the wire, and since when.
    pub(crate) fn missing_since(&self) -> Option<(Seq, Time)> {
        self.open.map(|open| (self.wrap.wire(open.at), open.since))
    }

    pub(crate) fn on_wire(&self, (first, last): (Seq, Seq)) -> (Seq, Seq) {
        (self.wrap.wire(first), self.wrap.wire(last))
    }
}
