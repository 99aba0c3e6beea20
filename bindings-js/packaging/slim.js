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
  await load({ module_or_path: await fetched(source) });
}

/** Node fetches no files. It is asked for what reads them by a call, which no bundler follows. */
function fetched(source) {
  const isPlace = typeof source === "string" || source instanceof URL;
  if (!isPlace || !/^file:/i.test(source)) return source;
  const files = globalThis.process?.getBuiltinModule?.("node:fs/promises");
  return files === undefined ? source : files.readFile(new URL(source));
}
