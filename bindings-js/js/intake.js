// @ts-check
import { abortError, onAbort } from "./abort.js";
import * as c from "./codes.js";
import { Deliveries } from "./deliveries.js";
import { OptionsError } from "./errors.js";
import { Iteration } from "./iteration.js";
import { closed, Offers } from "./offers.js";
import { Deferred, ignore, rejected } from "./promises.js";
import { Queue } from "./queue.js";
import { carry, Report } from "./report.js";
import { State } from "./state.js";
import { Ticket } from "./ticket.js";

/** @typedef {import("./slot.js").Slot} Slot */

/** The inside of a processor: who takes its results, who waits for all of them, and its end. */
export class Intake {
  #settings;
  #state;
  #offers;
  /** @type {Deliveries | undefined} */
  #deliveries;
  /** @type {Queue<{ target: number, waiting: Deferred<void>, forget: () => void }>} Their targets never fall. */
  #joins = new Queue();
  /** @type {Iteration | undefined} */
  #loop;
  /** @type {Deferred<any> | undefined} Who waits for the end. */
  #closing;
  #isFinished = false;
  #forget = ignore;
  /** @type {(() => void)[]} What may call the user's code: done when no record is left. */
  #settlements = [];
  #report = new Report();

  /** Everything has left or been reported. */
  isDrained = false;
  /** @type {{ error: unknown } | undefined} The failure that ended all. */
  failure;
  /** @type {{ error: unknown } | undefined} With which it was aborted from outside. */
  reason;

  /**
   * @param {(item: any, attempt: import("./attempt.js").Attempt) => unknown} handler
   * @param {import("./options.js").Settings} settings
   */
  constructor(handler, settings) {
    this.#settings = settings;
    this.#state = new State(settings, handler, this);
    this.#offers = new Offers(settings, this.#state, this);
    const { signal, onResult } = settings;
    if (onResult !== undefined) this.#deliveries = new Deliveries(onResult, this.#state, this);
    if (signal?.aborted) this.#onAbort();
    else this.#forget = onAbort(signal, this.#onAbort);
  }

  // offers

  /** @param {any} item @param {{ key?: unknown, seq?: number, signal?: AbortSignal }} given */
  enqueue(item, given) {
    const { signal } = given;
    if (signal?.aborted) return rejected(signal.reason);
    return this.#offers.enqueue(this.#offers.prepare(item, given), signal);
  }

  /** @param {any} item @param {{ key?: unknown, seq?: number }} given */
  tryEnqueue(item, given) {
    return this.#offers.tryEnqueue(this.#offers.prepare(item, given));
  }

  /** @param {number} index of the item's slot @param {number} epoch */
  cancel(index, epoch) {
    const answer = this.#state.cancel(index, epoch);
    this.#state.settle();
    this.#state.plan();
    return answer;
  }

  // those who wait for all

  /** @param {AbortSignal | undefined} signal */
  join(signal) {
    /** @type {Deferred<void>} */
    const waiting = new Deferred();
    if (signal?.aborted) return rejected(signal.reason);
    const join = { target: this.#offers.nextSeq, waiting, forget: ignore };
    const position = this.#joins.push(join);
    join.forget = onAbort(signal, () => {
      this.#joins.remove(position, join);
      waiting.reject(signal?.reason);
    });
    this.#state.settle();
    return waiting.promise;
  }

  /** @param {number | undefined} timeout @returns {Promise<any>} */
  close(timeout) {
    this.#closing ??= new Deferred();
    this.#state.close(timeout);
    this.#state.settle();
    this.#state.plan();
    return this.#closing.promise;
  }

  stats() {
    return this.#state.stats();
  }

  whyBlocked() {
    return this.#state.whyBlocked();
  }

  // loops

  iterate() {
    this.#checkFree();
    return new Iteration(this, this.#state);
  }

  /** @param {Iteration} loop */
  begin(loop) {
    this.#checkFree();
    this.#loop = loop;
  }

  /** Results flow untaken again. @param {Iteration} loop */
  leave(loop) {
    this.end(loop);
    this.#state.settle();
    this.#state.plan();
  }

  /** There may be another one. @param {Iteration} loop */
  end(loop) {
    if (this.#loop === loop) this.#loop = undefined;
  }

  /**
   * A result came out, or a failure, or the one with which all ends.
   * @param {Ticket | undefined} ticket
   * @param {number} what
   * @param {any} result
   */
  settleTicket(ticket, what, result) {
    if (what === c.FATAL) this.failure = { error: result };
    if (ticket === undefined) return;
    if (what === c.OK) Ticket.resolve(ticket, result);
    else Ticket.reject(ticket, result);
  }

  /** The error of those for whom it is closed. */
  closed() {
    return closed(this.#cause());
  }

  // what the state asks

  serve() {
    if (this.#loop !== undefined) Iteration.serve(this.#loop);
    else if (this.#deliveries === undefined) this.#release();
    this.#offers.tell();
    if (this.#settlements.length > 0) {
      const settlements = this.#settlements;
      this.#settlements = [];
      for (const settle of settlements) settle();
    }
    if (this.#joins.size > 0) this.#wakeJoins();
    if (this.isDrained === true && this.#closing !== undefined) this.#finish(this.#closing);
  }

  step() {
    return this.#deliveries?.step() === true;
  }

  offer() {
    return this.#offers.ask();
  }

  /** @param {Slot} slot @param {number} why */
  passed(slot, why) {
    if (slot.ticket !== undefined) this.#settleWithout(slot.ticket, why);
  }

  /** @param {Slot} slot @param {number} why @param {number} rest */
  left(slot, why, rest) {
    const { ticket, result, failed } = slot;
    if (this.#loop !== undefined) Iteration.left(this.#loop, slot);
    this.#deliveries?.left(slot);
    this.#report.left(slot, rest);
    if (ticket === undefined) return;
    if (why !== c.NO_REASON) {
      this.#settleWithout(ticket, why);
      return;
    }
    this.#settlements.push(() => this.settleTicket(ticket, failed ? c.FAILED : c.OK, result));
  }

  /** @param {number} first @param {number} last */
  lost(first, last) {
    this.#report.lost(first, last);
  }

  drained() {
    this.isDrained = true;
    this.#settlements.push(this.#forget);
  }

  /** @param {unknown} error */
  broke(error) {
    this.failure = { error };
    this.drained();
    this.#offers.fail(error);
    this.#state.abandon((ticket) => Ticket.reject(ticket, error));
    this.serve();
  }

  // helpers

  /** Settles tickets as results come, where nobody else takes them. */
  #release() {
    for (;;) {
      const slot = this.#state.take();
      if (slot === undefined) return;
      const { what } = this.#state;
      const { ticket, result } = slot;
      slot.clear();
      // before what the records say: it may ask for the cause
      if (what === c.FATAL) this.failure = { error: result };
      this.#state.drain();
      this.settleTicket(ticket, what, result);
      if (what !== c.OK && ticket !== undefined) Ticket.watch(ticket);
    }
  }

  #wakeJoins() {
    const oldest = this.#state.oldest();
    for (let join = this.#joins.peek(); join !== undefined; join = this.#joins.peek()) {
      const { target, waiting, forget } = join;
      if (oldest >= 0 && oldest < target) return;
      this.#joins.shift();
      forget();
      if (this.failure === undefined) waiting.resolve();
      else waiting.reject(this.failure.error);
    }
  }

  /** @param {Deferred<any>} closing */
  #finish(closing) {
    if (this.#isFinished) return;
    this.#isFinished = true;
    const report = this.#report.made(this.stats().released);
    if (this.failure === undefined) {
      closing.resolve(report);
    } else {
      const { error } = this.failure;
      carry(error, report);
      closing.reject(error);
    }
  }

  /** @param {Ticket} ticket @param {number} why */
  #settleWithout(ticket, why) {
    if (why === c.BY_CANCEL) {
      Ticket.leave(ticket, cancelled, true);
    } else {
      // made when asked for: most are asked by nobody
      const cause = this.#cause();
      Ticket.leave(ticket, () => closed(cause), false);
    }
  }

  #cause() {
    return this.failure ?? this.#state.failure() ?? this.reason;
  }

  #onAbort = () => {
    this.reason = { error: this.#settings.signal?.reason };
    this.close(0);
  };

  #checkFree() {
    if (this.#deliveries !== undefined) {
      throw new OptionsError("onResult takes the results already: there is nothing to iterate");
    }
    if (this.#loop !== undefined)
      throw new OptionsError("there is a loop over the results already");
  }
}

const cancelled = () => abortError("the item was cancelled");
