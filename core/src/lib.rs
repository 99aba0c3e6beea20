//! Run async work concurrently, get it back in order.
