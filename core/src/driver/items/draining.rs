//! What a processor does with what the dispatcher tells.

use super::{Items, Lent, LentResult, Output};
use crate::driver::effects::{Effects, Trash};
use crate::driver::failure::{Failure, FailureKind, Stop, StopKind};
use crate::driver::letters::{End, Owed};
use crate::driver::resequence::Gap;
use crate::driver::state::{Failed, Slots};
use crate::driver::stopping::Lost;
use crate::event::{Rest, Why};
use crate::{Handle, Lane, Run, Seq};

/// The items while the dispatcher tells what happened.
pub(super) struct Draining<'a, T, R, E, Q, I> {
    pub(super) items: &'a mut Items<T, R, E, Q, I>,
    pub(super) effects: &'a mut Effects<T, R, E, Q, I>,
}

impl<T, R, E, Q, I> Draining<'_, T, R, E, Q, I> {
    /// Gives a result that an iteration had not handed out to its ticket.
    fn bring_back(&mut self, lent: Lent<R, E, I>) {
        let Lent::Result(lent) = lent else { return };
        let LentResult { seq, attempt, result, kept, pledge, .. } = lent;
        let (result, kept) = match (result, kept) {
            (Ok(value), Some(kept)) if self.items.is_fatal => {
                self.effects.trash.push(Trash::Output(Output::Ok(value)));
                (Err(Failure::new(FailureKind::Closed, seq, attempt, kept)), None)
            }
            other => other,
        };
        self.effects.trash.extend(kept.map(Trash::Kept));
        if let Some(pledge) = pledge {
            self.effects.keep(pledge, result);
        }
    }

    /// Gives a result that was held to its ticket.
    fn resolve(&mut self, slot: usize, value: R) {
        let item = &mut self.items.items[slot];
        self.effects.trash.extend(item.kept.take().map(Trash::Kept));
        if let Some(pledge) = item.pledge.take() {
            self.effects.keep(pledge, Ok(value));
        }
    }

    /// The item leaves before `on_halt` was told that it halted its key. It is told where nobody else has seen to it.
    #[cold]
    fn leave_halts(&mut self, handle: Handle, why: Option<Why>) {
        let Some(at) = self.items.halts.iter().position(|other| *other == handle) else { return };
        let _ = self.items.halts.remove(at);
        if matches!(why, Some(Why::KeyHalted | Why::HandedBack)) {
            let failure = self.items.take_failure(handle);
            self.items.orphans.extend(failure.map(|failure| (handle, failure)));
        }
    }

    /// What the ticket of an item gets that has no result: its own error where it failed, else why it has none.
    fn end(&mut self, slot: usize, why: Why, failed: Option<Failed>) -> End<E> {
        let item = &mut self.items.items[slot];
        let is_its_own = match why {
            Why::Skipped | Why::DeadLettered => true,
            // a callback failed over it
            Why::Failure => item.is_halted,
            Why::AttemptTimeout
            | Why::DeadlineExceeded
            | Why::Cancelled
            | Why::Closed
            | Why::KeyHalted
            | Why::HandedBack
            | Why::Fenced => false,
        };
        let output = item.output.take();
        match output {
            Some(Output::Failed(kind)) if is_its_own => {
                return End { kind: Some(kind), cause: None };
            }
            output => self.effects.trash.extend(output.map(Trash::Output)),
        }
        if is_its_own {
            // a callback has it in its hands
            return End { kind: None, cause: None };
        }
        let (kind, cause) = match why {
            Why::Cancelled => (FailureKind::Cancelled, None),
            Why::KeyHalted => (FailureKind::KeyHalted, None),
            Why::Failure => (FailureKind::Closed, self.items.cause(failed)),
            Why::Closed
            | Why::AttemptTimeout
            | Why::DeadlineExceeded
            | Why::Skipped
            | Why::DeadLettered
            | Why::HandedBack
            | Why::Fenced => (FailureKind::Closed, None),
        };
        End { kind: Some(kind), cause }
    }

    /// Gives a ticket its end, or leaves it until the callback is over that has its failure in its hands.
    fn finish(&mut self, handle: Handle, end: End<E>, rest: Option<Rest>) {
        let slot = handle.slot().index();
        let item = &mut self.items.items[slot];
        let Some(pledge) = item.pledge.take() else { return };
        let owed = Owed { handle, seq: item.seq, attempt: item.attempt, pledge, end, rest };
        match item.kept.take() {
            None => {
                self.items.uncopied += usize::from(owed.is_reported());
                self.items.owed.push(owed);
            }
            Some(kept) => {
                self.items.uncopied += usize::from(owed.is_reported());
                self.items.pay(owed, kept, None, self.effects);
            }
        }
    }
}

impl<T, R, E, Q, I> Slots for Draining<'_, T, R, E, Q, I> {
    fn signal(&mut self, run: Run, why: Why) {
        let item = &self.items.items[run.handle.slot().index()];
        // whether it may be tried again is asked by the driver
        if item.begun != run.attempt && !why.is_timeout() {
            self.items.unbegun.push(run);
        } else {
            self.items.signals.push_back((run, why));
        }
    }

    fn expired(&mut self, handle: Handle, seq: Option<Seq>) {
        let item = &mut self.items.items[handle.slot().index()];
        self.effects.notes.expired(seq);
        let over = Output::Failed(FailureKind::DeadlineExceeded);
        self.effects.trash.extend(item.output.replace(over).map(Trash::Output));
    }

    fn halted(&mut self, handle: Handle) {
        self.items.items[handle.slot().index()].is_halted = true;
        self.items.halts.push_back(handle);
    }

    fn passed(&mut self, handle: Handle, why: Why, failed: Option<Failed>) {
        if !self.items.halts.is_empty() {
            self.leave_halts(handle, Some(why));
        }
        let slot = handle.slot().index();
        self.effects.trash.extend(self.items.items[slot].payload.take().map(Trash::Payload));
        let end = self.end(slot, why, failed);
        self.finish(handle, end, None);
    }

    fn left(&mut self, handle: Handle, rest: Rest, why: Option<Why>, failed: Option<Failed>) {
        if !self.items.halts.is_empty() {
            self.leave_halts(handle, why);
        }
        // a result that was to be handed out and was not: it goes to its ticket alone
        if let Some(lent) = self.items.iteration.next.take_if(|lent| lent.handle() == handle) {
            self.bring_back(lent);
            return;
        }
        let slot = handle.slot().index();
        let Some(item) = self.items.items.get_mut(slot) else { return };
        // what is lent is on its way, and comes back by itself
        if item.pledge.is_none() {
            return;
        }
        let (seq, was_begun, payload) = (item.seq, item.begun > 0, item.payload.take());
        let is_settled = rest == Rest::Settled;
        let mut rest = Some(rest).filter(|_| !is_settled);
        if rest.is_some() && !was_begun {
            // one that had its turn to start and was not begun counts as never started, too
            self.items.report.never_started.extend(payload.map(|payload| (seq, payload)));
            rest = None;
        } else {
            self.effects.trash.extend(payload.map(Trash::Payload));
        }
        match (why, self.items.items[slot].output.take()) {
            (None, Some(Output::Ok(value))) => self.resolve(slot, value),
            (None, Some(Output::Failed(kind))) => {
                self.finish(handle, End { kind: Some(kind), cause: None }, rest);
            }
            (Some(Why::Closed), Some(Output::Failed(kind))) if is_settled => {
                // nobody else is told of it: it has stopped nothing that came out
                let attempt = self.items.items[slot].attempt;
                let cause = StopKind::of(&kind).map(|kind| Stop { seq, attempt, kind });
                self.effects.trash.push(Trash::Kind(kind));
                self.finish(handle, End { kind: Some(FailureKind::Closed), cause }, rest);
            }
            (why, output) => {
                self.items.items[slot].output = output;
                let end = self.end(slot, why.unwrap_or(Why::Closed), failed);
                self.finish(handle, end, rest);
            }
        }
    }

    fn lane_idle(&mut self, lane: Lane) {
        self.effects.trash.extend(self.items.lanes.leave(lane).map(Trash::Key));
    }

    fn lost(&mut self, first: Seq, last: Seq) {
        self.items.report.lost.push(Lost { first, last });
    }

    fn gap(&mut self, at: Seq, first: Seq, last: Seq) {
        self.items.gaps.push_back((at, Gap { first, last, key: () }));
    }
}
