// Code of the user's that comes back while the driver is busy.

import assert from "node:assert/strict";
import { test } from "node:test";
import { map, Processor } from "inorder";
import { Counted, Gate, quiet } from "./support/hosts.mjs";

test("a promise with a then of its own settles its item once, and no other", async () => {
  const gate = new Gate();
  const odd = Promise.resolve("real");
  // biome-ignore lint/suspicious/noThenProperty: what is tested
  odd.then = (ok) => {
    ok("first");
    setImmediate(ok, "second");
  };
  const processor = new Processor((item) => (item === 0 ? odd : gate.handler(item)), {
    capacity: 1,
  });
  const first = await processor.enqueue(0);
  const second = await processor.enqueue(1);
  await quiet();
  assert.equal(await first.result, "real");
  assert.equal(second.done, false);
});

test("a signal of one's own may cancel an item where the offer stops listening", async () => {
  const gate = new Gate();
  const processor = new Processor(gate.listening, { capacity: 1 });
  const a = await processor.enqueue("a");
  let answer;
  const signal = {
    aborted: false,
    addEventListener() {},
    removeEventListener() {
      answer = a.cancel();
    },
  };
  const offered = processor.enqueue("b", { signal });
  await quiet();
  await gate.ok("a", "A");
  const b = await offered;
  await quiet();
  assert.equal(answer, false);
  assert.deepEqual(gate.started, ["a", "b"]);
  await gate.ok("b", "B");
  assert.equal(await b.result, "B");
  assert.equal(processor.stats().stale, 0);
});

test("a source that is closed may ask its own stream for more", async () => {
  let asked;
  const source = {
    [Symbol.iterator]: () => ({
      next: () => ({ value: 1, done: false }),
      return() {
        asked = stream.next();
        return {};
      },
    }),
  };
  const stream = map(source, async () => {
    throw new Error("boom");
  });
  await assert.rejects(stream.next(), { message: "boom" });
  await quiet();
  assert.deepEqual(await asked, { done: true, value: undefined });
});

test("a source that leaves its own stream is closed once, after its next came back", async () => {
  let finished = 0;
  let left;
  function* numbers() {
    try {
      for (let k = 0; ; k++) {
        if (k === 2) left = stream.return();
        yield k;
      }
    } finally {
      finished++;
    }
  }
  const stream = map(numbers(), async (x) => x);
  for await (const _ of stream);
  await left;
  assert.equal(finished, 1);
});

test("functions of the user's are called without a this", async () => {
  const seen = [];
  function spy() {
    seen.push(this);
  }
  await map([1], spy, { key: spy }).toArray();
  const processor = new Processor(spy, { key: spy, onResult: spy });
  await processor.run(1);
  assert.deepEqual(seen, Array(5).fill(undefined));
});

test("an offer whose signal is aborted while its key is looked for is not accepted", async () => {
  const controller = new AbortController();
  const processor = new Processor((x) => x, {
    key() {
      controller.abort(new Error("gone"));
    },
  });
  const { signal } = controller;
  await assert.rejects(processor.enqueue(1, { signal }), { message: "gone" });
  assert.equal(processor.stats().accepted, 0);
});

test("a function for the key may ask its own stream for more: no item is lost", async () => {
  const answers = [];
  const gate = new Gate();
  const stream = map(new Counted([0, 1, 2, 3]), gate.handler, {
    concurrency: 2,
    capacity: 2,
    key(n) {
      answers.push(stream.next());
      return n;
    },
  });
  answers.push(stream.next());
  await quiet();
  for (const n of [0, 1, 2, 3]) await gate.ok(n);
  const results = await Promise.all(answers);
  assert.deepEqual(
    results.map(({ value }) => value),
    [0, 1, 2, 3, undefined],
  );
});

test("what an onResult that takes its time offers and cancels is seen to at once", async () => {
  const seen = [];
  const p = new Processor(
    (item, { signal }) => {
      seen.push(item);
      if (item !== "runs") return item;
      return new Promise((resolve) =>
        signal.addEventListener("abort", () => resolve(seen.push("stopped"))),
      );
    },
    {
      concurrency: 2,
      ordered: false,
      onResult() {
        p.tryEnqueue("offered");
        running.cancel();
        return new Promise(() => {});
      },
    },
  );
  const running = p.tryEnqueue("runs");
  p.tryEnqueue("comes out");
  await quiet();
  assert.deepEqual(seen, ["runs", "comes out", "stopped", "offered"]);
});

test("a source that ends all in its own next is closed, though that never answers", async () => {
  const controller = new AbortController();
  let closed = 0;
  const source = {
    [Symbol.asyncIterator]: () => ({
      next() {
        controller.abort(new Error("gone"));
        return new Promise(() => {});
      },
      return: async () => closed++,
    }),
  };
  const stream = map(source, (n) => n, { signal: controller.signal });
  await assert.rejects(stream.next(), { message: "gone" });
  await quiet();
  assert.equal(closed, 1);
});
