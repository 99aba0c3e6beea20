//! What is accepted, and what starts when.

use super::*;
use crate::rounds::unless_interpreted;
use crate::sequencer::SequencerOptions;

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
fn many_keys_that_could_not_be_had_fail_in_one_drain() {
    // deep enough for the stack to end, did each start the one behind it
    const MANY: usize = unless_interpreted(100_000, 200);
    let options = Options::new().concurrency(1).capacity(MANY).on_failure(OnFailure::Emit);
    let (mut d, source) = open(&options);
    d.pause(T0);
    for item in push(&mut d, source, MANY) {
        assert!(d.reject(T0, item));
    }
    d.unpause(T0);
    assert_eq!(runs(&mut d), []);
    assert_eq!(d.stats(T0).failed, MANY as u64);
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
fn time_does_not_go_backwards() {
    let (mut d, source) = open(&Options::new());
    assert!(d.push(at(5), source, None).is_ok());
    assert!(d.push(at(1), source, None).is_ok());
    assert_eq!(d.stats(at(6)).oldest_age, Duration::from_millis(1));
    d.close(at(2), Some(Duration::from_millis(1)));
    assert_eq!(d.poll_timeout(), Some(at(6)));
}

#[test]
fn a_source_that_comes_later_changes_no_turn_of_others() {
    let mut d = Dispatcher::new(&Options::new().concurrency(1)).unwrap();
    let mut sources: Vec<_> =
        (0..3).map(|_| d.open_source(SourceOptions::new()).unwrap()).collect();
    let mut items: Vec<_> = sources.iter().map(|source| push(&mut d, *source, 3)).collect();
    let start = |d: &mut Dispatcher, item: Handle| {
        assert_eq!(runs(d), [item]);
        ok(d, item);
    };
    for item in [items[0][0], items[1][0], items[2][0]] {
        start(&mut d, item);
    }
    for source in &sources {
        assert_eq!(take(&mut d, *source), [(0, What::Ok)]);
    }
    sources.push(d.open_source(SourceOptions::new()).unwrap());
    items.push(push(&mut d, sources[3], 1));
    for (source, nth) in [(3, 0), (0, 1), (1, 1), (2, 1), (0, 2), (1, 2), (2, 2)] {
        start(&mut d, items[source][nth]);
        assert_eq!(take(&mut d, sources[source]), [(nth as u64, What::Ok)]);
    }
}

#[test]
fn a_number_of_the_wire_has_the_position_that_is_nearest() {
    let mut d = Dispatcher::new(&Options::new().capacity(64)).unwrap();
    let wrapped = SequencerOptions::new().wrap(8).start(254);
    let source = d.open_source(SourceOptions::new().sequenced_with(wrapped)).unwrap();
    let plain = d.open_source(SourceOptions::new()).unwrap();
    for (number, position) in [(254, 254), (255, 255), (0, 256), (63, 319)] {
        assert_eq!(d.unwrapped(source, number), Some(position));
    }
    let Ok(Arrival::Ready(item)) = d.push_at(T0, source, None, 254) else { panic!() };
    let Ok(Arrival::Held(early)) = d.push_at(T0, source, None, 1) else { panic!() };
    assert_eq!((d.seq_of(item), d.seq_of(early)), (Some(254), d.unwrapped(source, 1)));
    assert_eq!(d.unwrapped(plain, 0), None, "it counts by itself");
    d.fence(T0, source);
    d.complete(T0, item, 1, Outcome::Ok);
    assert_eq!(d.unwrapped(source, 0), None, "it is drained");
}
