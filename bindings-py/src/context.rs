//! Which item a handler is running for.

use inorder::Handle;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::engine::Engine;
use crate::imports;
use crate::raw::Obj;
use crate::worker::Worker;

/// Where the attempt of a function in a thread is found.
pub(crate) static ATTEMPT: Variable = Variable(PyOnceLock::new());

/// A context variable, made when first needed.
pub(crate) struct Variable(PyOnceLock<Obj>);

impl Variable {
    pub(crate) fn get(&self, py: Python<'_>) -> PyResult<&Obj> {
        self.0.get_or_try_init(py, || {
            let module = py.import("contextvars")?;
            Ok(module.getattr("ContextVar")?.call1(("inorder.current",))?.unbind())
        })
    }
}

/// The attempt that the calling handler is: its item's position, the number of the attempt from 1, and the key.
///
/// For the handler's own task, and for the thread of a function in an executor; not for tasks that a handler makes.
///
/// Raises:
///     RuntimeError: no handler is running here.
#[pyfunction]
pub(crate) fn current(py: Python<'_>) -> PyResult<Obj> {
    if let Some((engine, handle, attempt)) = in_this_task(py)? {
        return self::attempt(engine.bind(py), handle, attempt);
    }
    let found = ATTEMPT.get(py)?.bind(py).call_method1("get", (py.None(),))?;
    if found.is_none() {
        return Err(PyRuntimeError::new_err("current() is for handlers, and none is running here"));
    }
    Ok(found.unbind())
}

/// The attempt whose worker is the task that runs now.
fn in_this_task(py: Python<'_>) -> PyResult<Option<(Py<Engine>, Handle, u32)>> {
    // without a loop in this thread there is no task either
    let Ok(task) = imports::current_task(py)?.call0() else { return Ok(None) };
    let Ok(coroutine) = task.call_method0("get_coro") else { return Ok(None) };
    let Ok(worker) = coroutine.cast::<Worker>() else { return Ok(None) };
    Ok(worker.get().doing(py))
}

/// An attempt, as Python sees it.
pub(crate) fn attempt(engine: &Bound<'_, Engine>, handle: Handle, attempt: u32) -> PyResult<Obj> {
    let py = engine.py();
    let (seq, key) = engine.get().state.with(py, |state| {
        let lane = state.core.lane_of(handle);
        let key = lane.and_then(|lane| state.lanes.key(lane)).map(|key| key.clone_ref(py));
        (state.slots.get(handle.slot().index()).map(|entry| entry.seq), key)
    });
    Ok(imports::attempt(py)?.call1((seq, attempt, key))?.unbind())
}
