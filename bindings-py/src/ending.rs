//! The end of a program that closes nothing: `asyncio.run` cancels all tasks, those of the workers among them, and nothing
//! more is to start then.
//!
//! A worker that was cancelled is replaced by another, since anybody may cancel the task of one handler. So each time
//! the question is whether all were. Whatever begins to wait, or is offered, after that is work again.

use pyo3::prelude::*;

use crate::callback::Chore;
use crate::engine::Engine;
use crate::imports;
use crate::state::State;
use crate::waiter::Waiter;

impl Engine {
    /// A worker was cancelled: finds out whether it is the end. Looked at once in a turn of the loop, since that goes
    /// through all tasks.
    pub(crate) fn look_for_end(slf: &Bound<'_, Self>) {
        let (py, this) = (slf.py(), slf.get());
        if this.state.with(py, |state| state.is_left_alone || state.is_known_alive) {
            return;
        }
        // other libraries' tasks may not tell
        let is_end = Self::are_all_cancelled(slf).unwrap_or(false)
            && this.state.with(py, |state| state.awaited(py)).iter().all(|it| it.get().is_done(py));
        if is_end {
            this.state.with(py, |state| state.is_left_alone = true);
        } else if Self::call_in_loop(slf, Chore::LookAgain).is_ok() {
            this.state.with(py, |state| state.is_known_alive = true);
        }
    }

    fn are_all_cancelled(slf: &Bound<'_, Self>) -> PyResult<bool> {
        let py = slf.py();
        for task in imports::all_tasks(py)?.call1((slf.get().event_loop(py)?,))?.try_iter()? {
            if !task?.call_method0(pyo3::intern!(py, "cancelling"))?.is_truthy()? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl State {
    /// The futures of all who wait for something of this, also of those who were cancelled meanwhile.
    fn awaited(&self, py: Python<'_>) -> Vec<Py<Waiter>> {
        let mut futures: Vec<Py<Waiter>> =
            self.watches.iter().map(|(_, future)| future.clone_ref(py)).collect();
        futures.extend(self.offers.futures().map(|future| future.clone_ref(py)));
        futures.extend(self.takers.futures().map(|future| future.clone_ref(py)));
        let tickets = self.slots.iter().filter_map(|entry| entry.ticket.as_ref());
        futures.extend(tickets.flat_map(|ticket| ticket.get().futures(py)));
        futures
    }

    /// Somebody waits for something: it is not the end.
    pub(crate) fn come_back(&mut self) {
        if std::mem::take(&mut self.is_left_alone) {
            self.look_after();
        }
    }
}
