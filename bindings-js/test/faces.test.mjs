// What users see of objects: the names of their classes, and the keys that the declarations give them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as inorder from "inorder";

const declared = readFileSync(new URL("../types/index.d.ts", import.meta.url), "utf8");

/** The properties of an interface, in the order of their names. */
function keys(name) {
  const [, body] = new RegExp(`^export interface ${name} \\{$(.*?)^\\}$`, "ms").exec(declared);
  return [...body.matchAll(/^ {2}readonly (\w+)/gm)].map(([, key]) => key).sort();
}

test("stats and whyBlocked have what is declared, and nothing else", () => {
  const p = new inorder.Processor((n) => n);
  p.tryEnqueue(1);
  assert.deepEqual(Object.keys(p.stats()).sort(), keys("Stats"));
  assert.deepEqual(Object.keys(p.whyBlocked()).sort(), keys("Blocked"));
});

test("a class goes by its own name", () => {
  for (const [name, value] of Object.entries(inorder)) assert.equal(value.name, name);
  const p = new inorder.Processor((n) => n);
  const objects = [p, p.tryEnqueue(1), p[Symbol.asyncIterator](), inorder.map([], (n) => n)];
  assert.deepEqual(
    objects.map((object) => object.constructor.name),
    ["Processor", "Ticket", "Iteration", "OrderedResults"],
  );
});
