//! How what is asked for is shown.

use inorder::{Blocked, Stats, Stop, StopKind};

use super::words::Words;

/// The error that a processor was stopped by.
pub(crate) fn because(stop: Option<&Stop<String>>) -> String {
    let Some(stop) = stop else { return String::new() };
    let error = match &stop.kind {
        StopKind::Error(error) => error.as_str(),
        StopKind::AttemptTimeout => "attempt_timeout",
        StopKind::DeadlineExceeded => "deadline_exceeded",
        StopKind::GapTimeout(_) => "gap_timeout",
        StopKind::Panicked | _ => panic!("no error: {stop}"),
    };
    format!(" error={error}")
}

pub(crate) fn show_stats(stats: &Stats, words: &Words<'_>) -> String {
    let all = [
        ("accepted", stats.accepted),
        ("started", stats.started),
        ("ok", stats.ok),
        ("failed", stats.failed),
        ("cancelled", stats.cancelled),
        ("released", stats.released),
        ("ignored", stats.ignored),
        ("refused", stats.refused),
        ("late", stats.late),
        ("duplicate", stats.duplicate),
        ("stale", stats.stale),
        ("queued", stats.queued),
        ("running", stats.running),
        ("held", stats.held),
        ("in_flight", stats.in_flight),
        ("concurrency", stats.concurrency),
        ("capacity", stats.capacity),
        ("oldest_age", stats.oldest_age.as_micros() as u64),
    ];
    // shown only where they are asked for
    let others = [
        ("restored", stats.restored),
        ("retried", stats.retried),
        ("timed_out", stats.timed_out),
        ("skipped", stats.skipped),
        ("dead_lettered", stats.dead_lettered),
        ("backing_off", stats.backing_off),
        ("handing_over", stats.handing_over),
        ("halted", stats.halted),
        ("lost", stats.lost),
    ];
    let shown = |name: &str| {
        let (_, value) =
            all.iter().chain(&others).find(|(other, _)| *other == name).expect("a field");
        format!(" {name}={value}")
    };
    let fields: String = if words.plain.is_empty() {
        all.iter().map(|(name, _)| shown(name)).collect()
    } else {
        words.plain.iter().map(|name| shown(name)).collect()
    };
    format!("stats{fields}")
}

pub(crate) fn show_blocked(blocked: Option<&Blocked>) -> String {
    let Some(blocked) = blocked else { return "why_blocked none".to_owned() };
    let deadline = blocked.next_deadline.map(|left| format!(" next_deadline={}", left.as_micros()));
    format!(
        "why_blocked seq={} attempt={} age={} waiting={} state={}{}",
        blocked.seq,
        blocked.attempt,
        blocked.age.as_micros(),
        blocked.waiting,
        blocked.state.name(),
        deadline.unwrap_or_default()
    )
}
