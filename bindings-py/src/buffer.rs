//! The reorder buffer: items in by number as they come, out in order.

use inorder::{Insert, Seq, SequencerOptions};
use pyo3::prelude::*;
use pyo3::types::PyString;
use pyo3::{PyTraverseError, PyVisit};

use crate::options;
use crate::raw::{Guarded, Obj};

/// Holds items back until everything before them is in.
///
/// Args:
///     start: the first number.
///     capacity: the window, from 1 to 2^20: numbers below `next + capacity` are admitted.
///
/// Raises:
///     OptionsError: a value is not allowed.
#[pyclass(frozen, weakref, generic, module = "inorder")]
pub(crate) struct ReorderBuffer {
    buffer: Guarded<inorder::ReorderBuffer<Obj>>,
}

#[pymethods]
impl ReorderBuffer {
    #[new]
    #[pyo3(signature = (start=None, capacity=None), text_signature = "(start=0, capacity=1024)")]
    fn new(
        py: Python<'_>,
        start: Option<&Bound<'_, PyAny>>,
        capacity: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let mut window = SequencerOptions::new();
        if let Some(start) = start {
            window = window.start(options::start(start)?);
        }
        if let Some(capacity) = capacity {
            window = window.capacity(options::capacity(capacity)?);
        }
        let buffer = inorder::ReorderBuffer::try_new(window)
            .map_err(|error| options::options_error(py, &error.to_string()))?;
        Ok(Self { buffer: Guarded::new(buffer) })
    }

    /// Takes an item in.
    ///
    /// Returns:
    ///     "ready": everything before it is in. "held": it waits for what is missing. Or why it is not admitted:
    ///     "duplicate", "late" (popped or given up before), "too_far".
    #[pyo3(signature = (seq, item, /))]
    fn insert<'py>(&self, seq: &Bound<'py, PyAny>, item: Obj) -> PyResult<&Bound<'py, PyString>> {
        let py = seq.py();
        let number = options::seq(seq)?;
        let mut item = Some(item);
        let insert = self.buffer.with(py, |buffer| {
            let insert = buffer.look(number);
            match item.take_if(|_| matches!(insert, Insert::Ready | Insert::Held)) {
                Some(item) => buffer.insert(number, item),
                // one that is not admitted is dropped outside
                None => insert,
            }
        });
        Ok(match insert {
            Insert::Ready => pyo3::intern!(py, "ready"),
            Insert::Held => pyo3::intern!(py, "held"),
            Insert::Duplicate => pyo3::intern!(py, "duplicate"),
            Insert::Late => pyo3::intern!(py, "late"),
            Insert::TooFar => pyo3::intern!(py, "too_far"),
            // a buffer has no checkpoint and no eye on restarts
            Insert::Restored => pyo3::intern!(py, "restored"),
            Insert::Suspect => pyo3::intern!(py, "suspect"),
        })
    }

    /// The next item with its number; None while it is missing.
    fn pop(&self, py: Python<'_>) -> Option<(Seq, Obj)> {
        self.buffer.with(py, inorder::ReorderBuffer::pop)
    }

    /// The ranges that are missing before the highest number that is in: first and last, both inclusive.
    fn missing(&self, py: Python<'_>) -> Vec<(Seq, Seq)> {
        self.buffer.with(py, |buffer| buffer.missing().collect())
    }

    /// Gives up what is missing below a number. What is in there still comes out.
    #[pyo3(signature = (seq, /))]
    fn skip_to(&self, seq: &Bound<'_, PyAny>) -> PyResult<()> {
        let number = options::seq(seq)?;
        self.buffer.with(seq.py(), |buffer| buffer.skip_to(number));
        Ok(())
    }

    /// The lowest number that was not popped.
    #[getter]
    fn next(&self, py: Python<'_>) -> Seq {
        self.buffer.with(py, |buffer| buffer.next())
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.buffer.with(py, |buffer| buffer.len())
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let (next, len) = self.buffer.with(py, |buffer| (buffer.next(), buffer.len()));
        format!("<ReorderBuffer next={next} len={len}>")
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.buffer
            .peek(|buffer| buffer.iter().try_for_each(|item| visit.call(item)))
            .unwrap_or(Ok(()))
    }

    fn __clear__(&self, py: Python<'_>) {
        let items = self.buffer.with(py, |buffer| {
            buffer.skip_to(Seq::MAX);
            std::iter::from_fn(|| buffer.pop()).collect::<Vec<_>>()
        });
        drop(items);
    }
}
