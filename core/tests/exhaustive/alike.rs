//! States that are taken for the same do the same: what the form of a state leaves out decides nothing.
//!
//! A small space is walked once with nothing left out, all that the program holds of a state written out, counters, times
//! and names too. Of any two states there that have the same form each command of the one must lead to a form to which
//! some command of the other leads. (With that, and as each state is checked by what is in the form alone, one of each
//! form is enough.)

use std::collections::hash_map::{Entry, HashMap};
use std::collections::{BTreeSet, HashSet};

use crate::acts::{self, Act};
use crate::config::Config;
use crate::driver::World;
use crate::prints::print_of;
use crate::setups::Setup;
use crate::walk::explore;

/// How many states there were, and how many forms.
pub(crate) struct Forms {
    pub(crate) states: usize,
    pub(crate) forms: usize,
}

/// # Errors
/// Two states of one form that do not do the same.
pub(crate) fn compare(setup: &Setup) -> Result<Forms, String> {
    let mut seen = HashSet::new();
    let mut after: HashMap<u128, (World, BTreeSet<u128>)> = HashMap::new();
    let mut frontier = vec![World::new(setup)];
    for _ in 0..setup.depth {
        let mut next = Vec::new();
        for world in frontier {
            let mut ways = BTreeSet::new();
            for act in acts::of(setup, &world) {
                let mut other = world.clone();
                other.apply(act)?;
                ways.insert(print_of(&other.form()));
                if seen.insert(whole(&other)) {
                    other.check()?;
                    next.push(other);
                }
            }
            match after.entry(print_of(&world.form())) {
                Entry::Vacant(entry) => drop(entry.insert((world, ways))),
                Entry::Occupied(entry) if entry.get().1 == ways => {}
                Entry::Occupied(entry) => {
                    let (other, others) = entry.get();
                    let (one, two) = (apart(setup, &world, others), apart(setup, other, &ways));
                    return Err(format!("{setup:?}\n{one:#?}\n{two:#?}\n{world:?}\n{other:?}"));
                }
            }
        }
        frontier = next;
    }
    Ok(Forms { states: seen.len(), forms: after.len() })
}

/// Whether the same states can be reached with another capacity, told apart by nothing but that.
pub(crate) fn is_any_capacity(setup: &Setup, other: usize) -> Result<bool, String> {
    let forms = |capacity| {
        let mut forms = BTreeSet::new();
        let config = Config { capacity, ..setup.config };
        let space = explore(&Setup { config, ..*setup }, |_, form| {
            // the second word is the capacity
            let (start, rest) = (form[0], &form[2..]);
            forms.insert(print_of(&[&[start], rest].concat()));
            Ok(())
        })?;
        Ok::<_, String>((space, forms))
    };
    Ok(forms(setup.config.capacity)? == forms(other)?)
}

/// The commands that lead to other forms than these.
fn apart(setup: &Setup, world: &World, forms: &BTreeSet<u128>) -> Vec<(Act, Vec<u64>)> {
    let acts = acts::of(setup, world).into_iter().map(|act| {
        let mut after = world.clone();
        let _ = after.apply(act);
        (act, after.form())
    });
    acts.filter(|(_, form)| !forms.contains(&print_of(form))).collect()
}

/// All that is held of a state.
fn whole(world: &World) -> u128 {
    let words = format!("{world:?}").into_bytes();
    let words = words
        .chunks(8)
        .map(|chunk| chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
    print_of(&words.collect::<Vec<u64>>())
}
