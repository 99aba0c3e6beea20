//! Checkpoints of a processor: what is done for good, to be stored, and to go on from.

use std::hash::Hash;

use super::processor::Processor;
use crate::{Checkpoint, OptionsError, Seq};

/// What a processor does about checkpoints.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    pub(super) are_wanted: bool,
    pub(super) restored: Option<Checkpoint>,
}

impl Checkpoints {
    /// Whether what is completed is followed.
    pub(super) fn are_followed(&self) -> bool {
        self.are_wanted || self.restored.is_some()
    }

    pub(super) fn check(&self, is_sequenced: bool) -> Result<(), OptionsError> {
        let Some(checkpoint) = &self.restored else { return Ok(()) };
        if !is_sequenced {
            let needs = "numbers that the callers give: sequenced";
            return Err(OptionsError::Needs { name: "restore", needs });
        }
        let most = Seq::MAX - 1;
        match checkpoint.highest().filter(|highest| *highest > most) {
            Some(value) => Err(OptionsError::Range { name: "restore", value, least: 0, most }),
            None => Ok(()),
        }
    }
}

impl<T, R, E, Q: Eq + Hash, I, C> Processor<T, R, E, Q, I, C> {
    /// What is completed, of this instant: the position, up to which every item that was accepted is, and what is beyond
    /// it. An item with a number of its own counts as accepted here when everything before it has come or was given up.
    ///
    /// An item is completed when its handler returned a result, it was skipped or it was handed over *and* that is
    /// delivered: `on_result` returned, or the iteration asked for the next one; where nobody takes results, at once. It
    /// is there also when the processor is closed. `None` where [`checkpoints`](super::Builder::checkpoints) were not
    /// asked for.
    ///
    /// Closing gives up what is missing before items that have come, and the position passes it: where such numbers may
    /// still come in a later life, store the checkpoint of before.
    ///
    /// # Examples
    /// ```
    /// use futures::executor::block_on;
    /// use futures::future::join;
    /// use inorder::{Checkpoint, Processor};
    ///
    /// let handle = async |n: u64| Ok::<_, ()>(n * n);
    /// let (processor, driver) = Processor::builder(handle).sequenced(0).checkpoints().build();
    /// let work = async {
    ///     for n in [0, 1] {
    ///         assert_eq!(processor.enqueue_at(n, n).await?.await, Ok(n * n));
    ///     }
    ///     let stored = processor.checkpoint().ok_or("it was asked for")?.to_bytes(None)?;
    ///     drop(processor);
    ///     Ok::<_, Box<dyn std::error::Error>>(stored)
    /// };
    /// let stored = block_on(join(driver, work)).1.unwrap();
    ///
    /// // in a later life
    /// let checkpoint = Checkpoint::from_bytes(&stored).unwrap();
    /// assert_eq!(checkpoint.position(), Some(1));
    /// let (processor, driver) = Processor::builder(handle).sequenced(0).restore(checkpoint).build();
    /// let work = async {
    ///     assert!(processor.enqueue_at(1, 1).await.is_err(), "it is late");
    ///     assert_eq!(processor.enqueue_at(2, 2).await?.await, Ok(4));
    ///     drop(processor);
    ///     Ok::<_, Box<dyn std::error::Error>>(())
    /// };
    /// block_on(join(driver, work)).1.unwrap();
    /// ```
    #[must_use]
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        self.shared().core.lock().checkpoint()
    }
}
