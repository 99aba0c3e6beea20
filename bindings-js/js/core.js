// @ts-check
// The border: what a trap of the module means, and the numbers that both sides know.
import { BrokenError, OptionsError } from "./errors.js";

/** The module trapped: nothing of it can be trusted any more. @type {BrokenError | undefined} */
let broken;

/**
 * What a call of the module raised: a trap breaks it for good.
 * @param {unknown} error
 * @returns {unknown}
 */
export function trapped(error) {
  if (!(error instanceof WebAssembly.RuntimeError)) return error;
  broken ??= new BrokenError({ cause: error });
  return broken;
}

/**
 * Lets go of a trap where the host calls: those who wait have been told.
 * @param {unknown} error
 */
export function swallow(error) {
  if (error !== broken) throw error;
}

/**
 * Makes something of the module; a text that it throws is about an option.
 * @template T
 * @param {() => T} make
 * @returns {T}
 */
export function construct(make) {
  if (broken !== undefined) throw broken;
  try {
    return make();
  } catch (error) {
    throw typeof error === "string" ? new OptionsError(error) : trapped(error);
  }
}

// What a command leaves in the cells, by index; `core.rs` has the same table.
export const COUNT = 0;
export const WANTS = 1;
export const DUE = 2;
export const SEQ = 3;
export const ATTEMPT = 4;
export const WHAT = 5;
export const RECORDS = 8;
export const WIDTH = 4;
export const MOST = 64;

// Kinds of records.
export const RUN = 0;
export const SIGNAL = 1;
export const PASSED = 2;
export const LEFT = 3;
export const LOST = 4;
export const ROOM = 5;
export const LANE_IDLE = 6;
export const DRAINED = 7;

// Answers of an offer that was not accepted.
export const FULL = -1;
export const CLOSED = -2;
export const DUPLICATE = -3;
export const LATE = -4;
export const TOO_FAR = -5;

// Outcomes of an attempt, and what comes out.
export const OK = 0;
export const FAILED = 1;
export const CANCELLED = 2;
/** The failure with which everything ends. */
export const FATAL = 2;

// Why an item has no result.
export const NO_REASON = 0;
export const BY_CANCEL = 1;

// How far an item had come when all was stopped.
export const NEVER_STARTED = 1;
export const UNFINISHED = 2;
export const DETACHED = 3;

/** The counters and gauges, in the core's order. */
export const STATS = [
  "accepted",
  "started",
  "ok",
  "failed",
  "cancelled",
  "released",
  "ignored",
  "refused",
  "late",
  "duplicate",
  "stale",
  "queued",
  "running",
  "held",
  "inFlight",
  "concurrency",
  "capacity",
  "oldestAge",
];
