//! The steps of a dispatcher, each followed by the drain of a driver.

use std::fmt::Write as _;

use inorder::{
    Arrival, Completion, Dispatcher, Event, Handle, Lane, Outcome, PushError, Release, Rest,
    Resume, Run, RunKind, SequenceError, Source, SourceOptions, Time, What, Why,
};

use super::{Words, checkpoints, id_or_none, number, numbers};

/// The options of a source whose caller gives the numbers.
const NUMBERS: [&str; 6] = ["start", "gap", "gap_timeout", "gap_warning", "wrap", "restart"];

/// What is added to the number of an attempt to hand over.
const HAND_OVERS: u32 = 1 << 31;

pub(super) struct Bench {
    dispatcher: Dispatcher,
    now: Time,
    sources: Vec<(String, Source)>,
    /// All items that were ever accepted, by name.
    items: Vec<(String, Handle)>,
}

impl Bench {
    pub(super) fn new(dispatcher: Dispatcher) -> Self {
        Self { dispatcher, now: Time::from_micros(0), sources: Vec::new(), items: Vec::new() }
    }

    pub(super) fn step(&mut self, words: &[&str], out: &mut String) {
        let words = match words[0].strip_prefix('@') {
            Some(time) => {
                self.now = Time::from_micros(number(time));
                &words[1..]
            }
            None => words,
        };
        let (command, rest) = (words[0], &words[1..]);
        if command == "push" {
            return self.push(rest, out);
        }
        let words = Words::of(rest);
        if !self.command(command, &words, out) {
            let answer = self.getter(command, &words);
            line(out, &format!("{command} {answer}"));
        }
    }

    /// False where it is no command.
    fn command(&mut self, command: &str, words: &Words<'_>, out: &mut String) -> bool {
        let now = self.now;
        match command {
            "source" => {
                words.allow(4, &NUMBERS);
                let mut options = SourceOptions::new();
                for word in &words.plain[1..] {
                    options = match *word {
                        "keyed" => options.keyed(true),
                        "acknowledged" => options.acknowledged(true),
                        "losses_told" => options.losses_come_out(false),
                        other => panic!("no kind of source: {other}"),
                    };
                }
                if !words.named.is_empty() {
                    options = options.sequenced_with(numbers::options(&words.named));
                }
                if let Err(error) = self.dispatcher.check_source(&options) {
                    assert_eq!(self.dispatcher.open_source(options), None);
                    line(out, &format!("error {error}"));
                    return true;
                }
                match self.dispatcher.open_source(options) {
                    Some(source) => self.sources.push((words.plain[0].to_string(), source)),
                    None => line(out, "closed"),
                }
            }
            "complete" => {
                words.allow(2, &["attempt", "hand_over", "after"]);
                let outcome = match words.plain[1] {
                    "ok" => Outcome::Ok,
                    "failed" => Outcome::FAILED,
                    "retry" => Outcome::Failed { retry: true, after: words.span("after") },
                    "cancelled" => Outcome::Cancelled,
                    other => panic!("no outcome: {other}"),
                };
                let attempt = match words.number("hand_over") {
                    Some(nth) => HAND_OVERS + nth as u32,
                    None => words.number("attempt").unwrap_or(1) as u32,
                };
                let handle = self.item(words.plain[0]);
                line(
                    out,
                    match self.dispatcher.complete(now, handle, attempt, outcome) {
                        Completion::Settled => "settled",
                        Completion::Ignored => "ignored",
                        Completion::Retrying => "retrying",
                        Completion::Stale => "stale",
                        other => panic!("no name for {other:?}"),
                    },
                );
            }
            "cancel" | "reject" | "released" | "undelivered" => {
                words.allow(1, &[]);
                let handle = self.item(words.plain[0]);
                let answer = match command {
                    "cancel" => self.dispatcher.cancel(now, handle),
                    "reject" => self.dispatcher.reject(now, handle),
                    "released" => self.dispatcher.released(now, handle),
                    _ => self.dispatcher.undelivered(now, handle),
                };
                line(out, &format!("{command} item={} answer={answer}", words.plain[0]));
            }
            "lend" => {
                words.allow(0, &["in"]);
                let release = self.dispatcher.poll_release(self.source(words));
                let lent = release.map(|release| self.outcome("lent", release));
                line(out, lent.as_deref().unwrap_or("lent none"));
            }
            "take" => {
                words.allow(1, &["in"]);
                self.take(words, out);
                return true;
            }
            "end" => {
                words.allow(0, &["in"]);
                self.dispatcher.end(now, self.source(words));
            }
            "close" => {
                words.allow(0, &["timeout"]);
                self.dispatcher.close(now, words.span("timeout"));
            }
            "revoke" => {
                words.allow(0, &["in", "timeout"]);
                self.dispatcher.revoke(now, self.source(words), words.span("timeout"));
            }
            "fence" => {
                words.allow(0, &["in"]);
                self.dispatcher.fence(now, self.source(words));
            }
            "stop" => {
                words.allow(0, &["in", "from"]);
                let from = words.number("from").expect("it stops from a number on");
                self.dispatcher.stop(now, self.source(words), from);
            }
            "taking" => {
                words.allow(1, &["in"]);
                let taking = words.plain[0].parse().expect("true or false");
                self.dispatcher.taking(now, self.source(words), taking);
            }
            "pause" => self.dispatcher.pause(now),
            "unpause" => self.dispatcher.unpause(now),
            "limits" => {
                words.allow(0, &["concurrency", "capacity"]);
                let limit = |name| words.number(name).expect("both limits are given") as usize;
                let (concurrency, capacity) = (limit("concurrency"), limit("capacity"));
                if let Err(error) = self.dispatcher.set_limits(now, concurrency, capacity) {
                    line(out, &format!("error {error}"));
                }
            }
            "resume" => {
                words.allow(1, &["lane"]);
                let lane = words.number("lane").and_then(|number| Lane::new(number as u32));
                let how = match words.plain[0] {
                    "retry" => Resume::Retry,
                    "skip" => Resume::Skip,
                    "dead_letter" => Resume::DeadLetter,
                    other => panic!("no way to resume: {other}"),
                };
                let lane = lane.expect("a lane is resumed");
                let answer = self.dispatcher.resume_lane(now, lane, how);
                line(out, &format!("resume lane={} answer={answer}", lane.number()));
            }
            "restore" => {
                words.allow(usize::MAX, &["in", "committed"]);
                let position = id_or_none(words.plain[0]);
                let checkpoint = checkpoints::made(position, &words.plain[1..]);
                let committed = id_or_none(words.get("committed").expect("what is committed"));
                match self.dispatcher.restore(self.source(words), &checkpoint, committed) {
                    Ok(()) => line(out, "restore ok"),
                    Err(error) => line(out, &format!("restore error {error}")),
                }
            }
            "timeout" => self.dispatcher.handle_timeout(now),
            "refuse" => self.dispatcher.refuse(now),
            _ => return false,
        }
        self.drain(out);
        true
    }

    fn getter(&self, command: &str, words: &Words<'_>) -> String {
        let source = || self.source(words);
        let item = || self.item(words.plain[0]);
        match command {
            "stats" => return self.stats(&words.plain),
            "seq_of" | "lane_of" => words.allow(1, &[]),
            _ => words.allow(0, &["in"]),
        }
        match command {
            "why_blocked" => self.dispatcher.why_blocked(self.now, source()).map(|blocked| {
                let (seq, attempt, waiting) = (blocked.seq, blocked.attempt, blocked.waiting);
                let (age, state) = (blocked.age.as_micros(), blocked.state.name());
                let mut text = format!(
                    "seq={seq} attempt={attempt} age={age} waiting={waiting} state={state}"
                );
                if let Some(left) = blocked.next_deadline {
                    text += &format!(" next_deadline={}", left.as_micros());
                }
                text
            }),
            "head" => self.dispatcher.head(source()).map(|handle| self.name(handle)),
            "can_lend" => Some(self.dispatcher.can_lend(source()).to_string()),
            "halted_lanes" => {
                let lanes: Vec<String> =
                    self.dispatcher.halted_lanes().map(|lane| lane.number().to_string()).collect();
                (!lanes.is_empty()).then(|| lanes.join(" "))
            }
            "wants" => Some(self.dispatcher.wants(source()).to_string()),
            "oldest" => self.dispatcher.oldest(source()).map(|seq| seq.to_string()),
            "failed" => self.dispatcher.failed(source()).map(|handle| self.name(handle)),
            "gap_error" => self.dispatcher.gap_error(source()).map(|(at, error)| match error {
                SequenceError::GapTimeout { first, last, .. } => {
                    format!("at={at} first={first} last={last}")
                }
                other @ (SequenceError::TooFar { .. }
                | SequenceError::SourceRestarted { .. }
                | _) => {
                    panic!("no error of a source: {other}")
                }
            }),
            "is_full" => Some(self.dispatcher.is_full(source()).to_string()),
            "len" => Some(self.dispatcher.len().to_string()),
            "is_closed" => Some(self.dispatcher.is_closed().to_string()),
            "is_drained" => Some(self.dispatcher.is_drained().to_string()),
            "poll_timeout" => {
                self.dispatcher.poll_timeout().map(|time| time.as_micros().to_string())
            }
            "checkpoint" => self.dispatcher.checkpoint(source()).as_ref().map(checkpoints::shown),
            "seq_of" => self.dispatcher.seq_of(item()).map(|seq| seq.to_string()),
            "lane_of" => self.dispatcher.lane_of(item()).map(|lane| lane.number().to_string()),
            other => panic!("unknown step {other}"),
        }
        .unwrap_or_else(|| String::from("none"))
    }

    fn stats(&self, fields: &[&str]) -> String {
        let stats = self.dispatcher.stats(self.now);
        let fields: Vec<String> = fields
            .iter()
            .map(|field| {
                let value = match *field {
                    "accepted" => stats.accepted,
                    "restored" => stats.restored,
                    "started" => stats.started,
                    "retried" => stats.retried,
                    "timed_out" => stats.timed_out,
                    "ok" => stats.ok,
                    "failed" => stats.failed,
                    "skipped" => stats.skipped,
                    "dead_lettered" => stats.dead_lettered,
                    "cancelled" => stats.cancelled,
                    "released" => stats.released,
                    "ignored" => stats.ignored,
                    "refused" => stats.refused,
                    "late" => stats.late,
                    "duplicate" => stats.duplicate,
                    "stale" => stats.stale,
                    "lost" => stats.lost,
                    "queued" => stats.queued,
                    "running" => stats.running,
                    "backing_off" => stats.backing_off,
                    "handing_over" => stats.handing_over,
                    "halted" => stats.halted,
                    "held" => stats.held,
                    "in_flight" => stats.in_flight,
                    "concurrency" => stats.concurrency,
                    "capacity" => stats.capacity,
                    "oldest_age" => stats.oldest_age.as_micros() as u64,
                    other => panic!("no such figure: {other}"),
                };
                format!("{field}={value}")
            })
            .collect();
        fields.join(" ")
    }

    fn push(&mut self, words: &[&str], out: &mut String) {
        let mut words = words;
        while let Some((name, rest)) = words.split_first() {
            let attributes = rest.iter().take_while(|word| word.contains('=')).count();
            let own = Words::of(&rest[..attributes]);
            own.allow(0, &["in", "lane", "seq", "key"]);
            self.offer(name, &own, out);
            self.drain(out);
            words = &rest[attributes..];
        }
    }

    fn offer(&mut self, name: &str, words: &Words<'_>, out: &mut String) {
        let (now, source) = (self.now, self.source(words));
        let lane = words.number("lane").and_then(|number| Lane::new(number as u32));
        let (answer, handle) = match words.number("seq") {
            None => match self.dispatcher.push(now, source, lane) {
                Ok(handle) => ("accepted", Some(handle)),
                Err(error) => (refusal(error), None),
            },
            Some(seq) => match self.dispatcher.push_at(now, source, lane, seq) {
                Ok(Arrival::Ready(handle)) => ("ready", Some(handle)),
                Ok(Arrival::Held(handle)) => ("held", Some(handle)),
                Ok(Arrival::Duplicate) => ("duplicate", None),
                Ok(Arrival::Late) => ("late", None),
                Ok(Arrival::TooFar) => ("too_far", None),
                Ok(Arrival::Restored) => ("restored", None),
                Err(error) => (refusal(error), None),
            },
        };
        let Some(handle) = handle else { return line(out, &format!("{answer} item={name}")) };
        assert!(
            self.items.iter().all(|(known, old)| known != name && *old != handle),
            "{name} is not new"
        );
        self.items.push((name.to_string(), handle));
        let seq = self.dispatcher.seq_of(handle).expect("it was just accepted");
        line(out, &format!("{answer} seq={seq} item={name}"));
        match words.get("key") {
            None => {}
            Some("raised") => assert!(self.dispatcher.reject(now, handle)),
            Some(other) => panic!("key={other}"),
        }
    }

    fn take(&mut self, words: &Words<'_>, out: &mut String) {
        let (most, source) = (words.plain.first().map(|n| number(n)), self.source(words));
        let mut taken = 0;
        while most.is_none_or(|most| taken < most) {
            let Some(release) = self.dispatcher.poll_release(source) else {
                if taken == 0 || most.is_some() {
                    line(out, "out none");
                }
                return;
            };
            let text = self.outcome("out", release);
            line(out, &text);
            assert!(self.dispatcher.released(self.now, release.handle));
            self.drain(out);
            taken += 1;
        }
    }

    fn drain(&mut self, out: &mut String) {
        loop {
            while let Some(event) = self.dispatcher.poll_event() {
                line(out, &self.event(event));
            }
            if let Some(run) = self.dispatcher.poll_dispatch() {
                let seq = self.dispatcher.seq_of(run.handle).expect("what starts is in flight");
                line(out, &self.run(seq, run));
                continue;
            }
            // the search for a start can settle items whose key raised
            match self.dispatcher.poll_event() {
                Some(event) => line(out, &self.event(event)),
                None => return,
            }
        }
    }

    fn run(&self, seq: u64, run: Run) -> String {
        let number = match run.kind() {
            RunKind::Handler => format!("attempt={}", run.attempt),
            RunKind::HandOver => format!("hand_over={}", run.attempt - HAND_OVERS),
        };
        format!("run seq={seq} {number} item={}", self.name(run.handle))
    }

    fn event(&self, event: Event) -> String {
        match event {
            Event::Signal { handle, attempt, why } => {
                let number = match attempt.checked_sub(HAND_OVERS) {
                    None => format!("attempt={attempt}"),
                    Some(nth) => format!("hand_over={nth}"),
                };
                format!("signal {number} why={} item={}", reason(why), self.name(handle))
            }
            Event::Passed { handle, why } => {
                format!("passed why={} item={}", reason(why), self.name(handle))
            }
            Event::Left { handle, rest, why } => {
                let rest = match rest {
                    Rest::Settled => "settled",
                    Rest::NeverStarted => "never_started",
                    Rest::Unfinished => "unfinished",
                    Rest::Detached => "detached",
                };
                format!(
                    "left rest={rest} why={} item={}",
                    why.map_or("none", reason),
                    self.name(handle)
                )
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
            Event::Expired { handle } => format!("expired item={}", self.name(handle)),
            Event::Halted { handle } => format!("halted item={}", self.name(handle)),
            Event::Completed { handle } => format!("completed item={}", self.name(handle)),
            other => panic!("unknown event {other:?}"),
        }
    }

    /// What stands for numbers that were given up gets a name when it is first seen.
    fn outcome(&mut self, word: &str, release: Release) -> String {
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
        let (seq, attempt, name) = (release.seq, release.attempt, self.name(release.handle));
        format!("{word} seq={seq} attempt={attempt} what={what} item={name}")
    }

    fn item(&self, name: &str) -> Handle {
        if let Some(bits) = name.strip_prefix('#') {
            return Handle::from_bits(number(bits));
        }
        let known = self.items.iter().find(|(known, _)| known == name);
        known.unwrap_or_else(|| panic!("no item {name} was accepted")).1
    }

    fn name(&self, handle: Handle) -> String {
        let known = self.items.iter().find(|(_, known)| *known == handle);
        known.unwrap_or_else(|| panic!("{handle:?} was never given")).0.clone()
    }

    fn source(&self, words: &Words<'_>) -> Source {
        let Some(name) = words.get("in") else {
            return self.sources.first().expect("a source is open").1;
        };
        if let Some(bits) = name.strip_prefix('#') {
            return Source::from_bits(number(bits));
        }
        self.sources
            .iter()
            .find(|(known, _)| known == name)
            .unwrap_or_else(|| panic!("no source {name}"))
            .1
    }

    fn source_name(&self, source: Source) -> &str {
        let known = self.sources.iter().find(|(_, known)| *known == source);
        &known.unwrap_or_else(|| panic!("{source:?} was never given")).0
    }
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("a string takes all");
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

fn refusal(error: PushError) -> &'static str {
    match error {
        PushError::Full => "full",
        PushError::Closed => "closed",
        PushError::Numbering => "numbering",
        PushError::Restored => "restored",
        other => panic!("unknown {other:?}"),
    }
}
