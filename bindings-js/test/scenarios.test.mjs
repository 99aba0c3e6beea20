// The shared scenarios, through the public face, in virtual time: equal byte by byte.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { run } from "./support/runner.mjs";

for (const folder of ["scenarios", "failures"]) {
  const at = new URL(`../../tests/${folder}/`, import.meta.url);
  for (const file of readdirSync(at).filter((name) => name.endsWith(".txt"))) {
    const expected = readFileSync(new URL(file, at), "utf8");
    const skip = expected.match(/^# skip javascript: (.*)$/m)?.[1];
    test(`${folder}/${file}`, { skip }, async () => {
      assert.equal(await run(expected), expected);
    });
  }
}
