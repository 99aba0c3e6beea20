import assert from "node:assert/strict";
import { test } from "node:test";
import { Queue } from "../js/queue.js";

test("what is taken out of a queue leaves the rest in order, and is taken out once", () => {
  const queue = new Queue();
  const items = Array.from({ length: 5_000 }, (_, k) => ({ k }));
  const places = items.map((item) => queue.push(item));
  for (let k = 0; k < 5_000; k += 2) queue.remove(places[k], items[k]);
  for (let k = 0; k < 5_000; k += 2) queue.remove(places[k], items[k]);
  assert.equal(queue.size, 2_500);
  const left = [];
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) left.push(item.k);
  assert.deepEqual(
    left,
    items.filter(({ k }) => k % 2 === 1).map(({ k }) => k),
  );
  assert.equal(queue.size, 0);
});

test("one that has left is not taken out of a place that another has now", () => {
  const queue = new Queue();
  const [a, b] = [{}, {}];
  const place = queue.push(a);
  assert.equal(queue.shift(), a);
  queue.push(b);
  queue.remove(place, a);
  queue.remove(place, b);
  assert.equal(queue.size, 1);
  assert.equal(queue.peek(), b);
});
