//! The dispatcher against the naive model, and against anything: bytes say what happens.

#![no_main]

#[path = "../../tests/model/config.rs"]
mod config;
#[path = "../../tests/model/ends.rs"]
mod ends;
#[path = "../../tests/model/face.rs"]
mod face;
#[path = "../../tests/model/fuzzed.rs"]
mod fuzzed;
#[path = "../../tests/model/gaps.rs"]
mod gaps;
#[path = "../../tests/model/leaving.rs"]
mod leaving;
#[path = "../../tests/model/lives.rs"]
mod lives;
#[path = "../../tests/model/lots.rs"]
mod lots;
#[path = "../../tests/model/naive.rs"]
mod naive;
#[path = "../../tests/model/numbers.rs"]
mod numbers;
#[path = "../../tests/model/pair.rs"]
mod pair;
#[path = "../../tests/model/progress.rs"]
mod progress;
#[path = "../../tests/model/record.rs"]
mod record;
#[path = "../../tests/model/recorded.rs"]
mod recorded;
#[path = "../../tests/model/seen.rs"]
mod seen;
#[path = "../../tests/model/shrink.rs"]
mod shrink;
#[path = "../../tests/model/steps.rs"]
mod steps;
#[path = "../../tests/model/stopping.rs"]
mod stopping;
#[path = "../../tests/model/torment.rs"]
mod torment;
#[path = "../../tests/model/trace.rs"]
mod trace;
#[path = "../../tests/vectors/mod.rs"]
mod vectors;
#[path = "../../tests/model/waits.rs"]
mod waits;
#[path = "../../tests/model/watch.rs"]
mod watch;
#[path = "../../tests/model/words.rs"]
mod words;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::run(data));
