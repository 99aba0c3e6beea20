//! A node that gets readings over the radio, numbered by a counter of 8 bits, in any order, some never; converts two at a
//! time, which takes longer for some than for others; and sends them on in order, with what was lost in its place.

use alloc::vec::Vec;
use core::time::Duration;

use inorder::{
    Dispatcher, Event, OnGap, Options, Outcome, Output, Pushed, Resequencer, Run, Sequence,
    SequencerOptions, Source, SourceOptions, Time,
};

/// When it came, its number, and what the sensor said.
const RADIO: [(u64, u8, u16); 8] = [
    (0, 253, 253),
    (1, 255, 255),
    (2, 254, 254),
    (3, 1, 1),
    (4, 0, 0),
    (5, 4, 4),
    (6, 5, 5),
    (7, 4, 4),
];

/// How many readings there are at most at one time.
const CAPACITY: usize = 16;

/// What the node sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    Reading { number: u8, celsius: i32 },
    Lost { first: u8, last: u8 },
}

/// Readings as they come, in the order of their numbers.
struct Radio {
    order: Resequencer,
    sequence: Sequence,
    readings: [(u8, u16); CAPACITY],
}

/// Conversions, of which two run at once.
struct Converter {
    dispatcher: Dispatcher,
    source: Source,
    /// What is to be sent, by slot.
    work: [Sent; CAPACITY],
    /// Those that run, and when they are done.
    running: Vec<(u64, Run)>,
}

/// Runs until all that came was sent, one step a tick.
pub fn run() -> Vec<Sent> {
    let (mut radio, mut converter, mut sent) = (Radio::new(), Converter::new(), Vec::new());
    let mut coming = RADIO.into_iter().peekable();
    for tick in 0.. {
        while let Some((_, number, raw)) = coming.next_if(|(at, _, _)| *at <= tick) {
            radio.take(tick, number, raw);
        }
        radio.wait(tick);
        while converter.has_room() {
            let Some(next) = radio.next() else { break };
            converter.push(tick, next);
        }
        converter.step(tick, &mut sent);
        if coming.peek().is_none() && radio.order.is_empty() && converter.dispatcher.is_empty() {
            break;
        }
    }
    sent
}

impl Radio {
    fn new() -> Self {
        // what is missing for ten ticks is given up
        let options = SequencerOptions::new()
            .wrap(8)
            .start(253)
            .capacity(CAPACITY)
            .gap(OnGap::Skip)
            .gap_timeout(Duration::from_micros(10));
        let mut order = Resequencer::new(options).expect("good options");
        let sequence = order.open().expect("there is room");
        Self { order, sequence, readings: [(0, 0); CAPACITY] }
    }

    fn take(&mut self, tick: u64, number: u8, raw: u16) {
        let now = Time::from_micros(tick);
        // what comes twice, or late, is not taken
        if let Pushed::Taken(slot) = self.order.push(now, self.sequence, number.into()) {
            self.readings[slot.index()] = (number, raw);
        }
    }

    fn wait(&mut self, tick: u64) {
        let now = Time::from_micros(tick);
        if self.order.poll_timeout().is_some_and(|due| due <= now) {
            self.order.handle_timeout(now);
        }
        while self.order.poll_event().is_some() {}
    }

    /// What is next, before it is converted.
    fn next(&mut self) -> Option<Sent> {
        match self.order.poll_output()? {
            Output::Item { slot, .. } => {
                let (number, raw) = self.readings[slot.index()];
                Some(Sent::Reading { number, celsius: raw.into() })
            }
            // numbers of the wire: 8 bits
            Output::Lost { first, last, .. } => {
                Some(Sent::Lost { first: first as u8, last: last as u8 })
            }
            _ => None,
        }
    }
}

impl Converter {
    fn new() -> Self {
        let options = Options::new().concurrency(2).capacity(CAPACITY);
        let mut dispatcher = Dispatcher::new(&options).expect("good options");
        let source = dispatcher.open_source(SourceOptions::new()).expect("it is open");
        let work = [Sent::Lost { first: 0, last: 0 }; CAPACITY];
        Self { dispatcher, source, work, running: Vec::with_capacity(2) }
    }

    fn has_room(&self) -> bool {
        !self.dispatcher.is_full(self.source)
    }

    fn push(&mut self, tick: u64, what: Sent) {
        let now = Time::from_micros(tick);
        let handle = self.dispatcher.push(now, self.source, None).expect("there is room");
        self.work[handle.slot().index()] = what;
        self.drain(tick);
    }

    /// Ends what is done by now, and sends what is next.
    fn step(&mut self, tick: u64, sent: &mut Vec<Sent>) {
        let now = Time::from_micros(tick);
        while let Some(at) = self.running.iter().position(|(done, _)| *done <= tick) {
            let (_, run) = self.running.swap_remove(at);
            if let Sent::Reading { celsius, .. } = &mut self.work[run.handle.slot().index()] {
                *celsius /= 8;
            }
            self.dispatcher.complete(now, run.handle, run.attempt, Outcome::Ok);
            self.drain(tick);
        }
        while let Some(release) = self.dispatcher.poll_release(self.source) {
            sent.push(self.work[release.handle.slot().index()]);
            self.dispatcher.released(now, release.handle);
            self.drain(tick);
        }
    }

    fn drain(&mut self, tick: u64) {
        loop {
            while let Some(event) = self.dispatcher.poll_event() {
                debug_assert!(matches!(event, Event::Room { .. }), "nothing fails or is cancelled");
            }
            let Some(run) = self.dispatcher.poll_dispatch() else { return };
            // the conversion of a hot reading takes longer
            let ticks = match self.work[run.handle.slot().index()] {
                Sent::Reading { celsius, .. } => 1 + celsius as u64 % 5,
                Sent::Lost { .. } => 0,
            };
            self.running.push((tick + ticks, run));
        }
    }
}
