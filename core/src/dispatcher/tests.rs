//! The rules, one by one, through the four kinds of method.

use alloc::vec::Vec;
use core::time::Duration;

use super::*;
use crate::event::{Rest, Why};
use crate::outcome::What;
use crate::stats::BlockedState;

const T0: Time = Time::from_micros(0);

fn at(millis: u64) -> Time {
    Time::from_micros(millis * 1_000)
}

fn open(options: &Options) -> (Dispatcher, Source) {
    let mut d = Dispatcher::new(options).unwrap();
    let source = d.open_source(SourceOptions::new()).unwrap();
    (d, source)
}

fn lane(number: u32) -> Option<Lane> {
    Lane::new(number)
}

fn push(d: &mut Dispatcher, source: Source, n: usize) -> Vec<Handle> {
    (0..n).map(|_| d.push(T0, source, None).unwrap()).collect()
}

fn runs(d: &mut Dispatcher) -> Vec<Handle> {
    core::iter::from_fn(|| d.poll_dispatch()).map(|run| run.handle).collect()
}

fn events(d: &mut Dispatcher) -> Vec<Event> {
    core::iter::from_fn(|| d.poll_event()).collect()
}

fn ok(d: &mut Dispatcher, handle: Handle) {
    assert_eq!(d.complete(T0, handle, 1, Outcome::Ok), Completion::Settled);
}

/// Takes all that can be taken now.
fn take(d: &mut Dispatcher, source: Source) -> Vec<(Seq, What)> {
    core::iter::from_fn(|| {
        let release = d.poll_release(source)?;
        assert!(d.released(T0, release.handle));
        Some((release.seq, release.what))
    })
    .collect()
}

#[test]
fn a_slow_head_idles_nobody() {
    let (mut d, source) = open(&Options::new().concurrency(2).capacity(8));
    let items = push(&mut d, source, 6);
    assert_eq!(runs(&mut d), items[..2]);
    ok(&mut d, items[1]);
    assert_eq!(runs(&mut d), items[2..3]);
    assert_eq!(take(&mut d, source), []);
    ok(&mut d, items[0]);
    assert_eq!(take(&mut d, source), [(0, What::Ok), (1, What::Ok)]);
}

#[test]
fn capacity_comes_back_at_release_and_room_is_told_once() {
    let (mut d, source) = open(&Options::new().concurrency(1).capacity(2));
    let items = push(&mut d, source, 2);
    assert_eq!(d.push(T0, source, None), Err(PushError::Full));
    assert_eq!(runs(&mut d), items[..1]);
    ok(&mut d, items[0]);
    assert_eq!(events(&mut d), [], "completed, and not released");
    assert_eq!(d.push(T0, source, None), Err(PushError::Full));
    assert_eq!(take(&mut d, source).len(), 1);
    assert_eq!(events(&mut d), [Event::Room { source }]);
    assert!(d.push(T0, source, None).is_ok());
}

#[test]
fn a_lane_runs_one_at_a_time_and_is_free_at_settlement() {
    let (mut d, source) = open(&Options::new().concurrency(8));
    let head = d.push(T0, source, None).unwrap();
    let first = d.push(T0, source, lane(3)).unwrap();
    let second = d.push(T0, source, lane(3)).unwrap();
    assert_eq!(runs(&mut d), [head, first]);
    ok(&mut d, first);
    assert_eq!(runs(&mut d), [second], "although the head holds back the release");
    ok(&mut d, second);
    assert_eq!(events(&mut d), [Event::LaneIdle { lane: lane(3).unwrap() }]);
}

#[test]
fn a_hot_key_gets_its_turn_and_no_more() {
    let (mut d, source) = open(&Options::new().concurrency(1).ordered(false));
    let hot: Vec<_> = (0..3).map(|_| d.push(T0, source, lane(0)).unwrap()).collect();
    let cold: Vec<_> = (1..3).map(|n| d.push(T0, source, lane(n)).unwrap()).collect();
    let mut started = Vec::new();
    while let Some(run) = d.poll_dispatch() {
        started.push(run.handle);
        ok(&mut d, run.handle);
    }
    assert_eq!(started, [hot[0], cold[0], cold[1], hot[1], hot[2]]);
}

#[test]
fn the_head_of_the_release_order_starts_first() {
    let (mut d, source) = open(&Options::new().concurrency(1));
    let first = d.push(T0, source, lane(0)).unwrap();
    let head = d.push(T0, source, lane(0)).unwrap();
    let other = d.push(T0, source, lane(1)).unwrap();
    assert_eq!(runs(&mut d), [first]);
    ok(&mut d, first);
    assert_eq!(take(&mut d, source).len(), 1);
    assert_eq!(runs(&mut d), [head], "its lane joined the line behind the other");
    ok(&mut d, head);
    assert_eq!(runs(&mut d), [other]);
}

#[test]
fn heads_of_several_sources_start_in_turns() {
    let (mut d, a) = open(&Options::new().concurrency(1));
    let in_a = push(&mut d, a, 3);
    let b = d.open_source(SourceOptions::new()).unwrap();
    let in_b = push(&mut d, b, 2);
    let mut started = Vec::new();
    while let Some(run) = d.poll_dispatch() {
        started.push(run.handle);
        ok(&mut d, run.handle);
        take(&mut d, a);
        take(&mut d, b);
    }
    assert_eq!(started, [in_a[0], in_b[0], in_a[1], in_b[1], in_a[2]]);
}

#[test]
fn the_failed_position_is_the_lowest() {
    let (mut d, source) = open(&Options::new().concurrency(3));
    let items = push(&mut d, source, 5);
    assert_eq!(runs(&mut d), items[..3]);
    assert_eq!(d.complete(T0, items[1], 1, Outcome::FAILED), Completion::Settled);
    assert_eq!(d.failed(source), Some(items[1]));
    let passed = |handle, why| Event::Passed { handle, why };
    assert_eq!(
        events(&mut d),
        [
            Event::Signal { handle: items[2], attempt: 1, why: Why::Failure },
            passed(items[3], Why::Failure),
            passed(items[4], Why::Failure),
        ]
    );
    assert_eq!(runs(&mut d), [], "nothing behind it starts");
    assert_eq!(d.push(T0, source, None), Err(PushError::Closed));
    // a later failure at a lower position
    assert_eq!(d.complete(T0, items[0], 1, Outcome::FAILED), Completion::Settled);
    assert_eq!(events(&mut d), [passed(items[1], Why::Failure)]);
    assert_eq!(take(&mut d, source), [(0, What::Failed)]);
    assert_eq!(d.complete(T0, items[2], 1, Outcome::Ok), Completion::Ignored);
    assert_eq!(events(&mut d), [passed(items[2], Why::Failure), Event::Drained { source }]);
    let stats = d.stats(T0);
    assert_eq!((stats.failed, stats.cancelled, stats.released, stats.ignored), (2, 3, 5, 1));
}

#[test]
fn unordered_nothing_comes_out_after_the_failure() {
    let (mut d, source) = open(&Options::new().concurrency(3).ordered(false));
    let items = push(&mut d, source, 4);
    assert_eq!(runs(&mut d), items[..3]);
    ok(&mut d, items[2]);
    assert_eq!(d.complete(T0, items[1], 1, Outcome::FAILED), Completion::Settled);
    assert_eq!(d.complete(T0, items[0], 1, Outcome::Ok), Completion::Ignored);
    assert_eq!(take(&mut d, source), [(2, What::Ok), (1, What::Failed)]);
}

#[test]
fn emit_lets_the_rest_go_on() {
    let (mut d, source) = open(&Options::new().concurrency(2).on_failure(OnFailure::Emit));
    let items = push(&mut d, source, 2);
    assert_eq!(runs(&mut d), items);
    assert_eq!(d.complete(T0, items[0], 1, Outcome::FAILED), Completion::Settled);
    ok(&mut d, items[1]);
    assert_eq!(take(&mut d, source), [(0, What::Failed), (1, What::Ok)]);
}

#[test]
fn a_cancelled_item_holds_its_lane_until_its_handler_ended() {
    let (mut d, source) = open(&Options::new().concurrency(4));
    let first = d.push(T0, source, lane(0)).unwrap();
    let second = d.push(T0, source, lane(0)).unwrap();
    assert_eq!(runs(&mut d), [first]);
    assert!(d.cancel(T0, first));
    assert!(d.cancel(T0, first), "true again until it ended");
    assert_eq!(events(&mut d), [Event::Signal { handle: first, attempt: 1, why: Why::Cancelled }]);
    assert_eq!(runs(&mut d), []);
    assert_eq!(d.complete(T0, first, 1, Outcome::Ok), Completion::Ignored);
    assert_eq!(events(&mut d), [Event::Passed { handle: first, why: Why::Cancelled }]);
    assert_eq!(runs(&mut d), [second]);
    assert!(!d.cancel(T0, first));
}

#[test]
fn cancelling_the_first_of_a_lane_keeps_the_turn_of_the_lane() {
    let (mut d, source) = open(&Options::new().concurrency(1).ordered(false));
    let running = d.push(T0, source, None).unwrap();
    assert_eq!(runs(&mut d), [running]);
    let first = d.push(T0, source, lane(0)).unwrap();
    let other = d.push(T0, source, lane(1)).unwrap();
    let second = d.push(T0, source, lane(0)).unwrap();
    assert!(d.cancel(T0, first));
    ok(&mut d, running);
    assert_eq!(runs(&mut d), [second]);
    ok(&mut d, second);
    assert_eq!(runs(&mut d), [other]);
}

#[test]
fn cancelled_items_leave_when_they_are_the_head() {
    let (mut d, source) = open(&Options::new().concurrency(1));
    let items = push(&mut d, source, 3);
    assert_eq!(runs(&mut d), items[..1]);
    assert!(d.cancel(T0, items[1]));
    assert_eq!(events(&mut d), []);
    assert!(!d.cancel(T0, items[1]), "it is settled");
    ok(&mut d, items[0]);
    assert_eq!(take(&mut d, source), [(0, What::Ok)]);
    assert_eq!(events(&mut d), [Event::Passed { handle: items[1], why: Why::Cancelled }]);
}

#[test]
fn old_handles_and_attempts_change_nothing_but_a_counter() {
    let (mut d, source) = open(&Options::new());
    let item = d.push(T0, source, None).unwrap();
    assert_eq!(d.complete(T0, item, 1, Outcome::Ok), Completion::Stale, "it does not run yet");
    assert_eq!(runs(&mut d), [item]);
    assert_eq!(d.complete(T0, item, 2, Outcome::Ok), Completion::Stale);
    ok(&mut d, item);
    assert_eq!(d.complete(T0, item, 1, Outcome::FAILED), Completion::Stale);
    assert_eq!(take(&mut d, source), [(0, What::Ok)]);
    assert_eq!(d.complete(T0, item, 1, Outcome::Ok), Completion::Stale);
    assert_eq!((d.stats(T0).stale, d.stats(T0).ok), (4, 1));
    for bits in [0, 1, u64::MAX] {
        let (handle, source) = (Handle::from_bits(bits), Source::from_bits(bits | 1));
        assert!(!d.released(T0, handle) && !d.undelivered(T0, handle) && !d.reject(T0, handle));
        assert_eq!((d.push(T0, source, None), d.wants(source)), (Err(PushError::Closed), 0));
        assert_eq!(
            (d.poll_release(source), d.oldest(source), d.failed(source)),
            (None, None, None)
        );
        d.end(T0, source);
    }
}

#[test]
fn what_came_early_waits_for_what_is_missing() {
    let mut d = Dispatcher::new(&Options::new().concurrency(8).capacity(8)).unwrap();
    let source = d.open_source(SourceOptions::new().sequenced(5)).unwrap();
    let Ok(Arrival::Held(six)) = d.push_at(T0, source, None, 6) else { panic!() };
    assert_eq!(runs(&mut d), []);
    assert_eq!(
        d.why_blocked(at(3), source).map(|b| (b.seq, b.state, b.age)),
        Some((5, BlockedState::Missing, Duration::from_millis(3)))
    );
    assert_eq!(d.push_at(T0, source, None, 6), Ok(Arrival::Duplicate));
    assert_eq!(d.push_at(T0, source, None, 4), Ok(Arrival::Late));
    assert_eq!(d.push_at(T0, source, None, 13), Ok(Arrival::TooFar));
    assert_eq!(d.push(T0, source, None), Err(PushError::Numbering));
    let Ok(Arrival::Ready(five)) = d.push_at(T0, source, None, 5) else { panic!() };
    assert_eq!(runs(&mut d), [five, six]);
    ok(&mut d, five);
    assert_eq!(take(&mut d, source), [(5, What::Ok)]);
    assert_eq!(events(&mut d), [Event::Room { source }], "the window moved");
    let Ok(Arrival::Held(_)) = d.push_at(T0, source, None, 13) else { panic!() };
    // closing gives up the gap
    d.close(T0, None);
    assert_eq!(events(&mut d), [Event::Lost { source, first: 7, last: 12 }]);
    assert_eq!(runs(&mut d).len(), 1);
}

#[test]
fn one_that_came_early_and_was_cancelled_does_not_reopen_its_number() {
    for ordered in [true, false] {
        let mut d = Dispatcher::new(&Options::new().concurrency(8).ordered(ordered)).unwrap();
        let source = d.open_source(SourceOptions::new().sequenced(0)).unwrap();
        let Ok(Arrival::Held(one)) = d.push_at(T0, source, None, 1) else { panic!() };
        let passed = [Event::Passed { handle: one, why: Why::Cancelled }];
        assert!(d.cancel(T0, one));
        // unordered it leaves at once
        assert_eq!(events(&mut d) == passed, !ordered);
        let again = if ordered { Arrival::Duplicate } else { Arrival::Late };
        assert_eq!(d.push_at(T0, source, None, 1), Ok(again));
        let Ok(Arrival::Ready(zero)) = d.push_at(T0, source, None, 0) else { panic!() };
        assert_eq!(runs(&mut d), [zero]);
        ok(&mut d, zero);
        assert_eq!(take(&mut d, source), [(0, What::Ok)]);
        assert_eq!(events(&mut d) == passed, ordered);
        assert_eq!(d.push_at(T0, source, None, 1), Ok(Arrival::Late));
        assert_eq!(d.oldest(source), None);
    }
}

#[test]
fn closing_drains_and_its_timeout_signals_reports_and_detaches() {
    let (mut d, source) = open(&Options::new().concurrency(3).on_failure(OnFailure::Emit));
    let items = push(&mut d, source, 5);
    assert_eq!(runs(&mut d), items[..3]);
    ok(&mut d, items[2]);
    assert_eq!(runs(&mut d), items[3..4]);
    d.close(T0, None);
    assert_eq!(d.push(T0, source, None), Err(PushError::Closed));
    assert_eq!(d.poll_timeout(), None);
    d.close(T0, Some(Duration::from_millis(1)));
    assert_eq!(d.poll_timeout(), Some(at(1)));
    d.close(T0, Some(Duration::from_secs(9)));
    assert_eq!(d.poll_timeout(), Some(at(1)), "a second call can only shorten the time");
    d.handle_timeout(at(1));
    let signal = |handle| Event::Signal { handle, attempt: 1, why: Why::Closed };
    let left = |handle, rest, why| Event::Left { handle, rest, why };
    assert_eq!(
        events(&mut d),
        [
            signal(items[0]),
            signal(items[1]),
            left(items[2], Rest::Settled, None),
            signal(items[3]),
            left(items[4], Rest::NeverStarted, Some(Why::Closed)),
        ]
    );
    assert_eq!(d.poll_release(source), None);
    assert_eq!(d.complete(at(2), items[1], 1, Outcome::Ok), Completion::Ignored);
    assert_eq!(events(&mut d), [left(items[1], Rest::Unfinished, Some(Why::Closed))]);
    assert_eq!(d.poll_timeout(), Some(at(251)));
    d.handle_timeout(at(251));
    assert_eq!(
        events(&mut d),
        [
            left(items[0], Rest::Detached, Some(Why::Closed)),
            left(items[3], Rest::Detached, Some(Why::Closed)),
            Event::Drained { source },
        ]
    );
    assert!(d.is_drained());
    let stats = d.stats(at(251));
    assert_eq!(
        (stats.ok, stats.cancelled, stats.released, stats.held, stats.running),
        (1, 4, 0, 5, 0)
    );
    assert_eq!(d.complete(at(300), items[0], 1, Outcome::Ok), Completion::Ignored);
    assert_eq!(d.complete(at(300), items[0], 1, Outcome::Ok), Completion::Stale);
}

#[test]
fn a_delivery_that_failed_is_neither_released_nor_passed() {
    for ordered in [true, false] {
        let (mut d, source) =
            open(&Options::new().concurrency(2).ordered(ordered).on_failure(OnFailure::Emit));
        let items = push(&mut d, source, 3);
        assert_eq!(runs(&mut d), items[..2]);
        ok(&mut d, items[0]);
        ok(&mut d, items[1]);
        assert_eq!(runs(&mut d), items[2..]);
        let lent = d.poll_release(source).unwrap().handle;
        assert_eq!(d.poll_release(source), None, "one at a time");
        assert!(d.undelivered(T0, lent));
        let told = events(&mut d);
        assert!(told.contains(&Event::Signal { handle: items[2], attempt: 1, why: Why::Failure }));
        assert!(told.contains(&Event::Passed { handle: items[1], why: Why::Failure }));
        assert_eq!(d.complete(T0, items[2], 1, Outcome::Ok), Completion::Ignored);
        assert_eq!(events(&mut d).last(), Some(&Event::Drained { source }));
        let stats = d.stats(T0);
        assert_eq!((stats.released, stats.held, stats.in_flight), (2, 1, 1));
    }
}

#[test]
fn a_key_that_could_not_be_had_fails_in_its_turn() {
    let (mut d, source) = open(&Options::new().concurrency(1).on_failure(OnFailure::Emit));
    let items = push(&mut d, source, 2);
    assert!(d.reject(T0, items[1]));
    assert_eq!(runs(&mut d), items[..1]);
    assert_eq!(d.stats(T0).queued, 1);
    ok(&mut d, items[0]);
    assert_eq!(runs(&mut d), []);
    assert_eq!(take(&mut d, source), [(0, What::Ok), (1, What::Failed)]);
    assert_eq!((d.stats(T0).started, d.stats(T0).failed), (1, 1));
}

#[test]
fn a_stream_reads_one_more_than_can_start_or_what_there_is_room_for() {
    let (mut d, source) = open(&Options::new().concurrency(2).capacity(5));
    assert_eq!(d.wants(source), 3);
    push(&mut d, source, 3);
    assert_eq!(runs(&mut d).len(), 2);
    assert_eq!(d.wants(source), 0);
    let mut d = Dispatcher::new(&Options::new().concurrency(2).capacity(5)).unwrap();
    let keyed = d.open_source(SourceOptions::new().keyed(true)).unwrap();
    assert_eq!(d.wants(keyed), 5);
    push(&mut d, keyed, 4);
    assert_eq!(d.wants(keyed), 1);
    d.end(T0, keyed);
    assert_eq!(d.wants(keyed), 0);
}

#[test]
fn an_ended_source_is_drained_when_the_last_result_is_taken() {
    let (mut d, source) = open(&Options::new());
    let item = push(&mut d, source, 1)[0];
    d.end(T0, source);
    assert_eq!(runs(&mut d), [item]);
    ok(&mut d, item);
    assert_eq!(events(&mut d), []);
    assert_eq!(take(&mut d, source).len(), 1);
    assert_eq!(events(&mut d), [Event::Drained { source }]);
    assert!(!d.is_drained() && !d.is_closed());
}

#[test]
fn the_head_is_the_oldest_item_in_flight() {
    let (mut d, source) = open(&Options::new().concurrency(2));
    assert_eq!(d.head(source), None);
    let items = push(&mut d, source, 2);
    assert_eq!(runs(&mut d), items);
    ok(&mut d, items[1]);
    assert_eq!(d.head(source), Some(items[0]));
    ok(&mut d, items[0]);
    assert_eq!(take(&mut d, source).len(), 2);
    assert_eq!(d.head(source), None);
}

#[test]
fn time_does_not_go_backwards() {
    let (mut d, source) = open(&Options::new());
    assert!(d.push(at(5), source, None).is_ok());
    assert!(d.push(at(1), source, None).is_ok());
    assert_eq!(d.stats(at(6)).oldest_age, Duration::from_millis(1));
    d.close(at(2), Some(Duration::from_millis(1)));
    assert_eq!(d.poll_timeout(), Some(at(6)));
}

#[test]
fn what_is_behind_in_the_order_or_in_a_lane_is_held_up() {
    let held_up = |options: Options| {
        let (mut d, source) = open(&options.concurrency(2));
        let first = d.push(T0, source, lane(0)).unwrap();
        let other = d.push(T0, source, lane(1)).unwrap();
        let same = d.push(T0, source, lane(0)).unwrap();
        assert_eq!(runs(&mut d), [first, other]);
        let by_first = [first, other, same].map(|item| d.is_held_up_by(item, first));
        assert!(!d.is_held_up_by(first, same));
        assert!(!d.is_held_up_by(first, Handle::from_bits(u64::MAX)));
        by_first
    };
    assert_eq!(held_up(Options::new()), [true, true, true]);
    assert_eq!(held_up(Options::new().ordered(false)), [true, false, true]);
}

#[test]
fn what_has_the_only_place_to_run_or_is_lent_holds_up_the_rest() {
    let (mut d, source) = open(&Options::new().concurrency(1).ordered(false));
    let items = push(&mut d, source, 3);
    assert_eq!(runs(&mut d), items[..1]);
    assert!(d.is_held_up_by(items[1], items[0]));
    assert!(!d.is_held_up_by(items[0], items[1]));
    ok(&mut d, items[0]);
    assert_eq!(runs(&mut d), items[1..2]);
    assert!(!d.is_held_up_by(items[0], items[1]), "it is settled");
    let lent = d.poll_release(source).unwrap().handle;
    assert_eq!([1, 2].map(|i| d.is_held_up_by(items[i], lent)), [true, true]);
    let (mut d, source) = open(&Options::new().concurrency(2).ordered(false));
    let items = push(&mut d, source, 3);
    assert_eq!(runs(&mut d), items[..2]);
    assert!(!d.is_held_up_by(items[2], items[0]), "another may make place");
    // one that is before it in the order of release, and started by turns of lanes after it
    let (mut d, source) = open(&Options::new().concurrency(1));
    let items = [0, 0, 1].map(|number| d.push(T0, source, lane(number)).unwrap());
    assert_eq!(runs(&mut d), items[..1]);
    ok(&mut d, items[0]);
    assert_eq!(runs(&mut d), items[2..], "the head is settled, and not yet released");
    assert!(d.is_held_up_by(items[1], items[2]));
}

#[test]
fn a_deadlock_is_all_that_runs_waiting_for_room() {
    let (mut d, source) = open(&Options::new().concurrency(2).capacity(3));
    let items = push(&mut d, source, 3);
    assert_eq!(runs(&mut d), items[..2]);
    assert!(!d.is_deadlocked(&items[..1]));
    assert!(!d.is_deadlocked(&[items[0], items[0]]), "one twice is one");
    assert!(!d.is_deadlocked(&[items[0], items[2]]), "what is queued waits for nothing");
    assert!(d.is_deadlocked(&[items[1], items[0]]));
    // behind the head: nobody can take it
    ok(&mut d, items[1]);
    assert_eq!(runs(&mut d), items[2..]);
    assert!(d.is_deadlocked(&[items[0], items[2]]));
    ok(&mut d, items[0]);
    assert!(!d.is_deadlocked(&[items[2]]), "somebody can take the head");
    let lent = d.poll_release(source).unwrap().handle;
    assert!(!d.is_deadlocked(&[items[2]]), "whoever has it can give it back");
    assert!(d.is_deadlocked(&[items[2], lent]), "but waits for room");
}

#[test]
fn unordered_any_result_that_can_be_taken_makes_room() {
    let (mut d, source) = open(&Options::new().concurrency(2).capacity(2).ordered(false));
    let items = push(&mut d, source, 2);
    assert_eq!(runs(&mut d), items);
    ok(&mut d, items[1]);
    assert!(!d.is_deadlocked(&items[..1]));
    assert_eq!(take(&mut d, source).len(), 1);
    assert!(d.is_deadlocked(&items[..1]));
}

#[test]
fn a_missing_number_makes_room_when_it_is_the_head() {
    let mut d = Dispatcher::new(&Options::new().concurrency(2).capacity(2)).unwrap();
    let source = d.open_source(SourceOptions::new().sequenced(0)).unwrap();
    let others = d.open_source(SourceOptions::new()).unwrap();
    let Ok(Arrival::Held(_)) = d.push_at(T0, source, None, 1) else { panic!() };
    let other = d.push(T0, others, None).unwrap();
    assert_eq!(runs(&mut d), [other]);
    assert!(!d.is_deadlocked(&[other]));
    let Ok(Arrival::Ready(head)) = d.push_at(T0, source, None, 0) else { panic!() };
    assert_eq!(runs(&mut d), [head]);
    assert!(!d.is_deadlocked(&[head]));
    assert!(d.is_deadlocked(&[head, other]));
    let mut d = Dispatcher::new(&Options::new().concurrency(2).capacity(3)).unwrap();
    let source = d.open_source(SourceOptions::new().sequenced(0)).unwrap();
    let Ok(Arrival::Ready(head)) = d.push_at(T0, source, None, 0) else { panic!() };
    let Ok(Arrival::Held(_)) = d.push_at(T0, source, None, 2) else { panic!() };
    assert_eq!(runs(&mut d), [head]);
    assert!(d.is_deadlocked(&[head]), "the window begins at the head");
}

#[test]
fn what_can_be_lent_is_lent() {
    for ordered in [true, false] {
        let options = Options::new().concurrency(2).ordered(ordered);
        let (mut d, source) = open(&options);
        let items = push(&mut d, source, 3);
        assert_eq!(runs(&mut d), items[..2]);
        assert!(!d.can_lend(source));
        ok(&mut d, items[1]);
        assert_eq!(d.can_lend(source), !ordered, "what is held is not to be had");
        ok(&mut d, items[0]);
        assert!(d.can_lend(source));
        let lent = d.poll_release(source).unwrap().handle;
        assert!(!d.can_lend(source), "one at a time");
        assert!(d.released(T0, lent));
        assert!(d.can_lend(source));
        assert_eq!(take(&mut d, source).len(), 1);
        assert!(!d.can_lend(source));
        d.close(T0, Some(Duration::ZERO));
        assert!(!d.can_lend(source));
    }
}
