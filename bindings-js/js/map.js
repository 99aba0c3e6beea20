// @ts-check
import { disposable } from "./dispose.js";
import * as options from "./options.js";
import { ignore, quiet } from "./promises.js";
import { Results } from "./results.js";

/** The results of a stream, in order. */
export class OrderedResults {
  #results;

  /** @param {Results} results */
  constructor(results) {
    this.#results = results;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  next() {
    return this.#results.next();
  }

  /** @param {any} [value] */
  return(value) {
    return quiet(this.#leave().then(() => ({ done: true, value })));
  }

  toArray() {
    return quiet(this.#collect());
  }

  stats() {
    return this.#results.stats();
  }

  whyBlocked() {
    return this.#results.whyBlocked();
  }

  async #collect() {
    const all = [];
    for await (const result of this) all.push(result);
    return all;
  }

  #leave() {
    return quiet(this.#results.leave());
  }
}

disposable(OrderedResults, function () {
  return quiet(this.return().then(ignore));
});

/**
 * @param {any} source
 * @param {any} handler
 * @param {any} [given]
 */
export function map(source, handler, given) {
  options.handler(handler);
  return new OrderedResults(new Results(source, handler, options.ofMap(given)));
}
