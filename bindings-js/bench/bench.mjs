// Speed beside what people use today: `node bench/bench.mjs [TABLE]`. Each table is measured in a process of its own, by
// the rules of peers.mjs. Only ratios mean something on another machine.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { map, Processor, ReorderBuffer } from "inorder";
import * as peers from "./peers.mjs";

// a young generation that has grown to its full size, as in a server that has run for a while
const GROWN = ["--min-semi-space-size=16", "--max-semi-space-size=16"];

const ordered = (source, handler, concurrency) => map(source, handler, { concurrency });

async function keyed(items, handler, concurrency) {
  const options = { concurrency, key: (item) => item.key };
  for await (const _ of map(items, handler, options));
}

async function serial(source, handler) {
  const p = new Processor(handler);
  const tickets = [];
  for (const x of source) tickets.push(await p.enqueue(x));
  const results = [];
  for (const ticket of tickets) results.push(await ticket.result);
  return results;
}

function buffer(arrivals, window) {
  const ours = new ReorderBuffer({ capacity: window });
  const out = new Float64Array(arrivals.length);
  let first = 0;
  for (let k = 0; k < arrivals.length; k++) {
    const x = arrivals[k];
    ours.insert(x, x);
    for (let popped = ours.pop(); popped !== undefined; popped = ours.pop()) {
      out[first++] = popped[1];
    }
  }
  return out;
}

const OURS = { name: "inorder" };
const { pMap, dequeIdiom, ringIdiom, promiseTails, workersUnordered, promiseChain, bareLoop } =
  peers;
const { mapBuffer, arrayRing, copyLoop } = peers;

/** A table: what is measured, by whom, and what is asked of inorder. */
const tables = {};

for (const [handler, limit] of [
  [peers.atOnce, 0.45],
  [peers.oneTurn, 0.65],
]) {
  tables[`ordered-${handler.name}`] = () => ({
    title: `map, 64 at once, ${handler.name}`,
    rows: [
      ...[pMap, dequeIdiom, ringIdiom].map((peer) => peers.ordered(peer, handler)),
      peers.ordered(ordered, handler, OURS),
    ],
    base: pMap,
    limit,
  });
  tables[`serial-${handler.name}`] = () => ({
    title: `a Processor's tickets, one at a time, ${handler.name}`,
    rows: [
      ...[promiseChain, bareLoop].map((peer) => peers.ordered(peer, handler, { concurrency: 1 })),
      peers.ordered(serial, handler, { ...OURS, concurrency: 1 }),
    ],
    base: promiseChain,
  });
}

tables.keyed = () => {
  const items = peers.keyedItems(20_000);
  return {
    title: "in order per key, 64 at once, 1,000 keys",
    rows: [
      ...[promiseTails, workersUnordered].map((peer) => peers.keyed(peer, items)),
      peers.keyed(keyed, items, OURS),
    ],
    base: promiseTails,
  };
};

for (const window of [64, 4_096]) {
  tables[`reorder-${window}`] = () => {
    const n = 1_000_000;
    const arrivals = peers.shuffled(n, window);
    return {
      title: `reorder buffer, shuffled within ${window}`,
      rows: [
        ...[mapBuffer, arrayRing].map((peer) => peers.reorder(peer, arrivals, window)),
        peers.reorder(copyLoop, [...peers.range(n)], window),
        peers.reorder(buffer, arrivals, window, OURS),
      ],
      base: mapBuffer,
    };
  };
}

async function show({ title, rows, base, limit }) {
  const times = await peers.measure(rows);
  console.log(`\n${title}: time by that of ${base.name} (middle half of the rounds)`);
  for (const name of times.keys()) {
    const { ratio, low, high } = peers.ratio(times, name, base.name);
    const isOurs = name === OURS.name && limit !== undefined;
    const verdict = isOurs ? `limit ${limit}${ratio > limit ? ": OVER" : ""}` : "";
    const spread = `(${low.toFixed(3)} to ${high.toFixed(3)})`;
    console.log(
      `  ${name.padEnd(18)}${ratio.toFixed(3).padStart(7)}   ${spread}   ${verdict}`.trimEnd(),
    );
  }
}

const { values, positionals } = parseArgs({
  options: { here: { type: "boolean", default: false } },
  allowPositionals: true,
});
const names = positionals.length > 0 ? positionals : Object.keys(tables);
for (const name of names) {
  if (!Object.hasOwn(tables, name)) throw new Error(`tables are ${Object.keys(tables).join(" ")}`);
  if (values.here) {
    await show(tables[name]());
    continue;
  }
  const args = [...GROWN, fileURLToPath(import.meta.url), "--here", name];
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
