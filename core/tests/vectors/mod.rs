//! Does what the steps of a vector say, and writes the transcript. The grammar is in `tests/vectors/README.md`.

pub(crate) mod checkpoints;
mod dispatcher;
mod marks;
pub(crate) mod names;
mod numbers;
mod options;

use std::fmt::Write as _;
use std::time::Duration;

use inorder::{Dispatcher, OptionsError, ReorderBuffer, Sequencer, Watermark};

use dispatcher::Bench;
use marks::Marks;
use numbers::Numbers;

/// What a file talks about.
enum Subject {
    Dispatcher(Box<Bench>),
    Numbers(Numbers),
    Marks(Box<Marks>),
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
    if command == "watermark" {
        words.allow(0, &["capacity"]);
        let watermark = match words.number("capacity") {
            None => Watermark::new(),
            Some(capacity) => Watermark::with_capacity(capacity as usize)?,
        };
        return Ok(Subject::Marks(Box::new(Marks::new(watermark))));
    }
    assert!(words.plain.is_empty(), "too many words: {:?}", words.plain);
    let options = numbers::options(&words.named);
    Ok(Subject::Numbers(match command {
        "sequencer" => Numbers::sequencer(Sequencer::new(options)?),
        "buffer" => Numbers::Buffer(ReorderBuffer::try_new(options)?),
        other => panic!("the first step opens a subject, not {other}"),
    }))
}

/// Does what the steps say, and writes the transcript: of one that panics up to there.
pub(crate) fn run(text: &str, out: &mut String) {
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
            Some(Subject::Dispatcher(bench)) => bench.step(&words, out),
            Some(Subject::Numbers(numbers)) => numbers.step(&words, out),
            Some(Subject::Marks(marks)) => marks.step(&words, out),
        }
    }
}
