//! What a fuzzer says to a dispatcher: commands, to it and to the naive model; or anything, in any order.

use crate::lots::Lots;
use crate::pair::Pair;
use crate::steps::{self, Case, End, Mix};
use crate::{torment, trace};

/// A run that is longer shows nothing that two do not.
const MOST: usize = 400;

pub(crate) fn run(data: &[u8]) {
    let mut lots = Lots::said(data);
    if lots.one_in(3) {
        return torment::dispatcher(&mut lots, MOST as u32);
    }
    let end = if lots.one_in(2) { End::Abort } else { End::Drain };
    let config = steps::config(&mut lots);
    let mix = Mix::new(&mut lots);
    let mut steps = mix.first(&mut lots);
    while !lots.is_over() && steps.len() < MOST {
        steps.push(mix.step(&mut lots));
    }
    let case = Case { config, steps, end };
    if let Err(wrong) = Pair::tried(&case, None) {
        eprintln!("{wrong}\n{case:#?}");
        panic!("{}", trace::of(&Pair::tried, &case, "A run of a fuzzer"));
    }
}
