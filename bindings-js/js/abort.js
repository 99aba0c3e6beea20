// @ts-check
// The host's way to stop things.

/**
 * The error of what was cancelled, as the host has it.
 * @param {string} message
 */
export function abortError(message) {
  return new DOMException(message, "AbortError");
}

/**
 * Calls back once when a signal is aborted. A signal need not be the host's: its functions may be anybody's code.
 * @param {AbortSignal | undefined} signal
 * @param {() => void} callback
 * @returns {() => void} stops listening
 */
export function onAbort(signal, callback) {
  if (signal === undefined) return nothing;
  signal.addEventListener("abort", callback, { once: true });
  return () => signal.removeEventListener("abort", callback);
}

const nothing = () => {};
