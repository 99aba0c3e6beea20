import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ClosedError,
  DuplicateError,
  Failure,
  FullError,
  LateError,
  OptionsError,
  Processor,
  TooFarError,
} from "inorder";
import { Gate, quiet } from "./support/hosts.mjs";

const twice = async (n) => 2 * n;
const isClosedBy = (cause) => (error) => error instanceof ClosedError && error.cause === cause;

test("enqueue waits for room, and gives a ticket that is no promise", async () => {
  const gate = new Gate();
  const p = new Processor(gate.handler, { capacity: 1 });
  const first = await p.enqueue("a");
  assert.equal(first.then, undefined);
  let isAccepted = false;
  const second = p.enqueue("b");
  second.then(() => {
    isAccepted = true;
  });
  await quiet();
  assert.equal(isAccepted, false);
  assert.deepEqual([first.seq, first.done], [0, false]);
  await gate.ok("a", "A");
  assert.equal(isAccepted, true);
  assert.equal(await first.result, "A");
  assert.deepEqual([first.done, first.cancelled, (await second).seq], [true, false, 1]);
});

test("a ticket's result is the same promise at every read", async () => {
  const p = new Processor(twice);
  const ticket = await p.enqueue(4);
  const { result } = ticket;
  assert.equal(await result, 8);
  assert.equal(ticket.result, result);
});

test("no handler is called within enqueue, tryEnqueue, cancel or close", async () => {
  let calls = 0;
  const p = new Processor(() => calls++);
  p.enqueue(1);
  const ticket = p.tryEnqueue(2);
  assert.equal(calls, 0);
  ticket.cancel();
  p.close();
  assert.equal(calls, 0);
  await quiet();
  assert.equal(calls, 1);
});

test("run is both in one", async () => {
  const p = new Processor(twice, { concurrency: 4 });
  assert.deepEqual(await Promise.all([1, 2, 3].map((n) => p.run(n))), [2, 4, 6]);
});

test("an offer that waits is given up by its signal, with its reason", async () => {
  const gate = new Gate();
  const p = new Processor(gate.handler, { capacity: 1 });
  await p.enqueue("a");
  const giveUp = new AbortController();
  const offer = p.enqueue("b", { signal: giveUp.signal });
  giveUp.abort(new Error("too slow"));
  await assert.rejects(offer, /too slow/);
  await assert.rejects(
    p.enqueue("c", { signal: AbortSignal.abort(new Error("before")) }),
    /before/,
  );
  await gate.ok("a");
  assert.deepEqual(gate.started, ["a"]);
});

test("a signal does nothing to an item that was accepted", async () => {
  const gate = new Gate();
  const p = new Processor(gate.handler);
  const giveUp = new AbortController();
  const ticket = await p.enqueue("a", { signal: giveUp.signal });
  giveUp.abort();
  await gate.ok("a", "done");
  assert.equal(await ticket.result, "done");
});

test("a hundred thousand offers that nobody awaits are served in order", async () => {
  const p = new Processor(twice, { capacity: 8 });
  const offers = Array.from({ length: 100_000 }, (_, n) => p.enqueue(n));
  await p.enqueue(-1);
  await p.join();
  const tickets = await Promise.all(offers);
  assert.ok(tickets.every(({ seq }, n) => seq === n));
});

test("tryEnqueue throws where there is no room, and when it is closed", async () => {
  const gate = new Gate();
  const p = new Processor(gate.handler, { capacity: 1 });
  p.tryEnqueue("a");
  assert.throws(
    () => p.tryEnqueue("b"),
    (e) => e instanceof FullError && e.code === "FULL",
  );
  p.close();
  assert.throws(() => p.tryEnqueue("b"), isClosedBy(undefined));
  await assert.rejects(p.enqueue("b"), isClosedBy(undefined));
});

test("a cancelled ticket rejects with an AbortError, and its handler gets the signal", async () => {
  const gate = new Gate();
  const p = new Processor(gate.listening);
  const running = await p.enqueue("a");
  const queued = await p.enqueue("b");
  await quiet();
  assert.deepEqual([running.cancel(), queued.cancel()], [true, true]);
  for (const ticket of [running, queued]) {
    await assert.rejects(ticket.result, { name: "AbortError" });
    assert.deepEqual([ticket.done, ticket.cancelled, ticket.cancel()], [true, true, false]);
  }
  assert.deepEqual(gate.started, ["a"]);
});

test("cancelled between its start and the handler's call, it is never called", async () => {
  const gate = new Gate();
  const p = new Processor(gate.handler);
  const ticket = p.tryEnqueue("a");
  assert.equal(ticket.cancel(), true);
  await assert.rejects(ticket.result, { name: "AbortError" });
  const next = p.tryEnqueue("b");
  await quiet();
  assert.deepEqual(gate.started, ["b"]);
  await gate.ok("b");
  assert.equal(await next.result, "b");
});

test("a signal that is read after the cancellation is aborted", async () => {
  let attempt;
  const p = new Processor((_, given) => {
    attempt = given;
    return new Promise(() => {});
  });
  const ticket = await p.enqueue("a");
  await quiet();
  ticket.cancel();
  await quiet();
  assert.equal(attempt.signal.aborted, true);
  assert.equal(attempt.signal.reason.name, "AbortError");
});

test("a class of one's own overrides process", async () => {
  class Printer extends Processor {
    prefix = "> ";

    async process(item, { seq }) {
      return `${this.prefix}${seq} ${item}`;
    }
  }
  const p = new Printer({ concurrency: 2 });
  assert.equal(await p.run("a"), "> 0 a");
  assert.equal(await new Printer().run("b"), "> 0 b");
  assert.equal(p.stats().concurrency, 2);

  class Louder extends Printer {
    async process(item, attempt) {
      return `${await super.process(item, attempt)}!`;
    }
  }
  assert.equal(await new Louder().run("c"), "> 0 c!");
  assert.throws(() => new Processor(), OptionsError);
  assert.throws(() => new Processor({ concurrency: 2 }), OptionsError);
});

test("join covers what was accepted before, and gives way to its signal", async () => {
  const gate = new Gate();
  const p = new Processor(gate.handler);
  await p.join();
  await p.enqueue("a");
  const giveUp = new AbortController();
  const given = p.join({ signal: giveUp.signal });
  const joined = p.join();
  await p.enqueue("b");
  giveUp.abort(new Error("no time"));
  await assert.rejects(given, /no time/);
  await gate.ok("a");
  await joined;
  await assert.rejects(p.join({ signal: AbortSignal.abort(new Error("before")) }), /before/);
});

test("close reports, is idempotent, and everything is safe afterwards", async () => {
  const gate = new Gate();
  const p = new Processor(gate.listening, { concurrency: 2 });
  const tickets = [];
  for (const item of ["a", "b", "c"]) tickets.push(await p.enqueue(item));
  await quiet();
  const closing = p.close();
  assert.equal(p.abort(), closing);
  const report = await closing;
  assert.deepEqual(report, {
    released: 0,
    unfinished: ["a", "b"],
    neverStarted: ["c"],
    detached: [],
    lost: [],
  });
  assert.equal(await p.close(), report);
  for (const { result } of tickets) await assert.rejects(result, isClosedBy(undefined));
  await p.join();
  assert.equal(tickets[0].cancel(), false);
  assert.equal(p.whyBlocked(), undefined);
  assert.equal(p.stats().cancelled, 3);
  for await (const _ of p) assert.fail("there is nothing");
});

test("under fail the error ends all, and carries the report", async () => {
  const error = new Error("boom");
  const gate = new Gate();
  const p = new Processor(gate.listening, { concurrency: 2, onFailure: "fail" });
  const [a, b, c] = [p.tryEnqueue("a"), p.tryEnqueue("b"), p.tryEnqueue("c")];
  await quiet();
  await gate.fail("a", error);
  await assert.rejects(a.result, (raised) => raised === error);
  await assert.rejects(b.result, isClosedBy(error));
  await assert.rejects(c.result, isClosedBy(error));
  await assert.rejects(p.enqueue("d"), isClosedBy(error));
  await assert.rejects(p.join(), (raised) => raised === error);
  await assert.rejects(p.close(), (raised) => raised === error);
  assert.equal(error.report.released, 3);
});

test("an error that can carry no report is raised all the same", async () => {
  const p = new Processor(() => Promise.reject("a text"), { onFailure: "fail" });
  await p.enqueue(1);
  await assert.rejects(p.close(), (raised) => raised === "a text");
});

test("an aborted signal stops a processor, and is the cause", async () => {
  const stop = new AbortController();
  const reason = new Error("shutting down");
  const gate = new Gate();
  const p = new Processor(gate.listening, { signal: stop.signal });
  const ticket = await p.enqueue("a");
  await quiet();
  stop.abort(reason);
  await assert.rejects(ticket.result, isClosedBy(reason));
  await assert.rejects(p.enqueue("b"), isClosedBy(reason));
  assert.deepEqual((await p.close()).unfinished, ["a"]);
  const never = new Processor(gate.handler, { signal: AbortSignal.abort(reason) });
  await assert.rejects(never.enqueue("c"), isClosedBy(reason));
});

test("await using drains", async () => {
  const p = new Processor(twice);
  const ticket = await p.enqueue(1);
  await p[Symbol.asyncDispose]();
  assert.equal(await ticket.result, 2);
  assert.throws(() => p.tryEnqueue(2), ClosedError);
});

test("iterating takes results in order, failures too, and may be left and begun again", async () => {
  const error = new Error("boom");
  const p = new Processor(async (n) => (n === 1 ? Promise.reject(error) : n), { concurrency: 2 });
  const loop = p[Symbol.asyncIterator]();
  const first = loop.next();
  for (let n = 0; n < 4; n++) await p.enqueue(n);
  assert.deepEqual(await first, { value: 0, done: false });
  assert.throws(() => p[Symbol.asyncIterator](), OptionsError);
  const { value: failure } = await loop.next();
  assert.ok(failure instanceof Failure && failure.error === error && failure.item === 1);
  await loop.return();
  await p.join();
  assert.equal((await loop.next()).done, true);
  const seen = [];
  const reading = (async () => {
    for await (const n of p) seen.push(n);
  })();
  await quiet();
  await p.enqueue(5);
  await p.close();
  await reading;
  assert.deepEqual(seen, [5]);
});

test("a result that a loop has in hand holds its capacity", async () => {
  const p = new Processor(twice, { capacity: 1 });
  const loop = p[Symbol.asyncIterator]();
  const first = loop.next();
  const ticket = await p.enqueue(1);
  await first;
  assert.equal(ticket.done, true);
  assert.throws(() => p.tryEnqueue(2), FullError);
  assert.equal(p.whyBlocked().state, "untaken");
  loop.next();
  p.tryEnqueue(2);
});

test("a loop over a processor that fails raises the failure once", async () => {
  const p = new Processor(async (n) => Promise.reject(new Error(`boom ${n}`)), {
    onFailure: "fail",
  });
  const loop = p[Symbol.asyncIterator]();
  const asked = [loop.next(), loop.next()];
  await p.enqueue(1);
  await assert.rejects(asked[0], /boom 1/);
  assert.equal((await asked[1]).done, true);
});

test("onResult is called in order, one at a time, and never within enqueue", async () => {
  const gate = new Gate();
  const log = [];
  const p = new Processor(gate.handler, {
    concurrency: 2,
    onResult: async (result) => {
      log.push(`+${result}`);
      await quiet();
      log.push(`-${result}`);
    },
  });
  const [a, b] = [p.tryEnqueue("a"), p.tryEnqueue("b")];
  await quiet();
  await gate.ok("b");
  await gate.ok("a");
  await p.join();
  assert.deepEqual(log, ["+a", "-a", "+b", "-b"]);
  assert.deepEqual(await Promise.all([a.result, b.result]), ["a", "b"]);
  assert.throws(() => p[Symbol.asyncIterator](), OptionsError);
});

test("an onResult that throws stops the processor with its error", async () => {
  const error = new Error("cannot print");
  const p = new Processor(twice, {
    onResult: () => {
      throw error;
    },
  });
  const ticket = await p.enqueue(1);
  await assert.rejects(ticket.result, (raised) => raised === error);
  await assert.rejects(p.close(), (raised) => raised === error);
});

test("an onResult may abort its own processor", async () => {
  const p = new Processor(twice, { onResult: () => void p.abort() });
  const ticket = await p.enqueue(1);
  await p.close();
  assert.equal(await ticket.result, 2);
});

test("a value whose `then` calls back into the processor does no harm", async () => {
  const p = new Processor((n) => n);
  const inner = [];
  const value = {};
  const ticket = await p.enqueue(value);
  const read = ticket.result;
  // biome-ignore lint/suspicious/noThenProperty: that is the point
  Object.defineProperty(value, "then", {
    get() {
      inner.push(p.tryEnqueue(inner.length));
      return undefined;
    },
  });
  await read.catch(() => {});
  await p.join();
  for (const { done } of inner) assert.equal(done, true);
});

test("sequenced offers start in the order of their numbers", async () => {
  const started = [];
  const p = new Processor((item) => started.push(item), { sequenced: true, start: 5, capacity: 4 });
  await p.enqueue("six", { seq: 6 });
  assert.throws(() => p.tryEnqueue("six", { seq: 6 }), DuplicateError);
  assert.throws(() => p.tryEnqueue("four", { seq: 4 }), LateError);
  assert.throws(() => p.tryEnqueue("nine", { seq: 9 }), TooFarError);
  const far = p.enqueue("nine", { seq: 9 });
  await quiet();
  assert.equal(p.whyBlocked().state, "missing");
  await p.enqueue("five", { seq: 5 });
  assert.equal((await far).seq, 9);
  const { lost } = await p.close();
  assert.deepEqual(
    lost.map(({ first, last }) => [first, last]),
    [[7, 8]],
  );
  assert.deepEqual(started, ["five", "six", "nine"]);
});

test("large sequence numbers are exact", async () => {
  const start = Number.MAX_SAFE_INTEGER - 3;
  const seen = [];
  const p = new Processor((_, { seq }) => seen.push(seq), { sequenced: true, start });
  for (const seq of [start + 2, start + 1, start]) {
    assert.equal((await p.enqueue("x", { seq })).seq, seq);
  }
  await p.join();
  assert.deepEqual(seen, [start, start + 1, start + 2]);
  const { lost } = await p.close();
  assert.deepEqual(lost, []);
});
