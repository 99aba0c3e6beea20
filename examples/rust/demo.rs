//! The textbook's way and ours on the lines of a file: `cargo run --example demo -- --input PATH --key KEY`.
//!
//! Prints its progress for a person, and its figures as one line of JSON. `examples/demo.py` compares the languages.

mod clock;
mod figures;
mod keys;
mod lines;
mod textbook;
mod ways;

use std::collections::HashMap;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use std::{env, io};

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::figures::Log;
use crate::keys::KeyOf;
use crate::ways::Item;

const CONCURRENCY: usize = 64;
const LIVE: usize = 300;
const DOCUMENT: [(&str, [u64; 3]); 2] = [("even", [100, 100, 100]), ("uneven", [300, 100, 200])]; // Data 1, Data 3, Data 2: milliseconds

enum Way {
    /// The document's dispatcher, with so many workers.
    Textbook(usize),
    InOrder {
        concurrency: usize,
        keyed: bool,
    },
}

fn main() -> ExitCode {
    match run() {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<Value, String> {
    let arguments: Vec<String> = env::args().collect();
    let given = |name| {
        arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1))
    };
    let (Some(input), Some(key)) = (given("--input"), given("--key")) else {
        return Err("want --input PATH and --key KEY".into());
    };
    let key_of = KeyOf::parse(key)?;
    let read = lines::read(input).map_err(|error| format!("INPUT={input}: {error}"))?;

    let to_item = |(index, line): (usize, lines::Line)| Item {
        index,
        key: key_of.key(&line.text),
        duration: line.duration,
    };
    let items: Vec<Item> = read.into_iter().enumerate().map(to_item).collect();
    Ok(json!({
        "language": "Rust",
        "document": document(),
        "input": about(&items),
        "textbook": in_virtual_time(&items, &Way::Textbook(CONCURRENCY)),
        "inorder": in_virtual_time(&items, &Way::InOrder { concurrency: CONCURRENCY, keyed: true }),
        "live": live(&items[..items.len().min(LIVE)]),
    }))
}

/// The document's three items, the textbook's way and ours, in virtual time.
fn document() -> Vec<Value> {
    let ways = [
        ("textbook", Way::Textbook(3)),
        ("one", Way::InOrder { concurrency: 1, keyed: false }),
        ("three", Way::InOrder { concurrency: 3, keyed: false }),
    ];
    let mut rows = Vec::new();
    for (case, spans) in DOCUMENT {
        let items = spans.iter().enumerate();
        let items: Vec<Item> =
            items.map(|(index, span)| Item { index, key: None, duration: span * 1_000 }).collect();
        for (name, way) in &ways {
            let mut row = in_virtual_time(&items, way);
            row["case"] = case.into();
            row["way"] = (*name).into();
            rows.push(row);
        }
    }
    rows
}

fn about(items: &[Item]) -> Value {
    let (mut per_key, mut busiest) = (HashMap::new(), 0);
    for item in items {
        if let Some(key) = &item.key {
            let sum = per_key.entry(key).or_insert(0);
            *sum += item.duration;
            busiest = busiest.max(*sum);
        }
    }
    let without: Vec<usize> =
        items.iter().filter(|item| item.key.is_none()).map(|item| item.index + 1).collect();
    json!({
        "lines": items.len(),
        "keys": per_key.len(),
        "busiest_key_us": busiest,
        "without_key": without.len(),
        "first_without_key": without.first(),
        "one_at_a_time_us": items.iter().map(|item| item.duration).sum::<u64>(),
    })
}

/// All items at once, in no time: the clock jumps from timer to timer.
fn in_virtual_time(items: &[Item], way: &Way) -> Value {
    let log = Arc::new(Log::new(items.len()));
    let makespan = process(items, way, &log, &Clock::new_virtual());
    let mut figures = counted(items, &log);
    figures["makespan_us"] = makespan.into();
    figures
}

/// The first items in real time, with a progress line.
#[expect(clippy::disallowed_methods, reason = "a person watches")]
fn live(items: &[Item]) -> Value {
    let (begin, count, terminal) = (Instant::now(), items.len(), io::stderr().is_terminal());
    let log = Arc::new(Log::with_progress(count, move |out| {
        if terminal {
            eprint!("\r{} of {count}", bar(out, count));
        }
    }));
    process(items, &Way::InOrder { concurrency: CONCURRENCY, keyed: true }, &log, &Clock::Real);
    let elapsed = begin.elapsed();
    let (bar, seconds) = (bar(log.out(), count), elapsed.as_secs_f64());
    eprintln!("\r{bar} in {seconds:.2} s, {} out of order", log.inversions());
    let mut figures = counted(items, &log);
    figures["lines"] = count.into();
    figures["elapsed_us"] =
        u64::try_from(elapsed.as_micros()).expect("it does not run for ages").into();
    figures
}

/// How far it is.
fn bar(out: usize, count: usize) -> String {
    format!("   Rust    {:.<40} {out}", "#".repeat(40 * out / count.max(1)))
}

fn process(items: &[Item], way: &Way, log: &Arc<Log>, clock: &Clock) -> u64 {
    match *way {
        Way::Textbook(workers) => clock.run(ways::textbook(items, log, clock, workers)),
        Way::InOrder { concurrency, keyed } => {
            clock.run(ways::in_order(items, log, clock, concurrency, keyed))
        }
    }
}

fn counted(items: &[Item], log: &Log) -> Value {
    json!({
        "came_out": log.out(),
        "overlaps": log.overlaps(items.iter().map(|_| Some(()))),
        "key_overlaps": log.overlaps(items.iter().map(|item| item.key.as_ref())),
        "inversions": log.inversions(),
        "peak_held": log.peak_held(),
    })
}
