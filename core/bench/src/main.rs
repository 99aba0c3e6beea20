//! Speed, by that of what people use today: `cargo run --release -p inorder-bench`.
//!
//! One process, interleaved rounds, by the rules of the peers. It prints ratios with their middle half, and the limits
//! beside: missed ones are shown, and end nothing. `inorder-bench NAME N` runs one of ours alone, for profiles.

mod ours;
#[rustfmt::skip]
#[allow(clippy::all, clippy::pedantic, clippy::disallowed_methods, reason = "copied as it is")]
mod peers;
mod virtual_time;

use std::sync::Arc;
use std::time::Duration;

use peers::{
    Count, Item, Peer, at_once, bare_loop, btree_map, buffered, copy_loop, current_thread,
    durations, futures_buffered, keyed, keyed_items, keyed_workers_unordered, map_of_locks,
    measure, mpsc_and_task_per_key, one_turn, ordered, quartiles, ratio, reorder, shuffled, uneven,
    vecdeque_of_options, workers_unordered,
};

const ROUNDS: usize = 15;

/// What a peer may take at most, or more than another, by a third.
struct Limit {
    name: &'static str,
    more_than: Option<&'static str>,
    base: &'static str,
    at_most: f64,
}

const fn limit(name: &'static str, base: &'static str, at_most: f64) -> Limit {
    Limit { name, more_than: None, base, at_most }
}

// generic, not a function pointer: that would cost each peer an indirect call per item
fn streams<F, H>(n: u64, handler: H) -> Vec<Peer>
where
    F: Future<Output = u64> + Send + 'static,
    H: Fn(u64) -> F + Copy + Send + 'static,
{
    vec![
        ordered("buffered", n, move |n| buffered(n, handler)),
        ordered("inorder", n, move |n| ours::in_order_map(n, handler)),
        ordered("bare_loop", n, move |n| bare_loop(n, handler)),
        ordered("workers_unordered", n, move |n| workers_unordered(n, handler)),
        ordered("futures_buffered", n, move |n| futures_buffered(n, handler)),
    ]
}

fn lanes(items: &Arc<Vec<Item>>) -> Vec<Peer> {
    vec![
        keyed("mpsc_and_task_per_key", items, mpsc_and_task_per_key),
        keyed("inorder", items, ours::in_order_by_key),
        keyed("keyed_workers_unordered", items, keyed_workers_unordered),
        keyed("map_of_locks", items, map_of_locks),
    ]
}

fn buffers(window: usize) -> Vec<Peer> {
    let arrivals = Arc::new(shuffled(1_000_000, window));
    vec![
        reorder("btree_map", &arrivals, btree_map),
        reorder("inorder", &arrivals, move |arrivals, out| {
            ours::reorder_buffer(arrivals, out, window)
        }),
        reorder("vecdeque_of_options", &arrivals, vecdeque_of_options),
        reorder("copy_loop", &Arc::new((0..1_000_000).collect()), copy_loop),
    ]
}

fn timed_sync(work: impl Fn() -> Count) -> (Duration, Count) {
    current_thread(peers::timed(async { work() }))
}

/// Measures, and prints: the first peer is the base of the table.
fn table(title: &str, mut peers: Vec<Peer>, limits: &[Limit]) {
    measure(&mut peers, ROUNDS);
    println!(
        "\n{title}: time by that of {} (median of {ROUNDS} rounds, middle half), ns per item",
        peers[0].name
    );
    for peer in &peers {
        let [low, middle, high] = ratio(peer, &peers[0]);
        let ns = quartiles(peer.ns.clone())[1];
        println!("  {:26}{middle:8.3}   ({low:.3} to {high:.3}){ns:10.1}", peer.name);
    }
    let find =
        |name: &str| peers.iter().find(|peer| peer.name == name).expect("a peer of the table");
    for Limit { name, more_than, base, at_most } in limits {
        let [_, middle, _] = ratio(find(name), find(base));
        match more_than {
            None => show_limit(&format!("{name} by {base}"), middle, *at_most),
            Some(other) => {
                let [_, others, _] = ratio(find(other), find(base));
                let what = format!("{name} by {base}, more than {other}");
                show_limit(&what, middle - others, *at_most);
            }
        }
    }
}

fn show_limit(what: &str, value: f64, at_most: f64) {
    let verdict = if value <= at_most { "holds" } else { "MISSED" };
    println!("  limit: {what} at most {at_most:.3}: {value:.3}, {verdict}");
}

fn mixed_latencies() {
    const UNORDERED: u64 = 606_474;
    println!(
        "\nmixed latencies in virtual time, 20000 items, 64 at once, by {UNORDERED} us without any order"
    );
    let durations = durations(20_000);
    for (capacity, at_most) in [(64, 6.826), (256, 2.159), (1_024, 1.0)] {
        let took = ours::makespan(&durations, capacity);
        let ratio = took as f64 / UNORDERED as f64;
        println!("  capacity {capacity:<17}{ratio:8.3}{took:32} us");
        show_limit(&format!("capacity {capacity}"), (ratio * 1_000.0).round() / 1_000.0, at_most);
    }
}

fn results_out_of_place() {
    println!("\nresults out of place, of 2000, with uneven durations:");
    for mut peer in streams(2_000, uneven) {
        if peer.name != "workers_unordered" {
            println!("  {:26}{:8}", peer.name, (peer.run)().1.violations);
        }
    }
}

/// What is resident after one and after ten million items.
fn memory() {
    /// What the allocator may keep here and there.
    const SLACK: f64 = 1_024.0;
    type Run = fn(u64);
    let all: [(&str, Run); 2] = [
        ("dispatcher with both time limits", |n| _ = ours::dispatcher_with_limits(n)),
        ("ordered results, at once", |n| {
            current_thread(async move { _ = ours::in_order_map(n, at_once).await });
        }),
    ];
    for (name, run) in all {
        println!("\nresident memory, {name}");
        let after = [1_000_000, 10_000_000].map(|n| {
            run(n);
            let resident = resident();
            match resident {
                Some(kibibytes) => println!("  after {n:>10} items {kibibytes:18} KiB"),
                None => println!("  after {n:>10} items: this system does not tell"),
            }
            resident
        });
        if let [Some(less), Some(more)] = after {
            show_limit("KiB more after ten times as many", more as f64 - less as f64, SLACK);
        }
    }
}

fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// One of ours alone.
fn alone(name: &str, n: u64) {
    match name {
        "at_once" => drop(current_thread(ours::in_order_map(n, at_once))),
        "one_turn" => drop(current_thread(ours::in_order_map(n, one_turn))),
        "dispatcher" => drop(ours::dispatcher(n)),
        "dispatcher_with_limits" => drop(ours::dispatcher_with_limits(n)),
        "keyed" => {
            current_thread(ours::in_order_by_key(keyed_items(n as usize), peers::Log::new()))
        }
        "reorder_buffer" => {
            ours::reorder_buffer(&shuffled(n, 4_096), &mut vec![0; n as usize], 4_096);
        }
        _ => panic!("no bench of ours is called {name}"),
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    if let Some(name) = arguments.next() {
        let n = arguments.next().map_or(1_000_000, |n| n.parse().expect("a number of items"));
        return alone(&name, n);
    }
    let mut at_once_peers = streams(200_000, at_once);
    at_once_peers.extend([
        Peer::new("dispatcher alone", 200_000, || timed_sync(|| ours::dispatcher(200_000))),
        Peer::new("… with time limits", 200_000, || {
            timed_sync(|| ours::dispatcher_with_limits(200_000))
        }),
    ]);
    let limits = [
        limit("inorder", "buffered", 0.4),
        limit("inorder", "futures_buffered", 1.0),
        limit("dispatcher alone", "buffered", 0.25),
        Limit {
            more_than: Some("dispatcher alone"),
            ..limit("… with time limits", "buffered", 0.3)
        },
    ];
    table("ordered results, at once", at_once_peers, &limits);
    table(
        "ordered results, one turn",
        streams(100_000, one_turn),
        &[limit("inorder", "buffered", 0.55), limit("inorder", "futures_buffered", 1.0)],
    );
    table(
        "in order per key",
        lanes(&keyed_items(100_000)),
        &[limit("inorder", "mpsc_and_task_per_key", 0.7)],
    );
    table("reorder buffer, shuffled within 64", buffers(64), &[]);
    let limits = [limit("inorder", "copy_loop", 2.5), limit("inorder", "btree_map", 0.125)];
    table("reorder buffer, shuffled within 4096", buffers(4_096), &limits);
    mixed_latencies();
    results_out_of_place();
    memory();
}
