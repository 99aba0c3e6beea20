// Other work of the process goes on, whatever there is to do.

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { map, Processor } from "inorder";
import { Gate, quiet } from "./support/hosts.mjs";

/** Ends after so many items, which is far more than what may be done in a turn. */
const MANY = 100_000;

function* numbers() {
  for (let k = 0; k < MANY; k++) yield k;
}

const ways = {
  "handlers that return": [(x) => x],
  "handlers that never leave the microtasks": [async (x) => x],
  "keys that throw": [
    (x) => x,
    {
      onFailure: "emit",
      key() {
        throw new Error("no key");
      },
    },
  ],
};
for (const [name, [handler, options]] of Object.entries(ways)) {
  test(`others have their turn: ${name}`, async () => {
    let isTurned = false;
    setImmediate(() => {
      isTurned = true;
    });
    let count = 0;
    for await (const _ of map(numbers(), handler, { concurrency: 4, ...options })) {
      if (isTurned || ++count === MANY) break;
    }
    assert.ok(count < MANY / 10, `${count} items in one turn`);
  });
}

test("others have their turn: callbacks that return", async () => {
  let isTurned = false;
  let count = 0;
  // the first one holds all the others back
  const gate = new Gate();
  const processor = new Processor((x) => (x === 0 ? gate.handler(x) : x), {
    concurrency: 2,
    capacity: MANY,
    onResult() {
      if (!isTurned) count++;
    },
  });
  for (const k of numbers()) processor.tryEnqueue(k);
  while (processor.stats().held < MANY - 1) await turn();
  setImmediate(() => {
    isTurned = true;
  });
  gate.ok(0);
  await processor.close();
  assert.ok(count < MANY / 10, `${count} results in one turn`);
});

test("the time goes on where a test has dropped what was to come in the next turn", async () => {
  await quiet();
  let now = 1_000;
  mock.method(performance, "now", () => now);
  mock.timers.enable({ apis: ["setImmediate"] });
  try {
    await new Processor((x) => x).run(1);
  } finally {
    mock.timers.reset();
  }
  await turn();
  now = 5_000;
  const processor = new Processor(() => new Promise(() => {}));
  processor.tryEnqueue(1);
  now = 5_020;
  assert.equal(processor.stats().oldestAge, 20);
  mock.reset();
});
