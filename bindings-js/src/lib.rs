//! The core of inorder as WebAssembly: numbers in, numbers out.

use wasm_bindgen::prelude::wasm_bindgen;

/// Returns the version of the package.
#[must_use]
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").into()
}
