//! Nothing that is passed in makes the dispatcher, the sequencer or the buffer panic, or hang.

use inorder::{
    Arrival, Dispatcher, Event, MAX_ITEMS, OnFailure, OnGap, Options, Outcome, PushError,
    SequencerOptions, SourceOptions, Time,
};

use crate::lots::Lots;
use crate::{torment, upset};

#[test]
fn nothing_that_is_passed_in_panics() {
    for seed in 0..400 {
        torment::dispatcher(&mut Lots::Drawn(seed), 200);
    }
}

#[test]
fn no_number_upsets_a_sequencer_or_a_buffer() {
    for seed in 0..200 {
        upset::buffer(&mut Lots::Drawn(seed));
    }
}

#[test]
fn no_number_and_no_time_upsets_a_sequencer_with_policies() {
    for seed in 0..600 {
        upset::sequencer(&mut Lots::Drawn(seed));
    }
}

#[test]
fn no_number_and_no_time_upsets_a_resequencer() {
    for seed in 0..300 {
        upset::resequencer(&mut Lots::Drawn(seed));
    }
}

#[test]
fn all_sources_together_hold_so_many_items_and_no_more() {
    const MOST: usize = MAX_ITEMS;
    let now = Time::from_micros(0);
    let options = Options::new().concurrency(1).capacity(MOST).on_failure(OnFailure::Emit);
    let mut d = Dispatcher::new(&options).expect("these are allowed");
    let [a, b] = [0, 1].map(|_| d.open_source(SourceOptions::new()).expect("it is open"));
    let keyed = d.open_source(SourceOptions::new().keyed(true)).expect("it is open");
    let numbers = SequencerOptions::new().gap(OnGap::Skip);
    let numbered = d.open_source(SourceOptions::new().sequenced_with(numbers)).expect("it is open");
    assert!(matches!(d.push_at(now, numbered, None, 1), Ok(Arrival::Held(_))));
    let first = d.push(now, a, None).expect("there is room");
    for _ in 2..MOST {
        d.push(now, b, None).expect("there is room");
    }
    assert_eq!((d.wants(a), d.is_full(a), d.is_full(b)), (0, true, true));
    assert_eq!(d.wants(keyed), 0);
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
    assert_eq!(d.push_at(now, numbered, None, 2), Err(PushError::Full));
    assert_eq!(d.push_at(now, numbered, None, 1 << 40), Ok(Arrival::TooFar));
    assert_eq!(d.stats(now).lost, 0, "nothing is given up for what there is no room for");
}
