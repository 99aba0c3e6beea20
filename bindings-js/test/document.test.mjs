// The seed document's class and ours: what overlaps, and what comes out in the wrong place.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mock, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { VirtualClock } from "../../examples/node/clock.mjs";
import { Log } from "../../examples/node/figures.mjs";
import * as keys from "../../examples/node/keys.mjs";
import * as lines from "../../examples/node/lines.mjs";
import { main } from "../../examples/node/textbook.mjs";
import { inOrder, textbook } from "../../examples/node/ways.mjs";

const ways = {
  textbook,
  one: (items, log, clock) => inOrder(items, log, clock, { concurrency: 1 }),
  three: (items, log, clock) => inOrder(items, log, clock, { concurrency: 3 }),
  three_keyed: (items, log, clock) => inOrder(items, log, clock, { concurrency: 3, keyed: true }),
};

const table = (name) =>
  readFileSync(new URL(`../../tests/document/${name}`, import.meta.url), "utf8")
    .trimEnd()
    .split("\n");

let name;
let items;
for (const line of table("cases.txt")) {
  const [kind, ...words] = line.split(" ");
  if (kind === "case") {
    [name] = words;
    items = [];
  } else if (kind === "item") {
    const [key, milliseconds] = words;
    items.push({
      index: items.length,
      key: key === "-" ? undefined : key,
      duration: Number(milliseconds) * 1_000,
    });
  } else if (kind === "expect" && words[0] in ways) {
    expects(name, items, words[0], words.slice(1).join(" "));
  }
}

function expects(name, items, way, expected) {
  test(`the case ${name}, by ${way}`, async () => {
    const log = new Log(items.length);
    const clock = new VirtualClock();
    await clock.run(ways[way](items, log, clock));
    const inKey = log.overlaps(items.map((item) => item.key));
    assert.deepEqual(
      log.out.toSorted((a, b) => a - b),
      items.map((item) => item.index),
    );
    assert.equal(
      `overlaps=${log.overlaps()} in_key=${inKey} inversions=${log.inversions()} ms=${clock.now() / 1_000}`,
      expected,
    );
  });
}

test("the document's class starts all three before the first has finished", async () => {
  const printed = [];
  mock.method(console, "log", (text) => printed.push(text));
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    await main();
    mock.timers.tick(100);
    await turn();
  } finally {
    mock.timers.reset();
    mock.restoreAll();
  }
  assert.deepEqual(printed, [
    "Processing sequence: 0, data: Data 1",
    "Processing sequence: 1, data: Data 3",
    "Processing sequence: 2, data: Data 2",
    "Finished processing sequence: 0",
    "Finished processing sequence: 1",
    "Finished processing sequence: 2",
  ]);
});

for (const line of table("lines.ndjson")) {
  const expected = JSON.parse(line);
  test(`a line's key and duration: ${line}`, () => {
    if ("duration" in expected) {
      assert.equal(lines.duration(Buffer.from(expected.line)), expected.duration);
    } else if ("error" in expected) {
      assert.throws(() => keys.parse(expected.spec), /^Error: KEY=/);
    } else {
      const keyOf = keys.parse(expected.spec);
      const key = keyOf(expected.line);
      if ("key" in expected) return assert.equal(key, expected.key ?? undefined);
      assert.notEqual(key, undefined);
      if ("same_as" in expected) assert.equal(key, keyOf(expected.same_as));
      else assert.notEqual(key, keyOf(expected.unlike));
    }
  });
}

test("a file's lines end with LF or CRLF and need not be UTF-8", () => {
  const folder = mkdtempSync(join(tmpdir(), "inorder-"));
  try {
    const file = join(folder, "log");
    writeFileSync(
      file,
      Buffer.from("610d0aff e282620a 0d0a efbbbf630d64".replaceAll(" ", ""), "hex"),
    );
    assert.deepEqual(
      lines.read(file).map((line) => line.text),
      ["a", "\ufffd\ufffdb", "", "\ufeffc\rd"],
    );
    writeFileSync(file, "");
    assert.deepEqual(lines.read(file), []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
