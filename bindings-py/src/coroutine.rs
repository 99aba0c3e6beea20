//! Objects that are awaited: coroutines in all but their type.

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;

use crate::raw::Steps;

/// What can be awaited, stepped, and given up.
pub(crate) trait Coroutine: Steps {
    /// Nobody waits any more.
    fn abandon(&self, py: Python<'_>);
}

/// The methods of a coroutine.
macro_rules! coroutine_methods {
    ($class:ident) => {
        #[pymethods]
        impl $class {
            fn __await__(slf: Py<Self>) -> Py<Self> {
                slf
            }

            fn __iter__(slf: Py<Self>) -> Py<Self> {
                slf
            }

            fn __next__(slf: &Bound<'_, Self>) -> PyResult<$crate::raw::Obj> {
                $crate::raw::next(slf)
            }

            #[pyo3(signature = (value, /))]
            fn send(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<$crate::raw::Obj> {
                let _ = value;
                $crate::raw::next(slf)
            }

            #[pyo3(signature = (error, value=None, traceback=None, /))]
            fn throw(
                &self,
                error: &Bound<'_, PyAny>,
                value: Option<&Bound<'_, PyAny>>,
                traceback: Option<&Bound<'_, PyAny>>,
            ) -> PyResult<$crate::raw::Obj> {
                let py = error.py();
                let error = $crate::coroutine::thrown(error, value, traceback)?;
                $crate::coroutine::Coroutine::abandon(self, py);
                Err(error)
            }

            fn close(&self, py: Python<'_>) {
                $crate::coroutine::Coroutine::abandon(self, py);
            }
        }
    };
}

pub(crate) use coroutine_methods;

/// The exception that is meant by the arguments of `throw`.
pub(crate) fn thrown(
    error: &Bound<'_, PyAny>,
    value: Option<&Bound<'_, PyAny>>,
    traceback: Option<&Bound<'_, PyAny>>,
) -> PyResult<PyErr> {
    let value = value.filter(|value| !value.is_none());
    let raised = match value {
        Some(value) if value.is_instance_of::<PyBaseException>() => {
            PyErr::from_value(value.clone())
        }
        Some(value) => PyErr::from_value(error.call1((value,))?),
        None => PyErr::from_value(error.clone()),
    };
    if let Some(traceback) = traceback.filter(|traceback| !traceback.is_none()) {
        raised.value(error.py()).call_method1("with_traceback", (traceback,))?;
    }
    Ok(raised)
}
