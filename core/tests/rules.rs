//! Holds `tests/RULES.md` true: what it names is there, and nothing in it is left out silently.

use std::fs;
use std::path::{Path, PathBuf};

/// Those whose rows may be without a file of their own here.
const OWNERS: [&str; 5] = ["*rust*", "*python*", "*javascript*", "*brokers*", "*open*"];

struct Row {
    section: String,
    rule: String,
    pinned_by: String,
}

impl Row {
    /// The words between back quotes of its second column.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.pinned_by.split('`').skip(1).step_by(2)
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(root().join("tests/RULES.md")).expect("the rules are there");
    let mut section = String::new();
    let mut rows = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title.to_string();
        }
        let Some(cells) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else {
            continue;
        };
        let Some((rule, pinned_by)) = cells.rsplit_once(" | ") else { panic!("no row: {line}") };
        if pinned_by != "pinned by" {
            rows.push(Row {
                section: section.clone(),
                rule: rule.to_string(),
                pinned_by: pinned_by.to_string(),
            });
        }
    }
    rows
}

/// Whether a file, or with a `*` at least one, is there.
fn is_there(name: &str) -> bool {
    let listed = ["v:", "s:", "f:"].iter().zip(["vectors", "scenarios", "failures"]);
    for (prefix, folder) in listed {
        let Some(name) = name.strip_prefix(prefix) else { continue };
        let folder = root().join("tests").join(folder);
        let Some(start) = name.strip_suffix('*') else {
            return folder.join(format!("{name}.txt")).is_file();
        };
        let files = fs::read_dir(folder).expect("the folder is there");
        let mut names = files.map(|file| file.expect("it can be listed").file_name());
        return names.any(|file| file.to_string_lossy().starts_with(start));
    }
    root().join(name).is_file()
}

#[test]
fn every_file_that_pins_a_rule_is_there() {
    let missing: Vec<String> = rows()
        .iter()
        .flat_map(|row| row.names().filter(|name| !is_there(name)).map(str::to_string))
        .collect();
    assert!(missing.is_empty(), "RULES.md names what is not there: {missing:?}");
}

#[test]
fn every_rule_is_pinned_or_belongs_to_somebody() {
    for row in rows() {
        let is_owned = OWNERS.iter().any(|owner| row.pinned_by.contains(owner));
        assert!(row.names().next().is_some() || is_owned, "nothing pins: {}", row.rule);
    }
}

#[test]
fn every_invariant_is_pinned_by_a_file() {
    let rows = rows();
    let invariants: Vec<&Row> = rows.iter().filter(|row| row.section == "Invariants").collect();
    assert_eq!(invariants.len(), 26);
    for (row, number) in invariants.iter().zip(1..) {
        assert!(
            row.rule.starts_with(&format!("{number} ")),
            "not invariant {number}: {}",
            row.rule
        );
        let is_file = |name: &str| ["v:", "s:", "f:"].iter().any(|kind| name.starts_with(kind));
        assert!(row.names().any(is_file), "no vector or scenario pins invariant {number}");
    }
}

#[test]
fn a_name_that_is_wrong_is_seen() {
    assert!(is_there("v:one-at-a-time*") && is_there("v:one-at-a-time"));
    assert!(is_there("core/tests/rules.rs"));
    for wrong in ["v:no-such", "v:no-such*", "s:one-at-a-tim", "core/tests", "one-at-a-time"] {
        assert!(!is_there(wrong), "{wrong}");
    }
}
