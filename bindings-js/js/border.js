// @ts-check
// The only one that calls the module's dispatcher, and reads the cells in which its commands leave what follows from them.
//
// | crossing                        | when                                       |
// |---------------------------------|--------------------------------------------|
// | push, pushAt                    | an item was read or offered                |
// | complete                        | an attempt ended, and cannot be noted      |
// | complete_all                    | some that were noted, before anything else |
// | take (lend, then released)      | a result is wanted and taken at once       |
// | lend, released, undelivered     | a result is held while it is looked at     |
// | cancel, close, end, refuse      | as they were called                        |
// | handle_timeout                  | the timer fired                            |
// | drain                           | a command left more records than fit       |
// | failed, oldest                  | an error needs its cause; somebody joins   |
// | stats, why_blocked              | somebody looks                             |
//
// Here and in the state, flags are compared with `true`: to ask whether something is truthy takes an engine five
// comparisons, where it does not know that it is a flag.
import { Core, shared_memory } from "#core";
import * as clock from "./clock.js";
import * as c from "./codes.js";
import * as trap from "./trap.js";

const NOTHING = new Int32Array(c.CELLS);

/**
 * What may be asked: not the commands whose answer says what begins, or what was lent, for it says so only once.
 *
 * @typedef {Omit<Core, "push" | "push_at" | "complete" | "complete_all" | "take" | "lend">} Asked
 */

/** The dispatcher of one state. Times are milliseconds. */
export class Border {
  /** @type {Core | undefined} */
  #core;
  /** @type {any} An Int32Array in the memory of the module. */
  #cells;
  /** @type {any} What {@link stats} says once the core is gone. */
  #lastStats = Object.freeze({});
  #broke;
  /** How many attempts are noted as ended. */
  #ended = 0;

  /** The bits of the last answer. */
  status = c.RECORDED;

  /**
   * @param {import("./options.js").Settings} settings
   * @param {(error: unknown) => void} broke is told, once, that the module trapped
   */
  constructor({ concurrency, capacity, ordered, emit, isStream, key, sequenced, start }, broke) {
    this.#core = trap.construct(
      () =>
        new Core(
          concurrency,
          capacity,
          ordered,
          emit,
          isStream,
          key !== undefined,
          sequenced,
          start,
        ),
    );
    this.#cells = this.#map(this.#core);
    this.#broke = broke;
  }

  // getters

  get isGone() {
    return this.#core === undefined;
  }

  /** The cells: as the memory grows, they move. @returns {any} */
  get cells() {
    if (this.#cells.length === 0 && this.#core !== undefined) this.#cells = this.#map(this.#core);
    return this.#cells;
  }

  /** Whether there is something to read, or to tell. */
  get isDue() {
    return (this.status & c.RECORDED) !== 0 || this.#ended > 0;
  }

  /** The slot of the item at the failed position, or -1. */
  failed() {
    return this.ask((core) => core.failed(), -1);
  }

  /** The lowest number in flight, or -1. */
  oldest() {
    return this.ask((core) => core.oldest(), -1);
  }

  stats() {
    return this.ask((core) => {
      const stats = named(core.stats(clock.look()));
      stats.oldestAge /= 1000;
      return Object.freeze(stats);
    }, this.#lastStats);
  }

  /**
   * What the next release waits for; undefined where nothing is in flight.
   * @param {(slot: number) => unknown} keyOf gives the key of the head, which may be missing
   */
  whyBlocked(keyOf) {
    return this.ask((core) => {
      const blocked = core.why_blocked(clock.look());
      if (blocked === undefined) return undefined;
      const { age, nextDeadline, ...rest } = named(blocked);
      return Object.freeze({
        ...rest,
        key: keyOf(core.head()),
        age: age / 1000,
        nextDeadline: nextDeadline === undefined ? undefined : nextDeadline / 1000,
      });
    }, undefined);
  }

  // commands that are given for each item: their answers are numbers, with bits for what follows

  /**
   * Offers an item: a slot, or why it was not accepted.
   * @param {number} lane
   * @param {number} rejected not 0, where its key could not be had: a flag takes an engine longer to hand over
   * @param {number | undefined} seq
   * @returns {number}
   */
  offer(lane, rejected, seq) {
    const core = this.#core;
    if (core === undefined) return c.CLOSED;
    try {
      this.#catchUp(core);
      const answer =
        seq === undefined
          ? core.push(clock.now(), lane, rejected)
          : core.push_at(clock.now(), lane, rejected, seq);
      return answer < 0 ? answer : this.#note(answer);
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /**
   * An attempt ended: whether its outcome counts, and which one begins.
   * @param {number} slot
   * @param {number} attempt
   * @param {number} outcome
   * @returns {number}
   */
  complete(slot, attempt, outcome) {
    const core = this.#core;
    if (core === undefined) return this.status;
    try {
      this.#catchUp(core);
      return this.#note(core.complete(clock.now(), slot, attempt, outcome));
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /**
   * Notes that an attempt ended well: it is told before the next command is given, or anything asked.
   * @param {number} slot
   * @param {number} attempt
   * @returns {boolean} whether no other can be noted
   */
  note(slot, attempt) {
    if (this.#core === undefined) return false;
    const { cells } = this;
    const at = c.ENDED + 2 * this.#ended;
    cells[at] = slot;
    cells[at + 1] = attempt;
    return ++this.#ended === c.MOST_ENDED;
  }

  /** Takes the next result: its slot and what it is, or -1. @returns {number} */
  take() {
    const core = this.#core;
    if (core === undefined) return -1;
    try {
      this.#catchUp(core);
      return (this.status & c.READY) === 0 ? -1 : this.#note(core.take(clock.now()));
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Lends it: it keeps its place until it is released. @returns {number} */
  lend() {
    const core = this.#core;
    if (core === undefined) return -1;
    try {
      this.#catchUp(core);
      return (this.status & c.READY) === 0 ? -1 : this.#note(core.lend());
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Looks at the cells for what the last records left; they count as read. @returns {number} how many there are */
  read() {
    if (this.#core !== undefined) this.#catchUp(this.#core);
    const cells = this.cells;
    const count = cells[c.COUNT];
    cells[c.COUNT] = 0;
    this.status = cells[c.STATUS];
    return count;
  }

  /**
   * Gives any other command, or asks something, where there is a core.
   * @template T
   * @param {(core: Asked) => T} question
   * @param {T} otherwise
   */
  ask(question, otherwise) {
    if (this.#core === undefined) return otherwise;
    try {
      this.#catchUp(this.#core);
      this.status |= c.RECORDED;
      return question(this.#core);
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Gives the core back. */
  free() {
    const core = this.#core;
    if (core === undefined) return;
    this.#lastStats = this.stats();
    this.#letGo();
    core.free();
  }

  // helpers

  /** Tells of the attempts that are noted. @param {Core} core */
  #catchUp(core) {
    const ended = this.#ended;
    if (ended === 0) return;
    try {
      this.#note(core.complete_all(clock.now(), ended));
      // not before: without time or stack they are not told, and still to be
      this.#ended = 0;
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** @param {number} answer */
  #note(answer) {
    // what was told before may be unread
    this.status = answer | (this.status & c.RECORDED);
    return answer;
  }

  /** There is no core any more: nothing is wanted, nothing follows. */
  #letGo() {
    this.#core = undefined;
    this.#cells = NOTHING;
    this.#ended = 0;
    this.status = 0;
  }

  /** @param {Core} core */
  #map(core) {
    const { buffer } = /** @type {WebAssembly.Memory} */ (shared_memory());
    return new Int32Array(buffer, core.cells(), c.CELLS);
  }

  /** @param {unknown} error */
  #fail(error) {
    const cause = trap.trapped(error);
    if (cause !== error) {
      this.#letGo();
      this.#broke(cause);
    }
    return cause;
  }
}

/** Of a time in milliseconds: at least one where it is not zero. @param {number} time */
export function microseconds(time) {
  return time > 0 ? Math.max(1, Math.round(time * 1000)) : 0;
}

/** The same under names as JavaScript has them. @param {any} object @returns {any} */
function named(object) {
  const entries = Object.entries(object);
  return Object.fromEntries(entries.map(([name, value]) => [camel(name), value]));
}

/** @param {string} name */
const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
