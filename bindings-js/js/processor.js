// @ts-check
import { disposable } from "./dispose.js";
import { OptionsError } from "./errors.js";
import { Intake } from "./intake.js";
import * as options from "./options.js";
import { quiet, rejected } from "./promises.js";

/** Takes items one by one for as long as it lives, and works on them in order per key. */
export class Processor {
  #handler;
  #intake;

  /** @param {any} [handler] @param {any} [given] */
  constructor(handler, given) {
    // a class of one's own may be made with options alone
    if (given === undefined && typeof handler === "object") {
      given = handler;
      handler = undefined;
    }
    const isOverridden = isOwn(this);
    if (handler !== undefined) options.handler(handler);
    if (isOverridden === (handler !== undefined)) {
      throw new OptionsError("either handler must be a function, or process overridden");
    }
    this.#handler = handler;
    /** @type {(item: any, attempt: any) => unknown} */
    const process = isOverridden ? (item, attempt) => this.process(item, attempt) : handler;
    this.#intake = new Intake(process, options.ofProcessor(given));
  }

  /** @param {any} item @param {any} attempt @returns {any} */
  process(item, attempt) {
    const handler = this.#handler;
    return handler(item, attempt);
  }

  /** @param {any} item @param {any} [given] */
  enqueue(item, given) {
    try {
      return this.#intake.enqueue(item, options.ofEnqueue(given));
    } catch (error) {
      return rejected(error);
    }
  }

  /** @param {any} item @param {any} [given] */
  tryEnqueue(item, given) {
    return this.#intake.tryEnqueue(item, options.ofTryEnqueue(given));
  }

  /** @param {any} item @param {any} [given] */
  run(item, given) {
    return quiet(this.enqueue(item, given).then((ticket) => ticket.result));
  }

  /** @param {any} [given] */
  join(given) {
    try {
      return this.#intake.join(options.ofJoin(given).signal);
    } catch (error) {
      return rejected(error);
    }
  }

  /** @param {any} [given] */
  close(given) {
    try {
      return this.#intake.close(options.ofClose(given).timeout);
    } catch (error) {
      return rejected(error);
    }
  }

  abort() {
    return this.close({ timeout: 0 });
  }

  stats() {
    return this.#intake.stats();
  }

  whyBlocked() {
    return this.#intake.whyBlocked();
  }

  [Symbol.asyncIterator]() {
    return this.#intake.iterate();
  }
}

disposable(Processor, async function () {
  await this.close();
});

/** Whether a class of the user's has its own. Not in the class: one that names itself gets another name from the build. @param {Processor} processor */
function isOwn({ process }) {
  return process !== Processor.prototype.process;
}
