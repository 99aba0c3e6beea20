//! Tickets: what stands for the result of an accepted item.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use super::failure::{Failure, FailureKind};
use super::inside::Inside;
use super::state::{Core, Vain};
use super::sync::{AtomicBool, AtomicWaker, Mutex};
use crate::{Handle, Seq};

/// A place for one value for which one task waits.
pub(super) struct Promise<V> {
    value: Mutex<Option<V>>,
    is_kept: AtomicBool,
    waker: AtomicWaker,
}

impl<V> Promise<V> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            value: Mutex::new(None),
            is_kept: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        })
    }

    /// Sets the value. Whoever waits is still to be woken, with [`waker`](Self::waker), outside of every lock; so is what
    /// was [told](Self::tell) before, and not taken, to be dropped.
    pub(super) fn keep(&self, value: V) -> Option<V> {
        let mut place = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        let before = place.replace(value);
        self.is_kept.store(true, Ordering::Release);
        before
    }

    /// Sets what whoever waits is told meanwhile, to be woken as above. False, and nothing changed, where the value is
    /// there.
    pub(super) fn tell(&self, value: V) -> bool {
        let mut place = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_kept() {
            return false;
        }
        *place = Some(value);
        self.is_kept.store(true, Ordering::Release);
        true
    }

    /// After it was told something meanwhile: waits for the value.
    fn wait_again(&self) {
        let place = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        // the value may have come
        self.is_kept.store(place.is_some(), Ordering::Release);
    }

    /// The waker of the task that waits, once.
    pub(super) fn waker(&self) -> Option<Waker> {
        self.waker.take()
    }

    /// Whether the value was set, taken or not.
    pub(super) fn is_kept(&self) -> bool {
        self.is_kept.load(Ordering::Acquire)
    }

    /// The value. `None` once it was taken.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<Option<V>> {
        if !self.is_kept() {
            self.waker.register(cx.waker());
            if !self.is_kept() {
                return Poll::Pending;
            }
        }
        Poll::Ready(self.take())
    }

    pub(super) fn take(&self) -> Option<V> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Where the result of an item goes.
pub(super) type Pledge<R, E, I> = Arc<Promise<Result<R, Failure<E, I>>>>;

/// An accepted item: a future of its result.
///
/// It is done in the item's turn: with ordered release when everything before it has come out. Dropping it changes
/// nothing: the item goes on.
///
/// # Progress
/// It does no work: the [`Driver`](super::Driver) of the processor does.
///
/// # Cancellation safety
/// It can be polled, left and polled again: the result is kept until it is taken.
///
/// # Panics
/// Where it is polled after it gave its result; not after [`FailureKind::Deadlock`], which is none.
#[must_use = "the result, or the failure, of the item goes nowhere else"]
pub struct Ticket<R, E, I = ()> {
    pub(super) pledge: Pledge<R, E, I>,
    pub(super) core: Arc<Core>,
    pub(super) handle: Handle,
    pub(super) seq: Seq,
}

impl<R, E, I> Ticket<R, E, I> {
    /// The item's position.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// Whether its result can be had.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.pledge.is_kept()
    }

    /// Cancels the item. One that waits never starts; the handler of one that runs is dropped, at the driver's next
    /// step. The ticket then gives [`FailureKind::Cancelled`], in its turn.
    ///
    /// False where it is too late: the item is settled.
    pub fn cancel(&self) -> bool {
        let is_cancelled = self.core.lock().cancel(self.handle);
        if is_cancelled {
            self.core.wake_driver();
        }
        is_cancelled
    }
}

impl<R, E, I> Future for Ticket<R, E, I> {
    type Output = Result<R, Failure<E, I>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(result) = self.pledge.poll(cx) else {
            if let Some(inside) = Inside::of(&self.core) {
                // the driver, which is polling this, tells it
                let vain = Vain { ticket: self.handle, inside: inside.handle };
                self.core.lock().wait_for(vain);
            }
            return Poll::Pending;
        };
        let result = result.expect("a ticket is not polled after it gave its result");
        if matches!(&result, Err(Failure { kind: FailureKind::Deadlock, .. })) {
            self.pledge.wait_again();
        }
        Poll::Ready(result)
    }
}

impl<R, E, I> fmt::Debug for Ticket<R, E, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("seq", &self.seq)
            .field("is_done", &self.is_done())
            .finish_non_exhaustive()
    }
}
