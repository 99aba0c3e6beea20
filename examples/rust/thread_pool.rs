//! The seed document's dispatcher on real threads, as it is in Java, and inorder in front of as many threads.
//!
//! Says what happens as it happens, and prints the figures as one line of JSON.

#[allow(dead_code, reason = "the demo uses more of it")]
mod figures;
mod textbook;

use std::convert::Infallible;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use futures::executor::{ThreadPool, block_on};
use futures::future::join;
use futures::task::SpawnExt;
use inorder::{Options, Processor};
use serde_json::{Value, json};

use crate::figures::Log;
use crate::textbook::OrderedAsyncProcessor;

const WORKERS: usize = 3;
const DOCUMENT: [(&str, [u64; 3]); 2] = [("even", [100, 100, 100]), ("uneven", [300, 100, 200])]; // Data 1, Data 3, Data 2: milliseconds

fn main() {
    let mut rows = Vec::new();
    for (case, spans) in DOCUMENT {
        rows.push(figures(case, "textbook", &spans, textbook));
        rows.push(figures(case, "three", &spans, in_order));
    }
    println!("{}", Value::from(rows));
}

/// The document's way: each thread takes the next item when it has finished one.
fn textbook(spans: &[u64], log: &Arc<Log>) {
    let processor = OrderedAsyncProcessor::new();
    for item in spans.iter().copied().enumerate() {
        processor.enqueue(item);
    }
    let process = async |(index, span)| {
        work(index, span, log);
        came_out(index, log);
    };
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| block_on(processor.process_tasks(process)));
        }
    });
}

/// Ours: the handler gives the work to a thread, and what comes back comes out in order.
fn in_order(spans: &[u64], log: &Arc<Log>) {
    let threads = ThreadPool::builder().pool_size(WORKERS).create().expect("threads are to be had");
    let handle = |(index, span)| {
        let log = Arc::clone(log);
        let working = threads.spawn_with_handle(async move { work(index, span, &log) });
        async move {
            working.expect("the pool takes work").await;
            Ok::<_, Infallible>(index)
        }
    };
    let (processor, driver) = Processor::builder(handle)
        .options(Options::new().concurrency(WORKERS))
        .on_result(|result| {
            if let Ok(index) = result {
                came_out(*index, log);
            }
        })
        .build();
    let enqueue_all = async {
        for item in spans.iter().copied().enumerate() {
            let _ticket = processor.enqueue(item).await.expect("nobody closes it meanwhile");
        }
        processor.close().await.expect("nothing fails");
    };
    block_on(join(driver, enqueue_all));
}

fn work(index: usize, milliseconds: u64, log: &Log) {
    log.started(index);
    eprintln!("Processing {index}");
    thread::sleep(Duration::from_millis(milliseconds));
    log.ended(index);
}

fn came_out(index: usize, log: &Log) {
    log.came_out(index);
    eprintln!("Finished processing {index}");
}

#[expect(clippy::disallowed_methods, reason = "a person watches")]
fn figures(case: &str, way: &str, spans: &[u64], run: fn(&[u64], &Arc<Log>)) -> Value {
    eprintln!("{way}: {spans:?} ms");
    let log = Arc::new(Log::new(spans.len()));
    let begin = Instant::now();
    run(spans, &log);
    let elapsed = u64::try_from(begin.elapsed().as_micros()).expect("it does not run for ages");
    json!({
        "case": case,
        "way": way,
        "overlaps": log.overlaps(spans.iter().map(|_| Some(()))),
        "inversions": log.inversions(),
        "makespan_us": elapsed,
    })
}
