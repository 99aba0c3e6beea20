import assert from "node:assert/strict";
import { test } from "node:test";
import { OptionsError, ReorderBuffer } from "inorder";

test("items come out in the order of their numbers", () => {
  const buffer = new ReorderBuffer({ start: 1, capacity: 4 });
  assert.equal(buffer.insert(2, "b"), "held");
  assert.equal(buffer.insert(2, "again"), "duplicate");
  assert.equal(buffer.insert(0, "before"), "late");
  assert.equal(buffer.insert(5, "beyond"), "tooFar");
  assert.equal(buffer.pop(), undefined);
  assert.deepEqual([buffer.next, buffer.size, buffer.missing()], [1, 1, [[1, 1]]]);
  assert.equal(buffer.insert(1, undefined), "ready");
  assert.deepEqual(
    [buffer.pop(), buffer.pop(), buffer.pop()],
    [[1, undefined], [2, "b"], undefined],
  );
});

test("what is given up is passed over, what is in still comes out", () => {
  const buffer = new ReorderBuffer({ capacity: 8 });
  buffer.insert(2, "two");
  buffer.insert(7, "seven");
  assert.deepEqual(buffer.missing(), [
    [0, 1],
    [3, 6],
  ]);
  buffer.skipTo(5);
  assert.equal(buffer.insert(4, "four"), "late");
  assert.deepEqual([buffer.pop(), buffer.next], [[2, "two"], 5]);
  buffer.skipTo(1_000);
  assert.deepEqual([buffer.pop(), buffer.next], [[7, "seven"], 1_000]);
});

test("any shuffle within the window comes out in order, at any start and capacity", () => {
  for (const capacity of [1, 3, 64, 100]) {
    for (const start of [0, 2 ** 31 - 50, 2 ** 32 - 50, 2 ** 53 - 400]) {
      const buffer = new ReorderBuffer({ start, capacity });
      const out = [];
      for (let block = 0; block < 200; block += capacity) {
        for (let k = capacity - 1; k >= 0; k--) buffer.insert(start + block + k, block + k);
        for (let popped = buffer.pop(); popped; popped = buffer.pop()) out.push(popped);
      }
      assert.deepEqual(
        out,
        out.map((_, k) => [start + k, k]),
      );
      assert.ok(out.length >= 200);
    }
  }
});

test("many buffers together do not mix, also when the module's memory grows", () => {
  const buffers = Array.from({ length: 40 }, () => new ReorderBuffer({ capacity: 2 ** 20 }));
  for (const [k, buffer] of buffers.entries()) buffer.insert(0, k);
  assert.deepEqual(
    buffers.map((buffer) => buffer.pop()[1]),
    [...buffers.keys()],
  );
});

test("numbers that are none are refused by name", () => {
  const buffer = new ReorderBuffer();
  for (const seq of [-1, 1.5, Number.NaN, 2 ** 53, "1", undefined, 1n]) {
    assert.throws(
      () => buffer.insert(seq, "x"),
      (e) => e instanceof OptionsError && /^seq /.test(e.message),
    );
    assert.throws(() => buffer.skipTo(seq), OptionsError);
  }
  assert.equal(buffer.insert(2 ** 53 - 1, "x"), "tooFar");
});
