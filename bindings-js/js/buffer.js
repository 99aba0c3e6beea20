// @ts-check
import { Numbers } from "#core";
import * as options from "./options.js";
import { construct } from "./trap.js";

const READY = 0;
const HELD = 1;
/** What became of an item, by the module's numbers. */
const ANSWERS = ["ready", "held", "duplicate", "late", "tooFar"];

/** A bounded buffer: items go in by number as they come, and come out in order. */
export class ReorderBuffer {
  #numbers;
  /** The items, by the remainder of their number. */
  #items;
  #mask;

  /** @param {any} [given] */
  constructor(given) {
    const { start, capacity } = options.ofBuffer(given);
    this.#numbers = construct(() => new Numbers(start, capacity));
    const size = this.#numbers.span();
    this.#mask = size - 1;
    /** @type {any[]} */
    this.#items = new Array(size).fill(undefined);
  }

  /** @param {number} seq @param {any} item */
  insert(seq, item) {
    if (!(Number.isSafeInteger(seq) && seq >= 0)) options.sequenceNumber("seq", seq);
    const answer = this.#numbers.insert(seq);
    if (answer === READY || answer === HELD) this.#items[seq & this.#mask] = item;
    return ANSWERS[answer];
  }

  pop() {
    const seq = this.#numbers.pop();
    if (seq < 0) return undefined;
    const at = seq & this.#mask;
    const item = this.#items[at];
    this.#items[at] = undefined;
    return [seq, item];
  }

  missing() {
    const ends = this.#numbers.missing();
    return Array.from({ length: ends.length / 2 }, (_, k) => [ends[2 * k], ends[2 * k + 1]]);
  }

  /** @param {number} seq */
  skipTo(seq) {
    options.sequenceNumber("seq", seq);
    this.#numbers.skip_to(seq);
  }

  get next() {
    return this.#numbers.next();
  }

  get size() {
    return this.#numbers.size();
  }
}
