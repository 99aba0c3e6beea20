// @ts-check
import { Deferred, rejected, resolved } from "./promises.js";

/** @typedef {{ cancel(slot: number, epoch: number): boolean }} Canceller */

const PENDING = 0;
const OK = 1;
const FAILED = 2;
/** Without a result: its error is made when somebody asks, for most are asked by nobody. */
const LEFT = 3;

/** Failed tickets whose result nobody has read. Made with the first: most programs never need it. */
/** @type {FinalizationRegistry<{ seq: number, message: string }> | undefined} */
let unread;

/** @param {{ seq: number, message: string }} failure */
function warn({ seq, message }) {
  console.warn(`inorder: item ${seq} failed, and nobody asked for its result: ${message}`);
}

/** What `enqueue` gives for an accepted item. It is no promise itself, so that waiting for room is not waiting for work. */
export class Ticket {
  /** @type {Canceller | undefined} Until it is done: a ticket that is kept keeps no processor. */
  #owner;
  #slot;
  #epoch;
  #seq;
  #status = PENDING;
  #isCancelled = false;
  /** @type {unknown} */
  #value;
  /** @type {Deferred<unknown> | undefined} */
  #deferred;
  /** @type {Promise<unknown> | undefined} */
  #promise;

  /** @param {Canceller} owner @param {import("./slot.js").Slot} slot */
  constructor(owner, { index, epoch, seq }) {
    this.#owner = owner;
    this.#slot = index;
    this.#epoch = epoch;
    this.#seq = seq;
  }

  get seq() {
    return this.#seq;
  }

  get done() {
    return this.#status !== PENDING;
  }

  get cancelled() {
    return this.#isCancelled;
  }

  get result() {
    if (this.#promise === undefined) this.#promise = this.#read();
    return this.#promise;
  }

  cancel() {
    return this.#owner?.cancel(this.#slot, this.#epoch) ?? false;
  }

  #read() {
    if (this.#status === OK) return resolved(this.#value);
    if (this.#status === LEFT) {
      this.#reject(/** @type {() => unknown} */ (this.#value)());
    }
    if (this.#status === FAILED) {
      unread?.unregister(this);
      return rejected(this.#value);
    }
    this.#deferred = new Deferred();
    return this.#deferred.promise;
  }

  /** @param {unknown} error */
  #reject(error) {
    this.#owner = undefined;
    this.#status = FAILED;
    this.#value = error;
    this.#deferred?.reject(error);
  }

  // for the processor; not methods, so that users do not see them

  /** @param {Ticket} ticket @param {unknown} value */
  static resolve(ticket, value) {
    ticket.#owner = undefined;
    ticket.#status = OK;
    ticket.#value = value;
    ticket.#deferred?.resolve(value);
  }

  /** @param {Ticket} ticket @param {unknown} error */
  static reject(ticket, error) {
    ticket.#reject(error);
  }

  /**
   * There is no result.
   * @param {Ticket} ticket
   * @param {() => unknown} makeError
   * @param {boolean} isCancelled
   */
  static leave(ticket, makeError, isCancelled) {
    ticket.#isCancelled = isCancelled;
    ticket.#owner = undefined;
    ticket.#status = LEFT;
    ticket.#value = makeError;
    if (ticket.#deferred !== undefined) ticket.#reject(makeError());
  }

  /**
   * Has it said when a failed ticket goes whose result nobody read.
   * @param {Ticket} ticket
   */
  static watch(ticket) {
    if (ticket.#promise !== undefined) return;
    unread ??= new FinalizationRegistry(warn);
    unread.register(ticket, { seq: ticket.#seq, message: text(ticket.#value) }, ticket);
  }
}

/** @param {any} error */
function text(error) {
  try {
    return String(error?.message ?? error);
  } catch {
    return "an error that cannot be shown";
  }
}
