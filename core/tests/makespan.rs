//! What order costs with mixed latencies, in virtual time: exact figures, the same on every machine.
#![cfg(feature = "futures")]

#[path = "../bench/src/virtual_time.rs"]
mod virtual_time;

use futures::stream::{self, StreamExt};
use inorder::{InOrderExt, Options};

use virtual_time::VirtualTime;

/// Microseconds: even over 0 to 2 ms, and every tenth, by lot, ten times as long.
fn durations(n: usize) -> Vec<u64> {
    let mut state = 7_u32;
    let mut draw = move || {
        state = state.wrapping_add(0x6D2B_79F5);
        let mut t = (state ^ (state >> 15)).wrapping_mul(state | 1);
        t = t.wrapping_add((t ^ (t >> 7)).wrapping_mul(t | 61)) ^ t;
        u64::from(t ^ (t >> 14))
    };
    (0..n).map(|_| ((draw() * 2_000) >> 32) * if draw() % 10 == 0 { 10 } else { 1 }).collect()
}

fn makespan(durations: &[u64], options: Options) -> u64 {
    let time = VirtualTime::default();
    let results =
        stream::iter(durations).in_order_map(options.concurrency(64), |micros| time.sleep(*micros));
    let (took, count) = time.run(results.count());
    assert_eq!(count, durations.len());
    took
}

#[test]
fn capacity_apart_from_concurrency_is_what_order_costs() {
    let durations = durations(20_000);
    let unordered = 606_474;
    assert_eq!(makespan(&durations, Options::new().ordered(false)), unordered);
    // a capacity that is the concurrency is what every deque of tasks and `buffered` do
    for (capacity, expected) in [(64, 4_139_606), (256, 1_309_471), (1_024, unordered)] {
        assert_eq!(
            makespan(&durations, Options::new().capacity(capacity)),
            expected,
            "capacity {capacity}"
        );
    }
}
