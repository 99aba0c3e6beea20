//! What waits for what, and what waits for ever.

use super::*;
use crate::ids::MAX_ITEMS;
use crate::sequencer::{OnGap, SequencerOptions};

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
    // nothing starts beside what is handed over either
    let options = Options::new().ordered(false).on_failure(OnFailure::DeadLetter);
    for (concurrency, is_held_up) in [(1, true), (2, false)] {
        let (mut d, source) = open(&options.clone().concurrency(concurrency));
        let items = push(&mut d, source, 3);
        assert_eq!(runs(&mut d), items[..concurrency]);
        d.complete(T0, items[0], 1, Outcome::FAILED);
        assert!(runs(&mut d).contains(&items[0]), "it is handed over");
        assert_eq!(d.is_held_up_by(items[2], items[0]), is_held_up);
    }
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
fn whoever_was_told_to_end_makes_room() {
    let (mut d, source) = open(&Options::new().concurrency(2).capacity(2));
    let items = push(&mut d, source, 2);
    assert_eq!(runs(&mut d), items);
    assert!(d.cancel(T0, items[0]));
    assert!(!d.is_deadlocked(&items), "it waits no more");
    assert_eq!(d.complete(T0, items[0], 1, Outcome::Cancelled), Completion::Ignored);
    assert!(d.is_deadlocked(&items[1..]));
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
fn a_pause_keeps_from_starting_only_what_could_start() {
    for (concurrency, queued) in [(2, 1), (4, 0)] {
        let (mut d, source) = open(&Options::new().concurrency(concurrency).capacity(4));
        let items = push(&mut d, source, concurrency.min(3) + queued);
        let running = runs(&mut d);
        assert_eq!(running.len() + queued, items.len());
        d.pause(T0);
        assert!(d.is_deadlocked(&running), "concurrency {concurrency}");
    }
    let (mut d, source) = open(&Options::new().concurrency(2));
    let running = push(&mut d, source, 1);
    assert_eq!(runs(&mut d), running);
    d.pause(T0);
    let _ = push(&mut d, source, 1);
    assert!(!d.is_deadlocked(&running), "the other starts when it is over");
}

#[test]
fn a_source_that_nothing_came_to_makes_no_room() {
    let (mut d, source) = open(&Options::new().capacity(1));
    let _ = d.open_source(SourceOptions::new().sequenced(0)).unwrap();
    let items = push(&mut d, source, 1);
    assert_eq!(runs(&mut d), items);
    assert!(d.is_deadlocked(&items));
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
#[cfg_attr(miri, ignore = "2^20 items take hours")]
fn what_was_given_up_leaves_its_slot_to_those_who_wait() {
    let mut d = Dispatcher::new(&Options::new().capacity(MAX_ITEMS)).unwrap();
    let numbers = SequencerOptions::new().gap(OnGap::Skip).gap_timeout(Duration::from_millis(1));
    let source = d.open_source(SourceOptions::new().sequenced_with(numbers)).unwrap();
    let others = d.open_source(SourceOptions::new().keyed(true)).unwrap();
    let Ok(Arrival::Held(_)) = d.push_at(T0, source, None, 1) else { panic!() };
    d.handle_timeout(at(1));
    let _ = push(&mut d, others, MAX_ITEMS - 2);
    assert_eq!(d.push(T0, others, None), Err(PushError::Full), "0, given up, has a slot, too");
    assert_eq!((events(&mut d), d.wants(others)), (Vec::new(), 0));
    let lost = d.poll_release(source).unwrap();
    assert_eq!(lost.what, What::Lost { first: 0, last: 0 });
    assert!(d.released(T0, lost.handle));
    assert_eq!(events(&mut d), [Event::Room { source: others }]);
    assert_eq!(d.wants(others), 1);
    let _ = push(&mut d, others, 1);
}
