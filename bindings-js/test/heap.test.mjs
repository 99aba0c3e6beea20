import assert from "node:assert/strict";
import { test } from "node:test";
import { Heap } from "../js/heap.js";

/** Numbers that look like chance, the same in each run. */
function* chance() {
  for (let x = 1; ; ) {
    x = (x * 48_271) % (2 ** 31 - 1);
    yield x;
  }
}

test("the lowest is first, of equal ones the first to come, whatever is taken out between", () => {
  const draw = chance();
  const next = (below) => draw.next().value % below;
  const heap = new Heap();
  const left = new Set();
  const lowest = () => [...left].sort((a, b) => a.rank - b.rank || a.arrival - b.arrival)[0];
  for (let arrival = 0; arrival < 3_000; arrival++) {
    const entry = { rank: next(50), arrival, place: -1 };
    heap.add(entry);
    left.add(entry);
    if (next(3) === 0) {
      const other = [...left][next(left.size)];
      heap.remove(other);
      heap.remove(other);
      left.delete(other);
    }
    if (next(4) === 0 && heap.first !== undefined) {
      const { first } = heap;
      heap.remove(first);
      left.delete(first);
    }
    if (arrival % 10 === 0) assert.equal(heap.first, lowest());
  }
  while (left.size > 0) {
    const { first } = heap;
    assert.equal(first, lowest());
    heap.remove(first);
    left.delete(first);
  }
  assert.equal(heap.first, undefined);
});
