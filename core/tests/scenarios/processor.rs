//! Scenarios of processors.

use std::cell::RefCell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::poll_fn;
use std::hash::Hash;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{FutureExt, Stream};
use inorder::{
    CloseError, Failure, JoinError, Processor, RefusedKind, Report, Resequenced, Results, Resume,
    SequenceError, Ticket, WithLosses,
};

use super::Subject;
use super::building::DELIVERY;
use super::checkpoints;
use super::handler::Item;
use super::log::{Kind, error_of, output_shown, ticket_shown};
use super::seen::{because, show_blocked, show_stats};
use super::words::Words;
use super::world::{Task, VirtualClock, World};

type Tickets = Rc<RefCell<HashMap<String, Rc<RefCell<Ticket<String, String, Item>>>>>>;

/// Plain where nothing can be lost.
enum Iteration<Q: Keyed> {
    Plain(Results<Item, String, String, Q, Item, VirtualClock>),
    WithLosses(WithLosses<Item, String, String, Q, Item, VirtualClock>),
}

type Output = Result<Resequenced<Result<String, Failure<String, Item>>>, SequenceError>;

impl<Q: Keyed> Iteration<Q> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Output>> {
        match self {
            Self::Plain(results) => {
                let next = Pin::new(results).poll_next(cx);
                next.map(|next| next.map(|result| Ok(Resequenced::Item(result))))
            }
            Self::WithLosses(results) => Pin::new(results).poll_next(cx),
        }
    }
}

/// How an iteration is: its stream, and the takes that wait.
struct Taking<Q: Keyed> {
    results: Option<Iteration<Q>>,
    wanted: u64,
}

impl<Q: Keyed> Default for Taking<Q> {
    fn default() -> Self {
        Self { results: None, wanted: 0 }
    }
}

/// A key of a scenario.
pub(crate) trait Keyed: Eq + Hash + Clone + 'static {
    fn of(name: &str) -> Option<Self>;
    fn name(&self) -> String;
}

impl Keyed for String {
    fn of(name: &str) -> Option<Self> {
        Some(name.to_owned())
    }

    fn name(&self) -> String {
        self.clone()
    }
}

impl Keyed for Infallible {
    fn of(_: &str) -> Option<Self> {
        None
    }

    fn name(&self) -> String {
        match *self {}
    }
}

/// A processor under test.
pub(crate) struct Processed<Q: Keyed> {
    world: Rc<World>,
    processor: Rc<Processor<Item, String, String, Q, Item, VirtualClock>>,
    tickets: Tickets,
    offers: HashMap<String, Rc<Task>>,
    iteration: Rc<RefCell<Taking<Q>>>,
    taker: Option<Rc<Task>>,
    /// Nothing comes out behind a failure.
    fails: bool,
    is_sequenced: bool,
}

impl<Q: Keyed> Processed<Q> {
    pub(crate) fn new(
        world: &Rc<World>,
        processor: Processor<Item, String, String, Q, Item, VirtualClock>,
        fails: bool,
        is_sequenced: bool,
    ) -> Self {
        Self {
            world: Rc::clone(world),
            processor: Rc::new(processor),
            tickets: Tickets::default(),
            offers: HashMap::new(),
            iteration: Rc::default(),
            taker: None,
            fails,
            is_sequenced,
        }
    }

    fn enqueue(&mut self, item: Item) {
        let name = item.name.clone();
        self.world.log.asked(&name);
        let (world, processor, tickets) =
            (Rc::clone(&self.world), Rc::clone(&self.processor), Rc::clone(&self.tickets));
        let task = self.world.spawn(async move {
            let name = item.name.clone();
            let offer = match item.seq {
                None => processor.enqueue(item),
                Some(seq) => processor.enqueue_at(seq, item),
            };
            let answer = offer.await;
            world.log.answered(&name);
            match answer {
                Ok(ticket) => accepted(&world, &tickets, name, ticket).await,
                Err(refused) => refuse(&world, &name, refused.kind),
            }
        });
        self.offers.insert(name, task);
    }

    fn enqueue_nowait(&self, item: Item) {
        let name = item.name.clone();
        let answer = match item.seq {
            None => self.processor.try_enqueue(item),
            Some(seq) => self.processor.try_enqueue_at(seq, item),
        };
        match answer {
            Ok(ticket) => {
                let (world, tickets) = (Rc::clone(&self.world), Rc::clone(&self.tickets));
                self.world.spawn(async move { accepted(&world, &tickets, name, ticket).await });
            }
            Err(refused) => refuse(&self.world, &name, refused.kind),
        }
    }

    fn take(&mut self, count: u64) {
        {
            let mut taking = self.iteration.borrow_mut();
            if taking.results.is_none() {
                taking.results = self.processor.results().map(|results| {
                    if self.is_sequenced {
                        Iteration::WithLosses(results.with_losses())
                    } else {
                        Iteration::Plain(results)
                    }
                });
            }
            taking.wanted += count;
        }
        let (world, iteration) = (Rc::clone(&self.world), Rc::clone(&self.iteration));
        let fails = self.fails;
        let taker = self.taker.get_or_insert_with(|| {
            let log = Rc::clone(&world);
            world.spawn(poll_fn(move |cx| {
                while iteration.borrow().wanted > 0 {
                    let mut taking = iteration.borrow_mut();
                    let results = taking.results.as_mut().expect("an iteration");
                    let Poll::Ready(next) = results.poll_next(cx) else { break };
                    taking.wanted -= 1;
                    match next {
                        None => log.log.note(Kind::End, "end"),
                        Some(Ok(Resequenced::Item(Err(failure)))) if fails => {
                            let error = error_of(&failure.kind);
                            log.log.note(Kind::Raised, format!("raised error={error}"));
                        }
                        Some(Ok(output)) => {
                            let output = output_shown(output.as_ref());
                            log.log.note(Kind::Result, format!("result {output}"));
                        }
                        Some(Err(error)) => {
                            log.log.note(Kind::Raised, format!("raised error={}", error.name()));
                        }
                    }
                }
                Poll::Pending
            }))
        });
        taker.wake();
    }
}

/// Awaits a ticket.
async fn accepted(
    world: &World,
    tickets: &Tickets,
    name: String,
    ticket: Ticket<String, String, Item>,
) {
    world.log.number(&name, ticket.seq());
    world.log.note_item(Kind::Accepted, &name, format!("item={name}"));
    let ticket = Rc::new(RefCell::new(ticket));
    tickets.borrow_mut().insert(name.clone(), Rc::clone(&ticket));
    let result = poll_fn(|cx| ticket.borrow_mut().poll_unpin(cx)).await;
    world.log.note_item(Kind::Ticket, &name, ticket_shown(&result));
}

fn refuse(world: &World, name: &str, kind: RefusedKind) {
    let error = match kind {
        RefusedKind::Full => "full",
        RefusedKind::Closed => "closed",
        RefusedKind::Duplicate => "duplicate",
        RefusedKind::Late => "late",
        RefusedKind::TooFar => "too_far",
        RefusedKind::Numbering | _ => panic!("{kind}"),
    };
    world.log.note(Kind::Refused, format!("refused item={name} error={error}"));
}

type Closed = Result<Arc<Report<Item, Item>>, CloseError<Item, String, Item>>;

impl<Q: Keyed> Subject for Processed<Q> {
    fn act(&mut self, command: &str, words: &Words<'_>) {
        if self.world.handlers.act(command, words) {
            return;
        }
        let log = &self.world.log;
        match command {
            "enqueue" => self.enqueue(Item::of(words)),
            "enqueue_nowait" => self.enqueue_nowait(Item::of(words)),
            "cancel_offer" => {
                let name = words.plain[0];
                self.offers[name].stop();
                log.note(Kind::Refused, format!("refused item={name} error=cancelled"));
            }
            "cancel" => {
                let name = words.plain[0];
                let answer = self.tickets.borrow()[name].borrow().cancel();
                log.note(Kind::Cancel, format!("cancel item={name} answer={answer}"));
            }
            "take" => {
                self.take(words.plain.first().map_or(1, |count| count.parse().expect("a number")));
            }
            "cancel_take" => self.iteration.borrow_mut().wanted -= 1,
            "leave" => {
                let results = self.iteration.borrow_mut().results.take();
                drop(results);
                log.note(Kind::Left, "left");
            }
            "pause" => self.processor.pause(),
            "resume" => self.processor.resume(),
            "set" => {
                let limits = [
                    words
                        .number("concurrency")
                        .map(|it| self.processor.set_concurrency(it as usize)),
                    words.number("capacity").map(|it| self.processor.set_capacity(it as usize)),
                ];
                if let Some(Err(error)) = limits.into_iter().flatten().find(Result::is_err) {
                    let text = error.to_string();
                    let name = words.names().find(|name| text.contains(name));
                    log.error_options(name.expect("a named option"));
                }
            }
            "resume_key" => {
                let key = words.plain[0];
                let how = match words.plain[1] {
                    "retry" => Resume::Retry,
                    "skip" => Resume::Skip,
                    "dead_letter" => Resume::DeadLetter,
                    how => panic!("no resume {how}"),
                };
                let answer = Q::of(key).is_some_and(|key| self.processor.resume_key(&key, how));
                log.note(Kind::ResumeKey, format!("resume_key key={key} answer={answer}"));
            }
            "halted_keys" => {
                let mut keys: Vec<_> =
                    self.processor.halted_keys().iter().map(Keyed::name).collect();
                keys.sort();
                let keys = if keys.is_empty() { "-".to_owned() } else { keys.join(",") };
                log.note(Kind::HaltedKeys, format!("halted_keys {keys}"));
            }
            "deliver" => self.world.handlers.settle(DELIVERY, Ok(String::new())),
            "deliver_fail" => self.world.handlers.settle(DELIVERY, Err(words.plain[0].to_owned())),
            "join" => {
                let (world, join) = (Rc::clone(&self.world), self.processor.join());
                self.world.spawn(async move {
                    let error = join.await.err();
                    world.log.note(
                        Kind::Join,
                        format!("join{}", because(error.as_ref().and_then(JoinError::stop))),
                    );
                });
            }
            "close" | "abort" => {
                let (kind, close) = match (command, words.number("timeout")) {
                    ("close", None) => (Kind::Close, self.processor.close()),
                    ("close", Some(timeout)) => {
                        (Kind::Close, self.processor.close_within(Duration::from_micros(timeout)))
                    }
                    _ => (Kind::Abort, self.processor.abort()),
                };
                let (world, name) = (Rc::clone(&self.world), command.to_owned());
                self.world.spawn(async move {
                    let closed = close.await;
                    world.log.note(kind, format!("{name}{}", show_closed(&world, &closed)));
                });
            }
            "checkpoint" => {
                let checkpoint = self.processor.checkpoint().expect("it was asked for");
                let text = format!("checkpoint {}", checkpoints::shown(&checkpoint));
                log.note(Kind::Checkpoint, text);
            }
            "stats" => log.note(Kind::Stats, show_stats(&self.processor.stats(), words)),
            "why_blocked" => {
                log.note(Kind::WhyBlocked, show_blocked(self.processor.why_blocked().as_ref()));
            }
            _ => panic!("no step {command}"),
        }
    }
}

fn show_closed(world: &World, closed: &Closed) -> String {
    let (stop, report) = match closed {
        Ok(report) => (None, report),
        Err(error) => (error.stop(), error.report().expect("it is awaited outside")),
    };
    format!(
        "{} released={} unfinished={} never_started={} detached={}",
        because(stop),
        report.released,
        world.log.names(&report.unfinished),
        world.log.names(&report.never_started),
        world.log.names(&report.detached),
    )
}
