//! Offers: items that ask to be accepted, and wait where there is no room.

use std::error::Error;
use std::fmt;
use std::hash::Hash;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::clock::MaybeClock;
use super::effects::Trash;
use super::failure::Stop;
use super::inside::Inside;
use super::items::Admission;
use super::shared::Shared;
use super::ticket::{Promise, Ticket};
use crate::{Lane, Seq, Time};

/// An item that was not accepted.
pub struct Refused<T, E> {
    /// The item.
    pub item: T,
    /// Why it was not accepted.
    pub kind: RefusedKind,
    pub(super) cause: Option<Stop<E>>,
}

/// Why an item was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusedKind {
    /// There is no room, or others wait for it.
    Full,
    /// No more is accepted: the processor was closed, or a failure stopped it.
    Closed,
    /// An item with this number is accepted and not released.
    Duplicate,
    /// The number is released or given up, or before the start.
    Late,
    /// The number is beyond the window.
    TooFar,
    /// A number is given exactly where the processor is sequenced.
    Numbering,
    /// The offer was made inside a handler or a callback, and all that could make room waits for room: nothing would
    /// ever go on. Of several the one is turned away that has waited longest.
    Deadlock,
}

impl<T, E> Refused<T, E> {
    /// The failure that stopped the processor, where it is closed because of one.
    pub fn cause(&self) -> Option<&Stop<E>> {
        self.cause.as_ref()
    }
}

impl fmt::Display for RefusedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => {
                "full: as many items as the capacity allows are accepted and not released"
            }
            Self::Closed => "closed: no more items are accepted",
            Self::Duplicate => "duplicate: an item with this number is accepted and not released",
            Self::Late => "late: the number is released or given up, or before the start",
            Self::TooFar => "too far: the number is not below the next one plus the capacity",
            Self::Numbering => {
                "a sequence number is given exactly where the processor is sequenced"
            }
            Self::Deadlock => "deadlock: all that could make room waits for room",
        })
    }
}

impl<T, E> fmt::Display for Refused<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

/// Without the item, of which nothing is asked.
impl<T, E: fmt::Debug> fmt::Debug for Refused<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused")
            .field("kind", &self.kind)
            .field("cause", &self.cause)
            .finish_non_exhaustive()
    }
}

impl<T, E: fmt::Debug> Error for Refused<T, E> {}

/// What an offer comes to.
pub(super) type Answer<T, R, E, I> = Result<Ticket<R, E, I>, Refused<T, E>>;

/// Where the answer of one that waits goes.
pub(super) type AnswerPledge<T, R, E, I> = Arc<Promise<Answer<T, R, E, I>>>;

/// An offer just made.
pub(super) enum Offered<T, R, E, I> {
    Answered(Answer<T, R, E, I>),
    /// Until its turn.
    Waits(Turn, AnswerPledge<T, R, E, I>),
}

/// Whose turn it is among those that wait: by the number, where one is given, and then by who came first.
pub(super) type Turn = (Seq, u64);

/// An offer that was not accepted.
pub(super) type TurnedAway<T, I> = (Offer<T, I>, RefusedKind);

/// An item that asks to be accepted.
pub(super) struct Offer<T, I> {
    pub(super) item: T,
    pub(super) lane: Option<Lane>,
    pub(super) kept: I,
    pub(super) seq: Option<Seq>,
    /// By whose handler or callback it is made.
    pub(super) inside: Option<Inside>,
}

/// One that waits.
pub(super) struct Waiting<T, R, E, I> {
    pub(super) offer: Offer<T, I>,
    pub(super) answer: AnswerPledge<T, R, E, I>,
}

/// A future of acceptance: see [`Processor::enqueue`](super::Processor::enqueue).
///
/// # Cancellation safety
/// Dropping it before it is ready gives the offer up: it takes neither a number nor a unit of capacity. If it was
/// accepted at that moment, it goes on as if its ticket had been dropped.
///
/// # Panics
/// Where it is polled after its answer. A panic of the key function, of the function that keeps items or of the equality
/// of keys goes through its first poll: nothing is offered then.
#[must_use = "nothing is enqueued unless it is awaited"]
pub struct Enqueue<'a, T, R, E, Q: Eq + Hash, I, C> {
    shared: &'a Shared<T, R, E, Q, I>,
    clock: &'a C,
    step: Step<T, R, E, I>,
}

enum Step<T, R, E, I> {
    New(T, Option<Seq>),
    Waiting(Turn, AnswerPledge<T, R, E, I>),
    Done,
}

impl<'a, T, R, E, Q: Eq + Hash, I, C> Enqueue<'a, T, R, E, Q, I, C> {
    pub(super) fn new(
        shared: &'a Shared<T, R, E, Q, I>,
        clock: &'a C,
        item: T,
        seq: Option<Seq>,
    ) -> Self {
        Self { shared, clock, step: Step::New(item, seq) }
    }
}

impl<T, R, E, Q: Eq + Hash, I> Shared<T, R, E, Q, I> {
    /// Offers an item.
    pub(super) fn offer(
        &self,
        now: Time,
        item: T,
        seq: Option<Seq>,
        admission: Admission,
    ) -> Offered<T, R, E, I> {
        // outside of what is done under the locks: where the equality of keys panics they are dropped without them
        let mut key = self.key_of(&item);
        let mut item = Some((self.keep(&item), item));
        let inside = Inside::of(&self.core);
        self.act(now, |state, items, effects| {
            let interned = items.intern(&mut key);
            effects.trash.extend(key.take().map(Trash::Key));
            let (kept, item) = item.take().expect("this is done once");
            let lane = interned.as_ref().ok().copied().flatten();
            let offer = Offer { item, lane, kept, seq, inside };
            if interned.is_err() {
                state.refuse();
                let refused = items.refuse(state, offer, RefusedKind::Full, effects);
                return Offered::Answered(Err(refused));
            }
            // while others wait that would fit, there is no room: they are accepted as soon as there is
            let (offer, kind) = match items.admit(state, offer, effects) {
                Ok(ticket) => return Offered::Answered(Ok(ticket)),
                Err(turned_away) => turned_away,
            };
            if matches!(kind, RefusedKind::Full | RefusedKind::TooFar) {
                if admission == Admission::OrWait {
                    let answer = Promise::new();
                    let waiting = Waiting { offer, answer: Arc::clone(&answer) };
                    return Offered::Waits(items.wait(state, waiting), answer);
                }
                state.refuse();
            }
            Offered::Answered(Err(items.refuse(state, offer, kind, effects)))
        })
    }
}

/// Nothing in it is pinned.
impl<T, R, E, Q: Eq + Hash, I, C> Unpin for Enqueue<'_, T, R, E, Q, I, C> {}

impl<T, R, E, Q: Eq + Hash, I, C: MaybeClock> Future for Enqueue<'_, T, R, E, Q, I, C> {
    type Output = Answer<T, R, E, I>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Step::New(..) = this.step {
            let Step::New(item, seq) = mem::replace(&mut this.step, Step::Done) else {
                unreachable!()
            };
            match this.shared.offer(this.clock.time(), item, seq, Admission::OrWait) {
                Offered::Answered(answer) => return Poll::Ready(answer),
                Offered::Waits(turn, answer) => this.step = Step::Waiting(turn, answer),
            }
        }
        let Step::Waiting(_, answer) = &this.step else {
            panic!("an offer is not polled after its answer")
        };
        let answer = ready!(answer.poll(cx));
        this.step = Step::Done;
        Poll::Ready(answer.expect("it is taken here only"))
    }
}

impl<T, R, E, Q: Eq + Hash, I, C> Drop for Enqueue<'_, T, R, E, Q, I, C> {
    fn drop(&mut self) {
        if let Step::Waiting(turn, _) = self.step {
            self.shared.act(Time::default(), |_, items, effects| items.give_up(turn, effects));
        }
    }
}

impl<T, R, E, Q: Eq + Hash, I, C> fmt::Debug for Enqueue<'_, T, R, E, Q, I, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enqueue").finish_non_exhaustive()
    }
}
