//! The asyncio driver of inorder.

use pyo3::prelude::*;

/// The native half of the package.
#[pymodule]
mod _inorder {
    use pyo3::prelude::*;

    /// Returns the version of the package.
    #[pyfunction]
    fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}
