//! The numbers of a reorder buffer; its items stay in JavaScript.

use inorder::{Insert, SequencerOptions, Window};
use wasm_bindgen::prelude::wasm_bindgen;

/// A [`Window`].
#[wasm_bindgen]
#[derive(Debug)]
pub struct Numbers {
    window: Window,
}

#[wasm_bindgen]
impl Numbers {
    /// Begins at `start`. What is not given is the core's default.
    ///
    /// # Errors
    /// The text says what is out of its bounds.
    #[wasm_bindgen(constructor)]
    pub fn new(start: Option<f64>, capacity: Option<u32>) -> Result<Self, String> {
        let mut options = SequencerOptions::new();
        if let Some(start) = start {
            options = options.start(start as u64);
        }
        if let Some(capacity) = capacity {
            options = options.capacity(capacity as usize);
        }
        let window = Window::new(options).map_err(|error| error.to_string())?;
        Ok(Self { window })
    }

    /// The lowest number that was not popped.
    #[must_use]
    pub fn next(&self) -> f64 {
        self.window.next() as f64
    }

    /// How many places an array needs in which items lie by the remainder of their number: a power of two.
    #[must_use]
    pub fn span(&self) -> u32 {
        self.window.span() as u32
    }

    /// How many are in.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.window.len() as u32
    }

    /// The ranges that are missing, one after the other: first, last, first, last.
    #[must_use]
    pub fn missing(&self) -> Vec<f64> {
        self.window.missing().flat_map(|(first, last)| [first as f64, last as f64]).collect()
    }

    /// Takes a number in: 0 ready, 1 held, 2 duplicate, 3 late, 4 too far.
    pub fn insert(&mut self, seq: f64) -> u32 {
        match self.window.insert(seq as u64) {
            Insert::Ready => 0,
            Insert::Held => 1,
            Insert::Duplicate => 2,
            // without a checkpoint, and without an eye on restarts, the last two do not come
            Insert::Late | Insert::Restored | Insert::Suspect => 3,
            Insert::TooFar => 4,
        }
    }

    /// Lets the next number leave and returns it, or none.
    pub fn pop(&mut self) -> f64 {
        self.window.pop().map_or(-1.0, |seq| seq as f64)
    }

    /// Gives up what is missing below `seq`.
    pub fn skip_to(&mut self, seq: f64) {
        self.window.skip_to(seq as u64);
    }
}
