// The textbook's way and ours on the lines of a file: `node demo.mjs --input PATH --key KEY`.
//
// Prints its progress for a person, and its figures as one line of JSON. `examples/demo.py` compares the languages.

import { parseArgs } from "node:util";
import { real, VirtualClock } from "./clock.mjs";
import { Log } from "./figures.mjs";
import * as keys from "./keys.mjs";
import * as lines from "./lines.mjs";
import { inOrder, textbook } from "./ways.mjs";

const CONCURRENCY = 64;
const LIVE = 300;
const DOCUMENT = { even: [100, 100, 100], uneven: [300, 100, 200] }; // Data 1, Data 3, Data 2: milliseconds

const keyed = (items, log, clock) =>
  inOrder(items, log, clock, { concurrency: CONCURRENCY, keyed: true });

async function main() {
  const { values: given } = parseArgs({
    options: { input: { type: "string" }, key: { type: "string" } },
  });
  if (given.input === undefined || given.key === undefined)
    return fail("want --input PATH and --key KEY");
  let keyOf;
  let read;
  try {
    keyOf = keys.parse(given.key);
    read = lines.read(given.input);
  } catch (error) {
    return fail(error.syscall ? `INPUT=${given.input}: ${error.message}` : error.message);
  }

  const items = read.map((line, index) => ({
    index,
    key: keyOf(line.text),
    duration: line.duration,
  }));
  const figures = {
    language: "Node",
    document: await document(),
    input: about(items),
    textbook: await virtual(items, textbook),
    inorder: await virtual(items, keyed),
    live: await live(items.slice(0, LIVE)),
  };
  console.log(JSON.stringify(figures));
}

/** The document's three items, the textbook's way and ours, in virtual time. */
async function document() {
  const ways = {
    textbook,
    one: (items, log, clock) => inOrder(items, log, clock, { concurrency: 1 }),
    three: (items, log, clock) => inOrder(items, log, clock, { concurrency: 3 }),
  };
  const rows = [];
  for (const [name, spans] of Object.entries(DOCUMENT)) {
    const items = spans.map((span, index) => ({ index, key: undefined, duration: span * 1_000 }));
    for (const [way, run] of Object.entries(ways))
      rows.push({ case: name, way, ...(await virtual(items, run)) });
  }
  return rows;
}

function about(items) {
  const perKey = new Map();
  for (const { key, duration } of items) {
    if (key !== undefined) perKey.set(key, (perKey.get(key) ?? 0) + duration);
  }
  const without = items.filter((item) => item.key === undefined).map((item) => item.index + 1);
  return {
    lines: items.length,
    keys: perKey.size,
    busiest_key_us: [...perKey.values()].reduce((most, sum) => Math.max(most, sum), 0),
    without_key: without.length,
    first_without_key: without[0] ?? null,
    one_at_a_time_us: items.reduce((sum, item) => sum + item.duration, 0),
  };
}

/** All items at once, in no time: the clock jumps from timer to timer. */
async function virtual(items, way) {
  const log = new Log(items.length);
  const clock = new VirtualClock();
  await clock.run(way(items, log, clock));
  return { ...counted(items, log), makespan_us: clock.now() };
}

/** The first items in real time, with a progress line. */
async function live(items) {
  const begin = real.now();
  const count = items.length;
  const log = new Log(count, (out) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${bar(out, count)} of ${count}`);
  });
  await keyed(items, log, real);
  const elapsed = real.now() - begin;
  const seconds = (elapsed / 1e6).toFixed(2);
  console.error(
    `\r${bar(log.out.length, count)} in ${seconds} s, ${log.inversions()} out of order`,
  );
  return { lines: count, ...counted(items, log), elapsed_us: elapsed };
}

/** How far it is. */
function bar(out, count) {
  return `   Node    ${"#".repeat((40 * out) / Math.max(1, count)).padEnd(40, ".")} ${out}`;
}

function counted(items, log) {
  return {
    came_out: log.out.length,
    overlaps: log.overlaps(),
    key_overlaps: log.overlaps(items.map((item) => item.key)),
    inversions: log.inversions(),
    peak_held: log.peakHeld,
  };
}

function fail(text) {
  console.error(`demo: ${text}`);
  process.exitCode = 2;
}

await main();
