//! inorder, as the peers are: `(n, handler)` in, a `Count` out.

use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use inorder::{
    Dispatcher, InOrderExt, Insert, Options, Outcome, ReorderBuffer, SequencerOptions,
    SourceOptions, Time,
};

use crate::peers::{CONCURRENCY, Count, Item, Log, drain};
use crate::virtual_time::VirtualTime;

/// A stream of results in order.
pub async fn in_order_map<F: Future<Output = u64>>(n: u64, handler: impl Fn(u64) -> F) -> Count {
    drain(stream::iter(0..n).in_order_map(Options::new().concurrency(CONCURRENCY), handler)).await
}

/// A stream in order by key.
pub async fn in_order_by_key(items: Arc<Vec<Item>>, log: Log) {
    let items = stream::iter(items.iter().copied());
    let options = Options::new().concurrency(CONCURRENCY);
    let handler = |item| {
        let ended = log.clone().handle(item);
        async move {
            ended.await;
            Ok::<_, Infallible>(())
        }
    };
    let mut results = items.in_order_by_key(options, |item| item.key, handler);
    while let Some(result) = results.next().await {
        result.unwrap_or_else(|failure| panic!("{failure}"));
    }
}

/// The state machine alone: push, dispatch, complete, release, each with what a driver takes after it.
pub fn dispatcher(n: u64) -> Count {
    dispatcher_of(n, &Options::new().concurrency(CONCURRENCY))
}

/// As [`dispatcher`], with a limit on the time of an attempt and one on that of an item.
pub fn dispatcher_with_limits(n: u64) -> Count {
    let limit = Duration::from_secs(30);
    dispatcher_of(n, &Options::new().concurrency(CONCURRENCY).timeout(limit).total_timeout(limit))
}

#[inline(always)]
fn dispatcher_of(n: u64, options: &Options) -> Count {
    let now = Time::from_micros(0);
    let mut dispatcher = Dispatcher::new(options).expect("good options");
    let source = dispatcher.open_source(SourceOptions::new()).expect("it is open");
    let mut seen = Count::default();
    for _ in 0..n {
        dispatcher.push(now, source, None).expect("there is room");
        let run = taken(&mut dispatcher).expect("there is a place");
        dispatcher.complete(now, run.handle, run.attempt, Outcome::Ok);
        assert!(taken(&mut dispatcher).is_none(), "nothing else is there");
        let release = dispatcher.poll_release(source).expect("it is the head");
        seen.take(release.seq);
        dispatcher.released(now, release.handle);
        assert!(taken(&mut dispatcher).is_none(), "nothing else is there");
    }
    seen
}

#[inline(always)]
fn taken(dispatcher: &mut Dispatcher) -> Option<inorder::Run> {
    while let Some(event) = dispatcher.poll_event() {
        black_box(event);
    }
    dispatcher.poll_dispatch()
}

/// The reorder buffer, with the window within which the arrivals are shuffled.
#[inline(never)]
pub fn reorder_buffer(arrivals: &[u64], out: &mut [u64], window: usize) -> usize {
    let mut buffer = ReorderBuffer::new(SequencerOptions::new().capacity(window));
    let mut count = 0;
    for &x in arrivals {
        let admitted = buffer.insert(x, x);
        debug_assert!(matches!(admitted, Insert::Ready | Insert::Held));
        while let Some((_, x)) = buffer.pop() {
            out[count] = x;
            count += 1;
        }
    }
    count
}

/// How long mixed latencies take, in microseconds of virtual time.
pub fn makespan(durations: &[u64], capacity: usize) -> u64 {
    let time = VirtualTime::default();
    let handler = |micros: &u64| time.sleep(*micros);
    let options = Options::new().concurrency(CONCURRENCY).capacity(capacity);
    let results = stream::iter(durations).in_order_map(options, handler);
    time.run(results.count()).0
}
