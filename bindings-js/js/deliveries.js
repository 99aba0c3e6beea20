// @ts-check
import { FATAL } from "./codes.js";
import { follow } from "./promises.js";

/** Hands results to `onResult`, one at a time. */
export class Deliveries {
  #onResult;
  #state;
  #owner;
  /** @type {import("./slot.js").Slot | undefined} What it is busy with. */
  #slot;

  /**
   * @param {(result: any) => unknown} onResult
   * @param {import("./state.js").State} state
   * @param {import("./intake.js").Intake} owner
   */
  constructor(onResult, state, owner) {
    this.#onResult = onResult;
    this.#state = state;
    this.#owner = owner;
  }

  /** Hands over the next one. False where there is none, or one takes its time and did so before. */
  step() {
    if (this.#slot !== undefined) return false;
    const slot = this.#state.lend();
    if (slot === undefined) return false;
    this.#slot = slot;
    if (this.#state.what === FATAL) {
      this.#delivered();
      return true;
    }
    // called alone: as a method it would be given what it belongs to
    const onResult = this.#onResult;
    try {
      const answer = onResult(this.#state.shown(slot));
      // what it has begun or cancelled until here has nobody else who sees to it
      if (follow(answer, this.#onDelivered, this.#onUndelivered)) return true;
    } catch (error) {
      this.#undelivered(error);
      return true;
    }
    this.#delivered();
    return true;
  }

  /** The processor was stopped with this one in the delivery. @param {import("./slot.js").Slot} slot */
  left(slot) {
    if (this.#slot === slot) this.#slot = undefined;
  }

  #delivered() {
    const slot = this.#slot;
    // it was left behind meanwhile
    if (slot === undefined) return;
    const { ticket, result } = slot;
    const { what } = this.#state;
    if (what === FATAL) this.#owner.settleTicket(ticket, what, result);
    this.#forget(slot);
    this.#state.released(slot);
    this.#state.settle();
    if (what !== FATAL) this.#owner.settleTicket(ticket, what, result);
  }

  /** @param {unknown} error */
  #undelivered(error) {
    const slot = this.#slot;
    if (slot === undefined) return;
    this.#owner.settleTicket(slot.ticket, FATAL, error);
    this.#forget(slot);
    this.#state.undelivered(slot);
    this.#state.settle();
  }

  /** @param {import("./slot.js").Slot} slot */
  #forget(slot) {
    this.#slot = undefined;
    slot.clear();
  }

  #onDelivered = () => this.#state.enter(() => this.#delivered());

  /** @param {unknown} error */
  #onUndelivered = (error) => this.#state.enter(() => this.#undelivered(error));
}
