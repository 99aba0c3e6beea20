export * from "./index.js";

/**
 * Fetches and compiles the module; a second call waits for the first.
 *
 * @param source where to take it from; without it, the file beside this one, which Node reads. Before it is there, all that
 *   needs it throws an {@link InOrderError} that says so.
 */
export default function init(
  source?: RequestInfo | URL | Response | BufferSource | WebAssembly.Module,
): Promise<void>;
