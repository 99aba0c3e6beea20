//! The names of items and sources, and the words for what a dispatcher answers and tells.

use inorder::{
    Arrival, Completion, Dispatcher, Event, Handle, PushError, Release, Rest, Run, RunKind, Source,
    What, Why,
};

use super::number;

/// What is added to the number of an attempt to hand over.
pub(crate) const HAND_OVERS: u32 = 1 << 31;

/// All items and sources that there ever were, by name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) sources: Vec<(String, Source)>,
    pub(crate) items: Vec<(String, Handle)>,
}

/// What an offer was answered, and the item where it is taken.
pub(crate) type Answer = (&'static str, Option<Handle>);

impl Names {
    pub(crate) fn add_source(&mut self, name: &str, source: Source) {
        self.sources.push((name.to_string(), source));
    }

    pub(super) fn is_new(&self, name: &str, handle: Handle) -> bool {
        self.items.iter().all(|(known, old)| known != name && *old != handle)
    }

    pub(crate) fn first_source(&self) -> Option<Source> {
        self.sources.first().map(|(_, source)| *source)
    }

    pub(super) fn source(&self, name: &str) -> Source {
        if let Some(bits) = name.strip_prefix('#') {
            return Source::from_bits(number(bits));
        }
        let known = self.sources.iter().rfind(|(known, _)| known == name);
        known.unwrap_or_else(|| panic!("no source {name}")).1
    }

    pub(super) fn item(&self, name: &str) -> Handle {
        if let Some(bits) = name.strip_prefix('#') {
            return Handle::from_bits(number(bits));
        }
        self.latest(name).unwrap_or_else(|| panic!("no item {name} was accepted"))
    }

    fn latest(&self, name: &str) -> Option<Handle> {
        self.items.iter().rfind(|(known, _)| known == name).map(|(_, handle)| *handle)
    }

    pub(crate) fn source_name(&self, source: Source) -> String {
        let known = self.sources.iter().find(|(_, known)| *known == source);
        known.map_or_else(|| format!("#{}", source.to_bits()), |(name, _)| name.clone())
    }

    /// Its bits where it has no name, or something else has got that since.
    pub(crate) fn item_name(&self, handle: Handle) -> String {
        let known = self.items.iter().find(|(_, known)| *known == handle);
        known
            .filter(|(name, _)| self.latest(name) == Some(handle))
            .map_or_else(|| format!("#{}", handle.to_bits()), |(name, _)| name.clone())
    }

    // what is answered

    /// An item that is taken has the name from now on.
    pub(crate) fn offered(
        &mut self,
        dispatcher: &Dispatcher,
        name: &str,
        (answer, handle): Answer,
    ) -> String {
        let Some(handle) = handle else { return format!("{answer} item={name}") };
        self.items.push((name.to_string(), handle));
        let seq = seq_of(dispatcher, handle);
        format!("{answer} seq={seq} item={name}")
    }

    /// What stands for numbers that were given up gets a name when it is first seen.
    pub(crate) fn outcome(&mut self, word: &str, release: Release) -> String {
        let what = match release.what {
            What::Ok => String::from("ok"),
            What::Failed => String::from("failed"),
            What::Lost { first, last } => format!("lost first={first} last={last}"),
            What::GapTimeout { first, last } => format!("gap_timeout first={first} last={last}"),
            other => panic!("unknown {other:?}"),
        };
        if let What::Lost { first, .. } | What::GapTimeout { first, .. } = release.what {
            self.items.push((format!("lost-{first}"), release.handle));
        }
        let (seq, attempt, name) = (release.seq, release.attempt, self.item_name(release.handle));
        format!("{word} seq={seq} attempt={attempt} what={what} item={name}")
    }

    // what the drain gives

    pub(crate) fn run(&self, dispatcher: &Dispatcher, run: Run) -> String {
        let number = match run.kind() {
            RunKind::Handler => format!("attempt={}", run.attempt),
            RunKind::HandOver => format!("hand_over={}", run.attempt - HAND_OVERS),
        };
        let (seq, name) = (seq_of(dispatcher, run.handle), self.item_name(run.handle));
        format!("run seq={seq} {number} item={name}")
    }

    pub(crate) fn event(&self, event: Event) -> String {
        match event {
            Event::Signal { handle, attempt, why } => {
                let number = match attempt.checked_sub(HAND_OVERS) {
                    None => format!("attempt={attempt}"),
                    Some(nth) => format!("hand_over={nth}"),
                };
                format!("signal {number} why={} item={}", reason(why), self.item_name(handle))
            }
            Event::Passed { handle, why } => {
                format!("passed why={} item={}", reason(why), self.item_name(handle))
            }
            Event::Left { handle, rest, why } => {
                let rest = match rest {
                    Rest::Settled => "settled",
                    Rest::NeverStarted => "never_started",
                    Rest::Unfinished => "unfinished",
                    Rest::Detached => "detached",
                };
                let (why, name) = (why.map_or("none", reason), self.item_name(handle));
                format!("left rest={rest} why={why} item={name}")
            }
            Event::Lost { source, first, last } => {
                format!("lost first={first} last={last} source={}", self.source_name(source))
            }
            Event::Gap { source, at, first, last } => {
                let source = self.source_name(source);
                format!("gap first={first} last={last} at={at} source={source}")
            }
            Event::Room { source } => format!("room source={}", self.source_name(source)),
            Event::LaneIdle { lane } => format!("lane_idle lane={}", lane.number()),
            Event::Drained { source } => format!("drained source={}", self.source_name(source)),
            Event::Expired { handle } => format!("expired item={}", self.item_name(handle)),
            Event::Halted { handle } => format!("halted item={}", self.item_name(handle)),
            Event::Completed { handle } => format!("completed item={}", self.item_name(handle)),
            other => panic!("unknown event {other:?}"),
        }
    }
}

/// Of what is not known it is none: what is wrong is written down, too.
fn seq_of(dispatcher: &Dispatcher, handle: Handle) -> String {
    dispatcher.seq_of(handle).map_or_else(|| String::from("none"), |seq| seq.to_string())
}

pub(crate) fn pushed(answer: Result<Handle, PushError>) -> Answer {
    match answer {
        Ok(handle) => ("accepted", Some(handle)),
        Err(error) => (refusal(error), None),
    }
}

pub(crate) fn arrived(answer: Result<Arrival, PushError>) -> Answer {
    match answer {
        Ok(Arrival::Ready(handle)) => ("ready", Some(handle)),
        Ok(Arrival::Held(handle)) => ("held", Some(handle)),
        Ok(Arrival::Duplicate) => ("duplicate", None),
        Ok(Arrival::Late) => ("late", None),
        Ok(Arrival::TooFar) => ("too_far", None),
        Ok(Arrival::Restored) => ("restored", None),
        Err(error) => (refusal(error), None),
    }
}

fn refusal(error: PushError) -> &'static str {
    match error {
        PushError::Full => "full",
        PushError::Closed => "closed",
        PushError::Numbering => "numbering",
        PushError::Restored => "restored",
        other => panic!("unknown {other:?}"),
    }
}

pub(crate) fn completion(completion: Completion) -> &'static str {
    match completion {
        Completion::Settled => "settled",
        Completion::Ignored => "ignored",
        Completion::Retrying => "retrying",
        Completion::Stale => "stale",
        other => panic!("no name for {other:?}"),
    }
}

fn reason(why: Why) -> &'static str {
    match why {
        Why::Cancelled => "cancelled",
        Why::Failure => "failure",
        Why::Closed => "closed",
        Why::AttemptTimeout => "attempt_timeout",
        Why::DeadlineExceeded => "deadline_exceeded",
        Why::Skipped => "skipped",
        Why::DeadLettered => "dead_lettered",
        Why::KeyHalted => "key_halted",
        Why::HandedBack => "handed_back",
        Why::Fenced => "fenced",
        other => panic!("unknown {other:?}"),
    }
}
