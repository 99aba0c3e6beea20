//! inorder without an operating system: no `std`, no futures, an allocator of one's own.
//!
//! `cargo build --target thumbv7em-none-eabihf` builds it for a microcontroller; `cargo run` runs the same node on a host,
//! and says what it would send.

#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

#[cfg(target_os = "none")]
mod board;
mod node;

#[cfg(not(target_os = "none"))]
fn main() {
    for sent in node::run() {
        println!("{sent:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::node::{self, Sent};

    #[test]
    fn what_was_lost_is_said_in_its_place_and_all_else_is_in_order() {
        let sent = node::run();
        let number = |sent: &Sent| match *sent {
            Sent::Reading { number, celsius } => {
                assert_eq!(celsius, i32::from(number) / 8, "it was converted");
                (number, number)
            }
            Sent::Lost { first, last } => (first, last),
        };
        let numbers: Vec<_> = sent.iter().map(number).collect();
        let expected = [(253, 253), (254, 254), (255, 255), (0, 0), (1, 1), (2, 3), (4, 4), (5, 5)];
        assert_eq!(numbers, expected);
        assert!(sent.contains(&Sent::Lost { first: 2, last: 3 }));
    }
}
