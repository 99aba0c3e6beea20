// What stops one end of a transform errors the other: a pipe that broke never looks complete.

import assert from "node:assert/strict";
import { test } from "node:test";
import { transform } from "inorder";
import { Gate, quiet } from "./support/hosts.mjs";

const boom = new Error("boom");

test("a pipe whose source broke does not end as if complete", async () => {
  let k = 0;
  const source = new ReadableStream({
    pull(controller) {
      if (k < 3) controller.enqueue(k++);
      else controller.error(boom);
    },
  });
  const through = source.pipeThrough(transform(async (x) => x, { concurrency: 2 }));
  await assert.rejects(through.pipeTo(new WritableStream()), boom);
});

test("a writer that aborts errors the reader, and stops what runs", async () => {
  const gate = new Gate();
  const { readable, writable } = transform(gate.listening);
  const reader = readable.getReader();
  const read = assert.rejects(reader.read(), boom);
  const writer = writable.getWriter();
  writer.closed.catch(() => {});
  await writer.write(1);
  await quiet();
  await writer.abort(boom);
  await read;
  await assert.rejects(reader.closed, boom);
});

test("a writer that aborts while its write waits for room need not wait for it", async () => {
  const gate = new Gate();
  const { readable, writable } = transform(gate.listening, { capacity: 1 });
  const reader = readable.getReader();
  const writer = writable.getWriter();
  writer.closed.catch(() => {});
  await writer.write(1);
  const second = assert.rejects(writer.write(2), boom);
  await quiet();
  await writer.abort(boom);
  await second;
  await assert.rejects(reader.read(), boom);
});

test("a reader that cancels errors the writer with its reason", async () => {
  const gate = new Gate();
  const { readable, writable } = transform(gate.listening);
  const writer = writable.getWriter();
  await writer.write(1);
  await readable.cancel(boom);
  await assert.rejects(writer.write(2), boom);
  await assert.rejects(writer.closed, boom);
});

test("an aborted signal errors both ends with its reason", async () => {
  for (const isEarly of [true, false]) {
    const controller = new AbortController();
    if (isEarly) controller.abort(boom);
    const gate = new Gate();
    const { readable, writable } = transform(gate.listening, { signal: controller.signal });
    const reader = readable.getReader();
    const writer = writable.getWriter();
    writer.write(1).catch(() => {});
    await quiet();
    controller.abort(boom);
    await assert.rejects(reader.read(), boom);
    await assert.rejects(writer.closed, boom);
    assert.deepEqual(gate.started, isEarly ? [] : [1]);
  }
});

test("a failure errors both ends at once, after what is before it", async () => {
  const { readable, writable } = transform((x) => {
    if (x === 1) throw boom;
    return x;
  });
  const writer = writable.getWriter();
  const reader = readable.getReader();
  writer.closed.catch(() => {});
  await writer.write(0);
  await writer.write(1);
  assert.equal((await reader.read()).value, 0);
  await assert.rejects(reader.read(), boom);
  await assert.rejects(writer.closed, boom);
});

test("a writer that waits for room is told of the failure itself", async () => {
  const gate = new Gate();
  const { writable } = transform(gate.handler, { capacity: 1 });
  const writer = writable.getWriter();
  writer.closed.catch(() => {});
  await writer.write(1);
  const second = assert.rejects(writer.write(2), boom);
  await quiet();
  await gate.fail(1, boom);
  await second;
});
