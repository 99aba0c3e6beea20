//! Dead letters of a stream: failures on their way to whoever receives them.

use std::task::{Poll, Waker};

use super::cells::{Cell, Cells};
use crate::driver::attempt::{Attempts, Round};
use crate::driver::letters::{Letters, Receipt};
use crate::driver::spans::Span;
use crate::event::Why;
use crate::{Handle, Run, Seq};

/// Who receives, and what is being handed over.
pub(super) struct Post<T, O, L: Letters<T, O>> {
    receiver: L,
    attempts: Attempts<L::Future>,
    /// By slot; they are kept until they are received, as they may be handed over again.
    letters: Vec<Option<(Handle, L::Letter)>>,
    /// The attempt that was begun last, by slot.
    begun: Vec<Option<Run>>,
}

impl<T, O, L: Letters<T, O>> Post<T, O, L> {
    pub(super) fn new(receiver: L) -> Self {
        Self { receiver, attempts: Attempts::new(1), letters: Vec::new(), begun: Vec::new() }
    }

    /// Whether nothing is being handed over.
    pub(super) fn is_idle(&self) -> bool {
        !L::IS_WANTED || self.attempts.running() == 0
    }

    #[inline]
    pub(super) fn any_woken(&self) -> bool {
        L::IS_WANTED && self.attempts.any_woken()
    }

    pub(super) fn register(&self, task: &Waker) {
        if L::IS_WANTED {
            self.attempts.register(task);
        }
    }

    /// Whether a panic went through a receiver.
    #[inline]
    pub(super) fn is_broken(&self) -> bool {
        L::IS_WANTED && self.attempts.is_broken()
    }

    pub(super) fn recover(&mut self) -> Option<Run> {
        self.attempts.recover()
    }

    /// Keeps the output of an item that is to be handed over, and the item itself.
    #[cold]
    pub(super) fn keep<Q>(&mut self, run: Run, seq: Seq, output: O, cells: &mut Cells<T, O, Q>) {
        let Cell::Begun(item) = cells.take(run.handle) else { return };
        if let Some(letter) = L::letter(Ok(output), seq, run.attempt, item) {
            put(&mut self.letters, run.handle, (run.handle, letter));
        }
    }

    /// Notes which attempt of an item is the last.
    pub(super) fn note(&mut self, run: Run) {
        if L::IS_WANTED {
            put(&mut self.begun, run.handle, run);
        }
    }

    /// Hands a failure over that was kept, or an item whose time was over.
    pub(super) fn begin<Q>(
        &mut self,
        run: Run,
        seq: Seq,
        span: Span,
        cells: &mut Cells<T, O, Q>,
    ) -> Poll<bool> {
        let (handle, slot) = (run.handle, run.handle.slot().index());
        let is_known = matches!(self.letters.get(slot), Some(Some((known, _))) if *known == handle);
        if !is_known {
            let last = self.begun.get(slot).copied().flatten();
            let attempt = last.filter(|last| last.handle == handle).map_or(0, |last| last.attempt);
            let (why, item) = match cells.take(handle) {
                Cell::TimedOutKept(item) => (Why::AttemptTimeout, item),
                Cell::ExpiredKept(item) => (Why::DeadlineExceeded, item),
                Cell::Empty
                | Cell::Waiting(_)
                | Cell::Begun(_)
                | Cell::Done(_)
                | Cell::TimedOut(_) => return Poll::Ready(true),
            };
            let letter = L::letter(Err(why), seq, attempt, item);
            let Some(letter) = letter else { return Poll::Ready(true) };
            put(&mut self.letters, handle, (handle, letter));
        }
        let Self { receiver, attempts, letters, .. } = self;
        let Some(Some((_, letter))) = letters.get(slot) else { return Poll::Ready(true) };
        let poll = attempts.begin(run, span, || receiver.hand_over(letter));
        poll.map(|receipt| receipt.is_received())
    }

    /// Goes on with those that were woken, until one of them is over: which one, and whether it was received.
    pub(super) fn poll_woken(&mut self, round: &mut Round) -> Option<(Run, bool)> {
        let (run, receipt) = self.attempts.poll_woken(round, |_| ())?;
        Some((run, receipt.is_received()))
    }

    /// What is to be dropped of a letter that was received.
    pub(super) fn forget(&mut self, handle: Handle) -> Option<impl Sized + use<T, O, L>> {
        let place = self.letters.get_mut(handle.slot().index())?;
        place.take_if(|(known, _)| *known == handle)
    }
}

fn put<X>(places: &mut Vec<Option<X>>, handle: Handle, value: X) {
    let slot = handle.slot().index();
    if slot >= places.len() {
        places.resize_with(slot + 1, || None);
    }
    places[slot] = Some(value);
}
