// @ts-check
import { abortError } from "./errors.js";

/** One run of a handler, as it sees it. */
export class Attempt {
  /** @type {AbortController | undefined} */
  #controller;
  #stopped = false;

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
      if (this.#stopped) this.#controller.abort(stopped());
    }
    return this.#controller.signal;
  }

  /**
   * Tells a handler to stop.
   * @param {Attempt} attempt
   */
  static stop(attempt) {
    attempt.#stopped = true;
    attempt.#controller?.abort(stopped());
  }
}

const stopped = () => abortError("the item was cancelled");
