//! The watermark against a naive one under random steps, with a store that is cut, lost and restored; and checkpoints
//! from anywhere.
//!
//! What happens is said by bytes, so that a fuzzer can say it too: the targets in `fuzz` are these very functions, and
//! what it found worth keeping is run here.

#[path = "watermark/decoding.rs"]
mod decoding;
#[path = "watermark/naive.rs"]
mod naive;
#[path = "watermark/world.rs"]
mod world;

use std::path::Path;
use std::{env, fs};

use inorder::{Checkpoint, Received, Watermark};

/// Bytes for all runs together: about two for each step.
const BYTES: u64 = 200_000;

/// SplitMix64.
struct Lots(u64);

impl Lots {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let a = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let b = (a ^ (a >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        b ^ (b >> 31)
    }

    fn below(&mut self, number: usize) -> usize {
        (self.draw() % number as u64) as usize
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.draw() as u8).collect()
    }
}

fn environment(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}"))
    })
}

/// Names its seed if it is dropped in a panic.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}: INORDER_MODEL_SEED={0} INORDER_MODEL_STEPS=1", self.0);
        }
    }
}

#[test]
fn random_steps_agree_with_the_naive_watermark() {
    let budget = environment("INORDER_MODEL_STEPS", BYTES / 2).saturating_mul(2);
    let mut seed = environment("INORDER_MODEL_SEED", 1);
    let mut done = 0;
    while done < budget {
        let _seed = Seed(seed);
        let mut lots = Lots(seed);
        let length = 20 + lots.below(1500);
        world::run(&lots.bytes(length));
        done += length as u64;
        seed += 1;
    }
}

#[test]
fn nothing_that_is_decoded_panics() {
    for seed in 0..4000 {
        let _seed = Seed(seed);
        let mut lots = Lots(seed);
        let length = lots.below(40);
        let mut data = lots.bytes(length);
        // small numbers make more of it valid
        let bits = lots.below(8);
        data.iter_mut().for_each(|byte| *byte >>= bits);
        decoding::run(&data);
    }
}

#[test]
fn what_was_changed_on_its_way_is_refused() {
    for seed in 0..2000 {
        let _seed = Seed(seed);
        let mut lots = Lots(seed);
        let checkpoint = some_checkpoint(&mut lots);
        let bytes = checkpoint.to_bytes(None).expect("there is no limit");
        let mut changed = bytes.clone();
        let at = lots.below(changed.len());
        match lots.below(4) {
            0 => drop(changed.remove(at)),
            1 => changed.insert(at, lots.draw() as u8),
            2 => changed.truncate(at),
            _ => changed[at] ^= 1 << lots.below(8),
        }
        if changed != bytes {
            assert!(Checkpoint::from_bytes(&changed).is_err(), "{bytes:?} {changed:?}");
        }
        decoding::run(&changed);
        // the version and the checksum are put around it again
        decoding::run(changed.get(1..changed.len().saturating_sub(4)).unwrap_or_default());

        let text = checkpoint.to_text(None).expect("there is no limit");
        let mut changed: Vec<char> = text.chars().collect();
        let at = lots.below(changed.len());
        match lots.below(3) {
            0 => drop(changed.remove(at)),
            1 => changed.insert(at, changed[lots.below(changed.len())]),
            _ => changed[at] = char::from_u32(lots.below(0x3000) as u32).unwrap_or('a'),
        }
        let changed: String = changed.into_iter().collect();
        if changed != text {
            assert!(Checkpoint::from_text(&changed).is_err(), "{text} {changed}");
        }
    }
}

/// What a watermark comes to in which some are completed.
fn some_checkpoint(lots: &mut Lots) -> Checkpoint {
    let mut watermark = Watermark::new();
    let mut id = lots.below(1000) as u64;
    for _ in 0..lots.below(60) {
        if let Ok(Received::New(mark)) = watermark.receive(id) {
            if lots.below(3) > 0 {
                watermark.complete(mark);
            }
        }
        id += 1 + lots.below(3) as u64 * lots.below(300) as u64;
    }
    watermark.checkpoint()
}

#[test]
fn what_a_fuzzer_found_worth_keeping_still_holds() {
    replay("watermark", world::run);
    replay("checkpoint", decoding::run);
}

fn replay(target: &str, run: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files = 0;
    for entry in fs::read_dir(&corpus).expect("there is a corpus") {
        let path = entry.expect("it can be read").path();
        run(&fs::read(&path).expect("it can be read"));
        files += 1;
    }
    assert!(files > 0, "{} is empty", corpus.display());
}
