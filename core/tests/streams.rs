//! Streams of results: what the scenarios cannot show.
#![cfg(feature = "futures")]

#[path = "common/one_turn.rs"]
mod one_turn;

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::FutureExt;
use futures::channel::oneshot;
use futures::executor::block_on;
use futures::stream::{self, FusedStream, Stream, StreamExt};
use futures::task::noop_waker_ref;
use inorder::{FailureKind, InOrder, InOrderExt, OnFailure, Options};

use one_turn::one_turn;

fn poll<S: Stream + ?Sized>(stream: Pin<&mut S>) -> Poll<Option<S::Item>> {
    stream.poll_next(&mut Context::from_waker(noop_waker_ref()))
}

/// A future that says when it is polled and dropped, and ends when it is told to.
struct Task {
    polls: Rc<Cell<u32>>,
    end: oneshot::Receiver<u32>,
}

impl Future for Task {
    type Output = u32;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
        self.polls.set(self.polls.get() + 1);
        Pin::new(&mut self.end).poll(cx).map(|end| end.expect("it is told"))
    }
}

/// Tasks by the order of their start.
#[derive(Default)]
struct Tasks {
    ends: RefCell<Vec<Option<oneshot::Sender<u32>>>>,
    polls: RefCell<Vec<Rc<Cell<u32>>>>,
}

impl Tasks {
    fn start(&self) -> Task {
        let (sender, end) = oneshot::channel();
        let polls = Rc::<Cell<u32>>::default();
        self.ends.borrow_mut().push(Some(sender));
        self.polls.borrow_mut().push(Rc::clone(&polls));
        Task { polls, end }
    }

    fn end(&self, at: usize) {
        let sender = self.ends.borrow_mut()[at].take().expect("it runs");
        sender.send(at as u32).expect("it was not dropped");
    }

    fn started(&self) -> usize {
        self.ends.borrow().len()
    }
}

#[test]
fn only_what_was_woken_is_polled() {
    let tasks = Tasks::default();
    let mut results =
        pin!(stream::iter(0..200).in_order_map(Options::new().concurrency(200), |_| tasks.start()));
    assert!(poll(results.as_mut()).is_pending());
    assert_eq!(tasks.started(), 200);
    // in an order that has nothing to do with theirs
    for k in 0..200 {
        let at = k * 77 % 200;
        tasks.end(at);
        let _ = poll(results.as_mut());
        assert_eq!(tasks.polls.borrow()[at].get(), 2);
    }
    assert_eq!(tasks.polls.borrow().iter().map(|polls| polls.get()).sum::<u32>(), 400);
}

#[test]
fn more_than_a_word_of_words_at_once() {
    let tasks = Tasks::default();
    let n = 10_000;
    let mut results =
        pin!(stream::iter(0..n).in_order_map(Options::new().concurrency(n), |_| tasks.start()));
    assert!(poll(results.as_mut()).is_pending());
    (0..n).rev().for_each(|at| tasks.end(at));
    for at in 0..n {
        assert_eq!(poll(results.as_mut()), Poll::Ready(Some(at as u32)));
    }
    assert_eq!(poll(results.as_mut()), Poll::Ready(None));
}

#[test]
fn the_largest_limits_cost_nothing_until_they_are_used() {
    let options = Options::new().concurrency(1 << 20);
    let results = stream::iter(0..3).in_order_map(options, async |x| x);
    assert_eq!(block_on(results.collect::<Vec<_>>()), [0, 1, 2]);
}

#[test]
fn results_at_hand_do_not_keep_the_others_from_running() {
    let tasks = Tasks::default();
    let mut results =
        pin!(stream::iter(0..8).in_order_map(Options::new().concurrency(4), |_| tasks.start()));
    assert!(poll(results.as_mut()).is_pending());
    for at in [1, 2, 3, 0] {
        tasks.end(at);
    }
    assert_eq!(poll(results.as_mut()), Poll::Ready(Some(0)));
    assert_eq!(tasks.started(), 8, "in the same poll the places of all four are taken again");
    tasks.end(4);
    assert_eq!(poll(results.as_mut()), Poll::Ready(Some(1)));
    assert_eq!(tasks.polls.borrow()[4].get(), 2, "polled although a result was at hand");
}

#[test]
fn a_future_that_wakes_itself_for_ever_leaves_the_others_their_turn() {
    let others = Rc::<Cell<u32>>::default();
    let counted = Rc::clone(&others);
    let mut results =
        pin!(stream::iter(0..2).in_order_map(Options::new().concurrency(2), move |x| {
            let counted = Rc::clone(&counted);
            poll_fn(move |cx| {
                cx.waker().wake_by_ref();
                if x == 1 {
                    counted.set(counted.get() + 1);
                }
                Poll::<()>::Pending
            })
        }));
    for turns in 1..5 {
        assert!(poll(results.as_mut()).is_pending());
        assert_eq!(others.get(), turns);
    }
}

#[test]
fn a_source_of_which_nothing_comes_out_leaves_others_their_turn() {
    let read = Cell::new(0);
    let endless = stream::repeat(()).inspect(|()| {
        read.set(read.get() + 1);
        assert!(read.get() < 10_000, "one poll is without end");
    });
    let options = Options::new().on_failure(OnFailure::Skip);
    let mut results = pin!(endless.in_order(options, async |()| Err::<(), _>(())));
    assert!(poll(results.as_mut()).is_pending());
    let before = read.get();
    let progress = poll_fn(|cx| InOrder::poll_progress(results.as_mut(), cx));
    assert!(progress.now_or_never().is_none());
    assert!(read.get() > before, "it goes on when it is polled again");
}

#[test]
fn it_works_on_while_its_consumer_is_busy() {
    let tasks = Tasks::default();
    let options = Options::new().concurrency(2).capacity(4);
    let mut results = pin!(stream::iter(0..9).in_order_map(options, |_| tasks.start()));
    let mut cx = Context::from_waker(noop_waker_ref());
    assert!(results.as_mut().poll_progress(&mut cx).is_ready(), "it starts at the first demand");
    assert_eq!(tasks.started(), 0);
    assert!(poll(results.as_mut()).is_pending());
    for at in 0..4 {
        assert!(results.as_mut().poll_progress(&mut cx).is_pending());
        tasks.end(at);
    }
    assert!(
        results.as_mut().poll_progress(&mut cx).is_ready(),
        "as many are held as there is room for"
    );
    assert_eq!(tasks.started(), 4);
    assert_eq!(results.stats().held, 4);
    assert_eq!(poll(results.as_mut()), Poll::Ready(Some(0)));
    assert!(results.as_mut().poll_progress(&mut cx).is_pending());
    assert_eq!(tasks.started(), 5);
}

#[test]
fn progress_waits_for_the_source() {
    let (sender, source) = futures::channel::mpsc::unbounded();
    let mut results = pin!(source.in_order_map(Options::new(), async |x: u32| x));
    assert!(poll(results.as_mut()).is_pending());
    let mut cx = Context::from_waker(noop_waker_ref());
    assert!(results.as_mut().poll_progress(&mut cx).is_pending());
    sender.unbounded_send(7).unwrap();
    drop(sender);
    assert!(results.as_mut().poll_progress(&mut cx).is_ready());
    assert_eq!(poll(results.as_mut()), Poll::Ready(Some(7)));
}

#[test]
fn its_size_is_exact_and_its_end_is_final() {
    let mut results =
        pin!(stream::iter(0..5).in_order_map(Options::new().concurrency(2), async |x| x));
    for left in (0..5).rev() {
        assert_eq!(results.size_hint(), (left + 1, Some(left + 1)));
        assert!(!results.is_terminated());
        assert!(poll(results.as_mut()).is_ready());
    }
    assert_eq!(results.size_hint(), (0, Some(0)));
    assert_eq!(poll(results.as_mut()), Poll::Ready(None));
    assert!(results.is_terminated());
    assert_eq!(poll(results.as_mut()), Poll::Ready(None));
}

#[test]
fn a_failure_may_be_the_last() {
    let fail = async |x: u32| if x == 1 { Err(x) } else { Ok(x) };
    let mut cut = pin!(stream::iter(0..5).in_order(Options::new(), fail));
    assert_eq!(cut.size_hint(), (1, Some(5)));
    assert!(block_on(cut.next()).unwrap().is_ok());
    let failure = block_on(cut.next()).unwrap().unwrap_err();
    assert!(matches!(failure.kind, FailureKind::Handler(1)));
    assert_eq!((failure.seq, failure.attempt), (1, 1));
    assert!(cut.is_terminated());
    let whole = stream::iter(0..5).in_order(Options::new().on_failure(OnFailure::Emit), fail);
    assert_eq!(whole.size_hint(), (5, Some(5)));
    assert_eq!(block_on(whole.collect::<Vec<_>>()).len(), 5);
}

#[test]
#[should_panic(expected = "concurrency must be from 1 to 1048576, not 0")]
fn an_option_out_of_its_bounds_panics() {
    drop(stream::iter(0..5).in_order_map(Options::new().concurrency(0), async |x| x));
}

#[test]
fn a_key_is_asked_once_and_an_item_without_one_is_on_its_own() {
    let asked = Cell::new(0);
    let (running, most) = ([const { Cell::new(0) }; 3], [const { Cell::new(0) }; 3]);
    let key = |x: &usize| {
        asked.set(asked.get() + 1);
        (*x % 3 > 0).then_some(*x % 3)
    };
    let handler = async |x: usize| {
        let (running, most) = (&running[x % 3], &most[x % 3]);
        running.set(running.get() + 1);
        most.set(most.get().max(running.get()));
        for _ in 0..x % 5 {
            one_turn().await;
        }
        running.set(running.get() - 1);
        Ok::<_, Infallible>(x)
    };
    let results =
        stream::iter(0..90).in_order_by_optional_key(Options::new().concurrency(8), key, handler);
    let results = block_on(results.map(Result::unwrap).collect::<Vec<_>>());
    assert_eq!(results, (0..90).collect::<Vec<_>>());
    assert_eq!(asked.get(), 90);
    assert_eq!((most[1].get(), most[2].get()), (1, 1), "those with a key never overlap");
    assert!(most[0].get() > 1, "those without one do");
}

#[test]
fn a_panic_goes_through_and_breaks_nothing() {
    /// Panics where it is told to.
    struct Panics(u32, &'static str);

    impl Future for Panics {
        type Output = u32;

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u32> {
            assert_ne!(self.1, "poll", "a handler panics");
            Poll::Ready(self.0)
        }
    }

    impl Drop for Panics {
        fn drop(&mut self) {
            assert_ne!(self.1, "drop", "a destructor panics");
        }
    }

    for place in ["call", "poll", "drop"] {
        let mut results =
            pin!(stream::iter(0..6).in_order_map(Options::new().concurrency(3), |x| {
                assert!(x != 2 || place != "call", "a handler panics");
                Panics(x, if x == 2 { place } else { "nowhere" })
            }));
        let mut seen = Vec::new();
        let mut panics = 0;
        loop {
            match catch_unwind(AssertUnwindSafe(|| poll(results.as_mut()))) {
                Ok(Poll::Ready(Some(x))) => seen.push(x),
                Ok(Poll::Ready(None)) => break,
                Ok(Poll::Pending) => {}
                Err(_) => panics += 1,
            }
        }
        assert_eq!((panics, &seen[..]), (1, &[0, 1, 3, 4, 5][..]), "{place}");
        let stats = results.stats();
        assert_eq!((stats.ok, stats.cancelled, stats.in_flight), (5, 1, 0), "{place}");
    }
}

#[test]
fn after_a_panic_those_that_were_woken_with_it_are_still_polled() {
    let tasks = Tasks::default();
    let mut results = pin!(stream::iter(0..4).in_order_map(Options::new().concurrency(4), |x| {
        let mut task = tasks.start();
        poll_fn(move |cx| {
            let end = Pin::new(&mut task).poll(cx);
            assert!(x != 0 || end.is_pending(), "a handler panics");
            end
        })
    }));
    assert!(poll(results.as_mut()).is_pending());
    (0..4).for_each(|at| tasks.end(at));
    assert!(catch_unwind(AssertUnwindSafe(|| poll(results.as_mut()))).is_err());
    for at in 1..4 {
        assert_eq!(poll(results.as_mut()), Poll::Ready(Some(at)));
    }
    assert_eq!(poll(results.as_mut()), Poll::Ready(None));
}

#[test]
fn a_waker_outlives_its_stream_and_keeps_nothing_of_it() {
    let kept = Rc::<RefCell<Option<Waker>>>::default();
    let inner = Rc::clone(&kept);
    let task = Arc::new(futures::task::noop_waker());
    struct Wakes(#[expect(dead_code, reason = "it is counted")] Arc<Waker>);
    impl std::task::Wake for Wakes {
        fn wake(self: Arc<Self>) {}
    }
    let waker = Waker::from(Arc::new(Wakes(Arc::clone(&task))));
    let payload = Arc::new(());
    let mut results = Box::pin(stream::iter([Arc::clone(&payload)]).in_order_map(
        Options::new(),
        move |payload| {
            let inner = Rc::clone(&inner);
            poll_fn(move |cx| {
                let _held = &payload;
                *inner.borrow_mut() = Some(cx.waker().clone());
                Poll::<()>::Pending
            })
        },
    ));
    assert!(results.as_mut().poll_next(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    assert_eq!((Arc::strong_count(&payload), Arc::strong_count(&task)), (2, 2));
    drop(results);
    assert_eq!((Arc::strong_count(&payload), Arc::strong_count(&task)), (1, 1));
    kept.take().expect("a waker").wake();
}

#[test]
fn nothing_of_an_item_is_kept_after_it_came_out() {
    let items: Vec<_> = (0..64).map(Arc::new).collect();
    let handler = async |x: Arc<usize>| if *x == 40 { Err(x) } else { Ok(x) };
    let alive = || items.iter().filter(|item| Arc::strong_count(item) > 1).count();
    let mut results =
        pin!(stream::iter(items.clone()).in_order(Options::new().concurrency(4), handler));
    for item in &items[..40] {
        drop(block_on(results.next()));
        assert!(Arc::strong_count(item) == 1, "item {item}");
    }
    let failure = block_on(results.next()).unwrap().unwrap_err();
    assert_eq!(
        alive(),
        1,
        "the source is dropped with what it has, and the error is with the caller"
    );
    drop(failure);
    assert_eq!(alive(), 0);
}

#[test]
fn a_stream_is_send_where_its_parts_are() {
    fn assert_send<T: Send>(_: &T) {}
    assert_send(&stream::iter([1_u32]).in_order_map(Options::new(), ready));
    assert_send(&stream::iter([1_u32]).in_order_by_key(
        Options::new(),
        |x| *x,
        async |x| Ok::<_, Infallible>(x),
    ));
}
