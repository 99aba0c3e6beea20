use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use super::*;
use crate::rounds::{rounds, unless_interpreted};
use crate::sequencer::{OnGap, OnRestart};

const T0: Time = Time::from_micros(0);

/// What comes out: by sequence, the name that an item was pushed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Item(u32, u64),
    Lost(u32, Seq, Seq),
    Failed(SequenceError<Sequence>),
    Gap(u32, Seq, Seq),
    Discarded(u64),
}

/// A driver whose payloads are numbers.
struct Bench {
    resequencer: Resequencer,
    payloads: Vec<Option<u64>>,
}

impl Bench {
    fn new(options: SequencerOptions, sequences: usize) -> Self {
        let mut resequencer = Resequencer::new(options).unwrap();
        for _ in 0..sequences {
            let _ = resequencer.open().unwrap();
        }
        Self { resequencer, payloads: Vec::new() }
    }

    fn push(&mut self, now: u64, key: u32, seq: Seq, payload: u64) -> Pushed {
        let pushed = self.resequencer.push(Time::from_micros(now), Sequence::new(key), seq);
        if let Pushed::Taken(slot) = pushed {
            assert!(slot.index() <= self.payloads.len(), "slots are dense");
            if self.payloads.len() <= slot.index() {
                self.payloads.resize(slot.index() + 1, None);
            }
            assert_eq!(self.payloads[slot.index()].replace(payload), None, "the slot was taken");
        }
        pushed
    }

    fn take(&mut self, slot: Slot) -> u64 {
        self.payloads[slot.index()].take().expect("it was not given out before")
    }

    /// All that there is, events first.
    fn drain(&mut self) -> Vec<Seen> {
        let mut seen = Vec::new();
        while let Some(event) = self.resequencer.poll_event() {
            seen.push(match event {
                ResequencerEvent::Gap { sequence, first, last } => {
                    Seen::Gap(sequence.number(), first, last)
                }
                ResequencerEvent::Discarded { slot, why } => {
                    assert_eq!(why, Discard::Late);
                    Seen::Discarded(self.take(slot))
                }
            });
        }
        while let Some(output) = self.resequencer.poll_output() {
            seen.push(match output {
                Output::Item { sequence, slot } => Seen::Item(sequence.number(), self.take(slot)),
                Output::Lost { sequence, first, last } => {
                    Seen::Lost(sequence.number(), first, last)
                }
                Output::Failed(error) => Seen::Failed(error),
            });
        }
        seen
    }
}

fn options() -> SequencerOptions {
    SequencerOptions::new().capacity(8)
}

#[test]
fn each_key_has_a_sequence_and_a_window_of_its_own() {
    let mut b = Bench::new(options(), 2);
    for (key, seq, payload) in [(0, 1, 10), (1, 7, 20), (1, 0, 21), (0, 0, 11), (1, 1, 22)] {
        assert!(matches!(b.push(0, key, seq, payload), Pushed::Taken(_)));
    }
    assert_eq!(
        b.drain(),
        [Seen::Item(1, 21), Seen::Item(0, 11), Seen::Item(0, 10), Seen::Item(1, 22)]
    );
    assert_eq!(b.resequencer.missing(Sequence::new(1)).collect::<Vec<_>>(), [(2, 6)]);
    assert_eq!(b.push(0, 1, 7, 0), Pushed::Duplicate);
    assert_eq!(b.push(0, 0, 1, 0), Pushed::Late);
    let stats = b.resequencer.stats();
    assert_eq!((stats.accepted, stats.released, stats.held), (5, 4, 1));
    assert_eq!((stats.late, stats.duplicate, stats.capacity), (1, 1, 8));
}

#[test]
fn at_one_instant_the_timers_of_several_keys_fire_in_the_order_of_their_sequences() {
    let timed = options().gap_timeout(Duration::from_micros(10));
    let mut b = Bench::new(timed, 3);
    for key in [2, 0] {
        let _ = b.push(0, key, 1, u64::from(key));
    }
    let _ = b.push(5, 1, 1, 1);
    assert_eq!(b.resequencer.poll_timeout(), Some(Time::from_micros(10)));
    b.resequencer.handle_timeout(Time::from_micros(14));
    assert_eq!(
        b.drain(),
        [Seen::Lost(0, 0, 0), Seen::Item(0, 0), Seen::Lost(2, 0, 0), Seen::Item(2, 2)]
    );
    assert_eq!(b.resequencer.poll_timeout(), Some(Time::from_micros(15)));
    // it came after all
    let _ = b.push(14, 1, 0, 3);
    assert_eq!(b.resequencer.poll_timeout(), None);
    assert_eq!(b.resequencer.lost(), 2);
}

#[test]
fn a_number_far_beyond_the_window_gives_up_gap_after_gap_at_once() {
    let mut b = Bench::new(options().gap(OnGap::Skip), 1);
    for seq in [2, 5] {
        let _ = b.push(0, 0, seq, seq);
    }
    assert!(matches!(b.push(0, 0, 100, 100), Pushed::Taken(_)));
    assert_eq!(
        b.drain(),
        [
            Seen::Lost(0, 0, 1),
            Seen::Item(0, 2),
            Seen::Lost(0, 3, 4),
            Seen::Item(0, 5),
            Seen::Lost(0, 6, 99),
            Seen::Item(0, 100)
        ]
    );
    assert_eq!(b.resequencer.lost(), 98);
}

#[test]
fn a_number_beyond_the_window_is_the_end_where_nothing_is_given_up() {
    for gap in [OnGap::Wait, OnGap::Fail] {
        let mut b = Bench::new(options().gap(gap), 2);
        let _ = b.push(0, 1, 0, 1);
        let _ = b.push(0, 0, 3, 2);
        assert_eq!(b.push(0, 0, 8, 3), Pushed::TooFar);
        let error = SequenceError::TooFar { seq: 8, key: Sequence::new(0) };
        assert!(!b.resequencer.is_drained());
        assert_eq!(b.drain(), [Seen::Item(1, 1), Seen::Failed(error)]);
        assert!(b.resequencer.is_drained());
        assert_eq!(b.push(0, 1, 1, 4), Pushed::Late);
        b.resequencer.end(T0);
        assert_eq!(b.drain(), []);
    }
}

#[test]
fn a_gap_that_fails_is_the_end_for_all() {
    let timed = options().gap(OnGap::Fail).gap_timeout(Duration::from_micros(10));
    let mut b = Bench::new(timed, 2);
    let _ = b.push(0, 0, 1, 1);
    let _ = b.push(0, 1, 1, 2);
    b.resequencer.handle_timeout(Time::from_micros(10));
    let error = SequenceError::GapTimeout { first: 0, last: 0, key: Sequence::new(0) };
    assert_eq!(b.drain(), [Seen::Failed(error)]);
    assert_eq!(b.resequencer.poll_timeout(), None);
    let mut b = Bench::new(options().gap(OnGap::Fail), 3);
    let _ = b.push(0, 1, 1, 1);
    let _ = b.push(0, 2, 1, 2);
    b.resequencer.end(T0);
    let error = SequenceError::GapTimeout { first: 0, last: 0, key: Sequence::new(1) };
    assert_eq!(b.drain(), [Seen::Failed(error)]);
}

#[test]
fn a_source_that_counts_from_anew_brings_its_five() {
    let mut b = Bench::new(options().start(100).restart(OnRestart::Reset), 1);
    let _ = b.push(0, 0, 101, 1);
    for seq in 7..11 {
        assert!(matches!(b.push(0, 0, seq, seq), Pushed::Taken(_)));
    }
    assert_eq!((b.drain(), b.resequencer.stats().accepted), (Vec::new(), 1));
    let _ = b.push(0, 0, 11, 11);
    let _ = b.push(0, 0, 12, 12);
    let mut expected = alloc::vec![Seen::Lost(0, 100, 100), Seen::Item(0, 1)];
    expected.extend((7..13).map(|seq| Seen::Item(0, seq)));
    assert_eq!(b.drain(), expected);
    let stats = b.resequencer.stats();
    assert_eq!((stats.accepted, stats.released, stats.late), (7, 7, 0));
}

#[test]
fn a_row_that_breaks_is_discarded_and_its_breaker_is_not() {
    let mut b = Bench::new(options().start(100).restart(OnRestart::Reset), 1);
    for (seq, payload) in [(7, 1), (8, 2), (50, 3), (51, 4)] {
        let _ = b.push(0, 0, seq, payload);
    }
    assert_eq!(b.drain(), [Seen::Discarded(1), Seen::Discarded(2)]);
    let _ = b.push(0, 0, 100, 5);
    assert_eq!(b.drain(), [Seen::Discarded(3), Seen::Discarded(4), Seen::Item(0, 5)]);
    let _ = b.push(0, 0, 50, 6);
    b.resequencer.end(T0);
    assert_eq!(b.drain(), [Seen::Discarded(6)]);
    assert_eq!(b.resequencer.stats().late, 5);
    assert!(b.resequencer.is_empty() && b.resequencer.is_drained());
}

#[test]
fn a_gap_is_told_with_its_sequence() {
    let mut b = Bench::new(options().gap_warning(Duration::ZERO), 2);
    let _ = b.push(0, 1, 3, 1);
    b.resequencer.handle_timeout(T0);
    assert_eq!(b.drain(), [Seen::Gap(1, 0, 2)]);
    assert_eq!(b.resequencer.poll_timeout(), None);
}

#[test]
fn time_matters_only_where_something_is_missing() {
    let mut b = Bench::new(options(), 1);
    let needs = |b: &Bench, seq| b.resequencer.needs_time(Sequence::new(0), seq);
    assert!(!needs(&b, 0) && needs(&b, 1));
    let _ = b.push(0, 0, 2, 2);
    assert!(needs(&b, 0), "another gap begins");
}

#[test]
fn a_sequence_that_was_not_opened_takes_nothing() {
    let mut b = Bench::new(options(), 1);
    assert_eq!(b.push(0, 1, 0, 0), Pushed::Late);
    assert_eq!(b.resequencer.missing(Sequence::new(9)).count(), 0);
}

/// A [`Sequencer`] for each key, and nothing more: whatever becomes ready is handed out at once.
#[derive(Default)]
struct Model {
    lanes: Vec<Option<Sequencer>>,
    held: BTreeMap<(u32, Seq), u64>,
    aside: BTreeMap<u32, VecDeque<u64>>,
    out: Vec<Seen>,
}

impl Model {
    fn drain(&mut self, key: u32) {
        let Some(lane) = &mut self.lanes[key as usize] else { return };
        loop {
            match lane.poll_event() {
                Some(SequencerEvent::Gap { first, last }) => {
                    self.out.push(Seen::Gap(key, first, last));
                }
                Some(SequencerEvent::Late { first, last }) => {
                    for _ in first..=last {
                        let payload = self.aside.get_mut(&key).unwrap().pop_front().unwrap();
                        self.out.push(Seen::Discarded(payload));
                    }
                }
                Some(SequencerEvent::Lost { first, last }) => {
                    self.out.push(Seen::Lost(key, first, last));
                }
                Some(SequencerEvent::Restarted { first }) => {
                    let aside = self.aside.remove(&key).unwrap();
                    self.held.extend((first..).map(|seq| (key, seq)).zip(aside));
                }
                Some(SequencerEvent::Failed(_)) => unreachable!("nothing fails here"),
                None => match lane.pop() {
                    Some(seq) => {
                        let payload = self.held.remove(&(key, seq)).unwrap();
                        self.out.push(Seen::Item(key, payload));
                    }
                    None => return,
                },
            }
        }
    }
}

#[test]
fn random_arrivals_come_out_as_of_a_sequencer_for_each_key() {
    for seed in 1..=rounds(300) {
        let mut lots = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut below = move |below: u64| {
            lots ^= lots << 13;
            lots ^= lots >> 7;
            lots ^= lots << 17;
            lots % below
        };
        let options = SequencerOptions::new()
            .capacity(1 + below(20) as usize)
            .gap(OnGap::Skip)
            .gap_timeout(Duration::from_micros(1 + below(30)))
            .restart(OnRestart::Reset);
        let keys = 1 + below(4) as u32;
        let mut bench = Bench::new(options, keys as usize);
        let lane = || Some(Sequencer::new(options).unwrap());
        let mut model = Model { lanes: (0..keys).map(|_| lane()).collect(), ..Model::default() };
        let (mut now, mut before) = (0, alloc::vec![0; keys as usize]);
        for payload in 0..unless_interpreted(300, 40) as u64 {
            let key = below(u64::from(keys)) as u32;
            if below(8) == 0 {
                now += below(20);
                // the earliest first, and at one instant in the order of the keys
                while let Some((due, key)) = (0..keys)
                    .filter_map(|key| {
                        Some((model.lanes[key as usize].as_ref()?.poll_timeout()?, key))
                    })
                    .min()
                {
                    if due > Time::from_micros(now) {
                        break;
                    }
                    model.lanes[key as usize].as_mut().unwrap().fire_next(Time::from_micros(now));
                    model.drain(key);
                }
                bench.resequencer.handle_timeout(Time::from_micros(now));
            } else {
                let next = model.lanes[key as usize].as_ref().unwrap().next();
                let seq = match below(6) {
                    0 => below(next + 60),
                    1..=3 => before[key as usize] + 1,
                    _ => next + below(12),
                };
                before[key as usize] = seq;
                let said = loop {
                    let lane = model.lanes[key as usize].as_mut().unwrap();
                    let said = lane.insert(Time::from_micros(now), seq);
                    let restarts = lane.is_restarting();
                    match said {
                        Insert::Ready if restarts => {
                            model.aside.entry(key).or_default().push_back(payload);
                        }
                        Insert::Suspect => {
                            model.drain(key);
                            model.aside.entry(key).or_default().push_back(payload);
                        }
                        Insert::Ready | Insert::Held => {
                            model.held.insert((key, seq), payload);
                        }
                        Insert::Duplicate | Insert::Late | Insert::Restored | Insert::TooFar => {}
                    }
                    model.drain(key);
                    if said != Insert::TooFar {
                        break said;
                    }
                };
                let pushed = bench.push(now, key, seq, payload);
                let is_taken = matches!(said, Insert::Ready | Insert::Held | Insert::Suspect);
                assert_eq!(matches!(pushed, Pushed::Taken(_)), is_taken, "seed {seed}: {said:?}");
            }
            let events_first = |seen: &Seen| !matches!(seen, Seen::Gap(..) | Seen::Discarded(_));
            model.out.sort_by_key(events_first);
            assert_eq!(bench.drain(), core::mem::take(&mut model.out), "seed {seed}");
            let due = model.lanes.iter().flatten().filter_map(Sequencer::poll_timeout).min();
            assert_eq!(bench.resequencer.poll_timeout(), due);
            let in_ = model.held.len() + model.aside.values().map(VecDeque::len).sum::<usize>();
            assert_eq!(bench.resequencer.len(), in_);
        }
        for key in 0..keys {
            model.lanes[key as usize].as_mut().unwrap().end(Time::from_micros(now));
            model.drain(key);
        }
        bench.resequencer.end(Time::from_micros(now));
        model.out.sort_by_key(|seen| !matches!(seen, Seen::Discarded(_)));
        assert_eq!(bench.drain(), model.out, "seed {seed}");
        assert!(bench.resequencer.is_empty());
        assert!(bench.payloads.iter().all(Option::is_none), "nothing is kept");
    }
}

#[test]
fn why_nothing_comes_out_is_said_of_what_waits_longest() {
    let micros = Duration::from_micros;
    let options = SequencerOptions::new().wrap(8).start(255).gap_timeout(micros(50));
    let mut bench = Bench::new(options, 2);
    let why = |bench: &Bench, now| {
        let blocked = bench.resequencer.why_blocked(Time::from_micros(now))?;
        Some((blocked.seq, blocked.state, blocked.age, blocked.waiting, blocked.next_deadline))
    };
    assert_eq!(why(&bench, 0), None);
    let (missing, untaken) = (BlockedState::Missing, BlockedState::Untaken);
    let _ = bench.push(10, 1, 1, 1);
    let _ = bench.push(20, 0, 1, 2);
    let _ = bench.push(20, 0, 2, 3);
    let expected = (255, missing, micros(20), 3, Some(micros(30)));
    assert_eq!(why(&bench, 30), Some(expected), "as it comes over the wire");
    bench.resequencer.handle_timeout(Time::from_micros(60));
    let lost = (255, untaken, Duration::ZERO, 3, None);
    assert_eq!(why(&bench, 60), Some(lost));
    assert_eq!(bench.resequencer.poll_output().map(drop), Some(()));
    assert_eq!(why(&bench, 60), Some((1, untaken, Duration::ZERO, 2, None)));
    assert_eq!(bench.drain(), [Seen::Item(1, 1)]);
    assert_eq!(why(&bench, 60), Some((255, missing, micros(40), 2, Some(micros(10)))));
    // beyond the window: what was given up first is all that comes out before the error
    let mut bench = Bench::new(SequencerOptions::new().capacity(2), 1);
    let _ = bench.push(0, 0, 1, 1);
    let _ = bench.push(0, 0, 9, 9);
    assert_eq!(why(&bench, 0), None, "nothing comes out any more");
}

#[test]
fn what_is_in_and_what_can_come_out_are_counted() {
    let mut b = Bench::new(options(), 2);
    let said = |b: &Bench| {
        let r = &b.resequencer;
        (r.len(), r.is_empty(), r.ready(), r.has_output())
    };
    assert_eq!(said(&b), (0, true, 0, false));
    assert!(matches!(b.push(0, 0, 1, 10), Pushed::Taken(_)));
    assert_eq!(said(&b), (1, false, 0, false));
    assert!(matches!(b.push(0, 0, 0, 11), Pushed::Taken(_)));
    assert!(matches!(b.push(0, 1, 0, 12), Pushed::Taken(_)));
    assert_eq!(said(&b), (3, false, 3, true));
    assert_eq!(b.drain().len(), 3);
    assert_eq!(said(&b), (0, true, 0, false));
}

#[test]
fn gaps_are_told_of_once_that_is_asked_for_in_old_sequences_and_in_new_ones() {
    let mut b = Bench::new(options(), 1);
    assert!(matches!(b.push(0, 0, 0, 10), Pushed::Taken(_)));
    b.resequencer.tell_gaps();
    assert_eq!(b.resequencer.open(), Some(Sequence::new(1)));
    assert!(matches!(b.push(5, 0, 3, 11), Pushed::Taken(_)));
    assert!(matches!(b.push(5, 1, 1, 12), Pushed::Taken(_)));
    b.resequencer.handle_timeout(Time::from_micros(5));
    assert_eq!(b.drain(), [Seen::Gap(0, 1, 2), Seen::Gap(1, 0, 0), Seen::Item(0, 10)]);
}

#[test]
fn what_comes_after_the_end_or_of_nowhere_is_late() {
    let mut b = Bench::new(options(), 1);
    assert_eq!(b.push(0, 7, 0, 10), Pushed::Late);
    b.resequencer.end(T0);
    assert_eq!(b.push(0, 0, 0, 11), Pushed::Late);
    assert_eq!(b.resequencer.stats().late, 2);
}
