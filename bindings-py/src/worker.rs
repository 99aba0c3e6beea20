//! Workers: coroutines that run handlers inside a real task of asyncio, one after the other.

use pyo3::exceptions::{PyGeneratorExit, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::context::Attempt;
use crate::coroutine::thrown;
use crate::crew::Role;
use crate::engine::Engine;
use crate::imports;
use crate::job::Job;
use crate::raw::{Guarded, Obj, stop_iteration};

mod steps;

/// A coroutine that takes items and steps their handlers, so that to asyncio, to debuggers and to the handlers it is
/// as if each ran in a task.
#[pyclass(frozen, weakref, module = "inorder._inorder")]
pub(crate) struct Worker {
    role: Role,
    inner: Guarded<Inner>,
}

struct Inner {
    /// `None` while it waits for work, so that it keeps nothing alive.
    engine: Option<Py<Engine>>,
    task: Option<Obj>,
    /// The task's `cancelling`.
    cancelling: Option<Obj>,
    /// What it is in the middle of.
    job: Option<Job>,
    doing: Option<Attempt>,
    has_begun: bool,
    is_running: bool,
    /// It counts as waking.
    is_woken: bool,
    /// Its task was asked to cancel: it ends after this item, since the request would hit the next one.
    retires: bool,
}

impl Worker {
    /// A worker that has just been asked for.
    pub(crate) fn new(engine: Py<Engine>, role: Role) -> Self {
        let inner = Inner {
            engine: Some(engine),
            task: None,
            cancelling: None,
            job: None,
            doing: None,
            has_begun: false,
            is_running: false,
            is_woken: true,
            retires: false,
        };
        Self { role, inner: Guarded::new(inner) }
    }

    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    /// Gives it its engine back, before its future is resolved.
    pub(crate) fn unpark(&self, py: Python<'_>, engine: &Bound<'_, Engine>) {
        let engine = engine.clone().unbind();
        self.inner.with(py, |inner| {
            inner.is_woken = true;
            inner.engine.replace(engine)
        });
    }

    /// Cancels what it is doing, as `Task.cancel` does.
    pub(crate) fn cancel_task(&self, py: Python<'_>) {
        let Some(task) =
            self.inner.with(py, |inner| inner.task.as_ref().map(|task| task.clone_ref(py)))
        else {
            return;
        };
        if let Err(error) = task.bind(py).call_method0(pyo3::intern!(py, "cancel")) {
            error.write_unraisable(py, None);
        }
    }

    /// Whether it is at work for this engine.
    pub(crate) fn works_for(&self, py: Python<'_>, engine: &Bound<'_, Engine>) -> bool {
        self.inner.with(py, |inner| inner.engine.as_ref().is_some_and(|own| own.is(engine)))
    }

    /// The attempt that it runs.
    pub(crate) fn doing(&self, py: Python<'_>) -> Option<Attempt> {
        self.inner.with(py, |inner| inner.doing.as_ref().map(|doing| doing.clone_ref(py)))
    }

    fn is_to_retire(&self, py: Python<'_>, engine: &Bound<'_, Engine>) -> bool {
        let (retires, cancelling) = self.inner.with(py, |inner| {
            (inner.retires, inner.cancelling.as_ref().map(|cancelling| cancelling.clone_ref(py)))
        });
        match self.role {
            // what is left of a request concerns the same source
            Role::Feed => return retires,
            Role::Handle if engine.get().state.with(py, |state| state.is_isolated) => return true,
            Role::Handle | Role::Deliver => {}
        }
        // asked to cancel without a word to the handler: it asked itself, or what it waited for swallowed it
        let is_asked = |cancelling: Obj| {
            let asked = cancelling.bind(py).call0().and_then(|asked| asked.is_truthy());
            asked.unwrap_or(true)
        };
        retires || cancelling.is_some_and(is_asked)
    }

    /// Notes that the task was asked to cancel, or its coroutine to close. Whether it is the former.
    fn note_cancellation(&self, py: Python<'_>, thrown: Option<&PyErr>) -> bool {
        let Some(error) = thrown else { return false };
        let is_cancelled =
            imports::cancelled_error(py).map_or(true, |class| error.is_instance(py, class));
        let retires = is_cancelled && self.role != Role::Feed;
        if retires || error.is_instance_of::<PyGeneratorExit>(py) {
            self.inner.with(py, |inner| inner.retires = true);
        }
        is_cancelled
    }

    /// Says that the exception of the task, which goes through the loop as well, was seen.
    fn raises_aloud(&self, py: Python<'_>) -> PyResult<()> {
        let task = self.inner.with(py, |inner| inner.task.as_ref().map(|task| task.clone_ref(py)));
        let Some(task) = task else { return Ok(()) };
        let look = imports::methodcaller(py)?.call1(("exception",))?;
        task.bind(py).call_method1("add_done_callback", (look,)).map(drop)
    }

    fn meet_task(&self, py: Python<'_>) -> PyResult<()> {
        let task = imports::current_task(py)?.call0()?;
        let cancelling = task.getattr("cancelling").ok().map(Bound::unbind);
        self.inner.with(py, |inner| {
            inner.task = Some(task.unbind());
            inner.cancelling = cancelling;
        });
        Ok(())
    }

    fn forward(&self, py: Python<'_>, name: &str) -> Option<Obj> {
        let awaitable = self.inner.with(py, |inner| {
            inner
                .job
                .as_ref()
                .and_then(|job| job.awaitable.as_ref())
                .map(|awaitable| awaitable.clone_ref(py))
        });
        awaitable.and_then(|awaitable| awaitable.getattr(py, name).ok())
    }
}

#[pymethods]
impl Worker {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(slf: &Bound<'_, Self>) -> PyResult<Option<Obj>> {
        Self::step(slf, None)
    }

    #[pyo3(signature = (value, /))]
    fn send(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<Obj> {
        let py = value.py();
        Self::step(slf, None)?.ok_or_else(|| stop_iteration(py, py.None()))
    }

    #[pyo3(signature = (error, value=None, traceback=None, /))]
    fn throw(
        slf: &Bound<'_, Self>,
        error: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Obj> {
        let py = slf.py();
        let error = thrown(error, value, traceback)?;
        Self::step(slf, Some(error))?.ok_or_else(|| stop_iteration(py, py.None()))
    }

    fn close(slf: &Bound<'_, Self>) -> PyResult<()> {
        match Self::step(slf, Some(PyGeneratorExit::new_err(()))) {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(PyRuntimeError::new_err("the handler ignored GeneratorExit")),
            Err(error) if error.is_instance_of::<PyGeneratorExit>(slf.py()) => Ok(()),
            Err(error) => Err(error),
        }
    }

    #[getter]
    fn cr_await(&self, py: Python<'_>) -> Option<Obj> {
        self.forward(py, "cr_await")
    }

    #[getter]
    fn cr_code(&self, py: Python<'_>) -> Option<Obj> {
        self.forward(py, "cr_code")
    }

    #[getter]
    fn cr_frame(&self, py: Python<'_>) -> Option<Obj> {
        self.forward(py, "cr_frame")
    }

    #[getter]
    fn cr_running(&self, py: Python<'_>) -> bool {
        self.inner.with(py, |inner| inner.is_running)
    }

    #[getter(__name__)]
    fn name(&self, py: Python<'_>) -> Obj {
        self.forward(py, "__name__")
            .unwrap_or_else(|| pyo3::intern!(py, "inorder").clone().into_any().unbind())
    }

    #[getter(__qualname__)]
    fn qualname(&self, py: Python<'_>) -> Obj {
        self.forward(py, "__qualname__")
            .unwrap_or_else(|| pyo3::intern!(py, "inorder").clone().into_any().unbind())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let visited = self.inner.peek(|inner| {
            visit.call(&inner.engine)?;
            visit.call(&inner.task)?;
            visit.call(&inner.cancelling)?;
            inner.job.as_ref().map_or(Ok(()), |job| job.traverse(&visit))
        });
        visited.unwrap_or(Ok(()))
    }

    fn __clear__(&self, py: Python<'_>) {
        let cleared = self.inner.with(py, |inner| {
            (inner.engine.take(), inner.task.take(), inner.cancelling.take(), inner.job.take())
        });
        drop(cleared);
    }
}
