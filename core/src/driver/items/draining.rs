//! What a processor does with what the dispatcher tells.

use super::{Items, Lent, Output, outcome};
use crate::driver::effects::{Effects, Trash};
use crate::driver::failure::{Failure, FailureKind};
use crate::driver::state::Slots;
use crate::driver::stopping::{Leftover, Lost};
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
        let Lent { seq, attempt, result, kept, pledge, .. } = lent;
        let (result, kept) = match (result, kept) {
            (Ok(value), Some(kept)) if self.items.is_fatal => {
                self.effects.trash.push(Trash::Output(Output::Ok(value)));
                (Err(Failure::new(FailureKind::Closed, seq, attempt, kept)), None)
            }
            other => other,
        };
        self.effects.trash.extend(kept.map(Trash::Kept));
        if let Some(pledge) = pledge {
            pledge.keep(result);
            self.effects.pledges.push_back(pledge);
        }
    }

    /// Why an item has no result.
    fn failure(&self, handle: Handle, why: Why, failed: Option<Handle>, kept: I) -> Failure<E, I> {
        let item = &self.items.items[handle.slot().index()];
        let failure = |kind| Failure::new(kind, item.seq, item.attempt, kept);
        match why {
            Why::Closed
            | Why::AttemptTimeout
            | Why::DeadlineExceeded
            | Why::Skipped
            | Why::DeadLettered
            | Why::KeyHalted
            | Why::HandedBack
            | Why::Fenced => failure(FailureKind::Closed),
            Why::Cancelled => failure(FailureKind::Cancelled),
            Why::Failure => failure(FailureKind::Closed).because_of(self.items.cause(failed)),
        }
    }
}

impl<T, R, E, Q, I> Slots for Draining<'_, T, R, E, Q, I> {
    fn signal(&mut self, run: Run) {
        let item = &mut self.items.items[run.handle.slot().index()];
        if item.payload.is_some() {
            item.is_stopped = true;
            self.items.unbegun.push(run);
        } else {
            self.items.signals.push(run);
        }
    }

    fn passed(&mut self, handle: Handle, why: Why, failed: Option<Handle>) {
        let item = &mut self.items.items[handle.slot().index()];
        self.effects.trash.extend(item.payload.take().map(Trash::Payload));
        let output = item.output.take();
        let (Some(kept), Some(pledge)) = (item.kept.take(), item.pledge.take()) else { return };
        pledge.keep(Err(self.failure(handle, why, failed, kept)));
        self.effects.pledges.push_back(pledge);
        self.effects.trash.extend(output.map(Trash::Output));
    }

    fn left(&mut self, handle: Handle, rest: Rest, why: Option<Why>, failed: Option<Handle>) {
        // a result that was to be handed out and was not: it goes to its ticket alone
        if let Some(lent) = self.items.iteration.next.take_if(|lent| lent.handle == handle) {
            self.bring_back(lent);
            return;
        }
        let item = &mut self.items.items[handle.slot().index()];
        let (seq, attempt) = (item.seq, item.attempt);
        let (payload, output) = (item.payload.take(), item.output.take());
        // what is lent is on its way, and comes back by itself
        let (Some(kept), Some(pledge)) = (item.kept.take(), item.pledge.take()) else { return };
        let result = match (why, output) {
            (None, Some(output)) => {
                let (result, kept) = outcome(output, seq, attempt, kept);
                self.effects.trash.extend(kept.map(Trash::Kept));
                result
            }
            (why, output) => {
                self.effects.trash.extend(output.map(Trash::Output));
                Err(self.failure(handle, why.unwrap_or(Why::Closed), failed, kept))
            }
        };
        match (rest, payload, result) {
            (Rest::Unfinished | Rest::Detached, None, Err(failure)) => {
                let is_detached = rest == Rest::Detached;
                self.items.uncopied += 1;
                self.items.unfinished.push(Leftover { pledge, failure, is_detached });
                return;
            }
            // one that had its turn to start and was not begun counts as never started, too
            (Rest::NeverStarted | Rest::Unfinished, Some(payload), result) => {
                self.items.report.never_started.push((seq, payload));
                pledge.keep(result);
            }
            // settled: what was cancelled before it started has its payload still
            (_, payload, result) => {
                self.effects.trash.extend(payload.map(Trash::Payload));
                pledge.keep(result);
            }
        }
        self.effects.pledges.push_back(pledge);
    }

    fn lane_idle(&mut self, lane: Lane) {
        self.effects.trash.extend(self.items.lanes.forget(lane).map(Trash::Key));
    }

    fn lost(&mut self, first: Seq, last: Seq) {
        self.items.report.lost.push(Lost { first, last });
    }
}
