//! The seed document's dispatcher, from Java: a priority queue by sequence number, and workers that take from it.
//! It is here to be watched, not to be used: see `ways.rs`.
//!
//! A worker ends where the Java one waits for more until it is interrupted. Who runs the workers is left open: futures
//! on one clock, or a thread each as in the document.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Mutex, PoisonError};

/// Takes items in order, and processes as many at once as it has workers.
pub(crate) struct OrderedAsyncProcessor<T> {
    queue: Mutex<Queue<T>>,
}

struct Queue<T> {
    tasks: BinaryHeap<Reverse<Task<T>>>,
    current_sequence: usize,
}

impl<T> OrderedAsyncProcessor<T> {
    pub(crate) fn new() -> Self {
        Self { queue: Mutex::new(Queue { tasks: BinaryHeap::new(), current_sequence: 0 }) }
    }

    pub(crate) fn enqueue(&self, data: T) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let sequence_id = queue.current_sequence;
        queue.current_sequence += 1;
        queue.tasks.push(Reverse(Task { sequence_id, data }));
    }

    /// One worker.
    pub(crate) async fn process_tasks(&self, process: impl AsyncFn(T)) {
        while let Some(data) = self.take() {
            process(data).await;
        }
    }

    fn take(&self) -> Option<T> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.tasks.pop().map(|Reverse(task)| task.data)
    }
}

struct Task<T> {
    sequence_id: usize,
    data: T,
}

impl<T> PartialEq for Task<T> {
    fn eq(&self, other: &Self) -> bool {
        self.sequence_id == other.sequence_id
    }
}

impl<T> Eq for Task<T> {}

impl<T> PartialOrd for Task<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Task<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.sequence_id.cmp(&other.sequence_id)
    }
}
