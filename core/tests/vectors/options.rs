//! The options of a dispatcher, as its first step names them.

use std::time::Duration;

use inorder::{OnFailure, Options, Retry};

use super::{Words, number};

pub(super) fn options(words: &Words<'_>) -> Options {
    let limits = ["concurrency", "capacity", "ordered", "on_failure", "on_failure_or"];
    let times = ["timeout", "total_timeout"];
    let retries = ["retry", "initial", "maximum", "multiplier", "jitter", "seed"];
    words.allow(0, &[&limits[..], &times, &retries].concat());
    let mut options = Options::new();
    let mut retry = None;
    for (name, value) in &words.named {
        options = match *name {
            "concurrency" => options.concurrency(number(value) as usize),
            "capacity" => options.capacity(number(value) as usize),
            "ordered" => options.ordered(truth(value)),
            "on_failure" => options.on_failure(policy(value)),
            "on_failure_or" => options.on_failure_or(policy(value)),
            "timeout" => options.timeout(micros(value)),
            "total_timeout" => options.total_timeout(micros(value)),
            "retry" => {
                retry = Some(Retry::new(number(value) as u32));
                options
            }
            _ => {
                retry = Some(with(retry.expect("`retry=` comes before"), name, value));
                options
            }
        };
    }
    match retry {
        Some(retry) => options.retry(retry),
        None => options,
    }
}

fn with(retry: Retry, name: &str, value: &str) -> Retry {
    match name {
        "initial" => retry.initial(micros(value)),
        "maximum" => retry.maximum(micros(value)),
        "multiplier" => retry.multiplier(value.parse().expect("a multiplier is a number")),
        "jitter" => retry.jitter(truth(value)),
        "seed" => retry.seed(number(value)),
        other => panic!("unknown option {other}"),
    }
}

fn policy(word: &str) -> OnFailure {
    match word {
        "fail" => OnFailure::Fail,
        "emit" => OnFailure::Emit,
        "skip" => OnFailure::Skip,
        "dead_letter" => OnFailure::DeadLetter,
        "halt_key" => OnFailure::HaltKey,
        other => panic!("no policy: {other}"),
    }
}

fn truth(word: &str) -> bool {
    word.parse().unwrap_or_else(|_| panic!("{word} is neither true nor false"))
}

fn micros(word: &str) -> Duration {
    Duration::from_micros(number(word))
}
