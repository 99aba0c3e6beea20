// What is said to those who are stopped, and what comes after the end.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ClosedError, map, Processor } from "inorder";
import { VirtualClock } from "./support/clock.mjs";
import { Gate, quiet } from "./support/hosts.mjs";

const boom = new Error("boom");

test("a handler's signal says why it is to stop", async () => {
  const reasons = {};
  const run = (name, options) =>
    new Processor(
      (item, { signal }) =>
        new Promise((resolve, reject) => {
          if (item === "fails") setImmediate(reject, boom);
          signal.addEventListener("abort", () => {
            reasons[name] = signal.reason;
            resolve();
          });
        }),
      options,
    );
  run("cancelled").tryEnqueue(1).cancel();
  const cancelled = run("cancelled");
  const ticket = cancelled.tryEnqueue(1);
  await quiet();
  ticket.cancel();
  const closed = run("closed");
  closed.tryEnqueue(1);
  const behind = run("behind", { concurrency: 2, onFailure: "fail" });
  for (const item of ["fails", 1]) behind.tryEnqueue(item);
  const controller = new AbortController();
  run("aborted", { signal: controller.signal }).tryEnqueue(1);
  await quiet();
  await closed.abort();
  controller.abort(boom);
  await quiet();
  const { aborted, ...own } = reasons;
  assert.equal(aborted, boom);
  const texts = Object.entries(own).map(([name, error]) => [name, error.name, error.message]);
  assert.deepEqual(texts.sort(), [
    ["behind", "AbortError", "an item before it failed"],
    ["cancelled", "AbortError", "the item was cancelled"],
    ["closed", "AbortError", "everything is being stopped"],
  ]);
});

test("the reason of a stream's own signal reaches its handlers", async () => {
  const gate = new Gate();
  const controller = new AbortController();
  let seen;
  const handler = (item, attempt) => {
    attempt.signal.addEventListener("abort", () => {
      seen = attempt.signal.reason;
    });
    return gate.listening(item, attempt);
  };
  const next = map([1], handler, { signal: controller.signal }).next();
  await quiet();
  controller.abort(boom);
  await assert.rejects(next, boom);
  assert.equal(seen, boom);
});

test("a signal that is aborted after a stream was left is too late", async () => {
  const gate = new Gate();
  const controller = new AbortController();
  const stream = map([1, 2], gate.handler, { concurrency: 2, signal: controller.signal });
  const first = stream.next();
  await quiet();
  await gate.ok(1);
  await first;
  const left = stream.return();
  controller.abort(boom);
  await gate.ok(2);
  await left;
  assert.deepEqual(await stream.next(), { value: undefined, done: true });
});

test("a loop that was left before it began takes nothing", async () => {
  const processor = new Processor((x) => x);
  const loop = processor[Symbol.asyncIterator]();
  await loop.return();
  const ticket = processor.tryEnqueue("first");
  assert.deepEqual(await loop.next(), { value: undefined, done: true });
  assert.equal(await ticket.result, "first");
  const next = processor[Symbol.asyncIterator]().next();
  processor.tryEnqueue("second");
  assert.equal((await next).value, "second");
});

test("a loop that has ended makes place for another", async () => {
  const processor = new Processor((x) => x);
  const next = processor[Symbol.asyncIterator]().next();
  await processor.close();
  assert.equal((await next).done, true);
  for await (const _ of processor) assert.fail("nothing is left");
});

test("a time of less than half a microsecond is not none", async () => {
  const clock = new VirtualClock();
  clock.install();
  try {
    const gate = new Gate();
    const processor = new Processor(gate.handler);
    const ticket = processor.tryEnqueue(1);
    await quiet();
    const closing = processor.close({ timeout: 1e-4 });
    await gate.ok(1, "one");
    await closing;
    assert.equal(await ticket.result, "one");
  } finally {
    clock.restore();
  }
});

test("the report that an error carries is the one and only", async () => {
  const error = new Error("boom");
  const processor = new Processor(
    () => {
      throw error;
    },
    { onFailure: "fail" },
  );
  processor.tryEnqueue(1);
  await assert.rejects(processor.close(), error);
  const { report } = error;
  await assert.rejects(processor.join(), error);
  await assert.rejects(processor.close(), error);
  assert.equal(error.report, report);
});

test("a ticket's ClosedError is made once, with the failure as its cause", async () => {
  const processor = new Processor(
    () => {
      throw boom;
    },
    { onFailure: "fail" },
  );
  const tickets = [1, 2, 3].map((item) => processor.tryEnqueue(item));
  const early = tickets[1].result;
  await quiet();
  for (const ticket of tickets.slice(1)) {
    await assert.rejects(ticket.result, (error) => {
      assert.ok(error instanceof ClosedError);
      assert.equal(error.cause, boom);
      return true;
    });
    assert.equal(ticket.result, ticket.result);
    assert.equal(ticket.cancelled, false);
  }
  assert.equal(tickets[1].result, early);
});

test("what one looks at cannot be changed, before the end and after it", async () => {
  const gate = new Gate();
  const processor = new Processor(gate.handler, { key: (x) => x });
  processor.tryEnqueue("a");
  const blocked = processor.whyBlocked();
  assert.equal(blocked.key, "a");
  assert.ok(Object.isFrozen(blocked) && Object.isFrozen(processor.stats()));
  await quiet();
  await gate.ok("a");
  await processor.close();
  assert.ok(Object.isFrozen(processor.stats()));
  assert.equal(processor.stats().ok, 1);
});

test("a number that is missing has no key", async () => {
  const processor = new Processor((x) => x, { sequenced: true, key: (x) => x });
  await processor.run("a", { seq: 0 });
  processor.tryEnqueue("c", { seq: 2 });
  const { seq, key, state } = processor.whyBlocked();
  assert.deepEqual([seq, key, state], [1, undefined, "missing"]);
});

for (const concurrency of [1, 2, 3]) {
  test(`what a cancel before the start makes room for begins, ${concurrency} at a time`, async () => {
    const started = [];
    const p = new Processor((item) => started.push(item), { concurrency });
    const tickets = ["a", "b", "c", "d", "e"].map((item) => p.tryEnqueue(item));
    for (const k of [0, 2]) assert.equal(tickets[k].cancel(), true);
    await p.join();
    assert.deepEqual(started, ["b", "d", "e"]);
    assert.deepEqual(
      tickets.map(({ cancelled }) => cancelled),
      [true, false, true, false, false],
    );
  });
}
