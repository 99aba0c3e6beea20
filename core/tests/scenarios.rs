//! Runs the files of `tests/scenarios` and `tests/failures` through the public face: each must come out byte by byte.
//!
//! The grammar is in `tests/SPEC.md`. `SCENARIO=name cargo test --test scenarios` runs one file.
#![cfg(feature = "futures")]

#[path = "scenarios/buffer.rs"]
mod buffer;
#[path = "scenarios/building.rs"]
mod building;
#[path = "vectors/checkpoints.rs"]
mod checkpoints;
#[path = "scenarios/handler.rs"]
mod handler;
#[path = "scenarios/log.rs"]
mod log;
#[path = "scenarios/processor.rs"]
mod processor;
#[path = "scenarios/resequence.rs"]
mod resequence;
#[path = "scenarios/seen.rs"]
mod seen;
#[path = "scenarios/stream.rs"]
mod stream;
#[path = "scenarios/taken.rs"]
mod taken;
#[path = "scenarios/words.rs"]
mod words;
#[path = "scenarios/world.rs"]
mod world;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use inorder::{FailureKind, OnFailure, Options, OptionsError, Retry};

use words::Words;
use world::World;

/// What a scenario is about.
trait Subject {
    /// Does one act of a step.
    fn act(&mut self, command: &str, words: &Words<'_>);
}

/// The options that all faces have in common.
fn options(header: &Words<'_>) -> Result<Options, OptionsError> {
    let mut options = Options::new();
    if let Some(concurrency) = header.number("concurrency") {
        options = options.concurrency(concurrency as usize);
    }
    if let Some(capacity) = header.number("capacity") {
        options = options.capacity(capacity as usize);
    }
    if let Some(ordered) = header.get("ordered") {
        options = options.ordered(ordered == "true");
    }
    if let Some(timeout) = header.number("timeout") {
        options = options.timeout(Duration::from_micros(timeout));
    }
    if let Some(timeout) = header.number("total_timeout") {
        options = options.total_timeout(Duration::from_micros(timeout));
    }
    match header.get("on_failure") {
        None => {}
        Some("fail") => options = options.on_failure(OnFailure::Fail),
        Some("emit") => options = options.on_failure(OnFailure::Emit),
        Some("skip") => options = options.on_failure(OnFailure::Skip),
        Some("dead_letter") => options = options.on_failure(OnFailure::DeadLetter),
        Some("halt_key") => options = options.on_failure(OnFailure::HaltKey),
        Some(policy) => panic!("no policy {policy}"),
    }
    options.check()?;
    Ok(options)
}

/// How an item is tried again, where it is.
fn retry(header: &Words<'_>) -> Option<Retry> {
    let mut retry = Retry::new(header.number("retry")? as u32);
    if let Some(initial) = header.number("retry_initial") {
        retry = retry.initial(Duration::from_micros(initial));
    }
    if let Some(maximum) = header.number("retry_maximum") {
        retry = retry.maximum(Duration::from_micros(maximum));
    }
    if let Some(thousandths) = header.number("retry_multiplier") {
        retry = retry.multiplier(thousandths as f64 / 1_000.0);
    }
    if let Some(seed) = header.number("retry_seed") {
        retry = retry.seed(seed);
    }
    Some(retry.jitter(header.get("retry_jitter") != Some("false")))
}

/// Whether `retry_if=HOW` lets an attempt be tried again.
fn may_retry(how: Option<&str>, error: &FailureKind<&String>) -> bool {
    match how {
        None => true,
        Some("on") => !matches!(error, FailureKind::Handler(error) if error.starts_with("fatal")),
        Some("errors") => matches!(error, FailureKind::Handler(_)),
        Some(how) => panic!("no retry_if={how}"),
    }
}

/// What an error asks for: that named `wait-N` for N µs.
fn retry_after(error: &str) -> Option<Duration> {
    Some(Duration::from_micros(error.strip_prefix("wait-")?.parse().expect("a number")))
}

fn subject(
    world: &Rc<World>,
    face: &str,
    header: &Words<'_>,
) -> Result<Box<dyn Subject>, OptionsError> {
    match face {
        "processor" => building::build(world, options(header)?, header),
        "map" => stream::build(world, options(header)?, header),
        "resequence" => resequence::build(world, header),
        "buffer" => Ok(Box::new(buffer::Buffered::new(world, header)?)),
        _ => panic!("no face {face}"),
    }
}

/// Runs a scenario: what it says, and what was seen.
fn transcript(text: &str) -> String {
    let world = World::new();
    let mut out = String::new();
    let mut subject_of_file: Option<Box<dyn Subject>> = None;
    for line in text.lines() {
        let Some(step) = line.strip_prefix("> ") else {
            if line.starts_with('#') {
                writeln!(out, "{line}").unwrap();
            }
            continue;
        };
        writeln!(out, "{line}").unwrap();
        let (command, rest) = step.split_once(' ').unwrap_or((step, ""));
        match &mut subject_of_file {
            None => {
                let header = Words::of(rest);
                match subject(&world, command, &header) {
                    Ok(subject) => subject_of_file = Some(subject),
                    Err(error) => {
                        let text = error.to_string();
                        let name = header
                            .names()
                            .find(|name| text.contains(name))
                            .expect("a named option");
                        world.log.error_options(name);
                    }
                }
            }
            Some(_) if command == "advance" => {
                world.advance(rest.parse().expect("a number"), &mut out);
            }
            Some(subject) => {
                for act in Words::acts(command, rest) {
                    subject.act(command, &act);
                    world.run();
                    world.log.end_act();
                }
            }
        }
        world.run();
        world.log.print(&mut out);
    }
    // what is still running prints nothing any more
    world.end();
    drop(subject_of_file);
    out
}

fn scenarios() -> Vec<PathBuf> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    let files = ["scenarios", "failures"].iter().flat_map(|folder| {
        let folder = fs::read_dir(tests.join(folder)).into_iter().flatten();
        folder.map(|entry| entry.expect("a file").path())
    });
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|ext| ext == "txt")).collect();
    files.sort();
    if let Ok(name) = std::env::var("SCENARIO") {
        files.retain(|path| path.file_stem().is_some_and(|stem| stem.to_string_lossy() == name));
    }
    files
}

#[test]
fn transcripts_are_equal() {
    let (mut ran, mut skipped, mut differ) = (0, 0, Vec::new());
    for path in scenarios() {
        let text = fs::read_to_string(&path).expect("a text file");
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if let Some(skip) = text.lines().find_map(|line| line.strip_prefix("# skip rust: ")) {
            println!("skipped {name}: {skip}");
            skipped += 1;
            continue;
        }
        ran += 1;
        match std::panic::catch_unwind(|| transcript(&text)) {
            Ok(out) if out == text => {}
            Ok(out) => {
                println!("--- {name}\n{}", diff(&text, &out));
                differ.push(name);
            }
            Err(_) => {
                println!("--- {name}: panicked");
                differ.push(name);
            }
        }
    }
    println!("{ran} scenarios ran, {skipped} skipped");
    assert!(ran > 0, "no scenario was found");
    assert!(differ.is_empty(), "{} of {ran} differ: {differ:?}", differ.len());
}

/// The transcripts line by line, from the first difference on.
fn diff(expected: &str, seen: &str) -> String {
    let same = expected.lines().zip(seen.lines()).take_while(|(a, b)| a == b).count();
    let mut out = String::new();
    for line in expected.lines().take(same).skip(same.saturating_sub(6)) {
        writeln!(out, "  {line}").unwrap();
    }
    for line in expected.lines().skip(same) {
        writeln!(out, "- {line}").unwrap();
    }
    for line in seen.lines().skip(same) {
        writeln!(out, "+ {line}").unwrap();
    }
    out
}
