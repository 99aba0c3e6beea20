//! The seed document's dispatcher and ours: what overlaps, and what comes out in the wrong place.
#![cfg(feature = "futures")]

#[path = "../../examples/rust/clock.rs"]
#[allow(dead_code, reason = "the demo uses more of it")]
mod clock;
#[path = "../../examples/rust/figures.rs"]
#[allow(dead_code, reason = "the demo uses more of it")]
mod figures;
#[path = "../../examples/rust/keys.rs"]
mod keys;
#[path = "../../examples/rust/lines.rs"]
#[allow(dead_code, reason = "the demo uses more of it")]
mod lines;
#[path = "../../examples/rust/textbook.rs"]
mod textbook;
#[path = "../../examples/rust/ways.rs"]
mod ways;

use std::sync::Arc;
use std::{env, fs, process};

use serde_json::Value;

use crate::clock::Clock;
use crate::figures::Log;
use crate::keys::KeyOf;
use crate::ways::Item;

const CASES: &str = include_str!("../../tests/document/cases.txt");
const LINES: &str = include_str!("../../tests/document/lines.ndjson");

#[test]
fn the_documents_input_and_uneven_durations() {
    let (mut case, mut items, mut checked) = ("", Vec::new(), 0);
    for line in CASES.lines() {
        match *line.splitn(4, ' ').collect::<Vec<_>>() {
            ["case", name] => (case, items) = (name, Vec::new()),
            ["item", key, milliseconds, _data] => items.push(Item {
                index: items.len(),
                key: (key != "-").then(|| key.to_owned()),
                duration: milliseconds.parse::<u64>().expect("milliseconds are a number") * 1_000,
            }),
            ["expect", "textbook", ..] => {} // that is Python's and JavaScript's
            ["expect", way, overlaps, others] => {
                assert_eq!(
                    figures(way, &items),
                    format!("{overlaps} {others}"),
                    "{case}, by {way}"
                );
                checked += 1;
            }
            _ => assert!(line.is_empty() || line.starts_with('#'), "no such line: {line}"),
        }
    }
    assert_eq!(checked, 12);
}

fn figures(way: &str, items: &[Item]) -> String {
    let (clock, log) = (Clock::new_virtual(), Arc::new(Log::new(items.len())));
    let microseconds = match way {
        "dispatcher" => clock.run(ways::textbook(items, &log, &clock, 3)),
        "one" => clock.run(ways::in_order(items, &log, &clock, 1, false)),
        "three" => clock.run(ways::in_order(items, &log, &clock, 3, false)),
        "three_keyed" => clock.run(ways::in_order(items, &log, &clock, 3, true)),
        _ => panic!("no such way: {way}"),
    };
    assert_eq!(log.out(), items.len());
    let overlaps = log.overlaps(items.iter().map(|_| Some(())));
    let in_key = log.overlaps(items.iter().map(|item| item.key.as_ref()));
    format!(
        "overlaps={overlaps} in_key={in_key} inversions={} ms={}",
        log.inversions(),
        microseconds / 1_000
    )
}

#[test]
fn a_lines_key_and_duration() {
    for case in LINES.lines() {
        let case: Value = serde_json::from_str(case).expect("the table is NDJSON");
        let text = |name: &str| case[name].as_str();
        let line = text("line").unwrap_or_default();
        if let Some(duration) = case.get("duration") {
            assert_eq!(lines::duration(line.as_bytes()), *duration, "{case}");
            continue;
        }
        let key_of = KeyOf::parse(text("spec").expect("a text"));
        if case.get("error").is_some() {
            assert!(key_of.is_err_and(|error| error.starts_with("KEY=")), "{case}");
            continue;
        }
        let key_of = key_of.expect("a good key");
        let key = key_of.key(line);
        if let Some(same_as) = text("same_as") {
            assert!(key.is_some() && key == key_of.key(same_as), "{case}");
        } else if let Some(unlike) = text("unlike") {
            let other = key_of.key(unlike);
            assert!(key.is_some() && other.is_some() && key != other, "{case}");
        } else {
            assert_eq!(key.as_deref(), text("key"), "{case}");
        }
    }
}

#[test]
fn a_files_lines_end_with_lf_or_crlf_and_need_not_be_utf8() {
    let file = env::temp_dir().join(format!("inorder-document-{}", process::id()));
    let read = || {
        let lines = lines::read(file.to_str().expect("a plain path")).expect("it was written");
        lines.into_iter().map(|line| line.text).collect::<Vec<_>>()
    };
    fs::write(&file, b"a\r\n\xff\xe2\x82b\n\r\n\xef\xbb\xbfc\rd").expect("it can be written");
    assert_eq!(read(), ["a", "\u{fffd}\u{fffd}b", "", "\u{feff}c\rd"]);
    fs::write(&file, b"").expect("it can be written");
    assert_eq!(read(), [""; 0]);
    fs::remove_file(&file).expect("it was there");
}
