//! Lives of a processor: it crashes at any moment, goes on from the checkpoint that was stored last, and in the end
//! everything was run, and nothing again that the checkpoint had.
#![cfg(feature = "futures")]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures::FutureExt;
use futures::channel::oneshot;
use inorder::{Checkpoint, FailureKind, Options, Processor};

/// So many items does the source have.
const ITEMS: u64 = 40;

struct Lots(u64);

impl Lots {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// What outlives a crash: the store, and the world on which handlers have had their effects.
#[derive(Default)]
struct World {
    stored: RefCell<Option<Vec<u8>>>,
    ended: RefCell<BTreeSet<u64>>,
    delivered: RefCell<Vec<u64>>,
}

/// One life. True where everything is done.
fn live(world: &Rc<World>, lots: &mut Lots, is_delivered: bool) -> bool {
    let checkpoint = world.stored.borrow().as_deref().map(Checkpoint::from_bytes);
    let checkpoint =
        checkpoint.map_or(Checkpoint::default(), |stored| stored.expect("it is whole"));
    let position = checkpoint.position();
    let open: Rc<RefCell<BTreeMap<u64, oneshot::Sender<()>>>> = Rc::default();
    let handler = {
        let (world, open, base) = (Rc::clone(world), Rc::clone(&open), checkpoint.clone());
        move |n: u64| {
            assert!(base.position() < Some(n) && !base.contains(n), "{n} is done, and runs again");
            let (end, ends) = oneshot::channel();
            open.borrow_mut().insert(n, end);
            let world = Rc::clone(&world);
            async move {
                ends.await.expect("it is ended");
                world.ended.borrow_mut().insert(n);
                Ok::<_, ()>(n)
            }
        }
    };
    let is_blocked = Rc::new(Cell::new(false));
    let on_result = {
        let (world, is_blocked) = (Rc::clone(world), Rc::clone(&is_blocked));
        async move |result: &Result<u64, _>| {
            poll_fn(|_| if is_blocked.get() { Poll::Pending } else { Poll::Ready(()) }).await;
            world.delivered.borrow_mut().extend(result.as_ref().ok());
        }
    };
    let builder = Processor::builder(handler)
        .options(Options::new().concurrency(4).capacity(8))
        .sequenced(0)
        .restore(checkpoint.clone());
    let (processor, mut driver) = if is_delivered {
        let (processor, driver) = builder.on_result_async(on_result).build();
        (processor, driver.boxed_local())
    } else {
        let (processor, driver) = builder.build();
        (processor, driver.boxed_local())
    };
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..lots.below(200) {
        match lots.below(8) {
            0..=2 => {
                let n = lots.below(ITEMS);
                if let Ok(ticket) = processor.try_enqueue_at(n, n) {
                    let restored = ticket.now_or_never().map(|result| result.map_err(|it| it.kind));
                    let is_restored = matches!(restored, Some(Err(FailureKind::Restored)));
                    assert_eq!(is_restored, checkpoint.contains(n), "{n}");
                }
            }
            3..=4 => {
                let end = lots.below(4) as usize;
                let n = open.borrow().keys().nth(end).copied();
                if let Some(end) = n.and_then(|n| open.borrow_mut().remove(&n)) {
                    end.send(()).expect("its handler runs");
                }
            }
            5 => is_blocked.set(lots.below(3) > 0),
            6 => {
                let checkpoint = processor.checkpoint().expect("it was asked for");
                assert!(checkpoint.position() >= position, "the position goes back");
                let done = if is_delivered {
                    world.delivered.borrow().iter().copied().collect()
                } else {
                    world.ended.borrow().clone()
                };
                let below = 0..checkpoint.position().map_or(0, |it| it + 1);
                let beyond = checkpoint.runs().flat_map(|(first, last)| first..=last);
                assert!(below.chain(beyond).all(|n| done.contains(&n)), "not all of it is done");
                *world.stored.borrow_mut() = Some(checkpoint.to_bytes(None).expect("it fits"));
            }
            _ => {}
        }
        assert!(pin!(&mut driver).poll(&mut cx).is_pending());
    }
    // the end of this life: whatever is in it is lost
    position == Some(ITEMS - 1)
}

fn live_on(seed: u64, is_delivered: bool) {
    let (world, mut lots) = (Rc::<World>::default(), Lots(seed));
    let lives = (0..2_000).position(|_| live(&world, &mut lots, is_delivered));
    assert!(lives.is_some_and(|lives| lives > 3), "{lives:?} lives");
    assert!((0..ITEMS).all(|n| world.ended.borrow().contains(&n)), "some were never run");
    let delivered = world.delivered.borrow();
    assert!(!is_delivered || (0..ITEMS).all(|n| delivered.contains(&n)), "some never came out");
}

#[test]
fn everything_is_run_whatever_crashes() {
    for seed in 1..=20 {
        live_on(seed, false);
    }
}

#[test]
fn everything_is_delivered_whatever_crashes() {
    for seed in 1..=20 {
        live_on(seed, true);
    }
}
