//! How items end, and how all of them do.

use super::*;

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

#[test]
fn what_is_detached_ends_by_the_attempt_that_runs_alone() {
    let (mut d, source) = open(&Options::new());
    let item = d.push(T0, source, None).unwrap();
    assert_eq!(runs(&mut d), [item]);
    d.close(T0, Some(Duration::ZERO));
    assert!(d.has_events());
    d.handle_timeout(at(250));
    assert_eq!(events(&mut d).len(), 3, "the signal, what is left, and the end");
    assert!(!d.has_events());
    assert_eq!(d.complete(at(250), item, 2, Outcome::Ok), Completion::Stale);
    assert_eq!(d.complete(at(250), item, 1, Outcome::Ok), Completion::Ignored);
    assert_eq!(d.complete(at(250), item, 1, Outcome::Ok), Completion::Stale);
}

#[test]
fn a_callback_that_fails_where_an_item_did_does_not_take_its_place() {
    let (mut d, source) = open(&Options::new().on_failure(OnFailure::Fail));
    let item = d.push(T0, source, None).unwrap();
    assert_eq!(runs(&mut d), [item]);
    assert_eq!(d.complete(T0, item, 1, Outcome::FAILED), Completion::Settled);
    for from in [1, 0] {
        assert_eq!(d.failed(source), Some(item));
        d.stop(T0, source, from);
    }
    assert_eq!(d.failed(source), Some(item));
}

#[test]
fn nothing_is_known_of_what_was_settled_when_all_was_stopped() {
    let (mut d, source) = open(&Options::new().concurrency(3).ordered(false));
    let items = push(&mut d, source, 3);
    assert_eq!(runs(&mut d), items);
    ok(&mut d, items[1]);
    ok(&mut d, items[0]);
    d.close(T0, Some(Duration::ZERO));
    assert!(d.sources[source.index()].settled.is_empty(), "their slots are free");
    assert!(!d.can_lend(source) && d.poll_release(source).is_none());
    d.complete(T0, items[2], 1, Outcome::Cancelled);
    assert!(d.is_drained());
}
