// The package as a module: one instance for both loaders, and what a trap does.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import * as inorder from "inorder";
import { Counted, quiet } from "./support/hosts.mjs";

/** A module of its own in which something can be made to go wrong. */
async function instrumented(name, instrument) {
  const { Instance } = WebAssembly;
  WebAssembly.Instance = class {
    constructor(module, imports) {
      this.exports = instrument(Instance, module, imports);
    }
  };
  try {
    return await import(`../dist/index.js?${name}`);
  } finally {
    WebAssembly.Instance = Instance;
  }
}

/** A stream with four attempts that run, while nobody waits. `end` lets two end: behind one `await null` they are noted. */
async function begun(own) {
  const ends = [];
  const source = new Counted([0, 1, 2, 3, 4, 5]);
  const handler = () => new Promise((resolve) => ends.push(resolve));
  const stream = own.map(source, handler, { concurrency: 4 });
  const first = stream.next();
  await quiet();
  ends[0]();
  await first;
  await quiet();
  const end = () => {
    for (const k of [1, 2]) ends[k]();
  };
  return { stream, source, end };
}

test("import and require give the same instance", () => {
  const required = createRequire(import.meta.url)("inorder");
  assert.equal(required.Processor, inorder.Processor);
  assert.deepEqual(Object.keys(required).sort(), Object.keys(inorder).sort());
});

test("many at once share the module, also when its memory grows", async () => {
  const streams = Array.from({ length: 50 }, (_, k) =>
    inorder.map([k, k + 1, k + 2], async (n) => n, { capacity: 2 ** 16, concurrency: 2 }),
  );
  const waiting = streams.map((stream) => stream.toArray());
  // a large sequenced one allocates its window at once
  const p = new inorder.Processor((n) => n, { sequenced: true, capacity: 2 ** 20 });
  await p.enqueue("x", { seq: 0 });
  const all = await Promise.all(waiting);
  assert.deepEqual(
    all,
    streams.map((_, k) => [k, k + 1, k + 2]),
  );
});

test("a trap rejects every waiter, and nothing of the module can be used any more", async () => {
  let isTrapping = false;
  const own = await instrumented("traps as an end is told", (Instance, module, imports) => {
    const { exports } = new Instance(module, imports);
    const core_complete = (...given) => {
      if (isTrapping) throw new WebAssembly.RuntimeError("unreachable");
      return exports.core_complete(...given);
    };
    return { ...exports, core_complete };
  });
  assert.notEqual(own.Processor, inorder.Processor);

  const ends = [];
  const waits = () => new Promise((resolve) => ends.push(resolve));
  const p = new own.Processor(waits, { capacity: 1 });
  const ticket = await p.enqueue("a");
  const closed = new own.Processor(waits);
  await closed.enqueue("a");
  const stream = own.map([1, 2], waits);
  const waiting = [ticket.result, p.enqueue("b"), p.join(), closed.close()];
  waiting.push(stream.next(), stream.next());
  await quiet();
  isTrapping = true;
  for (const end of ends) end();
  for (const promise of waiting) {
    await assert.rejects(promise, (e) => e instanceof own.BrokenError && e.code === "BROKEN");
  }
  await assert.rejects(p.join(), own.BrokenError);
  await assert.rejects(p.enqueue("c"), own.ClosedError);
  await stream.return();
  assert.throws(() => own.map([], waits), own.BrokenError);
  assert.throws(() => new own.ReorderBuffer(), own.BrokenError);
});

test("a trap as ends are told: who asks then is told, and the source is closed", async () => {
  let isTrapping = false;
  const own = await instrumented("traps as ends are told", (Instance, module, imports) => {
    const { exports } = new Instance(module, imports);
    const core_complete_all = (...given) => {
      if (isTrapping) throw new WebAssembly.RuntimeError("unreachable");
      return exports.core_complete_all(...given);
    };
    return { ...exports, core_complete_all };
  });
  const one = await begun(own);
  const other = await begun(own);
  for (const { end } of [one, other]) end();
  await null;
  isTrapping = true;
  assert.throws(() => one.stream.stats(), own.BrokenError);
  await assert.rejects(other.stream.next(), own.BrokenError);
  await quiet();
  await assert.rejects(one.stream.next(), own.BrokenError);
  for (const { stream, source } of [one, other]) {
    await stream.return();
    assert.equal((await stream.next()).done, true);
    assert.equal(source.closed, 1);
  }
});

test("a call that did not come back, as the stack ended, breaks the module as a trap does", async () => {
  let isFull = false;
  const own = await instrumented("ends of the stack", (Instance, module, imports) => {
    const full =
      (call) =>
      (...given) => {
        if (isFull) throw new RangeError("Maximum call stack size exceeded");
        return call(...given);
      };
    const wrapped = Object.entries(imports).map(([from, calls]) => [
      from,
      Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, full(call)])),
    ]);
    return new Instance(module, Object.fromEntries(wrapped)).exports;
  });
  const { stream, source, end } = await begun(own);
  end();
  await null;
  isFull = true;
  assert.throws(() => stream.stats(), RangeError);
  isFull = false;
  await assert.rejects(stream.next(), own.BrokenError);
  await stream.return();
  assert.equal(source.closed, 1);
});
