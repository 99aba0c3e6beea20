import assert from "node:assert/strict";
import { test } from "node:test";
import { OptionsError, transform } from "inorder";
import { Gate, quiet } from "./support/hosts.mjs";

const later = async (n) => {
  for (let turns = (n * 7) % 4; turns > 0; turns--) await null;
  return n;
};
const upTo = (n) => Array.from({ length: n }, (_, k) => k);

async function all(readable) {
  const out = [];
  for await (const n of readable) out.push(n);
  return out;
}

test("what is piped through comes out in order", async () => {
  const through = ReadableStream.from(upTo(500)).pipeThrough(transform(later, { concurrency: 8 }));
  assert.deepEqual(await all(through), upTo(500));
});

test("nothing is lost of what was written before somebody reads", async () => {
  const { readable, writable } = transform(later);
  const writer = writable.getWriter();
  for (const n of upTo(5)) await writer.write(n);
  await quiet();
  writer.close();
  assert.deepEqual(await all(readable), upTo(5));
});

test("a writer waits for room", async () => {
  const { readable, writable } = transform(later, { capacity: 2 });
  const writer = writable.getWriter();
  let written = 0;
  for (const n of upTo(9)) writer.write(n).then(() => written++);
  await quiet();
  assert.ok(written <= 4, `${written} written and none read`);
  const reader = readable.getReader();
  for (const n of upTo(9)) assert.equal((await reader.read()).value, n);
});

test("a failure errors both ends", async () => {
  const { readable, writable } = transform(async (n) => {
    if (n === 2) throw new Error("boom");
    return n;
  });
  const piped = ReadableStream.from(upTo(100)).pipeTo(writable);
  const seen = [];
  await assert.rejects(async () => {
    for await (const n of readable) seen.push(n);
  }, /boom/);
  await assert.rejects(piped);
  assert.deepEqual(seen, [0, 1]);
});

test("a reader that cancels stops what runs", async () => {
  const gate = new Gate();
  const { readable, writable } = transform(gate.listening);
  const writer = writable.getWriter();
  await writer.write("a");
  await quiet();
  await readable.cancel();
  await assert.rejects(writer.write("b"), { code: "CLOSED" });
  assert.deepEqual(gate.started, ["a"]);
});

test("it takes the options of a stream", () => {
  assert.throws(() => transform(later, { onResult: () => {} }), OptionsError);
  assert.throws(() => transform(later, { concurrency: 0 }), OptionsError);
  assert.throws(() => transform(), OptionsError);
});
