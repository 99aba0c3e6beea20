//! Streams: what `map` returns, and the iteration over a processor.

use std::sync::{Arc, Weak};

use pyo3::exceptions::{PyRuntimeError, PyStopAsyncIteration};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use pyo3::{PyTraverseError, PyVisit};

use crate::call::{Act, Call};
use crate::callback::Chore;
use crate::coroutine::{Coroutine, coroutine_methods};
use crate::engine::Engine;
use crate::face::{Face, face_methods};
use crate::imports;
use crate::job;
use crate::options::Given;
use crate::raw::{Guarded, Obj, Step, Steps, copy_current_context, in_destructor, is_unique};
use crate::results::Take;
use crate::source::Kind;
use crate::state::State;
use crate::waiter::Waiter;

/// The results of :func:`map`: an asynchronous iterator that also can be left, collected and looked at.
#[pyclass(frozen, weakref, generic, module = "inorder")]
pub(crate) struct Stream {
    engine: Py<Engine>,
    next: Spare,
}

/// One iteration over the results of a :class:`Processor`.
#[pyclass(frozen, weakref, generic, module = "inorder")]
pub(crate) struct Iteration {
    engine: Py<Engine>,
    /// Its number; `None` before the first result was asked for.
    number: Guarded<Option<u64>>,
    next: Spare,
}

/// The last `__anext__`, used again when nobody else has it; not while it waits, so that it can be dropped then.
type Spare = Arc<Guarded<Option<Py<Next>>>>;

/// What `__anext__` returns.
#[pyclass(frozen, module = "inorder._inorder")]
pub(crate) struct Next {
    engine: Py<Engine>,
    iteration: Option<u64>,
    /// Under which number it waits.
    waiter: Guarded<Option<u64>>,
    spare: Weak<Guarded<Option<Py<Next>>>>,
}

/// What came of asking for the next result.
pub(crate) enum Taken {
    Value(Obj),
    Wait(Py<Waiter>),
    End,
}

/// Calls `handler` for each item of `source`, at most `concurrency` at once, and gives the results in the order of
/// the items.
///
/// Nothing is read before the first result is asked for, and never more than `capacity` items ahead of the consumer.
///
/// Args:
///     handler: a coroutine function, or any function: what can be awaited is awaited. It runs in a task, each item
///         with a context of its own.
///     source: any iterable or asynchronous iterable.
///     concurrency: how many handlers may run at once, from 1 to 2^20. With 1 an item starts when the one before is
///         settled.
///     capacity: how many items may be read and not yet handed out, from `concurrency` to 2^20. Default: 1024, or four
///         times `concurrency` where that is more.
///     key: a function of an item. Items with the same key run one after the other, in order; None is no key.
///     ordered: False gives the results as they come.
///     on_failure: "fail" (default) hands out everything before the failed item, then raises its exception; "emit" puts
///         a :class:`Failure` in the place of the result.
///     executor: a `concurrent.futures` executor of threads in which a plain function is called, instead of inline.
///     isolation: "task" gives each item a task of its own, instead of only a context, for libraries that go by
///         `asyncio.current_task`. Before CPython 3.13 also for plain functions that call `cancel` and then `uncancel` of
///         that task: else the request reaches the next item.
///
/// Returns:
///     An asynchronous iterator. Leaving it early with `async with`, `aclose` or `break` cancels what runs and closes
///     the source.
///
/// Raises:
///     OptionsError: a value is not allowed.
#[pyfunction]
#[pyo3(signature = (handler, source, **options), text_signature = "(handler, source, *, concurrency=1, capacity=None, \
    key=None, ordered=True, timeout=None, total_timeout=None, retry=None, on_failure='fail', dead_letter=None, \
    on_halt=None, executor=None, isolation='context')")]
pub(crate) fn map(
    handler: &Bound<'_, PyAny>,
    source: &Bound<'_, PyAny>,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Stream> {
    let py = handler.py();
    let given = Given::new(py, "map", options)?;
    let settings = given.settings(handler)?;
    given.finish()?;
    let kind = if source.hasattr("__aiter__")? {
        Kind::Async(source.call_method0("__aiter__")?.unbind())
    } else {
        Kind::Plain(source.try_iter()?.into_any().unbind())
    };
    let engine = Engine::new(py, settings, Some(kind))?;
    Ok(Stream { engine, next: Arc::new(Guarded::new(None)) })
}

/// Begins to read the source, at the first demand.
#[inline]
pub(crate) fn begin_stream(engine: &Bound<'_, Engine>) -> PyResult<()> {
    let (py, this) = (engine.py(), engine.get());
    if this.state.with(py, |state| state.feed.has_begun) {
        return Ok(());
    }
    Engine::enter(engine)?;
    let context = copy_current_context(py)?;
    Engine::act(engine, |state| {
        state.feed.has_begun = true;
        // there is one already where the stream was left before it began
        if state.feed.context.is_none() {
            state.feed.context.replace(context)
        } else {
            Some(context)
        }
    });
    Ok(())
}

/// Asks for the next result. `waiter`: the number under which this call waits. `iteration`: over a processor.
#[inline]
pub(crate) fn take_step(
    engine: &Bound<'_, Engine>,
    waiter: &mut Option<u64>,
    iteration: Option<u64>,
) -> PyResult<Taken> {
    let (py, this) = (engine.py(), engine.get());
    if waiter.is_some() {
        this.read_clock(py)?;
    } else {
        Engine::stay(engine)?;
    }
    let (take, reads) = Engine::act(engine, |state| {
        if iteration.is_some() && state.takers.iteration != iteration {
            return (Take::End, false);
        }
        (state.take(py, *waiter), state.is_to_read())
    });
    *waiter = None;
    if reads {
        // whoever asks has made room: no worker has to be woken for that
        job::read_source(engine);
    }
    match take {
        Take::Value(value) => {
            note_holder(py, this, iteration)?;
            Ok(Taken::Value(value))
        }
        Take::Failure(failure) => {
            note_holder(py, this, iteration)?;
            failure.make(py).map(Taken::Value)
        }
        Take::Raise(error) => Err(PyErr::from_value(error.into_bound(py))),
        Take::End => Ok(Taken::End),
        Take::Wait => {
            Engine::enter(engine)?;
            let future = this.waiter(py)?;
            let kept = future.clone_ref(py);
            *waiter = Some(Engine::act(engine, |state| state.wait_for_result(py, kept)));
            Ok(Taken::Wait(future))
        }
    }
}

/// Notes which task has the result that an iteration over a processor lent.
#[inline]
fn note_holder(py: Python<'_>, engine: &Engine, iteration: Option<u64>) -> PyResult<()> {
    if iteration.is_none() {
        return Ok(());
    }
    let task = imports::current_task(py)?.call0()?.unbind();
    let before = engine.state.with(py, |state| state.takers.hand_to(task));
    drop(before);
    Ok(())
}

impl Face for Stream {
    const CONTEXT: [&'static str; 2] = ["Stream.__aenter__", "Stream.__aexit__"];

    fn engine<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, Engine>> {
        Ok(self.engine.bind(py))
    }

    fn leaving(_: bool) -> Act {
        Act::Leave { has_begun: false }
    }
}

face_methods!(Stream);

#[pymethods]
impl Stream {
    fn __aiter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[inline]
    fn __anext__(&self, py: Python<'_>) -> PyResult<Py<Next>> {
        begin_stream(self.engine.bind(py))?;
        next(py, &self.next, &self.engine, None)
    }

    /// All results that are left, as a list. Cancelled, it leaves the stream.
    fn collect(&self, py: Python<'_>) -> PyResult<Py<Call>> {
        self.call(
            py,
            "Stream.collect",
            Act::Collect { list: PyList::empty(py).unbind(), waiter: None },
        )
    }

    /// Leaves the stream: what runs is cancelled and awaited, the source is closed. Nothing more comes out.
    fn aclose(&self, py: Python<'_>) -> PyResult<Py<Call>> {
        self.call(py, "Stream.aclose", Act::Leave { has_begun: false })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.engine)?;
        self.next.peek(|next| visit.call(next)).unwrap_or(Ok(()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        in_destructor(|py| {
            let engine = self.engine.bind(py);
            let is_needed = engine.get().state.with(py, |state| {
                state.feed.has_begun && !state.takers.has_left && !state.core.is_drained()
            });
            // a closed loop has ended everything
            if is_needed {
                let _: PyResult<()> = Engine::call_soon(engine, Chore::Leave);
            }
        });
    }
}

impl Iteration {
    /// An iteration that begins with the first result that is asked for.
    pub(crate) fn new(engine: Py<Engine>) -> Self {
        Self { engine, number: Guarded::new(None), next: Arc::new(Guarded::new(None)) }
    }
}

#[pymethods]
impl Iteration {
    fn __aiter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __anext__(&self, py: Python<'_>) -> PyResult<Py<Next>> {
        let engine = self.engine.bind(py);
        let mut number = self.number.with(py, |number| *number);
        if number.is_none() {
            Engine::enter(engine)?;
            number = Engine::act(engine, State::begin_iteration);
            if number.is_none() {
                return Err(PyRuntimeError::new_err(
                    "another iteration over this processor is under way",
                ));
            }
            self.number.with(py, |slot| *slot = number);
        }
        next(py, &self.next, &self.engine, number)
    }

    /// Leaves the loop: what waits and what follows is released untaken.
    fn aclose(&self, py: Python<'_>) -> PyResult<Py<Call>> {
        let iteration = self.number.with(py, |number| *number);
        Call::new(
            py,
            "Iteration.aclose",
            self.engine.clone_ref(py),
            Act::EndIteration { iteration },
        )
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.engine)?;
        self.next.peek(|next| visit.call(next)).unwrap_or(Ok(()))
    }
}

impl Drop for Iteration {
    fn drop(&mut self) {
        let Some(number) = *self.number.get_mut() else { return };
        in_destructor(|py| {
            let engine = self.engine.bind(py);
            let has_ended = engine.get().state.with(py, |state| {
                let is_current = state.takers.iteration == Some(number);
                if is_current {
                    state.end_iteration(py, number);
                }
                is_current
            });
            // what follows is Python code, and this may be anywhere
            if has_ended {
                let _: PyResult<()> = Engine::call_soon(engine, Chore::Flush);
            }
        });
    }
}

/// An awaitable for the next result: the last one if nobody has it any more.
#[inline]
fn next(
    py: Python<'_>,
    spare: &Spare,
    engine: &Py<Engine>,
    iteration: Option<u64>,
) -> PyResult<Py<Next>> {
    let again = spare.with(py, |spare| {
        let is_free = spare.as_ref().is_some_and(is_unique);
        spare.as_ref().filter(|_| is_free).map(|next| next.clone_ref(py))
    });
    if let Some(next) = again {
        return Ok(next);
    }
    let (engine, waiter) = (engine.clone_ref(py), Guarded::new(None));
    let next = Py::new(py, Next { engine, iteration, waiter, spare: Arc::downgrade(spare) })?;
    let kept = next.clone_ref(py);
    let before = spare.with(py, |spare| spare.replace(kept));
    drop(before);
    Ok(next)
}

impl Steps for Next {
    #[inline]
    fn step(slf: &Bound<'_, Self>) -> PyResult<Step> {
        let (py, this) = (slf.py(), slf.get());
        let mut waiter = this.waiter.with(py, |waiter| *waiter);
        let had_waited = waiter.is_some();
        let taken = take_step(this.engine.bind(py), &mut waiter, this.iteration);
        if had_waited || waiter.is_some() {
            this.waiter.with(py, |slot| *slot = waiter);
            let kept = waiter.is_none().then(|| slf.clone().unbind());
            let before = this
                .spare
                .upgrade()
                .map(|spare| spare.with(py, |slot| std::mem::replace(slot, kept)));
            drop(before);
        }
        match taken? {
            Taken::Wait(future) => Ok(Step::Wait(future.into_any())),
            Taken::Value(value) => Ok(Step::Return(value)),
            Taken::End => Err(PyStopAsyncIteration::new_err(())),
        }
    }
}

impl Coroutine for Next {
    fn abandon(&self, py: Python<'_>) {
        let Some(waiter) = self.waiter.with(py, Option::take) else { return };
        let engine = self.engine.bind(py);
        engine.get().state.with(py, |state| state.stop_waiting(py, waiter));
        Engine::give_up(engine, false)
            .unwrap_or_else(|error| error.write_unraisable(py, Some(engine.as_any())));
    }
}

impl Drop for Next {
    fn drop(&mut self) {
        let Some(waiter) = self.waiter.get_mut().take() else { return };
        in_destructor(|py| {
            let engine = self.engine.bind(py);
            engine.get().state.with(py, |state| state.stop_waiting(py, waiter));
            // what follows is Python code, and this may be anywhere; a closed loop has ended everything
            let _: PyResult<()> = Engine::call_soon(engine, Chore::Flush);
        });
    }
}

coroutine_methods!(Next);

#[pymethods]
impl Next {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.engine)
    }
}
