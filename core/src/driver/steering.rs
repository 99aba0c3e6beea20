//! Steering a processor while it runs: keys that were halted, pauses, limits.

use std::hash::Hash;

use super::clock::MaybeClock;
use super::processor::Processor;
use crate::{OptionsError, Resume};

impl<T, R, E, Q: Eq + Hash, I, C: MaybeClock> Processor<T, R, E, Q, I, C> {
    /// Lets a key go on that was halted ([`OnFailure::HaltKey`](crate::OnFailure::HaltKey)): its item is tried again,
    /// skipped or handed over. False where the key is not halted.
    ///
    /// # Examples
    /// ```
    /// use futures::channel::mpsc;
    /// use futures::executor::block_on;
    /// use futures::{StreamExt, join};
    /// use inorder::{OnFailure, Options, Processor, Resume};
    ///
    /// let (halted, mut halts) = mpsc::unbounded();
    /// let (posts, driver) = Processor::builder(async |(_, text): (u32, &str)| if text == "?" { Err("what") } else { Ok(()) })
    ///     .options(Options::new().concurrency(4).on_failure(OnFailure::HaltKey))
    ///     .key(|(author, _)| *author)
    ///     .on_halt(|failure| halted.unbounded_send(failure.seq).unwrap())
    ///     .build();
    /// let work = async {
    ///     let bad = posts.enqueue((1, "?")).await.unwrap();
    ///     let behind = posts.enqueue((1, "!")).await.unwrap();
    ///     // somebody looks at it, and lets the key go on without it
    ///     assert_eq!(halts.next().await, Some(bad.seq()));
    ///     assert_eq!(posts.halted_keys(), [1]);
    ///     assert!(posts.resume_key(&1, Resume::Skip));
    ///     assert!(bad.await.is_err() && behind.await.is_ok());
    ///     posts.close().await.unwrap();
    /// };
    /// block_on(async { join!(driver, work) });
    /// ```
    ///
    /// # Panics
    /// With [`Resume::Retry`], where there is no [way to copy items](super::Builder::retry); with
    /// [`Resume::DeadLetter`], where [nobody receives](super::Builder::dead_letter). The text is that of an
    /// [`OptionsError`].
    pub fn resume_key(&self, key: &Q, how: Resume) -> bool {
        let abilities = self.shared().abilities;
        let needs = match how {
            Resume::Retry if !abilities.tries_again => "a way to copy items, as T::clone",
            Resume::DeadLetter if !abilities.hands_over => "somebody who receives",
            Resume::Retry | Resume::Skip | Resume::DeadLetter => "",
        };
        if !needs.is_empty() {
            panic!("{}", OptionsError::Needs { name: "resume_key", needs });
        }
        let key = self.shared().hashed(key);
        self.shared().act(self.clock.time(), |state, items, _| {
            items.lane_of(&key).is_some_and(|lane| state.resume_lane(lane, how))
        })
    }

    /// The keys that are halted. They are cloned under a lock: that must not use the processor.
    pub fn halted_keys(&self) -> Vec<Q>
    where
        Q: Clone,
    {
        let state = self.shared().core.lock();
        let items = self.shared().items();
        state.halted_lanes().filter_map(|lane| items.key_of(lane).cloned()).collect()
    }

    /// Starts nothing any more, retries neither. What runs goes on, and so do time limits, hand-overs and releases.
    pub fn pause(&self) {
        self.shared().act(self.clock.time(), |state, _, _| state.pause());
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.shared().act(self.clock.time(), |state, _, _| state.unpause());
    }

    /// Changes how many attempts may run at once. Lowering it cancels nothing.
    ///
    /// # Errors
    /// It is not from 1 to 2^20, or more than the capacity.
    pub fn set_concurrency(&self, concurrency: usize) -> Result<(), OptionsError> {
        self.shared().act(self.clock.time(), |state, _, _| {
            let (_, capacity) = state.limits();
            state.set_limits(concurrency, capacity)
        })
    }

    /// Changes how many items may be accepted and not yet released. Lowering it cancels nothing.
    ///
    /// # Errors
    /// It is not from 1 to 2^20, or less than the concurrency.
    pub fn set_capacity(&self, capacity: usize) -> Result<(), OptionsError> {
        self.shared().act(self.clock.time(), |state, _, _| {
            let (concurrency, _) = state.limits();
            state.set_limits(concurrency, capacity)
        })
    }
}
