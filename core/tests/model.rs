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
#[path = "model/record.rs"]
mod record;
#[path = "model/recorded.rs"]
mod recorded;
#[path = "model/seen.rs"]
mod seen;
#[path = "model/shrink.rs"]
mod shrink;
#[path = "model/steps.rs"]
mod steps;
#[path = "model/stopping.rs"]
mod stopping;
#[path = "model/torment.rs"]
mod torment;
#[path = "model/trace.rs"]
mod trace;
#[path = "model/upset.rs"]
mod upset;
#[path = "vectors/mod.rs"]
mod vectors;
#[path = "model/waits.rs"]
mod waits;
#[path = "model/watch.rs"]
mod watch;
#[path = "model/words.rs"]
mod words;
#[path = "model/written.rs"]
mod written;

extern crate alloc;

use std::fs;
use std::panic;
use std::path::{Path, PathBuf};

use inorder::{
    Insert, OnGap, OnRestart, Seq, SequenceError, Sequencer, SequencerEvent, SequencerOptions, Time,
};

use lots::Lots;
use pair::Pair;
use steps::{Case, End, Mix, Step};
use trace::{Trial, Wrong};

const STEPS: u64 = 1_000_000;

/// A trace of more lines is not printed.
const MOST_SHOWN: usize = 80;

fn environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}"))
    })
}

/// One run: at most so many steps. Every other one ends by an abort.
fn run_of(seed: u64) -> Case {
    let mut lots = Lots::Drawn(seed);
    let config = steps::config(&mut lots);
    let mix = Mix::new(&mut lots);
    let mut steps = mix.first(&mut lots);
    let length = 20 + lots.below(300);
    steps.extend((0..length).map(|_| mix.step(&mut lots)));
    Case { config, steps, end: if seed % 2 == 1 { End::Abort } else { End::Drain } }
}

/// All that there is to say of a run that fails, and the file that has it as a vector.
fn report(name: &str, first: &Wrong, trial: &impl Trial, case: Case) -> (String, PathBuf) {
    let short = trace::shortest(trial, case);
    let why = trace::failure(trial, &short, None).map_or_else(String::new, |why| why.to_string());
    let text = trace::of(trial, &short, &format!("A run of the model, made short: {name}"));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.txt"));
    fs::write(&path, &text).expect("it can be written");
    let list: Vec<String> = short.steps.iter().map(|step| format!("  {step:?}")).collect();
    let (config, list, shown) = (short.config, list.join("\n"), path.display());
    let text = if text.lines().count() > MOST_SHOWN { "" } else { &text };
    let head = format!("{name}: {first}\nshrunk: {why}\n{config:?}\n{list}");
    (format!("{head}\n\nas a vector, {shown}:\n{text}"), path)
}

#[test]
fn random_commands_agree_with_the_naive_model() {
    let budget = environment("INORDER_MODEL_STEPS", STEPS);
    let mut seed = environment("INORDER_MODEL_SEED", 1);
    let mut done = 0;
    while done < budget {
        let case = run_of(seed);
        done += case.steps.len() as u64;
        if let Some(first) = trace::failure(&Pair::tried, &case, None) {
            let hook = panic::take_hook();
            panic::set_hook(Box::new(|_| {}));
            let (said, _) = report(&format!("model-{seed}"), &first, &Pair::tried, case);
            panic::set_hook(hook);
            panic!("seed {seed}, {said}");
        }
        seed += 1;
    }
}

#[test]
fn a_run_is_shrunk_to_what_matters() {
    let case = run_of(1);
    let wanted = case.steps[case.steps.len() / 2].act;
    let is_in = |case: &Case| case.steps.iter().any(|step| step.act == wanted);
    let short = shrink::shrink(case, |case| case.config.capacity > 1 && is_in(case));
    assert_eq!(short.steps, [Step { after: 0, act: wanted }]);
    assert_eq!((short.config.concurrency, short.config.capacity), (1, 2));
}

#[test]
fn what_a_fuzzer_found_worth_keeping_still_holds() {
    replay("dispatcher", fuzzed::run);
    replay("sequencer", fuzzed_numbers::run);
}

fn replay(target: &str, run: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files = 0;
    for entry in fs::read_dir(&corpus).expect("there is a corpus") {
        let path = entry.expect("it can be read").path();
        run(&fs::read(&path).expect("it can be read"));
        files += 1;
    }
    assert!(files > 0, "{} is empty", corpus.display());
}
