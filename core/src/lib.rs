//! Run async work concurrently, get it back in order.

#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

extern crate alloc;

mod dispatcher;
#[cfg(feature = "futures")]
mod driver;
mod event;
mod fifo;
mod ids;
mod options;
mod outcome;
mod reorder_buffer;
mod sequencer;
mod slots;
mod stats;
mod time;

pub use dispatcher::Dispatcher;
#[cfg(feature = "futures")]
pub use driver::{
    ByKey, ByOptionalKey, Failure, FailureKind, Fallible, InOrder, InOrderExt, InOrderMap, Key,
    Mode, NoKey, Plain, Stop,
};
pub use event::{Event, Rest, Why};
pub use ids::{Handle, Lane, MAX_ITEMS, Seq, Slot, Source};
pub use options::{OnFailure, Options, OptionsError, SequencerOptions, SourceOptions};
pub use outcome::{Arrival, Completion, Outcome, PushError, Release, Run, What};
pub use reorder_buffer::ReorderBuffer;
pub use sequencer::{Insert, Sequencer};
pub use stats::{Blocked, BlockedState, Stats};
pub use time::Time;
