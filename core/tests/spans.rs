//! The feature `tracing`: what a subscriber is told.
#![cfg(feature = "tracing")]

#[path = "common/hasty.rs"]
mod hasty;
#[path = "common/one_turn.rs"]
mod one_turn;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::executor::block_on;
use futures::future::join;
use futures::stream::{self, StreamExt};
use inorder::{Failure, InOrderExt, OnFailure, Options, Processor, Resume, Retry};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use hasty::Hasty;
use one_turn::one_turn;

/// What was told, line by line.
#[derive(Clone, Default)]
struct Log(Arc<Told>);

#[derive(Default)]
struct Told {
    spans: AtomicU64,
    names: Mutex<BTreeMap<u64, String>>,
    entered: Mutex<Vec<u64>>,
    lines: Mutex<Vec<String>>,
}

impl Log {
    /// What is told meanwhile, and nothing is left open.
    fn lines(work: impl FnOnce()) -> Vec<String> {
        let log = Self::default();
        tracing::subscriber::with_default(log.clone(), work);
        assert_eq!(*log.0.entered.lock().unwrap(), [], "every span was left");
        assert!(log.0.names.lock().unwrap().is_empty(), "every span was closed");
        let lines = log.0.lines.lock().unwrap();
        lines.clone()
    }

    fn say(&self, line: String) {
        self.0.lines.lock().unwrap().push(line);
    }

    fn name(&self, span: u64) -> String {
        self.0.names.lock().unwrap()[&span].clone()
    }
}

/// Fields in their order.
struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => write!(self.0, " {value:?}").unwrap(),
            name => write!(self.0, " {name}={value:?}").unwrap(),
        }
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "inorder"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields(span.metadata().name().to_owned());
        span.record(&mut fields);
        let id = self.0.spans.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.names.lock().unwrap().insert(id, fields.0);
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(event.metadata().level().to_string());
        event.record(&mut fields);
        let within = self.0.entered.lock().unwrap().last().copied();
        let within = within.map_or(String::new(), |span| format!(" in {}", self.name(span)));
        self.say(fields.0 + &within);
    }

    fn enter(&self, span: &Id) {
        self.say(format!("> {}", self.name(span.into_u64())));
        self.0.entered.lock().unwrap().push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        assert_eq!(self.0.entered.lock().unwrap().pop(), Some(span.into_u64()));
    }

    fn try_close(&self, span: Id) -> bool {
        self.0.names.lock().unwrap().remove(&span.into_u64()).is_some()
    }
}

/// Says where it is, at its begin and at its drop.
struct Here(&'static str);

impl Drop for Here {
    fn drop(&mut self) {
        tracing::info!(target: "inorder", "{} is dropped", self.0);
    }
}

#[test]
fn each_attempt_has_a_span_around_its_calls_polls_and_drop() {
    let lines = Log::lines(|| {
        let handler = |word: &'static str| {
            tracing::info!(target: "inorder", "{word} is called");
            let here = Here(word);
            async move {
                one_turn().await;
                drop(here);
            }
        };
        let results = stream::iter(["a", "b"]).in_order_map(Options::new(), handler);
        assert_eq!(block_on(results.count()), 2);
    });
    let of = |seq: u64, word: &str| {
        let span = format!("attempt seq={seq} attempt=1");
        vec![
            format!("> {span}"),
            format!("INFO {word} is called in {span}"),
            format!("> {span}"),
            format!("INFO {word} is dropped in {span}"),
            format!("> {span}"),
        ]
    };
    assert_eq!(lines, [of(0, "a"), of(1, "b")].concat());
}

#[test]
fn a_handler_that_is_stopped_is_dropped_inside_of_its_span() {
    let lines = Log::lines(|| {
        let results = stream::iter([()])
            .in_order(Options::new().timeout(Duration::from_secs(1)), async |()| {
                let _here = Here("it");
                pending::<Result<(), ()>>().await
            })
            .clock(Hasty::default());
        assert_eq!(block_on(results.count()), 1);
    });
    let span = "attempt seq=0 attempt=1";
    assert_eq!(
        lines,
        [
            format!("> {span}"),
            format!("> {span}"),
            format!("INFO it is dropped in {span}"),
            "DEBUG timeout seq=0 attempt=1".to_owned(),
            "DEBUG failure seq=0 attempt=1".to_owned(),
        ]
    );
}

fn without_spans(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).filter(|line| !line.starts_with('>')).collect()
}

#[test]
fn retries_timeouts_and_failures_of_a_stream_are_told() {
    let lines = Log::lines(|| {
        let options = Options::new()
            .on_failure(OnFailure::Skip)
            .timeout(Duration::from_secs(1))
            .total_timeout(Duration::from_secs(60));
        let results = stream::iter([0, 1, 2])
            .in_order(options, async |n| match n {
                0 => Ok(()),
                1 => Err("bad"),
                _ => pending().await,
            })
            .clock(Hasty::default())
            .retry(Retry::new(2).jitter(false), i32::clone);
        assert_eq!(block_on(results.count()), 1);
    });
    assert_eq!(
        without_spans(&lines),
        [
            "DEBUG retry seq=1 attempt=1",
            "DEBUG failure seq=1 attempt=2",
            "DEBUG timeout seq=2 attempt=1",
            "DEBUG retry seq=2 attempt=1",
            "DEBUG timeout seq=2 attempt=2",
            "DEBUG failure seq=2 attempt=2",
        ]
    );
}

#[test]
fn dead_letters_of_a_processor_are_told() {
    let lines = Log::lines(|| {
        let refusals = Cell::new(1);
        let (p, driver) = Processor::builder(async |_: u32| Err::<(), _>("bad"))
            .options(Options::new().on_failure(OnFailure::DeadLetter))
            .clock(Hasty::default())
            .key(|n| n % 2)
            .dead_letter(async |_: &Failure<_>| match refusals.replace(0) {
                0 => Ok(()),
                _ => Err(()),
            })
            .build();
        let work = async {
            let ticket = p.enqueue(7).await.unwrap();
            assert!(ticket.await.is_err());
            p.close().await.unwrap();
        };
        block_on(join(driver, work));
    });
    assert_eq!(
        lines,
        [
            "> attempt seq=0 attempt=1 lane=0",
            "> attempt seq=0 attempt=1 lane=0",
            "DEBUG failure seq=0 attempt=1",
            "> dead_letter seq=0 attempt=1",
            "> dead_letter seq=0 attempt=1",
            "WARN dead letter not received seq=0 attempt=1",
            "> dead_letter seq=0 attempt=2",
            "> dead_letter seq=0 attempt=2",
            "DEBUG dead letter seq=0 attempt=2",
        ]
    );
}

#[test]
fn halted_keys_and_the_ends_of_items_are_told() {
    let lines = Log::lines(|| {
        let options = Options::new()
            .on_failure(OnFailure::HaltKey)
            .concurrency(2)
            .timeout(Duration::from_secs(1))
            .total_timeout(Duration::from_millis(1_500));
        let (p, driver) = Processor::builder(async |n: u32| match n {
            0 => Err("bad"),
            _ => pending::<Result<(), _>>().await,
        })
        .options(options)
        .clock(Hasty::default())
        .key(|n| n % 2)
        .on_halt(|_| ())
        .build();
        let work = async {
            let tickets = [0, 2, 1].map(|n| p.try_enqueue(n).unwrap());
            while p.halted_keys().len() < 2 {
                one_turn().await;
            }
            assert!(p.resume_key(&0, Resume::Skip) && p.resume_key(&1, Resume::Skip));
            p.close().await.unwrap();
            for ticket in tickets {
                assert!(ticket.await.is_err());
            }
        };
        block_on(join(driver, work));
    });
    assert_eq!(
        without_spans(&lines),
        [
            "DEBUG failure seq=0 attempt=1",
            "WARN halt seq=0 attempt=1",
            "DEBUG timeout seq=2 attempt=1",
            "DEBUG failure seq=2 attempt=1",
            "WARN halt seq=2 attempt=1",
            "DEBUG total timeout seq=1",
            "DEBUG failure seq=1",
            "WARN halt seq=1 attempt=0",
        ]
    );
}
