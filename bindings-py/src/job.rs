//! Jobs: one call of something the user wrote, and its steps.

use inorder::Handle;
use pyo3::exceptions::{PyStopIteration, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyIterator;
use pyo3::{PyTraverseError, PyVisit};

use crate::engine::Engine;
use crate::raw::{self, Called, Obj, Sent, awaitable, copy_context, inside, send, to_be_raised};
use crate::results::Delivery;
use crate::state::Start;
use crate::thread::InThread;

/// What a worker is in the middle of.
pub(crate) struct Job {
    pub(crate) work: Work,
    /// What is stepped; `None`: it was over when the call returned.
    pub(crate) awaitable: Option<Obj>,
    /// The context of the steps.
    pub(crate) context: Obj,
    /// Where a plain function runs: nothing of the context may be used here until it has ended.
    pub(crate) thread: Option<Py<InThread>>,
}

/// What it is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// A handler.
    Attempt { handle: Handle, attempt: u32 },
    /// `on_result`.
    Delivery { handle: Handle },
    /// The next item of an asynchronous source.
    Next,
    /// The `aclose` of that source.
    Close,
}

impl Job {
    const fn new(work: Work, context: Obj) -> Self {
        Self { work, awaitable: None, context, thread: None }
    }

    /// A function in a thread goes on when the task that waits for it is cancelled: waits again, until it has ended.
    /// Also steps what such a function returned, if that can be awaited. What goes wrong in that becomes the result.
    pub(crate) fn outlives_cancellation(
        &mut self,
        py: Python<'_>,
        engine: &Bound<'_, Engine>,
        result: &mut PyResult<Bound<'_, PyAny>>,
    ) -> bool {
        let Some(thread) = self.thread.take() else { return false };
        let steps = match result {
            Err(_) => {
                let waiting = InThread::wait_for_end(thread.bind(py), engine);
                self.thread = Some(thread);
                waiting
            }
            Ok(value) => inside(py, &self.context, || awaitable(value.clone()))
                .and_then(|called| called)
                .map(|called| match called {
                    Called::Awaitable(steps) => Some(steps.unbind()),
                    Called::Value(_) => None,
                }),
        };
        match steps {
            Ok(Some(steps)) => {
                self.awaitable = Some(steps);
                true
            }
            Ok(None) => false,
            Err(error) => {
                *result = Err(error);
                false
            }
        }
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.awaitable)?;
        visit.call(&self.context)?;
        visit.call(&self.thread)
    }

    /// Takes the first step of what a call returned.
    #[inline]
    fn first_step<'py>(&mut self, called: PyResult<Bound<'py, PyAny>>) -> Sent<'py> {
        match called.and_then(awaitable) {
            Ok(Called::Value(value)) => Sent::Return(value),
            Ok(Called::Awaitable(steps)) => {
                let sent = send(&steps);
                self.awaitable = Some(steps.unbind());
                sent
            }
            Err(error) => Sent::Raise(error),
        }
    }
}

/// Takes the next step, or throws an exception in.
#[inline]
pub(crate) fn advance<'py>(py: Python<'py>, job: &Job, thrown: Option<PyErr>) -> Sent<'py> {
    let Some(steps) = &job.awaitable else {
        // it could not have suspended
        return Sent::Raise(PyTypeError::new_err("nothing to step"));
    };
    let steps = steps.bind(py);
    let act = || match thrown {
        None => send(steps),
        Some(error) => throw(steps, error),
    };
    if job.thread.is_some() {
        act()
    } else {
        inside(py, &job.context, act).unwrap_or_else(Sent::Raise)
    }
}

/// Calls a handler.
#[inline]
pub(crate) fn attempt<'py>(engine: &Bound<'py, Engine>, start: Start) -> (Job, Sent<'py>) {
    let py = engine.py();
    let Start { attempt, payload, context, handler, executor } = start;
    let work = Work::Attempt { handle: attempt.handle, attempt: attempt.attempt };
    let mut job = Job::new(work, context);
    if let Some(executor) = executor {
        let context = &job.context;
        return match InThread::start(engine, &attempt, handler, payload, context, &executor) {
            Ok((thread, future)) => {
                let sent = job.first_step(Ok(future));
                job.thread = Some(thread);
                (job, sent)
            }
            Err(error) => (job, Sent::Raise(error)),
        };
    }
    let handler = handler.bind(py);
    // a clone of the reference, since the step needs the job itself
    let context = job.context.clone_ref(py);
    let sent = inside(py, &context, || job.first_step(handler.call1((payload,))));
    (job, sent.unwrap_or_else(Sent::Raise))
}

/// Calls `on_result`.
pub(crate) fn delivery(py: Python<'_>, delivery: Delivery) -> (Job, Sent<'_>) {
    let Delivery { handle, on_result, context, result } = delivery;
    let context = match context.map_or_else(|| raw::copy_current_context(py), Ok) {
        Ok(context) => context,
        Err(error) => return (Job::new(Work::Delivery { handle }, py.None()), Sent::Raise(error)),
    };
    let mut job = Job::new(Work::Delivery { handle }, context);
    let result = result.or_else(|failure| failure.make(py));
    let context = job.context.clone_ref(py);
    let sent = inside(py, &context, || {
        job.first_step(result.and_then(|result| on_result.bind(py).call1((result,))))
    });
    (job, sent.unwrap_or_else(Sent::Raise))
}

/// Asks an asynchronous source for its next item.
pub(crate) fn next_item<'py>(py: Python<'py>, source: &Obj, context: Obj) -> (Job, Sent<'py>) {
    let (job, sent) = call_source(py, source, context, Work::Next, "__anext__");
    // an awaitable that is over at once has steps, too
    if let (None, Sent::Return(value)) = (&job.awaitable, &sent) {
        let name = value.get_type().qualname();
        let name = name.map_or_else(|_| String::new(), |name| format!(": {name}"));
        let text = format!("__anext__ of the source gave what cannot be awaited{name}");
        return (job, Sent::Raise(PyTypeError::new_err(text)));
    }
    (job, sent)
}

/// Closes an asynchronous source, if it can be closed.
pub(crate) fn close_source<'py>(py: Python<'py>, source: &Obj, context: Obj) -> (Job, Sent<'py>) {
    if source.bind(py).hasattr("aclose").unwrap_or(false) {
        return call_source(py, source, context, Work::Close, "aclose");
    }
    (Job::new(Work::Close, context), Sent::Return(py.None().into_bound(py)))
}

fn call_source<'py>(
    py: Python<'py>,
    source: &Obj,
    context: Obj,
    work: Work,
    name: &str,
) -> (Job, Sent<'py>) {
    let mut job = Job::new(work, context);
    let context = job.context.clone_ref(py);
    let sent = inside(py, &context, || job.first_step(source.bind(py).call_method0(name)));
    (job, sent.unwrap_or_else(Sent::Raise))
}

/// Reads a source that is not asynchronous for as long as items are wanted. What goes wrong ends the source, as what it
/// raises does.
pub(crate) fn read_source(engine: &Bound<'_, Engine>) {
    let (py, this) = (engine.py(), engine.get());
    let ticked = this.tick(py);
    let Some((source, context, key)) = this.state.with(py, |state| state.begin_reading(py)) else {
        return;
    };
    // true: there is more
    let read = || -> PyResult<bool> {
        ticked?;
        for item in source.bind(py).clone().cast_into::<PyIterator>()? {
            let offer = this.offer(item?, key.as_ref(), copy_context(py, &context)?);
            if !this.state.with(py, |state| state.feed_item(py, offer)) {
                return Ok(true);
            }
        }
        Ok(false)
    };
    let ended = match inside(py, &context, read).and_then(|read| read) {
        Ok(true) => None,
        Ok(false) => Some(None),
        Err(error) => Some(Some(to_be_raised(py, error))),
    };
    this.state.with(py, |state| state.end_reading(py, ended));
    Engine::flush(engine);
}

/// Adds the position of the item to its exception, once.
pub(crate) fn note_seq(engine: &Bound<'_, Engine>, handle: Handle, error: &Bound<'_, PyAny>) {
    let py = engine.py();
    let seq = engine.get().state.with(py, |state| {
        state.entry(handle).filter(|entry| !entry.is_signalled).map(|entry| entry.seq)
    });
    let Some(seq) = seq else { return };
    let is_noted = || -> PyResult<bool> {
        for note in error.getattr("__notes__")?.try_iter()? {
            if note?.extract::<String>()?.starts_with("inorder: ") {
                return Ok(true);
            }
        }
        Ok(false)
    };
    if !is_noted().unwrap_or(false) {
        // a frozen exception takes none
        let _: PyResult<_> = error.call_method1("add_note", (format!("inorder: seq={seq}"),));
    }
}

fn throw<'py>(steps: &Bound<'py, PyAny>, error: PyErr) -> Sent<'py> {
    let py = steps.py();
    let Ok(method) = steps.getattr(pyo3::intern!(py, "throw")) else { return Sent::Raise(error) };
    match method.call1((error.into_value(py),)) {
        Ok(waits_for) => Sent::Yield(waits_for),
        Err(error) if error.is_instance_of::<PyStopIteration>(py) => {
            match error.value(py).getattr("value") {
                Ok(value) => Sent::Return(value),
                Err(error) => Sent::Raise(error),
            }
        }
        Err(error) => Sent::Raise(error),
    }
}
