//! What must be possible from every state: to work until nothing is left, and to stop. Old handles change nothing.

use std::time::Duration;

use inorder::{Completion, Outcome, Resume, RunKind};

use crate::acts::Act;
use crate::driver::World;
use crate::known::{Known, Life};
use crate::prints::{Prints, print_of};
use crate::seen::{Checked, holds};

/// More steps than any state is away from its end.
const MOST_STEPS: usize = 300;

/// Of which states it is known that they come to an end. What one comes through on its way is not walked again.
#[derive(Default)]
pub(crate) struct Futures {
    ending: Prints,
    stopping: Prints,
    /// What was commanded where something was broken, if that was noted.
    pub(crate) way: Option<Vec<Act>>,
}

impl Futures {
    /// `form` is that of the world.
    pub(crate) fn check(&mut self, mut world: World, form: &[u64]) -> Checked {
        is_deaf_to_the_past(&mut world, form)?;
        let mut end = world.clone();
        let ended = self.can_end(&mut end).map_err(|error| format!("working on: {error}"));
        self.way = end.way;
        ended?;
        let stopped = self.can_stop(&mut world).map_err(|error| format!("stopping: {error}"));
        self.way = world.way;
        stopped
    }

    /// Works, resumes, waits and takes until nothing is left.
    fn can_end(&mut self, world: &mut World) -> Checked {
        if world.seen.paused {
            world.apply(Act::Pause { paused: false })?;
        }
        for source in 0..world.sources.len() {
            if !world.seen.sources[source].ended {
                world.apply(Act::End { source })?;
            }
        }
        let mut way = Vec::new();
        loop {
            let print = print_of(&world.form());
            if self.ending.has(print) {
                break;
            }
            holds(!way.contains(&print), "every item leaves")?;
            way.push(print);
            let is_gone = |known: &Known| known.has_left && !matches!(known.life, Life::Running(_));
            if world.seen.items.iter().all(is_gone) {
                holds(world.dispatcher.is_empty(), "what has left is forgotten")?;
                world.check()?;
                break;
            }
            let act = next_to_end(world);
            world.apply(act)?;
        }
        // only now: one that comes by itself again does not end
        for print in way {
            self.ending.insert(print);
        }
        Ok(())
    }

    /// Stops at once: handlers that are deaf are reported, and all is over.
    fn can_stop(&mut self, world: &mut World) -> Checked {
        world.apply(Act::Close { timeout: Some(0) })?;
        if !self.stopping.insert(print_of(&world.form())) {
            return Ok(());
        }
        let runs =
            |world: &World, item: usize| matches!(world.seen.items[item].life, Life::Running(_));
        for known in &world.seen.items {
            let is_running =
                matches!(known.life, Life::Running(RunKind::Handler | RunKind::HandOver));
            holds(known.has_left || is_running, "only what runs is waited for")?;
        }
        for _ in 0..MOST_STEPS {
            if world.dispatcher.poll_timeout().is_none() {
                break;
            }
            world.apply(Act::Due)?;
        }
        holds(world.dispatcher.is_drained(), "a stop is over after the grace")?;
        holds(world.dispatcher.poll_timeout().is_none(), "nothing is due when all is over")?;
        holds(world.seen.items.iter().all(|known| known.has_left), "every item is reported")?;
        for item in 0..world.seen.items.len() {
            if runs(world, item) {
                world.apply(Act::Complete { item, outcome: Outcome::Ok })?;
            }
        }
        holds(world.dispatcher.is_empty(), "nothing is kept after the end")
    }
}

/// Ends of attempts that are over, handles of items that left, cancels of what is settled, a second close, and what is
/// said of sources that are drained, change nothing that decides anything.
fn is_deaf_to_the_past(world: &mut World, form: &[u64]) -> Checked {
    let (other, now) = (&mut world.dispatcher, world.now);
    for known in &world.seen.items {
        let runs = matches!(known.life, Life::Running(_));
        let attempts = [known.attempt.wrapping_sub(1), known.attempt, known.attempt + 1];
        for attempt in attempts {
            if runs && attempt == known.attempt {
                continue;
            }
            let how = other.complete(now, known.handle, attempt, Outcome::Ok);
            holds(how == Completion::Stale, "an old end is stale")?;
        }
        if !known.has_left && !world.seen.may_be_cancelled(known) {
            other.cancel(now, known.handle);
        }
        if known.has_left {
            holds(!other.cancel(now, known.handle) || runs, "an old handle is stale")?;
        }
        if known.has_left || !known.is_lent {
            holds(!other.released(now, known.handle), "what is not lent is not taken back")?;
            holds(!other.undelivered(now, known.handle), "what is not lent is not undelivered")?;
        }
    }
    for (part, id) in world.seen.sources.iter().zip(world.sources.iter()) {
        if part.is_drained {
            other.end(now, *id);
            other.taking(now, *id, !part.taking);
            other.revoke(now, *id, None);
            other.fence(now, *id);
            holds(other.push(now, *id, None).is_err(), "a drained source accepts nothing")?;
        }
    }
    if world.seen.is_closed {
        other.close(now, None);
    }
    if world.seen.is_stopped() {
        other.close(now, Some(Duration::ZERO));
    }
    holds(world.form() == form, "what is over changes nothing")
}

/// What brings it nearer to the end.
fn next_to_end(world: &World) -> Act {
    for (item, known) in world.seen.items.iter().enumerate() {
        if known.is_lent && !known.has_left {
            return Act::Released { item };
        }
        if matches!(known.life, Life::Running(_)) {
            return Act::Complete { item, outcome: Outcome::Ok };
        }
    }
    if let Some(lane) = world.dispatcher.halted_lanes().next() {
        return Act::Resume { lane, how: Resume::Skip };
    }
    let is_there = |source: &usize| world.dispatcher.can_lend(world.sources[*source]);
    (0..world.sources.len()).find(is_there).map_or(Act::Due, |source| Act::Lend { source })
}
