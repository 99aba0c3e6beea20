//! Scenarios of processors.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::hash::Hash;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, Stream};
use inorder::{
    Blocked, Builder, CloseError, Delivery, Options, Processor, RefusedKind, Report, Results,
    Stats, Stop, Ticket,
};

use super::Subject;
use super::handler::{Item, handle, settled};
use super::log::{Kind, shown, ticket_shown};
use super::words::Words;
use super::world::{Task, VirtualClock, World};

type Tickets = Rc<RefCell<HashMap<String, Rc<RefCell<Ticket<String, String>>>>>>;

/// The name under which the steps `deliver` and `deliver_fail` settle.
const DELIVERY: &str = "on_result";

pub(crate) fn build(world: &Rc<World>, options: Options, header: &Words<'_>) -> Box<dyn Subject> {
    let handler = {
        let world = Rc::clone(world);
        move |item| handle(&world, item)
    };
    let mut builder =
        Processor::builder(handler).options(options).clock(VirtualClock(Rc::clone(world)));
    if header.get("sequenced") == Some("true") {
        builder = builder.sequenced(header.number("start").unwrap_or(0));
    }
    if header.get("key").is_some() {
        with_delivery(world, builder.optional_key(|item: &Item| item.key.clone()), header)
    } else {
        with_delivery(world, builder, header)
    }
}

fn with_delivery<H, F, Q, D>(
    world: &Rc<World>,
    builder: Builder<Item, String, String, H, Q, (), VirtualClock, D>,
    header: &Words<'_>,
) -> Box<dyn Subject>
where
    H: FnMut(Item) -> F + 'static,
    F: Future<Output = Result<String, String>> + 'static,
    Q: Eq + Hash + 'static,
    D: Delivery<String, String, ()> + 'static,
{
    let called = {
        let world = Rc::clone(world);
        move |result: &_| world.log.note(Kind::OnResult, format!("on_result {}", shown(result)))
    };
    match header.get("on_result") {
        None => finish(world, builder),
        Some("at_once") => finish(world, builder.on_result(called)),
        Some("async") => {
            let inner = Rc::clone(world);
            let called = async move |result: &_| {
                called(result);
                settled(&inner, DELIVERY).await.map(drop)
            };
            finish(world, builder.on_result_async(called))
        }
        Some(how) => panic!("no on_result={how}"),
    }
}

fn finish<H, F, Q, D>(
    world: &Rc<World>,
    builder: Builder<Item, String, String, H, Q, (), VirtualClock, D>,
) -> Box<dyn Subject>
where
    H: FnMut(Item) -> F + 'static,
    F: Future<Output = Result<String, String>> + 'static,
    Q: Eq + Hash + 'static,
    D: Delivery<String, String, ()> + 'static,
{
    let (processor, driver) = builder.build();
    world.spawn(driver);
    Box::new(Processed {
        world: Rc::clone(world),
        processor: Rc::new(processor),
        tickets: Tickets::default(),
        offers: HashMap::new(),
        iteration: Rc::default(),
        taker: None,
    })
}

type Iteration<Q> = Results<Item, String, String, Q, (), VirtualClock>;

/// How an iteration is: its stream, and the takes that wait.
struct Taking<Q: Eq + Hash> {
    results: Option<Iteration<Q>>,
    wanted: u64,
}

impl<Q: Eq + Hash> Default for Taking<Q> {
    fn default() -> Self {
        Self { results: None, wanted: 0 }
    }
}

/// A processor under test.
struct Processed<Q: Eq + Hash> {
    world: Rc<World>,
    processor: Rc<Processor<Item, String, String, Q, (), VirtualClock>>,
    tickets: Tickets,
    offers: HashMap<String, Rc<Task>>,
    iteration: Rc<RefCell<Taking<Q>>>,
    taker: Option<Rc<Task>>,
}

impl<Q: Eq + Hash + 'static> Processed<Q> {
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
                taking.results = self.processor.results();
            }
            taking.wanted += count;
        }
        let (world, iteration) = (Rc::clone(&self.world), Rc::clone(&self.iteration));
        let taker = self.taker.get_or_insert_with(|| {
            let log = Rc::clone(&world);
            world.spawn(poll_fn(move |cx| {
                while iteration.borrow().wanted > 0 {
                    let mut taking = iteration.borrow_mut();
                    let results = taking.results.as_mut().expect("an iteration");
                    let std::task::Poll::Ready(next) = Pin::new(results).poll_next(cx) else {
                        break;
                    };
                    taking.wanted -= 1;
                    match next {
                        None => log.log.note(Kind::End, "end"),
                        Some(Err(failure))
                            if matches!(failure.kind, inorder::FailureKind::Stopped(_)) =>
                        {
                            let error = failure.error().expect("it has one");
                            log.log.note(Kind::Raised, format!("raised error={error}"));
                        }
                        Some(result) => {
                            log.log.note(Kind::Result, format!("result {}", shown(&result)));
                        }
                    }
                }
                std::task::Poll::Pending
            }))
        });
        taker.wake();
    }
}

/// Awaits a ticket.
async fn accepted(world: &World, tickets: &Tickets, name: String, ticket: Ticket<String, String>) {
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

type Closed = Result<Arc<Report<Item>>, CloseError<Item, String>>;

impl<Q: Eq + Hash + 'static> Subject for Processed<Q> {
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
            "deliver" => self.world.handlers.settle(DELIVERY, Ok(String::new())),
            "deliver_fail" => self.world.handlers.settle(DELIVERY, Err(words.plain[0].to_owned())),
            "join" => {
                let (world, join) = (Rc::clone(&self.world), self.processor.join());
                self.world.spawn(async move {
                    let error = join.await.err();
                    world.log.note(Kind::Join, format!("join{}", because(error.as_ref())));
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
            "stats" => log.note(Kind::Stats, show_stats(&self.processor.stats(), words)),
            "why_blocked" => {
                log.note(Kind::WhyBlocked, show_blocked(self.processor.why_blocked().as_ref()));
            }
            _ => panic!("no step {command}"),
        }
    }
}

fn because(stop: Option<&Stop<String>>) -> String {
    stop.map_or(String::new(), |stop| format!(" error={}", stop.error))
}

fn show_closed(world: &World, closed: &Closed) -> String {
    let (stop, report) = match closed {
        Ok(report) => (None, report),
        Err(error) => (Some(&error.stop), &error.report),
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

pub(crate) fn show_stats(stats: &Stats, words: &Words<'_>) -> String {
    let all = [
        ("accepted", stats.accepted),
        ("started", stats.started),
        ("ok", stats.ok),
        ("failed", stats.failed),
        ("cancelled", stats.cancelled),
        ("released", stats.released),
        ("ignored", stats.ignored),
        ("refused", stats.refused),
        ("late", stats.late),
        ("duplicate", stats.duplicate),
        ("stale", stats.stale),
        ("queued", stats.queued),
        ("running", stats.running),
        ("held", stats.held),
        ("in_flight", stats.in_flight),
        ("concurrency", stats.concurrency),
        ("capacity", stats.capacity),
        ("oldest_age", stats.oldest_age.as_micros() as u64),
    ];
    let shown = |name: &str| {
        let (_, value) = all.iter().find(|(other, _)| *other == name).expect("a field");
        format!(" {name}={value}")
    };
    let fields: String = if words.plain.is_empty() {
        all.iter().map(|(name, _)| shown(name)).collect()
    } else {
        words.plain.iter().map(|name| shown(name)).collect()
    };
    format!("stats{fields}")
}

pub(crate) fn show_blocked(blocked: Option<&Blocked>) -> String {
    let Some(blocked) = blocked else { return "why_blocked none".to_owned() };
    format!(
        "why_blocked seq={} attempt={} age={} waiting={} state={}",
        blocked.seq,
        blocked.attempt,
        blocked.age.as_micros(),
        blocked.waiting,
        blocked.state.name()
    )
}
