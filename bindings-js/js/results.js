// @ts-check
import { onAbort } from "./abort.js";
import { FATAL, READY } from "./codes.js";
import { Deferred, ignore, quiet, rejected } from "./promises.js";
import { Queue } from "./queue.js";
import { Source } from "./source.js";
import { State } from "./state.js";

/** @typedef {IteratorResult<any, any>} Result */

/** What the inside of a stream does: it reads the source, and hands out results one per demand. */
export class Results {
  #state;
  #source;
  #settings;
  /** @type {Queue<Deferred<Result>>} Those who wait for a result. */
  #waiting = new Queue();
  #isStarted = false;
  #isAborted = false;
  /** Nothing more comes out, whatever may still run. */
  #isEnded = false;
  /** @type {{ error: unknown } | undefined} What is raised in the end, once. */
  #error;
  /** The source is to be closed, and nothing more is taken from it. */
  #isClosing = false;
  #isClosed = false;
  /** @type {Deferred<unknown>} The source is closed. */
  #closed = new Deferred();
  #forget = ignore;
  /** @type {Deferred<void>} Nothing runs any more, or what does is not waited for. */
  #over = new Deferred();

  /** @type {{ error: unknown } | undefined} With which it was aborted from outside. */
  reason;

  /**
   * @param {any} iterable
   * @param {(item: any, attempt: import("./attempt.js").Attempt) => unknown} handler
   * @param {import("./options.js").Settings} settings
   */
  constructor(iterable, handler, settings) {
    this.#settings = settings;
    this.#source = new Source(iterable, this);
    this.#state = new State(settings, handler, this);
    this.#state.demand = 0;
  }

  // demand

  /** @returns {Promise<Result>} */
  next() {
    try {
      if (this.#isStarted !== true) this.#start();
      if (this.#waiting.size === 0 && this.#isEnded !== true) {
        const result = this.#handOut();
        if (result !== undefined) {
          this.#state.step();
          return Promise.resolve(result);
        }
      }
      return this.#wait();
    } catch (error) {
      return rejected(error);
    }
  }

  /** Stops what runs, and waits for it and for the source, which is closed once. */
  async leave() {
    this.#isEnded = true;
    this.#error = undefined;
    this.#abort();
    await this.#over.promise;
    await this.#closed.promise;
  }

  stats() {
    return this.#state.stats();
  }

  whyBlocked() {
    return this.#state.whyBlocked();
  }

  #start() {
    this.#isStarted = true;
    const { signal } = this.#settings;
    if (signal?.aborted) this.#onAbort();
    else this.#forget = onAbort(signal, this.#onAbort);
  }

  #onAbort = () => {
    // too late to be what ends it
    if (this.#isEnded || this.#isAborted) return;
    this.reason = { error: this.#settings.signal?.reason };
    this.#error = this.reason;
    this.#abort();
  };

  #abort() {
    if (this.#isAborted) return;
    this.#isAborted = true;
    this.#isStarted = true;
    this.#isClosing = true;
    this.#state.close(0);
    this.#state.settle();
    this.#state.plan();
  }

  #wait() {
    /** @type {Deferred<Result>} */
    const waiting = new Deferred();
    this.#waiting.push(waiting);
    this.#state.demand = READY;
    this.#state.settle();
    this.#state.step();
    return waiting.promise;
  }

  /**
   * The next result, if it is there.
   * @returns {Result | undefined}
   */
  #handOut() {
    const slot = this.#state.take();
    if (slot === undefined) return undefined;
    const { what } = this.#state;
    const value = this.#state.shown(slot);
    slot.clear();
    this.#state.drain();
    if (what !== FATAL) return { value, done: false };
    this.#isEnded = true;
    this.#error = { error: value };
    this.#isClosing = true;
    this.#state.plan();
    return undefined;
  }

  /** @param {any} item @param {(item: any) => unknown} keyOf */
  #offerWithKey(item, keyOf) {
    let key;
    let rejected;
    try {
      key = keyOf(item);
    } catch (error) {
      rejected = { error };
    }
    this.#state.offer(item, key, undefined, rejected);
  }

  // what the source tells

  /** @param {() => void} callback */
  enter(callback) {
    this.#state.enter(callback);
  }

  /** @param {any} item */
  came(item) {
    if (this.#isClosing === true) return;
    if (this.#settings.key === undefined) this.#state.offer(item, undefined, undefined, undefined);
    else this.#offerWithKey(item, this.#settings.key);
    this.#state.settleIfDue();
  }

  ended() {
    this.#state.end();
    this.#state.settle();
  }

  /** @param {unknown} error */
  failed(error) {
    if (!this.#isClosing) this.#error ??= { error };
    this.ended();
  }

  // what the state asks

  serve() {
    if (this.#isEnded === true) {
      const forget = this.#forget;
      this.#forget = ignore;
      forget();
    }
    while (this.#waiting.size > 0) {
      const result = this.#isEnded ? undefined : this.#handOut();
      if (result === undefined && !this.#isEnded) return;
      const waiting = /** @type {Deferred<Result>} */ (this.#waiting.shift());
      const raised = this.#error;
      if (result !== undefined) {
        waiting.resolve(result);
      } else if (raised !== undefined) {
        this.#error = undefined;
        waiting.reject(raised.error);
      } else {
        waiting.resolve({ value: undefined, done: true });
      }
    }
    this.#state.demand = 0;
  }

  step() {
    const mayRead = this.#isClosing !== true && this.#isStarted === true && this.#state.isWanting;
    if (mayRead && this.#source.read()) return true;
    // its own next may have ended all
    return this.#isClosing === true && this.#close();
  }

  offer() {
    return false;
  }

  passed() {}

  left() {}

  lost() {}

  drained() {
    this.#isEnded = true;
    this.#over.resolve();
  }

  /** @param {unknown} error */
  broke(error) {
    for (let waiting = this.#waiting.shift(); waiting; waiting = this.#waiting.shift()) {
      waiting.reject(error);
    }
    this.#error = { error };
    this.drained();
    this.#close();
  }

  /** Closes the source, once. In the driver's own step, for the source may ask for something here. */
  #close() {
    if (this.#isClosed) return false;
    this.#isClosed = true;
    this.#isClosing = true;
    this.#closed.resolve(this.#source.close());
    quiet(this.#closed.promise);
    return true;
  }
}
