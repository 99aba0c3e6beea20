//! Plain functions in an executor.

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::callback::Wake;
use crate::context::{ATTEMPT, Attempt};
use crate::engine::Engine;
use crate::raw::{Guarded, Obj, inside, to_be_raised};
use crate::waiter::Waiter;

/// A call of a handler in a thread, in the context of its item.
#[pyclass(frozen, module = "inorder._inorder")]
pub(crate) struct InThread {
    handler: Obj,
    item: Obj,
    context: Obj,
    attempt: Obj,
    progress: Guarded<Progress>,
}

#[derive(Default)]
struct Progress {
    phase: Phase,
    /// The loop and the future of whoever waits for the end.
    waiter: Option<(Obj, Py<Waiter>)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Waiting,
    Running,
    Ended,
    /// Nobody wants it any more: it is not to be called.
    Dropped,
}

impl InThread {
    /// Starts it. Gives the future of its result, too.
    pub(crate) fn start<'py>(
        engine: &Bound<'py, Engine>,
        attempt: &Attempt,
        handler: Obj,
        item: Obj,
        context: &Obj,
        executor: &Obj,
    ) -> PyResult<(Py<Self>, Bound<'py, PyAny>)> {
        let py = engine.py();
        let attempt = attempt.make(py)?;
        let progress = Guarded::new(Progress::default());
        let context = context.clone_ref(py);
        let call = Py::new(py, Self { handler, item, context, attempt, progress })?;
        let event_loop = engine.get().event_loop(py)?;
        let future = event_loop.call_method1("run_in_executor", (executor, &call))?;
        Ok((call, future))
    }

    /// The steps of a wait for the end of a function that runs although nobody wants its result any more; `None` where
    /// it has ended, or never begins.
    pub(crate) fn wait_for_end(
        slf: &Bound<'_, Self>,
        engine: &Bound<'_, Engine>,
    ) -> PyResult<Option<Obj>> {
        let py = slf.py();
        let this = slf.get();
        let is_running = this.progress.with(py, |progress| {
            if progress.phase == Phase::Waiting {
                progress.phase = Phase::Dropped;
            }
            progress.phase == Phase::Running
        });
        if !is_running {
            return Ok(None);
        }
        let event_loop = engine.get().event_loop(py)?;
        let future = engine.get().waiter(py)?;
        let waiter = Some((event_loop.unbind(), future.clone_ref(py)));
        let (is_running, before) = this.progress.with(py, |progress| {
            (progress.phase == Phase::Running, std::mem::replace(&mut progress.waiter, waiter))
        });
        drop(before);
        Ok(is_running.then(|| future.into_any()))
    }
}

#[pymethods]
impl InThread {
    fn __call__(&self, py: Python<'_>) -> PyResult<Obj> {
        let is_wanted = self.progress.with(py, |progress| {
            if progress.phase == Phase::Waiting {
                progress.phase = Phase::Running;
            }
            progress.phase == Phase::Running
        });
        if !is_wanted {
            return Ok(py.None());
        }
        let result = inside(py, &self.context, || {
            ATTEMPT.get(py)?.bind(py).call_method1("set", (&self.attempt,))?;
            self.handler.call1(py, (&self.item,))
        });
        let waiter = self.progress.with(py, |progress| {
            progress.phase = Phase::Ended;
            progress.waiter.take()
        });
        if let Some((event_loop, future)) = waiter {
            let wake = Py::new(py, Wake { future })?;
            event_loop.call_method1(py, "call_soon_threadsafe", (wake,))?;
        }
        // a future takes no StopIteration
        result
            .and_then(|result| result)
            .map_err(|error| PyErr::from_value(to_be_raised(py, error).into_bound(py)))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        [&self.handler, &self.item, &self.context, &self.attempt]
            .into_iter()
            .try_for_each(|object| visit.call(object))?;
        let visited = self.progress.peek(|progress| match &progress.waiter {
            Some((event_loop, future)) => visit.call(event_loop).and_then(|()| visit.call(future)),
            None => Ok(()),
        });
        visited.unwrap_or(Ok(()))
    }
}
