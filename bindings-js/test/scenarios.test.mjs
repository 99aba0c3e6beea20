// The shared scenarios, through the public face, in virtual time: equal byte by byte.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { run } from "./support/runner.mjs";

for (const folder of ["scenarios", "failures"]) {
  const at = new URL(`../../tests/${folder}/`, import.meta.url);
  for (const file of readdirSync(at).filter((name) => name.endsWith(".txt"))) {
    const expected = readFileSync(new URL(file, at), "utf8");
    test(`${folder}/${file}`, async (t) => {
      const transcript = await run(expected);
      if (transcript === undefined) t.skip("not for JavaScript");
      else assert.equal(transcript, expected);
    });
  }
}
