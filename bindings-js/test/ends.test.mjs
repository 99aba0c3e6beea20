// Attempts that end in a row are told to the core together: nobody sees a difference.

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { map } from "inorder";
import { VirtualClock } from "./support/clock.mjs";
import { collected, Gate, quiet } from "./support/hosts.mjs";

const upTo = (n) => Array.from({ length: n }, (_, k) => k);

/** A stream whose first result was taken: from then on nobody waits for one. */
async function begun(count, options) {
  const gate = new Gate();
  const attempts = new Map();
  const handler = (item, attempt) => {
    attempts.set(item, attempt);
    return gate.handler(item);
  };
  const stream = map(upTo(count), handler, options);
  const first = stream.next();
  await quiet();
  await gate.ok(0);
  assert.deepEqual(await first, { value: 0, done: false });
  await quiet();
  return { stream, gate, attempts };
}

/** Lets these end. Behind one `await null` they have, and nothing that follows from it has had a turn. */
function end(gate, items) {
  for (const item of items) gate.ok(item);
}

test("what has ended is counted at once", async () => {
  const { stream, gate } = await begun(6, { concurrency: 4 });
  end(gate, [1, 2]);
  await null;
  const { held, running, released } = stream.stats();
  assert.deepEqual({ held, running, released }, { held: 2, running: 3, released: 1 });
  await stream.return();
});

test("what has ended makes room for the next, though nobody asks", async () => {
  const { stream, gate } = await begun(40, { concurrency: 4 });
  end(gate, [1, 2]);
  await null;
  await quiet();
  assert.deepEqual(gate.started, upTo(7));
  await stream.return();
});

test("what has ended lets the next of its key start, though nobody asks", async () => {
  const { stream, gate } = await begun(8, { concurrency: 4, key: (n) => n % 2 });
  assert.deepEqual(gate.started, [0, 1, 2]);
  end(gate, [1, 2]);
  await null;
  await quiet();
  assert.deepEqual(gate.started, upTo(5));
  await stream.return();
});

test("what has ended is there for who asks", async () => {
  const { stream, gate } = await begun(6, { concurrency: 4 });
  end(gate, [2, 1]);
  await null;
  const answers = [stream.next(), stream.next()];
  let seen = 0;
  for (const answer of answers) answer.then(() => seen++);
  await null;
  assert.equal(seen, 2);
  assert.deepEqual(await Promise.all(answers), [
    { value: 1, done: false },
    { value: 2, done: false },
  ]);
  await stream.return();
});

test("what has ended keeps its outcome, whatever is stopped behind it", async () => {
  const giveUp = new AbortController();
  const { stream, gate, attempts } = await begun(6, { concurrency: 4, signal: giveUp.signal });
  end(gate, [1, 2]);
  await null;
  giveUp.abort(new Error("enough"));
  const aborted = [1, 2, 3, 4].map((item) => attempts.get(item).signal.aborted);
  await quiet();
  assert.deepEqual(aborted, [false, false, false, false]);
  const stopped = [1, 2, 3, 4].filter((item) => attempts.get(item).signal.aborted);
  assert.deepEqual(stopped, [3, 4]);
  await assert.rejects(stream.next(), /enough/);
  for (const item of [3, 4]) await gate.ok(item);
  assert.equal(stream.stats().ok, 3);
});

test("a failure behind what has ended comes after it", async () => {
  const { stream, gate } = await begun(6, { concurrency: 4 });
  for (const item of [1, 2]) gate.ok(item);
  gate.fail(3, new Error("boom"));
  await quiet();
  await gate.ok(4);
  const seen = [];
  await assert.rejects(async () => {
    for await (const result of stream) seen.push(result);
  }, /boom/);
  assert.deepEqual(seen, [1, 2]);
});

test("many that end in a row: all are counted, and as many start", async () => {
  const { stream, gate } = await begun(200, { concurrency: 50 });
  end(gate, upTo(50).slice(1));
  await null;
  await quiet();
  assert.deepEqual(gate.started, upTo(100));
  assert.equal(stream.stats().held, 49);
  const seen = [];
  for (let k = 0; k < 49; k++) seen.push((await stream.next()).value);
  assert.deepEqual(seen, upTo(50).slice(1));
  await stream.return();
});

test("what a handler that was left behind gives in the end is kept nowhere", async () => {
  const clock = new VirtualClock();
  await clock.install();
  try {
    const giveUp = new AbortController();
    const { stream, gate } = await begun(6, { concurrency: 4, signal: giveUp.signal });
    giveUp.abort();
    await clock.quiet();
    clock.now = 250_000;
    await clock.quiet();
    const refs = [];
    const give = (item) => {
      const value = {};
      refs.push(new WeakRef(value));
      gate.ok(item, value);
    };
    give(1);
    give(2);
    assert.ok(await collected(refs));
    assert.equal(stream.stats().ignored, 2);
  } finally {
    clock.restore();
  }
});

test("a key that comes back as its only item ends is the same key", async () => {
  const asked = [];
  const source = {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => new Promise((resolve) => asked.push(resolve)),
  };
  const give = (item) => asked.shift()({ value: item, done: false });
  const gate = new Gate();
  const stream = map(source, gate.handler, { concurrency: 4, key: (item) => item[0] });
  const first = stream.next();
  await quiet();
  for (const item of ["x", "a1", "b"]) {
    give(item);
    await quiet();
  }
  await gate.ok("x");
  await first;
  // one run of microtasks: it has ended, and what comes is told first
  gate.ok("a1");
  give("a2");
  await quiet();
  for (const item of ["c", "a3"]) {
    give(item);
    await quiet();
  }
  assert.deepEqual(gate.started, ["x", "a1", "b", "a2", "c"]);
  await gate.ok("a2");
  assert.deepEqual(gate.started.slice(5), ["a3"]);
  for (const item of ["b", "c", "a3"]) gate.ok(item);
  await stream.return();
});

test("what has ended is told in the end, where a look at it failed", async () => {
  const { stream, gate } = await begun(8, { concurrency: 4 });
  end(gate, [1, 2]);
  await null;
  mock.method(performance, "now", () => {
    throw new Error("no time");
  });
  try {
    assert.throws(() => stream.stats(), /no time/);
  } finally {
    mock.restoreAll();
  }
  await quiet();
  assert.deepEqual(gate.started, upTo(7));
  assert.equal(stream.stats().ok, 3);
  await stream.return();
});
