//! The same work on every kind of executor: nothing here spawns, and nothing knows who polls.
#![cfg(feature = "futures-timer")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::stream::{self, TryStreamExt};
use inorder::{Failure, FuturesTimer, InOrderExt, Options, Processor, Retry};

/// Gives way, and fails at its first call.
async fn flaky(n: u32, calls: &AtomicU32) -> Result<u32, &'static str> {
    futures::future::ready(()).await;
    if calls.fetch_add(1, Ordering::SeqCst) == 0 { Err("busy") } else { Ok(n * 2) }
}

fn retry() -> Retry {
    Retry::new(2).initial(Duration::ZERO)
}

fn options() -> Options {
    Options::new().concurrency(4).timeout(Duration::from_secs(3600))
}

/// A stream with a retry and a time limit.
async fn streamed() -> Vec<u32> {
    let calls = AtomicU32::new(0);
    let results: Result<Vec<u32>, Failure<&str>> = stream::iter(0..100)
        .in_order(options(), |n| flaky(n, &calls))
        .clock(FuturesTimer::new())
        .retry(retry(), u32::clone)
        .try_collect()
        .await;
    assert_eq!(calls.into_inner(), 101);
    results.unwrap()
}

/// A processor with the same, its driver spawned as its executor does that.
async fn processed<S>(spawn: impl FnOnce(std::pin::Pin<Box<dyn Future<Output = ()> + Send>>) -> S)
where
    S: Future<Output = ()>,
{
    let calls = AtomicU32::new(0);
    let (processor, driver) = Processor::builder(move |n: u32| {
        let is_first = calls.fetch_add(1, Ordering::SeqCst) == 0;
        async move { if is_first { Err("busy") } else { Ok(n * 2) } }
    })
    .options(options())
    .clock(FuturesTimer::new())
    .retry(retry(), u32::clone)
    .build();
    let driver = spawn(Box::pin(driver));
    let work = async {
        let mut tickets = Vec::new();
        for n in 0..100 {
            tickets.push(processor.enqueue(n).await.unwrap());
        }
        for (n, ticket) in (0..).zip(tickets) {
            assert_eq!(ticket.await, Ok(n * 2));
        }
        processor.close().await.unwrap();
    };
    futures::join!(driver, work);
}

fn doubled() -> Vec<u32> {
    (0..100).map(|n| n * 2).collect()
}

#[test]
fn on_the_executor_of_futures() {
    futures::executor::block_on(async {
        assert_eq!(streamed().await, doubled());
        processed(|driver| driver).await;
    });
    let pool = futures::executor::ThreadPool::builder().pool_size(2).create().unwrap();
    futures::executor::block_on(processed(|driver| {
        let (end, ended) = futures::channel::oneshot::channel();
        pool.spawn_ok(async {
            driver.await;
            end.send(()).unwrap();
        });
        async { ended.await.unwrap() }
    }));
}

#[test]
fn on_smol() {
    smol::block_on(async {
        assert_eq!(streamed().await, doubled());
        processed(smol::spawn).await;
    });
}

#[test]
fn on_tokio_in_one_thread() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        assert_eq!(streamed().await, doubled());
        processed(|driver| async { tokio::spawn(driver).await.unwrap() }).await;
    });
}

#[test]
fn on_tokio_in_several_threads() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        assert_eq!(tokio::spawn(streamed()).await.unwrap(), doubled());
        processed(|driver| async { tokio::spawn(driver).await.unwrap() }).await;
    });
}
