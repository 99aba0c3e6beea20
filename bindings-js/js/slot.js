// @ts-check
import { FAILED, OK } from "./codes.js";

/**
 * What belongs to a slot: of the item that is in it now. Its two callbacks are made once, for at most one attempt uses
 * a slot at a time, detached ones included.
 */
export class Slot {
  seq = 0;
  /** How many items there were in the slot, with this one: which of them it is. */
  epoch = 0;
  /** @type {Slot | undefined} Among those that are dispatched and not begun, who stands before it. */
  before = undefined;
  /** @type {Slot | undefined} And who behind. */
  behind = undefined;
  /** Why its attempt is to stop, or 0. */
  why = 0;
  /** The number of the last attempt. */
  number = 0;
  /** @type {any} */
  item = undefined;
  /** @type {unknown} */
  key = undefined;
  /** @type {any} What the handler gave, its error if it failed. */
  result = undefined;
  failed = false;
  /** @type {import("./ticket.js").Ticket | undefined} */
  ticket = undefined;
  /** @type {import("./attempt.js").Attempt | undefined} What runs. */
  attempt = undefined;

  /** @param {number} index @param {import("./state.js").State} state */
  constructor(index, state) {
    this.index = index;
    /** @param {unknown} value */
    this.ok = (value) => state.ended(this, OK, value);
    /** @param {unknown} error */
    this.bad = (error) => state.ended(this, FAILED, error);
  }

  /** Forgets the item, but not the attempt that may still run. */
  clear() {
    this.item = undefined;
    this.key = undefined;
    this.result = undefined;
    this.failed = false;
    this.ticket = undefined;
  }
}

/** Slots in a line, which is made of themselves: nothing to allocate, and little to do where it is nearly empty. */
export class Line {
  /** @type {Slot | undefined} */
  #first = undefined;
  /** @type {Slot | undefined} */
  #last = undefined;

  get isEmpty() {
    return this.#first === undefined;
  }

  /** @param {Slot} slot that stands in no line */
  push(slot) {
    const last = this.#last;
    this.#last = slot;
    if (last === undefined) {
      this.#first = slot;
    } else {
      last.behind = slot;
      slot.before = last;
    }
  }

  /**
   * As `remove` of the first, in half the steps: this is done for each item, and before the first there is none.
   *
   * @returns {Slot | undefined}
   */
  shift() {
    const slot = this.#first;
    if (slot === undefined) return undefined;
    const { behind } = slot;
    this.#first = behind;
    if (behind === undefined) {
      this.#last = undefined;
    } else {
      behind.before = undefined;
      slot.behind = undefined;
    }
    return slot;
  }

  /** @param {Slot} slot that stands in it */
  remove(slot) {
    const { before, behind } = slot;
    if (before === undefined) this.#first = behind;
    else before.behind = behind;
    if (behind === undefined) this.#last = before;
    else behind.before = before;
    slot.before = undefined;
    slot.behind = undefined;
  }
}
