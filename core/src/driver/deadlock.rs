//! Telling those who wait for a ticket, inside a handler or a callback, that they wait for themselves.

use std::future::poll_fn;
use std::hash::Hash;
use std::pin::pin;
use std::sync::Arc;

use super::failure::{Failure, FailureKind};
use super::inside::Inside;
use super::items::Copying;
use super::shared::Shared;
use super::state::{Core, Vain};
use super::ticket::Pledge;
use crate::{Handle, Seq, Time};

/// What is kept of an item, while it is copied. Dropped, it goes back.
struct Borrowed<'a, T, R, E, Q: Eq + Hash, I> {
    shared: &'a Shared<T, R, E, Q, I>,
    ticket: Handle,
    kept: Option<I>,
}

impl<T, R, E, Q: Eq + Hash, I> Shared<T, R, E, Q, I> {
    /// Tells whoever waits for these tickets. To be called where the driver polls nothing. Where a callback has a failure
    /// in its hands, it is [`inside`] that tells: `poll_again` has it polled.
    pub(super) fn tell_vain(&self, poll_again: impl Fn(Handle)) {
        let all = self.core.lock().take_vain();
        for vain in all {
            self.tell_one(vain, &poll_again);
        }
    }

    #[cold]
    fn tell_one(&self, vain: Vain, poll_again: impl Fn(Handle)) {
        let copying = self.act(Time::default(), |state, items, _| items.take_vain(state, vain));
        let Some(Copying { pledge, seq, attempt, kept }) = copying else {
            return poll_again(vain.ticket);
        };
        let kept = Borrowed { shared: self, ticket: vain.ticket, kept: Some(kept) };
        let copy = kept.kept.as_ref().map(|kept| self.copy(kept));
        drop(kept);
        if let Some(item) = copy {
            tell(&pledge, seq, attempt, item);
        }
    }
}

impl<T, R, E, Q: Eq + Hash, I> Drop for Borrowed<'_, T, R, E, Q, I> {
    fn drop(&mut self) {
        let Some(kept) = self.kept.take() else { return };
        self.shared.act(Time::default(), |state, items, effects| {
            items.return_kept(state, self.ticket, kept, effects);
        });
    }
}

/// Calls back with something of an item in its hands. Whoever waits in vain for the item's ticket, in there or elsewhere,
/// is told by `tell_own`: the driver has not what it takes.
pub(super) async fn inside<A>(
    core: &Arc<Core>,
    handle: Handle,
    call: impl Future<Output = A>,
    tell_own: impl Fn(),
) -> A {
    let mut call = pin!(call);
    poll_fn(|cx| {
        loop {
            let entered = Inside { handle }.enter(core);
            let poll = call.as_mut().poll(cx);
            drop(entered);
            if poll.is_ready() || !core.lock().take_vain_of(handle) {
                return poll;
            }
            tell_own();
        }
    })
    .await
}

/// Tells whoever waits for a ticket.
pub(super) fn tell<R, E, I>(pledge: &Pledge<R, E, I>, seq: Seq, attempt: u32, item: I) {
    let failure = Failure::new(FailureKind::Deadlock, seq, attempt, item);
    if pledge.tell(Err(failure)) {
        if let Some(waker) = pledge.waker() {
            waker.wake();
        }
    }
}
