//! Every state that a source whose caller gives the numbers can reach with few of them, each compared with a naive
//! account of the numbers and looked at from all sides. As `exhaustive.rs` does it for items without numbers.
//!
//! `INORDER_NUMBERS=4` walks with so many numbers instead of three.

#[path = "exhaustive_numbers/account.rs"]
mod account;
#[path = "exhaustive_numbers/acts.rs"]
mod acts;
#[path = "exhaustive_numbers/ends.rs"]
mod ends;
#[path = "exhaustive/prints.rs"]
mod prints;
#[path = "exhaustive_numbers/world.rs"]
mod world;

use std::collections::VecDeque;
use std::fmt::Write;

use acts::Setup;
use ends::Ends;
use inorder::OnGap;
use prints::{Prints, print_of};
use world::World;

/// Goes everywhere, breadth first, until no command leads to anything new. What is printed for a violation is a shortest
/// way to it.
fn walk(setup: &Setup) -> Result<(usize, usize), String> {
    let (mut seen, mut ends) = (Prints::default(), Ends::default());
    let first = World::new(setup);
    seen.insert(print_of(&first.form()));
    let mut ways = vec![(0, None)];
    let mut edge = VecDeque::from([(0, first)]);
    let mut commands = 0;
    while let Some((state, world)) = edge.pop_front() {
        for act in acts::of(&world) {
            let mut after = world.clone();
            let told = |error: String| {
                let mut text = format!("{setup:?}\n");
                let mut way = vec![act];
                let mut at: usize = state;
                while let (before, Some(act)) = ways[at] {
                    way.push(act);
                    at = before;
                }
                for act in way.iter().rev() {
                    writeln!(text, "  {act:?}").expect("a string takes all");
                }
                text + &error
            };
            after.apply(act).map_err(told)?;
            commands += 1;
            if seen.insert(print_of(&after.form())) {
                ends.check(&after).map_err(told)?;
                ways.push((state, Some(act)));
                edge.push_back((ways.len() - 1, after));
            }
        }
    }
    Ok((seen.len(), commands))
}

fn walk_all(gap: OnGap) {
    let mut sum = (0, 0);
    for setup in acts::setups(gap) {
        let (states, commands) = walk(&setup).unwrap_or_else(|error| panic!("{error}"));
        println!("{setup:?}: {states} states, {commands} commands, closed");
        assert!(states > 200, "most of the space was not reached");
        sum = (sum.0 + states, sum.1 + commands);
    }
    println!("{gap:?}: {} states, {} commands", sum.0, sum.1);
}

#[test]
fn every_state_of_numbers_that_are_waited_for() {
    walk_all(OnGap::Wait);
}

#[test]
fn every_state_of_numbers_that_are_given_up() {
    walk_all(OnGap::Skip);
}

#[test]
fn every_state_of_numbers_that_must_come() {
    walk_all(OnGap::Fail);
}
