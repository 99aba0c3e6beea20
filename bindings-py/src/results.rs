//! Results on their way out: to a ticket, to `on_result`, or to whoever asks for the next one.

use std::collections::VecDeque;

use inorder::{Handle, Release, Seq, What};
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::imports;
use crate::raw::Obj;
use crate::state::{Entry, State};
use crate::ticket::Done;
use crate::waiter::Waiter;
use crate::worker::Worker;

/// Where results go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taking {
    /// To the tickets, as they come.
    Tickets,
    /// To `on_result`, one by one.
    OnResult,
    /// To whoever asks for the next one.
    Demand,
}

/// Those who ask for results, and what was lent for them.
#[derive(Default)]
pub(crate) struct Takers {
    /// First come, first served.
    waiting: VecDeque<(u64, Py<Waiter>)>,
    next_id: u64,
    /// The one who was woken for `lent` and has not taken it yet.
    granted: Option<u64>,
    lent: Option<Release>,
    /// What an iteration over a processor has and not given back.
    handed_out: Option<Handle>,
    /// The task that has it.
    holder: Option<Obj>,
    /// The item that `on_result` has.
    pub(crate) delivering: Option<Handle>,
    pub(crate) deliverer: Option<Py<Worker>>,
    /// A stream only: it was left.
    pub(crate) has_left: bool,
    /// The failure that ends everything has come out, or is about to.
    pub(crate) is_cut: bool,
    /// Which iteration over the processor is the current one, and the number of the last.
    pub(crate) iteration: Option<u64>,
    pub(crate) iterations: u64,
    /// It is a stream: a result is released as soon as it is handed out.
    pub(crate) is_stream: bool,
}

impl Takers {
    /// Nobody asks yet.
    pub(crate) fn new(is_stream: bool) -> Self {
        Self { is_stream, ..Self::default() }
    }

    /// The task that has a result from an iteration over the processor and has not asked for the next one.
    pub(crate) fn holder(&self, py: Python<'_>) -> Option<Obj> {
        self.handed_out.and(self.holder.as_ref()).map(|holder| holder.clone_ref(py))
    }

    /// Notes the task that got the last result.
    pub(crate) fn hand_to(&mut self, task: Obj) -> Option<Obj> {
        self.holder.replace(task)
    }

    /// The futures of those who ask.
    pub(crate) fn futures(&self) -> impl Iterator<Item = &Py<Waiter>> {
        self.waiting.iter().map(|(_, future)| future)
    }

    /// Takes the objects out, for the garbage collector.
    pub(crate) fn clear(&mut self) -> impl Sized + use<> {
        (std::mem::take(&mut self.waiting), self.holder.take(), self.deliverer.take())
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.waiting.iter().try_for_each(|(_, future)| visit.call(future))?;
        visit.call(&self.holder)?;
        visit.call(&self.deliverer)
    }
}

/// What the one who asks for the next result gets.
pub(crate) enum Take {
    Value(Obj),
    Failure(Failure),
    /// Everything ends with this.
    Raise(Obj),
    End,
    /// Nothing is there yet.
    Wait,
}

/// The parts of a `Failure`, not made yet.
pub(crate) struct Failure {
    pub(crate) error: Obj,
    pub(crate) item: Option<Obj>,
    pub(crate) seq: Seq,
    pub(crate) attempt: u32,
    pub(crate) key: Option<Obj>,
}

impl Failure {
    /// The Python object.
    pub(crate) fn make(self, py: Python<'_>) -> PyResult<Obj> {
        let Self { error, item, seq, attempt, key } = self;
        Ok(imports::failure(py)?.call1((error, item, seq, attempt, key))?.unbind())
    }
}

/// What `on_result` is to be called with.
pub(crate) struct Delivery {
    pub(crate) handle: Handle,
    pub(crate) on_result: Obj,
    pub(crate) context: Option<Obj>,
    pub(crate) result: Result<Obj, Failure>,
}

impl State {
    /// Releases one result, or lends it to somebody who waits. True if the core was told something.
    pub(crate) fn release(&mut self, py: Python<'_>) -> bool {
        match self.taking {
            Taking::Tickets => {
                let Some(release) = self.core.poll_release(self.source) else { return false };
                self.release_to_ticket(py, &release);
                true
            }
            Taking::OnResult => {
                if self.takers.lent.is_some() || self.takers.delivering.is_some() {
                    return false;
                }
                let Some(release) = self.core.poll_release(self.source) else { return false };
                if self.is_fatal(&release) {
                    self.release_to_ticket(py, &release);
                    return true;
                }
                self.takers.lent = Some(release);
                false
            }
            Taking::Demand => {
                self.grant_next();
                false
            }
        }
    }

    /// Gives the next result, if nobody else was before. `me`: the number under which one has waited.
    #[inline]
    pub(crate) fn take(&mut self, py: Python<'_>, me: Option<u64>) -> Take {
        if let Some(handle) = self.takers.handed_out.take() {
            self.core.released(self.now, handle);
            self.drain(py);
        }
        match me {
            None if self.takers.granted.is_some() || !self.takers.waiting.is_empty() => {
                return Take::Wait;
            }
            Some(id) if self.takers.granted == Some(id) => self.takers.granted = None,
            Some(id) if self.takers.waiting.iter().any(|(other, _)| *other == id) => {
                return Take::Wait;
            }
            _ => {}
        }
        if self.has_next() {
            // just looked at
            return self
                .takers
                .lent
                .take()
                .map_or(Take::Wait, |release| self.hand_out(py, &release));
        }
        if !self.is_over() || !self.is_quiet() {
            return Take::Wait;
        }
        let source_error = self.feed.error.take();
        source_error
            .filter(|_| !self.takers.is_cut && !self.takers.has_left)
            .map_or(Take::End, Take::Raise)
    }

    /// Lets somebody wait for the next result.
    pub(crate) fn wait_for_result(&mut self, py: Python<'_>, future: Py<Waiter>) -> u64 {
        let id = self.takers.next_id;
        self.takers.next_id += 1;
        self.takers.waiting.push_back((id, future));
        self.is_left_alone = false;
        self.drain(py);
        id
    }

    /// Somebody no longer waits for a result. What was meant for them goes to the next one.
    pub(crate) fn stop_waiting(&mut self, py: Python<'_>, me: u64) {
        if self.takers.granted == Some(me) {
            self.takers.granted = None;
        } else {
            let place = self.takers.waiting.iter().position(|(other, _)| *other == me);
            let waiting = place.and_then(|place| self.takers.waiting.remove(place));
            self.effects.garbage.extend(waiting.map(|(_, future)| future.into_any()));
        }
        self.drain(py);
    }

    /// Tells all who wait that nothing more comes, or the first that the end has come.
    pub(crate) fn call_takers(&mut self) {
        if self.takers.is_cut {
            self.grant_next();
        }
        if self.is_over() && self.takers.lent.is_none() && self.is_quiet() {
            let waiting = std::mem::take(&mut self.takers.waiting);
            self.effects.futures.extend(waiting.into_iter().map(|(_, future)| future));
        }
    }

    /// What the core no longer knows is not given back to it.
    pub(crate) fn returned(&mut self, handle: Handle) {
        let takers = &mut self.takers;
        if takers.handed_out == Some(handle) {
            takers.handed_out = None;
        }
        if takers.lent.as_ref().is_some_and(|lent| lent.handle == handle) {
            takers.lent = None;
        }
    }

    /// Whether `on_result` may be called.
    pub(crate) fn can_deliver(&self) -> bool {
        self.taking == Taking::OnResult
            && self.takers.lent.is_some()
            && self.takers.delivering.is_none()
    }

    /// The next result for `on_result`, which this worker calls.
    pub(crate) fn next_delivery(
        &mut self,
        py: Python<'_>,
        worker: &Py<Worker>,
    ) -> Option<Delivery> {
        if !self.can_deliver() {
            return None;
        }
        let on_result = self.hooks.on_result.as_ref()?.clone_ref(py);
        let Release { handle, seq, attempt, what } = self.takers.lent.take()?;
        let entry = self.entry(handle)?;
        let context = entry.context.take();
        let value = entry.result.as_ref()?.clone_ref(py);
        let result = match what {
            What::Failed => Err(Failure {
                error: value,
                item: entry.payload.as_ref().map(|item| item.clone_ref(py)),
                seq,
                attempt,
                key: entry.key.as_ref().map(|key| key.clone_ref(py)),
            }),
            What::Ok | _ => Ok(value),
        };
        self.takers.delivering = Some(handle);
        self.takers.deliverer = Some(worker.clone_ref(py));
        Some(Delivery { handle, on_result, context, result })
    }

    /// Notes that `on_result` has ended, and with which error.
    pub(crate) fn delivered(&mut self, py: Python<'_>, handle: Handle, error: Option<Obj>) {
        if self.takers.delivering != Some(handle) {
            // it was stopped before
            self.effects.garbage.extend(error);
            return;
        }
        self.takers.delivering = None;
        let deliverer = self.takers.deliverer.take();
        self.effects.garbage.extend(deliverer.map(Py::into_any));
        let Some(error) = error else {
            self.settle_ticket(py, handle);
            self.core.released(self.now, handle);
            self.drain(py);
            return;
        };
        if let Some(entry) = self.clear(py, handle, Some(Done::Failed(error.clone_ref(py)))) {
            self.discard(entry);
        }
        self.effects.garbage.extend(self.failure.replace(error));
        self.core.undelivered(self.now, handle);
        self.drain(py);
    }

    /// Begins to hand results out to an iteration over the processor; `None`: one is under way.
    pub(crate) fn begin_iteration(&mut self) -> Option<u64> {
        if self.takers.iteration.is_some() {
            return None;
        }
        self.takers.iterations += 1;
        self.takers.iteration = Some(self.takers.iterations);
        self.taking = Taking::Demand;
        self.takers.iteration
    }

    /// Lets results flow untaken again.
    pub(crate) fn end_iteration(&mut self, py: Python<'_>, iteration: u64) {
        if self.takers.iteration != Some(iteration) {
            return;
        }
        self.takers.iteration = None;
        self.effects.garbage.extend(self.takers.holder.take());
        self.takers.granted = None;
        self.taking = Taking::Tickets;
        let waiting = std::mem::take(&mut self.takers.waiting);
        self.effects.futures.extend(waiting.into_iter().map(|(_, future)| future));
        if let Some(handle) = self.takers.handed_out.take() {
            self.core.released(self.now, handle);
        }
        if let Some(release) = self.takers.lent.take() {
            self.release_to_ticket(py, &release);
        }
        self.drain(py);
    }

    /// Whether no more results come.
    fn is_over(&self) -> bool {
        self.is_drained || self.takers.has_left
    }

    /// Borrows the next result from the core, if it is there.
    #[inline]
    fn look_for_next(&mut self) -> bool {
        if self.takers.lent.is_some() {
            return true;
        }
        let Some(release) = self.core.poll_release(self.source) else { return false };
        self.takers.is_cut |= self.is_fatal(&release);
        self.takers.lent = Some(release);
        true
    }

    /// Whether the next result may be handed out: the failure that ends everything only when no task is left that
    /// waits for work.
    #[inline]
    fn has_next(&mut self) -> bool {
        self.look_for_next() && (!self.takers.is_cut || self.is_quiet())
    }

    /// Wakes the first who waits for a result, if one is there.
    fn grant_next(&mut self) {
        if self.takers.granted.is_some() || self.takers.waiting.is_empty() || !self.has_next() {
            return;
        }
        if let Some((id, future)) = self.takers.waiting.pop_front() {
            self.takers.granted = Some(id);
            self.effects.futures.push(future);
        }
    }

    #[inline]
    fn hand_out(&mut self, py: Python<'_>, release: &Release) -> Take {
        let &Release { handle, seq, attempt, .. } = release;
        let is_fatal = self.is_fatal(release);
        let Some(entry) = self.entry(handle).map(std::mem::take) else { return Take::Wait };
        let Entry { payload, context, result, key, ticket, has_failed, .. } = entry;
        self.effects.garbage.extend(context);
        let Some(value) = result else { return Take::Wait };
        if let Some(ticket) = ticket {
            let done = if has_failed {
                Done::Failed(value.clone_ref(py))
            } else {
                Done::Ok(value.clone_ref(py))
            };
            let waiters = ticket.get().settle(py, done);
            ticket.get().mark_asked(py);
            self.effects.futures.extend(waiters);
            self.effects.garbage.push(ticket.into_any());
        }
        if is_fatal && !self.takers.is_stream {
            self.effects.garbage.extend(self.failure.replace(value.clone_ref(py)));
        }
        if self.takers.is_stream || is_fatal {
            self.core.released(self.now, handle);
        } else {
            self.takers.handed_out = Some(handle);
        }
        if is_fatal {
            self.close_source(py);
        }
        self.drain(py);
        if !has_failed {
            self.effects.garbage.extend(payload);
            return Take::Value(value);
        }
        if is_fatal {
            self.effects.garbage.extend(payload.into_iter().chain(key));
            return Take::Raise(value);
        }
        Take::Failure(Failure { error: value, item: payload, seq, attempt, key })
    }

    fn release_to_ticket(&mut self, py: Python<'_>, release: &Release) {
        if self.is_fatal(release) {
            let error = self
                .entry(release.handle)
                .and_then(|entry| entry.result.as_ref().map(|e| e.clone_ref(py)));
            self.effects.garbage.extend(std::mem::replace(&mut self.failure, error));
        }
        self.settle_ticket(py, release.handle);
        self.core.released(self.now, release.handle);
    }

    /// Gives a ticket the result of the handler.
    fn settle_ticket(&mut self, py: Python<'_>, handle: Handle) {
        let Some(entry) = self.entry(handle) else { return };
        let (result, has_failed) = (entry.result.take(), entry.has_failed);
        let done =
            result.map(|result| if has_failed { Done::Failed(result) } else { Done::Ok(result) });
        let was_delivered = self.taking == Taking::OnResult && self.failure.is_none();
        let delivered = self.entry(handle).filter(|_| was_delivered);
        if let Some(ticket) = delivered.and_then(|entry| entry.ticket.as_ref()) {
            ticket.get().mark_asked(py);
        }
        if let Some(entry) = self.clear(py, handle, done) {
            self.discard(entry);
        }
    }
}
