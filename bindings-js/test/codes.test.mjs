// The numbers by which the module and JavaScript understand each other stand in two files.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as codes from "../js/codes.js";

/** The constants of the Rust source, by name: sums, products and shifts of numbers and of those before. */
function constants() {
  const source = readFileSync(new URL("../src/core.rs", import.meta.url), "utf8");
  const found = new Map();
  for (const [, name, text] of source.matchAll(/^const (\w+): (?:i32|usize) = ([^;]+);$/gm)) {
    const numbers = text.replace(/[A-Z_]+/g, (other) => String(found.get(other)));
    assert.match(numbers, /^[-+*<\d ]+$/, `${name} is ${text}`);
    found.set(name, Function(`return ${numbers}`)());
  }
  return found;
}

test("both sides have the same numbers", () => {
  const rust = constants();
  const shared = Object.entries(codes).filter(([name]) => rust.has(name));
  for (const [name, code] of shared) assert.equal(code, rust.get(name), name);
  assert.ok(shared.length >= 25, shared.map(([name]) => name).join(" "));
  assert.equal(1 << codes.WHAT_FROM, rust.get("WHAT"));
});
