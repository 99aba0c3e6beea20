//! Sequencers against a model of plain lists, and against any number: bytes say what happens.

#![no_main]

extern crate alloc;

#[path = "../../tests/model/fuzzed_numbers.rs"]
mod fuzzed_numbers;
#[path = "../../src/sequencer/tests/model.rs"]
mod lists;
#[path = "../../tests/model/lots.rs"]
mod lots;
#[path = "../../tests/model/upset.rs"]
mod upset;

use inorder::{
    Insert, OnGap, OnRestart, Seq, SequenceError, Sequencer, SequencerEvent, SequencerOptions, Time,
};

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed_numbers::run(data));
