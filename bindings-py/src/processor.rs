//! Processors: items in one by one, results by ticket, by callback or by iteration.

use std::sync::OnceLock;

use inorder::{OnFailure, Seq};
use pyo3::exceptions::{PyAttributeError, PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use crate::call::{Act, Call, offer, refuse};
use crate::engine::Engine;
use crate::face::{Face, face_methods};
use crate::options::{self, Given};
use crate::raw::Obj;
use crate::stream::Iteration;
use crate::ticket::{Refusal, Ticket};

/// Takes items one by one, works on several at once, and gives the results back in the order of the items.
///
/// Each item gets a :class:`Ticket`. Results go to the tickets; with `on_result` also to that function, or to whoever
/// iterates over the processor. `async with` closes it: it drains at a normal end, and aborts on an exception.
///
/// Args:
///     handler: as for :func:`map`. None: a subclass has a method `process(item)`.
///     sequenced: the caller gives each item its number, `enqueue(item, seq=7)`; an item starts when everything before
///         it has arrived. The capacity is the window.
///     start: the first number of a sequenced processor.
///     on_result: called with each result in order, and awaited, before the next one; the item's capacity comes back
///         after that. If it raises, the processor has failed.
///     on_failure: "emit" (default) puts a :class:`Failure` in the place of the result, for `on_result` and iteration;
///         "fail" ends everything with the failed item.
///
/// The other options are those of :func:`map`; `capacity` counts items accepted and not yet released.
///
/// Raises:
///     OptionsError: a value is not allowed.
#[pyclass(frozen, subclass, weakref, generic, module = "inorder")]
pub(crate) struct Processor {
    engine: OnceLock<Py<Engine>>,
}

impl Face for Processor {
    const CONTEXT: [&'static str; 2] = ["Processor.__aenter__", "Processor.__aexit__"];

    fn engine<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, Engine>> {
        let engine = self.engine.get().ok_or_else(|| {
            PyRuntimeError::new_err(
                "the processor is not initialised: a subclass calls super().__init__()",
            )
        })?;
        Ok(engine.bind(py))
    }

    fn leaving(has_failed: bool) -> Act {
        Act::Exit { has_failed, has_begun: false }
    }
}

impl Processor {
    fn offer(
        &self,
        name: &'static str,
        item: Bound<'_, PyAny>,
        key: Option<Obj>,
        seq: Option<&Bound<'_, PyAny>>,
        runs: bool,
    ) -> PyResult<Py<Call>> {
        let py = item.py();
        let seq = self.number(py, seq)?;
        self.call(py, name, Act::Offer { item: item.unbind(), key, seq, runs })
    }

    fn number(&self, py: Python<'_>, seq: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Seq>> {
        let is_sequenced = self.engine(py)?.get().state.with(py, |state| state.is_sequenced);
        match (seq, is_sequenced) {
            (None, false) => Ok(None),
            (Some(seq), true) => options::seq(seq).map(Some),
            (None, true) => Err(PyTypeError::new_err("a sequenced processor needs seq=")),
            (Some(_), false) => {
                Err(PyTypeError::new_err("seq= is for processors with sequenced=True"))
            }
        }
    }
}

face_methods!(Processor);

#[pymethods]
impl Processor {
    #[new]
    #[pyo3(signature = (*_arguments, **_options), text_signature = "(handler=None, *, concurrency=1, \
        capacity=None, key=None, ordered=True, timeout=None, total_timeout=None, retry=None, on_failure='emit', \
        dead_letter=None, on_halt=None, executor=None, isolation='context', on_result=None, sequenced=False, start=0, \
        gap='wait', gap_timeout=None, gap_warning=None, on_gap=None, on_discard=None, wrap=None, restart='ignore', \
        restore=None)")]
    fn new(_arguments: &Bound<'_, PyTuple>, _options: Option<&Bound<'_, PyDict>>) -> Self {
        Self { engine: OnceLock::new() }
    }

    #[pyo3(signature = (handler=None, **options))]
    fn __init__(
        slf: &Bound<'_, Self>,
        handler: Option<Bound<'_, PyAny>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let py = slf.py();
        let handler = match handler {
            Some(_) if slf.hasattr("process")? => {
                let text = "a subclass with a method process(item) takes no handler besides";
                return Err(PyTypeError::new_err(text));
            }
            Some(handler) => handler,
            None => slf.getattr("process").map_err(|error| {
                if !error.is_instance_of::<PyAttributeError>(py) {
                    return error;
                }
                let text = "a processor needs a handler, or a subclass with a method process(item)";
                let needs = PyTypeError::new_err(text);
                needs.set_cause(py, Some(error));
                needs
            })?,
        };
        let given = Given::new(py, "Processor", options)?;
        let mut settings = given.settings(&handler)?;
        settings.options = settings.options.on_failure_or(OnFailure::Emit);
        settings.hooks.on_result = given.callable("on_result")?;
        let is_sequenced = match given.take("sequenced")? {
            Some(value) => options::flag("sequenced", &value)?,
            None => false,
        };
        let start = given.take("start")?.map(|start| options::start(&start)).transpose()?;
        let of_gaps = ["gap", "restart"].map(|name| (name, given.has(name)));
        given.refuse_unbuilt(&[
            "gap_timeout",
            "gap_warning",
            "on_gap",
            "on_discard",
            "wrap",
            "restore",
        ])?;
        given.refuse_all_but_first("gap", &["wait", "skip", "fail"])?;
        given.refuse_all_but_first("restart", &["ignore", "reset", "fail"])?;
        given.finish()?;
        if !is_sequenced {
            for (name, is_given) in [("start", Ok(start.is_some()))].into_iter().chain(of_gaps) {
                if is_given? {
                    let text = format!("{name} is for processors with sequenced=True");
                    return Err(options::options_error(py, &text));
                }
            }
        }
        settings.start = is_sequenced.then(|| start.unwrap_or(0));
        let engine = Engine::new(py, settings, None)?;
        slf.get()
            .engine
            .set(engine)
            .map_err(|_| PyRuntimeError::new_err("the processor is initialised already"))
    }

    /// Offers an item, and waits for room.
    ///
    /// Args:
    ///     key: the item's key; None: the key function says.
    ///     seq: the item's number, exactly where the processor is sequenced.
    ///
    /// Returns:
    ///     The ticket, on acceptance.
    ///
    /// Raises:
    ///     Closed: no more is accepted.
    ///     Late: the number was released or given up before.
    ///     Duplicate: the number is in flight already.
    #[pyo3(signature = (item, *, key=None, seq=None))]
    fn enqueue(
        &self,
        item: Bound<'_, PyAny>,
        key: Option<Obj>,
        seq: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Call>> {
        self.offer("Processor.enqueue", item, key, seq, false)
    }

    /// Offers an item.
    ///
    /// Returns:
    ///     The ticket.
    ///
    /// Raises:
    ///     Full: there is no room, or others wait for it.
    ///     TooFar: the number is beyond the window.
    ///     Closed: no more is accepted.
    ///     Late: the number was released or given up before.
    ///     Duplicate: the number is in flight already.
    #[pyo3(signature = (item, *, key=None, seq=None))]
    fn enqueue_nowait(
        &self,
        item: Bound<'_, PyAny>,
        key: Option<Obj>,
        seq: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Ticket>> {
        let py = item.py();
        let seq = self.number(py, seq)?;
        let engine = self.engine(py)?;
        let (ticket, mut offer) = offer(engine, item, key, seq)?;
        let refusal = match Engine::act(engine, |state| state.offer(py, &mut offer)) {
            Ok(()) => return Ok(ticket),
            Err(refusal) => refusal,
        };
        let error = refuse(engine, refusal, seq);
        if matches!(refusal, Refusal::Full | Refusal::TooFar) {
            Engine::act(engine, |state| state.refuse(py, offer));
        }
        Err(error)
    }

    /// Offers an item, waits for room and then for its result. Cancelled, it cancels the item.
    #[pyo3(signature = (item, *, key=None, seq=None))]
    fn run(
        &self,
        item: Bound<'_, PyAny>,
        key: Option<Obj>,
        seq: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Call>> {
        self.offer("Processor.run", item, key, seq, true)
    }

    /// Waits until everything accepted so far is released.
    ///
    /// Raises:
    ///     Exception: the one with which the processor failed.
    fn join(&self, py: Python<'_>) -> PyResult<Py<Call>> {
        self.call(py, "Processor.join", Act::Join { end: None })
    }

    /// Accepts nothing more, and waits until everything is released.
    ///
    /// Args:
    ///     timeout: after so many seconds what still runs is cancelled, and gets 0.25 s to end. A second call can only
    ///         shorten the time. None: no limit.
    ///
    /// Returns:
    ///     What was released, and what was not.
    ///
    /// Raises:
    ///     Exception: the one with which the processor failed; it has the report as attribute `report`.
    #[pyo3(signature = (timeout=None))]
    fn close(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Py<Call>> {
        let timeout = options::timeout(timeout)?;
        self.call(py, "Processor.close", Act::Close { timeout, has_begun: false })
    }

    /// Stops at once: `close` with a timeout of zero.
    fn abort(&self, py: Python<'_>) -> PyResult<Py<Call>> {
        self.call(
            py,
            "Processor.abort",
            Act::Close { timeout: Some(std::time::Duration::ZERO), has_begun: false },
        )
    }

    /// Takes the results in order, from the first one asked for. One loop at a time; leaving it lets results go
    /// untaken again.
    fn __aiter__(&self, py: Python<'_>) -> PyResult<Iteration> {
        let engine = self.engine(py)?;
        if engine.get().state.with(py, |state| state.hooks.on_result.is_some()) {
            return Err(PyRuntimeError::new_err(
                "the results go to on_result, and cannot be iterated over, too",
            ));
        }
        Ok(Iteration::new(engine.clone().unbind()))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // set once, by `__init__`
        self.engine.get().map_or(Ok(()), |engine| visit.call(engine))
    }
}
