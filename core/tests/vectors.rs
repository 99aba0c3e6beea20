//! Runs the files of `tests/vectors` against the state machines: each must come out byte by byte.
//!
//! The grammar is in `tests/vectors/README.md`.

#[path = "vectors/mod.rs"]
mod vectors;

use std::fmt::Write as _;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder of the vectors is there")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_vector_comes_out_as_it_is_written() {
    let files = files();
    assert!(!files.is_empty(), "no vector found");
    let mut wrong = String::new();
    for path in &files {
        let expected = fs::read_to_string(path).expect("it can be read");
        let mut got = String::new();
        let ran = panic::catch_unwind(AssertUnwindSafe(|| vectors::run(&expected, &mut got)));
        if ran.is_err() {
            got.push_str("(it panicked)\n");
        }
        if got == expected {
            continue;
        }
        let line = got.lines().zip(expected.lines()).take_while(|(a, b)| a == b).count();
        writeln!(wrong, "\n{} differs from line {} on; got:\n{got}", path.display(), line + 1)
            .expect("as above");
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_vector_says_what_it_pins() {
    for path in files() {
        let text = fs::read_to_string(&path).expect("it can be read");
        assert!(text.starts_with("# "), "{} begins without a comment", path.display());
    }
}
