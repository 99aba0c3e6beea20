// @ts-check
import { onAbort } from "./abort.js";
import * as c from "./codes.js";
import {
  ClosedError,
  DuplicateError,
  FullError,
  LateError,
  OptionsError,
  TooFarError,
} from "./errors.js";
import { Heap } from "./heap.js";
import { Deferred, ignore, rejected } from "./promises.js";
import { Queue } from "./queue.js";
import { Ticket } from "./ticket.js";

/** What is offered, and, where it has to wait, for what. */
class Offer {
  /** @type {Ticket | number | undefined} Accepted, or why not. */
  answer;
  /** @type {Deferred<Ticket> | undefined} */
  waiting;
  /** No longer listens to the caller's signal. */
  forget = ignore;
  rank = 0;
  arrival = 0;
  place = -1;

  /**
   * @param {any} item
   * @param {unknown} key
   * @param {number | undefined} seq
   * @param {{ error: unknown } | undefined} rejected
   */
  constructor(item, key, seq, rejected) {
    this.item = item;
    this.key = key;
    this.seq = seq;
    this.rejected = rejected;
  }
}

/**
 * What is offered to a processor: an offer is accepted, refused, or waits. Whether there is room, and for which number, is
 * the core's to say: those that wait are asked in turn once it says that there is some. Who comes first is first, but by
 * number where the callers give them, for room moves up from the lowest.
 */
export class Offers {
  #settings;
  #state;
  #owner;
  /** @type {Heap<Offer>} */
  #waiting = new Heap();
  #arrivals = 0;
  /** @type {Queue<Offer>} No longer waiting, and not told so yet. */
  #answered = new Queue();

  /** One more than the highest number accepted. */
  nextSeq = 0;

  /**
   * @param {import("./options.js").Settings} settings
   * @param {import("./state.js").State} state
   * @param {import("./intake.js").Intake} owner
   */
  constructor(settings, state, owner) {
    this.#settings = settings;
    this.#state = state;
    this.#owner = owner;
  }

  /**
   * An offer with its key, which is asked for once.
   * @param {any} item
   * @param {{ key?: unknown, seq?: number }} given
   */
  prepare(item, { key, seq }) {
    const { key: keyOf, sequenced } = this.#settings;
    if ((seq !== undefined) !== sequenced) {
      const when = sequenced ? "needed: sequenced is true" : "only for sequenced: true";
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
    return new Offer(item, key, seq, rejected);
  }

  /** @param {Offer} offer @param {AbortSignal | undefined} signal @returns {Promise<Ticket>} */
  enqueue(offer, signal) {
    // the function for the key may have had it aborted
    if (signal?.aborted) return rejected(signal.reason);
    const answer = this.#accept(offer);
    if (typeof answer !== "number") return Promise.resolve(answer);
    if (!canWait(answer)) return rejected(this.#refusal(answer));
    const waiting = new Deferred();
    offer.waiting = waiting;
    offer.arrival = this.#arrivals++;
    offer.rank = offer.seq ?? offer.arrival;
    this.#waiting.add(offer);
    if (signal !== undefined) {
      offer.forget = onAbort(signal, () => {
        this.#waiting.remove(offer);
        waiting.reject(signal.reason);
      });
    }
    return waiting.promise;
  }

  /** @param {Offer} offer */
  tryEnqueue(offer) {
    const answer = this.#accept(offer);
    if (typeof answer !== "number") return answer;
    if (canWait(answer)) this.#state.refuse();
    throw this.#refusal(answer);
  }

  /** Offers the first of those that wait; true where one was accepted, and the next may be. */
  ask() {
    for (let offer = this.#waiting.first; offer !== undefined; offer = this.#waiting.first) {
      const answer = this.#offer(offer);
      if (typeof answer === "number" && canWait(answer)) return false;
      this.#waiting.remove(offer);
      offer.answer = answer;
      this.#answered.push(offer);
      if (typeof answer !== "number") return true;
    }
    return false;
  }

  /** Tells those that wait no longer. What is told may come back to here. */
  tell() {
    for (let offer = this.#answered.shift(); offer; offer = this.#answered.shift()) {
      const { answer, waiting, forget } = offer;
      forget();
      if (typeof answer === "number") waiting?.reject(this.#refusal(answer));
      else waiting?.resolve(/** @type {Ticket} */ (answer));
    }
  }

  /** Has all that wait fail. @param {unknown} error */
  fail(error) {
    for (let offer = this.#waiting.first; offer !== undefined; offer = this.#waiting.first) {
      this.#waiting.remove(offer);
      offer.forget();
      offer.waiting?.reject(error);
    }
  }

  /** @param {Offer} offer @returns {Ticket | number} */
  #accept(offer) {
    const answer = this.#offer(offer);
    if (typeof answer === "number") return answer;
    this.#state.settleIfDue();
    this.#state.wake();
    return answer;
  }

  /** @param {Offer} offer @returns {Ticket | number} */
  #offer({ item, key, seq, rejected }) {
    const slot = this.#state.offer(item, key, seq, rejected);
    if (typeof slot === "number") return slot;
    const ticket = new Ticket(this.#owner, slot);
    slot.ticket = ticket;
    if (slot.seq >= this.nextSeq) this.nextSeq = slot.seq + 1;
    return ticket;
  }

  /** @param {number} answer */
  #refusal(answer) {
    if (answer === c.FULL) return new FullError();
    if (answer === c.DUPLICATE) return new DuplicateError();
    if (answer === c.LATE) return new LateError();
    if (answer === c.TOO_FAR) return new TooFarError();
    return this.#owner.closed();
  }
}

/** Whether the core tells when such an offer may be made again. @param {number} answer */
function canWait(answer) {
  return answer === c.FULL || answer === c.TOO_FAR;
}

/** @param {{ error: unknown } | undefined} cause */
export function closed(cause) {
  return new ClosedError(undefined, cause && { cause: cause.error });
}
