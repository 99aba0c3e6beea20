//! Futures that are polled by hand.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

pub(crate) fn poll<F: Future + Unpin + ?Sized>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Whether a call panics.
pub(crate) fn panics<X>(call: impl FnOnce() -> X) -> bool {
    catch_unwind(AssertUnwindSafe(call)).is_err()
}
