//! The dispatcher against a naive model under random commands, and against nonsense. What a fuzzer found worth keeping
//! is run here too.
//!
//! `INORDER_MODEL_STEPS` sets how many steps there are, `INORDER_MODEL_SEED` where they begin.

#[path = "model/config.rs"]
mod config;
#[path = "model/ends.rs"]
mod ends;
#[path = "model/face.rs"]
mod face;
#[path = "model/fuzzed.rs"]
mod fuzzed;
#[path = "model/fuzzed_numbers.rs"]
mod fuzzed_numbers;
#[path = "model/gaps.rs"]
mod gaps;
#[path = "model/leaving.rs"]
mod leaving;
#[path = "../src/sequencer/tests/model.rs"]
mod lists;
#[path = "model/lives.rs"]
mod lives;
#[path = "model/lots.rs"]
mod lots;
#[path = "model/naive.rs"]
mod naive;
#[path = "model/nonsense.rs"]
mod nonsense;
#[path = "model/numbers.rs"]
mod numbers;
#[path = "model/pair.rs"]
mod pair;
#[path = "model/progress.rs"]
mod progress;
#[path = "model/seen.rs"]
mod seen;
#[path = "model/steps.rs"]
mod steps;
#[path = "model/stopping.rs"]
mod stopping;
#[path = "model/torment.rs"]
mod torment;
#[path = "model/upset.rs"]
mod upset;
#[path = "model/waits.rs"]
mod waits;
#[path = "model/watch.rs"]
mod watch;

extern crate alloc;

use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use inorder::{
    Insert, OnGap, OnRestart, Seq, SequenceError, Sequencer, SequencerEvent, SequencerOptions, Time,
};

use config::Config;
use lots::Lots;
use pair::Pair;
use steps::{Mix, Step};

const STEPS: u64 = 1_000_000;

fn environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}"))
    })
}

/// The disagreement or the panic of a run. Every other one ends by an abort.
fn failure(seed: u64, config: Config, steps: &[Step]) -> Option<String> {
    match panic::catch_unwind(AssertUnwindSafe(|| Pair::run(config, steps, seed % 2 == 1))) {
        Ok(result) => result.err(),
        Err(payload) => {
            let text = payload.downcast_ref::<String>().map(String::as_str);
            Some(format!(
                "panicked: {}",
                text.or(payload.downcast_ref::<&str>().copied()).unwrap_or("without a text")
            ))
        }
    }
}

/// One run: at most so many steps.
fn run_of(seed: u64) -> (Config, Vec<Step>) {
    let mut lots = Lots::Drawn(seed);
    let config = steps::config(&mut lots);
    let mix = Mix::new(&mut lots);
    let mut steps = mix.first(&mut lots);
    let length = 20 + lots.below(300);
    steps.extend((0..length).map(|_| mix.step(&mut lots)));
    (config, steps)
}

#[test]
fn random_commands_agree_with_the_naive_model() {
    let budget = environment("INORDER_MODEL_STEPS", STEPS);
    let mut seed = environment("INORDER_MODEL_SEED", 1);
    let mut done = 0;
    while done < budget {
        let (config, steps) = run_of(seed);
        done += steps.len() as u64;
        if let Some(first) = failure(seed, config, &steps) {
            let hook = panic::take_hook();
            panic::set_hook(Box::new(|_| {}));
            let short = steps::shrink(steps, |steps| failure(seed, config, steps).is_some());
            panic::set_hook(hook);
            let why = failure(seed, config, &short).unwrap_or_default();
            let list: Vec<String> = short.iter().map(|step| format!("  {step:?}")).collect();
            panic!("seed {seed}: {first}\nshrunk: {why}\n{config:?}\n{}", list.join("\n"));
        }
        seed += 1;
    }
}

#[test]
fn a_run_is_shrunk_to_what_matters() {
    let (_, steps) = run_of(1);
    let wanted = steps[steps.len() / 2].act;
    let short = steps::shrink(steps, |steps| steps.iter().any(|step| step.act == wanted));
    assert_eq!(short.iter().map(|step| step.act).collect::<Vec<_>>(), [wanted]);
}

#[test]
fn what_a_fuzzer_found_worth_keeping_still_holds() {
    replay("dispatcher", fuzzed::run);
    replay("sequencer", fuzzed_numbers::run);
}

fn replay(target: &str, run: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files = 0;
    for entry in std::fs::read_dir(&corpus).expect("there is a corpus") {
        let path = entry.expect("it can be read").path();
        run(&std::fs::read(&path).expect("it can be read"));
        files += 1;
    }
    assert!(files > 0, "{} is empty", corpus.display());
}
