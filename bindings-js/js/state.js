// @ts-check
// Keeps payloads, results and tickets by slot, begins attempts, and does what the border's records say.
import { Attempt } from "./attempt.js";
import { Border, microseconds } from "./border.js";
import * as clock from "./clock.js";
import * as c from "./codes.js";
import { Lanes, NO_LANE } from "./lanes.js";
import { follow, ignore } from "./promises.js";
import { Queue } from "./queue.js";
import { Line, Slot } from "./slot.js";
import { Timer } from "./timer.js";
import * as trap from "./trap.js";
import { Failure } from "./values.js";

// This stands first, so that the build writes it into the code in the place of its name.
/** How many things may be done before it is seen to that timers and IO have had a turn: reads, starts, deliveries, ends. */
const BURST = 2048;
const NOW = Promise.resolve();

/**
 * Who a state works for: a stream or a processor.
 *
 * @typedef {object} Owner
 * @property {{ error: unknown } | undefined} reason With which everything was aborted from outside.
 * @property {() => void} serve Takes what is wanted, and wakes who waits for what has happened.
 * @property {() => boolean} step Reads an item or delivers a result; false where there is nothing to do.
 * @property {() => boolean} offer Offers the first of those that wait; true where one was accepted, and the next may be.
 * @property {(slot: Slot, why: number) => void} passed
 * @property {(slot: Slot, why: number, rest: number) => void} left
 * @property {(first: number, last: number) => void} lost
 * @property {() => void} drained
 * @property {(error: unknown) => void} broke The module trapped.
 */

export class State {
  #border;
  /** @type {Slot[]} */
  #slots = [];
  #lanes = new Lanes();
  #owner;
  #handle;
  /** Dispatched and not begun. */
  #runs = new Line();
  /** @type {Queue<Slot>} To be told to stop. */
  #signals = new Queue();
  /** @type {Queue<Slot>} Signalled before they began. */
  #unbegun = new Queue();
  /** There is room: those who wait are asked. */
  #hasRoom = false;
  /** How many handlers run. */
  #running = 0;
  /** How many items were accepted: the number of the next one, where the caller gives none. */
  #accepted = 0;
  #isScheduled = false;
  /** Within a step, or resting from one. */
  #isBusy = false;
  /** How much was done since the turn of the event loop that is noted, or the last rest. */
  #burst = 0;
  #turn = 0;
  #isDrained = false;
  #timer = new Timer(() => {
    this.enter(() => this.#border.ask((core) => core.handle_timeout(clock.look()), undefined));
  });

  /** Of the result taken or lent last: what it is. */
  what = 0;
  /** The bit that says that there is a result, or 0 while nobody waits for one. */
  demand = c.READY;

  /**
   * @param {import("./options.js").Settings} settings
   * @param {(item: any, attempt: Attempt) => unknown} handle
   * @param {Owner} owner
   */
  constructor(settings, handle, owner) {
    this.#owner = owner;
    this.#handle = handle;
    this.#border = new Border(settings, (error) => {
      this.#timer.set(-1);
      owner.broke(error);
    });
    this.#drainAll();
  }

  // getters

  /** Whether a stream may read. */
  get isWanting() {
    return (this.#border.status & c.WANTED) !== 0;
  }

  /** What comes out of a slot that was taken or lent last. @param {Slot} slot */
  shown(slot) {
    return this.what === c.FAILED ? this.#failure(slot) : slot.result;
  }

  /** The error at the failed position, while its item is in flight. @returns {{ error: unknown } | undefined} */
  failure() {
    const index = this.#border.failed();
    return index < 0 ? undefined : { error: this.#slot(index).result };
  }

  /** The lowest number in flight, or -1. */
  oldest() {
    return this.#border.oldest();
  }

  stats() {
    return this.#border.stats();
  }

  whyBlocked() {
    return this.#border.whyBlocked((head) => this.#slots[head]?.key);
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
    const border = this.#border;
    const isKeyed = key !== undefined && key !== null;
    const lane = isKeyed ? this.#laneOf(key) : NO_LANE;
    const answer = border.offer(lane, rejected === undefined ? 0 : 1, seq);
    if (answer < 0) {
      if (isKeyed) this.#lanes.undo();
      return answer;
    }
    const index = answer & c.SLOT;
    if (index === this.#slots.length) this.#slots.push(new Slot(index, this));
    const slot = this.#slot(index);
    slot.seq = seq === undefined ? this.#accepted : seq;
    slot.epoch++;
    this.#accepted++;
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
    this.#border.ask((core) => core.refuse(clock.now()), undefined);
  }

  /** No more comes. */
  end() {
    this.#border.ask((core) => core.end(clock.now()), undefined);
  }

  /** @param {number} index of the item's slot @param {number} epoch @returns {boolean} */
  cancel(index, epoch) {
    if (this.#slot(index).epoch !== epoch) return false;
    return this.#border.ask((core) => core.cancel(clock.now(), index), false);
  }

  /** @param {number | undefined} timeout in milliseconds */
  close(timeout) {
    const micros = timeout === undefined ? -1 : microseconds(timeout);
    this.#border.ask((core) => core.close(clock.look(), micros), undefined);
  }

  /**
   * Takes the next result. The caller copies what it needs of the slot and clears it, then settles.
   * @returns {Slot | undefined}
   */
  take() {
    return this.#lent(this.#border.take());
  }

  /** Lends the next result: it keeps its place until it is released. @returns {Slot | undefined} */
  lend() {
    return this.#lent(this.#border.lend());
  }

  /** @param {Slot} slot lent */
  released({ index }) {
    this.#border.ask((core) => core.released(clock.now(), index), undefined);
  }

  /** @param {Slot} slot lent */
  undelivered({ index }) {
    this.#border.ask((core) => core.undelivered(clock.now(), index), undefined);
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
    // handlers that were not waited for still have to be counted
    if (this.#isDrained === true && this.#running === 0) {
      this.#timer.set(-1);
      this.#border.free();
    }
  }

  /** The same after an offer or an end of an attempt: without a record and a result that is wanted, nothing follows. */
  settleIfDue() {
    const isDue = (this.#border.status & (c.RECORDED | this.demand)) !== 0;
    if (isDue || this.#isDrained === true) this.settle();
  }

  /** Does what the records say. */
  drain() {
    if (this.#border.isDue) this.#drainAll();
  }

  /** Plans a step, where something is to be begun. For commands that the user gives. */
  wake() {
    if (!this.#runs.isEmpty || this.#signals.size > 0) this.plan();
  }

  /** Plans a step. */
  plan() {
    if (this.#isBusy !== true) this.#schedule();
  }

  /**
   * The driver's own step: here, and nowhere else, code of the user's is called.
   */
  step() {
    if (this.#isBusy === true) return;
    this.#isBusy = true;
    let isResting = false;
    try {
      for (;;) {
        if (this.#signals.size > 0) this.#stop();
        if (++this.#burst > BURST && this.#isTired()) {
          isResting = true;
          break;
        }
        const slot = this.#runs.shift();
        if (slot !== undefined) this.#begin(slot);
        else if (this.#owner.step() !== true) break;
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
      trap.swallow(error);
    }
  }

  /**
   * An attempt ended. One that went well is only noted while nobody waits for a result and others run: those that end in
   * a row are told together.
   * @param {Slot} slot
   * @param {number} outcome
   * @param {unknown} value
   */
  ended(slot, outcome, value) {
    try {
      this.#burst++;
      if (outcome === c.OK && slot.why === 0 && this.demand === 0 && this.#running > 1) {
        this.#note(slot, value);
      } else {
        this.#complete(slot, outcome, value);
        this.step();
      }
    } catch (error) {
      trap.swallow(error);
    }
  }

  #schedule() {
    if (this.#isScheduled === true) return;
    this.#isScheduled = true;
    // not queueMicrotask: it is slower in Node
    NOW.then(this.#onTick);
  }

  #onTick = () => {
    this.#isScheduled = false;
    this.enter(ignore);
  };

  #onRested = () => {
    this.#isBusy = false;
    this.#burst = 0;
    this.enter(ignore);
  };

  /** Whether all of it was done in this turn of the event loop: else the count begins anew. */
  #isTired() {
    if (this.#turn === clock.turn) return true;
    this.#turn = clock.turn;
    this.#burst = 0;
    return false;
  }

  // helpers

  /** @param {unknown} key */
  #laneOf(key) {
    // those that are idle are forgotten first: their numbers may go to others
    this.drain();
    return this.#lanes.of(key);
  }

  /** @param {Slot} slot */
  #failure({ result, item, seq, key }) {
    return new Failure(result, item, seq, this.#border.cells[c.ATTEMPT], key);
  }

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
      if (follow(result, slot.ok, slot.bad)) return;
    } catch (error) {
      outcome = c.FAILED;
      result = error;
    }
    this.#complete(slot, outcome, result);
  }

  /** @param {Slot} slot @param {unknown} value */
  #note(slot, value) {
    slot.attempt = undefined;
    slot.item = undefined;
    slot.result = value;
    this.#running--;
    if (this.#border.note(slot.index, slot.number)) {
      this.settle();
      this.step();
    } else {
      this.#schedule();
    }
  }

  /** @param {Slot} slot @param {number} outcome @param {unknown} value */
  #complete(slot, outcome, value) {
    slot.attempt = undefined;
    this.#running--;
    if (this.#border.isGone) return;
    const answer = this.#tell(slot, outcome);
    if ((answer & c.SETTLED) !== 0) {
      slot.result = value;
      // a failure shows its item
      if (outcome === c.FAILED) slot.failed = true;
      else slot.item = undefined;
    }
    this.settleIfDue();
  }

  /**
   * Tells the core that an attempt ended. Only here, for which one begins with it is said in the answer and nowhere else.
   * @param {Slot} slot
   * @param {number} outcome
   */
  #tell({ index, number }, outcome) {
    const answer = this.#border.complete(index, number, outcome);
    if ((answer & c.BEGINS) !== 0) this.#enter(this.#slot(answer & c.SLOT), 1);
    return answer;
  }

  /** Tells handlers to stop, which calls their listeners. They may have ended meanwhile. */
  #stop() {
    for (let slot = this.#signals.shift(); slot !== undefined; slot = this.#signals.shift()) {
      if (slot.attempt !== undefined) Attempt.stop(slot.attempt, slot.why, this.#owner.reason);
    }
  }

  #drainAll() {
    const border = this.#border;
    do {
      const count = border.read();
      const { cells } = border;
      for (let k = 0, at = c.RECORDS; k < count; k++, at += c.WIDTH) this.#record(cells, at);
      if (count === c.MOST) border.ask((core) => core.drain(), undefined);
      else this.#followUp();
    } while ((border.status & c.RECORDED) !== 0);
  }

  /** Gives the next command that follows from the records. */
  #followUp() {
    if (this.#unbegun.size > 0) {
      this.#tell(/** @type {Slot} */ (this.#unbegun.shift()), c.CANCELLED);
      this.#border.status |= c.RECORDED;
    } else if (this.#hasRoom) {
      this.#hasRoom = this.#owner.offer();
      if (this.#hasRoom) this.#border.status |= c.RECORDED;
    }
  }

  /** @param {any} cells @param {number} at */
  #record(cells, at) {
    const first = cells[at + 1];
    const second = cells[at + 2];
    switch (cells[at]) {
      case c.RUN:
        this.#enter(this.#slot(first), second);
        break;
      case c.SIGNAL: {
        const slot = this.#slot(first);
        slot.why = second;
        if (slot.attempt !== undefined) {
          this.#signals.push(slot);
        } else {
          this.#runs.remove(slot);
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
        this.#owner.lost(trap.whole(first, second), trap.whole(cells[at + 3], cells[at + 4]));
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
        this.#timer.set(first < 0 ? -1 : trap.whole(first, second));
        break;
    }
  }

  /** Puts an attempt in the line of those that are to begin. @param {Slot} slot @param {number} number */
  #enter(slot, number) {
    slot.number = number;
    slot.why = 0;
    this.#runs.push(slot);
  }

  /** @param {number} answer the slot of a result and what it is, or -1 */
  #lent(answer) {
    if (answer < 0) return undefined;
    this.what = (answer >> c.WHAT_FROM) & 3;
    return this.#slot(answer & c.SLOT);
  }

  /** @param {number} index @returns {Slot} */
  #slot(index) {
    return /** @type {Slot} */ (this.#slots[index]);
  }
}
