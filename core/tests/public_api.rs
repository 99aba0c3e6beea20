//! What the crate shows, as a list that is compared: a change of it is seen in a diff.
//!
//! Every `pub` in the source can be reached from outside (the lint `unreachable_pub` is denied), so that the declarations
//! are the list. `UPDATE=1 cargo test --test public_api` writes it anew.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|it| it == "rs") {
            into.push(path);
        }
    }
}

/// The lines of a file that say something: without comments, tests and the wrapping of macros.
fn lines(text: &str) -> Vec<String> {
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut lines = Vec::new();
    let mut is_wrapped = false;
    for line in text.lines() {
        is_wrapped |= line.starts_with("pin_project! {");
        is_wrapped &= line != "}";
        let line = if is_wrapped { line.strip_prefix("    ").unwrap_or(line) } else { line };
        let is_comment = line.trim_start().starts_with("//");
        if !is_comment && !line.trim().is_empty() {
            lines.push(line.to_owned());
        }
    }
    lines
}

/// A declaration from its first line on, up to its body or end, in one line.
fn declaration(lines: &[String]) -> String {
    let mut text = String::new();
    for line in lines {
        let line = line.trim();
        if !text.is_empty() && !text.ends_with(['(', '<']) && !line.starts_with([')', '>']) {
            text.push(' ');
        }
        text.push_str(line);
        let is_over = line.ends_with(['{', ';', '}']) || line.ends_with("{}");
        let is_closed = text.matches('<').count() == text.matches('>').count();
        let is_field =
            text.starts_with("pub ") && line.ends_with(',') && !text.contains('(') && is_closed;
        if is_over || is_field {
            break;
        }
    }
    let text = text.replace(",)", ")").replace(",>", ">");
    text.trim_end_matches(['{', ';', ' ', ',']).trim_end_matches(" {").to_owned()
}

fn declares(line: &str) -> bool {
    let words = ["fn ", "struct ", "enum ", "trait ", "type ", "const ", "mod ", "use ", "unsafe "];
    line.strip_prefix("pub ").is_some_and(|rest| words.iter().any(|word| rest.starts_with(word)))
}

/// What one file declares.
fn listed(text: &str) -> Vec<String> {
    let lines = lines(text);
    let mut out = Vec::new();
    let (mut inside, mut is_hidden, mut derived) = (String::new(), false, "");
    for (at, line) in lines.iter().enumerate() {
        let inner = line.strip_prefix("    ");
        if inner.is_some_and(|inner| inner.starts_with(' ')) {
            continue;
        }
        let here = inner.unwrap_or(line);
        if here.starts_with("#[") {
            is_hidden |= here == "#[doc(hidden)]";
            derived = here.strip_prefix("#[derive(").unwrap_or(derived);
            continue;
        }
        let was_hidden = std::mem::take(&mut is_hidden);
        let derived = std::mem::take(&mut derived).trim_end_matches(")]");
        if inner.is_none() {
            let is_block = ["impl", "pub ", "mod ", "struct", "enum", "fn", "trait", "macro"];
            if is_block.iter().any(|word| line.starts_with(word)) {
                inside = declaration(&lines[at..]);
                let is_impl_of = inside.starts_with("impl") && inside.contains(" for ");
                if declares(line) || is_impl_of && !inside.contains("Sealed") {
                    out.push(inside.clone());
                }
                if declares(line) && !derived.is_empty() {
                    out.push(format!("{inside} is {derived}"));
                }
            }
            continue;
        }
        let in_trait = inside.starts_with("pub trait")
            && ["fn ", "type ", "const "].iter().any(|word| here.starts_with(word));
        let in_enum = inside.starts_with("pub enum") && here.starts_with(char::is_uppercase);
        let of_pub = inside.starts_with("impl") && !inside.contains(" for ")
            || inside.starts_with("pub struct");
        let is_member = of_pub && here.starts_with("pub ") && !inside.starts_with("mod ");
        if !was_hidden && (in_trait || in_enum || is_member) {
            let declared = if in_enum {
                here.trim_end_matches([',', ' ', '{']).to_owned()
            } else {
                declaration(&lines[at..])
            };
            let owner = inside.split(" where ").next().unwrap_or_default();
            out.push(format!("{owner} :: {declared}"));
        }
    }
    out
}

#[test]
fn what_is_public_is_listed() {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    files.sort();
    let mut list = String::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a text file");
        for line in listed(&text) {
            writeln!(list, "{line}").unwrap();
        }
    }
    let path = root().join("tests/public_api.txt");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &list).expect("it can be written");
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    let added: Vec<_> = list.lines().filter(|line| !known.lines().any(|it| it == *line)).collect();
    let gone: Vec<_> = known.lines().filter(|line| !list.lines().any(|it| it == *line)).collect();
    assert!(
        added.is_empty() && gone.is_empty(),
        "new: {added:#?}\ngone: {gone:#?}\nIf that is meant: UPDATE=1 cargo test --test public_api"
    );
    assert!(list.lines().count() > 400, "it sees too little");
}
