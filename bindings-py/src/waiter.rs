//! What a task waits for: to asyncio it looks like a future, and those who wait are woken together.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::raw::{Guarded, Obj};
use crate::turn::{Turn, Waiting};

/// Something that will come, for one task.
#[pyclass(frozen, weakref, module = "inorder._inorder")]
pub(crate) struct Waiter {
    turn: Py<Turn>,
    progress: Guarded<Progress>,
}

enum Progress {
    /// The task has not said yet how it is woken.
    Pending,
    Awaited(Waiting),
    /// It has come, or the task was cancelled.
    Done,
}

impl Waiter {
    /// A task of this loop is about to wait.
    pub(crate) fn new(turn: Py<Turn>) -> Self {
        Self { turn, progress: Guarded::new(Progress::Pending) }
    }

    /// Lets the task go on, in the next turn of the loop. False where it does so already, or cannot.
    pub(crate) fn resolve(&self, py: Python<'_>) -> bool {
        self.come(py, |waiting| Turn::wait(self.turn.bind(py), [waiting]))
    }

    /// As [`Self::resolve`], still in this turn of the loop if those who wait together are just being woken.
    pub(crate) fn resolve_soon(&self, py: Python<'_>) -> bool {
        self.come(py, |waiting| Turn::join(self.turn.bind(py), waiting))
    }

    fn come(&self, py: Python<'_>, wake: impl FnOnce(Waiting) -> PyResult<()>) -> bool {
        let before = self.progress.with(py, |progress| std::mem::replace(progress, Progress::Done));
        match before {
            Progress::Pending => true,
            Progress::Awaited(waiting) => wake(waiting).is_ok(),
            Progress::Done => false,
        }
    }

    /// Whether the task goes on.
    pub(crate) fn is_done(&self, py: Python<'_>) -> bool {
        self.progress.with(py, |progress| matches!(progress, Progress::Done))
    }
}

#[pymethods]
impl Waiter {
    /// One step of waiting for it.
    fn __next__(slf: Bound<'_, Self>) -> Option<Bound<'_, Self>> {
        if slf.get().is_done(slf.py()) { None } else { Some(slf) }
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[getter(_asyncio_future_blocking)]
    const fn is_blocking(&self) -> bool {
        true
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, is_blocking: bool) {
        // it is asked for once
        let _ = is_blocking;
    }

    fn get_loop(&self, py: Python<'_>) -> Obj {
        self.turn.get().event_loop(py)
    }

    #[pyo3(signature = (wake, /, *, context))]
    fn add_done_callback(&self, py: Python<'_>, wake: Obj, context: Obj) -> PyResult<()> {
        let waiting = Waiting { wake, context };
        let waiting = self.progress.with(py, |progress| {
            if matches!(progress, Progress::Pending) {
                *progress = Progress::Awaited(waiting);
                return Ok(None);
            }
            if matches!(progress, Progress::Done) { Ok(Some(waiting)) } else { Err(waiting) }
        });
        match waiting {
            Ok(None) => Ok(()),
            Ok(Some(waiting)) => Turn::wait(self.turn.bind(py), [waiting]),
            Err(_) => Err(PyRuntimeError::new_err("two tasks wait for the same call")),
        }
    }

    /// The task is cancelled: woken, it finds out by itself.
    #[pyo3(signature = (msg=None))]
    fn cancel(&self, py: Python<'_>, msg: Option<Obj>) -> bool {
        drop(msg);
        self.resolve(py);
        false
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.turn)?;
        let visited = self.progress.peek(|progress| match progress {
            Progress::Awaited(waiting) => waiting.traverse(&visit),
            Progress::Pending | Progress::Done => Ok(()),
        });
        visited.unwrap_or(Ok(()))
    }

    fn __clear__(&self, py: Python<'_>) {
        let cleared =
            self.progress.with(py, |progress| std::mem::replace(progress, Progress::Done));
        drop(cleared);
    }
}
