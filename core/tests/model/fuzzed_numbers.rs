//! What a fuzzer says to a sequencer: steps, to it and to the model of plain lists; or any number at any time, to it and
//! to what is built on it.

use crate::lots::Lots;
use crate::{lists, upset};

pub(crate) fn run(data: &[u8]) {
    let mut lots = Lots::said(data);
    match lots.below(7) {
        0 => upset::buffer(&mut lots),
        1 => upset::sequencer(&mut lots),
        2 => upset::resequencer(&mut lots),
        wrap => {
            let wrap = [None, Some(8), Some(16), Some(32)][wrap as usize - 3];
            // a step takes two or three bytes
            let steps = (data.len() / 2).min(600);
            lists::compare("fuzzed", &mut |below| lots.below(below), steps, wrap);
        }
    }
}
