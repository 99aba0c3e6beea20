// @ts-check
import { refuse } from "./options.js";
import { follow, isThenable, quiet } from "./promises.js";

/** Where a stream's items come from: any iterable, read one item at a time, and closed once. */
export class Source {
  /** @type {any} */
  #iterator;
  #isAsync;
  #iterable;
  #isReading = false;
  #isOver = false;
  #results;

  /**
   * @param {any} iterable
   * @param {import("./results.js").Results} results what is told of each item, of the end and of an error
   */
  constructor(iterable, results) {
    this.#isAsync = typeof iterable?.[Symbol.asyncIterator] === "function";
    if (!this.#isAsync && typeof iterable?.[Symbol.iterator] !== "function") {
      refuse("source", iterable, "iterable or async iterable");
    }
    this.#iterable = iterable;
    this.#results = results;
  }

  /** Reads the next item. False where it comes later, or not at all. */
  read() {
    if (this.#isReading === true || this.#isOver === true) return false;
    this.#isReading = true;
    try {
      const step = (this.#iterable === undefined ? this.#iterator : this.#open()).next();
      if (this.#isAsync === true) {
        follow(Promise.resolve(step), this.#came, this.#failed);
        return false;
      }
      this.#isReading = false;
      return this.#take(step);
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  /**
   * Closes it, where it has not ended by itself.
   * @returns {Promise<unknown> | undefined} to be waited for, unless it is stuck in its own next
   */
  close() {
    if (this.#isOver) return undefined;
    this.#isOver = true;
    try {
      const iterator = this.#open();
      this.#iterator = undefined;
      const closing = iterator.return?.();
      if (!isThenable(closing)) return undefined;
      const closed = quiet(Promise.resolve(closing));
      return this.#isReading ? undefined : closed;
    } catch (error) {
      return quiet(Promise.reject(error));
    }
  }

  #open() {
    if (this.#iterable !== undefined) {
      const method = this.#isAsync ? Symbol.asyncIterator : Symbol.iterator;
      const iterable = this.#iterable;
      this.#iterable = undefined;
      this.#iterator = iterable[method]();
    }
    return this.#iterator;
  }

  /** @param {any} step */
  #take(step) {
    if (typeof step !== "object" || step === null) {
      throw new TypeError(`the source's next gave ${String(step)}, not an object`);
    }
    const { done } = step;
    // the first costs an engine less, and is what most say
    if (done !== false && done) {
      this.#end();
      this.#results.ended();
      return false;
    }
    this.#results.came(step.value);
    return true;
  }

  /** @param {any} step */
  #came = (step) => {
    if (this.#isOver) return;
    this.#results.enter(() => {
      try {
        this.#take(step);
      } catch (error) {
        this.#fail(error);
      }
      // not before: the function for the key may ask for more, and there may be room for one
      this.#isReading = false;
    });
  };

  /** @param {unknown} error */
  #failed = (error) => {
    if (!this.#isOver) this.#results.enter(() => this.#fail(error));
  };

  /** @param {unknown} error */
  #fail(error) {
    this.#end();
    this.#results.failed(error);
  }

  #end() {
    this.#isOver = true;
    this.#iterator = undefined;
  }
}
