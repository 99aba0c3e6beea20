//! Processors to which the callers give the numbers, and checkpoints: what the scenarios cannot show.
#![cfg(feature = "futures")]

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::FutureExt;
use futures::stream::{FusedStream, StreamExt};
use inorder::{
    Checkpoint, OnGap, Processor, Resequenced, Seq, SequencerOptions, StopKind, Watermark,
};

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn what_is_given_up_is_told_in_its_place_and_an_error_of_that_stops_it_there() {
    let told = Rc::<RefCell<Vec<Resequenced<u32>>>>::default();
    let heard = Rc::clone(&told);
    let (processor, driver) = Processor::builder(async |n: u32| Ok::<_, &str>(n))
        .sequenced_with(SequencerOptions::new().gap(OnGap::Skip))
        .on_output(move |output: Resequenced<&Result<u32, _>>| match output {
            Resequenced::Item(result) => {
                let n = *result.as_ref().expect("no handler fails");
                heard.borrow_mut().push(Resequenced::Item(n));
                Ok(())
            }
            Resequenced::Lost { first, last, key } => {
                heard.borrow_mut().push(Resequenced::Lost { first, last, key });
                if first == 1 { Ok(()) } else { Err("too much is missing") }
            }
        })
        .build();
    let mut driver = Box::pin(driver);
    let tickets: Vec<_> =
        [0, 3, 5].map(|n| processor.try_enqueue_at(n, n as u32).unwrap()).into_iter().collect();
    let close = processor.close();
    assert!(poll(&mut driver).is_ready());
    let lost = |first, last| Resequenced::Lost { first, last, key: () };
    let told = told.borrow();
    assert_eq!(told[..], [Resequenced::Item(0), lost(1, 2), Resequenced::Item(3), lost(4, 4)]);
    let error = close.now_or_never().expect("it is over").unwrap_err();
    let stop = error.stop().expect("a callback has stopped it");
    assert_eq!((stop.seq, &stop.kind), (4, &StopKind::Error("too much is missing".into())));
    let results = tickets.into_iter().map(|ticket| ticket.now_or_never().expect("it is done").ok());
    assert_eq!(results.collect::<Vec<_>>(), [Some(0), Some(3), None]);
}

#[test]
fn there_is_a_checkpoint_where_it_was_asked_for() {
    let built = || Processor::builder(async |n: u32| Ok::<_, ()>(n));
    assert!(built().build().0.checkpoint().is_none());
    assert!(built().checkpoints().build().0.checkpoint().is_some());
    let restored = built().sequenced(0).restore(Checkpoint::default()).build().0;
    assert!(restored.checkpoint().is_some());
}

#[test]
fn the_last_number_but_one_can_be_restored() {
    let done = |id| {
        let mut watermark = Watermark::new();
        let _received = watermark.receive(id).unwrap();
        assert!(watermark.complete_id(id));
        watermark.checkpoint()
    };
    let built = |checkpoint| {
        Processor::builder(async |n: u32| Ok::<_, ()>(n)).sequenced(0).restore(checkpoint)
    };
    let processor = built(done(Seq::MAX - 1)).build().0;
    assert_eq!(processor.checkpoint().and_then(|it| it.position()), Some(Seq::MAX - 1));
    let error = built(done(Seq::MAX)).check().unwrap_err().to_string();
    assert!(error.contains("restore") && error.contains(&Seq::MAX.to_string()), "{error}");
}

#[test]
fn what_was_missing_when_it_was_closed_is_reported() {
    let (processor, driver) =
        Processor::builder(async |n: u32| Ok::<_, ()>(n)).sequenced(0).build();
    let tickets = [3, 1].map(|n| processor.try_enqueue_at(n, n as u32).unwrap());
    let close = processor.close();
    assert!(poll(&mut Box::pin(driver)).is_ready());
    let report = close.now_or_never().expect("it is over").unwrap();
    let lost = report.lost.iter().map(|lost| (lost.first, lost.last));
    assert_eq!(lost.collect::<Vec<_>>(), [(0, 0), (2, 2)]);
    assert_eq!(tickets.map(FutureExt::now_or_never), [3, 1].map(|n| Some(Ok(n))));
}

#[test]
fn what_has_a_time_limit_needs_a_clock() {
    let second = Duration::from_secs(1);
    let check = |numbers| {
        let builder = Processor::builder(async |n: u32| Ok::<_, ()>(n)).sequenced_with(numbers);
        builder.check().map_err(|error| error.to_string())
    };
    let numbers = SequencerOptions::new();
    assert_eq!(check(numbers), Ok(()));
    assert_eq!(check(numbers.gap_timeout(second)), Err("gap_timeout needs a clock".into()));
    assert_eq!(check(numbers.gap_warning(second)), Err("gap_warning needs a clock".into()));
}

#[test]
fn an_iteration_with_losses_ends_once() {
    let (processor, driver) =
        Processor::builder(async |n: u32| Ok::<_, ()>(n)).sequenced(0).build();
    let mut results = Box::pin(processor.results().expect("it is the only one").with_losses());
    assert!(poll(&mut results.next()).is_pending() && !results.is_terminated());
    drop(processor.try_enqueue_at(0, 7).unwrap());
    let mut driver = Box::pin(driver);
    assert!(poll(&mut driver).is_pending());
    assert_eq!(poll(&mut results.next()), Poll::Ready(Some(Ok(Resequenced::Item(Ok(7))))));
    assert!(!results.is_terminated());
    drop(processor);
    assert_eq!(poll(&mut results.next()), Poll::Ready(None));
    assert!(poll(&mut driver).is_ready() && results.is_terminated());
}
