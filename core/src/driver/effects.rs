//! What follows from commands and may not be done under a lock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use super::failure::FailureKind;
use super::items::Output;
use super::key::Hashed;
use super::offer::{AnswerPledge, Waiting};
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
        self.trash.clear();
    }
}
