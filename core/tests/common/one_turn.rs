//! Gives way once.

use std::future::poll_fn;
use std::mem;
use std::task::Poll;

/// Lets others have their turn.
pub(crate) async fn one_turn() {
    let mut is_first = true;
    poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}
