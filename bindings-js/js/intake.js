// @ts-check
import { abortError, onAbort } from "./abort.js";
import * as c from "./codes.js";
import {
  ClosedError,
  DuplicateError,
  FullError,
  LateError,
  OptionsError,
  TooFarError,
} from "./errors.js";
import { Iteration } from "./iteration.js";
import { Deferred, follow, ignore, isThenable, rejected } from "./promises.js";
import { Queue } from "./queue.js";
import { State } from "./state.js";
import { Ticket } from "./ticket.js";
import { Failure, Lost } from "./values.js";

/** @typedef {import("./slot.js").Slot} Slot */

/**
 * An offer that is not accepted yet.
 * @typedef {object} Offer
 * @property {any} item
 * @property {unknown} key
 * @property {number | undefined} seq
 * @property {{ error: unknown } | undefined} rejected
 * @property {Deferred<Ticket> | undefined} waiting
 * @property {() => void} forget no longer listens to the caller's signal
 */

/** What the inside of a processor does: offers that wait, tickets, deliveries, joining and closing. */
export class Intake {
  #settings;
  #state;
  /** @type {Set<Offer>} In the order in which they came. */
  #offers = new Set();
  /** @type {Iterator<Offer>} Who is asked next whether there is room. */
  #asking = this.#offers.values();
  /** One more than the highest number accepted. */
  #nextSeq = 0;
  /** @type {Queue<{ target: number, waiting: Deferred<void>, forget: () => void }>} Their targets never fall. */
  #joins = new Queue();
  /** @type {Iteration | undefined} */
  #loop;
  /** @type {Slot | undefined} What `onResult` is busy with. */
  #delivering;
  /** @type {Deferred<any> | undefined} Who waits for the end. */
  #closing;
  #isFinished = false;
  #forget = ignore;
  /** @type {(() => void)[]} What may call the user's code: done when no record is left. */
  #settlements = [];
  #report = {
    /** @type {[number, any][]} */ unfinished: [],
    /** @type {[number, any][]} */ neverStarted: [],
    /** @type {[number, any][]} */ detached: [],
    /** @type {Lost[]} */ lost: [],
  };

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
    const { signal } = settings;
    if (signal?.aborted) this.#onAbort();
    else this.#forget = onAbort(signal, this.#onAbort);
  }

  // offers

  /** @param {Offer} offer @param {AbortSignal | undefined} signal @returns {Promise<Ticket>} */
  enqueue(offer, signal) {
    // the function for the key may have had it aborted
    if (signal?.aborted) return rejected(signal.reason);
    const answer = this.#mustWait() ? c.FULL : this.#accept(offer);
    if (typeof answer !== "number") return Promise.resolve(answer);
    const waiting = new Deferred();
    offer.waiting = waiting;
    if (answer !== c.FULL && answer !== c.TOO_FAR) {
      waiting.reject(this.#refusal(answer));
      return waiting.promise;
    }
    this.#offers.add(offer);
    offer.forget = onAbort(signal, () => {
      this.#offers.delete(offer);
      waiting.reject(signal?.reason);
    });
    return waiting.promise;
  }

  /** @param {Offer} offer */
  tryEnqueue(offer) {
    const answer = this.#accept(offer);
    if (typeof answer !== "number") return answer;
    if (answer === c.FULL || answer === c.TOO_FAR) this.#state.refuse();
    throw this.#refusal(answer);
  }

  /**
   * An offer with its key, which is asked for once.
   * @param {any} item
   * @param {{ key?: unknown, seq?: number }} given
   * @returns {Offer}
   */
  prepare(item, { key, seq }) {
    const { key: keyOf, start } = this.#settings;
    if ((seq === undefined) !== (start === undefined)) {
      const when = start === undefined ? "only for sequenced: true" : "needed: sequenced is true";
      throw new OptionsError(`seq is ${when}`);
    }
    let rejected;
    if (key === undefined && keyOf !== undefined) {
      try {
        key = keyOf(item);
      } catch (error) {
        rejected = { error };
      }
    }
    return { item, key, seq, rejected, waiting: undefined, forget: ignore };
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
    const join = { target: this.#nextSeq, waiting, forget: ignore };
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
   * A result was handed to a loop.
   * @param {Ticket | undefined} ticket
   * @param {number} what
   * @param {any} result
   */
  hand(ticket, what, result) {
    if (ticket === undefined) return;
    if (what === c.OK) Ticket.resolve(ticket, result);
    else Ticket.reject(ticket, result);
  }

  /** The failure with which all ends. @param {Ticket | undefined} ticket @param {unknown} error */
  fatal(ticket, error) {
    this.failure = { error };
    if (ticket !== undefined) Ticket.reject(ticket, error);
  }

  /** @param {Slot} slot */
  asFailure({ result, item, seq, key }) {
    return new Failure(result, item, seq, this.#state.attempt, key);
  }

  // what the state asks

  serve() {
    if (this.#loop !== undefined) Iteration.serve(this.#loop);
    else if (this.#settings.onResult === undefined) this.#release();
    if (this.#settlements.length > 0) {
      const settlements = this.#settlements;
      this.#settlements = [];
      for (const settle of settlements) settle();
    }
    if (this.#joins.size > 0) this.#wakeJoins();
    if (this.isDrained && this.#closing !== undefined) this.#finish(this.#closing);
  }

  /** Hands the next result to `onResult`, one at a time. */
  step() {
    const { onResult } = this.#settings;
    if (onResult === undefined || this.#delivering !== undefined) return false;
    const slot = this.#state.lend();
    if (slot === undefined) return false;
    this.#delivering = slot;
    const { what } = this.#state;
    if (what === c.FATAL) {
      this.fatal(slot.ticket, slot.result);
      this.#takeBack((slot) => this.#state.released(slot));
      return true;
    }
    try {
      const answer = onResult(what === c.OK ? slot.result : this.asFailure(slot));
      if (isThenable(answer)) {
        follow(answer, this.#onDelivered, this.#onUndelivered);
        return false;
      }
    } catch (error) {
      this.#undelivered(error);
      return true;
    }
    this.#delivered();
    return true;
  }

  /** @param {boolean} isFresh */
  offer(isFresh) {
    if (isFresh) this.#asking = this.#offers.values();
    for (;;) {
      const { value: offer, done } = this.#asking.next();
      if (done) return false;
      const answer = this.#tryOffer(offer);
      if (answer === c.FULL) return false;
      if (answer === c.TOO_FAR) continue;
      this.#offers.delete(offer);
      this.#settlements.push(() => {
        offer.forget();
        if (typeof answer !== "number") offer.waiting?.resolve(answer);
        else offer.waiting?.reject(this.#refusal(answer));
      });
      if (typeof answer !== "number") return true;
    }
  }

  /** @param {Slot} slot @param {number} why */
  passed(slot, why) {
    if (slot.ticket !== undefined) this.#settleWithout(slot.ticket, why);
  }

  /** @param {Slot} slot @param {number} why @param {number} rest */
  left(slot, why, rest) {
    const { ticket, item, result, failed, seq } = slot;
    if (this.#loop !== undefined) Iteration.left(this.#loop, slot);
    if (this.#delivering === slot) this.#delivering = undefined;
    if (rest === c.NEVER_STARTED) this.#report.neverStarted.push([seq, item]);
    if (rest === c.UNFINISHED) this.#report.unfinished.push([seq, item]);
    if (rest === c.DETACHED) this.#report.detached.push([seq, item]);
    if (ticket === undefined) return;
    if (why !== c.NO_REASON) {
      this.#settleWithout(ticket, why);
      return;
    }
    this.#settlements.push(() =>
      failed ? Ticket.reject(ticket, result) : Ticket.resolve(ticket, result),
    );
  }

  /** @param {number} first @param {number} last */
  lost(first, last) {
    this.#report.lost.push(new Lost(first, last, undefined));
  }

  drained() {
    this.isDrained = true;
    this.#settlements.push(this.#forget);
  }

  /** @param {unknown} error */
  broke(error) {
    this.failure = { error };
    this.drained();
    for (const { waiting, forget } of this.#offers) {
      forget();
      waiting?.reject(error);
    }
    this.#offers.clear();
    this.#state.abandon((ticket) => Ticket.reject(ticket, error));
    this.serve();
  }

  // helpers

  /** @param {Offer} offer @returns {Ticket | number} */
  #accept(offer) {
    const answer = this.#tryOffer(offer);
    if (typeof answer === "number") return answer;
    this.#state.settle();
    this.#state.wake();
    return answer;
  }

  /** @param {Offer} offer @returns {Ticket | number} */
  #tryOffer({ item, key, seq, rejected }) {
    const slot = this.#state.offer(item, key, seq, rejected);
    if (typeof slot === "number") return slot;
    const ticket = new Ticket(this, slot);
    slot.ticket = ticket;
    this.#nextSeq = Math.max(this.#nextSeq, slot.seq + 1);
    return ticket;
  }

  /** Whether an offer has to stand behind others. With numbers of their own those that fit go first. */
  #mustWait() {
    return this.#offers.size > 0 && this.#settings.start === undefined;
  }

  /** Settles tickets as results come, where nobody else takes them. */
  #release() {
    for (;;) {
      const slot = this.#state.take();
      if (slot === undefined) return;
      const { what } = this.#state;
      const { ticket, result } = slot;
      slot.clear();
      if (what === c.FATAL) this.failure = { error: result };
      this.#state.drain();
      if (ticket === undefined) continue;
      if (what === c.OK) {
        Ticket.resolve(ticket, result);
      } else {
        Ticket.reject(ticket, result);
        Ticket.watch(ticket);
      }
    }
  }

  #delivered() {
    const slot = this.#delivering;
    // it was left behind meanwhile
    if (slot === undefined) return;
    const { ticket, failed, result } = slot;
    this.#takeBack((slot) => this.#state.released(slot));
    if (ticket !== undefined) this.hand(ticket, failed ? c.FAILED : c.OK, result);
  }

  /** @param {unknown} error */
  #undelivered(error) {
    const slot = this.#delivering;
    if (slot === undefined) return;
    this.fatal(slot.ticket, error);
    this.#takeBack((slot) => this.#state.undelivered(slot));
  }

  #onDelivered = () => this.#state.enter(() => this.#delivered());

  /** @param {unknown} error */
  #onUndelivered = (error) => this.#state.enter(() => this.#undelivered(error));

  /** @param {(slot: Slot) => void} command */
  #takeBack(command) {
    const slot = /** @type {Slot} */ (this.#delivering);
    this.#delivering = undefined;
    slot.clear();
    command(slot);
    this.#state.settle();
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
    const { unfinished, neverStarted, detached, lost } = this.#report;
    const report = Object.freeze({
      released: this.stats().released,
      unfinished: payloads(unfinished),
      neverStarted: payloads(neverStarted),
      detached: payloads(detached),
      lost,
    });
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
      const cause = this.#cause();
      Ticket.leave(ticket, () => closed(cause), false);
    }
  }

  /** @param {number} answer */
  #refusal(answer) {
    if (answer === c.FULL) return new FullError();
    if (answer === c.DUPLICATE) return new DuplicateError();
    if (answer === c.LATE) return new LateError();
    if (answer === c.TOO_FAR) return new TooFarError();
    return closed(this.#cause());
  }

  #cause() {
    return this.failure ?? this.#state.failure() ?? this.reason;
  }

  #onAbort = () => {
    this.reason = { error: this.#settings.signal?.reason };
    this.close(0);
  };

  #checkFree() {
    if (this.#settings.onResult !== undefined) {
      throw new OptionsError("onResult takes the results already: there is nothing to iterate");
    }
    if (this.#loop !== undefined)
      throw new OptionsError("there is a loop over the results already");
  }
}

const cancelled = () => abortError("the item was cancelled");

/** @param {{ error: unknown } | undefined} cause */
function closed(cause) {
  return new ClosedError(undefined, cause && { cause: cause.error });
}

/** @param {[number, any][]} pairs */
function payloads(pairs) {
  return pairs.sort(([a], [b]) => a - b).map(([, item]) => item);
}

/** Has an error carry the report, if it can. @param {any} error @param {unknown} report */
function carry(error, report) {
  try {
    error.report = report;
  } catch {
    // a frozen error, or no object at all
  }
}
