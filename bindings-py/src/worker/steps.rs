//! The steps of a worker: what it begins, how that ends, and how it waits for more.

use pyo3::exceptions::{PyKeyboardInterrupt, PyStopAsyncIteration, PySystemExit, PyValueError};
use pyo3::prelude::*;

use super::Worker;
use crate::crew::{Parked, Role};
use crate::engine::Engine;
use crate::job::{self, Job, Work};
use crate::raw::{self, Obj, Sent, to_be_raised};
use crate::source::Feeding;
use crate::state::{Ended, State};
use crate::waiter::Waiter;

/// After so many handlers in a row that did not wait for anything the loop gets its turn: timers and IO are due.
const STREAK: u32 = 256;

impl Worker {
    /// One step of its task.
    pub(super) fn step(slf: &Bound<'_, Self>, thrown: Option<PyErr>) -> PyResult<Option<Obj>> {
        let (py, this) = (slf.py(), slf.get());
        let entered = this.inner.with(py, |inner| {
            if inner.is_running {
                return Err(());
            }
            let Some(engine) = &inner.engine else { return Ok(None) };
            let engine = engine.clone_ref(py);
            inner.is_running = true;
            let is_first = !std::mem::replace(&mut inner.has_begun, true);
            let was_woken = std::mem::replace(&mut inner.is_woken, false);
            Ok(Some((engine, is_first, was_woken, inner.job.take())))
        });
        let entered = entered.map_err(|()| PyValueError::new_err("coroutine already executing"))?;
        let Some((engine, is_first, was_woken, job)) = entered else {
            return thrown.map_or(Ok(None), Err);
        };
        let engine = engine.bind(py);
        let mut thrown = thrown;
        if is_first && thrown.is_none() {
            thrown = this.meet_task(py).err();
            if thrown.is_none() && engine.get().is_spawning(py) {
                // an eager task: whoever made it is in the middle of something
                this.inner.with(py, |inner| {
                    inner.is_running = false;
                    inner.is_woken = was_woken;
                });
                return Ok(Some(py.None()));
            }
        }
        engine.get().state.with(py, |state| {
            let crew = &mut state.crews[this.role as usize];
            crew.active += 1;
            crew.waking -= u32::from(was_woken);
            state.is_fresh = false;
            state.looks = 0;
        });
        if this.note_cancellation(py, thrown.as_ref()) {
            Engine::look_for_end(engine);
        }
        let result = Self::work(slf, engine, job, thrown);
        this.inner.with(py, |inner| inner.is_running = false);
        Engine::flush(engine);
        result
    }

    fn work(
        slf: &Bound<'_, Self>,
        engine: &Bound<'_, Engine>,
        mut job: Option<Job>,
        mut thrown: Option<PyErr>,
    ) -> PyResult<Option<Obj>> {
        let (py, this) = (slf.py(), slf.get());
        let mut streak = 0;
        loop {
            let was_thrown = thrown.is_some();
            let stepped = match job.take() {
                Some(job) => {
                    let sent = job::advance(py, &job, thrown.take());
                    Some((job, sent))
                }
                None => match thrown.take() {
                    Some(error) => {
                        this.end(py, engine);
                        return Err(error);
                    }
                    None => Self::begin(slf, engine),
                },
            };
            let Some((mut done, sent)) = stepped else {
                if streak > 0 && engine.get().state.with(py, |state| state.lingers(this.role)) {
                    this.inner.with(py, |inner| inner.is_woken = true);
                    return Ok(Some(py.None()));
                }
                match Self::park(slf, engine) {
                    Ok(Rest::Parked(future)) => return Ok(Some(future.into_any())),
                    Ok(Rest::Again) => continue,
                    Ok(Rest::Over) => {
                        this.end(py, engine);
                        return Ok(None);
                    }
                    // it cannot wait
                    Err(error) => {
                        this.end(py, engine);
                        return Err(error);
                    }
                }
            };
            let mut result = match sent {
                Sent::Yield(waits_for) => {
                    this.suspend(py, engine, done, was_thrown);
                    let gives_way = waits_for.is_none();
                    let turn = if gives_way { engine.get().shared_turn(py) } else { None };
                    return Ok(Some(turn.unwrap_or_else(|| waits_for.unbind())));
                }
                Sent::Return(value) => Ok(value),
                Sent::Raise(error) => Err(error),
            };
            if done.outlives_cancellation(py, engine, &mut result) {
                job = Some(done);
                continue;
            }
            if let Some(interrupt) = this.finish(py, engine, done, result) {
                this.raises_aloud(py)
                    .unwrap_or_else(|error| error.write_unraisable(py, Some(slf.as_any())));
                this.end(py, engine);
                return Err(interrupt);
            }
            if this.is_to_retire(py, engine) {
                this.end(py, engine);
                return Ok(None);
            }
            streak += 1;
            if streak > 1 {
                engine.get().state.with(py, |state| state.suspends = false);
            }
            if streak == STREAK {
                engine.get().state.with(py, |state| {
                    let crew = &mut state.crews[this.role as usize];
                    crew.active -= 1;
                    crew.waking += 1;
                });
                this.inner.with(py, |inner| inner.is_woken = true);
                return Ok(Some(py.None()));
            }
        }
    }

    /// Begins what is to be done next; `None`: nothing.
    fn begin<'py>(slf: &Bound<'py, Self>, engine: &Bound<'py, Engine>) -> Option<(Job, Sent<'py>)> {
        let (py, this) = (slf.py(), slf.get());
        let state = &engine.get().state;
        match this.role {
            Role::Handle => loop {
                if let Some(start) = state.with(py, |state| state.next_run(py, slf.as_unbound())) {
                    let doing = Some(start.attempt.clone_ref(py));
                    let before =
                        this.inner.with(py, |inner| std::mem::replace(&mut inner.doing, doing));
                    drop(before);
                    return Some(job::attempt(engine, start));
                }
                if !state.with(py, |state| state.can_read()) {
                    return None;
                }
                job::read_source(engine);
            },
            Role::Feed => match state.with(py, |state| state.next_feeding(py, slf.as_unbound())) {
                Feeding::Next(source, context) => Some(job::next_item(py, &source, context)),
                Feeding::Close(source, context) => Some(job::close_source(py, &source, context)),
                Feeding::Nothing => None,
            },
            Role::Deliver => {
                let delivery = state.with(py, |state| state.next_delivery(py, slf.as_unbound()));
                delivery.map(|delivery| job::delivery(py, delivery))
            }
        }
    }

    /// Notes the end of what it did. Gives the exception back that is meant for the whole program.
    fn finish(
        &self,
        py: Python<'_>,
        engine: &Bound<'_, Engine>,
        job: Job,
        result: PyResult<Bound<'_, PyAny>>,
    ) -> Option<PyErr> {
        let this = engine.get();
        let done = self.inner.with(py, |inner| inner.doing.take());
        drop(done);
        // a clock that fails stands still
        this.tick(py).unwrap_or_else(|error| error.write_unraisable(py, Some(engine.as_any())));
        let is_for_all = |error: &PyErr| {
            let is_interrupt = error.is_instance_of::<PyKeyboardInterrupt>(py)
                || error.is_instance_of::<PySystemExit>(py);
            is_interrupt && matches!(job.work, Work::Attempt { .. } | Work::Delivery { .. })
        };
        let interrupt = result.as_ref().err().filter(|error| is_for_all(error));
        let interrupt = interrupt.map(|error| error.clone_ref(py));
        match job.work {
            Work::Attempt { handle, attempt } => {
                let (value, has_failed) = match result {
                    Ok(value) => (value.unbind(), false),
                    Err(error) => {
                        let value = to_be_raised(py, error);
                        job::note_seq(engine, handle, value.bind(py));
                        (value, true)
                    }
                };
                let ended = Ended { value, has_failed, context: job.context };
                let unused = this.state.with(py, |state| state.settle(py, handle, attempt, ended));
                drop(unused);
            }
            Work::Delivery { handle } => {
                let error = result.err().map(|error| to_be_raised(py, error));
                this.state.with(py, |state| state.delivered(py, handle, error));
            }
            Work::Next => {
                let offered = result.and_then(|item| {
                    let key = this
                        .state
                        .with(py, |state| state.hooks.key.as_ref().map(|key| key.clone_ref(py)));
                    let context = raw::copy_context(py, &job.context)?;
                    raw::inside(py, &job.context, || this.offer(item, key.as_ref(), context))
                });
                match offered {
                    Ok(offer) => this.state.with(py, |state| state.feed_one(py, offer)),
                    Err(error) => {
                        let is_end = error.is_instance_of::<PyStopAsyncIteration>(py);
                        let error = (!is_end).then(|| to_be_raised(py, error));
                        this.state.with(py, |state| state.source_ended(py, error));
                    }
                }
            }
            Work::Close => {
                if let Err(error) = result {
                    let value = to_be_raised(py, error);
                    this.report_failure(py, "the source of a stream failed to close", &value);
                }
                this.state.with(py, State::source_closed);
            }
        }
        drop(job.awaitable);
        Engine::flush(engine);
        interrupt
    }

    fn suspend(&self, py: Python<'_>, engine: &Bound<'_, Engine>, job: Job, was_thrown: bool) {
        let is_feed = matches!(job.work, Work::Next);
        self.inner.with(py, |inner| inner.job = Some(job));
        let state = &engine.get().state;
        if self.role == Role::Handle {
            if state.with(py, |state| state.is_to_read()) {
                job::read_source(engine);
            }
        } else if is_feed && was_thrown {
            state.with(py, State::feeder_is_stuck);
        }
        state.with(py, |state| {
            if self.role == Role::Handle {
                state.suspends = true;
                state.call_others();
            }
            state.crews[self.role as usize].active -= 1;
        });
    }

    fn park(slf: &Bound<'_, Self>, engine: &Bound<'_, Engine>) -> PyResult<Rest> {
        let (py, this) = (slf.py(), slf.get());
        let state = &engine.get().state;
        let (has_work, is_over) =
            state.with(py, |state| (state.has_work(this.role), state.is_over_for(this.role)));
        if has_work {
            return Ok(Rest::Again);
        }
        if is_over {
            return Ok(Rest::Over);
        }
        let future = engine.get().waiter(py)?;
        let parked = Parked { worker: slf.clone().unbind(), future: future.clone_ref(py) };
        let refused = state.with(py, |state| {
            let parked = state.park(this.role, parked);
            if parked.is_ok() {
                state.crews[this.role as usize].active -= 1;
            }
            parked.err()
        });
        if refused.is_some() {
            return Ok(Rest::Again);
        }
        let forgotten = this.inner.with(py, |inner| (inner.doing.take(), inner.engine.take()));
        drop(forgotten);
        Ok(Rest::Parked(future))
    }

    /// Ends: somebody else takes over what is left.
    fn end(&self, py: Python<'_>, engine: &Bound<'_, Engine>) {
        engine.get().state.with(py, |state| {
            state.crews[self.role as usize].active -= 1;
            state.worker_ended(self.role);
        });
        let forgotten = self.inner.with(py, |inner| {
            let of_task = (inner.task.take(), inner.cancelling.take());
            (inner.engine.take(), inner.doing.take(), of_task)
        });
        drop(forgotten);
    }
}

/// What a worker without work does.
enum Rest {
    Parked(Py<Waiter>),
    Again,
    Over,
}
