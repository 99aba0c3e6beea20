//! What must be possible from every state: to work until nothing is left, and to stop. Old handles change nothing.

use inorder::{Completion, Outcome, Resume, RunKind};

use crate::acts::Act;
use crate::driver::World;
use crate::known::Life;
use crate::seen::{Checked, holds};

pub(crate) fn check(world: &World) -> Checked {
    is_deaf_to_the_past(world)?;
    can_end(world.clone()).map_err(|error| format!("working on: {error}"))?;
    can_stop(world.clone()).map_err(|error| format!("stopping: {error}"))
}

/// Ends of attempts that are over, and handles of items that left, change nothing that decides anything.
fn is_deaf_to_the_past(world: &World) -> Checked {
    let (mut other, before) = (world.dispatcher.clone(), world.dispatcher.canonical());
    let now = world.now;
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
        if known.has_left {
            holds(!other.cancel(now, known.handle) || runs, "an old handle is stale")?;
        }
        if known.has_left || !known.is_lent {
            holds(!other.released(now, known.handle), "what is not lent is not taken back")?;
            holds(!other.undelivered(now, known.handle), "what is not lent is not undelivered")?;
        }
    }
    holds(other.canonical() == before, "old handles and attempts change nothing")
}

/// Works, resumes, waits and takes until nothing is left.
fn can_end(mut world: World) -> Checked {
    world.apply(Act::Pause { paused: false })?;
    for source in 0..world.sources.len() {
        world.apply(Act::End { source })?;
    }
    for _ in 0..24 {
        for item in 0..world.seen.items.len() {
            let known = &world.seen.items[item];
            if known.is_lent && !known.has_left {
                world.apply(Act::Released { item })?;
            }
            if matches!(world.seen.items[item].life, Life::Running(_)) {
                world.apply(Act::Complete { item, outcome: Outcome::Ok })?;
            }
        }
        let lanes: Vec<_> = world.dispatcher.halted_lanes().collect();
        for lane in lanes {
            world.apply(Act::Resume { lane, how: Resume::Skip })?;
        }
        for source in 0..world.sources.len() {
            if world.dispatcher.can_lend(world.sources[source]) {
                world.apply(Act::Lend { source })?;
            }
        }
        if world.seen.items.iter().all(|known| known.has_left) {
            holds(world.dispatcher.is_empty(), "what has left is forgotten")?;
            return world.check();
        }
        world.apply(Act::Due)?;
    }
    Err("broken: every item leaves".into())
}

/// Stops at once: handlers that are deaf are reported, and all is over.
fn can_stop(mut world: World) -> Checked {
    world.apply(Act::Close { timeout: Some(0) })?;
    let runs = |world: &World, item: usize| matches!(world.seen.items[item].life, Life::Running(_));
    for known in &world.seen.items {
        let is_running = matches!(known.life, Life::Running(RunKind::Handler | RunKind::HandOver));
        holds(known.has_left || is_running, "only what runs is waited for")?;
    }
    while world.dispatcher.poll_timeout().is_some() && world.path.len() < 100 {
        world.apply(Act::Due)?;
    }
    holds(world.dispatcher.is_drained(), "a stop is over after the grace")?;
    holds(world.dispatcher.poll_timeout().is_none(), "nothing is due when all is over")?;
    holds(world.seen.items.iter().all(|known| known.has_left), "every item is reported")?;
    for item in 0..world.seen.items.len() {
        if runs(&world, item) {
            world.apply(Act::Complete { item, outcome: Outcome::Ok })?;
        }
    }
    holds(world.dispatcher.is_empty(), "nothing is kept after the end")
}
