//! Calls: what the awaited methods return. A coroutine in all but its type.

use std::time::Duration;

use inorder::Seq;
use pyo3::exceptions::{PyRuntimeError, PyRuntimeWarning};
use pyo3::prelude::*;
use pyo3::types::PyList;
use pyo3::{PyTraverseError, PyVisit};

use crate::callback::Chore;
use crate::coroutine::{Coroutine, coroutine_methods};
use crate::deadlock::{self, within};
use crate::engine::Engine;
use crate::offers::Offer;
use crate::raw::{Guarded, Obj, Step, Steps, copy_current_context, in_destructor};
use crate::state::{State, Watch};
use crate::stream::{Taken, begin_stream, take_step};
use crate::ticket::{Refusal, Ticket, refused};
use crate::waiter::Waiter;

/// A call that is awaited.
#[pyclass(frozen, weakref, module = "inorder._inorder")]
pub(crate) struct Call {
    name: &'static str,
    engine: Py<Engine>,
    inner: Guarded<Inner>,
}

struct Inner {
    act: Option<Act>,
    has_begun: bool,
    /// What it waits for.
    future: Option<Py<Waiter>>,
}

/// What a call does, and how far it has come.
pub(crate) enum Act {
    /// Offers an item; with `runs` it then waits for its result.
    Offer {
        item: Obj,
        key: Option<Obj>,
        seq: Option<Seq>,
        runs: bool,
    },
    /// The offer waits for room.
    Room {
        ticket: Py<Ticket>,
        id: u64,
        seq: Option<Seq>,
        runs: bool,
    },
    /// Waits for the result of an item, and cancels it when nobody waits any more.
    Result {
        ticket: Py<Ticket>,
    },
    Join {
        end: Option<Seq>,
    },
    Close {
        timeout: Option<Duration>,
        has_begun: bool,
    },
    /// The end of an `async with` over a processor. After an exception its own failure is not raised.
    Exit {
        has_failed: bool,
        has_begun: bool,
    },
    /// The end of the loop.
    Shutdown {
        has_begun: bool,
    },
    Leave {
        has_begun: bool,
    },
    Collect {
        list: Py<PyList>,
        waiter: Option<u64>,
    },
    EndIteration {
        iteration: Option<u64>,
    },
    Ready {
        value: Obj,
    },
}

/// How far a call came.
enum Progress {
    /// It waits for this future.
    Wait(Py<Waiter>, Act),
    Return(Obj),
}

impl Call {
    pub(crate) fn new(
        py: Python<'_>,
        name: &'static str,
        engine: Py<Engine>,
        act: Act,
    ) -> PyResult<Py<Self>> {
        let inner = Inner { act: Some(act), has_begun: false, future: None };
        Py::new(py, Self { name, engine, inner: Guarded::new(inner) })
    }
}

impl Steps for Call {
    fn step(slf: &Bound<'_, Self>) -> PyResult<Step> {
        let (py, this) = (slf.py(), slf.get());
        let (act, future) = this.inner.with(py, |inner| {
            inner.has_begun = true;
            (inner.act.take(), inner.future.take())
        });
        drop(future);
        let Some(act) = act else {
            return Err(PyRuntimeError::new_err(format!("{} was awaited twice", this.name)));
        };
        match perform(this.engine.bind(py), act)? {
            Progress::Wait(future, act) => {
                let kept = future.clone_ref(py);
                let before = this
                    .inner
                    .with(py, |inner| (inner.act.replace(act), inner.future.replace(kept)));
                drop(before);
                Ok(Step::Wait(future.into_any()))
            }
            Progress::Return(value) => Ok(Step::Return(value)),
        }
    }
}

impl Coroutine for Call {
    fn abandon(&self, py: Python<'_>) {
        let (act, future) = self.inner.with(py, |inner| {
            inner.has_begun = true;
            (inner.act.take(), inner.future.take())
        });
        if let Some(act) = act {
            abandon(self.engine.bind(py), &act, future.as_ref())
                .unwrap_or_else(|error| error.write_unraisable(py, None));
        }
    }
}

/// Goes as far as it can.
fn perform(engine: &Bound<'_, Engine>, act: Act) -> PyResult<Progress> {
    let (py, this) = (engine.py(), engine.get());
    match act {
        Act::Offer { item, key, seq, runs } => {
            let (ticket, mut offer) = offer(engine, item.into_bound(py), key, seq)?;
            let refusal = match Engine::act(engine, |state| state.offer(py, &mut offer)) {
                Ok(()) => return accepted(engine, ticket, runs),
                Err(refusal) => refusal,
            };
            if offer.is_none() {
                return Err(refuse(engine, refusal, seq));
            }
            let within = within(engine)?;
            let future = this.waiter(py)?;
            let kept = future.clone_ref(py);
            // the loop's future was Python code: there may be room by now
            let waiting = Engine::act(engine, |state| match state.offer(py, &mut offer) {
                Ok(()) => Ok(None),
                Err(refusal) => match offer.take() {
                    Some(offer) => {
                        let offer = Offer { within, ..offer };
                        Ok(Some(state.wait_for_room(py, offer, kept)))
                    }
                    None => Err(refusal),
                },
            });
            match waiting {
                Ok(Some(id)) => Ok(Progress::Wait(future, Act::Room { ticket, id, seq, runs })),
                Ok(None) => accepted(engine, ticket, runs),
                Err(refusal) => Err(refuse(engine, refusal, seq)),
            }
        }
        Act::Room { ticket, id, seq, runs } => match ticket.get().answer(py) {
            Some(Ok(_)) => accepted(engine, ticket, runs),
            Some(Err(refusal)) => Err(refuse(engine, refusal, seq)),
            None => {
                let future = this.waiter(py)?;
                let kept = future.clone_ref(py);
                this.state.with(py, |state| state.wait_again(id, kept));
                Ok(Progress::Wait(future, Act::Room { ticket, id, seq, runs }))
            }
        },
        Act::Result { ticket } => match ticket.get().poll(py) {
            Some(result) => result.map(Progress::Return),
            None => match ticket.get().wait(py) {
                Ok(future) => Ok(Progress::Wait(future, Act::Result { ticket })),
                Err(deadlock) => {
                    abandon(engine, &Act::Result { ticket }, None)?;
                    Err(deadlock)
                }
            },
        },
        Act::Join { end } => {
            if end.is_none() {
                Engine::enter(engine)?;
                deadlock::refuse_to_wait_for_all(engine, "join")?;
            }
            let end = end.unwrap_or_else(|| this.state.with(py, |state| state.end));
            match Engine::watch(engine, Watch::Joined(end))? {
                Some(future) => Ok(Progress::Wait(future, Act::Join { end: Some(end) })),
                None => match this.failure(py) {
                    Some(error) => Err(error),
                    None => Ok(Progress::Return(py.None())),
                },
            }
        }
        Act::Close { timeout, has_begun } => {
            if !has_begun && timeout != Some(Duration::ZERO) {
                deadlock::refuse_to_wait_for_all(engine, "close")?;
            }
            if let Some(future) = stop(engine, timeout, has_begun)? {
                return Ok(Progress::Wait(future, Act::Close { timeout, has_begun: true }));
            }
            finished(engine)
        }
        Act::Exit { has_failed, has_begun } => {
            let timeout = has_failed.then_some(Duration::ZERO);
            if let Some(future) = stop(engine, timeout, has_begun)? {
                return Ok(Progress::Wait(future, Act::Exit { has_failed, has_begun: true }));
            }
            if !has_failed {
                finished(engine)?;
            }
            Ok(Progress::Return(py.None()))
        }
        Act::Shutdown { has_begun } => match stop(engine, Some(Duration::ZERO), has_begun)? {
            Some(future) => Ok(Progress::Wait(future, Act::Shutdown { has_begun: true })),
            None => Ok(Progress::Return(py.None())),
        },
        Act::Leave { has_begun } => {
            if !has_begun {
                Engine::leave(engine)?;
            }
            match Engine::watch(engine, Watch::Closed)? {
                Some(future) => Ok(Progress::Wait(future, Act::Leave { has_begun: true })),
                None => Ok(Progress::Return(py.None())),
            }
        }
        Act::Collect { list, mut waiter } => {
            begin_stream(engine)?;
            loop {
                match take_step(engine, &mut waiter, None)? {
                    Taken::Value(value) => list.bind(py).append(value)?,
                    Taken::Wait(future) => {
                        return Ok(Progress::Wait(future, Act::Collect { list, waiter }));
                    }
                    Taken::End => return Ok(Progress::Return(list.into_any())),
                }
            }
        }
        Act::EndIteration { iteration } => {
            if let Some(iteration) = iteration {
                Engine::enter(engine)?;
                Engine::act(engine, |state| state.end_iteration(py, iteration));
            }
            Ok(Progress::Return(py.None()))
        }
        Act::Ready { value } => Ok(Progress::Return(value)),
    }
}

/// Nobody waits any more: undoes what can be undone.
fn abandon(engine: &Bound<'_, Engine>, act: &Act, future: Option<&Py<Waiter>>) -> PyResult<()> {
    let (py, this) = (engine.py(), engine.get());
    if this.state.with(py, |state| undo(py, state, act, future)) {
        return Engine::give_up(engine, matches!(act, Act::Collect { .. }));
    }
    Ok(())
}

/// The same from a destructor: what follows is Python code, and this may be anywhere.
fn forsake(engine: &Bound<'_, Engine>, act: &Act, future: Option<&Py<Waiter>>) {
    let py = engine.py();
    if engine.get().state.with(py, |state| undo(py, state, act, future)) {
        let leaves = matches!(act, Act::Collect { .. });
        // a closed loop has ended everything
        let _: PyResult<()> =
            Engine::call_soon(engine, if leaves { Chore::Leave } else { Chore::Flush });
    }
}

/// The part of it that calls nothing. True where something follows from it.
fn undo(py: Python<'_>, state: &mut State, act: &Act, future: Option<&Py<Waiter>>) -> bool {
    match act {
        // else it was accepted, and nobody has the ticket
        Act::Room { id, .. } if state.withdraw(*id) => {}
        Act::Room { ticket, .. } | Act::Result { ticket } => {
            if let Some(handle) = ticket.get().handle(py) {
                state.cancel(py, handle);
            }
        }
        Act::Collect { waiter, .. } => {
            if let Some(waiter) = *waiter {
                state.stop_waiting(py, waiter);
            }
        }
        Act::Join { .. }
        | Act::Close { .. }
        | Act::Exit { .. }
        | Act::Shutdown { .. }
        | Act::Leave { .. } => match future {
            Some(future) => state.unwatch(future),
            None => return false,
        },
        Act::Offer { .. } | Act::EndIteration { .. } | Act::Ready { .. } => return false,
    }
    true
}

/// Makes an offer of an item for a processor, and its ticket.
pub(crate) fn offer(
    engine: &Bound<'_, Engine>,
    item: Bound<'_, PyAny>,
    key: Option<Obj>,
    seq: Option<Seq>,
) -> PyResult<(Py<Ticket>, Option<Offer>)> {
    let (py, this) = (engine.py(), engine.get());
    Engine::enter(engine)?;
    this.state.with(py, State::come_back);
    let context = copy_current_context(py)?;
    let mut offer = match key {
        Some(key) => this.offer_with_key(item, key.bind(py), context),
        None => {
            let key =
                this.state.with(py, |state| state.hooks.key.as_ref().map(|key| key.clone_ref(py)));
            this.offer(item, key.as_ref(), context)
        }
    };
    let ticket = Py::new(py, Ticket::new(engine.clone().unbind()))?;
    offer.seq = seq;
    offer.ticket = Some(ticket.clone_ref(py));
    Ok((ticket, Some(offer)))
}

/// The error of an offer that was not accepted.
pub(crate) fn refuse(engine: &Bound<'_, Engine>, refusal: Refusal, seq: Option<Seq>) -> PyErr {
    let py = engine.py();
    let cause = engine.get().state.with(py, |state| state.cause(py));
    refused(py, refusal, cause, seq)
}

fn accepted(engine: &Bound<'_, Engine>, ticket: Py<Ticket>, runs: bool) -> PyResult<Progress> {
    if runs {
        perform(engine, Act::Result { ticket })
    } else {
        Ok(Progress::Return(ticket.into_any()))
    }
}

/// Stops, unless that has begun. Gives a future where it is not over yet.
fn stop(
    engine: &Bound<'_, Engine>,
    timeout: Option<Duration>,
    has_begun: bool,
) -> PyResult<Option<Py<Waiter>>> {
    if !has_begun {
        Engine::enter(engine)?;
        Engine::close(engine, timeout)?;
    }
    Engine::watch(engine, Watch::Closed)
}

/// The report; the error with which everything ended carries it.
fn finished(engine: &Bound<'_, Engine>) -> PyResult<Progress> {
    let py = engine.py();
    let report = engine.get().report(py)?;
    let Some(error) = engine.get().failure(py) else { return Ok(Progress::Return(report)) };
    // an exception with slots takes no attribute
    let _: PyResult<()> = error.value(py).setattr("report", report);
    Err(error)
}

coroutine_methods!(Call);

#[pymethods]
impl Call {
    #[getter(__name__)]
    const fn name(&self) -> &'static str {
        self.name
    }

    #[getter(__qualname__)]
    const fn qualname(&self) -> &'static str {
        self.name
    }

    #[getter]
    fn cr_await(&self, py: Python<'_>) -> Option<Py<Waiter>> {
        self.inner.with(py, |inner| inner.future.as_ref().map(|future| future.clone_ref(py)))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.engine)?;
        let visited = self.inner.peek(|inner| {
            visit.call(&inner.future)?;
            match &inner.act {
                Some(Act::Offer { item, key, .. }) => {
                    visit.call(item).and_then(|()| visit.call(key))
                }
                Some(Act::Room { ticket, .. } | Act::Result { ticket }) => visit.call(ticket),
                Some(Act::Collect { list, .. }) => visit.call(list),
                Some(Act::Ready { value }) => visit.call(value),
                Some(
                    Act::Join { .. }
                    | Act::Close { .. }
                    | Act::Exit { .. }
                    | Act::Shutdown { .. }
                    | Act::Leave { .. }
                    | Act::EndIteration { .. },
                )
                | None => Ok(()),
            }
        });
        visited.unwrap_or(Ok(()))
    }

    fn __clear__(&self, py: Python<'_>) {
        let (act, future) = self.inner.with(py, |inner| (inner.act.take(), inner.future.take()));
        if let Some(act) = act {
            forsake(self.engine.bind(py), &act, future.as_ref());
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let inner = self.inner.get_mut();
        let Some(act) = inner.act.take() else { return };
        if inner.has_begun {
            let (engine, future) = (&self.engine, inner.future.take());
            return in_destructor(|py| forsake(engine.bind(py), &act, future.as_ref()));
        }
        in_destructor(|py| {
            let text = format!("coroutine '{}' was never awaited\0", self.name);
            let text =
                std::ffi::CStr::from_bytes_with_nul(text.as_bytes()).unwrap_or(c"never awaited");
            if let Err(error) = PyErr::warn(py, py.get_type::<PyRuntimeWarning>().as_any(), text, 1)
            {
                error.write_unraisable(py, None);
            }
        });
    }
}
