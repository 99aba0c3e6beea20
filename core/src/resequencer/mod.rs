//! Several sequences at once, one for each key: what comes out, in the order in which it became ready.

mod output;
mod ring;
#[cfg(test)]
mod tests;

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use crate::ids::{Seq, Slot};
use crate::options::OptionsError;
use crate::sequencer::{Due, Insert, SequenceError, Sequencer, SequencerEvent, SequencerOptions};
use crate::stats::{Blocked, BlockedState, Stats};
use crate::time::Time;

pub use output::{Discard, Output, Pushed, ResequencerEvent, Sequence};

use ring::Ring;

/// Puts arrivals in order, by a number, and for each key by itself.
///
/// It holds numbers only: payloads stay with the driver, by [`Slot`], keys too, by [`Sequence`]. A [`Sequencer`] for
/// each key decides whose turn it is; across keys things come out in the order in which they became ready.
///
/// The contract: one command, then drain [`poll_event`](Self::poll_event); [`poll_output`](Self::poll_output) once for
/// each unit of demand; [`poll_timeout`](Self::poll_timeout) last. A driver pushes only while `poll_output` has
/// nothing: what is ready is not bounded by the capacity, which is of each key's window. The driver takes the payload of
/// an output, or of an event, before it pushes again.
///
/// Every call is O(1) amortised, but the end is O(sequences); opening and closing a gap is O(log sequences).
///
/// # Examples
/// ```
/// use inorder::{Output, Pushed, Resequencer, SequencerOptions, Time};
///
/// let mut resequencer = Resequencer::new(SequencerOptions::new())?;
/// let (now, mut slots, mut out) = (Time::from_micros(0), vec![""; 3], Vec::new());
/// let sequence = resequencer.open().expect("there is room");
/// for (seq, word) in [(1, "or"), (0, "to be"), (0, "again"), (2, "not")] {
///     if let Pushed::Taken(slot) = resequencer.push(now, sequence, seq) {
///         slots[slot.index()] = word;
///     }
///     while let Some(output) = resequencer.poll_output() {
///         if let Output::Item { slot, .. } = output {
///             out.push(slots[slot.index()]);
///         }
///     }
/// }
/// assert_eq!(out, ["to be", "or", "not"]);
/// # Ok::<(), inorder::OptionsError>(())
/// ```
#[derive(Debug)]
pub struct Resequencer {
    options: SequencerOptions,
    lanes: Vec<Lane>,
    /// Those whose timer runs: when, what it does, and whose it is.
    timers: BTreeSet<(Time, Due, u32)>,
    events: VecDeque<ResequencerEvent>,
    /// With the number of each, as it comes over the wire.
    outputs: VecDeque<(Seq, Output)>,
    free: Vec<Slot>,
    /// As many as were in at one time.
    slots: u32,
    phase: Phase,
    tally: Tally,
    now: Time,
}

/// One sequence.
#[derive(Debug)]
struct Lane {
    sequencer: Sequencer,
    /// What is held.
    held: Ring,
    /// What is kept aside, in a row.
    suspects: Vec<Slot>,
    /// As it stands among the timers.
    due: Option<(Time, Due)>,
    /// As it was counted.
    lost: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// No more comes.
    Ended,
    /// Nothing comes out any more.
    Failed,
}

#[derive(Debug, Default)]
struct Tally {
    accepted: u64,
    released: u64,
    late: u64,
    duplicate: u64,
    lost: u64,
}

impl Resequencer {
    /// An empty one without sequences.
    ///
    /// # Errors
    /// The first option that is out of its bounds.
    pub fn new(options: SequencerOptions) -> Result<Self, OptionsError> {
        options.check()?;
        Ok(Self {
            options,
            lanes: Vec::new(),
            timers: BTreeSet::new(),
            events: VecDeque::new(),
            outputs: VecDeque::new(),
            free: Vec::new(),
            slots: 0,
            phase: Phase::Open,
            tally: Tally::default(),
            now: Time::default(),
        })
    }

    // getters

    /// Items that are in: held, kept aside, or ready.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots as usize - self.free.len()
    }

    /// Whether no item is in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether something can come out at once.
    #[inline]
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// How much can come out at once: items, losses, an error.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.outputs.len()
    }

    /// Whether nothing comes any more, nor comes out.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.phase != Phase::Open && self.outputs.is_empty()
    }

    /// Whether a push of this number sets or looks at a timer: where it does not, any time that has been will do for
    /// it.
    #[inline]
    #[must_use]
    pub fn needs_time(&self, sequence: Sequence, seq: Seq) -> bool {
        self.lanes.get(sequence.index()).is_some_and(|lane| {
            !lane.sequencer.is_empty() || lane.sequencer.look(seq) != Insert::Ready
        })
    }

    /// What is missing of a sequence before the highest number that is in: first and last, both inclusive.
    pub fn missing(&self, sequence: Sequence) -> impl Iterator<Item = (Seq, Seq)> + '_ {
        self.lanes.get(sequence.index()).into_iter().flat_map(|lane| lane.sequencer.missing())
    }

    /// How many numbers were given up.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.tally.lost
    }

    /// Counters and gauges, those of them that it has: `accepted`, `released`, `late`, `duplicate`, `held`,
    /// `in_flight`, `capacity`. What is kept aside, of a source that may count from anew, is accepted when it is let
    /// in.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let in_flight = self.tally.accepted - self.tally.released;
        Stats {
            accepted: self.tally.accepted,
            released: self.tally.released,
            late: self.tally.late,
            duplicate: self.tally.duplicate,
            held: in_flight,
            in_flight,
            capacity: self.options.effective_capacity() as u64,
            ..Stats::default()
        }
    }

    /// What comes out next waits for: an item or a loss that nobody has taken, or the number that has been missing
    /// longest, of all sequences. `None` when no item is in, or nothing comes out any more. Numbers are as they come over
    /// the wire; the age of what is ready is not known, and 0. O(sequences).
    #[must_use]
    pub fn why_blocked(&self, now: Time) -> Option<Blocked> {
        let now = now.max(self.now);
        let in_flight = self.tally.accepted - self.tally.released;
        let blocked = |seq, state, waiting| Blocked {
            seq,
            attempt: 0,
            age: Duration::ZERO,
            waiting,
            state,
            next_deadline: None,
        };
        match self.outputs.front() {
            Some((_, Output::Failed(_))) => return None,
            Some((seq, Output::Lost { .. })) => {
                return Some(blocked(*seq, BlockedState::Untaken, in_flight));
            }
            Some((seq, Output::Item { .. })) => {
                return Some(blocked(*seq, BlockedState::Untaken, in_flight.saturating_sub(1)));
            }
            None => {}
        }
        let gaps = self.lanes.iter().filter_map(|lane| {
            let (seq, since) = lane.sequencer.missing_since()?;
            Some((since, seq, lane.due))
        });
        let (since, seq, due) = gaps.min_by_key(|(since, _, _)| *since)?;
        let span = |from: Time, to: Time| Duration::from_micros(to.since(from));
        let next_deadline = due.map(|(due, _)| span(now, due));
        let gap = blocked(seq, BlockedState::Missing, in_flight);
        Some(Blocked { age: span(since, now), next_deadline, ..gap })
    }

    // time

    /// Fires what is due: tells of what is missing, gives it up, or fails.
    pub fn handle_timeout(&mut self, now: Time) {
        self.now = self.now.max(now);
        while let Some(&(due, _, index)) = self.timers.first() {
            if due > self.now || self.phase != Phase::Open {
                return;
            }
            self.lanes[index as usize].sequencer.fire_next(self.now);
            self.drain(index);
        }
    }

    // commands

    /// Tells of gaps from here on: at once where the options do not say [when](SequencerOptions::gap_warning).
    pub fn tell_gaps(&mut self) {
        self.options = self.options.gap_warning_or(Duration::ZERO);
        for lane in &mut self.lanes {
            lane.sequencer.tell_gaps();
        }
    }

    /// A new sequence, for a key that was not seen yet. It stays. `None` where there are 2^32 − 1.
    pub fn open(&mut self) -> Option<Sequence> {
        let sequence =
            Sequence::new(u32::try_from(self.lanes.len()).ok().filter(|n| *n < u32::MAX)?);
        let sequencer = Sequencer::new(self.options).ok()?;
        let (held, suspects) = (Ring::default(), Vec::new());
        self.lanes.push(Lane { sequencer, held, suspects, due: None, lost: 0 });
        Some(sequence)
    }

    /// An arrival. One that is taken has a slot from here on.
    pub fn push(&mut self, now: Time, sequence: Sequence, seq: Seq) -> Pushed {
        self.now = self.now.max(now);
        let index = sequence.number();
        if self.phase != Phase::Open || sequence.index() >= self.lanes.len() {
            self.tally.late += 1;
            return Pushed::Late;
        }
        loop {
            let lane = &mut self.lanes[index as usize];
            let said = lane.sequencer.insert(self.now, seq);
            let pushed = match said {
                Insert::Ready if lane.sequencer.is_restarting() => {
                    self.tally.accepted += lane.suspects.len() as u64 + 1;
                    Pushed::Taken(self.keep_aside(index))
                }
                Insert::Suspect => {
                    // a row that it has broken goes first
                    self.drain(index);
                    return Pushed::Taken(self.keep_aside(index));
                }
                Insert::Ready | Insert::Held => Pushed::Taken(self.keep(index, seq)),
                Insert::Duplicate => {
                    self.tally.duplicate += 1;
                    Pushed::Duplicate
                }
                Insert::Late | Insert::Restored => {
                    self.tally.late += 1;
                    Pushed::Late
                }
                Insert::TooFar => {
                    let ready = self.outputs.len();
                    self.drain(index);
                    if self.outputs.len() > ready && self.phase == Phase::Open {
                        // what was given up has made the next ones ready: now there may be room
                        continue;
                    }
                    self.fail(SequenceError::TooFar { seq, key: sequence });
                    return Pushed::TooFar;
                }
            };
            self.drain(index);
            return pushed;
        }
    }

    /// No more comes. What is still missing is given up, or an error where gaps are to fail.
    pub fn end(&mut self, now: Time) {
        self.now = self.now.max(now);
        for index in 0..self.lanes.len() as u32 {
            if self.phase != Phase::Open {
                return;
            }
            self.lanes[index as usize].sequencer.end(self.now);
            self.drain(index);
        }
        if self.phase == Phase::Open {
            self.phase = Phase::Ended;
        }
    }

    // polls

    /// The next event. Drained after each command.
    #[inline]
    #[must_use]
    pub fn poll_event(&mut self) -> Option<ResequencerEvent> {
        let event = self.events.pop_front()?;
        match event {
            ResequencerEvent::Discarded { slot, .. } => self.free.push(slot),
            ResequencerEvent::Gap { .. } => {}
        }
        Some(event)
    }

    /// What comes out next, if it is there.
    #[inline]
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        let (_, output) = self.outputs.pop_front()?;
        if let Output::Item { slot, .. } = output {
            self.tally.released += 1;
            self.free.push(slot);
        }
        Some(output)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest; `None`: nothing is due.
    #[inline]
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        match self.phase {
            Phase::Open => self.timers.first().map(|(due, _, _)| *due),
            Phase::Ended | Phase::Failed => None,
        }
    }

    // private

    /// A slot for an item that is admitted. The number of the wire is looked up again: it stands in the window.
    fn keep(&mut self, index: u32, wire: Seq) -> Slot {
        let slot = self.take_slot();
        self.tally.accepted += 1;
        let lane = &mut self.lanes[index as usize];
        lane.held.insert(lane.sequencer.unwrapped(wire), slot);
        slot
    }

    fn keep_aside(&mut self, index: u32) -> Slot {
        let slot = self.take_slot();
        self.lanes[index as usize].suspects.push(slot);
        slot
    }

    fn take_slot(&mut self) -> Slot {
        self.free.pop().unwrap_or_else(|| {
            self.slots += 1;
            Slot(self.slots - 1)
        })
    }

    /// Lets out all of a sequence that is ready, and sets its timer.
    fn drain(&mut self, index: u32) {
        let sequence = Sequence::new(index);
        let mut failure = None;
        let lane = &mut self.lanes[index as usize];
        loop {
            while let Some(event) = lane.sequencer.poll_event() {
                match event {
                    SequencerEvent::Gap { first, last } => {
                        self.events.push_back(ResequencerEvent::Gap { sequence, first, last });
                    }
                    SequencerEvent::Late { .. } => {
                        self.tally.late += lane.suspects.len() as u64;
                        for slot in lane.suspects.drain(..) {
                            let why = Discard::Late;
                            self.events.push_back(ResequencerEvent::Discarded { slot, why });
                        }
                    }
                    SequencerEvent::Lost { first, last } => {
                        self.outputs.push_back((first, Output::Lost { sequence, first, last }));
                    }
                    SequencerEvent::Restarted { .. } => {
                        let first = lane.sequencer.next();
                        for (seq, slot) in (first..).zip(lane.suspects.drain(..)) {
                            lane.held.insert(seq, slot);
                        }
                    }
                    SequencerEvent::Failed(error) => {
                        failure = Some(error.map_key(|()| sequence));
                    }
                }
            }
            let Some(seq) = lane.sequencer.pop() else { break };
            if let Some(slot) = lane.held.remove(seq) {
                let seq = lane.sequencer.wire(seq);
                self.outputs.push_back((seq, Output::Item { sequence, slot }));
            }
        }
        let lost = lane.sequencer.lost();
        let newly_lost = lost - core::mem::replace(&mut lane.lost, lost);
        self.tally.lost = self.tally.lost.saturating_add(newly_lost);
        let due = lane.sequencer.due();
        if due != lane.due {
            let before = core::mem::replace(&mut lane.due, due);
            self.set_timer(index, before, due);
        }
        if let Some(error) = failure {
            self.fail(error);
        }
    }

    fn set_timer(&mut self, index: u32, before: Option<(Time, Due)>, due: Option<(Time, Due)>) {
        if let Some((time, due)) = before {
            self.timers.remove(&(time, due, index));
        }
        if let Some((time, due)) = due {
            self.timers.insert((time, due, index));
        }
    }

    fn fail(&mut self, error: SequenceError<Sequence>) {
        self.phase = Phase::Failed;
        self.outputs.push_back((Seq::MAX, Output::Failed(error)));
    }
}
