//! The engine: the state of one stream or processor, tied to its event loop.

use std::ffi::c_ulong;
use std::sync::OnceLock;
use std::time::Duration;

use inorder::{Dispatcher, Handle, Lane, SourceOptions, Time};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::{PyTraverseError, PyVisit};

use crate::call::{Act, Call};
use crate::callback::{Callback, Chore, Wake};
use crate::clock::{self, Clock};
use crate::crew::{Crew, Role};
use crate::imports;
use crate::lanes::{Claim, mix};
use crate::offers::Offer;
use crate::options::Settings;
use crate::raw::{Guarded, Obj, in_destructor, inside, new_context, thread, to_be_raised};
use crate::results::{Takers, Taking};
use crate::source::{Feed, Kind};
use crate::state::{Effects, Reported, State, Watch};
use crate::turn::Turn;
use crate::waiter::Waiter;
use crate::worker::Worker;

/// After so many looks at the running loop in one turn the answer is remembered.
const OFTEN: u32 = 3;

/// So many handlers at work are worth a turn of their own.
const MANY: usize = 4;

/// What streams and processors are made of.
#[pyclass(frozen, weakref, module = "inorder._inorder")]
pub(crate) struct Engine {
    pub(crate) state: Guarded<State>,
    home: OnceLock<Home>,
    /// How many tasks are being made right now.
    spawning: Guarded<u32>,
    timer: Guarded<Option<Obj>>,
}

/// The event loop that it belongs to.
struct Home {
    event_loop: Obj,
    create_task: Obj,
    is_running: Obj,
    clock: Clock,
    turn: Py<Turn>,
    thread: c_ulong,
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
            of_source = of_source.sequenced(start);
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

    /// Begins a command from outside: looks that the running loop is the one it belongs to, which is the first that it
    /// met, and reads the clock.
    ///
    /// The clock is not read twice in a turn of the loop: a worker that was woken and has not come yet means that this
    /// is still the same one.
    pub(crate) fn enter(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        if Self::is_at_home(slf) {
            let is_fresh = this.state.with(py, |state| state.is_fresh && state.expects_worker());
            return if is_fresh { Ok(()) } else { this.read_clock(py) };
        }
        let Ok(running) = imports::get_running_loop(py)?.call0() else {
            return Err(wrong_loop(py, "no event loop is running in this thread"));
        };
        let home = match this.home.get() {
            Some(home) => home,
            None => Self::settle_in(slf, &running)?,
        };
        if !home.event_loop.is(&running) {
            let text = "it belongs to another event loop, in which it was first used";
            return Err(wrong_loop(py, text));
        }
        this.read_clock(py)
    }

    /// As [`Self::enter`], without the clock.
    #[inline]
    pub(crate) fn stay(slf: &Bound<'_, Self>) -> PyResult<()> {
        if Self::is_at_home(slf) { Ok(()) } else { Self::enter(slf) }
    }

    /// Whether its loop runs in this thread, and so is the running one: to ask for that is a system call on CPython
    /// 3.11.
    ///
    /// Asked many times in a row, as by a consumer that finds many results, it remembers the answer until the next turn
    /// of the loop: another loop cannot run in this thread before that.
    #[inline]
    fn is_at_home(slf: &Bound<'_, Self>) -> bool {
        let (py, this) = (slf.py(), slf.get());
        let Some(home) = this.home.get().filter(|home| home.thread == thread(py)) else {
            return false;
        };
        this.state.with(py, |state| state.is_known_here) || Self::looks_around(slf, home)
    }

    fn looks_around(slf: &Bound<'_, Self>, home: &Home) -> bool {
        let (py, this) = (slf.py(), slf.get());
        if !home.is_running.bind(py).call0().is_ok_and(|it| it.is_truthy().unwrap_or(false)) {
            return false;
        }
        let is_often = this.state.with(py, |state| {
            state.looks += 1;
            state.looks > OFTEN
        });
        if is_often && Self::call_in_loop(slf, Chore::LookAgain).is_ok() {
            this.state.with(py, |state| state.is_known_here = true);
        }
        true
    }

    fn settle_in<'a>(
        slf: &'a Bound<'_, Self>,
        event_loop: &Bound<'_, PyAny>,
    ) -> PyResult<&'a Home> {
        let py = slf.py();
        let home = Home {
            event_loop: event_loop.clone().unbind(),
            create_task: event_loop.getattr("create_task")?.unbind(),
            is_running: event_loop.getattr("is_running")?.unbind(),
            clock: Clock::new(event_loop)?,
            turn: Py::new(py, Turn::new(event_loop.clone().unbind()))?,
            thread: thread(py),
        };
        // made before, since this may let another thread run
        let home = slf.get().home.get_or_init(|| home);
        // asyncio then closes it at its end, as it does with asynchronous generators
        let first = imports::asyncgen_hooks(py)?.call0()?.getattr("firstiter")?;
        if !first.is_none() {
            first.call1((slf,))?;
        }
        Ok(home)
    }

    fn home(&self, py: Python<'_>) -> PyResult<&Home> {
        self.home.get().ok_or_else(|| wrong_loop(py, "no event loop is running in this thread"))
    }

    /// What a handler waits for that gives way to others, where many may do so in one turn of the loop.
    pub(crate) fn shared_turn(&self, py: Python<'_>) -> Option<Obj> {
        let turn = &self.home.get()?.turn;
        let is_worth_it = turn.get().is_awaited(py)
            || self.state.with(py, |state| state.crews[Role::Handle as usize].at_work() >= MANY);
        is_worth_it.then(|| turn.clone_ref(py).into_any())
    }

    /// Whether it was used in a loop.
    pub(crate) fn has_home(&self) -> bool {
        self.home.get().is_some()
    }

    /// The loop that it belongs to.
    pub(crate) fn event_loop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.home(py)?.event_loop.bind(py).clone())
    }

    /// Reads the clock, unless it was read in this turn of the loop.
    #[inline]
    pub(crate) fn tick(&self, py: Python<'_>) -> PyResult<()> {
        if self.state.with(py, |state| state.is_fresh) {
            return Ok(());
        }
        self.read_clock(py)
    }

    pub(crate) fn read_clock(&self, py: Python<'_>) -> PyResult<()> {
        let now = self.home(py)?.clock.now(py)?;
        self.state.with(py, |state| {
            state.now = state.now.max(now);
            state.is_fresh = true;
        });
        Ok(())
    }

    /// What a task of the loop can wait for.
    pub(crate) fn waiter(&self, py: Python<'_>) -> PyResult<Py<Waiter>> {
        Py::new(py, Waiter::new(self.home(py)?.turn.clone_ref(py)))
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
            if parked.future.get().resolve(py) {
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

    /// Has something done by the loop, from wherever this is called.
    pub(crate) fn call_soon(slf: &Bound<'_, Self>, chore: Chore) -> PyResult<()> {
        Self::call(slf, "call_soon_threadsafe", chore)
    }

    /// Has something done in the next turn of the running loop.
    pub(crate) fn call_in_loop(slf: &Bound<'_, Self>, chore: Chore) -> PyResult<()> {
        Self::call(slf, "call_soon", chore)
    }

    fn call(slf: &Bound<'_, Self>, method: &str, chore: Chore) -> PyResult<()> {
        let py = slf.py();
        let Some(home) = slf.get().home.get() else { return Ok(()) };
        let callback = Py::new(py, Callback { engine: slf.clone().unbind(), chore })?;
        home.event_loop.bind(py).call_method1(method, (callback,))?;
        Ok(())
    }

    /// Says that something was given up, from wherever this is called: outside of its loop, that does what follows.
    pub(crate) fn give_up(slf: &Bound<'_, Self>, leaves: bool) -> PyResult<()> {
        if !Self::is_at_home(slf) {
            return Self::call_soon(slf, if leaves { Chore::Leave } else { Chore::Flush });
        }
        if leaves {
            return Self::leave(slf);
        }
        Self::flush(slf);
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

    /// Finds the lane of a key. `None`: a lane of its own.
    pub(crate) fn claim_lane(&self, key: &Bound<'_, PyAny>) -> PyResult<Option<Lane>> {
        let py = key.py();
        if key.is_none() {
            return Ok(None);
        }
        let hash = mix(key.hash()?);
        let mut known = Vec::new();
        loop {
            match self.state.with(py, |state| state.lanes.claim(hash, key, &known)) {
                Claim::Done(lane) => return Ok(Some(lane)),
                Claim::NoRoom => {
                    return Err(imports::error(
                        imports::full_error(py),
                        "there are as many keys as there can be",
                    ));
                }
                Claim::Compare(other) => {
                    let is_equal = other.bind(py).eq(key)?;
                    known.push((other, is_equal));
                }
            }
        }
    }

    /// An offer of an item: asks the key function for its key, and finds its lane. What the function raises becomes
    /// the item's failure.
    #[inline]
    pub(crate) fn offer(&self, item: Bound<'_, PyAny>, key: Option<&Obj>, context: Obj) -> Offer {
        let Some(key) = key else { return new_offer(item, Ok(None), context) };
        let lane = key.bind(item.py()).call1((&item,)).and_then(|key| self.claim_lane(&key));
        new_offer(item, lane, context)
    }

    /// An offer of an item with a key.
    pub(crate) fn offer_with_key(
        &self,
        item: Bound<'_, PyAny>,
        key: &Bound<'_, PyAny>,
        context: Obj,
    ) -> Offer {
        new_offer(item, self.claim_lane(key), context)
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

#[inline]
fn new_offer(item: Bound<'_, PyAny>, lane: PyResult<Option<Lane>>, context: Obj) -> Offer {
    let py = item.py();
    let (lane, key_error) = match lane {
        Ok(lane) => (lane, None),
        Err(error) => (None, Some(to_be_raised(py, error))),
    };
    Offer { item: item.unbind(), context, lane, key_error, seq: None, ticket: None, within: None }
}

fn wrong_loop(py: Python<'_>, text: &str) -> PyErr {
    imports::error(imports::wrong_loop_error(py), text)
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
