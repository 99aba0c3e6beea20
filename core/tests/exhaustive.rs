//! Every state that the dispatcher can reach with few items, each looked at from all sides.
//!
//! A state is what decides the future: the dispatcher in its canonical form, and what its driver has seen. From the
//! first one every command that makes sense is given, and so on from each new one, breadth first: what is printed for a
//! violation is a shortest way to it. `cargo test --release -p inorder --test exhaustive -- --ignored --nocapture` goes
//! on for hours; `INORDER_EXHAUSTIVE` names the one policy that is wanted, `INORDER_EXHAUSTIVE_DEPTH` how many commands.

#[path = "exhaustive/acts.rs"]
mod acts;
#[path = "model/config.rs"]
mod config;
#[path = "exhaustive/driver.rs"]
mod driver;
#[path = "exhaustive/futures.rs"]
mod futures;
#[path = "exhaustive/known.rs"]
mod known;
#[path = "exhaustive/rest.rs"]
mod rest;
#[path = "exhaustive/seen.rs"]
mod seen;
#[path = "exhaustive/setups.rs"]
mod setups;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use driver::World;
use inorder::OnFailure;
use setups::{Setup, Size};

/// What was found in a space.
#[derive(Debug, Default)]
struct Space {
    states: usize,
    commands: usize,
    depth: usize,
    /// No command led out of it any more.
    is_whole: bool,
}

/// Two hashes of a state: that two of so few states have both in common will not be seen.
fn fingerprint(world: &World) -> (u64, u64) {
    let key = world.key();
    let hash = |seed: u64| {
        let mut hasher = DefaultHasher::new();
        (seed, &key).hash(&mut hasher);
        hasher.finish()
    };
    (hash(1), hash(2))
}

fn explore(setup: &Setup) -> Result<Space, String> {
    let mut space = Space::default();
    let (mut seen, mut frontier) = (HashSet::new(), vec![World::new(setup)]);
    seen.insert(fingerprint(&frontier[0]));
    space.states = 1;
    while space.depth < setup.depth {
        let (mut next, before) = (Vec::new(), space.states);
        for world in frontier {
            for act in acts::of(setup, &world) {
                let mut after = world.clone();
                let told =
                    |error: String| format!("{setup:?}\n{:?}\n{error}", after_path(&world, act));
                after.apply(act).map_err(told)?;
                space.commands += 1;
                if seen.insert(fingerprint(&after)) {
                    let told = |error: String| format!("{setup:?}\n{:?}\n{error}", after.path);
                    after.check().and_then(|()| futures::check(&after)).map_err(told)?;
                    space.states += 1;
                    // what is not gone on from need not be kept
                    if space.depth + 1 < setup.depth {
                        next.push(after);
                    }
                }
            }
        }
        if space.states == before {
            space.is_whole = true;
            break;
        }
        space.depth += 1;
        frontier = next;
    }
    Ok(space)
}

fn after_path(world: &World, act: acts::Act) -> Vec<acts::Act> {
    let mut path = world.path.clone();
    path.push(act);
    path
}

fn walk(policy: OnFailure, size: Size) {
    let mut sum = Space { is_whole: true, ..Space::default() };
    let setups = setups::of(policy, size);
    for setup in &setups {
        let space = explore(setup).unwrap_or_else(|error| panic!("{error}"));
        println!("{setup:?}: {space:?}");
        sum.states += space.states;
        sum.commands += space.commands;
        sum.depth = sum.depth.max(space.depth);
        sum.is_whole &= space.is_whole;
    }
    println!("{policy:?}, {} setups: {sum:?}", setups.len());
    assert!(sum.states > 1_000 * setups.len(), "most of the space was not reached");
}

#[test]
fn the_first_states_under_fail() {
    walk(OnFailure::Fail, Size::Small);
}

#[test]
fn the_first_states_under_emit() {
    walk(OnFailure::Emit, Size::Small);
}

#[test]
fn the_first_states_under_skip() {
    walk(OnFailure::Skip, Size::Small);
}

#[test]
fn the_first_states_under_dead_letter() {
    walk(OnFailure::DeadLetter, Size::Small);
}

#[test]
fn the_first_states_under_halt_key() {
    walk(OnFailure::HaltKey, Size::Small);
}

#[test]
#[ignore = "takes long: part of soaking"]
fn every_state_of_three_items() {
    let wanted = std::env::var("INORDER_EXHAUSTIVE").unwrap_or_default();
    for policy in setups::POLICIES {
        if format!("{policy:?}").starts_with(&wanted) {
            walk(policy, Size::Whole);
        }
    }
}
