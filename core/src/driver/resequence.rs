//! A stream of arrivals out of order, put in order by their numbers.

use std::fmt;
use std::hash::Hash;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use super::clock::{Clock, MaybeClock, NoClock};
use super::key::{ByKey, NoKey};
use super::sequences::{SequenceKey, Sequences};
use super::told::{Nobody, OnDiscards, OnGaps, ResequenceError, Told, Verdict};
use crate::{
    Blocked, Discard, Output, Pushed, Resequencer, ResequencerEvent, Seq, Sequence,
    SequencerOptions, Stats, Time,
};

/// So many items are read at most in one poll, and before what is late is given up: others are to have their turn too,
/// and time to go on.
const READS: usize = 128;

/// What comes out of [`resequence`](super::InOrderExt::resequence).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resequenced<T, K = ()> {
    /// An item, in its turn.
    Item(T),
    /// These numbers were given up; both ends are among them. They are as they come over the wire.
    Lost {
        /// The first of them.
        first: Seq,
        /// The last of them.
        last: Seq,
        /// Of this key.
        key: K,
    },
}

impl<T, K: Clone> Resequenced<T, K> {
    /// The same with a reference to the item.
    pub fn as_ref(&self) -> Resequenced<&T, K> {
        match self {
            Self::Item(item) => Resequenced::Item(item),
            Self::Lost { first, last, key } => {
                Resequenced::Lost { first: *first, last: *last, key: key.clone() }
            }
        }
    }
}

/// Numbers that are missing, while something beyond them is in; both ends are among them. They are as they come over
/// the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Gap<K = ()> {
    /// The first of them.
    pub first: Seq,
    /// The last of them.
    pub last: Seq,
    /// Of this key.
    pub key: K,
}

pin_project! {
    /// The items of a stream by their numbers: what [`resequence`](super::InOrderExt::resequence) returns.
    ///
    /// What is set on it is to be set before it is polled.
    ///
    /// # Progress
    /// It starts with the first [`poll_next`](Stream::poll_next), and reads its source while it is polled and nothing
    /// can be given out: while the next number is missing it never stops reading. While its consumer is busy with
    /// something else, [`poll_progress`](Self::poll_progress) lets it read on. It reads before it looks at the time, so
    /// that what has come is not given up.
    ///
    /// # Cancellation safety
    /// A `next` that is given up ends nothing and loses nothing: the following one gets that item. Dropping the stream
    /// drops what is held, and its source.
    ///
    /// # Panics
    /// At the first poll, where there is a time limit and no [`clock`](Self::clock).
    ///
    /// A panic of the function that says numbers or keys, of a callback or of the source goes through `poll_next`.
    /// Nothing is broken by that: the item is dropped, and polling goes on with the rest.
    #[must_use = "streams do nothing unless polled"]
    pub struct Resequence<
        S: Stream,
        N,
        K: SequenceKey<S::Item> = NoKey,
        C: MaybeClock = NoClock,
        G = Nobody,
        D = Nobody,
    > {
        // gone once it has ended, or nothing more is wanted of it
        #[pin]
        source: Option<S>,
        #[pin]
        sleep: Option<C::Sleep>,
        seq: N,
        key: K,
        clock: C,
        on_gap: G,
        on_discard: D,
        work: Work<S::Item, K::Key>,
    }
}

/// What is in, and how far it is.
struct Work<T, Q> {
    resequencer: Resequencer,
    /// By slot.
    items: Vec<Option<T>>,
    sequences: Sequences<Q>,
    now: Time,
    /// The clock was read in this poll.
    is_fresh: bool,
    /// When the timer rings.
    deadline: Option<Time>,
    /// There is a time limit, and no clock for it.
    lacks_clock: bool,
    /// A callback failed: what is ready comes out, then its error.
    is_stopped: bool,
    /// Nothing more comes out.
    is_over: bool,
}

impl<S: Stream, N, K: SequenceKey<S::Item>> Resequence<S, N, K> {
    pub(super) fn new(source: S, options: SequencerOptions, key: K, seq: N) -> Self {
        let resequencer = match Resequencer::new(options) {
            Ok(resequencer) => resequencer,
            Err(error) => panic!("{error}"),
        };
        let work = Work {
            resequencer,
            items: Vec::new(),
            sequences: Sequences::default(),
            now: Time::default(),
            is_fresh: false,
            deadline: None,
            lacks_clock: options.has_time_limit(),
            is_stopped: false,
            is_over: false,
        };
        Self {
            source: Some(source),
            sleep: None,
            seq,
            key,
            clock: NoClock,
            on_gap: Nobody,
            on_discard: Nobody,
            work,
        }
    }
}

impl<S: Stream, N, K: SequenceKey<S::Item>, C: MaybeClock, G, D> Resequence<S, N, K, C, G, D> {
    /// The clock: needed where there is a [`gap_timeout`](SequencerOptions::gap_timeout), or a
    /// [`gap_warning`](SequencerOptions::gap_warning) that is not 0.
    pub fn clock<P: Clock>(self, clock: P) -> Resequence<S, N, K, P, G, D> {
        let Self { source, seq, key, on_gap, on_discard, mut work, .. } = self;
        work.lacks_clock = false;
        Resequence { source, sleep: None, seq, key, clock, on_gap, on_discard, work }
    }

    /// Is called once for each gap, [`gap_warning`](SequencerOptions::gap_warning) after something came beyond a number
    /// that is missing, by default at once: to ask for it again.
    ///
    /// It returns `()`, or a `Result`. After an error nothing more is read: what is ready comes out, then
    /// [`ResequenceError::OnGap`].
    pub fn on_gap<A, P>(self, on_gap: P) -> Resequence<S, N, K, C, Told<P, A::Error>, D>
    where
        A: Verdict,
        P: FnMut(Gap<K::Key>) -> A,
    {
        let Self { source, sleep, seq, key, clock, on_discard, mut work, .. } = self;
        work.resequencer.tell_gaps();
        let on_gap = Told::new(on_gap);
        Resequence { source, sleep, seq, key, clock, on_gap, on_discard, work }
    }

    /// Is called with each item that does not come out, and why: what came twice, and what came late.
    ///
    /// It returns `()`, or a `Result`. After an error nothing more is read: what is ready comes out, then
    /// [`ResequenceError::OnDiscard`].
    pub fn on_discard<A, P>(self, on_discard: P) -> Resequence<S, N, K, C, G, Told<P, A::Error>>
    where
        A: Verdict,
        P: FnMut(S::Item, Discard) -> A,
    {
        let on_discard = Told::new(on_discard);
        let Self { source, sleep, seq, key, clock, on_gap, work, .. } = self;
        Resequence { source, sleep, seq, key, clock, on_gap, on_discard, work }
    }

    /// Counters and gauges, those that [`Resequencer::stats`] has.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.work.resequencer.stats()
    }

    /// What comes out next waits for, as [`Resequencer::why_blocked`] says it: most often the number that is missing.
    /// `None` when nothing is inside. Without a clock ages are 0.
    #[must_use]
    pub fn why_blocked(&self) -> Option<Blocked> {
        self.work.resequencer.why_blocked(self.clock.time())
    }

    /// How many numbers were given up.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.work.resequencer.lost()
    }
}

impl<S, N, K, C, G, D> Resequence<S, N, K, C, G, D>
where
    S: Stream,
    N: FnMut(&S::Item) -> Seq,
    K: SequenceKey<S::Item>,
    C: MaybeClock,
    G: OnGaps<K::Key>,
    D: OnDiscards<S::Item>,
{
    /// Reads on, and gives nothing out. Ready when something can be given out, or at the end.
    ///
    /// For a consumer that takes long over an item: poll it together with that work.
    pub fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.work.is_over { Poll::Ready(()) } else { self.advance(cx) }
    }

    /// Reads until something can be given out, or nothing comes any more.
    fn advance(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let work = this.work;
        assert!(!work.lacks_clock, "gap_timeout and gap_warning need a clock");
        work.is_fresh = false;
        let mut reads = READS;
        loop {
            work.tell(&mut *this.on_gap, &mut *this.on_discard);
            if work.is_stopped {
                return Poll::Ready(());
            }
            let is_due = work.is_due(this.clock);
            if work.resequencer.is_drained() || (work.resequencer.has_output() && !is_due) {
                return Poll::Ready(());
            }
            // beyond what can be given out it reads only because time is up: not without end
            let may_read = reads > 0 && work.resequencer.ready() < READS;
            if let Some(source) = this.source.as_mut().as_pin_mut().filter(|_| may_read) {
                match source.poll_next(cx) {
                    Poll::Ready(Some(item)) => {
                        reads -= 1;
                        let (seq, key) = ((this.seq)(&item), this.key.key(&item));
                        let sequence = work.sequences.find::<K, _>(key, &mut work.resequencer);
                        work.accept(item, sequence, seq, this.clock, &mut *this.on_discard);
                        continue;
                    }
                    Poll::Ready(None) => {
                        this.source.set(None);
                        let now = work.time(this.clock);
                        work.resequencer.end(now);
                        continue;
                    }
                    Poll::Pending => {}
                }
            }
            if is_due {
                let now = work.time(this.clock);
                work.resequencer.handle_timeout(now);
                continue;
            }
            if reads == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let due = work.resequencer.poll_timeout();
            if mem::replace(&mut work.deadline, due) != due {
                this.sleep.set(due.map(|due| this.clock.sleep(due)));
            }
            let Some(sleep) = this.sleep.as_mut().as_pin_mut() else { return Poll::Pending };
            ready!(sleep.poll(cx));
            this.sleep.set(None);
            work.deadline = None;
            work.is_fresh = false;
        }
    }
}

impl<S, N, K, C, G, D> Stream for Resequence<S, N, K, C, G, D>
where
    S: Stream,
    N: FnMut(&S::Item) -> Seq,
    K: SequenceKey<S::Item>,
    C: MaybeClock,
    G: OnGaps<K::Key>,
    D: OnDiscards<S::Item>,
{
    type Item = Result<Resequenced<S::Item, K::Key>, ResequenceError<K::Key, G::Error, D::Error>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.work.is_over {
            return Poll::Ready(None);
        }
        ready!(self.as_mut().advance(cx));
        let mut this = self.project();
        let work = this.work;
        Poll::Ready(Some(match work.resequencer.poll_output() {
            Some(Output::Item { slot, .. }) => {
                let item = work.items[slot.index()].take();
                Ok(Resequenced::Item(item.expect("what comes out is in its slot")))
            }
            Some(Output::Lost { sequence, first, last }) => {
                let key = work.sequences.key(sequence);
                Ok(Resequenced::Lost { first, last, key })
            }
            Some(Output::Failed(error)) => {
                work.is_over = true;
                this.source.set(None);
                this.sleep.set(None);
                drop(mem::take(&mut work.items));
                let error = error.map_key(|sequence| work.sequences.key(sequence));
                Err(ResequenceError::Sequence(error))
            }
            None => {
                work.is_over = true;
                this.source.set(None);
                this.sleep.set(None);
                drop(mem::take(&mut work.items));
                if let Some(error) = this.on_gap.take_error() {
                    Err(ResequenceError::OnGap(error))
                } else if let Some(error) = this.on_discard.take_error() {
                    Err(ResequenceError::OnDiscard(error))
                } else {
                    return Poll::Ready(None);
                }
            }
        }))
    }

    /// At least what can be given out; at most each item with a loss before it, and an error.
    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.work.is_over {
            return (0, Some(0));
        }
        let (_, high) = self.source.as_ref().map_or((0, Some(0)), Stream::size_hint);
        let resequencer = &self.work.resequencer;
        let ready = resequencer.ready();
        let items = high.and_then(|high| high.checked_add(resequencer.len()));
        let high = items.and_then(|items| items.checked_mul(2)?.checked_add(ready)?.checked_add(1));
        (ready, high)
    }
}

impl<S: Stream, N, K: SequenceKey<S::Item>, C: MaybeClock, G, D> FusedStream
    for Resequence<S, N, K, C, G, D>
where
    Self: Stream,
{
    fn is_terminated(&self) -> bool {
        self.work.is_over
    }
}

impl<T, Q: Clone> Work<T, Q> {
    /// The time, read once per poll, and only where it matters.
    fn time(&mut self, clock: &impl MaybeClock) -> Time {
        if !mem::replace(&mut self.is_fresh, true) {
            self.now = self.now.max(clock.time());
        }
        self.now
    }

    fn is_due(&mut self, clock: &impl MaybeClock) -> bool {
        let due = self.resequencer.poll_timeout();
        due.is_some_and(|due| due <= self.time(clock))
    }

    /// Calls those who want to know, until one of them fails.
    fn tell(&mut self, on_gap: &mut impl OnGaps<Q>, on_discard: &mut impl OnDiscards<T>) {
        while !self.is_stopped {
            let Some(event) = self.resequencer.poll_event() else { return };
            let is_ok = match event {
                ResequencerEvent::Gap { sequence, first, last } => {
                    on_gap.tell(|| Gap { first, last, key: self.sequences.key(sequence) })
                }
                ResequencerEvent::Discarded { slot, why } => {
                    let item = self.items[slot.index()].take();
                    item.is_none_or(|item| on_discard.tell(item, why))
                }
            };
            self.is_stopped = !is_ok;
        }
    }

    fn accept(
        &mut self,
        item: T,
        sequence: Sequence,
        seq: Seq,
        clock: &impl MaybeClock,
        on_discard: &mut impl OnDiscards<T>,
    ) {
        let needs_time = self.resequencer.needs_time(sequence, seq);
        let now = if needs_time { self.time(clock) } else { self.now };
        match self.resequencer.push(now, sequence, seq) {
            Pushed::Taken(slot) => {
                if slot.index() >= self.items.len() {
                    self.items.resize_with(slot.index() + 1, || None);
                }
                self.items[slot.index()] = Some(item);
            }
            Pushed::Duplicate => self.is_stopped = !on_discard.tell(item, Discard::Duplicate),
            Pushed::Late => self.is_stopped = !on_discard.tell(item, Discard::Late),
            // it ends with this number in its error
            Pushed::TooFar => drop(item),
        }
    }
}

impl<S: Stream, N, K: SequenceKey<S::Item>, C: MaybeClock, G, D> fmt::Debug
    for Resequence<S, N, K, C, G, D>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resequence")
            .field("resequencer", &self.work.resequencer)
            .finish_non_exhaustive()
    }
}

impl<T> SequenceKey<T> for NoKey {
    type Key = ();
    const KEYED: bool = false;

    #[inline]
    fn key(&mut self, _: &T) {}
}

impl<T, Q: Clone + Eq + Hash, K: FnMut(&T) -> Q> SequenceKey<T> for ByKey<K> {
    type Key = Q;
    const KEYED: bool = true;

    #[inline]
    fn key(&mut self, item: &T) -> Q {
        (self.0)(item)
    }
}
