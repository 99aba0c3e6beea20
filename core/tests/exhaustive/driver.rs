//! A dispatcher with the driver that it has: gives commands, drains, and notes what it sees.

use std::rc::Rc;
use std::time::Duration;

use inorder::{Dispatcher, Lane, PushError, Source, SourceOptions, Time};

use crate::acts::Act;
use crate::seen::{Checked, Seen, holds};
use crate::setups::{Setup, UNIT};

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) dispatcher: Dispatcher,
    pub(crate) seen: Seen,
    pub(crate) now: Time,
    pub(crate) sources: Rc<[Source]>,
    /// What was commanded, where that is wanted.
    pub(crate) way: Option<Vec<Act>>,
}

impl World {
    pub(crate) fn new(setup: &Setup) -> Self {
        let mut dispatcher = Dispatcher::new(&setup.config.options()).expect("it is allowed");
        let options = SourceOptions::new().keyed(true).acknowledged(true);
        let sources: Rc<[Source]> = (0..setup.sources)
            .map(|_| dispatcher.open_source(options).expect("it is open"))
            .collect();
        let seen = Seen::new(setup.config, sources.len());
        Self { dispatcher, seen, now: Time::default(), sources, way: None }
    }

    /// What the future depends on, and what was promised of it.
    pub(crate) fn form(&self) -> Vec<u64> {
        let (mut form, lanes) = self.dispatcher.canonical();
        self.seen.add_to(&mut form, &lanes);
        form
    }

    pub(crate) fn apply(&mut self, act: Act) -> Checked {
        let now = self.now;
        self.way.iter_mut().for_each(|way| way.push(act));
        match act {
            Act::Push { source, lane } => self.push(source, lane)?,
            Act::End { source } => {
                self.seen.sources[source].ended = true;
                self.dispatcher.end(now, self.sources[source]);
            }
            Act::Complete { item, outcome } => {
                let known = &self.seen.items[item];
                let before = self.dispatcher.stats(now).backing_off;
                let how = self.dispatcher.complete(now, known.handle, known.attempt, outcome);
                let is_again = self.dispatcher.stats(now).backing_off > before;
                self.seen.ended(item, how, outcome, is_again)?;
            }
            Act::Cancel { item } => {
                let answer = self.dispatcher.cancel(now, self.seen.items[item].handle);
                self.seen.cancelled(item, answer)?;
            }
            Act::Lend { source } => {
                let release = self.dispatcher.poll_release(self.sources[source]);
                let release = release.ok_or("broken: it can be lent")?;
                self.seen.lent(source, release)?;
            }
            Act::Released { item } => {
                let is_taken = self.dispatcher.released(now, self.seen.items[item].handle);
                holds(is_taken, "what is lent is taken back")?;
                self.seen.released(item)?;
            }
            Act::Undelivered { item } => {
                let is_taken = self.dispatcher.undelivered(now, self.seen.items[item].handle);
                holds(is_taken, "what is lent is taken back")?;
                self.seen.undelivered(item)?;
            }
            Act::Taking { source, taking } => {
                self.seen.sources[source].taking = taking;
                self.dispatcher.taking(now, self.sources[source], taking);
            }
            Act::Resume { lane, how } => {
                self.seen.resumed(lane.number(), how);
                let answer = self.dispatcher.resume_lane(now, lane, how);
                holds(answer, "a halted lane is resumed")?;
            }
            Act::Pause { paused } => {
                self.seen.paused = paused && !self.dispatcher.is_closed();
                match paused {
                    true => self.dispatcher.pause(now),
                    false => self.dispatcher.unpause(now),
                }
            }
            Act::Revoke { source } => {
                let timeout = Duration::from_micros(2 * UNIT);
                let seen = &mut self.seen.sources[source];
                (seen.revoked, seen.ended) = (true, true);
                seen.revoke_due = Some(now.after(timeout));
                self.dispatcher.revoke(now, self.sources[source], Some(timeout));
            }
            Act::Fence { source } => {
                let seen = &mut self.seen.sources[source];
                (seen.revoked, seen.fenced, seen.ended) = (true, true, true);
                self.dispatcher.fence(now, self.sources[source]);
            }
            Act::Close { timeout } => {
                let timeout = timeout.map(|units| Duration::from_micros(units * UNIT));
                self.seen.closed(timeout);
                self.dispatcher.close(now, timeout);
            }
            Act::Due => {
                let due = self.dispatcher.poll_timeout();
                self.go_on_to(due.map_or(now, |due| due.max(now)));
            }
            Act::Wait => self.go_on_to(now.after(Duration::from_micros(UNIT))),
        }
        self.drain()
    }

    fn push(&mut self, source: usize, lane: Option<u32>) -> Checked {
        let id = self.sources[source];
        let was_full = self.dispatcher.is_full(id);
        match self.dispatcher.push(self.now, id, lane.and_then(Lane::new)) {
            Ok(handle) => {
                let seq = self.dispatcher.seq_of(handle).ok_or("broken: it has no number")?;
                self.seen.accepted(handle, source, seq, lane)
            }
            Err(PushError::Full) => {
                self.seen.sources[source].starved = true;
                holds(was_full, "an offer is refused for want of room only")
            }
            Err(PushError::Closed) => {
                self.seen.sources[source].ended = true;
                self.seen.may_refuse(source)
            }
            Err(error) => Err(format!("broken: {error}")),
        }
    }

    fn go_on_to(&mut self, now: Time) {
        self.now = now;
        self.seen.goes_on_to(now);
        self.dispatcher.handle_timeout(now);
    }

    fn drain(&mut self) -> Checked {
        loop {
            while let Some(event) = self.dispatcher.poll_event() {
                self.seen.event(event, &self.sources)?;
            }
            let stats = self.dispatcher.stats(self.now);
            let Some(run) = self.dispatcher.poll_dispatch() else {
                break;
            };
            let halted: Vec<u32> = self.dispatcher.halted_lanes().map(Lane::number).collect();
            self.seen.started(run, stats.backing_off + stats.handing_over, &halted)?;
        }
        // what fails when its turn comes tells so without anything that starts
        while let Some(event) = self.dispatcher.poll_event() {
            self.seen.event(event, &self.sources)?;
        }
        self.seen.drained()
    }

    /// What holds in every state at rest.
    pub(crate) fn check(&self) -> Checked {
        let (d, stats) = (&self.dispatcher, self.dispatcher.stats(self.now));
        let halted: Vec<u32> = d.halted_lanes().map(Lane::number).collect();
        self.seen.at_rest(&stats, &halted)?;
        for (source, id) in self.sources.iter().enumerate() {
            let inside = self.seen.inside(source);
            let blocked = d.why_blocked(self.now, *id);
            holds(blocked.is_none() == inside.is_empty(), "it says what it waits for")?;
            let Some(blocked) = blocked else { continue };
            let oldest = inside.iter().map(|item| self.seen.items[*item].seq).min();
            holds(oldest == Some(blocked.seq), "it waits for the oldest")?;
            holds(blocked.waiting + 1 == inside.len() as u64, "it says how many wait")?;
            self.seen.comes_out(source, &inside, d.can_lend(*id))?;
        }
        Ok(())
    }
}
