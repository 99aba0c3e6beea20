// The package as a module: one instance for both loaders, and what a trap does.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import * as inorder from "inorder";
import { quiet } from "./support/hosts.mjs";

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
  const { Instance, RuntimeError } = WebAssembly;
  let isTrapping = false;
  WebAssembly.Instance = class {
    constructor(module, imports) {
      const { exports } = new Instance(module, imports);
      const trap =
        (name) =>
        (...given) => {
          if (isTrapping) throw new RuntimeError("unreachable");
          return exports[name](...given);
        };
      this.exports = { ...exports, core_complete: trap("core_complete") };
    }
  };
  const own = await import("../dist/index.js?a module of its own");
  WebAssembly.Instance = Instance;
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
