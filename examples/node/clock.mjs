// Time for the examples: real, or virtual, where a clock moves only when nothing is left to do.

import { setImmediate as turn } from "node:timers/promises";

/** The host's time. `now` in microseconds. */
export const real = {
  now: () => Math.round(performance.now() * 1000),
  sleep: (microseconds) => new Promise((resolve) => setTimeout(resolve, microseconds / 1000)),
};

/**
 * Virtual time, in whole microseconds: sleeps end in order of (due time, start of the sleep), one at a time, and
 * everything that one sets off is done before the next ends.
 */
export class VirtualClock {
  #now = 0;
  #started = 0;
  #sleepers = []; // a binary heap

  now = () => this.#now;

  sleep = (microseconds) =>
    new Promise((wake) =>
      this.#push({ due: this.#now + microseconds, number: this.#started++, wake }),
    );

  /** Runs a promise to its end. Rejects if it waits for what cannot come. */
  async run(promise) {
    let done = false;
    const end = () => (done = true);
    promise.then(end, end);
    for (;;) {
      // All microtasks run within one turn; a second one is for those who give way for a turn themselves.
      await turn();
      await turn();
      if (done) return promise;
      const next = this.#pop();
      if (!next) throw new Error("nothing is ready and nobody sleeps");
      this.#now = next.due;
      next.wake();
    }
  }

  #push(sleeper) {
    const heap = this.#sleepers;
    let at = heap.push(sleeper) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(sleeper, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = sleeper;
  }

  #pop() {
    const heap = this.#sleepers;
    const first = heap[0];
    const last = heap.pop();
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
      if (child >= heap.length || !before(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

const before = (a, b) => a.due < b.due || (a.due === b.due && a.number < b.number);
