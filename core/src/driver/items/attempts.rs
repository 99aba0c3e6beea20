//! What a processor does with attempts: those to begin, and those that ended.

use std::sync::Arc;

use super::{Items, Output, outcome};
use crate::driver::effects::{Effects, Trash};
use crate::driver::failure::{Failure, FailureKind, Stop};
use crate::driver::letters::Owed;
use crate::driver::resequence::Gap;
use crate::driver::state::State;
use crate::driver::stopping::Leftover;
use crate::event::{Rest, Why};
use crate::{Completion, Handle, Outcome, Run, RunKind, Seq};

/// What is to be begun.
pub(in crate::driver) enum Next<T, E, I> {
    /// The handler, with its item.
    Handler(Run, T),
    /// The receiver of dead letters, with one.
    HandOver(Run, Failure<E, I>),
}

/// How an attempt ended.
pub(in crate::driver) struct Ended<T, R, E> {
    pub(in crate::driver) run: Run,
    pub(in crate::driver) result: Result<R, E>,
    pub(in crate::driver) outcome: Outcome,
    /// The item, where it was begun with a copy and is not back in its place.
    pub(in crate::driver) original: Option<T>,
}

impl<T, R, E, Q: Eq, I> Items<T, R, E, Q, I> {
    /// The next attempt to begin, with its payload.
    pub(in crate::driver) fn next_run(
        &mut self,
        state: &mut State,
        effects: &mut Effects<T, R, E, Q, I>,
    ) -> Option<Next<T, E, I>> {
        loop {
            let run = state.next_run()?;
            let item = &mut self.items[run.handle.slot().index()];
            item.begun = run.attempt;
            match run.kind() {
                RunKind::Handler => {
                    item.attempt = run.attempt;
                    item.is_halted = false;
                    if let Some(output) = item.output.take() {
                        effects.trash.push(Trash::Output(output));
                    }
                    if let Some(payload) = item.payload.take() {
                        return Some(Next::Handler(run, payload));
                    }
                }
                RunKind::HandOver => {
                    if let Some(failure) = self.take_failure(run.handle) {
                        return Some(Next::HandOver(run, failure));
                    }
                }
            }
        }
    }

    /// Puts an item back of which a copy was begun.
    pub(in crate::driver) fn put_back(
        &mut self,
        state: &State,
        run: Run,
        original: T,
        effects: &mut Effects<T, R, E, Q, I>,
    ) {
        if state.seq_of(run.handle).is_some() {
            self.items[run.handle.slot().index()].payload = Some(original);
        } else {
            effects.trash.push(Trash::Payload(original));
        }
    }

    /// Says how an attempt ended. To be settled.
    pub(in crate::driver) fn complete(
        &mut self,
        state: &mut State,
        ended: Ended<T, R, E>,
        effects: &mut Effects<T, R, E, Q, I>,
    ) {
        let Ended { run, result, outcome, original } = ended;
        let output = match result {
            Ok(value) => Output::Ok(value),
            Err(error) if self.is_fatal => Output::Failed(FailureKind::Stopped(Arc::new(error))),
            Err(error) => Output::Failed(FailureKind::Handler(error)),
        };
        if let Some(original) = original {
            self.put_back(state, run, original, effects);
        }
        if !self.inside.is_empty() {
            self.forget_inside(run.handle);
        }
        let completion = state.complete(run, outcome);
        let item = &mut self.items[run.handle.slot().index()];
        effects.notes.ended(completion, outcome, Some(item.seq), run.attempt);
        match completion {
            Completion::Settled => {
                item.output = Some(output);
                // a key that is halted may be resumed, and its item begun again
                if outcome == Outcome::Ok {
                    effects.trash.extend(item.payload.take().map(Trash::Payload));
                }
            }
            Completion::Retrying | Completion::Ignored | Completion::Stale => {
                effects.trash.push(Trash::Output(output));
            }
        }
    }

    /// Notes that an attempt is stopped because a time was over. Whether it was begun; `None` where it is gone.
    pub(in crate::driver) fn note_timeout(
        &mut self,
        state: &State,
        run: Run,
        why: Why,
        effects: &mut Effects<T, R, E, Q, I>,
    ) -> Option<bool> {
        state.seq_of(run.handle)?;
        self.forget_inside(run.handle);
        let item = &mut self.items[run.handle.slot().index()];
        let over = Output::Failed(FailureKind::of(why));
        effects.trash.extend(item.output.replace(over).map(Trash::Output));
        Some(item.begun == run.attempt)
    }

    /// The failure of the next item whose key was halted.
    pub(in crate::driver) fn next_halted(&mut self) -> Option<(Handle, Failure<E, I>)> {
        while let Some(handle) = self.halts.pop_front() {
            if let Some(failure) = self.take_failure(handle) {
                return Some((handle, failure));
            }
        }
        self.orphans.pop_front()
    }

    /// The next numbers that are missing, of which somebody is to be told, and the position of the first.
    pub(in crate::driver) fn next_gap(&mut self) -> Option<(Seq, Gap)> {
        self.gaps.pop_front()
    }

    /// Brings back what a callback had in its hands. To be settled.
    pub(in crate::driver) fn bring_back(
        &mut self,
        handle: Handle,
        failure: Failure<E, I>,
        effects: &mut Effects<T, R, E, Q, I>,
    ) {
        let Failure { kind, item: kept, .. } = failure;
        if let Some(at) = self.owed.iter().position(|owed| owed.handle == handle) {
            let owed = self.owed.swap_remove(at);
            self.pay(owed, kept, Some(kind), effects);
            return;
        }
        let item = &mut self.items[handle.slot().index()];
        item.is_out = false;
        item.kept = Some(kept);
        item.output = Some(Output::Failed(kind));
    }

    /// A callback failed over an item. As under `OnFailure::Fail` what is before it still comes out. To be settled.
    pub(in crate::driver) fn stop_at(&mut self, state: &mut State, stop: Stop<E>) {
        let seq = stop.seq;
        if self.stop.as_ref().is_none_or(|earlier| seq < earlier.seq) {
            self.stop = Some(stop);
        }
        state.stop(seq);
    }
}

impl<T, R, E, Q, I> Items<T, R, E, Q, I> {
    /// Takes the failure of an item out, for a callback, which brings it back.
    pub(super) fn take_failure(&mut self, handle: Handle) -> Option<Failure<E, I>> {
        let item = &mut self.items[handle.slot().index()];
        if !matches!(item.output, Some(Output::Failed(_))) {
            return None;
        }
        let (output, kept) = (item.output.take()?, item.kept.take()?);
        item.is_out = true;
        outcome::<R, E, I>(output, item.seq, item.attempt, kept).0.err()
    }

    /// Gives a ticket what it is owed. `own` is the item's error, where a callback had it in its hands.
    pub(super) fn pay(
        &mut self,
        owed: Owed<R, E, I>,
        kept: I,
        own: Option<FailureKind<E>>,
        effects: &mut Effects<T, R, E, Q, I>,
    ) {
        let is_reported = owed.is_reported();
        let Owed { seq, attempt, pledge, end, rest, .. } = owed;
        let kind = match (end.kind, own) {
            (Some(kind), own) => {
                effects.trash.extend(own.map(Trash::Kind));
                kind
            }
            (None, own) => own.unwrap_or(FailureKind::Closed),
        };
        let failure = Failure::new(kind, seq, attempt, kept).because_of(end.cause);
        if is_reported {
            let is_detached = rest == Some(Rest::Detached);
            self.unfinished.push(Leftover { pledge, failure, is_detached });
        } else {
            effects.keep(pledge, Err(failure));
        }
    }
}
