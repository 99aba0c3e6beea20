//! Every state that the dispatcher can reach with few items, each looked at from all sides.
//!
//! A state is what decides the future: the dispatcher in its canonical form, and what its driver has seen. From the
//! first one every command that makes sense is given, and so on from each new one, breadth first: what is printed for a
//! violation, and written as a vector, is a shortest way to it.
//!
//! `cargo test --release -p inorder --test exhaustive -- --ignored --nocapture` goes on for hours; `INORDER_EXHAUSTIVE`
//! names the one policy that is wanted, `INORDER_EXHAUSTIVE_DEPTH` how many commands.

#[path = "exhaustive/acts.rs"]
mod acts;
#[path = "exhaustive/alike.rs"]
mod alike;
#[path = "model/config.rs"]
mod config;
#[path = "exhaustive/driver.rs"]
mod driver;
#[path = "exhaustive/futures.rs"]
mod futures;
#[path = "exhaustive/known.rs"]
mod known;
#[path = "exhaustive/prints.rs"]
mod prints;
#[path = "exhaustive/rest.rs"]
mod rest;
#[path = "exhaustive/same.rs"]
mod same;
#[path = "exhaustive/seen.rs"]
mod seen;
#[path = "exhaustive/setups.rs"]
mod setups;
#[path = "exhaustive/soak.rs"]
mod soak;
#[path = "exhaustive/trace.rs"]
mod trace;
#[path = "vectors/mod.rs"]
mod vectors;
#[path = "exhaustive/walk.rs"]
mod walk;
#[path = "model/words.rs"]
mod words;

use config::Config;
use inorder::OnFailure;
use setups::{Extra, Setup, Size};
use walk::Space;

/// All policies, or the one that is asked for.
fn wanted() -> impl Iterator<Item = OnFailure> {
    let wanted = std::env::var("INORDER_EXHAUSTIVE").unwrap_or_default();
    setups::POLICIES.into_iter().filter(move |policy| format!("{policy:?}").starts_with(&wanted))
}

fn walk(policy: OnFailure, size: Size) {
    let mut sum = Space { is_closed: true, ..Space::default() };
    let setups = setups::of(policy, size);
    for setup in &setups {
        let space = walk::walk(setup).unwrap_or_else(|error| panic!("{error}"));
        println!("{setup:?}: {space}");
        sum.states += space.states;
        sum.commands += space.commands;
        sum.depth = sum.depth.max(space.depth);
        sum.is_closed &= space.is_closed;
    }
    println!("{policy:?}, {} setups: {sum:?}", setups.len());
    assert!(sum.states > 200 * setups.len() as u64, "most of the space was not reached");
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
fn what_is_the_same_does_the_same() {
    let depth = setups::environment("INORDER_ALIKE_DEPTH", 4);
    for policy in wanted() {
        for setup in setups::alike(policy, depth) {
            let found = alike::compare(&setup).unwrap_or_else(|error| panic!("{error}"));
            println!("{setup:?}: {} states, {} forms", found.states, found.forms);
            assert!(found.forms < found.states, "nothing was left out");
        }
    }
}

#[test]
fn a_capacity_of_as_many_as_there_are_items_is_any_larger_one() {
    for setup in setups::alike(OnFailure::HaltKey, 5) {
        for (capacity, is_same) in [(2, false), (3, true)] {
            let config = Config { capacity, ..setup.config };
            let found = alike::is_any_capacity(&Setup { config, ..setup }, 4);
            assert_eq!(found, Ok(is_same), "{setup:?}, capacity {capacity}");
        }
    }
}

#[test]
#[ignore = "takes long: part of soaking"]
fn every_state_of_three_items() {
    let mut all: Vec<_> = wanted().flat_map(|policy| setups::of(policy, Size::Whole)).collect();
    // the small ones first, so that what can be finished is
    all.sort_by_key(|setup| (setup.extra == Extra::Rest, setup.config.concurrency));
    soak::run(&all);
}
