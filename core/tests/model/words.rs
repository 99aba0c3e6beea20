//! How limits and commands are said in the grammar of the vectors.

use std::time::Duration;

use inorder::{OnFailure, Outcome, Resume};

use crate::config::Config;
use crate::vectors::names::HAND_OVERS;

/// The first step.
pub(crate) fn begun(config: &Config) -> String {
    let (concurrency, capacity) = (config.concurrency, config.capacity);
    let mut step = format!("dispatcher concurrency={concurrency} capacity={capacity}");
    if !config.ordered {
        step += " ordered=false";
    }
    step += &format!(" on_failure={}", policy(config.policy));
    if config.policy_without_lane != OnFailure::Fail {
        step += &format!(" on_failure_or={}", policy(config.policy_without_lane));
    }
    if let Some(retry) = config.retry {
        let (attempts, initial, maximum) = (retry.attempts, retry.initial, retry.maximum);
        let multiplier = retry.multiplier as f64 / 2.0;
        step += &format!(" retry={attempts} initial={initial} maximum={maximum}");
        step += &format!(" multiplier={multiplier} jitter={}", retry.seed.is_some());
        step += &retry.seed.map_or_else(String::new, |seed| format!(" seed={seed}"));
    }
    step + &span("timeout", config.timeout) + &span("total_timeout", config.total_timeout)
}

/// How an attempt ended; the first one needs no number.
pub(crate) fn ended(attempt: u32, outcome: Outcome) -> String {
    let mut words = match outcome {
        Outcome::Ok => String::from("ok"),
        Outcome::Failed { retry, after } => {
            String::from(if retry { "retry" } else { "failed" }) + &span("after", after)
        }
        Outcome::Cancelled => String::from("cancelled"),
        other => panic!("unknown {other:?}"),
    };
    if let Some(nth) = attempt.checked_sub(HAND_OVERS) {
        words += &format!(" hand_over={nth}");
    } else if attempt != 1 {
        words += &format!(" attempt={attempt}");
    }
    words
}

pub(crate) fn resumed(how: Resume) -> &'static str {
    match how {
        Resume::Retry => "retry",
        Resume::Skip => "skip",
        Resume::DeadLetter => "dead_letter",
    }
}

pub(crate) fn span(name: &str, span: Option<Duration>) -> String {
    span.map_or_else(String::new, |span| format!(" {name}={}", span.as_micros()))
}

fn policy(policy: OnFailure) -> &'static str {
    match policy {
        OnFailure::Fail => "fail",
        OnFailure::Emit => "emit",
        OnFailure::Skip => "skip",
        OnFailure::DeadLetter => "dead_letter",
        OnFailure::HaltKey => "halt_key",
        other => panic!("unknown {other:?}"),
    }
}
