//! Retries, hand-overs and halted lanes: what vectors cannot show.

use super::*;
use crate::outcome::{HAND_OVERS, RunKind};
use crate::rounds::unless_interpreted;

fn failing(policy: OnFailure) -> Options {
    Options::new().concurrency(2).capacity(64).on_failure(policy)
}

fn twice() -> Retry {
    Retry::new(2).initial(Duration::from_millis(1)).jitter(false)
}

#[test]
fn no_alarm_is_kept_of_what_was_cancelled() {
    let (mut d, source) = open(&failing(OnFailure::Emit).retry(twice()));
    for round in 0..100 {
        let item = d.push(at(round), source, None).unwrap();
        assert_eq!(runs(&mut d), [item]);
        assert_eq!(d.complete(at(round), item, 1, Outcome::RETRY), Completion::Retrying);
        assert!(d.cancel(at(round), item));
        assert_eq!(events(&mut d).len(), 1);
        assert_eq!((d.alarms.len(), d.retries.len(), d.aside), (0, 0, 0));
    }
    assert_eq!(d.poll_timeout(), None);
    assert!(d.troubles.of(0, Handle::from_bits(7)).alarm.is_none());
}

#[test]
fn what_is_known_of_a_failure_does_not_pass_on_to_the_next_in_its_slot() {
    let (mut d, source) = open(&failing(OnFailure::HaltKey).retry(twice()));
    let first = d.push(T0, source, lane(0)).unwrap();
    assert_eq!(runs(&mut d), [first]);
    assert_eq!(d.complete(T0, first, 1, Outcome::FAILED), Completion::Settled);
    assert!(d.resume_lane(T0, Lane::new(0).unwrap(), Resume::DeadLetter));
    let run = d.poll_dispatch().unwrap();
    assert_eq!((run.kind(), run.attempt), (RunKind::HandOver, HAND_OVERS + 1));
    assert_eq!(d.complete(T0, first, run.attempt, Outcome::Ok), Completion::Settled);
    let second = d.push(T0, source, lane(0)).unwrap();
    assert_eq!(second.slot(), first.slot());
    assert_eq!(d.poll_dispatch(), Some(Run { handle: second, attempt: 1 }));
    assert!(d.cancel(T0, second));
    let told = events(&mut d);
    let signal = Event::Signal { handle: second, attempt: 1, why: Why::Cancelled };
    assert_eq!(told.last(), Some(&signal), "not the number of the other's hand-over");
}

#[test]
fn many_in_a_row_are_handed_over_in_one_drain() {
    // deep enough for the stack to end, were each handed over from the one before
    const MANY: usize = unless_interpreted(100_000, 200);
    for concurrency in [1, 2] {
        let options = Options::new().concurrency(concurrency).capacity(MANY);
        let (mut d, source) = open(&options.on_failure(OnFailure::DeadLetter));
        d.pause(T0);
        for item in push(&mut d, source, MANY) {
            assert!(d.reject(T0, item));
        }
        assert_eq!(runs(&mut d), []);
        d.unpause(T0);
        let mut handed_over = 0;
        while let Some(run) = d.poll_dispatch() {
            assert_eq!(run.kind(), RunKind::HandOver);
            handed_over += 1;
            if concurrency == 1 {
                assert_eq!(d.poll_dispatch(), None, "one at a time");
                let _ = d.complete(T0, run.handle, run.attempt, Outcome::Ok);
            }
        }
        assert_eq!(handed_over, MANY);
    }
}

#[test]
fn the_number_of_a_hand_over_stays_at_the_last_there_is() {
    let (mut d, source) = open(&failing(OnFailure::DeadLetter));
    let item = push(&mut d, source, 1)[0];
    assert_eq!(runs(&mut d), [item]);
    assert_eq!(d.complete(T0, item, 1, Outcome::FAILED), Completion::Settled);
    d.troubles.of(0, item).hand_overs = u32::MAX - HAND_OVERS - 1;
    let mut now = T0;
    for _ in 0..3 {
        let run = d.poll_dispatch().unwrap();
        assert_eq!((run.kind(), run.attempt), (RunKind::HandOver, u32::MAX));
        assert_eq!(d.complete(now, item, u32::MAX, Outcome::FAILED), Completion::Retrying);
        now = now.after(Duration::from_secs(30));
        assert_eq!(d.poll_timeout(), Some(now));
        d.handle_timeout(now);
    }
}

#[test]
fn the_number_of_an_attempt_never_reaches_those_of_hand_overs() {
    let (mut d, source) = open(&failing(OnFailure::HaltKey).retry(twice()));
    let item = d.push(T0, source, lane(0)).unwrap();
    assert_eq!(runs(&mut d), [item]);
    d.items[0].attempt = HAND_OVERS - 1;
    for _ in 0..3 {
        let completion = d.complete(T0, item, HAND_OVERS - 1, Outcome::FAILED);
        assert_eq!(completion, Completion::Settled);
        assert!(d.resume_lane(T0, Lane::new(0).unwrap(), Resume::Retry));
        let run = d.poll_dispatch().unwrap();
        assert_eq!((run.kind(), run.attempt), (RunKind::Handler, HAND_OVERS - 1));
    }
}

#[test]
fn what_is_due_at_the_end_of_time_is_due_then() {
    let last = Time::from_micros(u64::MAX);
    let (mut d, source) =
        open(&failing(OnFailure::Emit).retry(twice()).timeout(Duration::MAX).total_timeout(
            // longer than what can be counted too
            Duration::from_secs(u64::MAX),
        ));
    let items = push(&mut d, source, 2);
    assert_eq!(runs(&mut d), items);
    d.revoke(at(1), source, Some(Duration::MAX));
    assert_eq!(d.poll_timeout(), Some(last));
    let after = Some(Duration::MAX);
    assert_eq!(
        d.complete(at(2), items[0], 1, Outcome::Failed { retry: true, after }),
        Completion::Settled,
        "the item's time is over then"
    );
    d.handle_timeout(last);
    let passed = Event::Passed { handle: items[0], why: Why::Fenced };
    let signal = Event::Signal { handle: items[1], attempt: 1, why: Why::Fenced };
    assert_eq!(events(&mut d), [passed, signal]);
    assert_eq!(d.poll_timeout(), None);
}

#[test]
fn what_is_due_some_day_is_no_deadlock() {
    let (mut d, source) = open(&failing(OnFailure::DeadLetter).retry(twice()));
    let items = push(&mut d, source, 2);
    assert_eq!(runs(&mut d), items);
    assert!(d.is_deadlocked(&items));
    d.pause(T0);
    assert!(d.is_deadlocked(&items), "a pause gives nothing back");
    d.unpause(T0);
    assert_eq!(d.complete(T0, items[1], 1, Outcome::RETRY), Completion::Retrying);
    assert!(!d.is_deadlocked(&items[..1]), "a retry follows");
    d.handle_timeout(at(1));
    assert!(!d.is_deadlocked(&items[..1]), "it is due");
    assert_eq!(d.poll_dispatch(), Some(Run { handle: items[1], attempt: 2 }));
    assert_eq!(d.complete(at(1), items[1], 2, Outcome::FAILED), Completion::Settled);
    assert!(!d.is_deadlocked(&items[..1]), "it is handed over");
    let Some(Run { attempt, .. }) = d.poll_dispatch() else { panic!() };
    assert!(!d.is_deadlocked(&items[..1]), "its receiver runs");
    assert!(d.is_deadlocked(&items), "and waits, too");
    assert_eq!(d.complete(at(1), items[1], attempt, Outcome::FAILED), Completion::Retrying);
    assert!(!d.is_deadlocked(&items), "it is handed over again");
}

#[test]
fn what_somebody_is_to_let_go_on_is_no_deadlock() {
    let (mut d, source) = open(&failing(OnFailure::HaltKey));
    let items = [0, 1].map(|key| d.push(T0, source, Lane::new(key)).unwrap());
    assert_eq!(runs(&mut d), items);
    assert_eq!(d.complete(T0, items[0], 1, Outcome::FAILED), Completion::Settled);
    assert!(!d.is_deadlocked(&items[1..]), "a lane is halted");
    let (mut d, source) = open(&failing(OnFailure::Emit).ordered(false));
    let items = push(&mut d, source, 1);
    assert_eq!(runs(&mut d), items);
    d.pause(T0);
    let _ = push(&mut d, source, 1);
    assert!(!d.is_deadlocked(&items), "while it is paused one is queued that could start");
    d.unpause(T0);
    assert_eq!(runs(&mut d).len(), 1);
}

#[test]
fn a_lane_is_resumed_only_while_it_is_halted() {
    let (mut d, source) = open(&failing(OnFailure::HaltKey));
    let key = Lane::new(3).unwrap();
    let hows = [Resume::Retry, Resume::Skip, Resume::DeadLetter];
    let refused = |d: &mut Dispatcher| hows.iter().all(|how| !d.resume_lane(T0, key, *how));
    assert!(refused(&mut d), "a lane that never was");
    let item = d.push(T0, source, Some(key)).unwrap();
    assert!(refused(&mut d), "queued");
    assert_eq!(runs(&mut d), [item]);
    assert!(refused(&mut d), "running");
    assert_eq!(d.complete(T0, item, 1, Outcome::FAILED), Completion::Settled);
    assert_eq!(d.halted_lanes().collect::<Vec<_>>(), [key]);
    assert!(d.resume_lane(T0, key, Resume::Retry));
    assert!(refused(&mut d), "about to be tried again");
    assert_eq!(d.poll_dispatch().map(|run| run.attempt), Some(2));
    assert_eq!(d.complete(T0, item, 2, Outcome::Ok), Completion::Settled);
    assert!(refused(&mut d), "idle");
    let stats = d.stats(T0);
    assert_eq!((stats.ok, stats.skipped, stats.dead_lettered, stats.halted), (1, 0, 0, 0));
}

#[test]
fn nothing_is_aside_when_all_that_was_is_done() {
    let (mut d, source) = open(&failing(OnFailure::DeadLetter).retry(twice()));
    let item = d.push(T0, source, None).unwrap();
    assert_eq!(runs(&mut d), [item]);
    assert_eq!(d.complete(T0, item, 1, Outcome::RETRY), Completion::Retrying);
    assert_eq!(d.aside, 1);
    d.handle_timeout(at(1));
    assert_eq!((runs(&mut d), d.aside), (Vec::from([item]), 0));
    assert_eq!(d.complete(at(1), item, 2, Outcome::FAILED), Completion::Settled);
    let run = d.poll_dispatch().unwrap();
    assert_eq!((run.kind(), d.aside), (RunKind::HandOver, 1));
    assert_eq!(d.complete(at(1), item, run.attempt, Outcome::Ok), Completion::Settled);
    assert_eq!((d.aside, d.len()), (0, 0));
}

#[test]
fn a_hand_over_that_ends_after_its_signal_is_ignored_and_counted() {
    let (mut d, source) = open(&failing(OnFailure::DeadLetter));
    let item = d.push(T0, source, None).unwrap();
    assert_eq!(runs(&mut d), [item]);
    assert_eq!(d.complete(T0, item, 1, Outcome::FAILED), Completion::Settled);
    let run = d.poll_dispatch().unwrap();
    d.close(T0, Some(Duration::ZERO));
    assert_eq!(d.complete(T0, item, run.attempt, Outcome::Ok), Completion::Ignored);
    assert_eq!((d.stats(T0).ignored, d.is_drained()), (1, true));
}
