//! Run async work concurrently, get it back in order.
//!
//! - [`InOrderExt`]: a stream in, its results out in order.
//! - [`Processor`]: a long-lived one, for items that come one by one from anywhere; a ticket for each.
//! - [`InOrderExt::resequence`]: a stream whose items come out of order, in the order of their numbers.
//! - [`ReorderBuffer`]: the same for what is no stream.
//! - [`Watermark`], [`Checkpoint`]: up to where a source is done, and what is done beyond that, to be acknowledged and
//!   to go on from. A processor has them by [`Builder::checkpoints`] and [`Builder::restore`].
//! - [`Dispatcher`], [`Sequencer`], [`Resequencer`]: the state machines behind them, without IO, clock, threads or payloads.
//!
//! Four knobs: how many run at once ([`Options::concurrency`]); whether those with the same key run one after the other
//! ([`InOrderExt::in_order_by_key`]); whether results come out in order ([`Options::ordered`]); and how many items may
//! be accepted and not yet released ([`Options::capacity`]), so that one slow item idles nobody.
//!
//! ```
//! # #[cfg(feature = "futures")]
//! # futures::executor::block_on(async {
//! use futures::{StreamExt, stream};
//! use inorder::{InOrderExt, Options};
//!
//! let fetch = async |page: u32| format!("page {page}");
//! let mut pages = stream::iter(1..=3).in_order_map(Options::new().concurrency(64), fetch);
//! assert_eq!(pages.next().await.as_deref(), Some("page 1"));
//! # });
//! ```
//!
//! Coming from `buffered`, `FuturesOrdered` or a `JoinSet`: see [`coming_from`].
//!
//! # Any executor
//! Nothing here spawns, and nothing reads a clock but the [`Clock`] that is given: ready ones are `FuturesTimer`
//! (feature `futures-timer`) and `TokioTimer` (feature `tokio`). Without the feature `futures` there is no driver, and
//! without `std` the crate needs `alloc` only: `examples/rust/bare_metal` is for a microcontroller.
//!
//! # A driver of one's own
//! The [`Dispatcher`] decides, and its driver does: one command, then everything that it says, results as they are
//! wanted, the timer last. Payloads stay with the driver, by slot.
//!
//! ```
//! use std::collections::VecDeque;
//!
//! use inorder::{Dispatcher, Event, Options, Outcome, Run, SourceOptions, Time};
//!
//! /// What follows a command: those that are to be begun, and the slots that are free again.
//! fn drain(dispatcher: &mut Dispatcher, runs: &mut VecDeque<Run>, slots: &mut [Option<&str>]) {
//!     loop {
//!         while let Some(event) = dispatcher.poll_event() {
//!             if let Event::Passed { handle, .. } = event {
//!                 slots[handle.slot().index()] = None;
//!             }
//!         }
//!         let Some(run) = dispatcher.poll_dispatch() else { return };
//!         runs.push_back(run);
//!     }
//! }
//!
//! let now = Time::from_micros(0);
//! let mut dispatcher = Dispatcher::new(&Options::new().concurrency(2))?;
//! let source = dispatcher.open_source(SourceOptions::new()).expect("it is open");
//! let (mut runs, mut slots, mut out) = (VecDeque::new(), vec![None; 8], Vec::new());
//!
//! for word in ["to", "be", "or", "not"] {
//!     let handle = dispatcher.push(now, source, None).expect("there is room");
//!     slots[handle.slot().index()] = Some(word);
//!     drain(&mut dispatcher, &mut runs, &mut slots);
//! }
//! // the last that was begun ends first
//! while let Some(run) = runs.pop_back() {
//!     dispatcher.complete(now, run.handle, run.attempt, Outcome::Ok);
//!     drain(&mut dispatcher, &mut runs, &mut slots);
//!     while let Some(release) = dispatcher.poll_release(source) {
//!         out.extend(slots[release.handle.slot().index()].take());
//!         dispatcher.released(now, release.handle);
//!         drain(&mut dispatcher, &mut runs, &mut slots);
//!     }
//!     assert_eq!(dispatcher.poll_timeout(), None, "nothing is due");
//! }
//! assert_eq!(out, ["to", "be", "or", "not"]);
//! # Ok::<(), inorder::OptionsError>(())
//! ```
//!
//! # Features
//!
//! `std` and `futures` (streams and processors) are on by default. `futures-timer` and `tokio` bring a [`Clock`] each,
//! for what has a time limit; `serde` makes [`Stats`] and [`Blocked`] serialisable.
//!
//! `tracing` tells the crate of that name, with the target `inorder`, what streams and processors do. Each attempt has a
//! span `attempt` (`seq`, `attempt`, `lane`: a number for the key, while that is in use), which is entered around the call
//! of its handler, each poll of the future and its drop; each attempt to hand over one named `dead_letter`. Events are
//! `retry`, `timeout`, `total timeout`, `failure` (for good), `dead letter` (received), and as warnings `dead letter not
//! received` and `halt`. They say `seq` and `attempt`, and not the error, of which nothing is asked. A subscriber is never
//! called under a lock. Without the feature none of this costs anything.

#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
// the drivers are not there to be linked to
#![cfg_attr(not(feature = "futures"), allow(rustdoc::broken_intra_doc_links))]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod base32768;
mod checkpoint;
mod dispatcher;
#[cfg(feature = "futures")]
mod driver;
mod event;
mod fifo;
mod hint;
mod ids;
mod options;
mod outcome;
mod reorder_buffer;
mod resequencer;
mod retry;
#[cfg(test)]
mod rounds;
mod sequencer;
mod slots;
mod stats;
mod time;
mod timers;
mod watermark;

#[cfg(feature = "futures")]
#[doc = include_str!("../docs/coming-from.md")]
pub mod coming_from {}

/// What the types of streams and builders are made of: nobody has to name it but who writes a function over any of them.
#[cfg(feature = "futures")]
pub mod builder {
    pub use crate::driver::{
        Answers, ByKey, ByOptionalKey, DeadLetter, Delivery, Fallible, GapCall, Gaps, Halts, Key,
        Letters, MaybeClock, Mode, NoKey, Nobody, OnDiscards, OnGaps, OnHalt, OnOutput,
        OnOutputAsync, OnResult, OnResultAsync, Plain, Receipt, Receiver, SequenceKey, Told,
        Verdict,
    };
}

pub use checkpoint::{Checkpoint, CheckpointError};
pub use dispatcher::Dispatcher;
#[cfg(feature = "futures-timer")]
pub use driver::FuturesTimer;
#[cfg(feature = "tokio")]
pub use driver::TokioTimer;
#[cfg(feature = "futures")]
pub use driver::{
    Builder, Clock, Close, CloseError, Driver, Enqueue, Failure, FailureKind, Gap, InOrder,
    InOrderExt, InOrderMap, Join, JoinError, Lost, NoClock, Processor, Refused, RefusedKind,
    Report, Resequence, ResequenceError, Resequenced, Results, Stop, StopKind, Ticket, WithLosses,
};
pub use event::{Event, Rest, Why};
pub use ids::{Handle, Lane, MAX_ITEMS, Mark, Seq, Slot, Source};
pub use options::{OnFailure, Options, OptionsError, SourceOptions};
pub use outcome::{Arrival, Completion, Outcome, PushError, Release, Resume, Run, RunKind, What};
pub use reorder_buffer::ReorderBuffer;
pub use resequencer::{Discard, Output, Pushed, Resequencer, ResequencerEvent, Sequence};
pub use retry::Retry;
pub use sequencer::{
    Insert, OnGap, OnRestart, SequenceError, Sequencer, SequencerEvent, SequencerOptions, Window,
};
pub use stats::{Blocked, BlockedState, Stats};
pub use time::Time;
pub use watermark::{Commit, CommitId, ReceiveError, Received, Watermark};

/// The quick start of the README, run as a test.
#[cfg(all(doctest, feature = "futures"))]
#[doc = include_str!("../../README.md")]
struct Readme;
