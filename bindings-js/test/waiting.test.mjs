// Offers that wait for room.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Processor } from "inorder";
import { Gate, quiet } from "./support/hosts.mjs";

test("offers with numbers enter by number, and of one number the first to come", async () => {
  const gate = new Gate();
  const processor = new Processor(gate.handler, { sequenced: true, capacity: 1 });
  const controller = new AbortController();
  const { signal } = controller;
  const told = [];
  const offer = (name, seq, options) =>
    processor.enqueue(name, { seq, ...options }).then(
      () => told.push(name),
      (error) => told.push(`${name} ${error.name}`),
    );
  await processor.enqueue("a", { seq: 0 });
  for (const seq of [5, 4, 3, 2]) offer(`far ${seq}`, seq);
  offer("given up", 1, { signal });
  offer("first", 1);
  offer("second", 1);
  await quiet();
  controller.abort();
  await quiet();
  assert.deepEqual(told, ["given up AbortError"]);
  await gate.ok("a");
  await quiet();
  assert.deepEqual(told.splice(0), ["given up AbortError", "first", "second DuplicateError"]);
  for (const [ended, ...expected] of [
    ["first", "far 2"],
    ["far 2", "far 3"],
    ["far 3", "far 4"],
    ["far 4", "far 5"],
  ]) {
    await gate.ok(ended);
    await quiet();
    assert.deepEqual(told.splice(0), expected);
  }
  assert.equal(processor.stats().duplicate, 1);
});

test("what waits takes the unit that comes back, though its signal's listener offers more", async () => {
  const gate = new Gate();
  const processor = new Processor(gate.handler, { capacity: 1 });
  let answer;
  const signal = {
    aborted: false,
    addEventListener() {},
    removeEventListener() {
      answer = processor.enqueue("c");
    },
  };
  await processor.enqueue("a");
  processor.enqueue("b", { signal });
  await quiet();
  await gate.ok("a");
  await quiet();
  assert.deepEqual(gate.started, ["a", "b"]);
  await gate.ok("b");
  await answer;
  await quiet();
  assert.deepEqual(gate.started, ["a", "b", "c"]);
});
