//! The rules, one by one, through the four kinds of method.

mod ending;
mod ownership;
mod retries;
mod starting;
mod waiting;

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
