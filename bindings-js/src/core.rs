//! The dispatcher of one stream or processor.

use core::time::Duration;

use inorder::{
    Arrival, Completion, Dispatcher, Event, Handle, Lane, OnFailure, Options, Outcome, PushError,
    Rest, Source, SourceOptions, Time, What, Why,
};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::NONE;

// What a command leaves in the cells, by index; `js/state.js` has the same table.
/// How many records are there.
const COUNT: usize = 0;
/// How many items a stream may read now.
const WANTS: usize = 1;
/// When to call `handle_timeout`, or [`NONE`].
const DUE: usize = 2;
/// The position of the item that was pushed or lent.
const SEQ: usize = 3;
/// The last attempt of the item that was lent.
const ATTEMPT: usize = 4;
/// What was lent: a result, a failure, or the failure with which everything ends.
const WHAT: usize = 5;
/// The first record.
const RECORDS: usize = 8;

/// Cells of a record: its kind, then what belongs to it.
const WIDTH: usize = 4;
/// The most records at a time. A command that leaves as many is followed by `drain`.
const MOST: usize = 64;

/// The answers of an offer that was not accepted.
const FULL: f64 = -1.0;
const CLOSED: f64 = -2.0;
const DUPLICATE: f64 = -3.0;
const LATE: f64 = -4.0;
const TOO_FAR: f64 = -5.0;
const NUMBERING: f64 = -6.0;

/// A [`Dispatcher`] with one source. Times are microseconds, handles are their bits.
///
/// Each command drains the dispatcher into the cells: an array in the module's memory, which JavaScript reads without
/// a call.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Core {
    dispatcher: Dispatcher,
    source: Source,
    cells: Box<[f64; RECORDS + WIDTH * MOST]>,
}

#[wasm_bindgen]
impl Core {
    /// Opens one. `start`: the caller gives the numbers, from this one on.
    ///
    /// # Errors
    /// The text says which option is out of its bounds.
    #[wasm_bindgen(constructor)]
    pub fn new(
        concurrency: u32,
        capacity: Option<u32>,
        ordered: bool,
        emit: bool,
        keyed: bool,
        start: Option<f64>,
    ) -> Result<Self, String> {
        let policy = if emit { OnFailure::Emit } else { OnFailure::Fail };
        let mut options =
            Options::new().concurrency(concurrency as usize).ordered(ordered).on_failure(policy);
        if let Some(capacity) = capacity {
            options = options.capacity(capacity as usize);
        }
        let mut dispatcher = Dispatcher::new(&options).map_err(|error| error.to_string())?;
        let mut of_source = SourceOptions::new().keyed(keyed);
        if let Some(start) = start {
            of_source = of_source.sequenced(start as u64);
        }
        let source = dispatcher.open_source(of_source).ok_or("closed")?;
        let mut core = Self { dispatcher, source, cells: Box::new([NONE; RECORDS + WIDTH * MOST]) };
        core.drain();
        Ok(core)
    }

    /// Where the cells are in the memory.
    #[must_use]
    pub fn cells(&self) -> *const f64 {
        self.cells.as_ptr()
    }

    /// The item at the failed position, or none.
    #[must_use]
    pub fn failed(&self) -> f64 {
        self.dispatcher.failed(self.source).map_or(NONE, bits)
    }

    /// The lowest number in flight, or none.
    #[must_use]
    pub fn oldest(&self) -> f64 {
        self.dispatcher.oldest(self.source).map_or(NONE, |seq| seq as f64)
    }

    /// Writes the counters over the records, in the order of `Stats`.
    pub fn stats(&mut self, now: f64) {
        let stats = self.dispatcher.stats(time(now));
        let all = [
            stats.accepted,
            stats.started,
            stats.ok,
            stats.failed,
            stats.cancelled,
            stats.released,
            stats.ignored,
            stats.refused,
            stats.late,
            stats.duplicate,
            stats.stale,
            stats.queued,
            stats.running,
            stats.held,
            stats.in_flight,
            stats.concurrency,
            stats.capacity,
            micros(stats.oldest_age),
        ];
        for (cell, number) in self.cells[RECORDS..].iter_mut().zip(all) {
            *cell = number as f64;
        }
    }

    /// Writes seq, attempt, age and waiting over the records and returns the state's name; none where nothing is in
    /// flight.
    pub fn why_blocked(&mut self, now: f64) -> Option<String> {
        let blocked = self.dispatcher.why_blocked(time(now), self.source)?;
        let all = [blocked.seq, u64::from(blocked.attempt), micros(blocked.age), blocked.waiting];
        for (cell, number) in self.cells[RECORDS..].iter_mut().zip(all) {
            *cell = number as f64;
        }
        Some(blocked.state.name().into())
    }

    /// Fires what is due.
    pub fn handle_timeout(&mut self, now: f64) {
        self.dispatcher.handle_timeout(time(now));
        self.drain();
    }

    /// Offers an item; `lane` beyond the largest number: one of its own. `rejected`: its key could not be had.
    pub fn push(&mut self, now: f64, lane: u32, rejected: bool) -> f64 {
        match self.dispatcher.push(time(now), self.source, Lane::new(lane)) {
            Ok(handle) => self.accepted(now, handle, rejected),
            Err(error) => refused(error),
        }
    }

    /// Offers an item with a number of its own.
    pub fn push_at(&mut self, now: f64, lane: u32, rejected: bool, seq: f64) -> f64 {
        match self.dispatcher.push_at(time(now), self.source, Lane::new(lane), seq as u64) {
            Ok(Arrival::Ready(handle) | Arrival::Held(handle)) => {
                self.accepted(now, handle, rejected)
            }
            Ok(Arrival::Duplicate) => DUPLICATE,
            Ok(Arrival::Late) => LATE,
            Ok(Arrival::TooFar) => TOO_FAR,
            Err(error) => refused(error),
        }
    }

    /// Counts an offer that was turned away.
    pub fn refuse(&mut self, now: f64) {
        self.dispatcher.refuse(time(now));
    }

    /// Says that no more comes.
    pub fn end(&mut self, now: f64) {
        self.dispatcher.end(time(now), self.source);
        self.drain();
    }

    /// Says that an attempt ended: 0 ok, 1 failed, 2 cancelled. True where that is the item's outcome.
    pub fn complete(&mut self, now: f64, handle: f64, attempt: u32, outcome: u32) -> bool {
        let outcome = match outcome {
            0 => Outcome::Ok,
            1 => Outcome::Failed,
            _ => Outcome::Cancelled,
        };
        let completion = self.dispatcher.complete(time(now), from_bits(handle), attempt, outcome);
        self.drain();
        completion == Completion::Settled
    }

    /// Cancels an item.
    pub fn cancel(&mut self, now: f64, handle: f64) -> bool {
        let answer = self.dispatcher.cancel(time(now), from_bits(handle));
        self.drain();
        answer
    }

    /// Accepts nothing more; a negative timeout is none.
    pub fn close(&mut self, now: f64, timeout: f64) {
        let timeout = (timeout >= 0.0).then(|| Duration::from_micros(timeout as u64));
        self.dispatcher.close(time(now), timeout);
        self.drain();
    }

    /// Lends the next result and returns its handle, or none.
    pub fn lend(&mut self) -> f64 {
        let failed = self.dispatcher.failed(self.source);
        let Some(release) = self.dispatcher.poll_release(self.source) else { return NONE };
        self.cells[SEQ] = release.seq as f64;
        self.cells[ATTEMPT] = f64::from(release.attempt);
        self.cells[WHAT] = match release.what {
            What::Ok => 0.0,
            What::Failed | _ if failed == Some(release.handle) => 2.0,
            What::Failed | _ => 1.0,
        };
        bits(release.handle)
    }

    /// Says that a result which was lent is taken.
    pub fn released(&mut self, now: f64, handle: f64) {
        self.dispatcher.released(time(now), from_bits(handle));
        self.drain();
    }

    /// Lends the next result and takes it.
    pub fn take(&mut self, now: f64) -> f64 {
        let handle = self.lend();
        if handle >= 0.0 {
            self.released(now, handle);
        }
        handle
    }

    /// Says that the delivery of a result which was lent failed.
    pub fn undelivered(&mut self, now: f64, handle: f64) {
        self.dispatcher.undelivered(time(now), from_bits(handle));
        self.drain();
    }

    /// Writes the next records to the cells.
    pub fn drain(&mut self) {
        let mut count = 0;
        while count < MOST {
            let record = if let Some(event) = self.dispatcher.poll_event() {
                told(event)
            } else if let Some(run) = self.dispatcher.poll_dispatch() {
                [RUN, bits(run.handle), f64::from(run.attempt), NONE]
            } else {
                break;
            };
            self.cells[RECORDS + WIDTH * count..][..WIDTH].copy_from_slice(&record);
            count += 1;
        }
        self.cells[COUNT] = count as f64;
        self.cells[WANTS] = self.dispatcher.wants(self.source) as f64;
        self.cells[DUE] = self.dispatcher.poll_timeout().map_or(NONE, |due| due.as_micros() as f64);
    }

    fn accepted(&mut self, now: f64, handle: Handle, rejected: bool) -> f64 {
        if rejected {
            self.dispatcher.reject(time(now), handle);
        }
        self.cells[SEQ] = self.dispatcher.seq_of(handle).map_or(NONE, |seq| seq as f64);
        self.drain();
        bits(handle)
    }
}

// The kinds of records.
const RUN: f64 = 0.0;
const SIGNAL: f64 = 1.0;
const PASSED: f64 = 2.0;
const LEFT: f64 = 3.0;
const LOST: f64 = 4.0;
const ROOM: f64 = 5.0;
const LANE_IDLE: f64 = 6.0;
const DRAINED: f64 = 7.0;
const OTHER: f64 = 8.0;

fn told(event: Event) -> [f64; WIDTH] {
    match event {
        Event::Signal { handle, attempt, why } => {
            [SIGNAL, bits(handle), f64::from(attempt), reason(Some(why))]
        }
        Event::Passed { handle, why } => [PASSED, bits(handle), reason(Some(why)), NONE],
        Event::Left { handle, rest, why } => [LEFT, bits(handle), reason(why), left(rest)],
        Event::Lost { first, last, .. } => [LOST, first as f64, last as f64, NONE],
        Event::Room { .. } => [ROOM, NONE, NONE, NONE],
        Event::LaneIdle { lane } => [LANE_IDLE, f64::from(lane.number()), NONE, NONE],
        Event::Drained { .. } => [DRAINED, NONE, NONE, NONE],
        _ => [OTHER, NONE, NONE, NONE],
    }
}

fn reason(why: Option<Why>) -> f64 {
    match why {
        None => 0.0,
        Some(Why::Cancelled) => 1.0,
        Some(Why::Failure) => 2.0,
        Some(_) => 3.0,
    }
}

fn left(rest: Rest) -> f64 {
    match rest {
        Rest::Settled => 0.0,
        Rest::NeverStarted => 1.0,
        Rest::Unfinished => 2.0,
        Rest::Detached => 3.0,
    }
}

fn refused(error: PushError) -> f64 {
    match error {
        PushError::Full => FULL,
        PushError::Closed => CLOSED,
        PushError::Numbering | _ => NUMBERING,
    }
}

fn time(micros: f64) -> Time {
    Time::from_micros(micros as u64)
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn bits(handle: Handle) -> f64 {
    handle.to_bits() as f64
}

fn from_bits(bits: f64) -> Handle {
    Handle::from_bits(bits as u64)
}
