//! A clock that is set by hand.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use inorder::{Clock, Time};

/// A clock that is set by hand. Who sleeps is not woken: tests poll.
#[derive(Clone, Default)]
pub(crate) struct ByHand(Rc<Cell<u64>>);

impl ByHand {
    pub(crate) fn advance(&self, span: Duration) {
        self.0.set(self.0.get() + span.as_micros() as u64);
    }
}

pub(crate) struct Sleep(ByHand, Time);

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0.now() >= self.1 { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Clock for ByHand {
    type Sleep = Sleep;

    fn now(&self) -> Time {
        Time::from_micros(self.0.get())
    }

    fn sleep_until(&self, deadline: Time) -> Sleep {
        Sleep(self.clone(), deadline)
    }
}
