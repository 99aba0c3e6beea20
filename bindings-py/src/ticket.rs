//! Tickets: what `enqueue` gives for an item.

use inorder::{Handle, Seq};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::deadlock;
use crate::engine::Engine;
use crate::imports;
use crate::raw::{Guarded, Obj, Step, Steps, in_destructor, next};
use crate::state::State;
use crate::waiter::Waiter;

/// An accepted item of a :class:`Processor`: awaiting it gives the handler's result, or raises its exception, in the
/// item's turn.
///
/// It asks the loop for a future only while somebody waits. Cancelling a task that awaits it cancels nothing else.
#[pyclass(frozen, weakref, generic, module = "inorder")]
pub(crate) struct Ticket {
    engine: Py<Engine>,
    inner: Guarded<Inner>,
}

struct Inner {
    handle: Option<Handle>,
    seq: Seq,
    is_failure: bool,
    state: Done,
    /// The futures of those who wait.
    waiters: Vec<Py<Waiter>>,
    /// Somebody has seen how it ended.
    asked: bool,
}

/// How far an offer, and then its item, has come.
pub(crate) enum Done {
    /// Not accepted yet.
    Offered,
    /// Not accepted, and never will be.
    Refused(Refusal),
    Pending,
    Ok(Obj),
    Failed(Obj),
    Cancelled,
    /// It left without a result; with the failure that is the cause.
    Closed(Option<Obj>),
}

impl Done {
    /// The object in it.
    pub(crate) fn into_object(self) -> Option<Obj> {
        match self {
            Self::Ok(object) | Self::Failed(object) => Some(object),
            Self::Closed(object) => object,
            Self::Offered | Self::Refused(_) | Self::Pending | Self::Cancelled => None,
        }
    }
}

/// Why an offer was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Full,
    TooFar,
    Closed,
    Late,
    Duplicate,
    Deadlock,
}

/// A copy of [`Done`] that can be looked at outside the cell.
enum Seen {
    Unsettled,
    Ok(Obj),
    Failed(Obj),
    Cancelled,
    Closed(Option<Obj>),
}

impl Ticket {
    /// A ticket for an offer.
    pub(crate) fn new(engine: Py<Engine>) -> Self {
        let inner = Inner {
            handle: None,
            seq: 0,
            is_failure: false,
            state: Done::Offered,
            waiters: Vec::new(),
            asked: false,
        };
        Self { engine, inner: Guarded::new(inner) }
    }

    /// Says that the offer was accepted.
    pub(crate) fn accept(&self, py: Python<'_>, handle: Handle, seq: Seq) {
        self.inner.with(py, |inner| {
            inner.handle = Some(handle);
            inner.seq = seq;
            inner.state = Done::Pending;
        });
    }

    /// Says how it ended. Gives back the futures of those who wait.
    pub(crate) fn settle(&self, py: Python<'_>, done: Done) -> Vec<Py<Waiter>> {
        self.inner.with(py, |inner| {
            inner.is_failure = matches!(done, Done::Failed(_));
            // nothing of Python is dropped: what was there before has no value
            inner.state = done;
            std::mem::take(&mut inner.waiters)
        })
    }

    /// Says that the failure was handed out in another way.
    pub(crate) fn mark_asked(&self, py: Python<'_>) {
        self.inner.with(py, |inner| inner.asked = true);
    }

    /// What became of the offer: `None` while it waits.
    pub(crate) fn answer(&self, py: Python<'_>) -> Option<Result<Handle, Refusal>> {
        self.inner.with(py, |inner| match inner.state {
            Done::Offered => None,
            Done::Refused(refusal) => Some(Err(refusal)),
            Done::Pending | Done::Ok(_) | Done::Failed(_) | Done::Cancelled | Done::Closed(_) => {
                inner.handle.map(Ok)
            }
        })
    }

    pub(crate) fn handle(&self, py: Python<'_>) -> Option<Handle> {
        self.inner.with(py, |inner| inner.handle)
    }

    /// The result, if it is there: awaiting it does not have to wait.
    pub(crate) fn poll(&self, py: Python<'_>) -> Option<PyResult<Obj>> {
        match self.look(py, true) {
            Seen::Unsettled => None,
            Seen::Ok(value) => Some(Ok(value)),
            Seen::Failed(error) => Some(Err(PyErr::from_value(error.into_bound(py)))),
            Seen::Cancelled => Some(Err(cancelled(py))),
            Seen::Closed(cause) => Some(Err(closed(py, cause))),
        }
    }

    /// A future that is done when the ticket is, stepped until the task can wait for it.
    pub(crate) fn wait(&self, py: Python<'_>) -> PyResult<Py<Waiter>> {
        Engine::stay(self.engine.bind(py))?;
        if let Some(handle) = self.handle(py) {
            deadlock::refuse_to_wait_for(self.engine.bind(py), handle)?;
        }
        let future = self.engine.get().waiter(py)?;
        let waiting = self.inner.with(py, |inner| std::mem::take(&mut inner.waiters));
        // awaits that were cancelled leave their futures behind
        let mut waiting: Vec<Py<Waiter>> = if waiting.len() < 8 {
            waiting
        } else {
            waiting.into_iter().filter(|other| !other.get().is_done(py)).collect()
        };
        waiting.push(future.clone_ref(py));
        self.inner.with(py, |inner| inner.waiters.append(&mut waiting));
        Engine::act(self.engine.bind(py), State::come_back);
        Ok(future)
    }

    /// The futures of those who wait.
    pub(crate) fn futures(&self, py: Python<'_>) -> Vec<Py<Waiter>> {
        self.inner
            .with(py, |inner| inner.waiters.iter().map(|waiter| waiter.clone_ref(py)).collect())
    }

    fn look(&self, py: Python<'_>, asks: bool) -> Seen {
        self.inner.with(py, |inner| {
            inner.asked |= asks && !matches!(inner.state, Done::Pending | Done::Offered);
            match &inner.state {
                Done::Offered | Done::Refused(_) | Done::Pending => Seen::Unsettled,
                Done::Ok(value) => Seen::Ok(value.clone_ref(py)),
                Done::Failed(error) => Seen::Failed(error.clone_ref(py)),
                Done::Cancelled => Seen::Cancelled,
                Done::Closed(cause) => {
                    Seen::Closed(cause.as_ref().map(|cause| cause.clone_ref(py)))
                }
            }
        })
    }
}

impl Steps for Ticket {
    #[inline]
    fn step(slf: &Bound<'_, Self>) -> PyResult<Step> {
        let (py, this) = (slf.py(), slf.get());
        match this.poll(py) {
            Some(result) => result.map(Step::Return),
            None => this.wait(py).map(|future| Step::Wait(future.into_any())),
        }
    }
}

#[pymethods]
impl Ticket {
    /// The item's position: 0 for the first that was accepted, or the number that the caller gave.
    #[getter]
    fn seq(&self, py: Python<'_>) -> Seq {
        self.inner.with(py, |inner| inner.seq)
    }

    /// Whether the result, the exception or the cancellation can be had.
    fn done(&self, py: Python<'_>) -> bool {
        !matches!(self.look(py, false), Seen::Unsettled)
    }

    /// Whether the item was cancelled.
    fn cancelled(&self, py: Python<'_>) -> bool {
        matches!(self.look(py, false), Seen::Cancelled)
    }

    /// The handler's result.
    ///
    /// Raises:
    ///     asyncio.InvalidStateError: it is not done yet.
    ///     asyncio.CancelledError: the item was cancelled.
    ///     Closed: the processor failed or was stopped before the item's turn.
    fn result(&self, py: Python<'_>) -> PyResult<Obj> {
        self.poll(py).unwrap_or_else(|| Err(not_done(py)))
    }

    /// The exception that awaiting the ticket raises; None where there is a result.
    ///
    /// Raises:
    ///     asyncio.InvalidStateError: it is not done yet.
    ///     asyncio.CancelledError: the item was cancelled.
    fn exception(&self, py: Python<'_>) -> PyResult<Option<Obj>> {
        match self.look(py, true) {
            Seen::Unsettled => Err(not_done(py)),
            Seen::Ok(_) => Ok(None),
            Seen::Failed(error) => Ok(Some(error)),
            Seen::Cancelled => Err(cancelled(py)),
            Seen::Closed(cause) => Ok(Some(closed(py, cause).into_value(py).into_any())),
        }
    }

    /// Cancels the item: one that waits never starts, one that runs gets a `CancelledError`, and whatever it returns
    /// then is ignored.
    ///
    /// Returns:
    ///     Whether that was in time: False once it is settled.
    fn cancel(&self, py: Python<'_>) -> PyResult<bool> {
        let Some(handle) = self.handle(py) else { return Ok(false) };
        Engine::cancel(self.engine.bind(py), handle)
    }

    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// One step of awaiting it.
    fn __next__(slf: &Bound<'_, Self>) -> PyResult<Obj> {
        next(slf)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let seq = self.seq(py);
        Ok(match self.look(py, false) {
            Seen::Unsettled => format!("<Ticket seq={seq} pending>"),
            Seen::Ok(value) => format!("<Ticket seq={seq} result={}>", value.bind(py).repr()?),
            Seen::Failed(error) => {
                format!("<Ticket seq={seq} exception={}>", error.bind(py).repr()?)
            }
            Seen::Cancelled => format!("<Ticket seq={seq} cancelled>"),
            Seen::Closed(_) => format!("<Ticket seq={seq} closed>"),
        })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.engine)?;
        let visited = self.inner.peek(|inner| {
            inner.waiters.iter().try_for_each(|waiter| visit.call(waiter))?;
            match &inner.state {
                Done::Ok(value) | Done::Failed(value) => visit.call(value),
                Done::Closed(cause) => visit.call(cause),
                Done::Offered | Done::Refused(_) | Done::Pending | Done::Cancelled => Ok(()),
            }
        });
        visited.unwrap_or(Ok(()))
    }

    fn __clear__(&self, py: Python<'_>) {
        let cleared = self.inner.with(py, |inner| {
            inner.is_failure = false;
            (
                std::mem::replace(&mut inner.state, Done::Cancelled),
                std::mem::take(&mut inner.waiters),
            )
        });
        drop(cleared);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let inner = self.inner.get_mut();
        if !inner.is_failure || inner.asked {
            return;
        }
        let Done::Failed(error) = std::mem::replace(&mut inner.state, Done::Cancelled) else {
            return;
        };
        let (seq, engine) = (inner.seq, &self.engine);
        in_destructor(|py| {
            let text = format!(
                "the handler failed for the item with seq={seq}, and nobody asked for its result"
            );
            engine.get().report_failure(py, &text, &error);
            drop(error);
        });
    }
}

/// The error of an item or offer that came too late.
pub(crate) fn closed(py: Python<'_>, cause: Option<Obj>) -> PyErr {
    let text = if cause.is_some() { "the processor has failed" } else { "the processor is closed" };
    let error = imports::error(imports::closed_error(py), text);
    error.set_cause(py, cause.map(|cause| PyErr::from_value(cause.into_bound(py))));
    error
}

/// The error of an offer that was not accepted.
pub(crate) fn refused(
    py: Python<'_>,
    refusal: Refusal,
    cause: Option<Obj>,
    seq: Option<Seq>,
) -> PyErr {
    let number = seq.map_or_else(|| "the item".to_owned(), |seq| format!("seq={seq}"));
    match refusal {
        Refusal::Full => imports::error(
            imports::full_error(py),
            "as many items as the capacity allows are in flight",
        ),
        Refusal::TooFar => imports::error(
            imports::too_far_error(py),
            &format!(
                "{number} is beyond the window: the next one to be released plus the capacity"
            ),
        ),
        Refusal::Closed => closed(py, cause),
        Refusal::Late => imports::error(
            imports::late_error(py),
            &format!("{number} was released or given up before"),
        ),
        Refusal::Deadlock => imports::error(
            imports::deadlock_error(py),
            "all that could make room wait for room, this handler or on_result among them",
        ),
        Refusal::Duplicate => {
            imports::error(imports::duplicate_error(py), &format!("{number} is in flight already"))
        }
    }
}

pub(crate) fn cancelled(py: Python<'_>) -> PyErr {
    match imports::cancelled_error(py).and_then(PyAnyMethods::call0) {
        Ok(value) => PyErr::from_value(value),
        Err(error) => error,
    }
}

fn not_done(py: Python<'_>) -> PyErr {
    match imports::invalid_state_error(py)
        .and_then(|class| class.call1(("the result is not there yet",)))
    {
        Ok(value) => PyErr::from_value(value),
        Err(error) => PyRuntimeError::new_err(error.to_string()),
    }
}
