//! The steps of a sequencer and of a reorder buffer.

use std::fmt::Write as _;
use std::time::Duration;

use inorder::{
    OnGap, OnRestart, ReorderBuffer, SequenceError, Sequencer, SequencerEvent, SequencerOptions,
    Time,
};

use super::number;

pub(super) enum Numbers {
    Sequencer(Box<Sequencer>, Time),
    Buffer(ReorderBuffer<String>),
}

impl Numbers {
    pub(super) fn sequencer(sequencer: Sequencer) -> Self {
        Self::Sequencer(Box::new(sequencer), Time::from_micros(0))
    }

    pub(super) fn step(&mut self, words: &[&str], out: &mut String) {
        let words = match (words, &mut *self) {
            ([first, rest @ ..], Self::Sequencer(_, now)) if first.starts_with('@') => {
                *now = Time::from_micros(number(&first[1..]));
                rest
            }
            _ => words,
        };
        let answer = match (words, &mut *self) {
            (["insert", seq], Self::Sequencer(s, now)) => {
                Some(String::from(s.insert(*now, number(seq)).name()))
            }
            (["insert", seq, item], Self::Buffer(b)) => {
                Some(String::from(b.insert(number(seq), item.to_string()).name()))
            }
            (["look", seq], Self::Sequencer(s, _)) => {
                Some(String::from(s.look(number(seq)).name()))
            }
            (["look", seq], Self::Buffer(b)) => Some(String::from(b.look(number(seq)).name())),
            (["pop"], Self::Sequencer(s, _)) => {
                Some(s.pop().map_or_else(none, |seq| format!("seq={seq}")))
            }
            (["pop"], Self::Buffer(b)) => {
                Some(b.pop().map_or_else(none, |(seq, item)| format!("seq={seq} item={item}")))
            }
            (["missing"], Self::Sequencer(s, _)) => Some(pairs(s.missing())),
            (["missing"], Self::Buffer(b)) => Some(pairs(b.missing())),
            (["next"], Self::Sequencer(s, _)) => Some(s.next().to_string()),
            (["next"], Self::Buffer(b)) => Some(b.next().to_string()),
            (["len"], Self::Sequencer(s, _)) => Some(s.len().to_string()),
            (["len"], Self::Buffer(b)) => Some(b.len().to_string()),
            (["expected"], Self::Sequencer(s, _)) => Some(s.expected().to_string()),
            (["lost"], Self::Sequencer(s, _)) => Some(s.lost().to_string()),
            (["poll_timeout"], Self::Sequencer(s, _)) => {
                Some(s.poll_timeout().map_or_else(none, |due| due.as_micros().to_string()))
            }
            (["timeout"], Self::Sequencer(s, now)) => {
                s.handle_timeout(*now);
                None
            }
            (["end"], Self::Sequencer(s, now)) => {
                s.end(*now);
                None
            }
            (["restore", watermark, runs @ ..], Self::Sequencer(s, _)) => {
                let watermark = (*watermark != "none").then(|| number(watermark));
                let runs = runs.iter().map(|run| {
                    let (first, last) = run.split_once('-').expect("a pair");
                    (number(first), number(last))
                });
                Some(format!("answer={}", s.restore(watermark, runs)))
            }
            (["skip_to", seq], Self::Sequencer(s, _)) => {
                s.skip_to(number(seq));
                None
            }
            (["skip_to", seq], Self::Buffer(b)) => {
                b.skip_to(number(seq));
                None
            }
            (words, _) => panic!("unknown step {words:?}"),
        };
        if let Some(answer) = answer {
            writeln!(out, "{} {answer}", words[0]).expect("a string takes all");
        }
        if let Self::Sequencer(sequencer, _) = self {
            while let Some(event) = sequencer.poll_event() {
                writeln!(out, "{}", shown(event)).expect("a string takes all");
            }
        }
    }
}

/// The options of a subject.
pub(super) fn options(named: &[(&str, &str)]) -> SequencerOptions {
    let micros = |text| Duration::from_micros(number(text));
    named.iter().fold(SequencerOptions::new(), |options, (name, value)| match (*name, *value) {
        ("start", "first") => options.start_at_first(),
        ("start", n) => options.start(number(n)),
        ("capacity", n) => options.capacity(number(n) as usize),
        ("gap", "wait") => options.gap(OnGap::Wait),
        ("gap", "skip") => options.gap(OnGap::Skip),
        ("gap", "fail") => options.gap(OnGap::Fail),
        ("gap_timeout", n) => options.gap_timeout(micros(n)),
        ("gap_warning", n) => options.gap_warning(micros(n)),
        ("restart", "ignore") => options.restart(OnRestart::Ignore),
        ("restart", "reset") => options.restart(OnRestart::Reset),
        ("restart", "fail") => options.restart(OnRestart::Fail),
        ("wrap", n) => options.wrap(number(n) as u32),
        (name, value) => panic!("unknown option {name}={value}"),
    })
}

fn shown(event: SequencerEvent) -> String {
    match event {
        SequencerEvent::Gap { first, last } => format!("gap first={first} last={last}"),
        SequencerEvent::Late { first, last } => format!("late first={first} last={last}"),
        SequencerEvent::Lost { first, last } => format!("lost first={first} last={last}"),
        SequencerEvent::Restarted { first } => format!("restarted first={first}"),
        SequencerEvent::Failed(error) => match error {
            SequenceError::GapTimeout { first, last, .. } => {
                format!("failed gap_timeout first={first} last={last}")
            }
            SequenceError::SourceRestarted { first, .. } => {
                format!("failed source_restarted first={first}")
            }
            error @ (SequenceError::TooFar { .. } | _) => {
                panic!("no error of a sequencer: {error}")
            }
        },
        event => panic!("an unknown event: {event:?}"),
    }
}

fn none() -> String {
    String::from("none")
}

fn pairs(ranges: impl Iterator<Item = (u64, u64)>) -> String {
    let pairs: Vec<String> = ranges.map(|(first, last)| format!("{first}-{last}")).collect();
    if pairs.is_empty() { String::from("-") } else { pairs.join(" ") }
}
