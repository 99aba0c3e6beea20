//! What stopped a processor, and what its tickets get then.
#![cfg(feature = "futures")]

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures::channel::oneshot;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FusedStream, StreamExt};
use inorder::{FailureKind, OnFailure, Options, Processor};

fn poll<F: Future + Unpin + ?Sized>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// What is there without waiting.
fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("it is ready")
}

/// A processor whose items end as they are told to, in any order.
type Told = Processor<usize, usize, &'static str, usize>;
type Ends = Rc<RefCell<Vec<Option<oneshot::Sender<Result<usize, &'static str>>>>>>;

/// Its handler, and what tells it.
fn told() -> (Ends, impl FnMut(usize) -> BoxFuture<'static, Result<usize, &'static str>>) {
    let ends = Ends::default();
    let begun = Rc::clone(&ends);
    let handler = move |_| {
        let (end, wait) = oneshot::channel();
        begun.borrow_mut().push(Some(end));
        wait.map(|end| end.expect("it is told")).boxed()
    };
    (ends, handler)
}

fn end(ends: &Ends, at: usize, result: Result<usize, &'static str>) {
    let end = ends.borrow_mut()[at].take().expect("it ends once");
    end.send(result).expect("it waits");
}

#[test]
fn a_failure_before_another_is_what_stopped_it_though_results_came_between() {
    let (ends, handler) = told();
    let options = Options::new().concurrency(3).on_failure(OnFailure::Fail);
    let (processor, driver) = Processor::new(options, handler);
    let mut driver = Box::pin(driver);
    let first = [0, 1, 2].map(|n| processor.try_enqueue(n).unwrap()).into_iter().next();
    assert!(poll(&mut driver).is_pending());
    for (at, result) in [(2, Err("late")), (0, Ok(7)), (1, Err("early"))] {
        end(&ends, at, result);
        assert!(poll(&mut driver).is_pending());
    }
    assert_eq!(now(first.expect("there are three")), Ok(7));
    let stopped = now(processor.join()).unwrap_err();
    let stop = stopped.stop().expect("a failure has stopped it");
    assert_eq!((stop.seq, stop.error()), (1, Some(&"early")));
}

#[test]
fn of_two_callbacks_that_fail_the_one_of_the_earlier_item_counts() {
    let (ends, handler) = told();
    let (processor, driver): (Told, _) = Processor::builder(handler)
        .options(Options::new().concurrency(3).on_failure(OnFailure::HaltKey))
        .key(|n| *n)
        .on_halt(|failure| Err(if failure.seq == 0 { "first" } else { "second" }))
        .build();
    let mut driver = Box::pin(driver);
    let tickets = [0, 1].map(|n| processor.try_enqueue(n).unwrap());
    assert!(poll(&mut driver).is_pending());
    for at in [1, 0] {
        end(&ends, at, Err("failed"));
        assert!(poll(&mut driver).is_pending());
    }
    let stopped = now(processor.join()).unwrap_err();
    let stop = stopped.stop().expect("a callback has stopped it");
    assert_eq!((stop.seq, stop.error()), (0, Some(&"first")));
    for ticket in tickets {
        assert_eq!(now(ticket).unwrap_err().error(), Some(&"failed"), "each has its own error");
    }
}

#[test]
fn a_result_that_an_iteration_has_not_taken_goes_to_its_ticket_at_an_abort() {
    for (policy, is_kept) in [(OnFailure::Emit, true), (OnFailure::Fail, false)] {
        let options = Options::new().on_failure(policy);
        let (processor, driver) = Processor::new(options, async |n: u32| Ok::<_, ()>(n));
        let (mut driver, mut results) = (Box::pin(driver), processor.results().unwrap());
        assert!(poll(&mut results.next()).is_pending());
        assert!(!results.is_terminated());
        let ticket = processor.try_enqueue(7).unwrap();
        assert!(poll(&mut driver).is_pending());
        assert!(!ticket.is_done(), "the iteration is to take it");
        let close = processor.abort();
        let result = now(ticket).map_err(|failure| failure.kind);
        assert_eq!(result, if is_kept { Ok(7) } else { Err(FailureKind::Closed) });
        assert!(poll(&mut driver).is_ready() && now(close).is_ok());
        assert_eq!(now(results.next()), None);
        assert!(results.is_terminated());
    }
}
