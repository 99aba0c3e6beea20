//! Messages that a socket delivers out of order, twice, or too late: each is used once, in its turn.

use inorder::{ReorderBuffer, SequencerOptions};

const ARRIVALS: [(u64, &str); 8] = [
    (0, "open"),
    (2, "bid 101"),
    (1, "bid 100"),
    (1, "bid 100"),
    (5, "close"),
    (5, "close"),
    (3, "bid 102"),
    (4, "sold"),
];

fn main() {
    let mut buffer = ReorderBuffer::new(SequencerOptions::new().start(0).capacity(64));
    for (number, text) in ARRIVALS {
        println!("{number} is {}", buffer.insert(number, text).name());
        while let Some((number, text)) = buffer.pop() {
            println!("   {number}: {text}");
        }
        // Asks for what is missing as soon as something is held behind it.
        for (first, last) in buffer.missing() {
            println!("   missing {first} to {last}");
        }
    }
}
