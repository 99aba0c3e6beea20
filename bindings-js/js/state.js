// @ts-check
// The only one that touches the dispatcher. It keeps payloads, results and tickets by slot, and begins attempts.
//
// | crossing                        | when                                       |
// |---------------------------------|--------------------------------------------|
// | push, pushAt                    | an item was read or offered                |
// | complete                        | an attempt ended                           |
// | take (lend, then released)      | a result is wanted and taken at once       |
// | lend, released, undelivered     | a result is held while it is looked at     |
// | cancel, close, end, refuse      | as they were called                        |
// | handle_timeout                  | the timer fired                            |
// | drain                           | a command left more records than fit       |
// | failed, oldest                  | an error needs its cause; somebody joins   |
// | stats, why_blocked              | somebody looks                             |
//
// A command leaves what follows from it as records in the cells; `#drain` does what they say.
import { Core, shared_memory } from "#core";
import { Attempt } from "./attempt.js";
import * as clock from "./clock.js";
import * as c from "./core.js";
import { Lanes, NO_LANE } from "./lanes.js";
import { isThenable } from "./promises.js";
import { Queue } from "./queue.js";
import { Slot } from "./slot.js";

/** The bits of a handle that are the number of its slot. */
const SLOT = 2 ** 20 - 1;
const NOW = Promise.resolve();
const nothing = () => {};
/** How many handlers may end in the call that starts them before timers and IO get a turn. */
const BURST = 256;

/**
 * Who a state works for: a stream or a processor.
 *
 * @typedef {object} Owner
 * @property {(item: any, attempt: Attempt) => unknown} handle Calls the handler.
 * @property {() => void} serve Takes what is wanted, and wakes who waits for what has happened.
 * @property {() => boolean} step Reads an item or delivers a result; false where there is nothing to do.
 * @property {(isFresh: boolean) => boolean} offer Offers those that wait until one is accepted; false where none is.
 *   Fresh: there is more room than at the last call, so that the first is asked again.
 * @property {(slot: Slot, why: number) => void} passed
 * @property {(slot: Slot, why: number, rest: number) => void} left
 * @property {(first: number, last: number) => void} lost
 * @property {() => void} drained
 * @property {(error: unknown) => void} broke The module trapped.
 */

export class State {
  /** @type {Core | undefined} */
  #core;
  /** @type {any} A Float64Array in the memory of the module. */
  #cells;
  /** @type {Slot[]} */
  #slots = [];
  #lanes = new Lanes();
  #owner;
  /** @type {Queue<Slot>} Dispatched and not begun. */
  #runs = new Queue();
  /** @type {Queue<Slot>} To be told to stop. */
  #signals = new Queue();
  /** @type {Queue<Slot>} Signalled before they began. */
  #unbegun = new Queue();
  /** There is room: those who wait are to be asked again. */
  #hasRoom = false;
  /** They are being asked. */
  #isOffering = false;
  /** How many handlers run. */
  #running = 0;
  #isStepping = false;
  #isScheduled = false;
  #isResting = false;
  #burst = 0;
  #isDrained = false;
  /** When the core wants to be called, and when the timer is set for. */
  #wanted = -1;
  #due = -1;
  /** @type {unknown} */
  #timer = undefined;
  /** @type {any} What {@link stats} says once the core is gone. */
  #lastStats;

  /** How many items a stream may read now. */
  wants = 0;
  /** Of the result taken or lent last: what it is, and its last attempt. */
  what = 0;
  attempt = 0;

  /** @param {import("./options.js").Settings} settings @param {Owner} owner */
  constructor(settings, owner) {
    const { concurrency, capacity, ordered, emit, key, start } = settings;
    this.#owner = owner;
    this.#core = c.construct(
      () => new Core(concurrency, capacity, ordered, emit, key !== undefined, start),
    );
    this.#cells = this.#map(this.#core);
    this.wants = this.#cells[c.WANTS];
  }

  // getters

  /** The error at the failed position, while its item is in flight. @returns {{ error: unknown } | undefined} */
  failure() {
    const handle = this.#ask((core) => core.failed(), -1);
    return handle < 0 ? undefined : { error: this.#slot(handle).result };
  }

  /** The lowest number in flight, or -1. */
  oldest() {
    return this.#ask((core) => core.oldest(), -1);
  }

  /** Times in milliseconds. */
  stats() {
    return this.#ask((core) => this.#readStats(core), this.#lastStats);
  }

  /** What the next release waits for; undefined where nothing is in flight. Times in milliseconds. */
  whyBlocked() {
    return this.#ask((core) => {
      const state = core.why_blocked(clock.look());
      if (state === undefined) return undefined;
      const [seq, attempt, age, waiting] = this.#view(core).subarray(c.RECORDS);
      const { key } = this.#slots.find((slot) => slot.seq === seq) ?? {};
      return { seq, key, attempt, age: age / 1000, waiting, state };
    }, undefined);
  }

  // commands: each has to be followed by `settle`, and by `step` or `wake`

  /**
   * Offers an item: its slot, or why it was not accepted.
   * @param {any} item
   * @param {unknown} key
   * @param {number | undefined} seq
   * @param {{ error: unknown } | undefined} rejected why its key could not be had
   * @returns {Slot | number}
   */
  offer(item, key, seq, rejected) {
    const core = this.#core;
    if (core === undefined) return c.CLOSED;
    let lane = NO_LANE;
    let isNew = false;
    if (key !== undefined && key !== null) {
      lane = this.#lanes.find(key);
      isNew = lane === NO_LANE;
      if (isNew) lane = this.#lanes.add(key);
    }
    let handle;
    try {
      handle =
        seq === undefined
          ? core.push(clock.now(), lane, rejected !== undefined)
          : core.push_at(clock.now(), lane, rejected !== undefined, seq);
    } catch (error) {
      throw this.#broke(error);
    }
    if (handle < 0) {
      if (isNew) this.#lanes.forget(lane);
      return handle;
    }
    const index = handle & SLOT;
    if (index === this.#slots.length) this.#slots.push(new Slot(this));
    const slot = this.#slot(handle);
    slot.handle = handle;
    slot.seq = this.#view(core)[c.SEQ];
    slot.number = 0;
    slot.item = item;
    slot.key = key;
    slot.result = rejected?.error;
    slot.failed = rejected !== undefined;
    return slot;
  }

  /** Counts an offer that was turned away. */
  refuse() {
    this.#ask((core) => core.refuse(clock.now()), undefined);
  }

  /** No more comes. */
  end() {
    this.#ask((core) => core.end(clock.now()), undefined);
  }

  /** @param {number} handle @returns {boolean} */
  cancel(handle) {
    return this.#ask((core) => core.cancel(clock.now(), handle), false);
  }

  /** @param {number | undefined} timeout in milliseconds */
  close(timeout) {
    const micros = timeout === undefined ? -1 : Math.round(timeout * 1000);
    this.#ask((core) => core.close(clock.look(), micros), undefined);
  }

  /**
   * Takes the next result. The caller copies what it needs of the slot and clears it, then settles.
   * @returns {Slot | undefined}
   */
  take() {
    const core = this.#core;
    if (core === undefined) return undefined;
    let handle;
    try {
      handle = core.take(clock.now());
    } catch (error) {
      throw this.#broke(error);
    }
    return handle < 0 ? undefined : this.#lent(core, handle);
  }

  /** Lends the next result: it keeps its place until it is released. @returns {Slot | undefined} */
  lend() {
    return this.#ask((core) => {
      const handle = core.lend();
      return handle < 0 ? undefined : this.#lent(core, handle);
    }, undefined);
  }

  /** @param {number} handle */
  released(handle) {
    this.#ask((core) => core.released(clock.now(), handle), undefined);
  }

  /** @param {number} handle */
  undelivered(handle) {
    this.#ask((core) => core.undelivered(clock.now(), handle), undefined);
  }

  /**
   * Gives up: the module is broken.
   * @param {(ticket: import("./ticket.js").Ticket) => void} settle
   */
  abandon(settle) {
    for (const slot of this.#slots) {
      if (slot.ticket !== undefined) settle(slot.ticket);
      slot.clear();
    }
  }

  // what follows from a command

  /** Does all that follows from the last command, but no code of the user's other than the owner's. */
  settle() {
    this.drain();
    this.#owner.serve();
    if (this.#wanted !== this.#due) this.#arm();
    if (this.#isDrained) this.#free();
  }

  /** Plans a step, where something is to be begun. For commands that the user gives. */
  wake() {
    if (this.#runs.size > 0 || this.#signals.size > 0) this.plan();
  }

  /** Plans a step. */
  plan() {
    if (this.#isScheduled || this.#isStepping || this.#isResting) return;
    this.#isScheduled = true;
    // not queueMicrotask: it is slower in Node
    NOW.then(this.#onTick);
  }

  /**
   * The driver's own step: here, and nowhere else, code of the user's is called.
   */
  step() {
    if (this.#isStepping || this.#isResting) return;
    this.#isStepping = true;
    try {
      for (;;) {
        while (this.#signals.size > 0) this.#stop();
        const slot = this.#runs.shift();
        if (slot === undefined) {
          if (this.#owner.step()) continue;
          break;
        }
        this.#begin(slot);
        if (this.#burst >= BURST) {
          this.#burst = 0;
          this.#isResting = true;
          clock.soon(this.#onRested);
          break;
        }
      }
    } finally {
      this.#isStepping = false;
    }
  }

  /**
   * Runs something that the host calls back, and what follows from it, as the driver's own step.
   * @param {() => void} callback
   */
  enter(callback) {
    try {
      callback();
      this.settle();
      this.step();
    } catch (error) {
      c.swallow(error);
    }
  }

  /**
   * An attempt ended.
   * @param {Slot} slot
   * @param {number} outcome
   * @param {unknown} value
   */
  ended(slot, outcome, value) {
    try {
      this.#complete(slot, outcome, value);
      this.step();
    } catch (error) {
      c.swallow(error);
    }
  }

  #onTick = () => {
    this.#isScheduled = false;
    this.enter(nothing);
  };

  #onRested = () => {
    this.#isResting = false;
    this.enter(nothing);
  };

  #onTimer = () => {
    this.#timer = undefined;
    this.#due = -1;
    this.enter(() => this.#ask((core) => core.handle_timeout(clock.look()), undefined));
  };

  // helpers

  /** @param {Slot} slot */
  #begin(slot) {
    const attempt = new Attempt(slot.seq, slot.number, slot.key);
    slot.attempt = attempt;
    this.#running++;
    let outcome = c.OK;
    let result;
    try {
      result = this.#owner.handle(slot.item, attempt);
      if (isThenable(result)) {
        // a promise of the host's calls back once, later, whatever it was made of
        Promise.resolve(result).then(slot.ok, slot.bad);
        return;
      }
    } catch (error) {
      outcome = c.FAILED;
      result = error;
    }
    this.#burst++;
    this.#complete(slot, outcome, result);
  }

  /** @param {Slot} slot @param {number} outcome @param {unknown} value */
  #complete(slot, outcome, value) {
    slot.attempt = undefined;
    this.#running--;
    const core = this.#core;
    if (core === undefined) return;
    let isSettled;
    try {
      isSettled = core.complete(clock.now(), slot.handle, slot.number, outcome);
    } catch (error) {
      throw this.#broke(error);
    }
    if (isSettled) {
      slot.result = value;
      slot.failed = outcome === c.FAILED;
      // a failure shows its item
      if (!slot.failed) slot.item = undefined;
    }
    this.settle();
  }

  /** Tells a handler to stop, which calls its listeners. It may have ended meanwhile. */
  #stop() {
    const { attempt } = /** @type {Slot} */ (this.#signals.shift());
    if (attempt !== undefined) Attempt.stop(attempt);
  }

  /** Does what the records say. */
  drain() {
    for (;;) {
      const core = this.#core;
      if (core === undefined) return;
      const cells = this.#view(core);
      const count = cells[c.COUNT];
      cells[c.COUNT] = 0;
      for (let k = 0; k < count; k++) this.#record(cells, c.RECORDS + c.WIDTH * k);
      if (count === c.MOST) {
        this.#ask((core) => core.drain(), undefined);
        continue;
      }
      this.wants = cells[c.WANTS];
      this.#wanted = cells[c.DUE];
      const slot = this.#unbegun.shift();
      if (slot !== undefined) {
        const { handle, number } = slot;
        this.#ask((core) => core.complete(clock.now(), handle, number, c.CANCELLED), false);
        continue;
      }
      if (!this.#hasRoom && !this.#isOffering) return;
      const isFresh = this.#hasRoom;
      this.#hasRoom = false;
      this.#isOffering = this.#owner.offer(isFresh);
      if (!this.#isOffering) return;
    }
  }

  /** @param {any} cells @param {number} at */
  #record(cells, at) {
    const first = cells[at + 1];
    const slot = this.#slot(first);
    switch (cells[at]) {
      case c.RUN:
        slot.number = cells[at + 2];
        this.#runs.push(slot);
        break;
      case c.SIGNAL:
        if (slot.attempt !== undefined) {
          this.#signals.push(slot);
        } else {
          this.#runs.remove(slot);
          this.#unbegun.push(slot);
        }
        break;
      case c.PASSED:
        this.#owner.passed(slot, cells[at + 2]);
        slot.clear();
        break;
      case c.LEFT:
        this.#owner.left(slot, cells[at + 2], cells[at + 3]);
        slot.clear();
        break;
      case c.LOST:
        this.#owner.lost(first, cells[at + 2]);
        break;
      case c.ROOM:
        this.#hasRoom = true;
        break;
      case c.LANE_IDLE:
        this.#lanes.forget(first);
        break;
      case c.DRAINED:
        this.#isDrained = true;
        this.#owner.drained();
        break;
    }
  }

  /** @param {Core} core @param {number} handle */
  #lent(core, handle) {
    const cells = this.#view(core);
    this.what = cells[c.WHAT];
    this.attempt = cells[c.ATTEMPT];
    return this.#slot(handle);
  }

  #arm() {
    clock.clear(this.#timer);
    this.#due = this.#wanted;
    this.#timer = this.#due < 0 ? undefined : clock.set(this.#onTimer, this.#due);
  }

  /** @param {Core} core */
  #readStats(core) {
    core.stats(clock.look());
    /** @type {any} */
    const stats = {};
    const cells = this.#view(core);
    c.STATS.forEach((name, k) => {
      stats[name] = cells[c.RECORDS + k];
    });
    stats.oldestAge /= 1000;
    return stats;
  }

  /** Gives the core back. Handlers that were not waited for still have to be counted. */
  #free() {
    const core = this.#core;
    if (core === undefined || this.#running > 0) return;
    this.#lastStats = this.stats();
    this.#core = undefined;
    clock.clear(this.#timer);
    core.free();
  }

  /** @param {number} handle @returns {Slot} */
  #slot(handle) {
    return /** @type {Slot} */ (this.#slots[handle & SLOT]);
  }

  /**
   * The cells: as the memory grows, it moves.
   * @param {Core} core
   * @returns {any}
   */
  #view(core) {
    if (this.#cells.length === 0) this.#cells = this.#map(core);
    return this.#cells;
  }

  /** @param {Core} core */
  #map(core) {
    const { buffer } = /** @type {WebAssembly.Memory} */ (shared_memory());
    return new Float64Array(buffer, core.cells(), c.RECORDS + c.WIDTH * c.MOST);
  }

  /**
   * Asks the core, where there is one.
   * @template T
   * @param {(core: Core) => T} question
   * @param {T} otherwise
   */
  #ask(question, otherwise) {
    if (this.#core === undefined) return otherwise;
    try {
      return question(this.#core);
    } catch (error) {
      throw this.#broke(error);
    }
  }

  /** @param {unknown} error */
  #broke(error) {
    const cause = c.trapped(error);
    if (cause !== error) {
      this.#core = undefined;
      clock.clear(this.#timer);
      this.#owner.broke(cause);
    }
    return cause;
  }
}
