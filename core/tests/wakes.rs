//! When a driver is woken: no wake is lost, whatever grows meanwhile.
#![cfg(feature = "futures")]

#[path = "common/hasty.rs"]
mod hasty;

use std::future::{Pending, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::FutureExt;
use futures::channel::oneshot;
use inorder::{
    Clock, Driver, OnFailure, OnGap, Options, Processor, Resequenced, Resume, Retry,
    SequencerOptions, Time,
};

use hasty::Hasty;

/// A clock by which no wait is ever over.
#[derive(Clone)]
struct Never;

impl Clock for Never {
    type Sleep = Pending<()>;

    fn now(&self) -> Time {
        Time::default()
    }

    fn sleep_until(&self, _: Time) -> Pending<()> {
        pending()
    }
}

/// Whether a task was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// A driver that is polled when it is woken, as an executor does.
struct Running<D> {
    driver: Pin<Box<Driver<D>>>,
    woken: Arc<Woken>,
}

impl<D: Future<Output = ()>> Running<D> {
    fn new(driver: Driver<D>) -> Self {
        let running = Self { driver: Box::pin(driver), woken: Arc::default() };
        running.woken.0.store(true, SeqCst);
        running
    }

    /// Polls it for as long as it is woken. Whether it was.
    fn turn(&mut self) -> bool {
        let waker = Waker::from(Arc::clone(&self.woken));
        let mut was_woken = false;
        while self.woken.0.swap(false, SeqCst) {
            was_woken = true;
            let poll: Poll<()> = self.driver.as_mut().poll(&mut Context::from_waker(&waker));
            if poll.is_ready() {
                break;
            }
        }
        was_woken
    }
}

#[test]
fn raising_the_concurrency_far_loses_no_wake() {
    // some in one turn, and more than in one turn
    for count in [100, 300] {
        let (sender, receiver) = channel();
        let (processor, driver) = Processor::new(Options::new(), move |n: usize| {
            let (end, wait) = oneshot::channel::<()>();
            sender.send(end).unwrap();
            async move { wait.await.map(|()| n) }
        });
        let mut driver = Running::new(driver);
        let tickets: Vec<_> = (0..count).map(|n| processor.try_enqueue(n).unwrap()).collect();
        assert!(driver.turn());
        processor.set_concurrency(count).unwrap();
        assert!(driver.turn());
        let ends: Vec<_> = receiver.try_iter().collect();
        assert_eq!(ends.len(), count);
        for end in ends {
            end.send(()).unwrap();
            assert!(driver.turn(), "a wake was lost");
        }
        let results = tickets.into_iter().map(|ticket| ticket.now_or_never().expect("it is done"));
        assert!(results.eq((0..count).map(Ok)));
    }
}

#[test]
fn many_hand_overs_lose_no_wake() {
    let ends = Arc::<Mutex<Vec<oneshot::Sender<()>>>>::default();
    let (begun, count) = (Arc::clone(&ends), 100);
    let (processor, driver) = Processor::builder(async |n: usize| Err::<(), _>(n))
        .options(Options::new().concurrency(count).on_failure(OnFailure::DeadLetter))
        .dead_letter(move |_: &_| {
            let (end, wait) = oneshot::channel();
            begun.lock().unwrap().push(end);
            wait
        })
        .clock(Hasty::default())
        .build();
    let mut driver = Running::new(driver);
    let tickets: Vec<_> = (0..count).map(|n| processor.try_enqueue(n).unwrap()).collect();
    assert!(driver.turn());
    let ends = std::mem::take(&mut *ends.lock().unwrap());
    assert_eq!(ends.len(), count);
    for end in ends {
        end.send(()).unwrap();
        assert!(driver.turn(), "a wake was lost");
    }
    assert!(tickets.iter().all(inorder::Ticket::is_done));
}

#[test]
fn a_number_that_is_missing_is_told_at_once() {
    let gaps = Arc::<Mutex<Vec<u64>>>::default();
    let told = Arc::clone(&gaps);
    let (processor, driver) = Processor::builder(async |()| pending::<Result<(), ()>>().await)
        .sequenced(0)
        .on_gap(move |gap| told.lock().unwrap().push(gap.first))
        .build();
    let mut driver = Running::new(driver);
    assert!(driver.turn());
    drop(processor.try_enqueue_at(1, ()).unwrap());
    assert!(driver.turn(), "somebody is to be told");
    assert_eq!(*gaps.lock().unwrap(), [0]);
}

#[test]
fn what_becomes_due_without_a_start_is_looked_at() {
    let time = Duration::from_secs(1);
    let options = Options::new().concurrency(4).total_timeout(time).on_failure(OnFailure::HaltKey);
    let (processor, driver) = Processor::builder(async |n: u32| Err::<(), _>(n))
        .options(options)
        .key(|n| n / 10)
        .on_halt(|_| ())
        .retry(Retry::new(1), u32::clone)
        .clock(Never)
        .build();
    let mut driver = Running::new(driver);
    assert!(driver.turn());
    drop(processor.try_enqueue(0).unwrap());
    assert!(driver.turn());
    assert_eq!(processor.halted_keys(), [0]);
    drop(processor.try_enqueue(1).unwrap());
    assert!(driver.turn(), "it cannot start, and its time runs");
    drop(processor.try_enqueue(2).unwrap());
    assert!(!driver.turn(), "the timer is set for what is due before");
    processor.abort().now_or_never();
    assert!(driver.turn());
    // and while nothing starts at all
    let options = Options::new().total_timeout(time);
    let (processor, driver) =
        Processor::builder(async |n: u32| Ok::<_, ()>(n)).options(options).clock(Never).build();
    let mut driver = Running::new(driver);
    assert!(driver.turn());
    processor.pause();
    drop(processor.try_enqueue(0).unwrap());
    assert!(driver.turn(), "its time runs");
}

#[test]
fn what_an_outsider_makes_ready_is_delivered() {
    let delivered = Arc::new(Mutex::new(Vec::new()));
    let (p, driver) = Processor::builder(async |n: u32| if n == 0 { Err(n) } else { Ok(n) })
        .options(Options::new().concurrency(2).on_failure(OnFailure::HaltKey))
        .key(|n| *n)
        .on_halt(|_| ())
        .on_result({
            let delivered = Arc::clone(&delivered);
            move |result| delivered.lock().unwrap().push(*result.as_ref().unwrap())
        })
        .build();
    drop([0, 1].map(|n| p.try_enqueue(n).unwrap()));
    let mut running = Running::new(driver);
    assert!(running.turn());
    assert!(delivered.lock().unwrap().is_empty(), "it is behind the halted one");
    assert!(p.resume_key(&0, Resume::Skip));
    assert!(running.turn());
    assert_eq!(*delivered.lock().unwrap(), [1]);
}

#[test]
fn what_an_outsider_gives_up_is_delivered() {
    let lost = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&lost);
    let (p, driver) = Processor::builder(async |n: u32| Ok::<_, ()>(n))
        .options(Options::new().capacity(2))
        .sequenced_with(SequencerOptions::new().gap(OnGap::Skip))
        .on_output(move |output| {
            if let Resequenced::Lost { first, last, .. } = output {
                told.lock().unwrap().push((first, last));
            }
        })
        .build();
    let mut running = Running::new(driver);
    assert!(running.turn());
    p.pause();
    drop(p.try_enqueue_at(5, 5).unwrap());
    assert!(running.turn(), "although nothing starts");
    assert_eq!(*lost.lock().unwrap(), [(0, 4)]);
}
