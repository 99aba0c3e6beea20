//! The dispatcher of a run, which is written down if that is wanted. All that is said to it goes through here.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use inorder::{
    Arrival, Blocked, Checkpoint, CheckpointError, Completion, Dispatcher, Event, Handle, Lane,
    OptionsError, Outcome, PushError, Release, Resume, Run, Seq, SequenceError, Source,
    SourceOptions, Stats, Time,
};

use crate::config::Config;
use crate::numbers::Numbering;
use crate::record::{Record, restored};
use crate::steps::Step;
use crate::vectors::names::{arrived, completion, pushed};
use crate::words::{ended, resumed, span};

/// Outside of the run, so that it outlives a panic.
pub(crate) type Shared = Rc<RefCell<Record>>;

/// What is looked at.
#[derive(Clone, Copy)]
enum At {
    Source(Source),
    Item(Handle),
    All,
}

#[derive(Debug)]
pub(crate) struct Recorded {
    dispatcher: Dispatcher,
    record: Option<Shared>,
}

impl Recorded {
    pub(crate) fn new(config: &Config, record: Option<Shared>) -> Self {
        let dispatcher = Dispatcher::new(&config.options()).expect("the configuration is allowed");
        let new = Self { dispatcher, record };
        new.note(|record, _| record.begin(config));
        new
    }

    pub(crate) fn record(&self) -> Option<Shared> {
        self.record.clone()
    }

    /// What is said from now on is said by this step.
    pub(crate) fn follows(&self, step: Step) {
        self.note(|record, _| record.steps.push(step));
    }

    fn note<T>(&self, with: impl FnOnce(&mut Record, &Dispatcher) -> T) -> Option<T> {
        let record = self.record.as_ref()?;
        Some(with(&mut record.borrow_mut(), &self.dispatcher))
    }

    fn says(&self, now: Time, step: impl FnOnce(&Record) -> String) {
        self.note(|record, _| {
            let step = step(record);
            record.step(Some(now), &step);
        });
    }

    fn says_plainly(&self, now: Time, step: &str) {
        self.note(|record, _| record.step(Some(now), step));
    }

    fn says_of(&self, now: Time, command: &str, source: Source, words: impl FnOnce() -> String) {
        self.says(now, |record| format!("{command}{}{}", words(), record.of(source)));
    }

    fn says_of_item(&self, now: Time, command: &str, handle: Handle) {
        self.says(now, |record| format!("{command} {}", record.names.item_name(handle)));
    }

    fn answers(&self, command: &str, handle: Handle, answer: bool) -> bool {
        self.note(|record, _| {
            let name = record.names.item_name(handle);
            record.line(&format!("{command} item={name} answer={answer}"));
        });
        answer
    }

    // commands

    pub(crate) fn open_source(
        &mut self,
        keyed: bool,
        acknowledged: bool,
        numbering: Option<Numbering>,
    ) -> Option<Source> {
        let mut options = SourceOptions::new().keyed(keyed).acknowledged(acknowledged);
        if let Some(numbering) = numbering {
            options = options
                .sequenced_with(numbering.options())
                .losses_come_out(numbering.losses_come_out);
        }
        let name = self.note(|record, _| record.opened(keyed, acknowledged, numbering.as_ref()));
        let given = self.dispatcher.open_source(options);
        self.note(|record, dispatcher| match (given, dispatcher.check_source(&options)) {
            (Some(source), _) => record.names.add_source(&name.unwrap_or_default(), source),
            (None, Ok(())) => record.line("closed"),
            (None, Err(error)) => record.line(&format!("error {error}")),
        });
        given
    }

    pub(crate) fn restore(
        &mut self,
        source: Source,
        checkpoint: &Checkpoint,
        committed: Option<Seq>,
    ) -> Result<(), CheckpointError> {
        self.note(|record, _| {
            let (words, source) = (restored(checkpoint, committed), record.of(source));
            record.step(None, &format!("restore {words}{source}"));
        });
        let answer = self.dispatcher.restore(source, checkpoint, committed);
        self.note(|record, _| match &answer {
            Ok(()) => record.line("restore ok"),
            Err(error) => record.line(&format!("restore error {error}")),
        });
        answer
    }

    pub(crate) fn push(
        &mut self,
        now: Time,
        source: Source,
        lane: Option<Lane>,
    ) -> Result<Handle, PushError> {
        let name = self.note(|record, _| record.offered(now, source, lane, None));
        let answer = self.dispatcher.push(now, source, lane);
        self.offered(name, || pushed(answer));
        answer
    }

    pub(crate) fn push_at(
        &mut self,
        now: Time,
        source: Source,
        lane: Option<Lane>,
        seq: Seq,
    ) -> Result<Arrival, PushError> {
        let name = self.note(|record, _| record.offered(now, source, lane, Some(seq)));
        let answer = self.dispatcher.push_at(now, source, lane, seq);
        self.offered(name, || arrived(answer));
        answer
    }

    fn offered(
        &self,
        name: Option<String>,
        answer: impl FnOnce() -> (&'static str, Option<Handle>),
    ) {
        self.note(|record, dispatcher| {
            let (answer, name) = (answer(), name.unwrap_or_default());
            let text = record.names.offered(dispatcher, &name, answer);
            record.line(&text);
            if let Some(handle) = answer.1 {
                record.taken(handle);
            }
        });
    }

    pub(crate) fn reject(&mut self, now: Time, handle: Handle) -> bool {
        let is_own_step = self.note(|record, _| !record.rejected(handle));
        if is_own_step == Some(true) {
            self.says_of_item(now, "reject", handle);
        }
        let answer = self.dispatcher.reject(now, handle);
        if answer && is_own_step == Some(false) {
            return answer;
        }
        self.answers("reject", handle, answer)
    }

    pub(crate) fn complete(
        &mut self,
        now: Time,
        handle: Handle,
        attempt: u32,
        outcome: Outcome,
    ) -> Completion {
        self.says(now, |record| {
            format!("complete {} {}", record.names.item_name(handle), ended(attempt, outcome))
        });
        let answer = self.dispatcher.complete(now, handle, attempt, outcome);
        self.note(|record, _| record.line(completion(answer)));
        answer
    }

    pub(crate) fn cancel(&mut self, now: Time, handle: Handle) -> bool {
        self.says_of_item(now, "cancel", handle);
        let answer = self.dispatcher.cancel(now, handle);
        self.answers("cancel", handle, answer)
    }

    pub(crate) fn released(&mut self, now: Time, handle: Handle) -> bool {
        self.says_of_item(now, "released", handle);
        let answer = self.dispatcher.released(now, handle);
        self.answers("released", handle, answer)
    }

    pub(crate) fn undelivered(&mut self, now: Time, handle: Handle) -> bool {
        self.says_of_item(now, "undelivered", handle);
        let answer = self.dispatcher.undelivered(now, handle);
        self.answers("undelivered", handle, answer)
    }

    pub(crate) fn resume_lane(&mut self, now: Time, lane: Lane, how: Resume) -> bool {
        self.says(now, |_| format!("resume {} lane={}", resumed(how), lane.number()));
        let answer = self.dispatcher.resume_lane(now, lane, how);
        self.note(|record, _| {
            record.line(&format!("resume lane={} answer={answer}", lane.number()));
        });
        answer
    }

    pub(crate) fn set_limits(
        &mut self,
        now: Time,
        concurrency: usize,
        capacity: usize,
    ) -> Result<(), OptionsError> {
        self.says(now, |_| format!("limits concurrency={concurrency} capacity={capacity}"));
        let answer = self.dispatcher.set_limits(now, concurrency, capacity);
        if let Err(error) = &answer {
            self.note(|record, _| record.line(&format!("error {error}")));
        }
        answer
    }

    pub(crate) fn end(&mut self, now: Time, source: Source) {
        self.says_of(now, "end", source, String::new);
        self.dispatcher.end(now, source);
    }

    pub(crate) fn taking(&mut self, now: Time, source: Source, taking: bool) {
        self.says_of(now, "taking", source, || format!(" {taking}"));
        self.dispatcher.taking(now, source, taking);
    }

    pub(crate) fn stop(&mut self, now: Time, source: Source, from: Seq) {
        self.says_of(now, "stop", source, || format!(" from={from}"));
        self.dispatcher.stop(now, source, from);
    }

    pub(crate) fn revoke(&mut self, now: Time, source: Source, timeout: Option<Duration>) {
        self.says_of(now, "revoke", source, || span("timeout", timeout));
        self.dispatcher.revoke(now, source, timeout);
    }

    pub(crate) fn fence(&mut self, now: Time, source: Source) {
        self.says_of(now, "fence", source, String::new);
        self.dispatcher.fence(now, source);
    }

    pub(crate) fn close(&mut self, now: Time, timeout: Option<Duration>) {
        self.says(now, |_| format!("close{}", span("timeout", timeout)));
        self.dispatcher.close(now, timeout);
    }

    pub(crate) fn refuse(&mut self, now: Time) {
        self.says_plainly(now, "refuse");
        self.dispatcher.refuse(now);
    }

    pub(crate) fn pause(&mut self, now: Time) {
        self.says_plainly(now, "pause");
        self.dispatcher.pause(now);
    }

    pub(crate) fn unpause(&mut self, now: Time) {
        self.says_plainly(now, "unpause");
        self.dispatcher.unpause(now);
    }

    pub(crate) fn handle_timeout(&mut self, now: Time) {
        self.says_plainly(now, "timeout");
        self.dispatcher.handle_timeout(now);
    }

    // polls

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        let event = self.dispatcher.poll_event();
        self.note(|record, _| {
            record.drained();
            event.into_iter().for_each(|event| record.line(&record.names.event(event)));
        });
        event
    }

    pub(crate) fn poll_dispatch(&mut self) -> Option<Run> {
        let run = self.dispatcher.poll_dispatch();
        self.note(|record, dispatcher| {
            record.drained();
            run.into_iter().for_each(|run| record.line(&record.names.run(dispatcher, run)));
        });
        run
    }

    pub(crate) fn poll_release(&mut self, source: Source) -> Option<Release> {
        self.note(|record, _| record.step(None, &format!("lend{}", record.of(source))));
        let release = self.dispatcher.poll_release(source);
        self.note(|record, _| {
            let lent = release.map(|release| record.names.outcome("lent", release));
            record.line(lent.as_deref().unwrap_or("lent none"));
        });
        release
    }

    // getters

    /// Notes how a step would ask for it. It is often called: without a record it does nothing else.
    fn look(&self, getter: &str, at: At) -> &Dispatcher {
        if let Some(record) = &self.record {
            let mut record = record.borrow_mut();
            let of = match at {
                At::Source(source) => record.of(source),
                At::Item(handle) => format!(" {}", record.names.item_name(handle)),
                At::All => String::new(),
            };
            record.asks(None, &format!("{getter}{of}"));
        }
        &self.dispatcher
    }

    pub(crate) fn wants(&self, source: Source) -> usize {
        self.look("wants", At::Source(source)).wants(source)
    }

    pub(crate) fn wants_one(&self, source: Source) -> bool {
        self.look("wants_one", At::Source(source)).wants_one(source)
    }

    pub(crate) fn is_full(&self, source: Source) -> bool {
        self.look("is_full", At::Source(source)).is_full(source)
    }

    pub(crate) fn oldest(&self, source: Source) -> Option<Seq> {
        self.look("oldest", At::Source(source)).oldest(source)
    }

    pub(crate) fn gap_error(&self, source: Source) -> Option<(Seq, SequenceError)> {
        self.look("gap_error", At::Source(source)).gap_error(source)
    }

    pub(crate) fn failed(&self, source: Source) -> Option<Handle> {
        self.look("failed", At::Source(source)).failed(source)
    }

    pub(crate) fn head(&self, source: Source) -> Option<Handle> {
        self.look("head", At::Source(source)).head(source)
    }

    pub(crate) fn checkpoint(&self, source: Source) -> Option<Checkpoint> {
        self.look("checkpoint", At::Source(source)).checkpoint(source)
    }

    pub(crate) fn can_lend(&self, source: Source) -> bool {
        self.look("can_lend", At::Source(source)).can_lend(source)
    }

    pub(crate) fn seq_of(&self, handle: Handle) -> Option<Seq> {
        self.look("seq_of", At::Item(handle)).seq_of(handle)
    }

    pub(crate) fn lane_of(&self, handle: Handle) -> Option<Lane> {
        self.look("lane_of", At::Item(handle)).lane_of(handle)
    }

    pub(crate) fn len(&self) -> usize {
        self.look("len", At::All).len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.look("is_empty", At::All).is_empty()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        self.look("poll_timeout", At::All).poll_timeout()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.look("is_closed", At::All).is_closed()
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.look("is_drained", At::All).is_drained()
    }

    pub(crate) fn why_blocked(&self, now: Time, source: Source) -> Option<Blocked> {
        self.note(|record, _| {
            let step = format!("why_blocked{}", record.of(source));
            record.asks(Some(now), &step);
        });
        self.dispatcher.why_blocked(now, source)
    }

    pub(crate) fn halted_lanes(&self) -> Vec<Lane> {
        self.look("halted_lanes", At::All).halted_lanes().collect()
    }

    /// Which of the figures is looked at, [`asks_figure`](Self::asks_figure) says.
    pub(crate) fn stats(&self, now: Time) -> Stats {
        self.note(|record, _| record.asks_nothing());
        self.dispatcher.stats(now)
    }

    pub(crate) fn asks_figure(&self, now: Time, name: &str) {
        self.note(|record, _| record.asks(Some(now), &format!("stats {name}")));
    }
}
