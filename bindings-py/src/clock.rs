//! The loop's clock, in the core's microseconds.

use inorder::Time;
use pyo3::prelude::*;

use crate::imports;
use crate::raw::Obj;

/// Reads the time of a loop.
pub(crate) struct Clock {
    read: Obj,
}

impl Clock {
    /// The clock of a loop.
    pub(crate) fn new(event_loop: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = event_loop.py();
        let time = pyo3::intern!(py, "time");
        // asyncio's own `time` is Python code that does nothing but read this clock
        let is_plain = match event_loop.get_type().getattr(time) {
            Ok(method) => method.is(&imports::base_event_loop(py)?.getattr(time)?),
            Err(_) => false,
        };
        let read =
            if is_plain { imports::monotonic(py)?.clone() } else { event_loop.getattr(time)? };
        Ok(Self { read: read.unbind() })
    }

    /// What time it is.
    #[inline]
    pub(crate) fn now(&self, py: Python<'_>) -> PyResult<Time> {
        let seconds: f64 = self.read.bind(py).call0()?.extract()?;
        Ok(Time::from_micros((seconds * 1e6).round() as u64))
    }

    /// The object that is called for the time.
    pub(crate) const fn object(&self) -> &Obj {
        &self.read
    }
}

/// A time as the loop knows it.
pub(crate) fn seconds(time: Time) -> f64 {
    time.as_micros() as f64 / 1e6
}
