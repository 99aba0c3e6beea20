//! What is kept, and goes as soon as nobody needs it: keys, what was skipped, the wakers of those who wait no more.
#![cfg(feature = "futures")]

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use futures::FutureExt;
use futures::stream::{self, StreamExt};
use inorder::{InOrderExt, OnFailure, Options, Processor};

/// A task of which it is known who keeps its waker.
#[derive(Default)]
struct Task(Arc<Nothing>);

#[derive(Default)]
struct Nothing;

impl Wake for Nothing {
    fn wake(self: Arc<Self>) {}
}

impl Task {
    fn poll<F: Future + Unpin>(&self, future: &mut F) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(&self.0));
        Pin::new(future).poll(&mut Context::from_waker(&waker))
    }

    fn is_known_to_others(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

/// How many have it, but for the caller.
fn others<T>(it: &Arc<T>) -> usize {
    Arc::strong_count(it) - 1
}

#[test]
fn a_key_goes_when_nothing_of_it_is_left() {
    let keys = [0, 1, 2].map(Arc::new);
    let of = keys.clone();
    let (processor, driver) = Processor::builder(async |n: usize| Ok::<_, ()>(n))
        .options(Options::new().capacity(1))
        .key(move |n| Arc::clone(&of[*n]))
        .build();
    let (task, mut driver) = (Task::default(), Box::pin(driver));
    let kept = || keys.each_ref().map(|key| others(key) - 1);
    let first = processor.try_enqueue(0).unwrap();
    let mut offers = [1, 2].map(|n| processor.enqueue(n));
    assert!(offers.iter_mut().all(|offer| task.poll(offer).is_pending()));
    assert_eq!(kept(), [1, 1, 1], "what waits has its key");
    assert!(task.poll(&mut driver).is_pending());
    assert_eq!(kept(), [0, 0, 0]);
    assert!(first.is_done() && offers.iter_mut().all(|offer| task.poll(offer).is_ready()));

    let mut results = Box::pin(stream::iter(0..3).in_order_by_key(
        Options::new(),
        |n| Arc::clone(&keys[*n]),
        async |n| Ok::<_, ()>(n),
    ));
    while results.next().now_or_never().expect("it is ready").is_some() {}
    assert_eq!(kept(), [0, 0, 0]);
}

#[test]
fn what_is_skipped_goes_at_once() {
    let error = Arc::new(());
    let failing = async |n: u32| if n == 1 { Err(Arc::clone(&error)) } else { Ok(n) };
    let options = Options::new().on_failure(OnFailure::Skip);
    let mut results = Box::pin(stream::iter(0..2).in_order(options, failing));
    let mut next = || results.next().now_or_never().expect("it is ready");
    assert_eq!(next(), Some(Ok(0)));
    assert_eq!(next(), None);
    assert_eq!(others(&error), 0);
    assert_eq!(results.stats().skipped, 1);
}

#[test]
fn who_waits_no_more_is_forgotten() {
    let (processor, driver) = Processor::new(Options::new(), async |()| pending().await);
    let ticket: inorder::Ticket<(), ()> = processor.try_enqueue(()).unwrap();
    let (task, mut driver) = (Task::default(), Box::pin(driver));
    let mut join = processor.join();
    assert!(task.poll(&mut join).is_pending() && task.is_known_to_others());
    drop(join);
    assert!(!task.is_known_to_others());
    let mut close = processor.close();
    assert!(task.poll(&mut close).is_pending() && task.is_known_to_others());
    drop(close);
    assert!(!task.is_known_to_others());
    assert!(task.poll(&mut driver).is_pending() && task.is_known_to_others());
    drop(processor.abort());
    assert!(task.poll(&mut driver).is_ready());
    drop(driver);
    assert!(!task.is_known_to_others(), "the processor and the ticket are still there");
    drop((processor, ticket));
}
