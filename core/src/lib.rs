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
#[cfg(feature = "futures-timer")]
pub use driver::FuturesTimer;
#[cfg(feature = "tokio")]
pub use driver::TokioTimer;
#[cfg(feature = "futures")]
pub use driver::{
    Answers, Builder, ByKey, ByOptionalKey, Clock, Close, CloseError, Delivery, Driver, Enqueue,
    Failure, FailureKind, Fallible, InOrder, InOrderExt, InOrderMap, Join, Key, Lost, MaybeClock,
    Mode, NoClock, NoDelivery, NoKey, OnResult, OnResultAsync, Plain, Processor, Refused,
    RefusedKind, Report, Results, Stop, Ticket,
};
pub use event::{Event, Rest, Why};
pub use ids::{Handle, Lane, MAX_ITEMS, Seq, Slot, Source};
pub use options::{OnFailure, Options, OptionsError, SequencerOptions, SourceOptions};
pub use outcome::{Arrival, Completion, Outcome, PushError, Release, Run, What};
pub use reorder_buffer::ReorderBuffer;
pub use sequencer::{Insert, Sequencer};
pub use stats::{Blocked, BlockedState, Stats};
pub use time::Time;
