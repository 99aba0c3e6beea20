// The module's bytes are a file of their own: call `init` before anything else.
import load from "#core";

export * from "../js/index.js";

/**
 * Fetches and compiles the module; a second call waits for the first.
 * @param {RequestInfo | URL | Response | BufferSource | WebAssembly.Module} [source]
 *   where to take it from; without it, the file beside this one.
 * @returns {Promise<void>}
 */
export default async function init(source = new URL("./inorder.wasm", import.meta.url)) {
  await load({ module_or_path: source });
}
