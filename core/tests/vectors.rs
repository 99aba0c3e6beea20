//! Runs the files of `tests/vectors` against the state machines: each must come out byte by byte.
//!
//! The grammar is in `tests/vectors/README.md`.

#[path = "vectors/checkpoints.rs"]
mod checkpoints;
#[path = "vectors/dispatcher.rs"]
mod dispatcher;
#[path = "vectors/numbers.rs"]
mod numbers;
#[path = "vectors/options.rs"]
mod options;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dispatcher::Bench;
use inorder::{Dispatcher, OptionsError, ReorderBuffer, Sequencer};
use numbers::Numbers;

/// What a file talks about.
enum Subject {
    Dispatcher(Box<Bench>),
    Numbers(Numbers),
}

/// The words of a step behind its command.
struct Words<'a> {
    plain: Vec<&'a str>,
    named: Vec<(&'a str, &'a str)>,
}

impl<'a> Words<'a> {
    fn of(words: &[&'a str]) -> Self {
        let mut all = Self { plain: Vec::new(), named: Vec::new() };
        for word in words {
            match word.split_once('=') {
                Some(pair) => all.named.push(pair),
                None => all.plain.push(word),
            }
        }
        all
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.named.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.get(name).map(number)
    }

    fn span(&self, name: &str) -> Option<Duration> {
        self.number(name).map(Duration::from_micros)
    }

    /// Refuses words that no step knows, so that a typing error does not pass for a default.
    fn allow(&self, plain: usize, named: &[&str]) {
        assert!(self.plain.len() <= plain, "too many words: {:?}", self.plain);
        for (name, _) in &self.named {
            assert!(named.contains(name), "unknown word {name}=");
        }
    }
}

fn number(word: &str) -> u64 {
    word.parse().unwrap_or_else(|_| panic!("{word} is no number"))
}

fn id_or_none(word: &str) -> Option<u64> {
    (word != "none").then(|| number(word))
}

fn open(command: &str, words: &Words<'_>) -> Result<Subject, OptionsError> {
    if command == "dispatcher" {
        let dispatcher = Dispatcher::new(&options::options(words))?;
        return Ok(Subject::Dispatcher(Box::new(Bench::new(dispatcher))));
    }
    assert!(words.plain.is_empty(), "too many words: {:?}", words.plain);
    let options = numbers::options(&words.named);
    Ok(Subject::Numbers(match command {
        "sequencer" => Numbers::sequencer(Sequencer::new(options)?),
        "buffer" => Numbers::Buffer(ReorderBuffer::try_new(options)?),
        other => panic!("the first step opens a subject, not {other}"),
    }))
}

/// Does what the steps say, and writes the transcript.
fn run(text: &str) -> String {
    let mut out = String::new();
    let mut subject = None;
    for line in text.lines() {
        let Some(step) = line.strip_prefix("> ") else {
            if line.starts_with('#') {
                out.push_str(line);
                out.push('\n');
            }
            continue;
        };
        out.push_str(line);
        out.push('\n');
        let words: Vec<&str> = step.split(' ').collect();
        match &mut subject {
            None => match open(words[0], &Words::of(&words[1..])) {
                Ok(opened) => subject = Some(opened),
                Err(error) => writeln!(out, "error {error}").expect("a string takes all"),
            },
            Some(Subject::Dispatcher(bench)) => bench.step(&words, &mut out),
            Some(Subject::Numbers(numbers)) => numbers.step(&words, &mut out),
        }
    }
    out
}

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
        let got = std::panic::catch_unwind(|| run(&expected));
        let got = got.unwrap_or_else(|_| String::from("(it panicked)\n"));
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
