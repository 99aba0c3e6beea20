// The same items, the textbook's way and ours. Both only sleep, so they run in virtual time as well as live.
// An item is { index, key, duration }: its place in the input, its key and how long it takes, in microseconds.

import { Processor } from "inorder";
import { OrderedAsyncProcessor } from "./textbook.mjs";

async function work(item, log, clock) {
  log.started(item.index);
  await clock.sleep(item.duration);
  log.ended(item.index);
  return item;
}

/** The textbook's class with work to do instead of its sleep of 100 ms between two prints. */
class Watched extends OrderedAsyncProcessor {
  running = [];

  constructor(log, clock) {
    super();
    this.log = log;
    this.clock = clock;
  }

  _process(_sequenceId, data) {
    const processed = work(data, this.log, this.clock).then(() => this.log.cameOut(data.index));
    this.running.push(processed);
    return processed;
  }
}

export async function textbook(items, log, clock) {
  const processor = new Watched(log, clock);
  for (const item of items) processor.enqueue(item);
  // The class has no way to wait for the end; it started all of them at once.
  await Promise.all(processor.running);
}

export async function inOrder(items, log, clock, { concurrency, keyed }) {
  const processor = new Processor((item) => work(item, log, clock), {
    concurrency,
    key: keyed ? (item) => item.key : undefined,
    onResult: (item) => log.cameOut(item.index),
  });
  for (const item of items) await processor.enqueue(item);
  await processor.close();
}
