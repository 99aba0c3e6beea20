//! Drives futures: streams whose results come in order, and the long-lived [`Processor`].

mod attempt;
mod builder;
mod checkpoints;
mod clock;
mod deadlock;
mod delivery;
mod effects;
mod engine;
mod failure;
mod in_order;
mod inside;
#[cfg(all(test, inorder_loom))]
mod interleavings;
mod items;
mod key;
mod letters;
mod offer;
mod processor;
mod resequence;
mod results;
mod runs;
mod sequenced;
mod sequences;
mod shared;
mod source;
mod spans;
mod state;
mod steering;
mod stopping;
mod sync;
mod ticket;
mod told;
mod trials;
mod wake;

use std::hash::Hash;

use futures_core::Stream;

pub use builder::Builder;
#[cfg(feature = "futures-timer")]
pub use clock::FuturesTimer;
#[cfg(feature = "tokio")]
pub use clock::TokioTimer;
pub use clock::{Clock, MaybeClock, NoClock};
pub use delivery::{Answers, Delivery, OnOutput, OnOutputAsync, OnResult, OnResultAsync};
pub use engine::Driver;
pub use failure::{Failure, FailureKind, Stop, StopKind};
pub use in_order::{Fallible, InOrder, InOrderMap, Mode, Plain};
pub use key::{ByKey, ByOptionalKey, Key, NoKey};
pub use letters::{DeadLetter, GapCall, Gaps, Halts, Letters, OnHalt, Receipt, Receiver};
pub use offer::{Enqueue, Refused, RefusedKind};
pub use processor::Processor;
pub use resequence::{Gap, Resequence, Resequenced};
pub use results::{Results, WithLosses};
pub use sequences::SequenceKey;
pub use stopping::{Close, CloseError, Join, JoinError, Lost, Report};
pub use ticket::Ticket;
pub use told::{Nobody, OnDiscards, OnGaps, ResequenceError, Told, Verdict};

use crate::{Options, Seq, SequencerOptions};

/// Runs a handler for the items of a stream, several at once, and gives the results out in the order of the items.
///
/// Unlike `buffered` the number of handlers that run ([`Options::concurrency`]) is apart from how far they may be
/// ahead of the consumer ([`Options::capacity`]), so that one slow item idles nobody.
pub trait InOrderExt: Stream + Sized {
    /// For a handler that may fail.
    ///
    /// By default ([`OnFailure::Fail`](crate::OnFailure::Fail)) everything before a failed item comes out, then its
    /// [`Failure`], and nothing after it; with [`OnFailure::Emit`](crate::OnFailure::Emit) the failure takes the place
    /// of the result, and the rest goes on.
    ///
    /// # Examples
    /// ```
    /// use futures::{StreamExt, TryStreamExt, stream};
    /// use inorder::{InOrderExt, Options};
    ///
    /// # futures::executor::block_on(async {
    /// let double = async |x: u32| x.checked_mul(2).ok_or("too large");
    /// let doubled = stream::iter([1, 2, 3]).in_order(Options::new().concurrency(2), double);
    /// assert_eq!(doubled.try_collect::<Vec<_>>().await.unwrap(), [2, 4, 6]);
    ///
    /// let mut doubled = stream::iter([1, u32::MAX, 3]).in_order(Options::new(), double);
    /// assert_eq!(doubled.next().await.unwrap().unwrap(), 2);
    /// let failure = doubled.next().await.unwrap().unwrap_err();
    /// assert_eq!((failure.seq, failure.error()), (1, Some(&"too large")));
    /// assert!(doubled.next().await.is_none());
    /// # });
    /// ```
    ///
    /// # Panics
    /// Where an option is out of its bounds, with the text of [`Options::check`]; where one needs what is not given, at
    /// the first poll, with the text of [`InOrder::check`].
    fn in_order<H, F, R, E>(self, options: Options, handler: H) -> InOrder<Self, H, F>
    where
        H: FnMut(Self::Item) -> F,
        F: Future<Output = Result<R, E>>,
    {
        InOrder::new(self, options, NoKey, handler)
    }

    /// For a handler that cannot fail.
    ///
    /// # Examples
    /// ```
    /// use futures::{StreamExt, stream};
    /// use inorder::{InOrderExt, Options};
    ///
    /// # futures::executor::block_on(async {
    /// let squares = stream::iter(1..=3).in_order_map(Options::new().concurrency(2), async |x| x * x);
    /// assert_eq!(squares.collect::<Vec<_>>().await, [1, 4, 9]);
    /// # });
    /// ```
    ///
    /// # Panics
    /// Where an option is out of its bounds, with the text of [`Options::check`]; where one needs what is not given, at
    /// the first poll, with the text of [`InOrder::check`].
    fn in_order_map<H, F>(self, options: Options, handler: H) -> InOrderMap<Self, H, F>
    where
        H: FnMut(Self::Item) -> F,
        F: Future,
    {
        InOrder::new(self, options, NoKey, handler)
    }

    /// Like [`in_order`](Self::in_order), and items with the same key never run at the same time: they run in their
    /// order, whatever runs beside them. To find keys that are free it reads ahead as far as the capacity allows.
    ///
    /// A key that is an `Option` is a key like any other, `None` too; see
    /// [`in_order_by_optional_key`](Self::in_order_by_optional_key).
    ///
    /// # Examples
    /// ```
    /// use std::cell::RefCell;
    ///
    /// use futures::{TryStreamExt, stream};
    /// use inorder::{InOrderExt, Options};
    ///
    /// # futures::executor::block_on(async {
    /// let payments = [("ann", 5), ("bob", 3), ("ann", 2)];
    /// let balance = RefCell::new(0);
    /// let pay = async |(account, amount)| {
    ///     if account == "ann" {
    ///         *balance.borrow_mut() += amount; // no other payment of hers runs
    ///     }
    ///     Ok::<_, ()>(*balance.borrow())
    /// };
    /// let balances = stream::iter(payments).in_order_by_key(Options::new().concurrency(8), |(account, _)| *account, pay);
    /// assert_eq!(balances.try_collect::<Vec<_>>().await.unwrap(), [5, 5, 7]);
    /// # });
    /// ```
    ///
    /// # Panics
    /// Where an option is out of its bounds, with the text of [`Options::check`]; where one needs what is not given, at
    /// the first poll, with the text of [`InOrder::check`].
    fn in_order_by_key<Q, K, H, F, R, E>(
        self,
        options: Options,
        key: K,
        handler: H,
    ) -> InOrder<Self, H, F, ByKey<K>>
    where
        Q: Eq + Hash,
        K: FnMut(&Self::Item) -> Q,
        H: FnMut(Self::Item) -> F,
        F: Future<Output = Result<R, E>>,
    {
        InOrder::new(self, options, ByKey(key), handler)
    }

    /// Like [`in_order_by_key`](Self::in_order_by_key), where an item without a key is on its own: it waits for no
    /// other, and no other for it.
    ///
    /// # Panics
    /// Where an option is out of its bounds, with the text of [`Options::check`]; where one needs what is not given, at
    /// the first poll, with the text of [`InOrder::check`].
    fn in_order_by_optional_key<Q, K, H, F, R, E>(
        self,
        options: Options,
        key: K,
        handler: H,
    ) -> InOrder<Self, H, F, ByOptionalKey<K>>
    where
        Q: Eq + Hash,
        K: FnMut(&Self::Item) -> Option<Q>,
        H: FnMut(Self::Item) -> F,
        F: Future<Output = Result<R, E>>,
    {
        InOrder::new(self, options, ByOptionalKey(key), handler)
    }

    /// Gives the items out by their numbers, in whatever order they come.
    ///
    /// What is missing is waited for, given up or an error, as the [options](SequencerOptions::gap) say; what is given up
    /// comes out in its place, as [`Resequenced::Lost`]. What comes twice or late is dropped. After an error nothing
    /// comes out. For what has a time limit it needs a [`clock`](Resequence::clock).
    ///
    /// # Examples
    /// ```
    /// use futures::{StreamExt, stream};
    /// use inorder::{InOrderExt, OnGap, Resequenced, SequencerOptions};
    ///
    /// # futures::executor::block_on(async {
    /// let packets = stream::iter([(1, "or"), (0, "to be"), (3, "be")]);
    /// let options = SequencerOptions::new().gap(OnGap::Skip);
    /// let mut words = packets.resequence(options, |(seq, _)| *seq);
    /// assert_eq!(words.next().await, Some(Ok(Resequenced::Item((0, "to be")))));
    /// assert_eq!(words.next().await, Some(Ok(Resequenced::Item((1, "or")))));
    /// assert_eq!(words.next().await, Some(Ok(Resequenced::Lost { first: 2, last: 2, key: () })));
    /// assert_eq!(words.next().await, Some(Ok(Resequenced::Item((3, "be")))));
    /// assert_eq!(words.next().await, None);
    /// # });
    /// ```
    ///
    /// # Panics
    /// Where an option is out of its bounds, with the text of [`SequencerOptions::check`].
    fn resequence<N>(self, options: SequencerOptions, seq: N) -> Resequence<Self, N>
    where
        N: FnMut(&Self::Item) -> Seq,
    {
        Resequence::new(self, options, NoKey, seq)
    }

    /// Like [`resequence`](Self::resequence), with a sequence for each key, each with a window of its own, kept until
    /// the stream ends. Across keys items come out in the order in which they became ready.
    ///
    /// # Examples
    /// ```
    /// use futures::{StreamExt, stream};
    /// use inorder::{InOrderExt, Resequenced, SequencerOptions};
    ///
    /// # futures::executor::block_on(async {
    /// let packets = stream::iter([("a", 1), ("b", 0), ("a", 0)]);
    /// let words = packets.resequence_by_key(SequencerOptions::new(), |(key, _)| *key, |(_, seq)| *seq);
    /// let words: Vec<_> = words.map(Result::unwrap).collect().await;
    /// assert_eq!(words, [("b", 0), ("a", 0), ("a", 1)].map(Resequenced::Item));
    /// # });
    /// ```
    ///
    /// # Panics
    /// Where an option is out of its bounds, with the text of [`SequencerOptions::check`].
    fn resequence_by_key<Q, K, N>(
        self,
        options: SequencerOptions,
        key: K,
        seq: N,
    ) -> Resequence<Self, N, ByKey<K>>
    where
        Q: Clone + Eq + Hash,
        K: FnMut(&Self::Item) -> Q,
        N: FnMut(&Self::Item) -> Seq,
    {
        Resequence::new(self, options, ByKey(key), seq)
    }
}

impl<S: Stream> InOrderExt for S {}
