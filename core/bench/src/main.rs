//! Speed, by that of what people use today: `cargo run --release -p inorder-bench`.

#[rustfmt::skip]
#[allow(clippy::all, clippy::disallowed_methods, reason = "copied as it is")]
mod peers;

use std::future::Future;

use inorder::{Dispatcher, InOrderExt, Options, Outcome, SourceOptions, Time};
use peers::*;

async fn in_order_map<F: Future<Output = u64>>(n: u64, handler: impl Fn(u64) -> F) -> Count {
    drain(
        futures::stream::iter(0..n).in_order_map(Options::new().concurrency(CONCURRENCY), handler),
    )
    .await
}

/// The state machine alone: push, dispatch, complete, release, with as many begun as may be.
fn dispatcher_alone(n: u64, ahead: usize) -> Count {
    let now = Time::from_micros(0);
    let mut dispatcher =
        Dispatcher::new(&Options::new().concurrency(CONCURRENCY)).expect("good options");
    let source = dispatcher.open_source(SourceOptions::new()).expect("it is open");
    let mut seen = Count::default();
    let mut begun = std::collections::VecDeque::new();
    for _ in 0..n {
        dispatcher.push(now, source, None).expect("there is room");
        while let Some(event) = dispatcher.poll_event() {
            std::hint::black_box(event);
        }
        while let Some(run) = dispatcher.poll_dispatch() {
            begun.push_back(run);
        }
        if begun.len() < ahead {
            continue;
        }
        let run = begun.pop_front().expect("some run");
        dispatcher.complete(now, run.handle, run.attempt, Outcome::Ok);
        while let Some(event) = dispatcher.poll_event() {
            std::hint::black_box(event);
        }
        while let Some(run) = dispatcher.poll_dispatch() {
            begun.push_back(run);
        }
        let release = dispatcher.poll_release(source).expect("its turn");
        seen.take(release.seq);
        dispatcher.released(now, release.handle);
        while let Some(event) = dispatcher.poll_event() {
            std::hint::black_box(event);
        }
        while let Some(run) = dispatcher.poll_dispatch() {
            begun.push_back(run);
        }
    }
    seen.count = n;
    seen
}

fn streams<F, H>(n: u64, handler: H) -> Vec<Peer>
where
    F: Future<Output = u64> + Send + 'static,
    H: Fn(u64) -> F + Copy + Send + 'static,
{
    vec![
        ordered("buffered", n, move |n| buffered(n, handler)),
        ordered("inorder", n, move |n| in_order_map(n, handler)),
        Peer::new("dispatcher alone", n, move || {
            let begin = std::time::Instant::now();
            let seen = dispatcher_alone(n, 64);
            (begin.elapsed(), seen)
        }),
        Peer::new("dispatcher alone, one", n, move || {
            let begin = std::time::Instant::now();
            let seen = dispatcher_alone(n, 1);
            (begin.elapsed(), seen)
        }),
        ordered("bare_loop", n, move |n| bare_loop(n, handler)),
        ordered("workers_unordered", n, move |n| workers_unordered(n, handler)),
        ordered("futures_buffered", n, move |n| futures_buffered(n, handler)),
    ]
}

fn main() {
    if let Some(what) = std::env::args().nth(1) {
        for _ in 0..if std::env::var("N").is_ok() { 5 } else { 50 } {
            match what.as_str() {
                "map" => {
                    current_thread(in_order_map(200_000, at_once));
                }
                "alone" => {
                    dispatcher_alone(200_000, 64);
                }
                "one" => {
                    dispatcher_alone(200_000, 1);
                }
                _ => {}
            }
        }
        return;
    }
    table("ordered results, at_once", streams(200_000, at_once), 15);
    table("ordered results, one_turn", streams(100_000, one_turn), 15);
}
