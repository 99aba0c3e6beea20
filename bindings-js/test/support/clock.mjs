// The host's time replaced by one that only moves when told to. Whole microseconds inside.

import { setImmediate as turn } from "node:timers/promises";

export class VirtualClock {
  now = 0;
  /** Rises with each thing that happens, so that one can see whether anything did. */
  activity = 0;
  #timers = new Map();
  #count = 0;
  #host = { setTimeout, clearTimeout };

  async install() {
    // the driver looks at the clock once in a turn: not the host's and this one in the same
    await turn();
    globalThis.setTimeout = (callback, wait = 0) => this.set(callback, wait * 1000);
    globalThis.clearTimeout = (timer) => this.#timers.delete(timer);
    Object.defineProperty(performance, "now", {
      value: () => this.now / 1000,
      configurable: true,
    });
  }

  restore() {
    Object.assign(globalThis, this.#host);
    delete performance.now;
  }

  /** Calls back after so many microseconds. */
  set(callback, wait) {
    this.activity++;
    const timer = ++this.#count;
    this.#timers.set(timer, { due: this.now + wait, callback });
    return timer;
  }

  /** Until nothing is ready and no timer is due at this instant. */
  async quiet() {
    for (;;) {
      const before = this.activity;
      // all microtasks run within a turn; the driver itself gives way for one now and then
      for (let k = 0; k < 3; k++) await turn();
      if (this.activity === before && !this.#fire()) return;
    }
  }

  /** The next instant with a timer, not after `until`. */
  next(until) {
    let next;
    for (const { due } of this.#timers.values()) {
      if (due <= until && (next === undefined || due < next)) next = due;
    }
    return next;
  }

  #fire() {
    for (const [timer, { due, callback }] of this.#timers) {
      if (due > this.now) continue;
      this.#timers.delete(timer);
      callback();
      return true;
    }
    return false;
  }
}
