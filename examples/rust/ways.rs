//! The same items, the textbook's way and ours. Both only sleep, so they run in virtual time as well as live.

use std::convert::Infallible;
use std::sync::Arc;

use futures::future::{join, join_all};
use inorder::{Options, Processor};

use crate::clock::Clock;
use crate::figures::Log;
use crate::textbook::OrderedAsyncProcessor;

/// One thing to process: its place in the input, its key and how long it takes, in microseconds.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) index: usize,
    pub(crate) key: Option<String>,
    pub(crate) duration: u64,
}

async fn work(item: &Item, log: &Log, clock: &Clock) {
    log.started(item.index);
    clock.sleep(item.duration).await;
    log.ended(item.index);
}

pub(crate) async fn textbook(items: &[Item], log: &Log, clock: &Clock, workers: usize) {
    let processor = OrderedAsyncProcessor::new();
    for item in items {
        processor.enqueue(item);
    }
    let process = async |item: &Item| {
        work(item, log, clock).await;
        log.came_out(item.index);
    };
    join_all((0..workers).map(|_| processor.process_tasks(process))).await;
}

pub(crate) async fn in_order(
    items: &[Item],
    log: &Arc<Log>,
    clock: &Clock,
    concurrency: usize,
    keyed: bool,
) {
    let handle = |item: Item| async move {
        work(&item, log, clock).await;
        Ok::<_, Infallible>(item)
    };
    let (processor, driver) = Processor::builder(handle)
        .options(Options::new().concurrency(concurrency))
        .optional_key(move |item: &Item| item.key.clone().filter(|_| keyed))
        .on_result(|result| {
            if let Ok(item) = result {
                log.came_out(item.index);
            }
        })
        .build();
    let enqueue_all = async {
        for item in items {
            let _ticket =
                processor.enqueue(item.clone()).await.expect("nobody closes it meanwhile");
        }
        processor.close().await.expect("nothing fails");
    };
    join(driver, enqueue_all).await;
}
