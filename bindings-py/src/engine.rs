//! The engine: the state of one stream or processor, tied to its event loop.

use std::sync::OnceLock;
use std::time::Duration;

use inorder::{Dispatcher, Handle, SourceOptions, Time};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::{PyTraverseError, PyVisit};

use crate::call::{Act, Call};
use crate::callback::{Callback, Chore, Wake};
use crate::clock;
use crate::crew::{Crew, Role};
use crate::imports;
use crate::options::Settings;
use crate::raw::{Guarded, Obj, in_destructor, inside, new_context};
use crate::results::{Takers, Taking};
use crate::source::{Feed, Kind};
use crate::state::{Effects, Reported, State, Watch};
use crate::waiter::Waiter;
use crate::worker::Worker;

mod home;

use home::Home;

/// What streams and processors are made of.
#[pyclass(frozen, weakref, module = "inorder._inorder")]
pub(crate) struct Engine {
    pub(crate) state: Guarded<State>,
    home: OnceLock<Home>,
    /// How many tasks are being made right now.
    spawning: Guarded<u32>,
    timer: Guarded<Option<Obj>>,
}

impl Engine {
    /// An engine, not tied to a loop yet.
    pub(crate) fn new(
        py: Python<'_>,
        settings: Settings,
        source: Option<Kind>,
    ) -> PyResult<Py<Self>> {
        let Settings { options, keyed, start, hooks, is_isolated } = settings;
        let mut core = Dispatcher::new(&options)
            .map_err(|error| imports::error(imports::options_error(py), &error.to_string()))?;
        let mut of_source = SourceOptions::new().keyed(keyed);
        if let Some(start) = start {
            // what was given up is handed out to nobody here
            of_source = of_source.sequenced(start).losses_come_out(false);
        }
        let Some(opened) = core.open_source(of_source) else {
            return Err(PyRuntimeError::new_err("a new dispatcher takes a source"));
        };
        // the core has 20 bits for it
        let concurrency = core.stats(Time::default()).concurrency as u32;
        let is_stream = source.is_some();
        let crew = |limit| Crew { limit, ..Crew::default() };
        let feeders = u32::from(matches!(source, Some(Kind::Async(_))));
        let deliverers = u32::from(hooks.on_result.is_some());
        let taking = match (is_stream, &hooks.on_result) {
            (true, _) => Taking::Demand,
            (false, Some(_)) => Taking::OnResult,
            (false, None) => Taking::Tickets,
        };
        let state = State {
            core,
            source: opened,
            now: Time::default(),
            is_fresh: false,
            is_known_here: false,
            looks: 0,
            is_known_alive: false,
            is_left_alone: false,
            hooks,
            slots: Vec::new(),
            runs: Default::default(),
            lanes: Default::default(),
            offers: Default::default(),
            crews: [crew(concurrency), crew(feeders), crew(deliverers)],
            suspends: false,
            taking,
            takers: Takers::new(is_stream),
            feed: Feed::new(source),
            effects: Effects::default(),
            failure: None,
            is_drained: false,
            is_sequenced: start.is_some(),
            is_isolated,
            end: start.unwrap_or(0),
            armed: None,
            watches: Vec::new(),
            reported: Reported::default(),
            report: None,
        };
        let (state, spawning, timer) = (Guarded::new(state), Guarded::new(0), Guarded::new(None));
        Py::new(py, Self { state, home: OnceLock::new(), spawning, timer })
    }

    /// Does something with the state, then what follows from it.
    #[inline]
    pub(crate) fn act<R>(slf: &Bound<'_, Self>, act: impl FnOnce(&mut State) -> R) -> R {
        let result = slf.get().state.with(slf.py(), act);
        Self::flush(slf);
        result
    }

    /// Does what the state left to be done.
    #[inline]
    pub(crate) fn flush(slf: &Bound<'_, Self>) {
        let py = slf.py();
        while let Some(effects) = slf.get().state.with(py, State::take_effects) {
            Self::perform(slf, effects);
        }
    }

    fn perform(slf: &Bound<'_, Self>, effects: Effects) {
        let (py, this) = (slf.py(), slf.get());
        let Effects { signals, unpark, spawn, futures, rearm, close, garbage } = effects;
        for worker in signals {
            worker.get().cancel_task(py);
        }
        for parked in unpark {
            if parked.future.get().resolve_soon(py) {
                parked.worker.get().unpark(py, slf);
            } else {
                // its task was cancelled while it waited
                this.state.with(py, |state| {
                    let crew = &mut state.crews[parked.worker.get().role() as usize];
                    crew.waking -= 1;
                    state.worker_ended(parked.worker.get().role());
                });
            }
        }
        for role in spawn {
            if let Err(error) = Self::spawn(slf, role) {
                this.state.with(py, |state| {
                    state.crews[role as usize].waking -= 1;
                    state.crews[role as usize].live -= 1;
                });
                error.write_unraisable(py, Some(slf.as_any()));
            }
        }
        for future in futures {
            future.get().resolve(py);
        }
        if let Some(source) = close {
            close_plain(source.bind(py));
        }
        if rearm {
            Self::rearm(slf).unwrap_or_else(|error| error.write_unraisable(py, Some(slf.as_any())));
        }
        drop(garbage);
    }

    /// Makes a task with a worker.
    fn spawn(slf: &Bound<'_, Self>, role: Role) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let worker = Py::new(py, Worker::new(slf.clone().unbind(), role))?;
        let home = this.home(py)?;
        let named = PyDict::new(py);
        named.set_item("name", "inorder")?;
        this.spawning.with(py, |spawning| *spawning += 1);
        // nothing of whoever happens to be running is kept alive by the worker's own context
        let made = inside(py, &new_context(py)?, || {
            home.create_task.bind(py).call((worker,), Some(&named))
        });
        this.spawning.with(py, |spawning| *spawning -= 1);
        made??;
        Ok(())
    }

    /// Whether a task is being made: a worker that takes its first step within that may not call handlers.
    pub(crate) fn is_spawning(&self, py: Python<'_>) -> bool {
        self.spawning.with(py, |spawning| *spawning > 0)
    }

    fn rearm(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let due = this.state.with(py, |state| state.armed);
        if let Some(timer) = this.timer.with(py, Option::take) {
            timer.bind(py).call_method0("cancel")?;
        }
        let Some(due) = due else { return Ok(()) };
        let callback =
            Py::new(py, Callback { engine: slf.clone().unbind(), chore: Chore::Timer(due) })?;
        let event_loop = this.home(py)?.event_loop.bind(py);
        let timer = event_loop.call_method1("call_at", (clock::seconds(due), callback))?;
        this.timer.with(py, |slot| *slot = Some(timer.unbind()));
        Ok(())
    }

    /// Cancels an item.
    pub(crate) fn cancel(slf: &Bound<'_, Self>, handle: Handle) -> PyResult<bool> {
        Self::enter(slf)?;
        Ok(Self::act(slf, |state| state.cancel(slf.py(), handle)))
    }

    /// Stops: by itself, or at once.
    pub(crate) fn close(slf: &Bound<'_, Self>, timeout: Option<Duration>) -> PyResult<()> {
        let py = slf.py();
        slf.get().read_clock(py)?;
        Self::act(slf, |state| {
            state.core.close(state.now, timeout);
            state.drain(py);
        });
        Ok(())
    }

    /// Leaves a stream: nothing more comes out, what runs is signalled, the source is closed.
    pub(crate) fn leave(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        Self::enter(slf)?;
        let context = crate::raw::copy_current_context(py)?;
        Self::act(slf, |state| {
            if state.takers.has_left {
                return Some(context);
            }
            state.takers.has_left = true;
            let unused = if state.feed.context.is_none() {
                state.feed.context.replace(context)
            } else {
                Some(context)
            };
            state.close_source(py);
            state.core.close(state.now, Some(Duration::ZERO));
            state.drain(py);
            unused
        });
        Ok(())
    }

    /// The error with which everything ended.
    pub(crate) fn failure(&self, py: Python<'_>) -> Option<PyErr> {
        let error =
            self.state.with(py, |state| state.failure.as_ref().map(|error| error.clone_ref(py)));
        error.map(|error| PyErr::from_value(error.into_bound(py)))
    }

    /// Notes that somebody waits for something, unless it has come.
    pub(crate) fn watch(slf: &Bound<'_, Self>, watch: Watch) -> PyResult<Option<Py<Waiter>>> {
        let (py, this) = (slf.py(), slf.get());
        if this.state.with(py, |state| state.has_come(watch)) {
            return Ok(None);
        }
        let future = this.waiter(py)?;
        let kept = future.clone_ref(py);
        this.state.with(py, |state| {
            state.watches.push((watch, kept));
            state.is_left_alone = false;
            state.look_after();
        });
        Self::flush(slf);
        Ok(Some(future))
    }
}

#[pymethods]
impl Engine {
    /// Stops at once: what asyncio calls when it shuts the loop down.
    fn aclose(slf: Py<Self>, py: Python<'_>) -> PyResult<Py<Call>> {
        Call::new(py, "aclose", slf, Act::Shutdown { has_begun: false })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.state.peek(|state| state.traverse(&visit)).unwrap_or(Ok(()))?;
        if let Some(home) = self.home.get() {
            let Home { event_loop, create_task, is_running, clock, turn, .. } = home;
            visit.call(is_running)?;
            visit.call(turn)?;
            [event_loop, create_task, clock.object()]
                .into_iter()
                .try_for_each(|it| visit.call(it))?;
        }
        self.timer.peek(|timer| visit.call(timer)).unwrap_or(Ok(()))
    }

    fn __clear__(&self, py: Python<'_>) {
        let cleared = self.state.with(py, |state| {
            let entries = std::mem::take(&mut state.slots);
            let hooks = std::mem::take(&mut state.hooks);
            let feed = std::mem::take(&mut state.feed);
            let offers = std::mem::take(&mut state.offers);
            let known = (state.lanes.clear(), state.takers.clear());
            let watches = std::mem::take(&mut state.watches);
            let reports = (std::mem::take(&mut state.reported), state.report.take());
            (entries, hooks, feed, offers, known, watches, reports, state.failure.take())
        });
        drop(cleared);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let parked: Vec<_> =
            self.state.get_mut().crews.iter_mut().flat_map(|crew| crew.parked.drain(..)).collect();
        if parked.is_empty() {
            return;
        }
        in_destructor(|py| {
            let Some(home) = self.home.get() else { return };
            for parked in parked {
                let wake = Py::new(py, Wake { future: parked.future });
                // a closed loop has cancelled its tasks
                let _: PyResult<_> = wake.and_then(|wake| {
                    home.event_loop
                        .bind(py)
                        .call_method1("call_soon_threadsafe", (wake,))
                        .map(Bound::unbind)
                });
            }
        });
    }
}

/// Closes a generator. Other iterables are the caller's: a file, say, stays open.
fn close_plain(source: &Bound<'_, PyAny>) {
    let py = source.py();
    let is_generator =
        source.hasattr("send").unwrap_or(false) && source.hasattr("throw").unwrap_or(false);
    if is_generator {
        source
            .call_method0("close")
            .map_or_else(|error| error.write_unraisable(py, Some(source)), drop);
    }
}
