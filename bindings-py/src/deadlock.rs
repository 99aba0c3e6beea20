//! Deadlocks: waiting, inside a handler or `on_result`, for what cannot come before it has ended.
//!
//! Looked at where somebody begins to wait, and for offers again after each command. Only the handler's own task
//! counts: what a task that it made waits for need not hold the handler up. This says who waits inside what; whether
//! that can end is the core's to say.

use inorder::Handle;
use pyo3::prelude::*;

use crate::crew::Role;
use crate::engine::Engine;
use crate::imports;
use crate::state::State;
use crate::ticket::{Done, Refusal};
use crate::worker::Worker;

/// The item in whose handler or `on_result` this task is.
pub(crate) fn within(engine: &Bound<'_, Engine>) -> PyResult<Option<Handle>> {
    let py = engine.py();
    // their code runs in the step of a worker
    if !engine.get().state.with(py, |state| state.is_in_step()) {
        return Ok(None);
    }
    let Ok(task) = imports::current_task(py)?.call0() else { return Ok(None) };
    let Ok(coroutine) = task.call_method0(pyo3::intern!(py, "get_coro")) else { return Ok(None) };
    let Ok(worker) = coroutine.cast::<Worker>() else { return Ok(None) };
    let worker = worker.get();
    if !worker.works_for(py, engine) {
        return Ok(None);
    }
    Ok(match worker.role() {
        Role::Feed => None,
        Role::Deliver => engine.get().state.with(py, |state| state.takers.delivering),
        Role::Handle => worker.doing(py).map(|attempt| attempt.handle),
    })
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
    if !engine.get().state.with(py, |state| state.core.is_held_up_by(ticket, within)) {
        return Ok(());
    }
    let text = "this ticket cannot be done before the handler or on_result that waits for it";
    Err(imports::error(imports::deadlock_error(py), text))
}

impl State {
    /// Refuses an offer made inside, the one that waited longest, where all that could make room wait for room.
    #[inline]
    pub(crate) fn break_deadlock(&mut self, py: Python<'_>) {
        if !self.offers.has_inside() || !self.core.is_deadlocked(&self.offers.inside()) {
            return;
        }
        let Some((ticket, future)) = self.withdraw_first_inside(py) else { return };
        ticket.get().settle(py, Done::Refused(Refusal::Deadlock));
        self.effects.garbage.push(ticket.into_any());
        self.effects.futures.push(future);
    }
}
