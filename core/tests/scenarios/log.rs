//! Observations: in which order they are printed.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;

use inorder::{Failure, FailureKind, Resequenced, Seq};

/// The kinds, in the order of printing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Error,
    Cancel,
    ResumeKey,
    Accepted,
    Refused,
    Waiting,
    Read,
    Start,
    Signal,
    OnHalt,
    DeadLetter,
    OnResult,
    OnGap,
    OnDiscard,
    Ticket,
    Result,
    Raised,
    End,
    SourceClosed,
    Left,
    Join,
    Close,
    Abort,
    Stats,
    WhyBlocked,
    HaltedKeys,
    Checkpoint,
    Buffer,
}

/// What was seen since the last line that was printed.
#[derive(Default)]
pub(crate) struct Log {
    seen: RefCell<Vec<(Kind, Option<String>, String)>>,
    seqs: RefCell<HashMap<String, Seq>>,
    names: RefCell<HashMap<Seq, String>>,
    /// Items offered in this act and not answered yet.
    unanswered: RefCell<Vec<String>>,
}

impl Log {
    /// Notes something that is printed in the order in which it occurs.
    pub(crate) fn note(&self, kind: Kind, text: impl Into<String>) {
        self.seen.borrow_mut().push((kind, None, text.into()));
    }

    /// Notes something of an item, that is printed in the order of seq.
    pub(crate) fn note_item(&self, kind: Kind, name: &str, text: impl Into<String>) {
        self.seen.borrow_mut().push((kind, Some(name.to_owned()), text.into()));
    }

    /// Forgets what was seen in this step.
    pub(crate) fn forget(&self) {
        self.seen.borrow_mut().clear();
    }

    /// Says which number an item has.
    pub(crate) fn number(&self, name: &str, seq: Seq) {
        self.seqs.borrow_mut().insert(name.to_owned(), seq);
        self.names.borrow_mut().insert(seq, name.to_owned());
    }

    pub(crate) fn names<X>(&self, list: &[(Seq, X)]) -> String {
        if list.is_empty() {
            return "-".to_owned();
        }
        let names = self.names.borrow();
        list.iter().map(|(seq, _)| names[seq].as_str()).collect::<Vec<_>>().join(",")
    }

    pub(crate) fn error_options(&self, name: &str) {
        self.note(Kind::Error, format!("error options name={name}"));
    }

    pub(crate) fn asked(&self, name: &str) {
        self.unanswered.borrow_mut().push(name.to_owned());
    }

    pub(crate) fn answered(&self, name: &str) {
        self.unanswered.borrow_mut().retain(|other| other != name);
    }

    /// What is unanswered when an act is over waits.
    pub(crate) fn end_act(&self) {
        for name in self.unanswered.borrow_mut().drain(..) {
            self.note(Kind::Waiting, format!("waiting item={name}"));
        }
    }

    /// Prints and forgets. True where there was something.
    pub(crate) fn print(&self, out: &mut String) -> bool {
        let mut seen = self.seen.take();
        let seqs = self.seqs.borrow();
        let seq = |name: &Option<String>| name.as_ref().map(|name| seqs.get(name).copied());
        seen.sort_by_key(|(kind, name, _)| (*kind, seq(name)));
        for (kind, name, text) in &seen {
            let seq = name
                .as_ref()
                .map(|name| seqs.get(name).unwrap_or_else(|| panic!("no seq of {name}")));
            match (kind, seq) {
                (Kind::Accepted, Some(seq)) => write!(out, "accepted seq={seq}"),
                (Kind::Read, Some(seq)) => write!(out, "read seq={seq}"),
                (Kind::Start, Some(seq)) => write!(out, "start seq={seq}"),
                (Kind::OnHalt, Some(seq)) => write!(out, "on_halt seq={seq}"),
                (Kind::DeadLetter, Some(seq)) => write!(out, "dead_letter seq={seq}"),
                (Kind::Signal, Some(seq)) => write!(out, "signal seq={seq}"),
                (Kind::Ticket, Some(seq)) => write!(out, "ticket seq={seq}"),
                (_, Some(_)) => panic!("a kind without seq"),
                (_, None) => Ok(()),
            }
            .unwrap();
            writeln!(out, "{}{text}", if seq.is_some() { " " } else { "" }).unwrap();
        }
        !seen.is_empty()
    }
}

/// A result as `take` and `on_result` show it.
pub(crate) fn shown<I>(result: &Result<String, Failure<String, I>>) -> String {
    match result {
        Ok(value) => format!("value={value}"),
        Err(failure) => format!(
            "failure seq={} attempt={} error={}",
            failure.seq,
            failure.attempt,
            error_of(&failure.kind)
        ),
    }
}

/// What comes out of a sequenced processor.
pub(crate) fn output_shown<I>(output: Resequenced<&Result<String, Failure<String, I>>>) -> String {
    match output {
        Resequenced::Item(result) => shown(result),
        Resequenced::Lost { first, last, .. } => format!("lost first={first} last={last}"),
    }
}

/// The name of an error.
pub(crate) fn error_of(kind: &FailureKind<String>) -> &str {
    match kind {
        FailureKind::Handler(error) => error,
        FailureKind::Stopped(error) => error,
        FailureKind::AttemptTimeout => "attempt_timeout",
        FailureKind::DeadlineExceeded => "deadline_exceeded",
        FailureKind::KeyHalted => "key_halted",
        FailureKind::Restored | FailureKind::Cancelled | FailureKind::Closed | _ => {
            panic!("no error: {kind}")
        }
    }
}

/// A result as a ticket shows it.
pub(crate) fn ticket_shown<I>(result: &Result<String, Failure<String, I>>) -> String {
    match result {
        Ok(value) => format!("ok={value}"),
        Err(failure) => match &failure.kind {
            FailureKind::Cancelled => "cancelled".to_owned(),
            FailureKind::Closed => "closed".to_owned(),
            // where there is something like it, the result is None
            FailureKind::Restored => "ok=none".to_owned(),
            FailureKind::Handler(_)
            | FailureKind::Stopped(_)
            | FailureKind::AttemptTimeout
            | FailureKind::DeadlineExceeded
            | FailureKind::KeyHalted
            | _ => format!("error={}", error_of(&failure.kind)),
        },
    }
}
