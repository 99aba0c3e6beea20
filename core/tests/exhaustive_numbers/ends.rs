//! What must be possible from every state: to work until nothing is left, and to stop.

use crate::account::{Checked, Fate, holds};
use crate::acts::{self, Act};
use crate::prints::{Prints, print_of};
use crate::world::World;

/// More steps than any state is away from its end.
const MOST_STEPS: usize = 100;

/// The states of which it is known that they come to an end.
#[derive(Default)]
pub(crate) struct Ends(Prints);

impl Ends {
    pub(crate) fn check(&mut self, world: &World) -> Checked {
        self.can_end(world.clone()).map_err(|error| format!("working on: {error}"))?;
        can_stop(world.clone()).map_err(|error| format!("stopping: {error}"))
    }

    /// Offers the number that is missing, works and takes until nothing is left.
    fn can_end(&mut self, mut world: World) -> Checked {
        let mut way = Vec::new();
        loop {
            let print = print_of(&world.form());
            if self.0.has(print) {
                break;
            }
            holds(!way.contains(&print), "every item leaves")?;
            way.push(print);
            if world.account.is_drained {
                holds(world.dispatcher.is_empty(), "nothing is kept after the end")?;
                break;
            }
            let act = next_to_end(&world).ok_or("broken: every item leaves")?;
            world.apply(act)?;
        }
        // only now: one that comes by itself again does not end
        for print in way {
            self.0.insert(print);
        }
        Ok(())
    }
}

fn next_to_end(world: &World) -> Option<Act> {
    let acts = acts::of(world);
    let is_missing = Act::Offer { seq: world.account.expected };
    let wanted: [&dyn Fn(&Act) -> bool; 5] = [
        &|act| *act == Act::Released,
        &|act| matches!(act, Act::Complete { is_ok: true, .. }),
        &|act| *act == Act::Lend,
        // it always fits
        &|act| *act == is_missing,
        &|act| *act == Act::End,
    ];
    wanted.iter().find_map(|is| acts.iter().copied().find(|act| is(act)))
}

/// Stops at once: handlers that are deaf are reported, and all is over.
fn can_stop(mut world: World) -> Checked {
    world.stop()?;
    for _ in 0..MOST_STEPS {
        let Some(due) = world.dispatcher.poll_timeout() else { break };
        world.now = due;
        world.dispatcher.handle_timeout(due);
        while world.dispatcher.poll_event().is_some() {}
    }
    holds(world.dispatcher.is_drained(), "a stop is over after the grace")?;
    holds(!world.dispatcher.can_lend(world.source), "nothing comes out after a stop")?;
    for seq in 0..world.setup.numbers {
        if matches!(world.account.fate(seq), Fate::Running { .. }) {
            world.end_late(seq)?;
        }
    }
    holds(world.dispatcher.is_empty(), "nothing is kept after the end")
}
