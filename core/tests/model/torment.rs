//! Anything said to a dispatcher, in any order: whatever it is, it neither panics nor hangs.

use std::time::Duration;

use inorder::{
    Arrival, Dispatcher, Handle, Lane, MAX_ITEMS, Outcome, Resume, RunKind, Source, SourceOptions,
    Time,
};

use crate::lots::{Lots, any};
use crate::steps::{config, numbering};

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
pub(crate) fn dispatcher(lots: &mut Lots, steps: u32) {
    let mut d = Dispatcher::new(&config(lots).options()).expect("these are allowed");
    let (mut handles, mut sources) = (vec![Handle::from_bits(0)], vec![Source::from_bits(0)]);
    for _ in 0..steps {
        if lots.is_over() {
            break;
        }
        let now = Time::from_micros(any(lots));
        let handle = match lots.below(4) {
            0 => Handle::from_bits(any(lots)),
            _ => handles[lots.below(handles.len() as u64) as usize],
        };
        let source = match lots.below(8) {
            0 => Source::from_bits(any(lots)),
            _ => sources[lots.below(sources.len() as u64) as usize],
        };
        let lane = if lots.one_in(2) { Lane::new(lots.below(3) as u32) } else { None };
        let attempt = match lots.below(4) {
            0 => any(lots) as u32,
            1 => (1 << 31) + 1,
            _ => 1 + lots.below(2) as u32,
        };
        match lots.below(30) {
            0 => {
                let options =
                    SourceOptions::new().keyed(lots.one_in(2)).acknowledged(lots.one_in(2));
                let start = lots.one_in(4).then(|| any(lots));
                let mut numbering = numbering(lots);
                numbering.start = start.or(numbering.start);
                sources.extend(d.open_source(if lots.one_in(2) {
                    options.sequenced_with(numbering.options())
                } else {
                    options
                }));
            }
            1..=4 => handles.extend(d.push(now, source, lane)),
            5..=6 => {
                if let Ok(Arrival::Ready(handle) | Arrival::Held(handle)) =
                    d.push_at(now, source, lane, any(lots))
                {
                    handles.push(handle);
                }
            }
            7..=9 => {
                let _ = d.complete(now, handle, attempt, outcome(lots));
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
            15 if lots.one_in(16) => d.close(now, span(lots)),
            16 => d.handle_timeout(now),
            17 => {
                handles.extend(d.poll_release(source).map(|release| release.handle));
                let _ = d.poll_event();
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
                let capacity = if lots.one_in(50) { any(lots) } else { lots.below(12) };
                let capacity = capacity as usize;
                let before = d.stats(now);
                let after = d.set_limits(now, concurrency, capacity).map(|()| d.stats(now));
                let is_right = concurrency > 0 && (concurrency..=MAX_ITEMS).contains(&capacity);
                // numbers that wrap allow no more
                assert!(after.is_ok() == is_right || after.is_err() && capacity > 64);
                let is_right = after.is_ok();
                assert!(is_right || d.stats(now).capacity == before.capacity);
            }
            22 if lots.one_in(4) => d.revoke(now, source, span(lots)),
            23 if lots.one_in(8) => d.fence(now, source),
            24 if lots.one_in(8) => d.stop(now, source, any(lots)),
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
            d.gap_error(source),
            d.why_blocked(now, source),
        );
        let _ = (d.seq_of(handle), d.lane_of(handle), d.poll_timeout());
        let stats = d.stats(now);
        let pending =
            stats.queued + stats.running + stats.backing_off + stats.handing_over + stats.halted;
        assert_eq!(stats.in_flight, pending + stats.held);
    }
}
