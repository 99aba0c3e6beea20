// Streams under random steps, beside a naive account of what their handlers did.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure, map } from "inorder";
import { chance } from "./support/chance.mjs";
import { quiet } from "./support/hosts.mjs";

const WALKS = 400;
const STEPS = 60;

const KEYS = [
  undefined,
  (n) => n % 3,
  // they come and go
  (n) => Math.floor(n / 2) % 7,
  (n) => (n % 4 === 0 ? undefined : (n * n) % 5),
];

class Walk {
  #below;
  #options;
  #stream;
  #giveUp = new AbortController();
  /** Read, and handed to the handler, in this order. */
  #read = 0;
  #started = [];
  /** Whose handler waits to be ended. */
  #open = new Map();
  #running = new Set();
  /** In the order in which they ended. */
  #ended = [];
  #failed = new Set();
  #asks = 0;
  #answered = 0;
  /** What came out, in the order of the calls that asked. */
  #out = [];
  #pending = [];
  #sourceFails = false;
  #isStopped = false;
  #count;
  #left = [];
  #closed = 0;
  #isByHand;
  /** One in so many functions that are called looks at its stream. */
  #nosiness;
  #wrong;

  constructor(seed) {
    this.#below = chance(seed);
    const concurrency = this.#pick([1, 2, 3, 5, 64]);
    this.#options = {
      concurrency,
      capacity: this.#pick([4 * concurrency, concurrency, concurrency + 1]),
      ordered: this.#below(3) > 0,
      onFailure: this.#pick(["fail", "emit"]),
      key: this.#pick(KEYS),
      signal: this.#giveUp.signal,
    };
    this.#nosiness = this.#pick([1, 5, 1_000]);
    this.#count = this.#pick([1, 10, 100, 400]);
    this.#sourceFails = this.#below(4) === 0;
    const kind = this.#below(3);
    this.#isByHand = kind === 2;
    const source = kind === 0 ? this.#syncItems() : this.#asyncItems();
    const { key } = this.#options;
    const nosyKey = (item) => {
      this.#look();
      return key(item);
    };
    this.#stream = map(source, this.#handler, { ...this.#options, key: key && nosyKey });
  }

  async run() {
    this.#ask();
    for (let k = 0; k < STEPS; k++) {
      for (let n = this.#below(8); n >= 0; n--) this.#step();
      const gap = this.#below(6);
      if (gap === 5) {
        await quiet();
        this.#check();
      } else {
        for (let n = gap; n > 0; n--) await null;
        this.#checkEnds();
      }
    }
    await this.#finish();
  }

  // what the stream is made of

  *#items() {
    try {
      while (this.#read < this.#count) yield this.#read++;
      if (this.#sourceFails) throw new Error("source");
    } finally {
      this.#closed++;
    }
  }

  #syncItems() {
    const items = this.#items();
    const next = () => {
      this.#look();
      return items.next();
    };
    return { [Symbol.iterator]: () => ({ next, return: () => items.return() }) };
  }

  #asyncItems() {
    const { next, return: close } = this.#syncItems()[Symbol.iterator]();
    return {
      [Symbol.asyncIterator]: () => ({
        next: () =>
          this.#isByHand
            ? new Promise((resolve) => this.#pending.push(resolve)).then(next)
            : new Promise((resolve) => resolve(next())),
        return: async () => close(),
      }),
    };
  }

  #handler = (item, attempt) => {
    this.#try(() => this.#start(item, attempt));
    const kind = this.#below(12);
    if (kind === 0) this.#reenter();
    if (kind < 2) {
      this.#end(item, true);
      return item;
    }
    if (kind === 2 && this.#below(8) === 0) {
      this.#end(item, false);
      throw item;
    }
    const promise = kind < 5 ? this.#soon(item) : this.#later(item, attempt);
    // seen right before the stream sees it
    promise.then(
      () => this.#end(item, true),
      () => this.#end(item, false),
    );
    return promise;
  };

  async #soon(item) {
    for (let n = this.#below(6); n > 0; n--) await null;
    return item;
  }

  #later(item, attempt) {
    return new Promise((resolve, reject) => {
      this.#open.set(item, { resolve, reject });
      if (this.#below(3) === 0) {
        attempt.signal.addEventListener("abort", () => {
          if (this.#below(2) === 0) this.#reenter();
          if (this.#open.delete(item)) reject(item);
        });
      }
    });
  }

  #start(item, { seq, attempt, key }) {
    const keyOf = this.#options.key;
    assert.deepEqual([seq, attempt, key], [item, 1, keyOf?.(item)]);
    assert.ok(!this.#isStopped, "a handler was called after the end");
    if (keyOf === undefined) assert.equal(item, this.#started.length);
    for (const other of this.#running) assert.ok(key === undefined || keyOf(other) !== key);
    for (const other of this.#started) {
      const isOfKey = key !== undefined && keyOf(other) === key;
      assert.ok(isOfKey ? other < item : other !== item);
    }
    this.#started.push(item);
    this.#running.add(item);
    assert.ok(this.#running.size <= this.#options.concurrency);
  }

  #end(item, isOk) {
    // first: it may end others
    this.#look();
    this.#running.delete(item);
    this.#ended.push(item);
    if (!isOk) this.#failed.add(item);
  }

  #look() {
    if (this.#below(this.#nosiness) === 0) this.#reenter();
  }

  #reenter() {
    const kind = this.#below(200);
    if (kind === 0) this.#leave();
    else if (kind < 40) this.#ask();
    else if (kind < 120) this.#stream.stats();
    else this.#stream.whyBlocked();
  }

  /** Keeps what is wrong where a stream would take it for a failure of the handler. */
  #try(check) {
    try {
      check();
    } catch (error) {
      this.#wrong ??= error;
    }
  }

  // steps

  #step() {
    const kind = this.#below(100);
    if (kind < 2) for (let n = this.#below(64); n > 0; n--) this.#endOne(true);
    else if (kind < 50) this.#endOne(this.#below(150) > 0);
    else if (kind < 75) this.#ask();
    else if (kind < 95) this.#pending.shift()?.();
    else if (kind < 97) this.#checkEnds();
    else if (kind < 99) this.#stream.whyBlocked();
    else this.#stop(this.#below(40));
  }

  #endOne(isOk) {
    const items = [...this.#open.keys()];
    if (items.length === 0) return;
    const item = this.#pick(items);
    const { resolve, reject } = this.#open.get(item);
    this.#open.delete(item);
    if (isOk) resolve(item);
    else reject(item);
  }

  #ask() {
    const index = this.#asks++;
    const came = (what) => {
      this.#out[index] = what;
      this.#answered++;
    };
    this.#stream.next().then(came, (error) => came({ error }));
  }

  #stop(kind) {
    if (kind < 2) this.#leave();
    else if (kind < 4) this.#abort();
  }

  #leave() {
    this.#isStopped = true;
    let isLeft = false;
    this.#stream.return().then(() => {
      isLeft = true;
    });
    this.#left.push(() => isLeft);
  }

  #abort() {
    this.#isStopped = true;
    this.#giveUp.abort(new Error("abort"));
  }

  // what has to hold

  /** Nothing stops it: no failure, no end from outside. */
  get #isGoing() {
    const { onFailure } = this.#options;
    return !this.#isStopped && (onFailure === "emit" || this.#failed.size === 0);
  }

  /** At any instant: what has ended is counted. */
  #checkEnds() {
    if (!this.#isGoing) return;
    const { ok, failed } = this.#stream.stats();
    assert.deepEqual([ok, failed], [this.#ended.length - this.#failed.size, this.#failed.size]);
  }

  /** When nothing is ready: nothing is idle that could be busy. */
  #check() {
    const stats = this.#stream.stats();
    assert.equal(stats.running, this.#running.size);
    if (!this.#isGoing) return;
    assert.equal(stats.started, this.#started.length);
    this.#checkEnds();
    const { concurrency, capacity, key: keyOf } = this.#options;
    assert.equal(stats.accepted, this.#read);
    assert.ok(stats.inFlight <= capacity);
    const isRead = this.#read === this.#count || this.#isByHand;
    const mayRead = !isRead && stats.inFlight < capacity;
    assert.ok(!mayRead || (keyOf === undefined && stats.running === concurrency));
    const busy = new Set([...this.#running].map((item) => keyOf?.(item)));
    const started = new Set(this.#started);
    for (let item = 0; item < this.#read && stats.running < concurrency; item++) {
      const key = keyOf?.(item);
      assert.ok(started.has(item) || (key !== undefined && busy.has(key)), `${item} is idle`);
    }
    this.#checkOut();
    assert.ok(this.#out.length === this.#asks || stats.held === 0 || this.#options.ordered);
  }

  /** Results and errors as the naive account has them. */
  #checkOut() {
    if (this.#wrong !== undefined) throw this.#wrong;
    assert.equal(this.#out.length, this.#answered, "answers out of the order of the calls");
    const expected = this.#options.ordered
      ? [...this.#ended].sort((a, b) => a - b)
      : [...this.#ended];
    let isOver = false;
    this.#out.forEach(({ value, done, error }, k) => {
      if (isOver) {
        assert.equal(done, true);
      } else if (error !== undefined) {
        isOver = true;
        if (typeof error !== "number") return;
        assert.equal(this.#options.onFailure, "fail");
        assert.ok(this.#failed.has(error));
        if (this.#options.ordered) assert.equal(error, k);
      } else if (done) {
        isOver = true;
      } else {
        const item = value instanceof Failure ? value.item : value;
        assert.equal(item, expected[k]);
        assert.equal(this.#options.ordered ? item : k, k);
        assert.equal(value instanceof Failure, this.#failed.has(item));
      }
    });
  }

  /** All handlers end, all is asked for: then all is over, and nobody waits. */
  async #finish() {
    for (let k = 0; k < 2_000 && !this.#out.at(-1)?.done; k++) {
      while (this.#open.size > 0) this.#endOne(true);
      for (let n = 0; n < 20; n++) {
        this.#pending.shift()?.();
        await null;
      }
      while (this.#asks < this.#out.length + 3) this.#ask();
      if (k % 10 === 0) await quiet();
      this.#checkEnds();
    }
    await quiet();
    while (this.#open.size > 0) this.#endOne(true);
    await quiet();
    this.#checkOut();
    assert.equal(this.#out.length, this.#asks, "somebody waits");
    assert.ok(this.#left.every((isLeft) => isLeft()));
    const errors = this.#out.filter(({ error }) => error !== undefined);
    assert.ok(errors.length <= 1);
    assert.equal(this.#closed, Math.min(this.#read, 1));
    const stats = this.#stream.stats();
    assert.deepEqual([stats.running, stats.queued], [0, 0]);
    // what was held when all was stopped stays so
    assert.equal(stats.inFlight, this.#isStopped ? stats.held : 0);
    assert.equal(stats.accepted, stats.ok + stats.failed + stats.cancelled);
    if (this.#isGoing) {
      assert.equal(this.#ended.length, this.#count);
      assert.equal(errors.length, this.#sourceFails ? 1 : 0);
    }
  }

  #pick(from) {
    return from[this.#below(from.length)];
  }
}

test("whatever handlers, consumers and sources do, and in whatever microtask", async () => {
  for (let seed = 1; seed <= WALKS; seed++) {
    try {
      await new Walk(seed).run();
    } catch (error) {
      error.message = `walk ${seed}: ${error.message}`;
      throw error;
    }
  }
});
