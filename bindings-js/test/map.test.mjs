import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure, map } from "inorder";
import { VirtualClock } from "./support/clock.mjs";
import { Counted, Gate, naturals, quiet } from "./support/hosts.mjs";

const later = async (n) => {
  for (let turns = (n * 7) % 4; turns > 0; turns--) await null;
  return n;
};
const upTo = (n) => Array.from({ length: n }, (_, k) => k);

test("results of uneven handlers come in the order of their items", async () => {
  assert.deepEqual(await map(upTo(5_000), later, { concurrency: 64 }).toArray(), upTo(5_000));
});

test("handlers that return no promise give the same, however many", async () => {
  const stream = map(upTo(5_000), (n) => n, { concurrency: 3, capacity: 4 });
  assert.deepEqual(await stream.toArray(), upTo(5_000));
});

test("a handler that never waits leaves timers their turn", async () => {
  let isOver = false;
  setImmediate(() => {
    isOver = true;
  });
  let count = 0;
  for await (const _ of map(naturals(), (n) => n, { capacity: 2 })) {
    if (isOver) break;
    assert.ok(++count < 10_000, "the host's loop was starved");
  }
});

test("a thenable is waited for, and counts once whatever it calls", async () => {
  const twice = (n) => ({
    // biome-ignore lint/suspicious/noThenProperty: that is the point
    then(ok, bad) {
      ok(n);
      ok("again");
      bad(new Error("and again"));
    },
  });
  const stream = map(upTo(50), twice, { concurrency: 2, capacity: 2 });
  assert.deepEqual(await stream.toArray(), upTo(50));
  assert.equal(stream.stats().stale, 0);
});

test("what a getter `then` throws is the item's failure", async () => {
  const bad = () => ({
    // biome-ignore lint/suspicious/noThenProperty: that is the point
    get then() {
      throw new Error("no then");
    },
  });
  await assert.rejects(map([1], bad).toArray(), /no then/);
});

test("the error is the handler's own, and the stream is over", async () => {
  const error = new Error("boom");
  const source = new Counted(upTo(100));
  const stream = map(source, async (n) => (n === 3 ? Promise.reject(error) : n), {
    concurrency: 2,
  });
  const seen = [];
  await assert.rejects(
    async () => {
      for await (const n of stream) seen.push(n);
    },
    (raised) => raised === error,
  );
  assert.deepEqual(seen, [0, 1, 2]);
  assert.equal(source.closed, 1);
  assert.deepEqual(await stream.next(), { value: undefined, done: true });
  await stream.return();
  assert.equal(source.closed, 1);
});

test("under emit a failure shows error, item, seq, attempt and key", async () => {
  const error = new Error("boom");
  const handler = async ({ n }) => (n === 1 ? Promise.reject(error) : n);
  const options = { onFailure: "emit", key: (item) => `key ${item.n}` };
  const items = [{ n: 0 }, { n: 1 }, { n: 2 }];
  const [first, failure, last] = await map(items, handler, options).toArray();
  assert.deepEqual([first, last], [0, 2]);
  assert.ok(failure instanceof Failure);
  assert.deepEqual({ ...failure }, { error, item: items[1], seq: 1, attempt: 1, key: "key 1" });
  assert.throws(() => {
    failure.seq = 7;
  }, TypeError);
});

test("the source's error comes after everything before it", async () => {
  function* source() {
    yield 1;
    throw new Error("broken");
  }
  const stream = map(source(), later);
  assert.deepEqual(await stream.next(), { value: 1, done: false });
  await assert.rejects(stream.next(), /broken/);
  assert.equal((await stream.next()).done, true);
});

test("a source whose next gives no object fails", async () => {
  const source = { [Symbol.iterator]: () => ({ next: () => 7 }) };
  await assert.rejects(map(source, later).toArray(), /gave 7, not an object/);
});

test("leaving a loop stops what runs, waits for it, and closes the source once", async () => {
  const gate = new Gate();
  const source = new Counted(upTo(100));
  const stopped = [];
  const handler = (n, attempt) => {
    if (n === 0) return "first";
    attempt.signal.addEventListener("abort", () => stopped.push(n));
    return gate.listening(n, attempt);
  };
  for await (const result of map(source, handler, { concurrency: 3 })) {
    assert.equal(result, "first");
    await quiet();
    break;
  }
  assert.deepEqual(stopped, gate.started);
  assert.equal(gate.started.length, 3);
  assert.equal(source.closed, 1);
});

test("leaving does not wait for a source that is stuck in its own next", async () => {
  let closed = 0;
  const source = {
    [Symbol.asyncIterator]: () => source,
    next: () => new Promise(() => {}),
    return: () => {
      closed++;
      return new Promise(() => {});
    },
  };
  const stream = map(source, later);
  const waiting = stream.next();
  await quiet();
  assert.equal((await stream.return("bye")).value, "bye");
  assert.deepEqual(await waiting, { value: undefined, done: true });
  assert.equal(closed, 1);
});

test("what a source's return throws is thrown by leaving", async () => {
  let count = 0;
  const source = {
    [Symbol.asyncIterator]: () => source,
    next: async () => ({ value: count++, done: false }),
    return: async () => {
      throw new Error("cannot close");
    },
  };
  const stream = map(source, new Gate().listening);
  stream.next();
  await quiet();
  assert.equal(count, 2, "it is not reading");
  await assert.rejects(stream.return(), /cannot close/);
});

test("a stream that was never asked closes its source too", async () => {
  const source = new Counted([1]);
  await map(source, later).return();
  assert.deepEqual([source.asked, source.closed], [0, 1]);
});

test("await using leaves the stream", async () => {
  const source = new Counted(upTo(10));
  const stream = map(source, later);
  await stream.next();
  await stream[Symbol.asyncDispose]();
  assert.equal(source.closed, 1);
  assert.equal((await stream.next()).done, true);
});

test("an aborted signal's reason is raised, once, after the handlers have ended", async () => {
  const gate = new Gate();
  const giveUp = new AbortController();
  const source = new Counted(upTo(10));
  const stream = map(source, gate.listening, { concurrency: 2, signal: giveUp.signal });
  const both = [stream.next(), stream.next()];
  await quiet();
  giveUp.abort(new Error("enough"));
  await assert.rejects(both[0], /enough/);
  assert.equal((await both[1]).done, true);
  assert.equal((await stream.next()).done, true);
  assert.equal(source.closed, 1);
});

test("a signal that was aborted before starts nothing", async () => {
  const gate = new Gate();
  const source = new Counted(upTo(10));
  const stream = map(source, gate.handler, { signal: AbortSignal.abort(new Error("before")) });
  await assert.rejects(stream.toArray(), /before/);
  assert.deepEqual([gate.started, source.asked, source.closed], [[], 0, 1]);
});

test("a handler that is deaf to its signal is left behind after the grace", async () => {
  const clock = new VirtualClock();
  await clock.install();
  try {
    const gate = new Gate();
    const stream = map(upTo(10), gate.handler);
    stream.next();
    await clock.quiet();
    let isLeft = false;
    stream.return().then(() => {
      isLeft = true;
    });
    await clock.quiet();
    assert.equal(isLeft, false);
    assert.equal(clock.next(Number.POSITIVE_INFINITY), 250_000);
    clock.now = 250_000;
    await clock.quiet();
    assert.equal(isLeft, true);
    await gate.ok(0);
    assert.equal(stream.stats().ignored, 1);
  } finally {
    clock.restore();
  }
});

test("a handler sees seq, attempt, key and one signal", async () => {
  const seen = [];
  const handler = (item, attempt) => {
    const { seq, attempt: number, key, signal } = attempt;
    assert.equal(signal, attempt.signal);
    assert.equal(signal.aborted, false);
    seen.push([item, seq, number, key]);
  };
  await map(["a", "b"], handler, { key: (item) => item.toUpperCase() }).toArray();
  assert.deepEqual(seen, [
    ["a", 0, 1, "A"],
    ["b", 1, 1, "B"],
  ]);
});

test("keys are compared as a Map does", async () => {
  const keys = [Number.NaN, Number.NaN, -0, 0, {}, {}];
  let running = 0;
  const most = [];
  const handler = async () => {
    most.push(++running);
    await quiet();
    running--;
  };
  await map(keys, handler, { concurrency: 6, key: (key) => key }).toArray();
  // NaN, zero, and two objects at first
  assert.equal(Math.max(...most), 4);
});

test("a handler may ask its own stream for the next result", async () => {
  const asked = [];
  const stream = map(upTo(3), (n) => {
    if (n === 0) asked.push(stream.next(), stream.next());
    return n;
  });
  const first = await stream.next();
  assert.deepEqual(
    [first, await asked[0], await asked[1]].map(({ value }) => value),
    upTo(3),
  );
});

test("what happens on the way can be looked at", async () => {
  const gate = new Gate();
  const stream = map(["a", "b"], gate.handler, { concurrency: 2, key: (item) => `key ${item}` });
  assert.equal(stream.whyBlocked(), undefined);
  stream.next();
  await quiet();
  await gate.ok("b");
  const { age, ...blocked } = stream.whyBlocked();
  const nextDeadline = undefined;
  const expected = { seq: 0, key: "key a", attempt: 1, waiting: 1, state: "running", nextDeadline };
  assert.deepEqual(blocked, expected);
  assert.ok(age >= 0);
  const { accepted, running, held, inFlight, concurrency } = stream.stats();
  assert.deepEqual(
    { accepted, running, held, inFlight, concurrency },
    {
      accepted: 2,
      running: 1,
      held: 1,
      inFlight: 2,
      concurrency: 2,
    },
  );
  await gate.ok("a");
  assert.equal(stream.whyBlocked().state, "untaken");
});
