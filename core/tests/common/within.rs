//! What may wait for ever.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Runs on a thread: a deadlock is a failure.
pub(crate) fn within(test: impl FnOnce() + Send + 'static) {
    let (over, end) = mpsc::channel();
    thread::spawn(move || {
        test();
        over.send(()).unwrap();
    });
    end.recv_timeout(Duration::from_secs(5)).expect("deadlock or panic");
}
