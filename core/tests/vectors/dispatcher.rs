//! The steps of a dispatcher, each followed by the drain of a driver.

use std::fmt::Write as _;

use inorder::{Dispatcher, Lane, Outcome, Resume, SequenceError, Source, SourceOptions, Time};

use super::names::{HAND_OVERS, Names, arrived, completion, pushed};
use super::{Words, checkpoints, id_or_none, number, numbers};

/// The options of a source whose caller gives the numbers.
const NUMBERS: [&str; 6] = ["start", "gap", "gap_timeout", "gap_warning", "wrap", "restart"];

pub(super) struct Bench {
    dispatcher: Dispatcher,
    now: Time,
    names: Names,
}

impl Bench {
    pub(super) fn new(dispatcher: Dispatcher) -> Self {
        Self { dispatcher, now: Time::from_micros(0), names: Names::default() }
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
                    Some(source) => self.names.add_source(words.plain[0], source),
                    None => line(out, "closed"),
                }
            }
            "complete" => {
                words.allow(2, &["attempt", "hand_over", "after"]);
                let outcome = match words.plain[1] {
                    "ok" => Outcome::Ok,
                    "failed" => Outcome::Failed { retry: false, after: words.span("after") },
                    "retry" => Outcome::Failed { retry: true, after: words.span("after") },
                    "cancelled" => Outcome::Cancelled,
                    other => panic!("no outcome: {other}"),
                };
                let attempt = match words.number("hand_over") {
                    Some(nth) => HAND_OVERS + nth as u32,
                    None => words.number("attempt").unwrap_or(1) as u32,
                };
                let handle = self.names.item(words.plain[0]);
                let answer = self.dispatcher.complete(now, handle, attempt, outcome);
                line(out, completion(answer));
            }
            "cancel" | "reject" | "released" | "undelivered" => {
                words.allow(1, &[]);
                let handle = self.names.item(words.plain[0]);
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
                let lent = release.map(|release| self.names.outcome("lent", release));
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
        let item = || self.names.item(words.plain[0]);
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
            "head" => self.dispatcher.head(source()).map(|handle| self.names.item_name(handle)),
            "can_lend" => Some(self.dispatcher.can_lend(source()).to_string()),
            "halted_lanes" => {
                let lanes: Vec<String> =
                    self.dispatcher.halted_lanes().map(|lane| lane.number().to_string()).collect();
                (!lanes.is_empty()).then(|| lanes.join(" "))
            }
            "wants" => Some(self.dispatcher.wants(source()).to_string()),
            "oldest" => self.dispatcher.oldest(source()).map(|seq| seq.to_string()),
            "failed" => self.dispatcher.failed(source()).map(|handle| self.names.item_name(handle)),
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
            "wants_one" => Some(self.dispatcher.wants_one(source()).to_string()),
            "is_full" => Some(self.dispatcher.is_full(source()).to_string()),
            "len" => Some(self.dispatcher.len().to_string()),
            "is_empty" => Some(self.dispatcher.is_empty().to_string()),
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
        let answer = match words.number("seq") {
            None => pushed(self.dispatcher.push(now, source, lane)),
            Some(seq) => arrived(self.dispatcher.push_at(now, source, lane, seq)),
        };
        let is_new = answer.1.is_none_or(|handle| self.names.is_new(name, handle));
        assert!(is_new, "{name} is not new");
        line(out, &self.names.offered(&self.dispatcher, name, answer));
        match (words.get("key"), answer.1) {
            (Some("raised"), Some(handle)) => {
                if !self.dispatcher.reject(now, handle) {
                    line(out, &format!("reject item={name} answer=false"));
                }
            }
            (None | Some("raised"), None) | (None, Some(_)) => {}
            (Some(other), _) => panic!("key={other}"),
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
            let text = self.names.outcome("out", release);
            line(out, &text);
            assert!(self.dispatcher.released(self.now, release.handle));
            self.drain(out);
            taken += 1;
        }
    }

    fn drain(&mut self, out: &mut String) {
        loop {
            while let Some(event) = self.dispatcher.poll_event() {
                line(out, &self.names.event(event));
            }
            if let Some(run) = self.dispatcher.poll_dispatch() {
                line(out, &self.names.run(&self.dispatcher, run));
                continue;
            }
            // the search for a start can settle items whose key raised
            match self.dispatcher.poll_event() {
                Some(event) => line(out, &self.names.event(event)),
                None => return,
            }
        }
    }

    fn source(&self, words: &Words<'_>) -> Source {
        match words.get("in") {
            None => self.names.first_source().expect("a source is open"),
            Some(name) => self.names.source(name),
        }
    }
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("a string takes all");
}
