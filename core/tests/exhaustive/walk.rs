//! Walks through a space, breadth first: what is printed for a violation is a shortest way to it.
//!
//! Of the states only the ways that lead to them are kept. One that comes next mostly shares all but its last command
//! with the one before, so that going there is one command more.

use std::fmt;
use std::iter::successors;

use crate::acts::{self, Act};
use crate::driver::World;
use crate::futures::Futures;
use crate::prints::{Prints, print_of};
use crate::seen::Checked;
use crate::setups::Setup;
use crate::trace;

/// What was found in a space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Space {
    pub(crate) states: u64,
    pub(crate) commands: u64,
    pub(crate) depth: usize,
    /// No command led to anything new any more.
    pub(crate) is_closed: bool,
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, commands, depth, is_closed } = self;
        let end = if *is_closed { "closed at depth" } else { "all of up to depth" };
        write!(f, "{states} states, {commands} commands, {end} {depth}")
    }
}

/// The ways to all states that are gone on from: of each, the one before it and the number of the command.
struct Ways {
    steps: Vec<(u32, u8)>,
    /// The commands that were met, by their numbers.
    acts: Vec<Act>,
}

impl Ways {
    /// To the first state.
    fn new() -> Self {
        Self { steps: vec![(0, 0)], acts: Vec::new() }
    }

    fn add(&mut self, before: u32, act: Act) {
        let known = self.acts.iter().position(|other| *other == act);
        let number = known.unwrap_or_else(|| {
            self.acts.push(act);
            self.acts.len() - 1
        });
        let number = u8::try_from(number).expect("there are few commands");
        assert!(u32::try_from(self.steps.len()).is_ok(), "there are too many states");
        self.steps.push((before, number));
    }

    fn to(&self, state: u32) -> Vec<Act> {
        let before = |state: &u32| Some(self.steps[*state as usize].0);
        let states = successors(Some(state), before).take_while(|state| *state > 0);
        let acts = states.map(|state| self.acts[usize::from(self.steps[state as usize].1)]);
        let mut acts: Vec<Act> = acts.collect();
        acts.reverse();
        acts
    }
}

/// The way to where one is, with the states on it.
struct Trail {
    way: Vec<Act>,
    worlds: Vec<World>,
}

impl Trail {
    fn new(setup: &Setup) -> Self {
        Self { way: Vec::new(), worlds: vec![World::new(setup)] }
    }

    fn go(&mut self, way: Vec<Act>) -> Result<&World, String> {
        let shared = self.way.iter().zip(&way).take_while(|(a, b)| a == b).count();
        self.worlds.truncate(shared + 1);
        for act in &way[shared..] {
            let mut world = self.worlds[self.worlds.len() - 1].clone();
            world.apply(*act)?;
            self.worlds.push(world);
        }
        self.way = way;
        Ok(&self.worlds[self.worlds.len() - 1])
    }
}

/// Goes everywhere; `look` is told of each new state with its form.
pub(crate) fn explore(
    setup: &Setup,
    mut look: impl FnMut(World, &[u64]) -> Checked,
) -> Result<Space, String> {
    let (mut seen, mut ways) = (Prints::default(), Ways::new());
    seen.insert(print_of(&World::new(setup).form()));
    let mut space = Space { states: 1, ..Space::default() };
    let mut level = 0..1;
    while space.depth < setup.depth {
        let (before, mut trail) = (seen.len(), Trail::new(setup));
        for state in level.clone() {
            let world = trail.go(ways.to(state))?;
            for act in acts::of(setup, world) {
                let mut after = world.clone();
                let told = |error: String| {
                    let way = [ways.to(state), vec![act]].concat();
                    format!("{setup:?}\n{way:?}\n{error}\n{}", trace::written(setup, &way, &error))
                };
                after.apply(act).map_err(told)?;
                space.commands += 1;
                let form = after.form();
                if seen.insert(print_of(&form)) {
                    look(after, &form).map_err(told)?;
                    // what is not gone on from need not be kept
                    if space.depth + 1 < setup.depth {
                        ways.add(state, act);
                    }
                }
            }
        }
        space.states = seen.len() as u64;
        if seen.len() == before {
            space.is_closed = true;
            break;
        }
        space.depth += 1;
        level = level.end..ways.steps.len() as u32;
    }
    Ok(space)
}

/// Looks at each state from all sides.
pub(crate) fn walk(setup: &Setup) -> Result<Space, String> {
    let mut futures = Futures::default();
    explore(setup, |world, form| {
        world.check()?;
        futures.check(world, form)
    })
}
