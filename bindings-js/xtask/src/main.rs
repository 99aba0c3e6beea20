//! Turns the compiled bindings into a module and its glue:
//! `inorder-js-xtask INPUT.wasm OUTPUT_DIRECTORY`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let input = arguments.next().context("the path of the compiled .wasm is missing")?;
    let output = arguments.next().context("the directory to write to is missing")?;
    Bindgen::new()
        .input_path(&input)
        .web(true)?
        // Without it the glue names `import.meta`, which scripts cannot parse.
        .omit_default_module_path(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .typescript(true)
        .generate(&output)
        .with_context(|| format!("cannot bind {}", input.display()))
}
