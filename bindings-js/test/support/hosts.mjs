// What tests need of their host: turns of its loop, its collector, promises settled from outside.

import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Until nothing is ready: all microtasks, and what gives way for a turn. */
export async function quiet() {
  for (let k = 0; k < 5; k++) await turn();
}

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc");

/** Whether everything that is weakly held was collected; it is looked at several times, as collectors are lazy. */
export async function collected(refs) {
  for (let k = 0; k < 20; k++) {
    await turn();
    gc();
    if (refs.every((ref) => ref.deref() === undefined)) return true;
  }
  return false;
}

/** A promise and its ends, and a handler that waits for what the test says. */
export class Gate {
  #waiting = new Map();
  /** The items whose handler was called, in order. */
  started = [];

  handler = (item, attempt) =>
    new Promise((resolve, reject) => {
      this.started.push(item);
      this.#waiting.set(item, { resolve, reject, attempt });
    });

  /** As `handler`, but it ends when it is told to stop. */
  listening = (item, attempt) => {
    attempt.signal.addEventListener("abort", () => this.fail(item, attempt.signal.reason));
    return this.handler(item, attempt);
  };

  ok(item, value = item) {
    this.#take(item).resolve(value);
    return quiet();
  }

  fail(item, error) {
    this.#take(item).reject(error);
    return quiet();
  }

  #take(item) {
    const waiting = this.#waiting.get(item);
    this.#waiting.delete(item);
    return waiting;
  }
}

/** A source that counts how often it was asked and closed. */
export class Counted {
  asked = 0;
  closed = 0;
  #items;

  constructor(items) {
    this.#items = items[Symbol.iterator]();
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  async next() {
    this.asked++;
    return this.#items.next();
  }

  async return() {
    this.closed++;
    return { value: undefined, done: true };
  }
}

export function* naturals() {
  for (let n = 0; ; n++) yield n;
}
