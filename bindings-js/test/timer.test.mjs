// A timer of the host waits for 2^31 - 1 ms at most, and calls back at once where it is asked for more.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Processor } from "inorder";
import { VirtualClock } from "./support/clock.mjs";

const LONGEST = 2 ** 31 - 1;

test("what is due later than a timer can wait for is waited for in parts", async () => {
  const clock = new VirtualClock();
  await clock.install();
  try {
    const waits = [];
    const { setTimeout } = globalThis;
    globalThis.setTimeout = (callback, wait) => {
      waits.push(wait);
      return setTimeout(callback, wait);
    };
    const processor = new Processor(() => new Promise(() => {}));
    processor.tryEnqueue("deaf");
    let report;
    processor.close({ timeout: 2 * LONGEST + 1000 }).then((made) => {
      report = made;
    });
    await clock.quiet();
    for (const part of [LONGEST, LONGEST, 999]) {
      clock.now += part * 1000;
      await clock.quiet();
      assert.equal(report, undefined);
    }
    // the timeout, and then the grace of 250 ms
    for (const part of [1, 250]) {
      clock.now += part * 1000;
      await clock.quiet();
    }
    assert.deepEqual(report.detached, ["deaf"]);
    assert.ok(waits.length >= 4 && Math.max(...waits) === LONGEST, String(waits));
  } finally {
    clock.restore();
  }
});
