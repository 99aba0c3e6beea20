//! Checkpoints from anywhere, as bytes and as text.

#![no_main]

#[path = "../../tests/watermark/decoding.rs"]
mod decoding;

libfuzzer_sys::fuzz_target!(|data: &[u8]| decoding::run(data));
