//! Which item a handler is running for.

use inorder::{Handle, Seq};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::imports;
use crate::raw::Obj;
use crate::worker::Worker;

/// Where the attempt of a function in a thread is found.
pub(crate) static ATTEMPT: Variable = Variable(PyOnceLock::new());

/// What is known of a run of a handler, also when its item has left.
pub(crate) struct Attempt {
    pub(crate) handle: Handle,
    pub(crate) attempt: u32,
    pub(crate) seq: Seq,
    pub(crate) key: Option<Obj>,
}

impl Attempt {
    /// As Python sees it.
    pub(crate) fn make(&self, py: Python<'_>) -> PyResult<Obj> {
        let key = self.key.as_ref().map(|key| key.clone_ref(py));
        Ok(imports::attempt(py)?.call1((self.seq, self.attempt, key))?.unbind())
    }

    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        let &Self { handle, attempt, seq, ref key } = self;
        Self { handle, attempt, seq, key: key.as_ref().map(|key| key.clone_ref(py)) }
    }
}

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
    if let Some(attempt) = in_this_task(py)? {
        return attempt.make(py);
    }
    let found = ATTEMPT.get(py)?.bind(py).call_method1("get", (py.None(),))?;
    if found.is_none() {
        return Err(PyRuntimeError::new_err("current() is for handlers, and none is running here"));
    }
    Ok(found.unbind())
}

/// The attempt whose worker is the task that runs now.
fn in_this_task(py: Python<'_>) -> PyResult<Option<Attempt>> {
    // without a loop in this thread there is no task either
    let Ok(task) = imports::current_task(py)?.call0() else { return Ok(None) };
    let Ok(coroutine) = task.call_method0("get_coro") else { return Ok(None) };
    let Ok(worker) = coroutine.cast::<Worker>() else { return Ok(None) };
    Ok(worker.get().doing(py))
}
