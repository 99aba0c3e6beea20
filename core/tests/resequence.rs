//! Streams that are put in order by number: what the scenarios cannot show.
#![cfg(feature = "futures")]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::executor::block_on;
use futures::stream::{self, FusedStream, Stream, StreamExt};
use futures::task::noop_waker_ref;
use inorder::{
    Clock, Discard, InOrderExt, OnGap, OnRestart, ResequenceError, Resequenced, SequenceError,
    SequencerOptions, Time,
};

use Resequenced::Item;

fn poll<S: Stream + ?Sized>(stream: Pin<&mut S>) -> Poll<Option<S::Item>> {
    stream.poll_next(&mut Context::from_waker(noop_waker_ref()))
}

fn item<T>(item: T) -> Poll<Option<Result<Resequenced<T>, ResequenceError>>> {
    Poll::Ready(Some(Ok(Item(item))))
}

fn lost<T>(first: u64, last: u64) -> Poll<Option<Result<Resequenced<T>, ResequenceError>>> {
    Poll::Ready(Some(Ok(Resequenced::Lost { first, last, key: () })))
}

/// A source that has what it was given so far. It says how often it was polled, and whether it is there.
#[derive(Clone, Default)]
struct Wire(Rc<Inner>);

#[derive(Default)]
struct Inner {
    items: RefCell<VecDeque<u64>>,
    polls: Cell<u32>,
    is_dropped: Cell<bool>,
}

struct End(Rc<Inner>);

impl Wire {
    fn send(&self, items: impl IntoIterator<Item = u64>) {
        self.0.items.borrow_mut().extend(items);
    }

    fn end(&self) -> End {
        End(Rc::clone(&self.0))
    }
}

impl Stream for End {
    type Item = u64;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u64>> {
        self.0.polls.set(self.0.polls.get() + 1);
        match self.0.items.borrow_mut().pop_front() {
            Some(u64::MAX) => Poll::Ready(None),
            Some(item) => Poll::Ready(Some(item)),
            None => Poll::Pending,
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.0.is_dropped.set(true);
    }
}

/// Virtual time, and whoever sleeps in it.
#[derive(Clone, Default)]
struct Virtual(Rc<Hands>);

#[derive(Default)]
struct Hands {
    now: Cell<u64>,
    reads: Cell<u32>,
    sleepers: RefCell<Vec<(u64, Waker)>>,
}

struct Sleep(Virtual, u64);

impl Virtual {
    fn set(&self, now: u64) {
        self.0.now.set(now);
        for (_, waker) in self.0.sleepers.take() {
            waker.wake();
        }
    }

    fn earliest(&self) -> Option<u64> {
        self.0.sleepers.borrow().iter().map(|(due, _)| *due).min()
    }
}

impl Clock for Virtual {
    type Sleep = Sleep;

    fn now(&self) -> Time {
        self.0.reads.set(self.0.reads.get() + 1);
        Time::from_micros(self.0.now.get())
    }

    fn sleep_until(&self, deadline: Time) -> Sleep {
        Sleep(self.clone(), deadline.as_micros())
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.0.now.get() >= self.1 {
            return Poll::Ready(());
        }
        self.0.0.sleepers.borrow_mut().push((self.1, cx.waker().clone()));
        Poll::Pending
    }
}

fn skipping(micros: u64) -> SequencerOptions {
    SequencerOptions::new().capacity(8).gap_timeout(Duration::from_micros(micros))
}

#[test]
fn it_reads_on_while_the_head_is_missing_and_no_further() {
    let wire = Wire::default();
    let mut s = pin!(wire.end().resequence(SequencerOptions::new(), |x| *x));
    wire.send([3, 1, 2]);
    assert!(poll(s.as_mut()).is_pending());
    assert_eq!(wire.0.polls.get(), 4);
    wire.send([0, 4]);
    assert_eq!(poll(s.as_mut()), item(0));
    for x in [1, 2, 3] {
        assert_eq!(poll(s.as_mut()), item(x));
    }
    assert_eq!(wire.0.items.borrow().len(), 1, "what can be given out is given out first");
    assert_eq!(poll(s.as_mut()), item(4));
}

#[test]
fn what_does_not_come_in_time_is_given_up_in_its_place() {
    let (wire, clock) = (Wire::default(), Virtual::default());
    let mut s = pin!(wire.end().resequence(skipping(100), |x| *x).clock(clock.clone()));
    wire.send([0, 1, 4]);
    assert_eq!(poll(s.as_mut()), item(0));
    clock.set(40);
    assert_eq!(poll(s.as_mut()), item(1));
    assert!(poll(s.as_mut()).is_pending());
    assert_eq!(clock.earliest(), Some(140), "since it was seen");
    clock.set(139);
    assert!(poll(s.as_mut()).is_pending());
    clock.set(140);
    assert_eq!(poll(s.as_mut()), lost(2, 3));
    assert_eq!(poll(s.as_mut()), item(4));
    assert!(poll(s.as_mut()).is_pending());
    assert_eq!((s.lost(), s.stats().released), (2, 3));
}

/// Time that goes on while one looks for how long to sleep.
#[derive(Clone, Default)]
struct Jumping(Rc<Cell<u64>>);

struct Jump(Jumping, u64);

impl Clock for Jumping {
    type Sleep = Jump;

    fn now(&self) -> Time {
        Time::from_micros(self.0.get())
    }

    fn sleep_until(&self, deadline: Time) -> Jump {
        Jump(self.clone(), deadline.as_micros())
    }
}

impl Future for Jump {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let before = self.0.0.replace(self.1);
        assert!(before < self.1, "the time was not read again");
        Poll::Ready(())
    }
}

#[test]
fn a_sleep_that_is_over_at_once_is_no_reason_to_wait() {
    let wire = Wire::default();
    let mut s = pin!(wire.end().resequence(skipping(100), |x| *x).clock(Jumping::default()));
    wire.send([1]);
    assert_eq!(poll(s.as_mut()), lost(0, 0));
    assert_eq!(poll(s.as_mut()), item(1));
}

#[test]
fn what_came_before_it_was_looked_at_is_not_given_up() {
    let (wire, clock) = (Wire::default(), Virtual::default());
    let mut s = pin!(wire.end().resequence(skipping(100), |x| *x).clock(clock.clone()));
    wire.send([1]);
    assert!(poll(s.as_mut()).is_pending());
    clock.set(1_000);
    wire.send([0]);
    assert_eq!(poll(s.as_mut()), item(0));
    assert_eq!(poll(s.as_mut()), item(1));
    assert_eq!(s.lost(), 0);
}

#[test]
fn another_key_that_always_has_something_does_not_hold_up_the_timer() {
    let clock = Virtual::default();
    let busy = clock.clone();
    // of key 1 one item after the other, and of key 0 the second only
    let source =
        stream::iter(std::iter::once((0, 1)).chain((0..).map(|n| (1, n)))).inspect(move |_| {
            busy.0.now.set(busy.0.now.get() + 1);
        });
    let mut s =
        pin!(source.resequence_by_key(skipping(100), |x| x.0, |x| x.1).clock(clock.clone()));
    let before = (0..1_000)
        .take_while(|_| {
            poll(s.as_mut())
                != Poll::Ready(Some(Ok(Resequenced::Lost { first: 0, last: 0, key: 0 })))
        })
        .count();
    assert!((100..=230).contains(&before), "{before}");
}

#[test]
fn a_source_that_always_has_something_leaves_the_others_their_turn() {
    let clock = Virtual::default();
    let source = stream::once(async { 1 }).chain(stream::repeat(1_u64));
    let mut s = pin!(source.resequence(skipping(100), |x| *x).clock(clock.clone()));
    assert!(poll(s.as_mut()).is_pending(), "duplicates for ever");
    clock.set(100);
    assert_eq!(poll(s.as_mut()), lost(0, 0));
}

#[test]
fn the_clock_is_read_where_something_is_missing_and_not_for_each_item() {
    let (wire, clock) = (Wire::default(), Virtual::default());
    let mut s = pin!(wire.end().resequence(skipping(100), |x| *x).clock(clock.clone()));
    wire.send(0..50);
    for x in 0..50 {
        assert_eq!(poll(s.as_mut()), item(x));
    }
    assert_eq!(clock.0.reads.get(), 0);
    wire.send([52, 53, 54, 55]);
    assert!(poll(s.as_mut()).is_pending());
    assert_eq!(clock.0.reads.get(), 1);
}

#[test]
#[should_panic(expected = "gap_timeout and gap_warning need a clock")]
fn a_time_limit_needs_a_clock() {
    let _ = poll(pin!(stream::iter([0]).resequence(skipping(1), |x| *x)));
}

#[test]
#[should_panic(expected = "capacity must be from 1 to 64 with wrap 8, not 65")]
fn an_option_out_of_its_bounds_panics() {
    drop(stream::iter([0]).resequence(SequencerOptions::new().wrap(8).capacity(65), |x| *x));
}

#[test]
fn gaps_are_told_without_a_clock() {
    let wire = Wire::default();
    let told = RefCell::new(Vec::new());
    let mut s = pin!(
        wire.end()
            .resequence(SequencerOptions::new(), |x| *x)
            .on_gap(|gap| told.borrow_mut().push((gap.first, gap.last)))
    );
    wire.send([2, 0, 4]);
    assert_eq!(poll(s.as_mut()), item(0));
    assert!(poll(s.as_mut()).is_pending());
    assert_eq!(*told.borrow(), [(1, 1)], "what came in the same turn of the loop is no gap");
    wire.send([1]);
    assert_eq!([poll(s.as_mut()), poll(s.as_mut())], [item(1), item(2)]);
    assert!(poll(s.as_mut()).is_pending());
    assert_eq!(*told.borrow(), [(1, 1), (3, 3)]);
}

#[test]
fn a_warning_that_nobody_hears_changes_nothing() {
    let options = SequencerOptions::new().gap_warning(Duration::ZERO);
    let mut s = pin!(stream::iter([2, 0, 1]).resequence(options, |x| *x));
    assert_eq!([(); 3].map(|()| poll(s.as_mut())), [0, 1, 2].map(item));
    assert_eq!(poll(s.as_mut()), Poll::Ready(None));
    let wire = Wire::default();
    let mut s = pin!(wire.end().resequence(options, |x| *x));
    wire.send([1]);
    assert!(poll(s.as_mut()).is_pending(), "there is a gap");
    wire.send([0]);
    assert_eq!([(); 2].map(|()| poll(s.as_mut())), [0, 1].map(item));
}

#[test]
fn what_is_dropped_is_handed_over_with_the_reason() {
    let dropped = RefCell::new(Vec::new());
    let packets = stream::iter([(0, 'a'), (2, 'b'), (2, 'c'), (0, 'd'), (1, 'e'), (1, 'f')]);
    let s = packets
        .resequence(SequencerOptions::new(), |(seq, _)| *seq)
        .on_discard(|(_, name), why| dropped.borrow_mut().push((name, why)));
    let out: Vec<_> = block_on(s.collect());
    let names: Vec<_> = out.into_iter().map(Result::unwrap).collect();
    assert_eq!(names, [(0, 'a'), (1, 'e'), (2, 'b')].map(Item));
    assert_eq!(
        *dropped.borrow(),
        [('c', Discard::Duplicate), ('d', Discard::Late), ('f', Discard::Late)]
    );
}

#[test]
fn an_error_is_the_last_and_closes_the_source() {
    let wire = Wire::default();
    let kept = Rc::new(());
    let mut s = pin!(
        wire.end()
            .map(|x| (x, Rc::clone(&kept)))
            .resequence(SequencerOptions::new().capacity(4), |(x, _)| *x)
    );
    wire.send([0, 2, 5]);
    assert!(matches!(poll(s.as_mut()), Poll::Ready(Some(Ok(_)))));
    assert!(!s.is_terminated());
    let Poll::Ready(Some(Err(error))) = poll(s.as_mut()) else { panic!("5 is too far") };
    assert_eq!(error.sequence(), Some(&SequenceError::TooFar { seq: 5, key: () }));
    assert_eq!(error.to_string(), "number 5 is beyond the window, and an earlier one is missing");
    assert!(s.is_terminated() && wire.0.is_dropped.get());
    assert_eq!(Rc::strong_count(&kept), 1, "what was held is dropped");
    assert!(matches!(poll(s.as_mut()), Poll::Ready(None)));
    assert_eq!(s.size_hint(), (0, Some(0)));
}

#[test]
fn gaps_may_be_errors_in_time_and_at_the_end() {
    let (wire, clock) = (Wire::default(), Virtual::default());
    let failing = skipping(100).gap(OnGap::Fail);
    let mut s = pin!(wire.end().resequence(failing, |x| *x).clock(clock.clone()));
    wire.send([3]);
    assert!(poll(s.as_mut()).is_pending());
    clock.set(100);
    let error = SequenceError::GapTimeout { first: 0, last: 2, key: () };
    assert_eq!(poll(s.as_mut()), Poll::Ready(Some(Err(error.into()))));
    let s = stream::iter([0, 2]).resequence(SequencerOptions::new().gap(OnGap::Fail), |x| *x);
    let error = SequenceError::GapTimeout { first: 1, last: 1, key: () };
    assert_eq!(block_on(s.collect::<Vec<_>>()), [Ok(Item(0)), Err(error.into())]);
}

#[test]
fn a_source_that_counts_from_anew_is_followed() {
    let numbers = (100..103).chain(7..13).chain([7]);
    let options = SequencerOptions::new().capacity(8).start(100).restart(OnRestart::Reset);
    let s = stream::iter(numbers).resequence(options, |x| *x);
    let out: Vec<_> = block_on(s.collect());
    assert_eq!(out, (100..103).chain(7..13).map(|x| Ok(Item(x))).collect::<Vec<_>>());
}

#[test]
fn each_key_has_a_sequence_of_its_own() {
    let arrivals = [("a", 1), ("b", 0), ("a", 0), ("b", 2), ("c", 1)];
    let s = stream::iter(arrivals).resequence_by_key(
        SequencerOptions::new(),
        |(key, _)| *key,
        |(_, seq)| *seq,
    );
    let out: Vec<_> = block_on(s.map(Result::unwrap).collect());
    let gone = |first, key| Resequenced::Lost { first, last: first, key };
    assert_eq!(
        out,
        [
            Item(("b", 0)),
            Item(("a", 0)),
            Item(("a", 1)),
            gone(1, "b"),
            Item(("b", 2)),
            gone(0, "c"),
            Item(("c", 1))
        ]
    );
}

#[test]
fn a_panic_goes_through_and_breaks_nothing() {
    for place in ["seq", "key", "on_discard", "on_gap"] {
        let panics = |here: &str, at: bool| assert!(!at || here != place, "the user's {here}");
        let mut s = pin!(
            stream::iter([0, 3, 0, 2, 9, 1])
                .resequence_by_key(
                    SequencerOptions::new().capacity(100),
                    |x| panics("key", *x == 9),
                    |x| {
                        panics("seq", *x == 9);
                        *x
                    }
                )
                .on_gap(|_| panics("on_gap", true))
                .on_discard(|_, _| panics("on_discard", true))
        );
        let (mut out, mut count) = (Vec::new(), 0);
        loop {
            match catch_unwind(AssertUnwindSafe(|| poll(s.as_mut()))) {
                Ok(Poll::Ready(Some(Ok(Item(x))))) => out.push(x),
                Ok(Poll::Ready(Some(Ok(Resequenced::Lost { .. })))) => {}
                Ok(Poll::Ready(None)) => break,
                Ok(Poll::Pending | Poll::Ready(Some(Err(_)))) => panic!("neither waits nor fails"),
                Err(_) => count += 1,
            }
        }
        let (expected, panicked) = match place {
            "seq" | "key" => (vec![0, 1, 2, 3], 1),
            "on_discard" => (vec![0, 1, 2, 3, 9], 1),
            // it never had to wait
            _ => (vec![0, 1, 2, 3, 9], 0),
        };
        assert_eq!((out, count), (expected, panicked), "{place}");
    }
}

#[test]
fn progress_gives_nothing_out() {
    let wire = Wire::default();
    let mut s = pin!(wire.end().resequence(SequencerOptions::new(), |x| *x));
    let mut cx = Context::from_waker(noop_waker_ref());
    wire.send([1]);
    assert!(s.as_mut().poll_progress(&mut cx).is_pending());
    wire.send([0, 2, u64::MAX]);
    assert!(s.as_mut().poll_progress(&mut cx).is_ready());
    assert!(s.as_mut().poll_progress(&mut cx).is_ready());
    assert_eq!(wire.0.items.borrow().len(), 2, "there is no need to read on");
    assert_eq!(s.size_hint(), (2, None));
    for x in 0..3 {
        assert_eq!(poll(s.as_mut()), item(x));
    }
    assert!(s.as_mut().poll_progress(&mut cx).is_ready());
    assert_eq!(poll(s.as_mut()), Poll::Ready(None));
}

#[test]
fn a_stream_is_send_where_its_parts_are() {
    fn assert_send<T: Send>(_: &T) {}
    assert_send(&stream::iter([1_u64]).resequence(SequencerOptions::new(), |x| *x));
}

#[test]
fn a_callback_that_fails_is_the_end_of_all_keys() {
    let (wire, told) = (Wire::default(), Cell::new(0));
    let mut s = pin!(
        wire.end()
            .resequence_by_key(SequencerOptions::new(), |n: &u64| n / 100, |n| n % 100)
            .on_gap(|gap| {
                told.set(told.get() + 1);
                if gap.key == 2 { Err("asked in vain") } else { Ok(()) }
            })
            .on_discard(|_, _| Ok::<_, Infallible>(()))
    );
    // what has come is read before gaps are told: of those of 2 and 3 only the first is
    wire.send([100, 202, 302]);
    assert_eq!(poll(s.as_mut()), Poll::Ready(Some(Ok(Item(100)))));
    assert!(s.as_mut().poll_progress(&mut Context::from_waker(noop_waker_ref())).is_ready());
    assert!(!wire.0.is_dropped.get(), "the error is not out yet");
    assert_eq!(poll(s.as_mut()), Poll::Ready(Some(Err(ResequenceError::OnGap("asked in vain")))));
    assert!(wire.0.is_dropped.get() && s.is_terminated());
    assert_eq!(poll(s.as_mut()), Poll::Ready(None));
    assert_eq!((told.get(), s.stats().accepted), (1, 3), "nothing was told behind it");
}

#[test]
fn a_discard_that_fails_lets_out_what_is_ready() {
    let source = stream::iter([0, 2, 1, 1, 3]);
    let s = source
        .resequence(SequencerOptions::new(), |n| *n)
        .on_discard(|n, why| if why == Discard::Late { Err(n) } else { Ok(()) });
    let results = block_on(s.collect::<Vec<_>>());
    let error = ResequenceError::OnDiscard(1);
    assert_eq!(results, [Ok(Item(0)), Ok(Item(1)), Ok(Item(2)), Err(error)]);
}
