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
import * as c from "./codes.js";
import * as border from "./core.js";
import { Lanes, NO_LANE } from "./lanes.js";
import { follow, isThenable } from "./promises.js";
import { Queue } from "./queue.js";
import { Slot } from "./slot.js";

const NOW = Promise.resolve();
const nothing = () => {};
const NOTHING = new Int32Array(c.RECORDS);
/** How many things may be done before timers and IO get a turn: reads, starts, deliveries and ends. */
const BURST = 512;

/**
 * Who a state works for: a stream or a processor.
 *
 * @typedef {object} Owner
 * @property {{ error: unknown } | undefined} reason With which everything was aborted from outside.
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
  /** @type {any} An Int32Array in the memory of the module. */
  #cells;
  /** @type {Slot[]} */
  #slots = [];
  #lanes = new Lanes();
  #owner;
  #handle;
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
  #isScheduled = false;
  /** Within a step, or resting from one. */
  #isBusy = false;
  /** How much was done in this turn of the event loop. */
  #burst = 0;
  #turn = 0;
  #isDrained = false;
  /** There may be records. */
  #isRecorded = true;
  /** When the core wants to be called, or -1. */
  #due = -1;
  /** @type {unknown} */
  #timer = undefined;
  /** @type {any} What {@link stats} says once the core is gone. */
  #lastStats = Object.freeze({});

  /** Whether a stream may read. */
  isWanting = false;
  /** Whether there is a result to take or to lend. */
  #isReady = false;
  /** Of the result taken or lent last: what it is. */
  what = 0;

  /**
   * @param {import("./options.js").Settings} settings
   * @param {(item: any, attempt: Attempt) => unknown} handle
   * @param {Owner} owner
   */
  constructor(settings, handle, owner) {
    const { concurrency, capacity, ordered, emit, key, start } = settings;
    this.#owner = owner;
    this.#handle = handle;
    this.#core = border.construct(
      () => new Core(concurrency, capacity, ordered, emit, key !== undefined, start),
    );
    this.#cells = this.#map(this.#core);
    this.drain();
  }

  // getters

  /** Of the result taken or lent last: its last attempt. */
  get attempt() {
    return this.#view()[c.ATTEMPT];
  }

  /** The error at the failed position, while its item is in flight. @returns {{ error: unknown } | undefined} */
  failure() {
    const index = this.#ask((core) => core.failed(), -1);
    return index < 0 ? undefined : { error: this.#slot(index).result };
  }

  /** The lowest number in flight, or -1. */
  oldest() {
    return this.#ask((core) => core.oldest(), -1);
  }

  /** Times in milliseconds. */
  stats() {
    return this.#ask((core) => {
      const { oldest_age, in_flight, ...stats } = core.stats(clock.look());
      return Object.freeze({ ...stats, inFlight: in_flight, oldestAge: oldest_age / 1000 });
    }, this.#lastStats);
  }

  /** What the next release waits for; undefined where nothing is in flight. Times in milliseconds. */
  whyBlocked() {
    return this.#ask((core) => {
      const blocked = core.why_blocked(clock.look());
      if (blocked === undefined) return undefined;
      // the head may be missing
      const key = this.#slots[core.head()]?.key;
      return Object.freeze({ ...blocked, key, age: blocked.age / 1000 });
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
    let answer;
    try {
      answer =
        seq === undefined
          ? core.push(clock.now(), lane, rejected !== undefined)
          : core.push_at(clock.now(), lane, rejected !== undefined, seq);
    } catch (error) {
      throw this.#broke(error);
    }
    if (answer < 0) {
      if (isNew) this.#lanes.forget(lane);
      return answer;
    }
    this.#note(answer);
    const index = answer & c.SLOT;
    if (index === this.#slots.length) this.#slots.push(new Slot(index, this));
    const slot = this.#slot(index);
    const cells = this.#view();
    slot.seq = border.whole(cells[c.SEQ], cells[c.SEQ + 1]);
    slot.epoch = cells[c.EPOCH];
    slot.item = item;
    if (key !== undefined) slot.key = key;
    if (rejected !== undefined) {
      slot.result = rejected.error;
      slot.failed = true;
    }
    if ((answer & c.BEGINS) !== 0) this.#enter(slot, 1);
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

  /** @param {number} index of the item's slot @param {number} epoch @returns {boolean} */
  cancel(index, epoch) {
    return this.#ask((core) => core.cancel(clock.now(), index, epoch), false);
  }

  /** @param {number | undefined} timeout in milliseconds */
  close(timeout) {
    const micros = timeout === undefined ? -1 : microseconds(timeout);
    this.#ask((core) => core.close(clock.look(), micros), undefined);
  }

  /**
   * Takes the next result. The caller copies what it needs of the slot and clears it, then settles.
   * @returns {Slot | undefined}
   */
  take() {
    const core = this.#core;
    if (core === undefined || !this.#isReady) return undefined;
    try {
      return this.#lent(core.take(clock.now()));
    } catch (error) {
      throw this.#broke(error);
    }
  }

  /** Lends the next result: it keeps its place until it is released. @returns {Slot | undefined} */
  lend() {
    const core = this.#core;
    if (core === undefined || !this.#isReady) return undefined;
    try {
      return this.#lent(core.lend());
    } catch (error) {
      throw this.#broke(error);
    }
  }

  /** @param {Slot} slot lent */
  released({ index }) {
    this.#ask((core) => core.released(clock.now(), index), undefined);
  }

  /** @param {Slot} slot lent */
  undelivered({ index }) {
    this.#ask((core) => core.undelivered(clock.now(), index), undefined);
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
    if (this.#isDrained) this.#free();
  }

  /** The same after an offer or an end of an attempt: without a record and a result, nothing follows. */
  settleIfDue() {
    if (this.#isRecorded || this.#isReady) this.settle();
  }

  /** Plans a step, where something is to be begun. For commands that the user gives. */
  wake() {
    if (this.#runs.size > 0 || this.#signals.size > 0) this.plan();
  }

  /** Plans a step. */
  plan() {
    if (this.#isScheduled || this.#isBusy) return;
    this.#isScheduled = true;
    // not queueMicrotask: it is slower in Node
    NOW.then(this.#onTick);
  }

  /**
   * The driver's own step: here, and nowhere else, code of the user's is called.
   */
  step() {
    if (this.#isBusy) return;
    this.#isBusy = true;
    let isResting = false;
    try {
      for (;;) {
        if (this.#signals.size > 0) this.#stop();
        isResting = this.#burst >= BURST;
        if (isResting) break;
        const slot = this.#runs.shift();
        if (slot !== undefined) this.#begin(slot);
        else if (!this.#owner.step()) break;
        this.#count();
      }
    } finally {
      this.#isBusy = isResting;
    }
    if (isResting) clock.soon(this.#onRested);
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
      border.swallow(error);
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
      this.#count();
      this.#complete(slot, outcome, value);
      this.step();
    } catch (error) {
      border.swallow(error);
    }
  }

  #onTick = () => {
    this.#isScheduled = false;
    this.enter(nothing);
  };

  #onRested = () => {
    this.#isBusy = false;
    this.#burst = 0;
    this.enter(nothing);
  };

  /** The count begins anew with each turn of the event loop. */
  #count() {
    this.#burst++;
    if (this.#turn === clock.turn) return;
    this.#turn = clock.turn;
    this.#burst = 0;
  }

  #onTimer = () => {
    this.#timer = undefined;
    this.enter(() => this.#ask((core) => core.handle_timeout(clock.look()), undefined));
    // a host's timer may be early
    if (this.#timer === undefined) this.#arm();
  };

  // helpers

  /** @param {Slot} slot */
  #begin(slot) {
    const attempt = new Attempt(slot.seq, slot.number, slot.key);
    slot.attempt = attempt;
    this.#running++;
    let outcome = c.OK;
    let result;
    // called alone: as a method it would be given what it belongs to
    const handle = this.#handle;
    try {
      result = handle(slot.item, attempt);
      if (isThenable(result)) {
        follow(result, slot.ok, slot.bad);
        return;
      }
    } catch (error) {
      outcome = c.FAILED;
      result = error;
    }
    this.#complete(slot, outcome, result);
  }

  /** @param {Slot} slot @param {number} outcome @param {unknown} value */
  #complete(slot, outcome, value) {
    slot.attempt = undefined;
    this.#running--;
    const core = this.#core;
    if (core === undefined) return;
    let answer;
    try {
      answer = core.complete(clock.now(), slot.index, slot.number, outcome);
    } catch (error) {
      throw this.#broke(error);
    }
    this.#note(answer);
    if ((answer & c.BEGINS) !== 0) this.#enter(this.#slot(answer & c.SLOT), 1);
    if ((answer & c.SETTLED) !== 0) {
      slot.result = value;
      slot.failed = outcome === c.FAILED;
      // a failure shows its item
      if (!slot.failed) slot.item = undefined;
    }
    this.settleIfDue();
  }

  /** Tells handlers to stop, which calls their listeners. They may have ended meanwhile. */
  #stop() {
    for (let slot = this.#signals.shift(); slot !== undefined; slot = this.#signals.shift()) {
      if (slot.attempt !== undefined) Attempt.stop(slot.attempt, slot.why, this.#owner.reason);
    }
  }

  /** Does what the records say. */
  drain() {
    if (this.#isRecorded) this.#drainAll();
  }

  #drainAll() {
    do {
      this.#isRecorded = false;
      const cells = this.#view();
      const count = cells[c.COUNT];
      cells[c.COUNT] = 0;
      for (let k = 0, at = c.RECORDS; k < count; k++, at += c.WIDTH) {
        if (cells[at] === c.RUN) {
          this.#enter(this.#slot(cells[at + 1]), cells[at + 2]);
        } else {
          this.#record(cells, at);
        }
      }
      this.#note(cells[c.STATUS]);
      if (count === c.MOST) this.#ask((core) => core.drain(), undefined);
      else this.#followUp();
    } while (this.#isRecorded);
  }

  /** Takes note of what follows from a command. @param {number} answer */
  #note(answer) {
    this.isWanting = (answer & c.WANTED) !== 0;
    this.#isReady = (answer & c.READY) !== 0;
    if ((answer & c.RECORDED) !== 0) this.#isRecorded = true;
  }

  /** @param {number} answer the slot of a result and what it is, or -1 */
  #lent(answer) {
    if (answer < 0) return undefined;
    this.#note(answer);
    this.what = (answer >> c.WHAT_FROM) & 3;
    return this.#slot(answer & c.SLOT);
  }

  /** Puts an attempt in the line of those that are to begin. @param {Slot} slot @param {number} number */
  #enter(slot, number) {
    slot.number = number;
    slot.position = this.#runs.push(slot);
  }

  /** Gives the next command that follows from the records. */
  #followUp() {
    if (this.#unbegun.size > 0) {
      const { index, number } = /** @type {Slot} */ (this.#unbegun.shift());
      this.#ask((core) => core.complete(clock.now(), index, number, c.CANCELLED), 0);
    } else if (this.#hasRoom || this.#isOffering) {
      const isFresh = this.#hasRoom;
      this.#hasRoom = false;
      this.#isOffering = this.#owner.offer(isFresh);
      if (this.#isOffering) this.#isRecorded = true;
    }
  }

  /** @param {any} cells @param {number} at */
  #record(cells, at) {
    const first = cells[at + 1];
    const second = cells[at + 2];
    switch (cells[at]) {
      case c.SIGNAL: {
        const slot = this.#slot(first);
        slot.why = second;
        if (slot.attempt !== undefined) {
          this.#signals.push(slot);
        } else {
          this.#runs.remove(slot.position, slot);
          this.#unbegun.push(slot);
        }
        break;
      }
      case c.PASSED: {
        const slot = this.#slot(first);
        this.#owner.passed(slot, second);
        slot.clear();
        break;
      }
      case c.LEFT: {
        const slot = this.#slot(first);
        this.#owner.left(slot, second, cells[at + 3]);
        slot.clear();
        break;
      }
      case c.LOST:
        this.#owner.lost(border.whole(first, second), border.whole(cells[at + 3], cells[at + 4]));
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
      case c.TIMER:
        clock.clear(this.#timer);
        this.#due = first < 0 ? -1 : border.whole(first, second);
        this.#arm();
        break;
    }
  }

  #arm() {
    this.#timer = this.#due < 0 ? undefined : clock.set(this.#onTimer, this.#due);
  }

  /** Gives the core back. Handlers that were not waited for still have to be counted. */
  #free() {
    const core = this.#core;
    if (core === undefined || this.#running > 0) return;
    this.#lastStats = this.stats();
    this.#letGo();
    core.free();
  }

  /** There is no core any more: nothing is wanted, nothing follows. */
  #letGo() {
    this.#core = undefined;
    this.#cells = NOTHING;
    this.isWanting = false;
    this.#isReady = false;
    this.#due = -1;
    clock.clear(this.#timer);
  }

  /** @param {number} index @returns {Slot} */
  #slot(index) {
    return /** @type {Slot} */ (this.#slots[index]);
  }

  /**
   * The cells: as the memory grows, it moves.
   * @returns {any}
   */
  #view() {
    if (this.#cells.length === 0 && this.#core !== undefined) this.#cells = this.#map(this.#core);
    return this.#cells;
  }

  /** @param {Core} core */
  #map(core) {
    const { buffer } = /** @type {WebAssembly.Memory} */ (shared_memory());
    return new Int32Array(buffer, core.cells(), c.RECORDS + c.WIDTH * c.MOST);
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
      this.#isRecorded = true;
      return question(this.#core);
    } catch (error) {
      throw this.#broke(error);
    }
  }

  /** @param {unknown} error */
  #broke(error) {
    const cause = border.trapped(error);
    if (cause !== error) {
      this.#letGo();
      this.#owner.broke(cause);
    }
    return cause;
  }
}

/** Of a time in milliseconds: at least one where it is not zero. @param {number} time */
function microseconds(time) {
  return time > 0 ? Math.max(1, Math.round(time * 1000)) : 0;
}
