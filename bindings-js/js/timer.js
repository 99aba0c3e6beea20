// @ts-check
import * as clock from "./clock.js";

/** Calls back at the time that was set last. A host's timer may be early, or unable to wait for as long. */
export class Timer {
  #callback;
  /** @type {unknown} */
  #handle = undefined;
  /** In microseconds, or -1. */
  #due = -1;

  /** @param {() => void} callback may set it anew, else it is called again until it does */
  constructor(callback) {
    this.#callback = callback;
  }

  /** @param {number} due in microseconds, or -1 */
  set(due) {
    clock.clear(this.#handle);
    this.#due = due;
    this.#arm();
  }

  #arm() {
    this.#handle = this.#due < 0 ? undefined : clock.set(this.#onTime, this.#due);
  }

  #onTime = () => {
    this.#handle = undefined;
    this.#callback();
    if (this.#handle === undefined) this.#arm();
  };
}
