//! The steps of a watermark.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use inorder::{Checkpoint, CheckpointError, CommitId, Mark, ReceiveError, Received, Watermark};

use super::{Words, checkpoints, id_or_none, number};

/// A watermark, and the names by which a file knows marks and commits: they stay, so that stale ones can be used.
pub(super) struct Marks {
    watermark: Watermark,
    /// Of each id the mark that it had last.
    marks: BTreeMap<u64, Mark>,
    commits: BTreeMap<String, CommitId>,
}

impl Marks {
    pub(super) fn new(watermark: Watermark) -> Self {
        Self { watermark, marks: BTreeMap::new(), commits: BTreeMap::new() }
    }

    pub(super) fn step(&mut self, words: &[&str], out: &mut String) {
        let (command, rest) = words.split_first().expect("a step has a command");
        if let ("receive" | "complete" | "complete_id", [_, _, ..]) = (*command, rest) {
            for id in rest {
                self.step(&[command, id], out);
            }
            return;
        }
        let w = &mut self.watermark;
        let answer = match (*command, rest) {
            ("receive", [id]) => format!("id={id} {}", self.received(number(id))),
            ("complete", [id]) => {
                let mark = self.marks[&number(id)];
                format!("id={id} answer={}", w.complete(mark))
            }
            ("complete_id", [id]) => format!("id={id} answer={}", w.complete_id(number(id))),
            ("begin_commit", [name]) => match w.begin_commit() {
                None => String::from("none"),
                Some(commit) => {
                    self.commits.insert((*name).into(), commit.id);
                    format!("{name} {}", checkpoints::shown(&commit.checkpoint))
                }
            },
            ("confirm", [name]) => format!("{name} answer={}", w.confirm(self.commits[*name])),
            ("fail", [name]) => format!("{name} answer={}", w.fail(self.commits[*name])),
            ("fence", []) => {
                w.fence();
                return;
            }
            ("renew", [committed]) => {
                w.renew(id_or_none(committed));
                return;
            }
            ("restore", [position, rest @ ..]) => {
                let words = Words::of(rest);
                words.allow(usize::MAX, &["committed"]);
                let checkpoint = checkpoints::made(id_or_none(position), &words.plain);
                let committed = words.get("committed").and_then(id_or_none);
                match w.restore(&checkpoint, committed) {
                    Ok(()) => String::from("ok"),
                    Err(error) => format!("error {error}"),
                }
            }
            ("damaged", [at]) => {
                let mut bytes = w.checkpoint().to_bytes(None).expect("there is no limit");
                let byte = &mut bytes[number(at) as usize];
                *byte = byte.wrapping_add(1);
                String::from(match Checkpoint::from_bytes(&bytes) {
                    Ok(_) => "ok",
                    Err(CheckpointError::Version { .. }) => "version",
                    Err(CheckpointError::Checksum { .. }) => "checksum",
                    Err(error) => panic!("neither the version nor the checksum: {error}"),
                })
            }
            ("within", [limit]) => match w.checkpoint().to_bytes(Some(number(limit) as usize)) {
                Ok(bytes) => {
                    let read = Checkpoint::from_bytes(&bytes).expect("it was just written");
                    format!("{} {}", bytes.len(), checkpoints::shown(&read))
                }
                Err(error) => format!("error {error}"),
            },
            ("checkpoint", []) => checkpoints::shown(&w.checkpoint()),
            ("position", []) => shown(w.position()),
            ("committed", []) => shown(w.committed()),
            ("in_progress", []) => w.in_progress().to_string(),
            ("unacknowledged", []) => w.unacknowledged().to_string(),
            ("uncommitted", []) => w.uncommitted().to_string(),
            ("stale", []) => w.stale().to_string(),
            ("is_dirty", []) => w.is_dirty().to_string(),
            ("is_full", []) => w.is_full().to_string(),
            ("is_committing", []) => w.is_committing().to_string(),
            ("is_commit_urgent", []) => w.is_commit_urgent().to_string(),
            (command, rest) => panic!("unknown step {command} {rest:?}"),
        };
        writeln!(out, "{command} {answer}").expect("a string takes all");
    }

    fn received(&mut self, id: u64) -> &'static str {
        match self.watermark.receive(id) {
            Ok(Received::New(mark)) => {
                self.marks.insert(id, mark);
                "new"
            }
            Ok(Received::Known) => "known",
            Ok(Received::Restored) => "restored",
            Err(ReceiveError::NotRising { .. }) => "not_rising",
            Err(ReceiveError::Full { .. }) => "full",
            Err(ReceiveError::Fenced) => "fenced",
            Err(error) => panic!("an unknown refusal: {error}"),
        }
    }
}

fn shown(id: Option<u64>) -> String {
    id.map_or(String::from("none"), |id| id.to_string())
}
