//! Deadlocks: waiting, inside a handler or `on_result`, for what cannot come before it has ended.
//!
//! Looked at where somebody begins to wait, and for offers again after each command. Only the handler's own task
//! counts: what a task that it made waits for need not hold the handler up.

use inorder::{BlockedState, Handle};
use pyo3::prelude::*;

use crate::crew::Role;
use crate::engine::Engine;
use crate::imports;
use crate::results::Taking;
use crate::state::State;
use crate::ticket::{Done, Refusal};
use crate::worker::Worker;

/// Whose task it is that is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Within {
    /// A handler's.
    Handler(Handle),
    /// That of an `on_result`.
    Delivery,
}

/// What of this engine is running in this task.
pub(crate) fn within(engine: &Bound<'_, Engine>) -> PyResult<Option<Within>> {
    let py = engine.py();
    // their code runs in the step of a worker
    if !engine.get().state.with(py, |state| state.is_in_step()) {
        return Ok(None);
    }
    let Ok(task) = imports::current_task(py)?.call0() else { return Ok(None) };
    let Ok(coroutine) = task.call_method0(pyo3::intern!(py, "get_coro")) else { return Ok(None) };
    let Ok(worker) = coroutine.cast::<Worker>() else { return Ok(None) };
    let worker = worker.get();
    match worker.role() {
        Role::Feed => Ok(None),
        Role::Deliver => Ok(worker.works_for(py, engine).then_some(Within::Delivery)),
        Role::Handle => {
            let doing = worker.doing(py).filter(|_| worker.works_for(py, engine));
            Ok(doing.map(|attempt| Within::Handler(attempt.handle)))
        }
    }
}

/// Refuses to wait for everything: inside, or while this task has a result that an iteration lent.
pub(crate) fn refuse_to_wait_for_all(engine: &Bound<'_, Engine>, what: &str) -> PyResult<()> {
    let py = engine.py();
    if within(engine)?.is_some() {
        let text = format!("{what} inside a handler or on_result waits for itself");
        return Err(imports::error(imports::deadlock_error(py), &text));
    }
    let holder = engine.get().state.with(py, |state| state.takers.holder(py));
    if let Some(holder) = holder {
        if holder.bind(py).is(&imports::current_task(py)?.call0()?) {
            let text = format!(
                "{what} waits for the result that this task has from its loop over the processor"
            );
            return Err(imports::error(imports::deadlock_error(py), &text));
        }
    }
    Ok(())
}

/// Refuses to wait for a ticket that comes after what is running in this task.
pub(crate) fn refuse_to_wait_for(engine: &Bound<'_, Engine>, ticket: Handle) -> PyResult<()> {
    let py = engine.py();
    let Some(within) = within(engine)? else { return Ok(()) };
    let is_before = engine.get().state.with(py, |state| match within {
        Within::Delivery => false,
        Within::Handler(own) => {
            let seqs = (state.core.seq_of(ticket), state.core.seq_of(own));
            let (Some(other), Some(own_seq)) = seqs else { return true };
            let lane = state.core.lane_of(own);
            let comes_later = other >= own_seq;
            let is_behind = state.is_ordered
                || own == ticket
                || (lane.is_some() && lane == state.core.lane_of(ticket));
            !(comes_later && is_behind)
        }
    });
    if is_before {
        return Ok(());
    }
    let text = "this ticket cannot be done before the handler or on_result that waits for it";
    Err(imports::error(imports::deadlock_error(py), text))
}

impl State {
    /// Refuses an offer made inside, the one that waited longest, where all that could make room wait for room.
    #[inline]
    pub(crate) fn break_deadlock(&mut self, py: Python<'_>) {
        if !self.offers.has_inside() || !self.is_stuck(&self.offers.inside()) {
            return;
        }
        let Some((ticket, future)) = self.withdraw_first_inside(py) else { return };
        ticket.get().settle(py, Done::Refused(Refusal::Deadlock));
        self.effects.garbage.push(ticket.into_any());
        self.effects.futures.push(future);
    }

    fn is_stuck(&self, inside: &[Within]) -> bool {
        let handlers =
            inside.iter().filter(|within| matches!(within, Within::Handler(_))).count() as u64;
        let delivery_waits = inside.contains(&Within::Delivery);
        let running = self.core.stats(self.now).running;
        let comes_from_outside =
            match self.core.why_blocked(self.now, self.source).map(|blocked| blocked.state) {
                Some(BlockedState::Missing) => true,
                // whoever iterates may take it; `on_result` and the tickets have it already
                Some(BlockedState::Untaken) => self.taking == Taking::Demand,
                _ => false,
            };
        self.runs.is_empty()
            && running == handlers
            && (delivery_waits || self.takers.delivering.is_none())
            && !self.can_deliver()
            && !comes_from_outside
    }
}
