// @ts-check
import { DETACHED, NEVER_STARTED, UNFINISHED } from "./codes.js";
import { Lost } from "./values.js";

/** What `close` tells of what had not come out. */
export class Report {
  /** @type {[number, any][]} */
  #unfinished = [];
  /** @type {[number, any][]} */
  #neverStarted = [];
  /** @type {[number, any][]} */
  #detached = [];
  /** @type {Lost[]} */
  #lost = [];

  /** @param {import("./slot.js").Slot} slot @param {number} rest how far it had come */
  left({ seq, item }, rest) {
    if (rest === NEVER_STARTED) this.#neverStarted.push([seq, item]);
    if (rest === UNFINISHED) this.#unfinished.push([seq, item]);
    if (rest === DETACHED) this.#detached.push([seq, item]);
  }

  /** @param {number} first @param {number} last */
  lost(first, last) {
    this.#lost.push(new Lost(first, last, undefined));
  }

  /** @param {number} released */
  made(released) {
    return Object.freeze({
      released,
      unfinished: payloads(this.#unfinished),
      neverStarted: payloads(this.#neverStarted),
      detached: payloads(this.#detached),
      lost: this.#lost,
    });
  }
}

/** @param {[number, any][]} pairs */
function payloads(pairs) {
  return pairs.sort(([a], [b]) => a - b).map(([, item]) => item);
}

/** Has an error carry the report, if it can. @param {any} error @param {unknown} report */
export function carry(error, report) {
  try {
    error.report = report;
  } catch {
    // a frozen error, or no object at all
  }
}
