//! Holds `tests/failures/README.md` true: each failure is a scenario, or it is said what pins it instead.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Name, invariants, and what there is if it is not a scenario.
fn rows() -> Vec<(String, String, String)> {
    let text = fs::read_to_string(root().join("tests/failures/README.md")).expect("a text file");
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<_> = line.strip_prefix("| ")?.split('|').map(str::trim).collect();
        let [name, invariants, _, instead, ""] = cells[..] else { panic!("no row: {line}") };
        (name != "failure").then(|| [name, invariants, instead].map(str::to_owned).into())
    });
    rows.collect()
}

fn files() -> BTreeSet<String> {
    let folder = fs::read_dir(root().join("tests/failures")).expect("a folder");
    let paths = folder.map(|entry| entry.expect("a file").path());
    let scenarios = paths.filter(|path| path.extension().is_some_and(|it| it == "txt"));
    scenarios.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn no_failure_is_without_a_scenario_or_a_reason() {
    let (rows, files) = (rows(), files());
    assert!(rows.len() >= 33, "{} rows", rows.len());
    for (name, _, instead) in &rows {
        if instead.is_empty() {
            assert!(files.contains(name), "{name} has neither a scenario nor a reason");
            continue;
        }
        assert!(!files.contains(name), "{name} is a scenario, and needs no reason");
        assert!(instead.contains("*brokers*"), "{name}: whose is it?");
        for path in instead.split('`').skip(1).step_by(2) {
            assert!(root().join(path).is_file(), "{name}: {path} is not there");
        }
    }
}

#[test]
fn no_scenario_is_without_its_row() {
    let names: BTreeSet<String> = rows().into_iter().map(|(name, _, _)| name).collect();
    let missing: Vec<_> = files().into_iter().filter(|name| !names.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_invariant_has_been_broken_somewhere() {
    let broken: BTreeSet<u32> = rows()
        .iter()
        .flat_map(|(_, invariants, _)| invariants.split(", ").map(|it| it.parse().unwrap()))
        .collect();
    // the last, equal outputs in all languages, is what all scenarios are about
    assert_eq!(broken, (1..=25).collect());
}
