//! Hashes in place of states: 128 bits, so that no two of so many states will have the same.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// The hashes of the states that were seen.
#[derive(Default)]
pub(crate) struct Prints(HashSet<u128, BuildHasherDefault<AsItIs>>);

impl Prints {
    /// Whether it is new.
    pub(crate) fn insert(&mut self, print: u128) -> bool {
        self.0.insert(print)
    }

    pub(crate) fn has(&self, print: u128) -> bool {
        self.0.contains(&print)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Two chains, each with constants of its own: a word is mixed in by the product with one of them, whose halves are
/// folded.
pub(crate) fn print_of(form: &[u64]) -> u128 {
    let (mut a, mut b) = (0x243F_6A88_85A3_08D3_u64, 0x1319_8A2E_0370_7344_u64);
    for word in form {
        a = fold(a ^ word, 0x9E37_79B9_7F4A_7C15).wrapping_add(a.rotate_left(23));
        b = fold(b ^ word.rotate_left(32), 0xD6E8_FEB8_6659_FD93).wrapping_add(b.rotate_left(41));
    }
    let (a, b) = (fold(a ^ form.len() as u64, b | 1) ^ a, fold(b, a | 1) ^ b);
    u128::from(a) << 64 | u128::from(b)
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// What is hashed is a hash.
#[derive(Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, print: u128) {
        self.0 = print as u64;
    }
}
