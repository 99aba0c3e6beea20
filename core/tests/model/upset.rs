//! Any numbers and times given to what puts numbers in order: whatever they are, it neither panics nor hangs.

use std::time::Duration;

use inorder::{
    Insert, OnGap, OnRestart, Output, Pushed, ReorderBuffer, Resequencer, ResequencerEvent,
    Sequence, Sequencer, SequencerOptions, Time,
};

use crate::lots::{Lots, any};

/// A sequencer and a buffer, without policies and time.
pub(crate) fn buffer(lots: &mut Lots) {
    let options = SequencerOptions::new().start(any(lots)).capacity(1 + lots.below(70) as usize);
    let mut sequencer = Sequencer::new(options).expect("these are allowed");
    let mut buffer = ReorderBuffer::new(options);
    for _ in 0..200 {
        if lots.is_over() {
            break;
        }
        let near = sequencer.next().saturating_add(lots.below(80)).saturating_sub(lots.below(8));
        let seq = if lots.one_in(8) { any(lots) } else { near };
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

/// A sequencer with policies and time.
pub(crate) fn sequencer(lots: &mut Lots) {
    let mut s = Sequencer::new(sequencer_options(lots)).expect("these are allowed");
    if lots.one_in(3) {
        let runs: Vec<_> = (0..lots.below(4)).map(|_| (any(lots), any(lots))).collect();
        let watermark = lots.one_in(2).then(|| any(lots));
        assert!(s.restore(watermark, runs));
    }
    for _ in 0..200 {
        if lots.is_over() {
            break;
        }
        let near = s.next().saturating_add(lots.below(80)).saturating_sub(lots.below(8));
        let seq = if lots.one_in(8) { any(lots) } else { near };
        let now = Time::from_micros(if lots.one_in(8) { any(lots) } else { lots.below(99) });
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

/// Many sequences.
pub(crate) fn resequencer(lots: &mut Lots) {
    let mut r = Resequencer::new(sequencer_options(lots)).expect("these are allowed");
    let (mut taken, mut back, mut failed) = (0, 0, false);
    for _ in 0..300 {
        if lots.is_over() {
            break;
        }
        let sequence = Sequence::new(lots.below(4) as u32);
        let seq = if lots.one_in(8) { any(lots) } else { lots.below(120) };
        let now = Time::from_micros(if lots.one_in(8) { any(lots) } else { lots.below(99) });
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
