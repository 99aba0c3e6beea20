//! The dispatcher of one stream or processor.

use core::time::Duration;

use inorder::{
    Arrival, Completion, Dispatcher, Event, Handle, Lane, OnFailure, Options, Outcome, PushError,
    Release, Rest, Seq, Source, SourceOptions, Time, What, Why,
};
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

// What a command leaves in the cells, by index; `js/codes.js` has the same tables.
/// How many records there are.
const COUNT: usize = 0;
/// The two last bits of below.
const STATUS: usize = 1;
/// The last attempt of the item that was lent.
const ATTEMPT: usize = 2;
/// The first record.
const RECORDS: usize = 3;

/// Cells of a record: its kind, then what belongs to it.
const WIDTH: usize = 5;
/// The most records at a time. A command that leaves as many is followed by `drain`.
const MOST: usize = 64;
/// The first attempt that JavaScript has noted as ended well, behind the records: its slot and its number.
const ENDED: usize = RECORDS + WIDTH * MOST;
/// The most of them. Few enough for the records that follow from them.
const MOST_ENDED: usize = 12;
const CELLS: usize = ENDED + 2 * MOST_ENDED;

/// Where a number is expected and there is none.
const NONE: i32 = -1;

// What the commands that are given for each item return: a slot, and above it these bits.
/// What was lent, in two bits: a result, a failure, or the failure with which everything ends.
const WHAT: i32 = 1 << 20;
/// The outcome counts.
const SETTLED: i32 = 1 << 20;
/// There are records.
const RECORDED: i32 = 1 << 22;
/// The first attempt at the item in the slot is to begin: then there is no record, for most often this is all there is to
/// tell.
const BEGINS: i32 = 1 << 23;
/// A stream may read.
const WANTED: i32 = 1 << 24;
/// There is a result to lend.
const READY: i32 = 1 << 25;

/// The answers of an offer that was not accepted.
const FULL: i32 = -1;
const CLOSED: i32 = -2;
const DUPLICATE: i32 = -3;
const LATE: i32 = -4;
const TOO_FAR: i32 = -5;
const NUMBERING: i32 = -6;

/// Which attempt a command may answer with.
#[derive(Clone, Copy)]
enum Begins {
    Any,
    /// The one in this slot: there JavaScript has the slot at hand.
    Own(i32),
    None,
}

/// A [`Dispatcher`] with one source. Times are microseconds; an item is known by its slot while it is in it.
///
/// Each command drains the dispatcher into the cells: an array in the module's memory, which JavaScript reads without
/// a call. They are 32 bits wide, because JavaScript is quickest with such numbers; longer ones take two.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Core {
    dispatcher: Dispatcher,
    source: Source,
    /// The item in each slot.
    handles: Vec<Handle>,
    due: Option<Time>,
    cells: Box<[i32; CELLS]>,
}

#[wasm_bindgen]
impl Core {
    /// Opens one. What is not given is the core's default, which depends on whether it is a `stream`. `sequenced`: the
    /// caller gives the numbers, from `start` on.
    ///
    /// # Errors
    /// The text says which option is out of its bounds.
    #[wasm_bindgen(constructor)]
    #[expect(
        clippy::too_many_arguments,
        reason = "a struct would be an object to make and to free"
    )]
    pub fn new(
        concurrency: Option<u32>,
        capacity: Option<u32>,
        ordered: Option<bool>,
        emit: Option<bool>,
        stream: bool,
        keyed: bool,
        sequenced: bool,
        start: Option<f64>,
    ) -> Result<Self, String> {
        let mut options = Options::new();
        if let Some(concurrency) = concurrency {
            options = options.concurrency(concurrency as usize);
        }
        if let Some(capacity) = capacity {
            options = options.capacity(capacity as usize);
        }
        if let Some(ordered) = ordered {
            options = options.ordered(ordered);
        }
        if let Some(emit) = emit {
            options = options.on_failure(if emit { OnFailure::Emit } else { OnFailure::Fail });
        }
        if !stream {
            options = options.on_failure_or(OnFailure::Emit);
        }
        let mut dispatcher = Dispatcher::new(&options).map_err(|error| error.to_string())?;
        let mut of_source = SourceOptions::new().keyed(keyed);
        if sequenced {
            let start = start.map_or_else(Seq::default, |start| start as u64);
            // what was given up is handed out to nobody here
            of_source = of_source.sequenced(start).losses_come_out(false);
        }
        let source = dispatcher.open_source(of_source).ok_or("closed")?;
        let cells = Box::new([0; CELLS]);
        let mut core = Self { dispatcher, source, handles: Vec::new(), due: None, cells };
        core.drain();
        Ok(core)
    }

    /// Where the cells are in the memory.
    #[must_use]
    pub fn cells(&self) -> *const i32 {
        self.cells.as_ptr()
    }

    /// The slot of the item at the failed position, or none.
    #[must_use]
    pub fn failed(&self) -> i32 {
        self.dispatcher.failed(self.source).map_or(NONE, slot)
    }

    /// The lowest number in flight, or none.
    #[must_use]
    pub fn oldest(&self) -> f64 {
        self.dispatcher.oldest(self.source).map_or(-1.0, |seq| seq as f64)
    }

    /// The counters and gauges, as an object; times in microseconds.
    #[must_use]
    pub fn stats(&self, now: f64) -> JsValue {
        outwards(&self.dispatcher.stats(time(now)))
    }

    /// What the next release waits for, as an object; undefined where nothing is in flight.
    #[must_use]
    pub fn why_blocked(&self, now: f64) -> JsValue {
        outwards(&self.dispatcher.why_blocked(time(now), self.source))
    }

    /// The slot of the head of the release order, or none.
    #[must_use]
    pub fn head(&self) -> i32 {
        self.dispatcher.head(self.source).map_or(NONE, slot)
    }

    /// Fires what is due.
    pub fn handle_timeout(&mut self, now: f64) {
        self.dispatcher.handle_timeout(time(now));
        self.drain();
    }

    /// Offers an item and returns its slot and bits, or why not. `lane` beyond the largest number: one of its own. `rejected`
    /// is not 0 where its key could not be had.
    pub fn push(&mut self, now: f64, lane: i32, rejected: i32) -> i32 {
        match self.dispatcher.push(time(now), self.source, Lane::new(lane as u32)) {
            Ok(handle) => self.accepted(now, handle, rejected),
            Err(error) => refused(error),
        }
    }

    /// Offers an item with a number of its own.
    pub fn push_at(&mut self, now: f64, lane: i32, rejected: i32, seq: f64) -> i32 {
        let lane = Lane::new(lane as u32);
        match self.dispatcher.push_at(time(now), self.source, lane, seq as u64) {
            Ok(Arrival::Ready(handle) | Arrival::Held(handle)) => {
                self.accepted(now, handle, rejected)
            }
            Ok(Arrival::Duplicate) => DUPLICATE,
            // nothing is restored yet
            Ok(Arrival::Late | Arrival::Restored) => LATE,
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

    /// Says that an attempt ended: 0 ok, 1 failed, 2 cancelled. Returns the slot of an attempt that begins, if one does,
    /// and bits.
    pub fn complete(&mut self, now: f64, slot: i32, attempt: i32, outcome: i32) -> i32 {
        let outcome = match outcome {
            0 => Outcome::Ok,
            1 => Outcome::FAILED,
            _ => Outcome::Cancelled,
        };
        let handle = self.handle(slot);
        let completion = self.dispatcher.complete(time(now), handle, attempt as u32, outcome);
        let settled = if completion == Completion::Settled { SETTLED } else { 0 };
        settled | self.answer(Begins::Any)
    }

    /// Says that so many attempts in the cells ended well: each is a command of its own, and drained as such. Returns bits.
    pub fn complete_all(&mut self, now: f64, ended: i32) -> i32 {
        for at in (ENDED..CELLS).step_by(2).take(ended as usize) {
            let handle = self.handle(self.cells[at]);
            self.dispatcher.complete(time(now), handle, self.cells[at + 1] as u32, Outcome::Ok);
            self.follow(Begins::None);
        }
        self.status()
    }

    /// Cancels the item that entered a slot last.
    pub fn cancel(&mut self, now: f64, slot: i32) -> bool {
        let answer = self.dispatcher.cancel(time(now), self.handle(slot));
        self.drain();
        answer
    }

    /// Accepts nothing more; a negative timeout is none.
    pub fn close(&mut self, now: f64, timeout: f64) {
        let timeout = (timeout >= 0.0).then(|| Duration::from_micros(timeout as u64));
        self.dispatcher.close(time(now), timeout);
        self.drain();
    }

    /// Lends the next result and returns its slot, what it is, and bits, or none.
    pub fn lend(&mut self) -> i32 {
        let Some(release) = self.dispatcher.poll_release(self.source) else { return NONE };
        self.lent(release) | self.answer(Begins::None)
    }

    /// Says that a result which was lent is taken.
    pub fn released(&mut self, now: f64, slot: i32) {
        self.dispatcher.released(time(now), self.handle(slot));
        self.drain();
    }

    /// Lends the next result, takes it, and returns its slot, what it is, and bits, or none.
    pub fn take(&mut self, now: f64) -> i32 {
        let Some(release) = self.dispatcher.poll_release(self.source) else { return NONE };
        let lent = self.lent(release);
        self.dispatcher.released(time(now), release.handle);
        lent | self.answer(Begins::None)
    }

    /// Says that the delivery of a result which was lent failed.
    pub fn undelivered(&mut self, now: f64, slot: i32) {
        self.dispatcher.undelivered(time(now), self.handle(slot));
        self.drain();
    }

    /// Writes the next records to the cells, behind those that nobody has read yet.
    pub fn drain(&mut self) {
        self.follow(Begins::None);
        self.status();
    }

    /// Drains and returns bits, and the slot of a first attempt that begins, if the answer may say so.
    #[inline(always)]
    fn answer(&mut self, may_begin: Begins) -> i32 {
        self.follow(may_begin) | self.status()
    }

    /// Drains: the bits and the slot of the attempt that begins, if nothing else was told before.
    ///
    /// Done for each item: most often nothing follows, or one attempt, and all else is out of the way.
    #[inline(always)]
    fn follow(&mut self, may_begin: Begins) -> i32 {
        let mut begins = 0;
        while self.cells[COUNT] < MOST as i32 {
            if let Some(event) = self.dispatcher.poll_event() {
                self.tell(event);
            } else if let Some(run) = self.dispatcher.poll_dispatch() {
                let slot = slot(run.handle);
                let is_first = run.attempt == 1 && begins == 0 && self.cells[COUNT] == 0;
                let may_begin = match may_begin {
                    Begins::Any => true,
                    Begins::Own(own) => own == slot,
                    Begins::None => false,
                };
                if is_first && may_begin {
                    begins = BEGINS | slot;
                } else {
                    self.record([RUN, slot, run.attempt as i32, 0, 0]);
                }
            } else {
                let due = self.dispatcher.poll_timeout();
                if due == self.due {
                    break;
                }
                self.set_timer(due);
            }
        }
        begins
    }

    /// The bits that say what may be done now.
    #[inline(always)]
    fn status(&mut self) -> i32 {
        let wanted = if self.dispatcher.wants_one(self.source) { WANTED } else { 0 };
        let ready = if self.dispatcher.can_lend(self.source) { READY } else { 0 };
        self.cells[STATUS] = wanted | ready;
        let recorded = if self.cells[COUNT] > 0 { RECORDED } else { 0 };
        wanted | ready | recorded
    }

    #[cold]
    #[inline(never)]
    fn tell(&mut self, event: Event) {
        self.record(told(event));
    }

    #[cold]
    #[inline(never)]
    fn set_timer(&mut self, due: Option<Time>) {
        self.due = due;
        let [high, low] = due.map_or([NONE, 0], |due| halves(due.as_micros()));
        self.record([TIMER, high, low, 0, 0]);
    }

    fn record(&mut self, record: [i32; WIDTH]) {
        let count = self.cells[COUNT] as usize;
        if let Some(place) = self.cells[RECORDS..ENDED].chunks_exact_mut(WIDTH).nth(count) {
            place.copy_from_slice(&record);
            self.cells[COUNT] += 1;
        }
    }

    /// The slot of what was lent, and what it is.
    fn lent(&mut self, release: Release) -> i32 {
        self.cells[ATTEMPT] = release.attempt as i32;
        let what = match release.what {
            What::Ok => 0,
            What::Failed | _ if self.dispatcher.failed(self.source) == Some(release.handle) => 2,
            What::Failed | _ => 1,
        };
        slot(release.handle) | (what * WHAT)
    }

    fn accepted(&mut self, now: f64, handle: Handle, rejected: i32) -> i32 {
        if rejected != 0 {
            self.dispatcher.reject(time(now), handle);
        }
        let index = handle.slot().index();
        if index >= self.handles.len() {
            self.handles.resize(index + 1, handle);
        }
        self.handles[index] = handle;
        slot(handle) | self.answer(Begins::Own(slot(handle)))
    }

    /// The item in a slot; of a slot that never was, one that is not known.
    fn handle(&self, slot: i32) -> Handle {
        self.handles.get(slot as usize).copied().unwrap_or(Handle::from_bits(u64::MAX))
    }
}

// The kinds of records.
const RUN: i32 = 0;
const SIGNAL: i32 = 1;
const PASSED: i32 = 2;
const LEFT: i32 = 3;
const LOST: i32 = 4;
const ROOM: i32 = 5;
const LANE_IDLE: i32 = 6;
const DRAINED: i32 = 7;
const TIMER: i32 = 8;
const OTHER: i32 = 9;

fn told(event: Event) -> [i32; WIDTH] {
    match event {
        Event::Signal { handle, why, .. } => [SIGNAL, slot(handle), reason(Some(why)), 0, 0],
        Event::Passed { handle, why } => [PASSED, slot(handle), reason(Some(why)), 0, 0],
        Event::Left { handle, rest, why } => [LEFT, slot(handle), reason(why), left(rest), 0],
        Event::Lost { first, last, .. } => {
            let ([high, low], [last_high, last_low]) = (halves(first), halves(last));
            [LOST, high, low, last_high, last_low]
        }
        Event::Room { .. } => [ROOM, 0, 0, 0, 0],
        Event::LaneIdle { lane } => [LANE_IDLE, lane.number() as i32, 0, 0, 0],
        Event::Drained { .. } => [DRAINED, 0, 0, 0, 0],
        // of options that are not offered here
        Event::Expired { .. } | Event::Halted { .. } | Event::Completed { .. } | _ => {
            [OTHER, 0, 0, 0, 0]
        }
    }
}

fn reason(why: Option<Why>) -> i32 {
    match why {
        None => 0,
        Some(Why::Cancelled) => 1,
        Some(Why::Failure) => 2,
        Some(_) => 3,
    }
}

fn left(rest: Rest) -> i32 {
    match rest {
        Rest::Settled => 0,
        Rest::NeverStarted => 1,
        Rest::Unfinished => 2,
        Rest::Detached => 3,
    }
}

fn refused(error: PushError) -> i32 {
    match error {
        PushError::Full => FULL,
        PushError::Closed => CLOSED,
        PushError::Numbering | _ => NUMBERING,
    }
}

/// A number below 2^62 as two that are not negative: what is above its 31 lowest bits, and these.
fn halves(number: u64) -> [i32; 2] {
    [(number >> 31) as i32, (number & 0x7FFF_FFFF) as i32]
}

fn slot(handle: Handle) -> i32 {
    handle.slot().index() as i32
}

fn time(micros: f64) -> Time {
    Time::from_micros(micros as u64)
}

/// A value for those who look, undefined where JavaScript has no such number.
fn outwards(value: &impl Serialize) -> JsValue {
    serde_wasm_bindgen::to_value(value).unwrap_or(JsValue::UNDEFINED)
}
