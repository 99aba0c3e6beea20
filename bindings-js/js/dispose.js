// @ts-check

/**
 * Gives a class what `await using` calls, where the host has it.
 * @template T
 * @param {{ prototype: T }} type
 * @param {(this: T) => Promise<void>} value
 */
export function disposable({ prototype }, value) {
  if (!Symbol.asyncDispose) return;
  Object.defineProperty(prototype, Symbol.asyncDispose, {
    value,
    configurable: true,
    writable: true,
  });
}
