//! The dispatcher and what belongs to its items, by slot.
//!
//! Nothing in here calls Python or drops anything of Python: what is to be done outside is left in [`Effects`].
//!
//! | the core says | what is done |
//! |---|---|
//! | `poll_dispatch` | into `runs`, until a worker begins it |
//! | `Signal` | a run not begun is completed; else the worker's task is cancelled |
//! | `Passed`, `Left` | the slot is cleared, the ticket settled, the report written |
//! | `Room` | waiting offers are offered again |
//! | `LaneIdle` | the key is forgotten |
//! | `Lost`, `Drained` | noted |
//! | `poll_release` | a ticket, `on_result` or whoever asked for a result |
//! | `poll_timeout` | a timer of the loop |

use std::collections::VecDeque;

use inorder::{
    Completion, Dispatcher, Event, Handle, Lane, Outcome, Release, Rest, Run, Seq, Source, Time,
    What, Why,
};
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::context::Attempt;
use crate::crew::{Crew, Parked, Role};
use crate::lanes::Lanes;
use crate::offers::Offers;
use crate::raw::Obj;
use crate::results::{Takers, Taking};
use crate::source::Feed;
use crate::ticket::{Done, Ticket};
use crate::waiter::Waiter;
use crate::worker::Worker;

/// What the user gave to be called.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) handler: Option<Obj>,
    pub(crate) key: Option<Obj>,
    pub(crate) on_result: Option<Obj>,
    pub(crate) executor: Option<Obj>,
}

/// One item, as the driver knows it.
#[derive(Default)]
pub(crate) struct Entry {
    /// Which item it is; `None`: the slot is free, or its item has been reported and still runs.
    pub(crate) handle: Option<Handle>,
    pub(crate) seq: Seq,
    pub(crate) payload: Option<Obj>,
    pub(crate) context: Option<Obj>,
    /// The handler's result or exception.
    pub(crate) result: Option<Obj>,
    /// The key of a failed item.
    pub(crate) key: Option<Obj>,
    pub(crate) ticket: Option<Py<Ticket>>,
    /// Who runs it.
    pub(crate) worker: Option<Py<Worker>>,
    pub(crate) has_failed: bool,
    pub(crate) is_signalled: bool,
}

/// What is to be done once the state is no longer in use.
#[derive(Default)]
pub(crate) struct Effects {
    /// Workers whose handler is to be cancelled.
    pub(crate) signals: Vec<Py<Worker>>,
    pub(crate) unpark: Vec<Parked>,
    pub(crate) spawn: Vec<Role>,
    /// Futures of those who wait for something.
    pub(crate) futures: Vec<Py<Waiter>>,
    /// The time limit has changed.
    pub(crate) rearm: bool,
    /// A source to be closed that is not asynchronous.
    pub(crate) close: Option<Obj>,
    /// What is no longer needed.
    pub(crate) garbage: Vec<Obj>,
}

impl Effects {
    fn is_empty(&self) -> bool {
        self.garbage.is_empty()
            && self.futures.is_empty()
            && self.unpark.is_empty()
            && self.spawn.is_empty()
            && self.signals.is_empty()
            && !self.rearm
            && self.close.is_none()
    }
}

/// What a caller waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Watch {
    /// Everything below this number has left.
    Joined(Seq),
    /// All has left or been reported, and nobody waits for work any more.
    Closed,
}

/// The payloads of what was stopped.
#[derive(Default)]
pub(crate) struct Reported {
    pub(crate) unfinished: Vec<(Seq, Obj)>,
    pub(crate) never_started: Vec<(Seq, Obj)>,
    pub(crate) detached: Vec<(Seq, Obj)>,
    pub(crate) lost: Vec<(Seq, Seq)>,
}

/// An attempt to begin.
pub(crate) struct Start {
    pub(crate) attempt: Attempt,
    pub(crate) payload: Obj,
    pub(crate) context: Obj,
    pub(crate) handler: Obj,
    pub(crate) executor: Option<Obj>,
}

pub(crate) struct State {
    pub(crate) core: Dispatcher,
    pub(crate) source: Source,
    pub(crate) now: Time,
    /// `now` was read in this turn of the loop.
    pub(crate) is_fresh: bool,
    /// Its loop is known to be the running one, for this turn.
    pub(crate) is_known_here: bool,
    /// How often that was looked at since a worker's last step.
    pub(crate) looks: u32,
    /// Not all tasks of the loop are cancelled, which is known for this turn.
    pub(crate) is_known_alive: bool,
    /// All are: nothing is begun any more.
    pub(crate) is_left_alone: bool,
    pub(crate) hooks: Hooks,
    pub(crate) slots: Vec<Entry>,
    pub(crate) runs: VecDeque<Run>,
    pub(crate) lanes: Lanes,
    pub(crate) offers: Offers,
    pub(crate) crews: [Crew; 3],
    /// The last handler that was called waited for something.
    pub(crate) suspends: bool,
    pub(crate) taking: Taking,
    pub(crate) takers: Takers,
    pub(crate) feed: Feed,
    pub(crate) effects: Effects,
    /// The error with which everything ended.
    pub(crate) failure: Option<Obj>,
    /// Everything of the source has left or been reported.
    pub(crate) is_drained: bool,
    /// The caller gives the numbers.
    pub(crate) is_sequenced: bool,
    /// Each item gets a task of its own.
    pub(crate) is_isolated: bool,
    /// One more than the highest number that was accepted.
    pub(crate) end: Seq,
    pub(crate) armed: Option<Time>,
    pub(crate) watches: Vec<(Watch, Py<Waiter>)>,
    pub(crate) reported: Reported,
    pub(crate) report: Option<Obj>,
}

impl State {
    /// Says what the core has to say, and whatever follows from it. Called after each command.
    pub(crate) fn drain(&mut self, py: Python<'_>) {
        loop {
            self.poll(py);
            if !self.serve_offers(py) && !self.release(py) {
                break;
            }
        }
        self.break_deadlock(py);
        self.look_after();
    }

    /// Wakes who has something to do now.
    pub(crate) fn look_after(&mut self) {
        self.call_workers();
        self.call_takers();
        if !self.watches.is_empty() {
            for (watch, future) in std::mem::take(&mut self.watches) {
                if self.has_come(watch) {
                    self.effects.futures.push(future);
                } else {
                    self.watches.push((watch, future));
                }
            }
        }
        let due = self.core.poll_timeout();
        if due != self.armed {
            self.armed = due;
            self.effects.rearm = true;
        }
    }

    /// What is to be done outside; `None`: nothing.
    pub(crate) fn take_effects(&mut self) -> Option<Effects> {
        if self.effects.is_empty() { None } else { Some(std::mem::take(&mut self.effects)) }
    }

    /// Whether nothing more is to be started: workers who have nothing to do end.
    pub(crate) fn is_finishing(&self) -> bool {
        self.is_drained || self.takers.has_left || self.takers.is_cut
    }

    /// Whether nothing will ever be to be done for a role again.
    pub(crate) fn is_over_for(&self, role: Role) -> bool {
        self.is_finishing() || (role == Role::Feed && self.feed.kind.is_none())
    }

    /// Whether nobody waits for work.
    pub(crate) fn is_quiet(&self) -> bool {
        self.crews.iter().all(Crew::is_quiet)
    }

    /// Whether that for which somebody waits has come.
    pub(crate) fn has_come(&self, watch: Watch) -> bool {
        match watch {
            Watch::Joined(end) => self.core.oldest(self.source).is_none_or(|seq| seq >= end),
            Watch::Closed => self.core.is_drained() && self.is_quiet() && self.feed.is_over(),
        }
    }

    /// Nobody waits with this future any more.
    pub(crate) fn unwatch(&mut self, future: &Py<Waiter>) {
        let place = self.watches.iter().position(|(_, other)| other.is(future));
        let (_, future) = place.map(|place| self.watches.remove(place)).unzip();
        self.effects.garbage.extend(future.map(Py::into_any));
    }

    /// The slot of an item that is known.
    pub(crate) fn entry(&mut self, handle: Handle) -> Option<&mut Entry> {
        self.slots.get_mut(handle.slot().index()).filter(|entry| entry.handle == Some(handle))
    }

    /// The next attempt to begin, by this worker.
    pub(crate) fn next_run(&mut self, py: Python<'_>, worker: &Py<Worker>) -> Option<Start> {
        loop {
            let Run { handle, attempt } = self.runs.pop_front()?;
            let Some(entry) = self.slots.get_mut(handle.slot().index()) else { continue };
            if entry.handle != Some(handle) || entry.is_signalled {
                continue;
            }
            // gone only if the garbage collector took everything
            let handler = self.hooks.handler.as_ref()?;
            // both are there until the item leaves
            let (Some(payload), Some(_)) = (&entry.payload, &entry.context) else { continue };
            let (payload, context) = (payload.clone_ref(py), entry.context.take()?);
            entry.worker = Some(worker.clone_ref(py));
            let executor = self.hooks.executor.as_ref().map(|executor| executor.clone_ref(py));
            let lane = self.core.lane_of(handle);
            let key = lane.and_then(|lane| self.lanes.key(lane)).map(|key| key.clone_ref(py));
            let attempt = Attempt { handle, attempt, seq: entry.seq, key };
            return Some(Start {
                attempt,
                payload,
                context,
                handler: handler.clone_ref(py),
                executor,
            });
        }
    }

    /// Notes how an attempt ended. Gives back what is no longer needed.
    #[inline]
    pub(crate) fn settle(
        &mut self,
        py: Python<'_>,
        handle: Handle,
        attempt: u32,
        ended: Ended,
    ) -> [Option<Obj>; 4] {
        let Ended { value, has_failed, context } = ended;
        let (mut value, mut context) = (Some(value), Some(context));
        let (mut worker, mut payload) = (None, None);
        let lane = if has_failed { self.core.lane_of(handle) } else { None };
        if let Some(entry) =
            self.slots.get_mut(handle.slot().index()).filter(|entry| entry.handle == Some(handle))
        {
            worker = entry.worker.take().map(Py::into_any);
            if !entry.is_signalled {
                entry.result = value.take();
                entry.has_failed = has_failed;
                if has_failed {
                    entry.key =
                        lane.and_then(|lane| self.lanes.key(lane)).map(|key| key.clone_ref(py));
                } else {
                    payload = entry.payload.take();
                }
            }
            if self.taking == Taking::OnResult {
                entry.context = context.take();
            }
        }
        let outcome = if has_failed { Outcome::FAILED } else { Outcome::Ok };
        let _: Completion = self.core.complete(self.now, handle, attempt, outcome);
        self.drain(py);
        [value, context, worker, payload]
    }

    /// Cancels an item.
    pub(crate) fn cancel(&mut self, py: Python<'_>, handle: Handle) -> bool {
        let was_in_time = self.core.cancel(self.now, handle);
        self.drain(py);
        was_in_time
    }

    /// The error behind which nothing more comes out.
    pub(crate) fn cause(&mut self, py: Python<'_>) -> Option<Obj> {
        if let Some(error) = &self.failure {
            return Some(error.clone_ref(py));
        }
        let handle = self.core.failed(self.source)?;
        self.entry(handle)?.result.as_ref().map(|error| error.clone_ref(py))
    }

    /// Whether a failure that comes out is the end of everything.
    pub(crate) fn is_fatal(&self, release: &Release) -> bool {
        release.what == What::Failed && self.core.failed(self.source) == Some(release.handle)
    }

    /// Clears the slot of an item that leaves, and settles its ticket.
    pub(crate) fn clear(
        &mut self,
        py: Python<'_>,
        handle: Handle,
        done: Option<Done>,
    ) -> Option<Entry> {
        let mut entry = self.entry(handle).map(std::mem::take);
        let ticket = entry.as_mut().and_then(|entry| entry.ticket.take());
        match (ticket, done) {
            (Some(ticket), Some(done)) => {
                let waiters = ticket.get().settle(py, done);
                self.effects.futures.extend(waiters);
                self.effects.garbage.push(ticket.into_any());
            }
            (ticket, done) => {
                self.effects.garbage.extend(ticket.map(Py::into_any));
                self.effects.garbage.extend(done.and_then(Done::into_object));
            }
        }
        entry
    }

    /// Lets go of what is left of an item.
    pub(crate) fn discard(&mut self, entry: Entry) {
        let Entry { payload, context, result, key, ticket, worker, .. } = entry;
        let garbage = &mut self.effects.garbage;
        garbage.extend([payload, context, result, key].into_iter().flatten());
        garbage.extend(ticket.map(Py::into_any));
        garbage.extend(worker.map(Py::into_any));
    }

    fn poll(&mut self, py: Python<'_>) {
        loop {
            while let Some(event) = self.core.poll_event() {
                self.handle_event(py, event);
            }
            match self.core.poll_dispatch() {
                Some(run) => self.runs.push_back(run),
                // to look may have settled something: an item whose key raised
                None => match self.core.poll_event() {
                    Some(event) => self.handle_event(py, event),
                    None => return,
                },
            }
        }
    }

    fn handle_event(&mut self, py: Python<'_>, event: Event) {
        match event {
            Event::Signal { handle, attempt, .. } => self.signal(py, handle, attempt),
            Event::Passed { handle, why } => {
                let done = self.without_result(py, why);
                self.returned(handle);
                if let Some(entry) = self.clear(py, handle, Some(done)) {
                    self.discard(entry);
                }
            }
            Event::Left { handle, rest, why } => self.leave_behind(py, handle, rest, why),
            Event::Lost { first, last, .. } => self.reported.lost.push((first, last)),
            Event::Room { .. } => self.offers.has_room = true,
            Event::LaneIdle { lane } => self.lane_idle(lane),
            Event::Drained { .. } => self.is_drained = true,
            // of options that are not offered here
            Event::Expired { .. } | Event::Halted { .. } | Event::Completed { .. } | _ => {}
        }
    }

    fn lane_idle(&mut self, lane: Lane) {
        let key = self.lanes.idle(lane);
        self.effects.garbage.extend(key);
    }

    fn signal(&mut self, py: Python<'_>, handle: Handle, attempt: u32) {
        let Some(entry) =
            self.slots.get_mut(handle.slot().index()).filter(|entry| entry.handle == Some(handle))
        else {
            return;
        };
        entry.is_signalled = true;
        match &entry.worker {
            Some(worker) => self.effects.signals.push(worker.clone_ref(py)),
            // still in `runs`, and passed over there
            None => {
                let _: Completion =
                    self.core.complete(self.now, handle, attempt, Outcome::Cancelled);
            }
        }
    }

    fn leave_behind(&mut self, py: Python<'_>, handle: Handle, rest: Rest, why: Option<Why>) {
        if self.takers.delivering == Some(handle) {
            self.takers.delivering = None;
            self.effects.signals.extend(self.takers.deliverer.take());
        }
        self.returned(handle);
        let done = why.map(|why| self.without_result(py, why));
        let done = done.or_else(|| {
            let entry = self.entry(handle)?;
            let result = entry.result.as_ref()?.clone_ref(py);
            Some(if entry.has_failed { Done::Failed(result) } else { Done::Ok(result) })
        });
        let Some(mut entry) = self.clear(py, handle, done) else { return };
        let list = match rest {
            Rest::Settled => None,
            Rest::NeverStarted => Some(&mut self.reported.never_started),
            Rest::Unfinished => Some(&mut self.reported.unfinished),
            Rest::Detached => Some(&mut self.reported.detached),
        };
        if let (Some(list), Some(payload)) = (list, entry.payload.take()) {
            list.push((entry.seq, payload));
        }
        self.discard(entry);
    }

    fn without_result(&mut self, py: Python<'_>, why: Why) -> Done {
        match why {
            Why::Cancelled => Done::Cancelled,
            Why::Failure => Done::Closed(self.cause(py)),
            Why::Closed | _ => Done::Closed(None),
        }
    }

    /// Visits what is kept, for the garbage collector.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Hooks { handler, key, on_result, executor } = &self.hooks;
        [handler, key, on_result, executor].into_iter().try_for_each(|hook| visit.call(hook))?;
        for entry in &self.slots {
            let Entry { payload, context, result, key, ticket, worker, .. } = entry;
            [payload, context, result, key]
                .into_iter()
                .try_for_each(|object| visit.call(object))?;
            visit.call(ticket)?;
            visit.call(worker)?;
        }
        self.lanes.traverse(visit)?;
        self.offers.traverse(visit)?;
        self.feed.traverse(visit)?;
        self.takers.traverse(visit)?;
        visit.call(&self.failure)?;
        visit.call(&self.report)?;
        let reported = &self.reported;
        for list in [&reported.unfinished, &reported.never_started, &reported.detached] {
            list.iter().try_for_each(|(_, item)| visit.call(item))?;
        }
        self.watches.iter().try_for_each(|(_, future)| visit.call(future))
    }
}

/// How an attempt ended, as Python objects.
pub(crate) struct Ended {
    pub(crate) value: Obj,
    pub(crate) has_failed: bool,
    pub(crate) context: Obj,
}
