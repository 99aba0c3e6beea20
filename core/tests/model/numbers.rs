//! The numbers of a source whose caller gives them, as sets.

use std::collections::BTreeSet;
use std::time::Duration;

use inorder::{Insert, OnGap, Seq, SequencerOptions, Time};

/// How they are given, and what becomes of those that do not come. Times in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbering {
    /// `None`: the first that is seen.
    pub(crate) start: Option<Seq>,
    pub(crate) gap: OnGap,
    pub(crate) timeout: Option<u64>,
    pub(crate) warning: Option<u64>,
    pub(crate) wrap: Option<u32>,
    /// What is given up comes out; else it is told.
    pub(crate) losses_come_out: bool,
}

impl Numbering {
    pub(crate) fn options(&self) -> SequencerOptions {
        let mut options = SequencerOptions::new().gap(self.gap);
        options = match self.start {
            Some(start) => options.start(start),
            None => options.start_at_first(),
        };
        if let Some(timeout) = self.timeout {
            options = options.gap_timeout(Duration::from_micros(timeout));
        }
        if let Some(warning) = self.warning {
            options = options.gap_warning(Duration::from_micros(warning));
        }
        match self.wrap {
            Some(wrap) => options.wrap(wrap),
            None => options,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    pub(crate) numbering: Numbering,
    pub(crate) capacity: u64,
    is_started: bool,
    arrived: BTreeSet<Seq>,
    /// Released or passed.
    gone: BTreeSet<Seq>,
    /// First and last of each range that was given up, which may be long.
    given_up: Vec<(Seq, Seq)>,
    /// Done in an earlier life.
    restored: BTreeSet<Seq>,
    /// Below it everything is gone, or before the start.
    next: Seq,
    /// Below it everything has arrived or is given up.
    expected: Seq,
    /// The number that is missing while something is beyond it; since when, and whether that was told.
    missing: Option<(Seq, Time, bool)>,
}

impl Numbers {
    pub(crate) fn new(numbering: Numbering, capacity: usize) -> Self {
        let start = numbering.start.unwrap_or(0);
        Self {
            numbering,
            capacity: capacity as u64,
            is_started: numbering.start.is_some(),
            arrived: BTreeSet::new(),
            gone: BTreeSet::new(),
            given_up: Vec::new(),
            restored: BTreeSet::new(),
            next: start,
            expected: start,
            missing: None,
        }
    }

    pub(crate) fn restore(&mut self, position: Option<Seq>, done: &BTreeSet<Seq>) {
        if let Some(position) = position {
            self.is_started = true;
            (self.next, self.expected) = (position + 1, position + 1);
        }
        self.restored = done.clone();
        if self.is_started {
            self.settle();
        }
    }

    pub(crate) fn is_used(&self) -> bool {
        !self.arrived.is_empty()
    }

    /// What arrived, or was restored, and has nothing missing before it.
    pub(crate) fn in_order(&self) -> BTreeSet<Seq> {
        let all = self.arrived.union(&self.restored).copied();
        all.filter(|seq| *seq < self.expected).collect()
    }

    // as they come over the wire

    /// A number as it comes over the wire.
    pub(crate) fn wire(&self, seq: Seq) -> Seq {
        self.numbering.wrap.map_or(seq, |bits| seq % (1 << bits))
    }

    /// The number of one of the wire: the one of those with the same bits that is nearest to the next one. Exactly
    /// between two it is the one before. `None`: it is before all.
    fn of_wire(&self, wire: Seq) -> Option<Seq> {
        let Some(bits) = self.numbering.wrap else { return Some(wire) };
        let all = 1 << bits;
        let ahead = (wire % all + all - self.next % all) % all;
        if ahead < all / 2 {
            return self.next.checked_add(ahead);
        }
        self.next.checked_sub(all - ahead)
    }

    /// The number of one that comes. Before the first was seen, which may have been done before, as it comes.
    pub(crate) fn seq_of(&self, wire: Seq) -> Option<Seq> {
        if self.is_started { self.of_wire(wire) } else { Some(self.wire(wire)) }
    }

    /// The first that is seen may be the first of all.
    pub(crate) fn begin(&mut self, wire: Seq) {
        if !self.is_started && wire != Seq::MAX && !self.restored.contains(&self.wire(wire)) {
            self.is_started = true;
            (self.next, self.expected) = (self.wire(wire), self.wire(wire));
            self.settle();
        }
    }

    // what there is

    pub(crate) fn look(&self, seq: Seq) -> Insert {
        if self.restored.contains(&seq) {
            Insert::Restored
        } else if seq < self.next || self.gone.contains(&seq) || self.given_up_to(seq).is_some() {
            Insert::Late
        } else if self.arrived.contains(&seq) {
            Insert::Duplicate
        } else if !self.is_started || seq - self.next >= self.capacity || seq == Seq::MAX {
            Insert::TooFar
        } else if seq == self.expected {
            Insert::Ready
        } else {
            Insert::Held
        }
    }

    pub(crate) fn next(&self) -> Seq {
        self.next
    }

    pub(crate) fn expected(&self) -> Seq {
        self.expected
    }

    /// The first range that is missing before something that arrived or was restored.
    pub(crate) fn first_missing(&self) -> Option<(Seq, Seq)> {
        let arrived = self.arrived.range(self.expected..).next();
        let restored = self.restored.range(self.expected..).next();
        let beyond = arrived.into_iter().chain(restored).min()?;
        Some((self.expected, beyond - 1))
    }

    /// As `first_missing`, where something that arrived waits for it.
    pub(crate) fn first_awaited(&self) -> Option<(Seq, Seq)> {
        self.arrived.range(self.expected..).next()?;
        self.first_missing()
    }

    /// What a number beyond the window gives up: a missing head, up to the first that arrived, or up to itself.
    pub(crate) fn in_the_way_of(&self, seq: Seq) -> Option<(Seq, Seq)> {
        let is_far = self.is_started && self.look(seq) == Insert::TooFar && seq != Seq::MAX;
        if !is_far || self.numbering.gap != OnGap::Skip || self.next != self.expected {
            return None;
        }
        let last = self.first_missing().map_or(seq - 1, |(_, last)| last.min(seq - 1));
        Some((self.expected, last))
    }

    // the timer

    /// Since when the expected number is missing, and when it is given up or is an error.
    pub(crate) fn missing_since(&self) -> Option<(Time, Option<Time>)> {
        self.missing.map(|(_, since, _)| (since, self.gives_up_at()))
    }

    pub(crate) fn gives_up_at(&self) -> Option<Time> {
        let (_, since, _) = self.missing?;
        self.numbering.timeout.map(|span| since.after(Duration::from_micros(span)))
    }

    pub(crate) fn warns_at(&self) -> Option<Time> {
        let (_, since, _) = self.missing.filter(|(_, _, is_told)| !is_told)?;
        self.numbering.warning.map(|span| since.after(Duration::from_micros(span)))
    }

    pub(crate) fn told(&mut self) {
        if let Some((_, _, is_told)) = &mut self.missing {
            *is_told = true;
        }
    }

    /// Sets it: there is one, for the expected number, while something is beyond that.
    pub(crate) fn watch(&mut self, now: Time) {
        if self.first_missing().is_none() {
            self.missing = None;
        } else if self.missing.is_none_or(|(at, _, _)| at != self.expected) {
            self.missing = Some((self.expected, now, false));
        }
    }

    // what happens

    pub(crate) fn arrive(&mut self, seq: Seq) {
        self.arrived.insert(seq);
        self.settle();
    }

    pub(crate) fn leave(&mut self, seq: Seq) {
        self.gone.insert(seq);
        self.settle();
    }

    pub(crate) fn give_up(&mut self, first: Seq, last: Seq) {
        self.given_up.push((first, last));
        self.settle();
    }

    /// The last number of the range with this one in it that was given up.
    fn given_up_to(&self, seq: Seq) -> Option<Seq> {
        let mut ranges = self.given_up.iter();
        ranges.find(|(first, last)| (*first..=*last).contains(&seq)).map(|(_, last)| *last)
    }

    fn settle(&mut self) {
        loop {
            let at = self.expected;
            if let Some(last) = self.given_up_to(at) {
                self.expected = last + 1;
            } else if [&self.arrived, &self.gone, &self.restored].iter().any(|it| it.contains(&at))
            {
                self.expected += 1;
            } else {
                break;
            }
        }
        loop {
            let at = self.next;
            if let Some(last) = self.given_up_to(at) {
                self.next = last + 1;
            } else if self.gone.contains(&at) || self.restored.contains(&at) && at < self.expected {
                self.next += 1;
            } else {
                break;
            }
        }
    }
}
