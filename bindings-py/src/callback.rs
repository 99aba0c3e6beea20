//! What the loop is asked to call.

use inorder::Time;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::engine::Engine;
use crate::waiter::Waiter;

/// What a loop is asked to do for an engine.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Chore {
    /// The time limit that was due then is over.
    Timer(Time),
    /// The stream was dropped.
    Leave,
    /// The state was changed by a destructor.
    Flush,
    /// Another turn has begun.
    LookAgain,
}

/// A callback for a loop.
#[pyclass(frozen, module = "inorder._inorder")]
pub(crate) struct Callback {
    pub(crate) engine: Py<Engine>,
    pub(crate) chore: Chore,
}

#[pymethods]
impl Callback {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let engine = self.engine.bind(py);
        match self.chore {
            Chore::Timer(due) => {
                engine.get().read_clock(py)?;
                Engine::act(engine, |state| {
                    // asyncio fires timers a little early
                    state.now = state.now.max(due);
                    state.armed = None;
                    state.core.handle_timeout(state.now);
                    state.drain(py);
                });
                Ok(())
            }
            Chore::Leave => Engine::leave(engine),
            Chore::LookAgain => {
                engine.get().state.with(py, |state| {
                    state.is_known_here = false;
                    state.is_known_alive = false;
                    state.looks = 0;
                });
                Ok(())
            }
            Chore::Flush => {
                Engine::flush(engine);
                Ok(())
            }
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.engine)
    }
}

/// A callback that ends a worker whose engine is gone.
#[pyclass(frozen, module = "inorder._inorder")]
pub(crate) struct Wake {
    pub(crate) future: Py<Waiter>,
}

#[pymethods]
impl Wake {
    fn __call__(&self, py: Python<'_>) {
        self.future.get().resolve(py);
    }
}
