//! The watermark against the naive one: bytes say what happens.

#![no_main]

#[path = "../../tests/watermark/naive.rs"]
mod naive;
#[path = "../../tests/watermark/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|data: &[u8]| world::run(data));
