// @ts-check
import { FATAL } from "./codes.js";
import { Deferred, rejected } from "./promises.js";
import { Queue } from "./queue.js";

/** @typedef {IteratorResult<any, any>} Result */

/** A loop over the results of a processor: what is not asked for is held. */
export class Iteration {
  #intake;
  #state;
  /** @type {Queue<Deferred<Result>>} */
  #waiting = new Queue();
  /** @type {import("./slot.js").Slot | undefined} What the loop has in hand. */
  #lent;
  #isStarted = false;
  #isOver = false;

  /** @param {import("./intake.js").Intake} intake @param {import("./state.js").State} state */
  constructor(intake, state) {
    this.#intake = intake;
    this.#state = state;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  /** @returns {Promise<Result>} */
  next() {
    try {
      if (!this.#isStarted) {
        if (this.#isOver) return Promise.resolve({ value: undefined, done: true });
        this.#intake.begin(this);
        this.#isStarted = true;
      }
      /** @type {Deferred<Result>} */
      const waiting = new Deferred();
      this.#waiting.push(waiting);
      this.#state.settle();
      if (this.#isOver) this.#serve();
      this.#state.wake();
      return waiting.promise;
    } catch (error) {
      return rejected(error);
    }
  }

  /** @param {any} [value] @returns {Promise<Result>} */
  async return(value) {
    const isInside = this.#isStarted && !this.#isOver;
    this.#isOver = true;
    if (isInside) {
      this.#serve();
      this.#intake.leave(this);
    }
    return { done: true, value };
  }

  /** @param {Iteration} loop */
  static serve(loop) {
    loop.#serve();
  }

  /**
   * The processor was stopped with this one inside.
   * @param {Iteration} loop
   * @param {import("./slot.js").Slot} slot
   */
  static left(loop, slot) {
    if (loop.#lent === slot) loop.#lent = undefined;
  }

  #serve() {
    while (this.#waiting.size > 0) {
      this.#giveBack();
      const slot = this.#isOver ? undefined : this.#state.lend();
      if (slot !== undefined) this.#handOut(slot);
      else if (this.#isOver || this.#intake.isDrained) this.#end();
      else return;
    }
    if (this.#isOver) this.#giveBack();
  }

  /** @param {import("./slot.js").Slot} slot */
  #handOut(slot) {
    const waiting = /** @type {Deferred<Result>} */ (this.#waiting.shift());
    const { what } = this.#state;
    const value = this.#state.shown(slot);
    const { ticket, result } = slot;
    this.#lent = slot;
    slot.item = undefined;
    slot.result = undefined;
    slot.ticket = undefined;
    if (what === FATAL) {
      this.#isOver = true;
      this.#intake.end(this);
      this.#giveBack();
    }
    this.#intake.settleTicket(ticket, what, result);
    if (what === FATAL) waiting.reject(result);
    else waiting.resolve({ value, done: false });
  }

  #giveBack() {
    const slot = this.#lent;
    if (slot === undefined) return;
    this.#lent = undefined;
    slot.clear();
    this.#state.released(slot);
    this.#state.drain();
  }

  #end() {
    const waiting = /** @type {Deferred<Result>} */ (this.#waiting.shift());
    const { failure } = this.#intake;
    const isRaised = this.#isOver || failure === undefined;
    this.#isOver = true;
    this.#intake.end(this);
    if (isRaised) waiting.resolve({ value: undefined, done: true });
    else waiting.reject(failure.error);
  }
}
