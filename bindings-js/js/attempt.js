// @ts-check
import { abortError } from "./abort.js";
import { BY_CANCEL, BY_FAILURE } from "./codes.js";

/** One run of a handler, as it sees it. */
export class Attempt {
  /** @type {AbortController | undefined} */
  #controller;
  /** @type {(() => unknown) | undefined} Why it is to stop. */
  #reason;

  /** @param {number} seq @param {number} attempt @param {unknown} key */
  constructor(seq, attempt, key) {
    /** The position of the item in its source. */
    this.seq = seq;
    /** The number of this run, from 1. */
    this.attempt = attempt;
    /** The item's key, or undefined. */
    this.key = key;
  }

  /** Aborted when the handler is to stop. Made when first read: few handlers look. */
  get signal() {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason());
    }
    return this.#controller.signal;
  }

  /**
   * Tells a handler to stop.
   * @param {Attempt} attempt
   * @param {number} why
   * @param {{ error: unknown } | undefined} reason with which everything was aborted from outside
   */
  static stop(attempt, why, reason) {
    attempt.#reason = () => stopped(why, reason);
    attempt.#controller?.abort(attempt.#reason());
  }
}

/** @param {number} why @param {{ error: unknown } | undefined} reason */
function stopped(why, reason) {
  if (why === BY_CANCEL) return abortError("the item was cancelled");
  if (why === BY_FAILURE) return abortError("an item before it failed");
  return reason ? reason.error : abortError("everything is being stopped");
}
