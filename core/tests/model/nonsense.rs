//! Nothing that is passed in makes the dispatcher, the sequencer or the buffer panic, or hang.

use std::time::Duration;

use inorder::{
    Arrival, Dispatcher, Event, Handle, Insert, Lane, MAX_ITEMS, OnFailure, OnGap, OnRestart,
    Options, Outcome, Output, PushError, Pushed, ReorderBuffer, Resequencer, ResequencerEvent,
    Resume, RunKind, Sequence, Sequencer, SequencerOptions, Source, SourceOptions, Time,
};

use crate::steps::{Lots, config};

/// Numbers from all over the range, the borders more often.
fn any(lots: &mut Lots) -> u64 {
    match lots.below(6) {
        0 => lots.below(4),
        1 => u64::MAX - lots.below(4),
        2 => 1 << lots.below(64),
        3 => (1 << 20) - 2 + lots.below(4),
        4 => lots.below(64),
        _ => lots.draw(),
    }
}

fn outcome(lots: &mut Lots) -> Outcome {
    let after = Some(Duration::from_micros(any(lots)));
    let after = Outcome::Failed { retry: true, after };
    lots.one_of(&[
        Outcome::Ok,
        Outcome::Ok,
        Outcome::FAILED,
        Outcome::RETRY,
        after,
        Outcome::Cancelled,
    ])
}

fn span(lots: &mut Lots) -> Option<Duration> {
    let span = Duration::from_micros(any(lots));
    lots.one_of(&[None, Some(span), Some(Duration::ZERO), Some(Duration::MAX)])
}

/// Handles and sources that were given, ones that never were, and times in both directions, in any order and without
/// ever draining as a driver should.
fn torment(seed: u64, steps: u32) {
    let mut lots = Lots(seed);
    let mut d = Dispatcher::new(&config(&mut lots).options()).expect("these are allowed");
    let (mut handles, mut sources) = (vec![Handle::from_bits(0)], vec![Source::from_bits(0)]);
    for _ in 0..steps {
        let now = Time::from_micros(any(&mut lots));
        let handle = match lots.below(4) {
            0 => Handle::from_bits(any(&mut lots)),
            _ => handles[lots.below(handles.len() as u64) as usize],
        };
        let source = match lots.below(8) {
            0 => Source::from_bits(any(&mut lots)),
            _ => sources[lots.below(sources.len() as u64) as usize],
        };
        let lane = if lots.one_in(2) { Lane::new(lots.below(3) as u32) } else { None };
        let attempt = match lots.below(4) {
            0 => any(&mut lots) as u32,
            1 => (1 << 31) + 1,
            _ => 1 + lots.below(2) as u32,
        };
        match lots.below(30) {
            0 => {
                let options =
                    SourceOptions::new().keyed(lots.one_in(2)).acknowledged(lots.one_in(2));
                let start = any(&mut lots);
                sources.extend(d.open_source(if lots.one_in(2) {
                    options.sequenced(start)
                } else {
                    options
                }));
            }
            1..=4 => handles.extend(d.push(now, source, lane)),
            5..=6 => {
                if let Ok(Arrival::Ready(handle) | Arrival::Held(handle)) =
                    d.push_at(now, source, lane, any(&mut lots))
                {
                    handles.push(handle);
                }
            }
            7..=9 => {
                let _ = d.complete(now, handle, attempt, outcome(&mut lots));
            }
            10 => assert!(!d.cancel(now, handle) || d.seq_of(handle).is_none() || !d.is_empty()),
            11 => {
                d.reject(now, handle);
            }
            12 => {
                d.released(now, handle);
            }
            13 => {
                d.undelivered(now, handle);
            }
            14 if lots.one_in(8) => d.end(now, source),
            15 if lots.one_in(16) => d.close(now, span(&mut lots)),
            16 => d.handle_timeout(now),
            17 => {
                let _ = (d.poll_release(source), d.poll_event());
            }
            18 => {
                let how = lots.one_of(&[Resume::Retry, Resume::Skip, Resume::DeadLetter]);
                let lane = d.halted_lanes().next().or(lane);
                let was_halted = d.halted_lanes().next().is_some();
                let answer = lane.is_some_and(|lane| d.resume_lane(now, lane, how));
                assert_eq!(answer, was_halted);
            }
            19 => d.pause(now),
            20 => d.unpause(now),
            21 => {
                let concurrency = lots.below(6) as usize;
                let capacity = if lots.one_in(50) { any(&mut lots) } else { lots.below(12) };
                let capacity = capacity as usize;
                let before = d.stats(now);
                let after = d.set_limits(now, concurrency, capacity).map(|()| d.stats(now));
                let is_right = concurrency > 0 && (concurrency..=MAX_ITEMS).contains(&capacity);
                assert_eq!(after.is_ok(), is_right);
                assert!(is_right || d.stats(now).capacity == before.capacity);
            }
            22 if lots.one_in(4) => d.revoke(now, source, span(&mut lots)),
            23 if lots.one_in(8) => d.fence(now, source),
            24 if lots.one_in(8) => d.stop(now, source, any(&mut lots)),
            25 => d.taking(now, source, lots.one_in(2)),
            26 => d.refuse(now),
            _ => {
                let before = d.stats(now);
                let run = d.poll_dispatch();
                let is_handler = run.is_some_and(|run| run.kind() == RunKind::Handler);
                assert!(!is_handler || before.running < before.concurrency);
                let _ = d.poll_event();
            }
        }
        let _ = (
            d.wants(source),
            d.is_full(source),
            d.oldest(source),
            d.failed(source),
            d.why_blocked(now, source),
        );
        let _ = (d.seq_of(handle), d.lane_of(handle), d.poll_timeout());
        let stats = d.stats(now);
        let pending =
            stats.queued + stats.running + stats.backing_off + stats.handing_over + stats.halted;
        assert_eq!(stats.in_flight, pending + stats.held);
    }
}

#[test]
fn nothing_that_is_passed_in_panics() {
    for seed in 0..400 {
        torment(seed, 200);
    }
}

#[test]
fn no_number_upsets_a_sequencer_or_a_buffer() {
    for seed in 0..200 {
        let mut lots = Lots(seed);
        let options =
            SequencerOptions::new().start(any(&mut lots)).capacity(1 + lots.below(70) as usize);
        let mut sequencer = Sequencer::new(options).expect("these are allowed");
        let mut buffer = ReorderBuffer::new(options);
        for _ in 0..200 {
            let near =
                sequencer.next().saturating_add(lots.below(80)).saturating_sub(lots.below(8));
            let seq = if lots.one_in(8) { any(&mut lots) } else { near };
            match lots.below(8) {
                0 if lots.one_in(4) => {
                    sequencer.skip_to(seq);
                    buffer.skip_to(seq);
                    assert!(sequencer.expected() >= seq);
                }
                1 | 2 => assert_eq!(buffer.pop(), sequencer.pop().map(|seq| (seq, seq))),
                _ => {
                    let look = sequencer.look(seq);
                    let inserted = sequencer.insert(Time::from_micros(0), seq);
                    assert_eq!((inserted, buffer.insert(seq, seq)), (look, look));
                    let is_in = matches!(look, Insert::Ready | Insert::Held | Insert::Duplicate);
                    assert_eq!(sequencer.look(seq) == Insert::Duplicate, is_in);
                }
            }
            assert!(sequencer.next() <= sequencer.expected());
            assert_eq!((buffer.next(), buffer.len()), (sequencer.next(), sequencer.len()));
            let mut after = sequencer.expected();
            for (first, last) in sequencer.missing() {
                assert!(after <= first && first <= last);
                after = last + 1;
            }
        }
    }
}

fn sequencer_options(lots: &mut Lots) -> SequencerOptions {
    let mut options = SequencerOptions::new().capacity(1 + lots.below(70) as usize);
    if lots.one_in(3) {
        options =
            options.wrap([8, 16, 32][lots.below(3) as usize]).capacity(1 + lots.below(64) as usize);
    } else if lots.one_in(2) {
        options = options.start(any(lots));
    }
    if lots.one_in(4) {
        options = options.start_at_first();
    }
    options = options.gap([OnGap::Wait, OnGap::Skip, OnGap::Fail][lots.below(3) as usize]);
    if options.check().is_ok() && lots.one_in(2) {
        let timed = options.gap_timeout(Duration::from_micros(1 + any(lots) / 2));
        options = if timed.check().is_ok() { timed } else { options };
    }
    if lots.one_in(2) {
        options = options.gap_warning(Duration::from_micros(any(lots)));
    }
    options.restart([OnRestart::Ignore, OnRestart::Reset, OnRestart::Fail][lots.below(3) as usize])
}

#[test]
fn no_number_and_no_time_upsets_a_sequencer_with_policies() {
    for seed in 0..600 {
        let mut lots = Lots(seed);
        let mut s = Sequencer::new(sequencer_options(&mut lots)).expect("these are allowed");
        if lots.one_in(3) {
            let runs: Vec<_> =
                (0..lots.below(4)).map(|_| (any(&mut lots), any(&mut lots))).collect();
            let watermark = lots.one_in(2).then(|| any(&mut lots));
            assert!(s.restore(watermark, runs));
        }
        for _ in 0..200 {
            let near = s.next().saturating_add(lots.below(80)).saturating_sub(lots.below(8));
            let seq = if lots.one_in(8) { any(&mut lots) } else { near };
            let now =
                Time::from_micros(if lots.one_in(8) { any(&mut lots) } else { lots.below(99) });
            match lots.below(10) {
                0 => s.handle_timeout(now),
                1 | 2 => {
                    let _ = (s.poll_event(), s.pop());
                }
                3 if lots.one_in(8) => s.skip_to(seq),
                4 if lots.one_in(16) => s.end(now),
                5 => assert!(!s.restore(Some(seq), [(seq, seq)]) || s.is_empty()),
                _ => {
                    let look = s.look(seq);
                    let said = s.insert(now, seq);
                    let is_last = look == Insert::Suspect && said == Insert::Ready;
                    assert!(said == look || look == Insert::TooFar || is_last, "{look:?} {said:?}");
                }
            }
            assert!(s.next() <= s.expected());
            let _ = s.poll_timeout();
            assert!(s.missing().count() <= 80);
        }
    }
}

#[test]
fn no_number_and_no_time_upsets_a_resequencer() {
    for seed in 0..300 {
        let mut lots = Lots(seed);
        let mut r = Resequencer::new(sequencer_options(&mut lots)).expect("these are allowed");
        let (mut taken, mut back, mut failed) = (0, 0, false);
        for _ in 0..300 {
            let sequence = Sequence::new(lots.below(4) as u32);
            let seq = if lots.one_in(8) { any(&mut lots) } else { lots.below(120) };
            let now =
                Time::from_micros(if lots.one_in(8) { any(&mut lots) } else { lots.below(99) });
            match lots.below(12) {
                0 => r.handle_timeout(now),
                1 if r.len() < 200 => {
                    let _ = r.open();
                }
                2 if lots.one_in(32) => r.end(now),
                3 if lots.one_in(8) => r.tell_gaps(),
                _ => {
                    let _ = r.needs_time(sequence, seq);
                    taken += usize::from(matches!(r.push(now, sequence, seq), Pushed::Taken(_)));
                }
            }
            while let Some(event) = r.poll_event() {
                back += usize::from(matches!(event, ResequencerEvent::Discarded { .. }));
            }
            for _ in 0..lots.below(4) {
                let output = r.poll_output();
                back += usize::from(matches!(output, Some(Output::Item { .. })));
                failed |= matches!(output, Some(Output::Failed(_)));
                assert!(!failed || r.poll_output().is_none(), "it is the last");
            }
            assert_eq!(r.len(), taken - back);
        }
    }
}

#[test]
fn all_sources_together_hold_so_many_items_and_no_more() {
    const MOST: usize = MAX_ITEMS;
    let now = Time::from_micros(0);
    let options = Options::new().concurrency(1).capacity(MOST).on_failure(OnFailure::Emit);
    let mut d = Dispatcher::new(&options).expect("these are allowed");
    let [a, b] = [0, 1].map(|_| d.open_source(SourceOptions::new()).expect("it is open"));
    let first = d.push(now, a, None).expect("there is room");
    for _ in 1..MOST {
        d.push(now, b, None).expect("there is room");
    }
    assert_eq!((d.wants(a), d.is_full(a), d.is_full(b)), (0, true, true));
    assert_eq!(d.push(now, a, None), Err(PushError::Full));
    assert_eq!(d.push(now, b, None), Err(PushError::Full));
    assert_eq!(d.poll_dispatch().map(|run| run.handle), Some(first));
    let _ = d.complete(now, first, 1, Outcome::Ok);
    assert!(d.poll_release(a).is_some());
    assert_eq!(d.poll_event(), None);
    // its source has ended; the other one gets the place
    d.end(now, a);
    assert!(d.released(now, first));
    let told: Vec<Event> = std::iter::from_fn(|| d.poll_event()).collect();
    assert!(told.contains(&Event::Room { source: b }), "{told:?}");
    assert!(d.push(now, b, None).is_ok());
    assert_eq!(d.push(now, b, None), Err(PushError::Full));
}
