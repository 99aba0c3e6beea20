//! Code of the user's that panics or comes back while something fails, is tried again, handed over or halted.
#![cfg(feature = "futures")]

#[path = "common/by_hand.rs"]
mod by_hand;
#[path = "common/polled.rs"]
mod polled;

use std::future::pending;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::FutureExt;
use futures::stream::{self, Stream, StreamExt};
use futures::task::noop_waker_ref;
use inorder::{
    Driver, FailureKind, InOrderExt, OnFailure, Options, Processor, Resume, Retry, StopKind,
};

use by_hand::ByHand;
use polled::{panics, poll};

fn next<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(noop_waker_ref()))
}

/// What is there without waiting.
fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("it is ready")
}

/// Panics when it is cloned, while it is armed.
struct Fragile(u32, Arc<AtomicBool>);

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert!(!self.1.load(SeqCst), "clone");
        Self(self.0, Arc::clone(&self.1))
    }
}

#[test]
fn a_copy_for_the_report_that_panics_costs_nobody_else_anything() {
    let armed = Arc::<AtomicBool>::default();
    let (processor, driver) =
        Processor::builder(async |_: Fragile| pending::<Result<(), ()>>().await)
            .options(Options::new().concurrency(3))
            .keep_items(Fragile::clone)
            .build();
    let mut driver = Box::pin(driver);
    let items = (0..3).map(|n| Fragile(n, Arc::clone(&armed)));
    let mut tickets: Vec<_> = items.map(|it| processor.try_enqueue(it).ok().unwrap()).collect();
    assert!(poll(&mut driver).is_pending());
    let mut close = processor.abort();
    armed.store(true, SeqCst);
    assert!(panics(|| poll(&mut driver)));
    armed.store(false, SeqCst);
    assert!(poll(&mut driver).is_ready());
    let Poll::Ready(Ok(report)) = poll(&mut close) else { panic!("the report is not made") };
    assert_eq!(report.unfinished.len(), 2);
    for ticket in &mut tickets {
        assert!(
            matches!(poll(ticket), Poll::Ready(Err(failure)) if failure.kind == FailureKind::Closed)
        );
    }
}

/// A key whose equality panics while it is armed. All hashes are equal.
struct Touchy(u32, Arc<AtomicBool>);

impl PartialEq for Touchy {
    fn eq(&self, other: &Self) -> bool {
        assert!(!self.1.load(SeqCst), "eq");
        self.0 == other.0
    }
}

impl Eq for Touchy {}

impl Hash for Touchy {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

#[test]
fn a_clone_of_a_result_that_panics_leaves_the_result_to_its_ticket() {
    let is_armed = Arc::new(AtomicBool::new(true));
    let (processor, driver) =
        Processor::new(Options::new(), async |n| Ok::<_, ()>(Fragile(n, Arc::clone(&is_armed))));
    let mut driver = Box::pin(driver);
    let mut results = processor.results().unwrap();
    assert!(next(&mut results).is_pending());
    let [first, second] = [1, 2].map(|n| processor.try_enqueue(n).unwrap());
    assert!(poll(&mut driver).is_pending());
    assert!(panics(|| next(&mut results)));
    assert_eq!(now(first).map(|it| it.0), Ok(1));
    is_armed.store(false, SeqCst);
    assert!(poll(&mut driver).is_pending());
    assert!(matches!(next(&mut results), Poll::Ready(Some(Ok(Fragile(2, _))))), "the next one");
    assert_eq!(now(second).map(|it| it.0), Ok(2));
}

#[test]
fn an_equality_that_panics_costs_only_its_own_offer() {
    let armed = Arc::<AtomicBool>::default();
    let of_key = Arc::clone(&armed);
    let (processor, driver) = Processor::builder(async |n: u32| Ok::<_, ()>(n))
        .options(Options::new().capacity(1))
        .key(move |n| Touchy(*n, Arc::clone(&of_key)))
        .build();
    let mut driver = Box::pin(driver);
    let first = processor.try_enqueue(1).ok().unwrap();
    let mut waiting: Vec<_> = (2..5).map(|n| processor.enqueue(n)).collect();
    assert!(waiting.iter_mut().all(|offer| poll(offer).is_pending()));
    armed.store(true, SeqCst);
    assert!(panics(|| processor.try_enqueue(9)));
    // those who wait need no equality any more
    while waiting.iter_mut().any(|offer| match poll(offer) {
        Poll::Ready(ticket) => {
            drop(ticket.unwrap());
            true
        }
        Poll::Pending => false,
    }) || processor.stats().in_flight > 0
    {
        assert!(poll(&mut driver).is_pending());
        waiting.retain_mut(|offer| match offer.now_or_never() {
            Some(ticket) => {
                drop(ticket.unwrap());
                false
            }
            None => true,
        });
        if waiting.is_empty() && processor.stats().in_flight == 0 {
            break;
        }
    }
    assert_eq!(now(first), Ok(1));
    assert_eq!(processor.stats().ok, 4);
}

#[test]
fn after_a_panic_a_size_hint_promises_no_more_than_comes() {
    let mut results = stream::iter(0..4).in_order_map(Options::new().concurrency(2), |n: u32| {
        assert_ne!(n, 1, "a handler panics");
        async move { n }
    });
    assert_eq!(results.size_hint(), (4, Some(4)));
    assert_eq!(next(&mut results), Poll::Ready(Some(0)));
    assert!(panics(|| next(&mut results)));
    let is_kept = |(least, most): (usize, Option<usize>), left| {
        least <= left && most.is_some_and(|most| most >= left)
    };
    assert!(is_kept(results.size_hint(), 2));
    // what was lost stays lost
    assert_eq!(next(&mut results), Poll::Ready(Some(2)));
    assert!(is_kept(results.size_hint(), 1));
    assert_eq!(now(results.collect::<Vec<_>>()), [3]);
}

#[test]
fn a_size_hint_does_not_count_on_what_a_panic_cost_while_it_is_inside() {
    let mut results = stream::iter(0..4).in_order_map(Options::new().concurrency(2), |n: u32| {
        assert_ne!(n, 1, "a handler panics");
        if n == 0 { pending().left_future() } else { async move { n }.right_future() }
    });
    assert!(panics(|| next(&mut results)));
    assert!(next(&mut results).is_pending());
    let (least, most) = results.size_hint();
    assert!(least <= 3 && most.is_some_and(|most| most >= 3), "{least} {most:?}");
}

/// A source whose destructor panics once.
struct Bomb<S>(S, bool);

impl<S: Stream + Unpin> Stream for Bomb<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        Pin::new(&mut self.0).poll_next(cx)
    }
}

impl<S> Drop for Bomb<S> {
    fn drop(&mut self) {
        assert!(!std::mem::take(&mut self.1) || std::thread::panicking(), "source");
    }
}

#[test]
fn a_source_whose_destructor_panics_hides_no_failure() {
    let source = Bomb(stream::iter(0..4).chain(stream::pending()), true);
    let mut results = source
        .in_order(Options::new(), |n: u32| async move { if n == 1 { Err("boom") } else { Ok(n) } });
    assert!(matches!(next(&mut results), Poll::Ready(Some(Ok(0)))));
    assert!(panics(|| next(&mut results)));
    let Poll::Ready(Some(Err(failure))) = next(&mut results) else { panic!("it is lost") };
    assert_eq!((failure.seq, failure.error()), (1, Some(&"boom")));
    assert!(matches!(next(&mut results), Poll::Ready(None)));
}

#[test]
fn a_source_whose_destructor_panics_at_its_end_loses_no_result() {
    let mut results =
        Bomb(stream::iter(0..1), true).in_order_map(Options::new(), |n: u32| async move { n });
    assert_eq!(next(&mut results), Poll::Ready(Some(0)));
    assert!(panics(|| next(&mut results)));
    assert_eq!(next(&mut results), Poll::Ready(None));
}

#[test]
fn a_dead_letter_whose_receiver_panics_is_handed_over_again() {
    let (clock, calls) = (ByHand::default(), AtomicU32::new(0));
    let (processor, driver) = Processor::builder(async |n: u32| Err::<(), _>(n))
        .options(Options::new().on_failure(OnFailure::DeadLetter))
        .clock(clock.clone())
        .dead_letter(async |failure| {
            assert_eq!(failure.error(), Some(&7));
            assert!(calls.fetch_add(1, SeqCst) > 0, "the receiver panics");
        })
        .build();
    let mut driver = Box::pin(driver);
    let mut ticket = processor.try_enqueue(7).unwrap();
    assert!(panics(|| poll(&mut driver)));
    assert!(poll(&mut driver).is_pending());
    assert!(poll(&mut ticket).is_pending());
    clock.advance(Duration::from_millis(100));
    assert!(poll(&mut driver).is_pending());
    assert_eq!(now(ticket).unwrap_err().kind, FailureKind::Handler(7));
    assert_eq!(calls.load(SeqCst), 2);
}

fn halting() -> Options {
    Options::new().concurrency(4).on_failure(OnFailure::HaltKey)
}

#[test]
fn an_on_halt_that_panics_stops_the_processor() {
    let (processor, driver) =
        Processor::builder(async |n: u32| if n == 1 { Err("boom") } else { Ok(n) })
            .options(halting())
            .key(|n| *n)
            .on_halt(|failure| assert!(failure.error().is_none(), "on_halt"))
            .build();
    let mut driver = Box::pin(driver);
    let mut tickets: Vec<_> = (0..3).map(|n| processor.try_enqueue(n).unwrap()).collect();
    assert!(panics(|| poll(&mut driver)));
    assert!(poll(&mut driver).is_pending());
    assert_eq!(now(tickets.remove(0)), Ok(0));
    assert_eq!(now(tickets.remove(0)).unwrap_err().kind, FailureKind::Handler("boom"));
    assert_eq!(now(tickets.remove(0)).unwrap_err().kind, FailureKind::Closed);
    let close = processor.close();
    assert!(poll(&mut driver).is_ready());
    let error = now(close).unwrap_err();
    let stop = error.stop().unwrap();
    assert_eq!((stop.seq, &stop.kind), (1, &StopKind::Panicked));
}

type Slot<R> = Arc<OnceLock<Processor<u32, R, &'static str, u32, u32>>>;

/// A processor whose `on_halt` does something to it, and its driver.
fn meddled(
    meddle: impl Fn(&Processor<u32, u32, &'static str, u32, u32>) + Send + Sync + 'static,
) -> (Slot<u32>, Driver<impl Future<Output = ()>>) {
    let slot = Slot::<u32>::default();
    let inner = Arc::clone(&slot);
    let (processor, driver) =
        Processor::builder(async |n: u32| if n == 0 { Err("boom") } else { Ok(n) })
            .options(halting())
            .keep_items(u32::clone)
            .key(|n| n % 2)
            .on_halt(move |failure| {
                assert_eq!((failure.item, failure.error()), (0, Some(&"boom")));
                meddle(inner.get().unwrap());
            })
            .build();
    slot.set(processor).ok().unwrap();
    (slot, driver)
}

#[test]
fn an_on_halt_may_let_its_key_go_on() {
    let (slot, driver) = meddled(|processor| {
        assert_eq!(processor.halted_keys(), [0]);
        assert!(processor.resume_key(&0, Resume::Skip));
    });
    let (processor, mut driver) = (slot.get().unwrap(), Box::pin(driver));
    let first = processor.try_enqueue(0).unwrap();
    let second = processor.try_enqueue(2).unwrap();
    assert!(poll(&mut driver).is_pending());
    let failure = now(first).unwrap_err();
    assert_eq!((failure.kind, failure.item), (FailureKind::Handler("boom"), 0));
    assert_eq!(now(second), Ok(2));
}

#[test]
fn an_on_halt_may_abort() {
    let (slot, driver) = meddled(|processor| drop(processor.abort()));
    let (processor, mut driver) = (slot.get().unwrap(), Box::pin(driver));
    let first = processor.try_enqueue(0).unwrap();
    let second = processor.try_enqueue(2).unwrap();
    assert!(poll(&mut driver).is_ready());
    let failure = now(first).unwrap_err();
    assert_eq!((failure.kind, failure.item), (FailureKind::Closed, 0));
    assert_eq!(now(second).unwrap_err().kind, FailureKind::Closed);
    let report = now(processor.close()).unwrap();
    assert_eq!(report.unfinished, [(0, 0)]);
    assert_eq!(report.never_started, [(1, 2)]);
}

#[test]
fn a_key_is_resumed_only_with_what_the_processor_can_do() {
    let (slot, _driver) = meddled(|_| ());
    let processor = slot.get().unwrap();
    let text = |how| {
        let panic = catch_unwind(AssertUnwindSafe(|| processor.resume_key(&0, how))).unwrap_err();
        panic.downcast_ref::<String>().unwrap().clone()
    };
    assert_eq!(text(Resume::Retry), "resume_key needs a way to copy items, as T::clone");
    assert_eq!(text(Resume::DeadLetter), "resume_key needs somebody who receives");
}

#[test]
fn a_retry_if_that_panics_costs_only_its_own_item() {
    let clock = ByHand::default();
    let fail = |n: u32| async move { if n == 1 { Err("boom") } else { Ok(n) } };
    let mut results = stream::iter(0..3)
        .in_order(Options::new().concurrency(3), fail)
        .clock(clock.clone())
        .retry(Retry::new(2), u32::clone)
        .retry_if(|_, _| panic!("retry_if"));
    assert!(matches!(next(&mut results), Poll::Ready(Some(Ok(0)))));
    assert!(panics(|| next(&mut results)));
    assert!(matches!(next(&mut results), Poll::Ready(Some(Ok(2)))));
    assert!(matches!(next(&mut results), Poll::Ready(None)));

    let (processor, driver) = Processor::builder(fail)
        .clock(clock)
        .retry(Retry::new(2), u32::clone)
        .retry_if(|_, _| panic!("retry_if"))
        .build();
    let mut driver = Box::pin(driver);
    let failing = processor.try_enqueue(1).unwrap();
    let other = processor.try_enqueue(2).unwrap();
    assert!(panics(|| poll(&mut driver)));
    assert!(poll(&mut driver).is_pending());
    assert_eq!(now(failing).unwrap_err().kind, FailureKind::Cancelled);
    assert_eq!(now(other), Ok(2));
}

#[test]
fn a_copy_for_an_attempt_that_panics_costs_only_its_own_item() {
    let armed = Arc::new(AtomicBool::new(true));
    let (processor, driver) = Processor::builder(async |it: Fragile| Ok::<_, ()>(it.0))
        .clock(ByHand::default())
        .retry(Retry::new(2), Fragile::clone)
        .build();
    let mut driver = Box::pin(driver);
    let first = processor.try_enqueue(Fragile(0, armed)).ok().unwrap();
    let second = processor.try_enqueue(Fragile(1, Arc::default())).ok().unwrap();
    assert!(panics(|| poll(&mut driver)));
    assert!(poll(&mut driver).is_pending());
    assert_eq!(now(first).unwrap_err().kind, FailureKind::Cancelled);
    assert_eq!(now(second), Ok(1));
}

/// Panics when it is dropped.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "drop");
    }
}

#[test]
fn an_attempt_whose_destructor_panics_when_its_time_is_over_has_timed_out() {
    let clock = ByHand::default();
    let options = || Options::new().timeout(Duration::from_secs(1));
    let handler = |_: u32| async {
        let _grenade = Grenade;
        pending::<Result<(), ()>>().await
    };
    let (processor, driver) =
        Processor::builder(handler).options(options()).clock(clock.clone()).build();
    let mut driver = Box::pin(driver);
    let ticket = processor.try_enqueue(0).unwrap();
    assert!(poll(&mut driver).is_pending());
    let mut results = stream::iter([0]).in_order(options(), handler).clock(clock.clone());
    assert!(next(&mut results).is_pending());
    clock.advance(Duration::from_secs(1));
    assert!(panics(|| poll(&mut driver)));
    assert!(poll(&mut driver).is_pending());
    assert_eq!(now(ticket).unwrap_err().kind, FailureKind::AttemptTimeout);
    assert!(panics(|| next(&mut results)));
    let Poll::Ready(Some(Err(failure))) = next(&mut results) else { panic!("it is lost") };
    assert_eq!(failure.kind, FailureKind::AttemptTimeout);
}

#[test]
fn an_on_gap_that_panics_stops_the_processor_at_the_gap() {
    // without a clock a gap is told at once
    let (processor, driver) = Processor::builder(async |n: u32| Ok::<_, ()>(n))
        .sequenced(0)
        .on_gap(|gap| assert!(gap.first > gap.last, "on_gap"))
        .build();
    let mut driver = Box::pin(driver);
    let tickets = [0, 2].map(|n| processor.try_enqueue_at(n, n as u32).unwrap());
    assert!(panics(|| poll(&mut driver)));
    assert!(poll(&mut driver).is_pending());
    let [first, behind] = tickets;
    assert_eq!(now(first), Ok(0));
    assert_eq!(now(behind).unwrap_err().kind, FailureKind::Closed);
    assert!(processor.try_enqueue_at(1, 1).is_err());
    let close = processor.close();
    assert!(poll(&mut driver).is_ready());
    let error = now(close).unwrap_err();
    let stop = error.stop().unwrap();
    assert_eq!((stop.seq, &stop.kind), (1, &StopKind::Panicked));
}
