//! What streams and processors have in common: `async with`, and looking at them.

use pyo3::prelude::*;

use crate::call::{Act, Call};
use crate::engine::Engine;

/// A stream or a processor.
pub(crate) trait Face {
    /// What `__aenter__` and `__aexit__` are called.
    const CONTEXT: [&'static str; 2];

    /// Its engine.
    fn engine<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, Engine>>;

    /// How it is left, after an exception or without.
    fn leaving(has_failed: bool) -> Act;

    /// An awaited method of it.
    fn call(&self, py: Python<'_>, name: &'static str, act: Act) -> PyResult<Py<Call>> {
        Call::new(py, name, self.engine(py)?.clone().unbind(), act)
    }
}

/// The methods that they share.
macro_rules! face_methods {
    ($class:ident) => {
        #[pymethods]
        impl $class {
            /// Counters since the beginning, and gauges of now.
            fn stats(&self, py: Python<'_>) -> PyResult<$crate::raw::Obj> {
                Face::engine(self, py)?.get().stats(py)
            }

            /// What the next result waits for; None when nothing is in flight.
            fn why_blocked(&self, py: Python<'_>) -> PyResult<Option<$crate::raw::Obj>> {
                Face::engine(self, py)?.get().why_blocked(py)
            }

            fn __aenter__(slf: &Bound<'_, Self>) -> PyResult<Py<Call>> {
                let value = slf.clone().into_any().unbind();
                slf.get().call(slf.py(), Self::CONTEXT[0], Act::Ready { value })
            }

            #[pyo3(signature = (kind, error, traceback, /))]
            fn __aexit__(
                &self,
                py: Python<'_>,
                kind: &Bound<'_, PyAny>,
                error: &Bound<'_, PyAny>,
                traceback: &Bound<'_, PyAny>,
            ) -> PyResult<Py<Call>> {
                let _ = (kind, traceback);
                self.call(py, Self::CONTEXT[1], Self::leaving(!error.is_none()))
            }
        }
    };
}

pub(crate) use face_methods;
