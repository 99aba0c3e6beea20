//! The rules as plain lists, looked through from end to end; and the sequencer beside it under random steps.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use crate::{
    Insert, OnGap, OnRestart, Seq, SequenceError, Sequencer, SequencerEvent, SequencerOptions, Time,
};

/// What comes out: numbers, and events with their numbers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Out {
    Item(Seq),
    Event(SequencerEvent),
}

use Out::{Event, Item};

/// Chooses: a number below the one that is given.
struct Lots<'a>(&'a mut dyn FnMut(u64) -> u64);

impl Lots<'_> {
    fn below(&mut self, below: u64) -> u64 {
        (self.0)(below)
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

fn at(micros: u64) -> Time {
    Time::from_micros(micros)
}

#[derive(Clone, Copy, Debug)]
struct Rules {
    capacity: u64,
    start: Option<Seq>,
    gap: OnGap,
    timeout: Option<u64>,
    warning: Option<u64>,
    restart: OnRestart,
}

/// When the timer began, and for which number.
struct Timer {
    of: Seq,
    since: u64,
    is_told: bool,
}

struct Model {
    rules: Rules,
    is_started: bool,
    expected: Seq,
    held: Vec<Seq>,
    done: Vec<Seq>,
    /// What is to leave, in order.
    band: VecDeque<Out>,
    /// What is told at once.
    told: VecDeque<SequencerEvent>,
    row: Vec<Seq>,
    timer: Option<Timer>,
    /// Nothing more is taken in, or not until the band is empty.
    is_closed: bool,
    new_run: Option<Seq>,
    lost: u64,
    now: u64,
}

impl Model {
    fn new(rules: Rules) -> Self {
        Self {
            rules,
            is_started: rules.start.is_some(),
            expected: rules.start.unwrap_or(0),
            held: Vec::new(),
            done: Vec::new(),
            band: VecDeque::new(),
            told: VecDeque::new(),
            row: Vec::new(),
            timer: None,
            is_closed: false,
            new_run: None,
            lost: 0,
            now: 0,
        }
    }

    fn waiting(&self) -> impl Iterator<Item = Seq> + '_ {
        self.band.iter().filter_map(|out| if let Item(seq) = out { Some(*seq) } else { None })
    }

    fn next(&self) -> Seq {
        self.waiting().next().unwrap_or(self.expected)
    }

    fn beyond(&self) -> Option<Seq> {
        let done = self.done.iter().filter(|seq| **seq > self.expected);
        self.held.iter().chain(done).min().copied()
    }

    fn missing(&self) -> Vec<Seq> {
        let is_in = |seq: &Seq| self.held.contains(seq) || self.done.contains(seq);
        let top = self.held.iter().chain(&self.done).max().copied().unwrap_or(0);
        (self.expected..top.max(self.expected)).filter(|seq| !is_in(seq)).collect()
    }

    fn insert(&mut self, seq: Seq) -> Insert {
        if self.new_run.is_some() {
            return Insert::TooFar;
        }
        if self.is_closed {
            return Insert::Late;
        }
        if !self.is_started {
            (self.is_started, self.expected) = (true, seq);
            self.settle();
        }
        let looks = self.rules.restart != OnRestart::Ignore;
        if looks && seq + self.rules.capacity < self.next() && !self.done.contains(&seq) {
            return self.suspect(seq);
        }
        self.break_row();
        if self.done.contains(&seq) {
            self.settle();
            return Insert::Restored;
        }
        if self.held.contains(&seq) || self.waiting().any(|other| other == seq) {
            return Insert::Duplicate;
        }
        if seq < self.expected {
            return Insert::Late;
        }
        while seq >= self.next() + self.rules.capacity {
            if self.rules.gap != OnGap::Skip || self.next() < self.expected {
                return Insert::TooFar;
            }
            let last = self.beyond().map_or(seq - 1, |beyond| beyond.min(seq) - 1);
            self.give_up(last);
        }
        let said = if seq == self.expected { Insert::Ready } else { Insert::Held };
        self.held.push(seq);
        self.settle();
        said
    }

    fn suspect(&mut self, seq: Seq) -> Insert {
        if self.row.last().is_some_and(|last| last + 1 != seq) {
            self.break_row();
        }
        self.row.push(seq);
        if self.row.len() < 5 {
            return Insert::Suspect;
        }
        let first = self.row[0];
        self.row.clear();
        if self.rules.restart == OnRestart::Fail {
            self.fail(SequenceError::SourceRestarted { first, key: () });
            return Insert::Suspect;
        }
        self.finish();
        if self.is_closed {
            return Insert::Suspect;
        }
        self.new_run = Some(first);
        self.timer = None;
        Insert::Ready
    }

    fn break_row(&mut self) {
        if let (Some(&first), Some(&last)) = (self.row.first(), self.row.last()) {
            self.told.push_back(SequencerEvent::Late { first, last });
        }
        self.row.clear();
    }

    fn give_up(&mut self, last: Seq) {
        let first = self.expected;
        self.band.push_back(Event(SequencerEvent::Lost { first, last }));
        self.lost += last - first + 1;
        self.expected = last + 1;
        self.settle();
    }

    fn fail(&mut self, error: SequenceError) {
        self.band.push_back(Event(SequencerEvent::Failed(error)));
        self.is_closed = true;
        self.timer = None;
    }

    fn finish(&mut self) {
        while let Some(beyond) = self.beyond() {
            let (first, last) = (self.expected, beyond - 1);
            if self.rules.gap == OnGap::Fail {
                return self.fail(SequenceError::GapTimeout { first, last, key: () });
            }
            self.give_up(last);
        }
    }

    fn end(&mut self) {
        if self.is_closed || self.new_run.is_some() {
            self.is_closed = true;
            return;
        }
        self.break_row();
        self.finish();
        self.is_closed = true;
        self.timer = None;
    }

    fn settle(&mut self) {
        loop {
            let seq = self.expected;
            if let Some(place) = self.held.iter().position(|other| *other == seq) {
                self.held.remove(place);
                self.band.push_back(Item(seq));
            } else if !self.done.contains(&seq) {
                break;
            }
            self.expected += 1;
        }
        self.watch();
    }

    fn watch(&mut self) {
        let of = self.expected;
        if self.beyond().is_none() || self.is_closed {
            self.timer = None;
        } else if self.timer.as_ref().is_none_or(|timer| timer.of != of) {
            self.timer = Some(Timer { of, since: self.now, is_told: false });
        }
    }

    fn due(&self) -> Option<(u64, bool)> {
        let timer = self.timer.as_ref()?;
        let gives_up = self.rules.timeout.map(|span| (timer.since + span, false));
        let warning = self.rules.warning.filter(|_| !timer.is_told);
        gives_up.into_iter().chain(warning.map(|span| (timer.since + span, true))).min()
    }

    fn handle_timeout(&mut self) {
        self.watch();
        while let Some((due, is_warning)) = self.due() {
            if due > self.now {
                return;
            }
            let (first, last) = (self.expected, self.beyond().unwrap() - 1);
            if is_warning {
                self.timer.as_mut().unwrap().is_told = true;
                self.told.push_back(SequencerEvent::Gap { first, last });
            } else if self.rules.gap == OnGap::Fail {
                self.fail(SequenceError::GapTimeout { first, last, key: () });
            } else {
                self.give_up(last);
            }
        }
    }

    fn out(&mut self) -> Option<Out> {
        if let Some(event) = self.told.pop_front() {
            return Some(Event(event));
        }
        let out = self.band.pop_front();
        if out.is_none() {
            if let Some(first) = self.new_run.take() {
                self.band.extend((first..first + 5).map(Item));
                self.expected = first + 5;
                self.done.clear();
                return Some(Event(SequencerEvent::Restarted { first }));
            }
        }
        out
    }
}

/// The sequencer, of which the numbers may be shifted.
struct Shifted {
    sequencer: Sequencer,
    shift: u64,
    mask: u64,
}

impl Shifted {
    fn new(rules: Rules, wrap: Option<u32>, shift: u64) -> Self {
        let mask = wrap.map_or(u64::MAX, |bits| (1 << bits) - 1);
        let mut options = SequencerOptions::new()
            .capacity(rules.capacity as usize)
            .gap(rules.gap)
            .restart(rules.restart);
        options = match rules.start {
            Some(start) => options.start((start + shift) & mask),
            None => options.start_at_first(),
        };
        if let Some(bits) = wrap {
            options = options.wrap(bits);
        }
        if let Some(timeout) = rules.timeout {
            options = options.gap_timeout(Duration::from_micros(timeout));
        }
        if let Some(warning) = rules.warning {
            options = options.gap_warning(Duration::from_micros(warning));
        }
        Self { sequencer: Sequencer::new(options).unwrap(), shift, mask }
    }

    fn wire(&self, seq: Seq) -> Seq {
        (seq + self.shift) & self.mask
    }

    /// As far as the numbers that leave are apart from those of the model.
    fn apart(&self, model: &Model) -> u64 {
        self.sequencer.expected().wrapping_sub(model.expected)
    }

    fn out(&mut self, apart: u64) -> Option<Out> {
        if let Some(event) = self.sequencer.poll_event() {
            return Some(Event(event));
        }
        self.sequencer.pop().map(|seq| Item(seq.wrapping_sub(apart)))
    }

    fn shifted(&self, out: Out) -> Out {
        let Event(event) = out else { return out };
        let wire = |(first, last)| (self.wire(first), self.wire(last));
        Event(if let SequencerEvent::Gap { first, last } = event {
            let (first, last) = wire((first, last));
            SequencerEvent::Gap { first, last }
        } else if let SequencerEvent::Late { first, last } = event {
            let (first, last) = wire((first, last));
            SequencerEvent::Late { first, last }
        } else if let SequencerEvent::Lost { first, last } = event {
            let (first, last) = wire((first, last));
            SequencerEvent::Lost { first, last }
        } else if let SequencerEvent::Restarted { first } = event {
            SequencerEvent::Restarted { first: self.wire(first) }
        } else if let SequencerEvent::Failed(error) = event {
            SequencerEvent::Failed(self.shifted_error(error))
        } else {
            event
        })
    }

    fn shifted_error(&self, error: SequenceError) -> SequenceError {
        if let SequenceError::GapTimeout { first, last, key } = error {
            SequenceError::GapTimeout { first: self.wire(first), last: self.wire(last), key }
        } else if let SequenceError::SourceRestarted { first, key } = error {
            SequenceError::SourceRestarted { first: self.wire(first), key }
        } else {
            error
        }
    }
}

fn rules(lots: &mut Lots<'_>, far: u64) -> Rules {
    let gap = [OnGap::Wait, OnGap::Skip, OnGap::Fail][lots.below(3) as usize];
    let timeout = (gap != OnGap::Wait && !lots.one_in(3)).then(|| 1 + lots.below(30));
    Rules {
        capacity: [1, 2, 5, 8, 64][lots.below(5) as usize].min(far / 2 + 1),
        start: (!lots.one_in(4)).then(|| lots.below(200)),
        gap,
        timeout,
        warning: lots.one_in(2).then(|| lots.below(20)),
        restart: [OnRestart::Ignore, OnRestart::Reset, OnRestart::Fail][lots.below(3) as usize],
    }
}

/// A number near the window, the next of a row, or one from further away, as far as a counter can tell.
fn number(lots: &mut Lots<'_>, model: &Model, before: Seq, far: u64) -> Seq {
    let (next, capacity) = (model.next(), model.rules.capacity);
    let seq = match lots.below(12) {
        0 => next.saturating_sub(lots.below(far)),
        1 if lots.one_in(4) => next + lots.below(far),
        2..=5 => before + 1,
        6 => model.expected,
        _ => (next + lots.below(capacity + 3)).saturating_sub(lots.below(4)),
    };
    // half the numbers away, before and after are the same
    seq.clamp(next.saturating_sub(far), next + far)
}

/// Compares the two under so many steps, as they are chosen.
pub(crate) fn compare(
    name: &str,
    choose: &mut dyn FnMut(u64) -> u64,
    steps: usize,
    wrap: Option<u32>,
) {
    let mut lots = Lots(choose);
    let far = wrap.map_or(200, |bits| (1 << (bits - 1)) - 1);
    let rules = rules(&mut lots, far.min(200));
    let mut m = Model::new(rules);
    let mut s = Shifted::new(rules, wrap, wrap.map_or(0, |_| lots.below(1 << 40)));
    if lots.one_in(4) {
        let from = rules.start.unwrap_or(0);
        let watermark = (rules.start.is_some() && wrap.is_none()).then(|| from + lots.below(20));
        m.expected = watermark.map_or(from, |watermark| watermark + 1);
        if wrap.is_none() && rules.start.is_some() {
            let first = m.expected + lots.below(10);
            let runs = [(first, first + lots.below(3)), (first + 5, first + 5 + lots.below(80))];
            m.done = runs.iter().flat_map(|(first, last)| *first..=*last).collect();
            assert!(s.sequencer.restore(watermark, runs));
            while m.done.contains(&m.expected) {
                m.expected += 1;
            }
        }
    }
    let mut before = m.expected;
    for step in 0..steps {
        let context = || alloc::format!("{name}, step {step}, wrap {wrap:?}, {rules:?}");
        match lots.below(20) {
            0 => {
                m.now += lots.below(20);
                m.handle_timeout();
                s.sequencer.handle_timeout(at(m.now));
            }
            1 if lots.one_in(20) => {
                m.end();
                s.sequencer.end(at(m.now));
            }
            2..=6 => {
                let apart = s.apart(&m);
                for _ in 0..1 + lots.below(6) {
                    let out = m.out().map(|out| s.shifted(out));
                    assert_eq!(s.out(apart), out, "{}", context());
                    if matches!(out, Some(Event(SequencerEvent::Restarted { .. }))) {
                        before = m.expected;
                        break;
                    }
                }
            }
            _ => {
                m.now += lots.below(3);
                let seq = number(&mut lots, &m, before, far);
                before = seq;
                let (said, wire) = (m.insert(seq), s.wire(seq));
                assert_eq!(s.sequencer.insert(at(m.now), wire), said, "{seq}: {}", context());
            }
        }
        let apart = s.apart(&m);
        assert_eq!(
            apart & s.mask,
            if m.is_started { s.shift & s.mask } else { 0 },
            "{}",
            context()
        );
        assert_eq!(s.sequencer.next().wrapping_sub(apart), m.next(), "{}", context());
        let due = m.due().map(|(due, _)| at(due));
        assert_eq!(s.sequencer.poll_timeout(), due, "{}", context());
        assert_eq!(s.sequencer.lost(), m.lost, "{}", context());
        let missing: Vec<Seq> = m.missing().into_iter().map(|seq| s.wire(seq)).collect();
        let ranges = s.sequencer.missing();
        let seen: Vec<Seq> = ranges
            .flat_map(|(first, last)| {
                (0..=last.wrapping_sub(first) & s.mask).map(move |n| (first, n))
            })
            .map(|(first, n)| first.wrapping_add(n) & s.mask)
            .collect();
        assert_eq!(seen, missing, "{}", context());
    }
}
