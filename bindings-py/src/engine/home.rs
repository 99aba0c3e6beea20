//! The event loop of an engine: the one in which it was first used, and the only one.

use std::ffi::c_ulong;

use pyo3::prelude::*;

use super::Engine;
use crate::callback::{Callback, Chore};
use crate::clock::Clock;
use crate::crew::Role;
use crate::imports;
use crate::raw::{Obj, thread};
use crate::turn::Turn;
use crate::waiter::Waiter;

/// After so many looks at the running loop in one turn the answer is remembered.
const OFTEN: u32 = 3;

/// So many handlers at work are worth a turn of their own.
const MANY: usize = 4;

/// The event loop that it belongs to.
pub(super) struct Home {
    pub(super) event_loop: Obj,
    pub(super) create_task: Obj,
    pub(super) is_running: Obj,
    pub(super) clock: Clock,
    pub(super) turn: Py<Turn>,
    pub(super) thread: c_ulong,
}

impl Engine {
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
            turn: Py::new(py, Turn::new(event_loop)?)?,
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

    pub(super) fn home(&self, py: Python<'_>) -> PyResult<&Home> {
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
}

fn wrong_loop(py: Python<'_>, text: &str) -> PyErr {
    imports::error(imports::wrong_loop_error(py), text)
}
