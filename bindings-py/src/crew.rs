//! Crews: the tasks that do the work, and those of them that wait for some.

use pyo3::prelude::*;

use crate::state::State;
use crate::waiter::Waiter;
use crate::worker::Worker;

/// How many workers are woken, or stay awake, on a guess.
const FEW: usize = 8;

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Runs handlers.
    Handle,
    /// Reads an asynchronous source.
    Feed,
    /// Calls `on_result`.
    Deliver,
}

/// The workers of one role. Always `parked + waking + active <= live <= limit`; the rest of `live` is in the middle of
/// something that waits.
#[derive(Default)]
pub(crate) struct Crew {
    /// Hidden from the garbage collector, so that a waiting worker, which nothing else holds, outlives an engine that
    /// is collected: it is woken then and ends.
    pub(crate) parked: Vec<Parked>,
    /// Tasks that have not ended.
    pub(crate) live: u32,
    /// Those that were made or woken and have not taken their step yet.
    pub(crate) waking: u32,
    /// Those that are in a step.
    pub(crate) active: u32,
    /// The most there may be.
    pub(crate) limit: u32,
}

/// A worker that waits for work.
pub(crate) struct Parked {
    pub(crate) worker: Py<Worker>,
    pub(crate) future: Py<Waiter>,
}

impl Crew {
    /// Whether nobody waits, or is on its way from waiting to its end.
    pub(crate) fn is_quiet(&self) -> bool {
        self.parked.is_empty() && self.waking == 0
    }

    /// How many do something or are on their way to it.
    pub(crate) fn at_work(&self) -> usize {
        self.live as usize - self.parked.len()
    }

    /// Whether the counts can be true.
    fn adds_up(&self) -> bool {
        let idle_or_in_step = self.parked.len() as u32 + self.waking + self.active;
        idle_or_in_step <= self.live && self.live <= self.limit
    }
}

impl State {
    /// Whether a worker is in a step.
    pub(crate) fn is_in_step(&self) -> bool {
        self.crews.iter().any(|crew| crew.active > 0)
    }

    /// Whether a worker is on its way.
    pub(crate) fn expects_worker(&self) -> bool {
        self.crews.iter().any(|crew| crew.waking > 0)
    }

    /// Wakes a worker that waits, or has one made. False where there are enough.
    fn wake(&mut self, role: Role) -> bool {
        let crew = &mut self.crews[role as usize];
        if let Some(parked) = crew.parked.pop() {
            self.effects.unpark.push(parked);
        } else if crew.live < crew.limit {
            crew.live += 1;
            self.effects.spawn.push(role);
        } else {
            return false;
        }
        crew.waking += 1;
        true
    }

    /// Wakes all who wait, so that they end.
    fn dismiss(&mut self) {
        for crew in &mut self.crews {
            crew.waking += crew.parked.len() as u32;
            self.effects.unpark.append(&mut crew.parked);
        }
    }

    /// Wakes workers for what is to be done, where nobody comes to do it.
    pub(crate) fn call_workers(&mut self) {
        debug_assert!(self.crews.iter().all(Crew::adds_up), "a crew has lost count");
        if self.is_finishing() {
            self.dismiss();
        } else if self.is_left_alone {
            return;
        } else if self.crews[Role::Handle as usize].active == 0 {
            // one is enough for handlers that do not wait for anything
            self.call(if self.suspends { FEW } else { 1 });
        }
        for role in [Role::Feed, Role::Deliver] {
            let crew = &self.crews[role as usize];
            if crew.limit > 0 && crew.active == 0 && crew.waking == 0 && self.has_work(role) {
                self.wake(role);
            }
        }
    }

    /// Wakes others when a handler has suspended its worker. They wake others in turn: so many start within a few turns
    /// of the loop, and few are woken for nothing.
    pub(crate) fn call_others(&mut self) {
        if !self.is_finishing() && !self.is_left_alone {
            self.call(FEW);
        }
    }

    /// Wakes a worker for each attempt to begin, up to so many in all.
    fn call(&mut self, most: usize) {
        let wanted = self.runs.len().min(most);
        while (self.crews[Role::Handle as usize].waking as usize) < wanted
            && self.wake(Role::Handle)
        {}
    }

    /// Whether there is something to do for a role.
    pub(crate) fn has_work(&self, role: Role) -> bool {
        match role {
            Role::Handle => !self.runs.is_empty(),
            Role::Feed => self.can_feed(),
            Role::Deliver => self.can_deliver(),
        }
    }

    /// Whether a worker without work comes back in the next turn of the loop before it waits: often there is some by
    /// then, and to wait takes several turns' time.
    pub(crate) fn lingers(&mut self, role: Role) -> bool {
        let is_over = self.is_over_for(role);
        let crew = &mut self.crews[role as usize];
        let lingers = (crew.waking as usize) < FEW && !is_over;
        if lingers {
            crew.active -= 1;
            crew.waking += 1;
        }
        lingers
    }

    /// Puts a worker among those who wait. Gives it back where there is work by now, or none will ever come.
    pub(crate) fn park(&mut self, role: Role, parked: Parked) -> Result<(), Parked> {
        if self.has_work(role) || self.is_over_for(role) {
            return Err(parked);
        }
        self.crews[role as usize].parked.push(parked);
        Ok(())
    }

    /// Notes that a worker has ended, and finds another where there is work left.
    pub(crate) fn worker_ended(&mut self, role: Role) {
        self.crews[role as usize].live -= 1;
        self.look_after();
    }
}
