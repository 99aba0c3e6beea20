//! The next turn of the loop, waited for by many handlers at once.
//!
//! A task that gives way, as with `asyncio.sleep(0)`, costs the loop a call of Python code and a handle of its own:
//! a quarter of what such an item takes. This is what such handlers wait for together instead: to a task it looks like
//! a future, and the loop calls it once.

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::raw::{Guarded, Obj, inside};

/// What the loop is asked to call for all who wait for its next turn.
#[pyclass(frozen, module = "inorder._inorder")]
pub(crate) struct Turn {
    event_loop: Obj,
    /// A future that is done: asyncio asks one of its own for its result without a call.
    done: Obj,
    waiting: Guarded<Vec<Waiting>>,
    /// Those who are to go on in this very turn, while it goes on; `None`: it does not.
    joining: Guarded<Option<Vec<Waiting>>>,
}

/// A task that waits: what wakes it, and its context.
pub(crate) struct Waiting {
    pub(crate) wake: Obj,
    pub(crate) context: Obj,
}

impl Waiting {
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.wake)?;
        visit.call(&self.context)
    }
}

impl Turn {
    /// The next turn of a loop.
    pub(crate) fn new(event_loop: &Bound<'_, PyAny>) -> PyResult<Self> {
        let done = event_loop.call_method0("create_future")?;
        done.call_method1("set_result", (event_loop.py().None(),))?;
        let event_loop = event_loop.clone().unbind();
        let (waiting, joining) = (Guarded::new(Vec::new()), Guarded::new(None));
        Ok(Self { event_loop, done: done.unbind(), waiting, joining })
    }

    /// Whether somebody waits for it: whoever joins them costs the loop nothing.
    pub(crate) fn is_awaited(&self, py: Python<'_>) -> bool {
        self.waiting.with(py, |waiting| !waiting.is_empty())
    }

    /// The loop.
    pub(crate) fn event_loop(&self, py: Python<'_>) -> Obj {
        self.event_loop.clone_ref(py)
    }

    fn call_soon(slf: &Bound<'_, Self>) -> PyResult<()> {
        let event_loop = slf.get().event_loop.bind(slf.py());
        event_loop.call_method1(pyo3::intern!(slf.py(), "call_soon"), (slf,)).map(drop)
    }

    /// Lets tasks go on when it has come.
    pub(crate) fn wait(
        slf: &Bound<'_, Self>,
        who: impl IntoIterator<Item = Waiting>,
    ) -> PyResult<()> {
        let is_first = slf.get().waiting.with(slf.py(), |waiting| {
            let was_empty = waiting.is_empty();
            waiting.extend(who);
            was_empty
        });
        let called = if is_first { Self::call_soon(slf) } else { Ok(()) };
        if called.is_err() {
            // a closed loop has no next turn
            let forgotten = slf.get().waiting.with(slf.py(), std::mem::take);
            drop(forgotten);
        }
        called
    }

    /// Lets a task go on still in this turn, if it has come and is not over, and else in the next one.
    pub(crate) fn join(slf: &Bound<'_, Self>, who: Waiting) -> PyResult<()> {
        let refused = slf.get().joining.with(slf.py(), |joining| match joining {
            Some(joining) => {
                joining.push(who);
                None
            }
            None => Some(who),
        });
        if refused.is_some() { Self::wait(slf, refused) } else { Ok(()) }
    }

    /// Those who are to go on in this turn, and have not yet; with none it is over.
    fn joined(&self, py: Python<'_>) -> Option<Vec<Waiting>> {
        self.joining.with(py, |joining| match joining {
            Some(list) if !list.is_empty() => Some(std::mem::take(list)),
            _ => {
                *joining = None;
                None
            }
        })
    }
}

#[pymethods]
impl Turn {
    /// It has come.
    fn __call__(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let waiting = slf.get().waiting.with(py, |waiting| {
            let as_many = Vec::with_capacity(waiting.len());
            std::mem::replace(waiting, as_many)
        });
        // a loop that runs inside another one may be in here already
        slf.get().joining.with(py, |joining| _ = joining.get_or_insert_default());
        let done = &slf.get().done;
        let mut batch = Some(waiting);
        while let Some(waiting) = batch {
            let mut waiting = waiting.into_iter();
            while let Some(Waiting { wake, context }) = waiting.next() {
                let woken = inside(py, &context, || wake.bind(py).call1((done,)).map(drop));
                if let Err(error) = woken.and_then(|woken| woken) {
                    // it is for the whole program, and ends the turn: the others are in the next one
                    let joining = slf.get().joining.with(py, Option::take);
                    Self::wait(slf, waiting.chain(joining.into_iter().flatten()))?;
                    return Err(error);
                }
            }
            batch = slf.get().joined(py);
        }
        Ok(())
    }

    // what a task asks of a future

    #[getter(_asyncio_future_blocking)]
    const fn is_blocking(&self) -> bool {
        true
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, is_blocking: bool) {
        // whoever waits has seen it: it is true for the next one, too
        let _ = is_blocking;
    }

    fn get_loop(&self, py: Python<'_>) -> Obj {
        self.event_loop(py)
    }

    #[pyo3(signature = (wake, /, *, context))]
    fn add_done_callback(slf: &Bound<'_, Self>, wake: Obj, context: Obj) -> PyResult<()> {
        Self::wait(slf, [Waiting { wake, context }])
    }

    /// One of those who wait is cancelled: it is told when it is woken.
    #[pyo3(signature = (msg=None))]
    fn cancel(&self, msg: Option<Obj>) -> bool {
        drop(msg);
        false
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.event_loop)?;
        visit.call(&self.done)?;
        let visited = self
            .waiting
            .peek(|waiting| waiting.iter().try_for_each(|waiting| waiting.traverse(&visit)));
        visited.unwrap_or(Ok(()))?;
        let visited = self.joining.peek(|joining| {
            joining.iter().flatten().try_for_each(|waiting| waiting.traverse(&visit))
        });
        visited.unwrap_or(Ok(()))
    }

    fn __clear__(&self, py: Python<'_>) {
        let cleared = self.waiting.with(py, std::mem::take);
        drop((cleared, self.joining.with(py, Option::take)));
    }
}
