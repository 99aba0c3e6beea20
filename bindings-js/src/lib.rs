//! The core of inorder as WebAssembly: numbers in, numbers out.
//!
//! No payload, function or text of the user's crosses this border, so nothing of the user's can run inside it.

mod buffer;
mod core;

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// Returns the version of the package.
#[must_use]
#[wasm_bindgen]
pub fn package_version() -> String {
    env!("CARGO_PKG_VERSION").into()
}

/// Returns the memory in which the cells of each [`core::Core`] lie.
#[must_use]
#[wasm_bindgen]
pub fn shared_memory() -> JsValue {
    wasm_bindgen::memory()
}

/// Returns the largest limit there can be.
#[must_use]
#[wasm_bindgen]
pub fn most() -> u32 {
    inorder::MAX_ITEMS as u32
}
