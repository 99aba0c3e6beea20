// Processors under random steps, beside a naive account of what was offered, cancelled, run and told. No time passes but
// the clock's own.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ClosedError, Failure, FullError, Processor } from "inorder";
import { chance } from "./support/chance.mjs";
import { VirtualClock } from "./support/clock.mjs";

const WALKS = 400;
const STEPS = 30;
/** Longer than handlers get that were told to stop. */
const GRACE = 300_000;

const KEYS = [undefined, (n) => n % 2, (n) => n % 3, (n) => (n % 3 === 0 ? undefined : n % 5)];

/** An item by the naive account. */
class Item {
  /** @type {"waits" | "runs" | "ok" | "failed"} */
  state = "waits";
  /** Its `cancel` said yes. */
  isCancelled = false;
  ticket;
  /** With which its offer was turned away. */
  refusal;
  seq;

  constructor(n, key) {
    this.n = n;
    this.key = key;
  }

  get isOver() {
    return this.state === "ok" || this.state === "failed" || (this.isCancelled && !this.runs);
  }

  get runs() {
    return this.state === "runs";
  }

  get comesOut() {
    return !this.isCancelled && this.isOver;
  }
}

class Walk {
  #below;
  #clock;
  #options;
  #keyOf;
  /** Who takes the results: the tickets alone, `onResult`, or a loop. */
  #taker;
  #processor;
  #loop;
  /** All that was offered, by its number. */
  #items = [];
  /** Whose handler waits to be ended. */
  #open = new Map();
  /** The items that were over, in that order, and what came out. */
  #over = [];
  #out = [];
  #isDelivering = false;
  #delivery;
  #asks = 0;
  #answered = 0;
  #raised = [];
  #joins = 0;
  #joined = 0;
  #givenUp = new Set();
  #closings = [];
  #isClosed = false;
  #isAborted = false;
  #isFailed = false;
  #wrong;

  constructor(seed, clock) {
    this.#below = chance(seed);
    this.#clock = clock;
    const concurrency = this.#pick([1, 2, 2, 3, 5]);
    this.#keyOf = this.#pick(KEYS);
    this.#taker = this.#pick(["tickets", "tickets", "onResult", "loop"]);
    this.#options = {
      concurrency,
      capacity: concurrency + this.#pick([0, 1, 3, 20]),
      ordered: this.#below(3) > 0,
      onFailure: this.#pick(["emit", "emit", "fail"]),
      key: this.#keyOf && ((n) => this.#look() ?? this.#keyOf(n)),
      onResult: this.#taker === "onResult" ? this.#onResult : undefined,
    };
    this.#processor = new Processor(this.#handler, this.#options);
    if (this.#taker === "loop") {
      this.#loop = this.#processor[Symbol.asyncIterator]();
      // what comes out before the first is asked for is not its own
      this.#ask();
    }
  }

  async run() {
    for (let k = 0; k < STEPS; k++) {
      for (let n = this.#below(8); n >= 0; n--) this.#step();
      const gap = this.#below(6);
      if (gap > 3) {
        await this.#clock.quiet();
        this.#check();
      } else {
        for (let n = gap; n > 0; n--) await null;
      }
    }
    await this.#finish();
  }

  // what the processor calls

  #handler = (n, attempt) => {
    const item = this.#items[n];
    this.#try(() => this.#start(item, attempt));
    this.#look();
    const kind = this.#below(12);
    if (kind < 2) {
      this.#end(item, "ok");
      return n;
    }
    if (kind === 2 && this.#fails()) {
      this.#end(item, "failed");
      throw n;
    }
    const promise = kind < 5 ? this.#soon(n) : this.#later(n, attempt);
    // seen right before the processor sees it
    promise.then(
      () => this.#end(item, "ok"),
      () => this.#end(item, "failed"),
    );
    return promise;
  };

  async #soon(n) {
    for (let k = this.#below(5); k > 0; k--) await null;
    return n;
  }

  #later(n, attempt) {
    return new Promise((resolve, reject) => {
      this.#open.set(n, { resolve, reject });
      if (this.#below(3) === 0) {
        attempt.signal.addEventListener("abort", () => {
          this.#look();
          if (this.#open.delete(n)) reject(n);
        });
      }
    });
  }

  #onResult = (result) => {
    this.#try(() => assert.ok(!this.#isDelivering, "two deliveries at a time"));
    this.#look();
    this.#came(result);
    if (this.#below(2) === 0) return undefined;
    this.#isDelivering = true;
    return new Promise((resolve) => {
      this.#delivery = () => {
        this.#isDelivering = false;
        this.#delivery = undefined;
        resolve();
      };
    });
  };

  #start(item, { seq, attempt, key }) {
    assert.deepEqual([attempt, key], [1, item.key]);
    assert.equal(item.state, "waits", `${item.n} runs twice`);
    assert.ok(!item.isCancelled, `${item.n} runs, and was cancelled`);
    assert.ok(!this.#isAborted, "a handler was called after the end");
    item.seq ??= seq;
    assert.equal(item.seq, seq);
    const others = this.#items.filter(({ seq: other }) => other !== undefined && other !== seq);
    for (const other of others) {
      if (item.key === undefined || other.key !== item.key) continue;
      assert.ok(!other.runs, `${item.n} and ${other.n} overlap`);
      assert.ok(other.state === "waits" || other.seq < seq, `${item.n} is behind ${other.n}`);
    }
    item.state = "runs";
    assert.ok(this.#running <= this.#options.concurrency, "too many run");
  }

  #end(item, state) {
    this.#look();
    item.state = state;
    this.#over.push(item);
    if (state === "failed" && !item.isCancelled) this.#isFailed = true;
  }

  /** One in some functions of the user's does something with its processor. */
  #look() {
    const kind = this.#below(40);
    if (kind === 0) this.#tryEnqueue();
    else if (kind < 3) this.#cancel();
    else if (kind === 3) this.#processor.stats();
    else if (kind === 4) this.#processor.whyBlocked();
  }

  /** Keeps what is wrong where a processor would take it for a failure of the handler. */
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
    if (kind < 25) this.#tryEnqueue();
    else if (kind < 40) this.#enqueue();
    else if (kind < 60) this.#cancel();
    else if (kind < 75) this.#endOne(!this.#fails());
    else if (kind < 85) this.#ask();
    else if (kind < 92) this.#delivery?.();
    else if (kind < 95) this.#join();
    else if (kind < 99) this.#processor.whyBlocked();
    else if (this.#below(4) === 0) this.#close(this.#below(3));
  }

  #offered() {
    const n = this.#items.length;
    const item = new Item(n, this.#keyOf?.(n));
    this.#items.push(item);
    return item;
  }

  #tryEnqueue() {
    const item = this.#offered();
    try {
      this.#accepted(item, this.#processor.tryEnqueue(item.n));
    } catch (error) {
      this.#refused(item, error);
    }
  }

  #enqueue() {
    const item = this.#offered();
    const giveUp = new AbortController();
    const isGivingUp = this.#below(6) === 0;
    this.#processor.enqueue(item.n, { signal: giveUp.signal }).then(
      (ticket) => this.#try(() => this.#accepted(item, ticket)),
      (error) => this.#try(() => this.#refused(item, error)),
    );
    if (!isGivingUp) return;
    this.#givenUp.add(item);
    if (this.#below(2) === 0) giveUp.abort(item);
    else Promise.resolve().then(() => giveUp.abort(item));
  }

  #accepted(item, ticket) {
    item.seq ??= ticket.seq;
    assert.equal(ticket.seq, item.seq);
    item.ticket = ticket;
  }

  #refused(item, error) {
    item.refusal = error;
    if (error === item) assert.ok(this.#givenUp.has(item));
    else if (!(error instanceof FullError)) {
      assert.ok(error instanceof ClosedError, String(error));
      assert.ok(this.#isClosed || !this.#isGoing, "closed, and nobody closed it");
    }
  }

  #cancel() {
    const items = this.#items.filter(({ ticket }) => ticket !== undefined);
    if (items.length === 0) return;
    const item = this.#pick(this.#below(2) === 0 ? items.slice(-5) : items);
    const { ticket, isOver } = item;
    const isDone = ticket.done;
    if (ticket.cancel()) {
      this.#try(() => assert.ok(!isDone && !isOver, `${item.n} is cancelled too late`));
      item.isCancelled = true;
    } else {
      const isLate = isDone || isOver || !this.#isGoing;
      this.#try(() => assert.ok(isLate, `${item.n} cannot be cancelled`));
    }
  }

  #endOne(isOk) {
    if (this.#open.size === 0) return;
    const n = this.#pick([...this.#open.keys()]);
    const { resolve, reject } = this.#open.get(n);
    this.#open.delete(n);
    if (isOk) resolve(n);
    else reject(n);
  }

  #ask() {
    if (this.#loop === undefined) return;
    this.#asks++;
    this.#loop.next().then(
      ({ value, done }) => {
        this.#answered++;
        if (!done) this.#came(value);
      },
      (error) => {
        this.#answered++;
        this.#raised.push(error);
      },
    );
  }

  #came(result) {
    const isFailure = result instanceof Failure;
    const n = isFailure ? result.item : result;
    this.#out.push(n);
    const { state } = this.#items[n];
    this.#try(() => assert.equal(state, isFailure ? "failed" : "ok"));
  }

  #join() {
    this.#joins++;
    const before = this.#items.filter(({ ticket }) => ticket !== undefined);
    const joined = () => {
      this.#joined++;
      this.#try(() => assert.ok(before.every(({ ticket }) => ticket.done)));
    };
    this.#processor.join().then(joined, joined);
  }

  #close(kind) {
    this.#isClosed = true;
    if (kind > 0) this.#isAborted = true;
    const closing = kind === 0 ? this.#processor.close() : this.#processor.abort();
    const index = this.#closings.push(undefined) - 1;
    closing.then(
      (report) => {
        this.#closings[index] = { report };
      },
      (error) => {
        this.#closings[index] = { error };
      },
    );
  }

  // what has to hold

  get #running() {
    return this.#items.filter(({ runs }) => runs).length;
  }

  /** Nothing stops it: no failure, no end from outside. */
  get #isGoing() {
    return !this.#isAborted && (this.#options.onFailure === "emit" || !this.#isFailed);
  }

  /** When nothing is ready: nothing is idle that could be busy, and nobody waits who could go on. */
  #check() {
    if (this.#wrong !== undefined) throw this.#wrong;
    this.#checkOut();
    if (!this.#isGoing) return;
    const { concurrency, capacity, ordered } = this.#options;
    const stats = this.#processor.stats();
    const accepted = this.#items.filter(({ ticket }) => ticket !== undefined);
    assert.equal(stats.accepted, accepted.length);
    assert.equal(stats.running, this.#running);
    const waits = this.#items.some(({ ticket, refusal }) => !ticket && !refusal);
    assert.ok(!waits || stats.inFlight === capacity, "an offer waits beside room");
    const busy = new Set(accepted.filter(({ runs }) => runs).map(({ key }) => key));
    for (const { n, key, state, isCancelled } of accepted) {
      if (state !== "waits" || isCancelled) continue;
      const isBusy = key !== undefined && busy.has(key);
      assert.ok(isBusy || this.#running === concurrency, `${n} is idle`);
    }
    if (this.#taker !== "tickets") return;
    let isOver = true;
    for (const { n, ticket, ...item } of this.#bySeq(accepted)) {
      const isDone = this.#items[n].isOver;
      isOver &&= isDone;
      if (ordered ? isOver : isDone) assert.ok(ticket.done, `${n} is not told`);
      else if (!item.isCancelled) assert.ok(!ticket.done, `${n} is told too early`);
    }
  }

  /** Results as the naive account has them: none twice, none that was cancelled, and in order. */
  #checkOut() {
    assert.equal(new Set(this.#out).size, this.#out.length, "a result came out twice");
    const out = this.#out.map((n) => this.#items[n]);
    assert.ok(out.every(({ isCancelled }) => !isCancelled));
    const all = this.#over.filter(({ comesOut }) => comesOut);
    const expected = this.#options.ordered ? this.#bySeq(all) : all;
    const isWhole = this.#isGoing && !this.#options.ordered;
    const wanted = isWhole
      ? expected.slice(0, out.length)
      : expected.filter((i) => out.includes(i));
    assert.deepEqual(this.#numbers(out), this.#numbers(wanted));
  }

  /** It is closed, all handlers end, or are given up, and all is asked for: then all is over, and nobody waits. */
  async #finish() {
    const isLeaving = this.#isAborted && this.#below(2) === 0;
    this.#close(isLeaving ? 1 : 0);
    if (isLeaving) {
      await this.#clock.quiet();
      this.#clock.now += GRACE;
    }
    for (let k = 0; k < 500 && !this.#isAllTold; k++) {
      if (!isLeaving) while (this.#open.size > 0) this.#endOne(true);
      this.#delivery?.();
      if (this.#asks === this.#answered) this.#ask();
      await this.#clock.quiet();
    }
    this.#checkOut();
    if (this.#wrong !== undefined) throw this.#wrong;
    assert.ok(this.#isAllTold, "somebody waits");
    while (this.#open.size > 0) this.#endOne(true);
    await this.#clock.quiet();
    assert.equal(this.#joined, this.#joins);
    this.#checkStats();
    for (const item of this.#items) await this.#checkItem(item);
    this.#checkOffers();
    const isRaised = this.#closings.filter(({ error }) => error !== undefined).length;
    if (this.#isGoing) assert.equal(isRaised, 0);
    if (isRaised > 0) assert.equal(this.#options.onFailure, "fail");
    assert.ok(this.#raised.length <= 1);
  }

  get #isAllTold() {
    const isAnswered = ({ ticket, refusal }) => refusal !== undefined || ticket?.done === true;
    return (
      this.#closings.every((closing) => closing !== undefined) && this.#items.every(isAnswered)
    );
  }

  #checkStats() {
    const stats = this.#processor.stats();
    const accepted = this.#items.filter(({ ticket }) => ticket !== undefined);
    const full = this.#items.filter(({ refusal }) => refusal instanceof FullError);
    assert.deepEqual([stats.accepted, stats.refused], [accepted.length, full.length]);
    assert.equal(stats.accepted, stats.ok + stats.failed + stats.cancelled);
    assert.deepEqual([stats.queued, stats.inFlight], [0, stats.accepted - stats.released]);
    if (!this.#isGoing) return;
    const count = (wanted) =>
      accepted.filter(({ isCancelled, state }) => !isCancelled && state === wanted).length;
    assert.deepEqual([stats.ok, stats.failed], [count("ok"), count("failed")]);
    if (this.#taker !== "tickets") assert.equal(this.#out.length, stats.ok + stats.failed);
  }

  async #checkItem({ n, ticket, state, isCancelled }) {
    if (ticket === undefined) {
      assert.equal(state, "waits");
      return;
    }
    const [{ value, reason }] = await Promise.allSettled([ticket.result]);
    if (reason instanceof ClosedError) {
      assert.ok(!this.#isGoing, `${n} was closed`);
      return;
    }
    assert.equal(ticket.cancelled, isCancelled, `${n}`);
    if (isCancelled) assert.equal(reason?.name, "AbortError");
    else assert.deepEqual([value, reason], state === "ok" ? [n, undefined] : [undefined, n]);
  }

  /** Those that waited were accepted first come, first served. */
  #checkOffers() {
    const accepted = this.#items.filter(({ ticket }) => ticket !== undefined);
    const seqs = accepted.map(({ seq }) => seq).sort((a, b) => a - b);
    assert.deepEqual(seqs, [...accepted.keys()]);
  }

  // helpers

  #bySeq(items) {
    return [...items].sort((a, b) => a.seq - b.seq);
  }

  #numbers(items) {
    return items.map(({ n }) => n);
  }

  #fails() {
    return this.#below(this.#options.onFailure === "fail" ? 60 : 8) === 0;
  }

  #pick(from) {
    return from[this.#below(from.length)];
  }
}

test("whatever is offered, cancelled, run and closed, and in whatever microtask", async () => {
  const clock = new VirtualClock();
  await clock.install();
  try {
    for (let seed = 1; seed <= WALKS; seed++) {
      try {
        await new Walk(seed, clock).run();
      } catch (error) {
        error.message = `walk ${seed}: ${error.message}`;
        throw error;
      }
    }
  } finally {
    clock.restore();
  }
});
