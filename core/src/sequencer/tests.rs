//! The sequencer by its rules, and against a model of plain lists.

use alloc::vec::Vec;
use core::time::Duration;

use super::*;
use crate::rounds::{rounds, unless_interpreted};

mod model;

use model::Out::{self, Event, Item};

const T0: Time = Time::from_micros(0);

fn at(micros: u64) -> Time {
    Time::from_micros(micros)
}

fn options() -> SequencerOptions {
    SequencerOptions::new().capacity(8)
}

fn skipping(micros: u64) -> SequencerOptions {
    options().gap_timeout(Duration::from_micros(micros))
}

fn sequencer(options: SequencerOptions) -> Sequencer {
    Sequencer::new(options).unwrap()
}

fn insert(s: &mut Sequencer, now: Time, seqs: impl IntoIterator<Item = Seq>) -> Vec<&'static str> {
    seqs.into_iter().map(|seq| s.insert(now, seq).name()).collect()
}

fn lost(first: Seq, last: Seq) -> Out {
    Event(SequencerEvent::Lost { first, last })
}

fn drain(s: &mut Sequencer) -> Vec<Out> {
    core::iter::from_fn(|| s.poll_event().map(Event).or_else(|| s.pop().map(Item))).collect()
}

#[test]
fn the_timer_gives_up_the_whole_range_up_to_what_is_in() {
    let mut s = sequencer(skipping(100));
    assert_eq!(insert(&mut s, T0, [0, 1, 4, 6]), ["ready", "ready", "held", "held"]);
    assert_eq!(s.poll_timeout(), Some(at(100)));
    s.handle_timeout(at(99));
    assert_eq!(s.expected(), 2);
    s.handle_timeout(at(100));
    assert_eq!(s.lost(), 2);
    // the next gap is waited for from now on
    assert_eq!(s.poll_timeout(), Some(at(200)));
    assert_eq!(drain(&mut s), [Item(0), Item(1), lost(2, 3), Item(4)]);
    assert_eq!(insert(&mut s, at(150), [2, 3, 5]), ["late", "late", "ready"]);
    assert_eq!(s.poll_timeout(), None);
    assert_eq!(drain(&mut s), [Item(5), Item(6)]);
}

#[test]
fn the_timer_dies_when_the_expected_number_moves() {
    let mut s = sequencer(skipping(100));
    assert_eq!(insert(&mut s, T0, [1, 3]), ["held", "held"]);
    assert_eq!(insert(&mut s, at(60), [4, 0]), ["held", "ready"]);
    assert_eq!(s.poll_timeout(), Some(at(160)), "of 2, from when it became the expected one");
    assert_eq!(insert(&mut s, at(90), [2]), ["ready"]);
    assert_eq!(s.poll_timeout(), None);
    s.handle_timeout(at(1_000));
    assert_eq!(s.lost(), 0);
}

#[test]
fn what_is_lost_is_told_in_its_place_and_holds_up_what_is_behind() {
    let mut s = sequencer(skipping(1));
    assert_eq!(insert(&mut s, T0, [0, 2]), ["ready", "held"]);
    s.handle_timeout(at(1));
    assert_eq!(s.poll_event(), None, "0 has not left");
    assert_eq!(s.pop(), Some(0));
    assert_eq!(s.pop(), None, "it is told first");
    assert_eq!(drain(&mut s), [lost(1, 1), Item(2)]);
}

#[test]
fn a_gap_is_told_once_for_each_start_of_the_timer() {
    let warned = options().gap_warning(Duration::from_micros(10));
    let mut s = sequencer(warned);
    assert_eq!(insert(&mut s, T0, [2]), ["held"]);
    assert_eq!(s.poll_timeout(), Some(at(10)));
    s.handle_timeout(at(50));
    s.handle_timeout(at(60));
    assert_eq!(s.poll_timeout(), None, "it is waited for, for ever");
    assert_eq!(drain(&mut s), [Event(SequencerEvent::Gap { first: 0, last: 1 })]);
    assert_eq!(insert(&mut s, at(70), [0]), ["ready"]);
    assert_eq!(s.poll_timeout(), Some(at(80)));
    s.handle_timeout(at(80));
    assert_eq!(drain(&mut s), [Event(SequencerEvent::Gap { first: 1, last: 1 }), Item(0)]);
}

#[test]
fn at_one_instant_what_came_is_no_gap_and_giving_up_goes_before_telling() {
    let mut s = sequencer(skipping(10).gap_warning(Duration::ZERO));
    assert_eq!(insert(&mut s, T0, [1, 0]), ["held", "ready"]);
    s.handle_timeout(T0);
    assert_eq!(drain(&mut s), [Item(0), Item(1)]);
    assert_eq!(insert(&mut s, T0, [3]), ["held"]);
    s.handle_timeout(T0);
    assert_eq!(drain(&mut s), [Event(SequencerEvent::Gap { first: 2, last: 2 })]);

    let mut s = sequencer(skipping(10).gap_warning(Duration::from_micros(10)));
    assert_eq!(insert(&mut s, T0, [1]), ["held"]);
    s.handle_timeout(at(10));
    assert_eq!(drain(&mut s), [lost(0, 0), Item(1)]);
}

#[test]
fn beyond_the_window_the_head_is_given_up_at_once() {
    let mut s = sequencer(options().gap(OnGap::Skip));
    assert_eq!(insert(&mut s, T0, [3, 5, 8]), ["held", "held", "held"]);
    assert_eq!(s.lost(), 3, "the whole range before 3");
    assert_eq!(insert(&mut s, T0, [12]), ["too_far"], "3 can leave");
    assert_eq!(drain(&mut s), [lost(0, 2), Item(3)]);
    assert_eq!(
        insert(&mut s, T0, [12]),
        ["held"],
        "the window begins with 4 now, which is given up"
    );
    assert_eq!(drain(&mut s), [lost(4, 4), Item(5)]);
    // nothing is in before it: then it is the first that is in
    assert_eq!(insert(&mut s, T0, [100]), ["too_far"]);
    assert_eq!(drain(&mut s), [lost(6, 7), Item(8)]);
    assert_eq!(insert(&mut s, T0, [100]), ["too_far"]);
    assert_eq!(drain(&mut s), [lost(9, 11), Item(12)]);
    assert_eq!(insert(&mut s, T0, [100, 101]), ["ready", "ready"]);
    assert_eq!(drain(&mut s), [lost(13, 99), Item(100), Item(101)]);
    assert_eq!(insert(&mut s, T0, [u64::MAX]), ["too_far"]);
    assert_eq!(s.expected(), 102, "for the last number nothing is given up");
}

#[test]
fn waiting_and_failing_give_nothing_up_for_a_number_beyond_the_window() {
    for gap in [OnGap::Wait, OnGap::Fail] {
        let mut s = sequencer(options().gap(gap));
        assert_eq!(insert(&mut s, T0, [3, 8]), ["held", "too_far"]);
        assert_eq!((s.expected(), s.lost()), (0, 0));
    }
}

#[test]
fn a_gap_that_fails_ends_it_in_its_place() {
    let mut s = sequencer(skipping(100).gap(OnGap::Fail));
    assert_eq!(insert(&mut s, T0, [0, 1, 4]), ["ready", "ready", "held"]);
    s.handle_timeout(at(100));
    assert_eq!((s.poll_timeout(), s.lost()), (None, 0));
    assert_eq!(insert(&mut s, at(100), [2, 5]), ["late", "late"]);
    s.skip_to(10);
    let error = SequenceError::GapTimeout { first: 2, last: 3, key: () };
    assert_eq!(drain(&mut s), [Item(0), Item(1), Event(SequencerEvent::Failed(error))]);
    assert_eq!(error.name(), "gap_timeout");
    s.end(at(200));
    assert_eq!(drain(&mut s), []);
}

#[test]
fn at_the_end_what_is_missing_is_given_up_or_fails() {
    for gap in [OnGap::Wait, OnGap::Skip] {
        let mut s = sequencer(options().gap(gap));
        assert_eq!(insert(&mut s, T0, [1, 3, 4]), ["held", "held", "held"]);
        s.end(T0);
        assert_eq!(drain(&mut s), [lost(0, 0), Item(1), lost(2, 2), Item(3), Item(4)]);
        assert_eq!(insert(&mut s, T0, [5]), ["late"]);
        assert_eq!(s.poll_timeout(), None);
    }
    let mut s = sequencer(options().gap(OnGap::Fail));
    assert_eq!(insert(&mut s, T0, [0, 2]), ["ready", "held"]);
    s.end(T0);
    let error = SequenceError::GapTimeout { first: 1, last: 1, key: () };
    assert_eq!(drain(&mut s), [Item(0), Event(SequencerEvent::Failed(error))]);
}

#[test]
fn the_first_number_may_be_the_first_that_is_seen() {
    let mut s = sequencer(options().start_at_first());
    assert_eq!(s.look(70), Insert::Ready);
    assert_eq!(insert(&mut s, T0, [u64::MAX]), ["too_far"], "it is no first number");
    assert_eq!(insert(&mut s, T0, [70, 69, 72]), ["ready", "late", "held"]);
    assert_eq!(drain(&mut s), [Item(70)]);
    assert_eq!(s.missing().collect::<Vec<_>>(), [(71, 71)]);
}

#[test]
fn of_the_first_that_is_seen_those_bits_count_that_the_counter_has() {
    let mut s = sequencer(options().start_at_first().wrap(8));
    assert_eq!(s.look(u64::MAX), Insert::Ready);
    assert_eq!(insert(&mut s, T0, [u64::MAX, 0]), ["ready", "ready"]);
    assert_eq!(drain(&mut s), [Item(255), Item(256)]);
}

/// One that has released 0 to 99 and holds 101.
fn at_100(restart: OnRestart) -> Sequencer {
    let mut s = sequencer(options().restart(restart));
    for seq in (0..100).chain([101]) {
        let _ = s.insert(T0, seq);
        drain(&mut s);
    }
    s
}

#[test]
fn five_in_a_row_far_below_are_a_source_that_counts_from_anew() {
    let mut s = at_100(OnRestart::Reset);
    assert_eq!(s.look(7), Insert::Suspect);
    assert_eq!(insert(&mut s, T0, 7..11), ["suspect"; 4]);
    assert_eq!(drain(&mut s), []);
    assert_eq!(insert(&mut s, T0, [11]), ["ready"]);
    assert_eq!(insert(&mut s, T0, [12]), ["too_far"], "what was held comes out first");
    let restarted = Event(SequencerEvent::Restarted { first: 7 });
    assert_eq!(
        drain(&mut s),
        [lost(100, 100), Item(101), restarted, Item(7), Item(8), Item(9), Item(10), Item(11)]
    );
    assert_eq!(insert(&mut s, T0, [12, 14, 6, 101]), ["ready", "held", "late", "too_far"]);
}

#[test]
fn a_row_that_breaks_is_late() {
    let late = |first, last| Event(SequencerEvent::Late { first, last });
    // by what is expected, by one that is in, by another row, by one not so far below, by the end
    for (breaker, said) in [(100, "ready"), (101, "duplicate"), (7, "suspect"), (92, "late")] {
        let mut s = at_100(OnRestart::Reset);
        assert_eq!(insert(&mut s, T0, 7..11), ["suspect"; 4]);
        assert_eq!(insert(&mut s, T0, [breaker]), [said]);
        assert_eq!(s.poll_event().map(Event), Some(late(7, 10)));
    }
    let mut s = at_100(OnRestart::Reset);
    assert_eq!(insert(&mut s, T0, 88..92), ["suspect"; 4]);
    assert_eq!(insert(&mut s, T0, [92]), ["late"], "it is the capacity below, and no more");
    assert_eq!(drain(&mut s), [late(88, 91)]);
    assert_eq!(insert(&mut s, T0, [3, 4]), ["suspect"; 2]);
    s.end(T0);
    assert_eq!(drain(&mut s), [late(3, 4), lost(100, 100), Item(101)]);
}

#[test]
fn a_restart_is_ignored_or_fails_where_that_is_asked() {
    let mut s = at_100(OnRestart::Ignore);
    assert_eq!(insert(&mut s, T0, 7..12), ["late"; 5]);
    let mut s = at_100(OnRestart::Fail);
    assert_eq!(insert(&mut s, T0, 7..12), ["suspect"; 5]);
    let error = SequenceError::SourceRestarted { first: 7, key: () };
    assert_eq!(drain(&mut s), [Event(SequencerEvent::Failed(error))]);
    assert_eq!(insert(&mut s, T0, [100]), ["late"]);
}

#[test]
fn a_restart_where_gaps_fail_fails_at_the_gap() {
    let mut s = sequencer(options().gap(OnGap::Fail).restart(OnRestart::Reset).start(50));
    assert_eq!(insert(&mut s, T0, [52]), ["held"]);
    assert_eq!(insert(&mut s, T0, 1..6), ["suspect"; 5]);
    let error = SequenceError::GapTimeout { first: 50, last: 51, key: () };
    assert_eq!(drain(&mut s), [Event(SequencerEvent::Failed(error))]);
}

#[test]
fn a_new_run_fits_a_window_that_is_smaller() {
    let mut s = sequencer(options().capacity(2).start(50).restart(OnRestart::Reset));
    assert_eq!(insert(&mut s, T0, 10..15), ["suspect", "suspect", "suspect", "suspect", "ready"]);
    s.end(T0);
    let run = [Item(10), Item(11), Item(12), Item(13), Item(14)];
    assert_eq!(s.poll_event(), Some(SequencerEvent::Restarted { first: 10 }));
    assert_eq!(drain(&mut s), run);
    assert_eq!(insert(&mut s, T0, [15]), ["late"], "it has ended");
}

#[test]
fn a_new_run_may_begin_before_the_first_number_of_a_counter_that_wraps() {
    let mut s = sequencer(options().wrap(8).start(3).restart(OnRestart::Reset));
    assert_eq!(
        insert(&mut s, T0, [240, 241, 242, 243, 244]),
        ["suspect", "suspect", "suspect", "suspect", "ready"]
    );
    assert_eq!(s.poll_event(), Some(SequencerEvent::Restarted { first: 240 }));
    assert_eq!((s.next(), s.expected()), (240, 245));
}

#[test]
fn what_was_done_before_counts_as_arrived() {
    let mut s = sequencer(skipping(100));
    assert!(s.restore(Some(9), [(12, 13), (15, 15), (20, 20), (3, 4)]));
    assert_eq!((s.next(), s.expected()), (10, 10));
    assert_eq!(s.missing().collect::<Vec<_>>(), [(10, 11), (14, 14), (16, 19)]);
    assert_eq!(s.poll_timeout(), None, "there was no time yet");
    assert_eq!(insert(&mut s, at(5), [9, 12, 20]), ["late", "restored", "restored"]);
    assert_eq!(s.poll_timeout(), Some(at(105)));
    assert_eq!(insert(&mut s, at(6), [11, 10]), ["held", "ready"]);
    assert_eq!((s.next(), s.expected()), (10, 14));
    assert_eq!(drain(&mut s), [Item(10), Item(11)]);
    // one that came late in the end was done all the same
    assert_eq!(insert(&mut s, at(6), [12, 13, 11]), ["restored", "restored", "late"]);
    s.handle_timeout(at(106));
    assert_eq!(drain(&mut s), [lost(14, 14)]);
    assert_eq!((s.next(), s.expected()), (16, 16));
    s.end(at(200));
    assert_eq!(drain(&mut s), [lost(16, 19)]);
    assert_eq!(s.next(), 21);
}

#[test]
fn a_checkpoint_says_what_was_done_before() {
    let mut watermark = crate::Watermark::new();
    for id in 0..6 {
        assert!(watermark.receive(id).is_ok());
    }
    for id in [0, 1, 3, 4] {
        assert!(watermark.complete_id(id));
    }
    let checkpoint = watermark.checkpoint();
    let mut s = sequencer(options());
    assert!(s.restore(checkpoint.position(), checkpoint.runs()));
    let said = ["late", "ready", "restored", "restored", "ready"];
    assert_eq!(insert(&mut s, T0, [1, 2, 3, 4, 5]), said);
    assert_eq!(drain(&mut s), [Item(2), Item(5)]);
}

#[test]
fn what_follows_the_watermark_at_once_is_passed() {
    let mut s = sequencer(options());
    assert!(s.restore(Some(9), [(10, 11)]));
    assert_eq!(s.next(), 12);
    let mut s = sequencer(options().start(5));
    assert!(s.restore(None, [(5, 5)]));
    assert_eq!(insert(&mut s, T0, [5, 6]), ["restored", "ready"]);
    assert!(!s.restore(Some(9), []), "it is too late for that");
    assert_eq!(s.expected(), 7);
    let mut s = sequencer(options().start_at_first());
    assert!(s.restore(None, [(70, 71)]));
    assert_eq!(insert(&mut s, T0, [70, 72]), ["restored", "ready"]);
    assert_eq!(drain(&mut s), [Item(72)]);
}

#[test]
fn a_window_full_of_what_was_done_admits_what_is_missing() {
    let mut s = sequencer(options().capacity(2).gap(OnGap::Skip));
    assert!(s.restore(Some(0), [(2, 100)]));
    assert_eq!(insert(&mut s, T0, [1]), ["ready"]);
    assert_eq!(s.expected(), 101);
    let mut s = sequencer(options().capacity(2).gap(OnGap::Skip));
    assert!(s.restore(Some(0), [(3, 100)]));
    assert_eq!(insert(&mut s, T0, [102]), ["held"]);
    assert_eq!(drain(&mut s), [lost(1, 2)]);
    assert_eq!(s.next(), 101);
}

#[test]
fn numbers_of_the_wire_are_told_and_unwrapped_ones_leave() {
    let mut s = sequencer(skipping(10).wrap(8).start(254).gap_warning(Duration::ZERO));
    assert_eq!(insert(&mut s, T0, [254, 1]), ["ready", "held"]);
    assert_eq!(s.missing().collect::<Vec<_>>(), [(255, 0)]);
    s.handle_timeout(at(10));
    assert_eq!(
        drain(&mut s),
        [Event(SequencerEvent::Gap { first: 255, last: 0 }), Item(254), lost(255, 0), Item(257)]
    );
    assert_eq!(s.lost(), 2);
    assert_eq!(insert(&mut s, T0, [0, 255, 2, 256 + 3]), ["late", "late", "ready", "ready"]);
    assert_eq!(drain(&mut s), [Item(258), Item(259)]);
}

const STEPS: usize = unless_interpreted(300, 30);

/// Draws numbers from a seed.
fn drawn(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    }
}

#[test]
fn random_steps_agree_with_plain_lists() {
    for seed in 0..rounds(1_500) {
        model::compare(&alloc::format!("seed {seed}"), &mut drawn(seed), STEPS, None);
    }
}

#[test]
fn a_run_with_wrapping_numbers_is_the_shifted_run() {
    for seed in 0..rounds(400) {
        for bits in [8, 16, 32] {
            model::compare(&alloc::format!("seed {seed}"), &mut drawn(seed), STEPS, Some(bits));
        }
    }
}

#[test]
fn only_a_new_one_can_be_restored() {
    let mut held = sequencer(options());
    assert_eq!(insert(&mut held, T0, [5]), ["held"]);
    assert!(!held.restore(None, [(1, 1)]));
    assert_eq!(held.look(1), Insert::Held);
    let mut skipped = sequencer(options());
    skipped.skip_to(7);
    assert!(!skipped.restore(Some(3), []));
    assert_eq!(skipped.next(), 7);
    let mut ended = sequencer(options());
    ended.end(T0);
    assert!(!ended.restore(Some(3), []));
}

#[test]
fn where_nothing_is_given_up_the_first_number_is_still_the_one_seen() {
    let mut s = sequencer(options().start_at_first());
    s.skip_to(0);
    assert_eq!(insert(&mut s, T0, [70, 71]), ["ready", "ready"]);
}
