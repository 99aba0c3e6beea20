//! What follows from commands and may not be done under a lock.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::task::Waker;

use super::failure::{Failure, FailureKind};
use super::items::Output;
use super::key::Hashed;
use super::offer::{Answer, AnswerPledge, Waiting};
use super::spans::Notes;
use super::stopping::Waiter;
use super::ticket::Pledge;

/// What is to be done outside of the locks: wake, and drop what a user made.
pub(super) struct Effects<T, R, E, Q, I> {
    pub(super) pledges: VecDeque<Pledge<R, E, I>>,
    pub(super) answers: VecDeque<AnswerPledge<T, R, E, I>>,
    pub(super) waiters: Vec<Arc<Waiter>>,
    pub(super) trash: Vec<Trash<T, R, E, Q, I>>,
    pub(super) taker: Option<Waker>,
    pub(super) notes: Notes,
    pub(super) wakes_driver: bool,
}

/// Kept until the locks are released, and dropped.
pub(super) enum Trash<T, R, E, Q, I> {
    Payload(T),
    Kept(I),
    Output(Output<R, E>),
    Key(Hashed<Q>),
    Waiting(Waiting<T, R, E, I>),
    Kind(FailureKind<E>),
    /// What a ticket was told meanwhile.
    Told(Result<R, Failure<E, I>>),
}

impl<T, R, E, Q, I> Effects<T, R, E, Q, I> {
    pub(super) fn new() -> Self {
        Self {
            pledges: VecDeque::new(),
            answers: VecDeque::new(),
            waiters: Vec::new(),
            trash: Vec::new(),
            taker: None,
            notes: Notes::new(),
            wakes_driver: false,
        }
    }

    /// Gives a ticket its result.
    pub(super) fn keep(&mut self, pledge: Pledge<R, E, I>, result: Result<R, Failure<E, I>>) {
        self.trash.extend(pledge.keep(result).map(Trash::Told));
        self.pledges.push_back(pledge);
    }

    /// Answers an offer that waited.
    pub(super) fn answer(&mut self, to: AnswerPledge<T, R, E, I>, answer: Answer<T, R, E, I>) {
        let before = to.keep(answer);
        debug_assert!(before.is_none(), "an offer is answered once");
        self.answers.push_back(to);
    }

    /// Wakes and drops. To be called without a lock.
    pub(super) fn perform(&mut self) {
        self.notes.tell();
        // one by one: a panic leaves the rest to the next time
        while let Some(pledge) = self.pledges.pop_front() {
            if let Some(waker) = pledge.waker() {
                waker.wake();
            }
        }
        while let Some(answer) = self.answers.pop_front() {
            if let Some(waker) = answer.waker() {
                waker.wake();
            }
        }
        while let Some(waiter) = self.waiters.pop() {
            waiter.wake();
        }
        if let Some(taker) = self.taker.take() {
            taker.wake();
        }
        while let Some(trash) = self.trash.pop() {
            drop(trash);
        }
    }
}

/// Calls something until no panic comes out of it, each of which has done a part: then the first panic goes on.
pub(super) fn to_the_end(mut call: impl FnMut()) {
    let mut first = None;
    while let Err(panic) = catch_unwind(AssertUnwindSafe(&mut call)) {
        first.get_or_insert(panic);
    }
    if let Some(panic) = first.filter(|_| !std::thread::panicking()) {
        resume_unwind(panic);
    }
}
