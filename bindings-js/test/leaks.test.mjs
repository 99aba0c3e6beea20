// Nothing is kept of an item that has left: shown by weak references to payloads, results, errors and tickets.

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { map, Processor, ReorderBuffer } from "inorder";
import { VirtualClock } from "./support/clock.mjs";
import { collected, Gate, quiet } from "./support/hosts.mjs";

/** Makes things and remembers them weakly. */
class Weakly {
  refs = [];

  make = (value = {}) => {
    this.refs.push(new WeakRef(value));
    return value;
  };

  *items(count) {
    for (let n = 0; n < count; n++) yield this.make({ n });
  }
}

test("a stream keeps nothing of what it handed out, while it goes on", async () => {
  const weakly = new Weakly();
  const stream = map(weakly.items(5), async () => weakly.make(), { key: ({ n }) => n });
  await (async () => {
    for (let k = 0; k < 5; k++) await stream.next();
  })();
  await quiet();
  assert.ok(await collected(weakly.refs));
  assert.equal(stream.stats().released, 5);
});

test("a stream whose handler raised keeps nothing, though a signalled handler is deaf", async () => {
  const weakly = new Weakly();
  const stream = map(
    weakly.items(10),
    ({ n }) => {
      if (n === 2) return new Promise(() => {});
      return Promise.reject(weakly.make(new Error("boom")));
    },
    { concurrency: 3 },
  );
  await stream.next().catch(() => {});
  await quiet();
  const others = weakly.refs.filter((ref) => ref.deref().n !== 2);
  assert.equal(others.length, weakly.refs.length - 1);
  assert.ok(await collected(others));
  assert.equal(stream.stats().running, 1);
});

test("a stream that was left keeps nothing", async () => {
  const weakly = new Weakly();
  const listening = (_, { signal }) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const handler = (item, attempt) => (item.n === 0 ? weakly.make() : listening(item, attempt));
  const streams = [];
  await (async () => {
    const stream = map(weakly.items(10), handler, { concurrency: 3, key: ({ n }) => n % 2 });
    streams.push(stream);
    for await (const _ of stream) break;
  })();
  await quiet();
  assert.ok(await collected(weakly.refs));
});

test("a stream that was dropped is gone with its source", async () => {
  const weakly = new Weakly();
  await (async () => {
    const source = weakly.make([weakly.make(), weakly.make(), weakly.make()]);
    const stream = weakly.make(map(source, async () => weakly.make()));
    await stream.next();
  })();
  assert.ok(await collected(weakly.refs));
});

test("cancelled tickets keep neither items nor what their handlers gave", async () => {
  const weakly = new Weakly();
  const gate = new Gate();
  const p = new Processor((item, attempt) => gate.handler(item.n, attempt), { concurrency: 2 });
  const tickets = [];
  await (async () => {
    for (const item of weakly.items(4)) tickets.push(await p.enqueue(item));
    await quiet();
    for (const ticket of tickets) ticket.cancel();
    await gate.ok(0, weakly.make());
    await gate.fail(1, weakly.make(new Error("too late")));
  })();
  assert.equal(p.stats().cancelled, 4);
  assert.ok(await collected(weakly.refs));
});

test("offers that were refused or given up are not kept", async () => {
  const weakly = new Weakly();
  const p = new Processor(() => new Promise(() => {}), { capacity: 1, key: (item) => item });
  const giveUp = new AbortController();
  await (async () => {
    await p.enqueue("kept");
    const offer = p.enqueue(weakly.make(), { signal: weakly.make(giveUp).signal });
    assert.throws(() => p.tryEnqueue(weakly.make()));
    giveUp.abort();
    await offer.catch(() => {});
  })();
  assert.ok(await collected(weakly.refs.slice(0, 1)), "the one that was given up");
  assert.ok(await collected(weakly.refs.slice(2)), "the one that was refused");
});

test("a closed processor keeps nothing, though a handler still runs", async () => {
  const clock = new VirtualClock();
  await clock.install();
  try {
    const weakly = new Weakly();
    const p = new Processor(() => new Promise(() => {}), { concurrency: 2 });
    await (async () => {
      for (const item of weakly.items(4)) weakly.make(await p.enqueue(item));
      await clock.quiet();
      const closing = p.abort();
      await clock.quiet();
      clock.now = 250_000;
      await clock.quiet();
      assert.equal((await closing).detached.length, 2);
    })();
    // the report is the caller's, and `closing` was its only holder but the processor
    const items = weakly.refs.filter((ref) => ref.deref()?.n === undefined);
    assert.ok(await collected(items));
  } finally {
    clock.restore();
  }
});

test("a processor that works on keeps nothing of what is done", async () => {
  const weakly = new Weakly();
  const p = new Processor(
    ({ n }) => (n % 2 ? Promise.reject(weakly.make(new Error("boom"))) : weakly.make()),
    { onResult: () => {}, key: weakly.make },
  );
  await (async () => {
    for (const item of weakly.items(6)) weakly.make(await p.enqueue(item));
    await p.join();
  })();
  assert.ok(await collected(weakly.refs));
});

test("a ticket that is kept keeps no processor", async () => {
  const weakly = new Weakly();
  const tickets = [];
  await (async () => {
    const p = weakly.make(new Processor(weakly.make(async (n) => n)));
    for (const n of [1, 2]) tickets.push(await p.enqueue(n));
    await p.join();
  })();
  assert.ok(await collected(weakly.refs));
  assert.equal(await tickets[1].result, 2);
});

test("a loop that was left lets go of what it had in hand", async () => {
  const weakly = new Weakly();
  const p = new Processor(() => weakly.make());
  await (async () => {
    const loop = p[Symbol.asyncIterator]();
    const asked = loop.next();
    for (const item of weakly.items(2)) await p.enqueue(item);
    await asked;
    await loop.return();
  })();
  await p.join();
  assert.ok(await collected(weakly.refs));
});

test("a signal that outlives a stream or processor does not keep it", async () => {
  const weakly = new Weakly();
  const { signal } = new AbortController();
  await (async () => {
    await weakly.make(map([1], (n) => n, { signal })).toArray();
    const p = weakly.make(new Processor((n) => n, { signal }));
    await p.enqueue(1, { signal });
    await p.join({ signal });
    await p.close();
  })();
  assert.ok(await collected(weakly.refs));
});

test("a reorder buffer keeps nothing that was popped or not admitted", async () => {
  const weakly = new Weakly();
  const buffer = new ReorderBuffer({ capacity: 4 });
  (() => {
    for (const seq of [1, 0, 0, 9]) buffer.insert(seq, weakly.make());
    buffer.pop();
    buffer.pop();
  })();
  assert.ok(await collected(weakly.refs));
});

test("a failure that nobody asked for is warned of once, when its ticket goes", async () => {
  const said = mock.method(console, "warn", () => {});
  try {
    const p = new Processor(async (n) => Promise.reject(new Error(`boom ${n}`)));
    const weakly = new Weakly();
    await (async () => {
      weakly.make(await p.enqueue(1));
      const asked = weakly.make(await p.enqueue(2));
      await asked.result.catch(() => {});
      const late = weakly.make(await p.enqueue(3));
      await p.join();
      await late.result.catch(() => {});
      weakly.make(await p.enqueue(4)).cancel();
    })();
    await p.join();
    assert.ok(await collected(weakly.refs));
    await quiet();
    assert.deepEqual(
      said.mock.calls.map((call) => call.arguments),
      [["inorder: item 0 failed, and nobody asked for its result: boom 1"]],
    );
  } finally {
    said.mock.restore();
  }
});
