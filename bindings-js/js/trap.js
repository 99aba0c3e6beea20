// @ts-check
// The border: what a trap of the module means, and what its numbers stand for.
import { shared_memory } from "#core";
import { BrokenError, InOrderError, OptionsError } from "./errors.js";

/** The module trapped: nothing of it can be trusted any more. @type {BrokenError | undefined} */
let broken;
/** It is there: with `inorder/slim`, not before `init`. */
let isLoaded = false;

/**
 * What a call of the module raised: a trap breaks it for good.
 * @param {unknown} error
 * @returns {unknown}
 */
export function trapped(error) {
  if (!isTrap(error)) return error;
  broken ??= new BrokenError(undefined, { cause: error });
  return broken;
}

/**
 * A call within which the stack ends does not come back either: the next one finds the object in use, which it never is
 * else, for no code of the user's runs in a call.
 * @param {unknown} error
 */
function isTrap(error) {
  if (error instanceof WebAssembly.RuntimeError) return true;
  return error instanceof Error && error.message.startsWith("recursive use");
}

/**
 * Lets go of a trap where the host calls: those who wait have been told.
 * @param {unknown} error
 */
export function swallow(error) {
  if (error !== broken) throw error;
}

/**
 * Makes something of the module; a text that it throws is about an option.
 * @template T
 * @param {() => T} make
 * @returns {T}
 */
export function construct(make) {
  if (broken !== undefined) throw broken;
  if (!isLoaded) checkLoaded();
  try {
    return make();
  } catch (error) {
    throw typeof error === "string" ? new OptionsError(error) : trapped(error);
  }
}

function checkLoaded() {
  try {
    shared_memory();
    isLoaded = true;
  } catch (error) {
    // there is nothing yet to be called, or the stack has ended
    if (!(error instanceof TypeError)) throw error;
    const text =
      'the module is not loaded: "inorder/slim" needs `await init()` before anything else';
    throw new InOrderError(text, { cause: error });
  }
}

/**
 * A number that takes two cells.
 * @param {number} high
 * @param {number} low its 31 lowest bits
 */
export const whole = (high, low) => (high === 0 ? low : high * 2 ** 31 + low);
