//! Processors by the clocks of hosts, in virtual time where the host has it.
#![cfg(any(feature = "futures-timer", feature = "tokio"))]

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use inorder::{FailureKind, Options, Processor};

#[cfg(feature = "tokio")]
#[test]
fn a_close_with_a_limit_ends_by_the_time_of_tokio() {
    use inorder::TokioTimer;

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let begin = tokio::time::Instant::now();
        let (processor, driver) = Processor::builder(async |millis: u64| {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            Ok::<_, Infallible>(millis)
        })
        .options(Options::new().concurrency(2))
        .clock(TokioTimer::new())
        .build();
        let driver = tokio::spawn(driver);
        let quick = processor.enqueue(30).await.unwrap();
        let slow = processor.enqueue(10_000).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(processor.stats().oldest_age.as_millis(), 20);
        let report = processor.close_within(Duration::from_millis(100)).await.unwrap();
        assert_eq!(begin.elapsed().as_millis(), 120);
        assert_eq!((report.released, &report.unfinished[..]), (1, &[(1, ())][..]));
        assert_eq!(quick.await, Ok(30));
        assert!(matches!(slow.await.unwrap_err().kind, FailureKind::Closed));
        driver.await.unwrap();
    });
}

#[cfg(feature = "futures-timer")]
#[test]
fn the_timer_of_any_executor_is_set_and_read() {
    use futures::executor::block_on;
    use futures::future::join;
    use inorder::{Clock, FuturesTimer};

    let clock = FuturesTimer::new();
    assert!(clock.now() <= clock.now());
    assert!((0..10_000_000).any(|_| clock.now() > inorder::Time::default()), "it goes on");
    // what is over is over at once
    block_on(clock.sleep_until(clock.now()));
    let (processor, driver) =
        Processor::builder(async |()| pending::<Result<(), Infallible>>().await)
            .clock(clock)
            .build();
    drop(processor.try_enqueue(()).unwrap());
    let report = block_on(join(processor.close_within(Duration::ZERO), driver)).0.unwrap();
    assert_eq!(report.never_started, [(0, ())]);
}
