// @ts-check
// Options by exact name: what they may be, and what is not built yet. Bounds are the core's to check.
import { most } from "#core";
import { OptionsError } from "./errors.js";
import { construct } from "./trap.js";

/**
 * @typedef {object} Settings What the state is made of; what is undefined is the core's to choose.
 * @property {number | undefined} concurrency
 * @property {number | undefined} capacity
 * @property {boolean | undefined} ordered
 * @property {boolean | undefined} emit
 * @property {boolean} isStream
 * @property {((item: any) => unknown) | undefined} key
 * @property {boolean} sequenced
 * @property {number | undefined} start
 * @property {AbortSignal | undefined} signal
 * @property {((result: any) => unknown) | undefined} onResult
 */

/** @typedef {(name: string, value: any) => void} Check */

const NONE = Object.freeze({});

/** @param {unknown} value */
function show(value) {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
}

/** @param {string} name @param {unknown} value @param {string} wanted @returns {never} */
export function refuse(name, value, wanted) {
  throw new OptionsError(`${name} must be ${wanted}, not ${show(value)}`);
}

/** @type {Check} */
function limit(name, value) {
  // what is whole goes to the core, which knows the bounds; what does not fit there is refused in its words
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** 32) {
    refuse(name, value, `from 1 to ${construct(most)}`);
  }
}

/** @type {Check} */
function callback(name, value) {
  if (typeof value !== "function") refuse(name, value, "a function");
}

/** @type {Check} */
function flag(name, value) {
  if (typeof value !== "boolean") refuse(name, value, "true or false");
}

/** @type {Check} */
export function sequenceNumber(name, value) {
  if (!Number.isSafeInteger(value) || value < 0) {
    refuse(name, value, "a whole number from 0 to 2^53 - 1");
  }
}

/** @type {Check} */
export function abortSignal(name, value) {
  if (typeof value?.aborted !== "boolean" || typeof value.addEventListener !== "function") {
    refuse(name, value, "an AbortSignal");
  }
}

/** @type {Check} */
function policy(name, value) {
  if (["skip", "deadLetter", "haltKey"].includes(value)) notBuilt(`${name}: ${show(value)}`);
  if (value !== "fail" && value !== "emit") refuse(name, value, '"fail" or "emit"');
}

/** @param {string} name @returns {never} */
function notBuilt(name) {
  throw new OptionsError(`${name} is not available in this version`);
}

/** @type {Record<string, Check>} */
const COMMON = {
  concurrency: limit,
  capacity: limit,
  key: callback,
  ordered: flag,
  onFailure: policy,
  signal: abortSignal,
  timeout: notBuilt,
  totalTimeout: notBuilt,
  retry: notBuilt,
  deadLetter: notBuilt,
};

/** @type {Record<string, Check>} */
const OF_PROCESSOR = {
  ...COMMON,
  onResult: callback,
  sequenced: flag,
  start: sequenceNumber,
  onHalt: notBuilt,
  gap: notBuilt,
  gapTimeout: notBuilt,
  gapWarning: notBuilt,
  onGap: notBuilt,
  onDiscard: notBuilt,
  wrap: notBuilt,
  restart: notBuilt,
  restore: notBuilt,
};

const OF_TRY_ENQUEUE = { key: () => {}, seq: sequenceNumber };
const OF_ENQUEUE = { ...OF_TRY_ENQUEUE, signal: abortSignal };
const OF_BUFFER = { start: sequenceNumber, capacity: limit };
const OF_JOIN = { signal: abortSignal };
const OF_CLOSE = { timeout: time };

/** @type {Check} */
function time(name, value) {
  if (typeof value !== "number" || !(value >= 0 && value < Number.POSITIVE_INFINITY)) {
    refuse(name, value, "a time in milliseconds, finite and not negative");
  }
}

/**
 * Looks through options by name, and reads each once; one that is undefined counts as not given.
 * @param {any} options
 * @param {Record<string, Check>} known
 * @returns {any}
 */
function checked(options, known) {
  if (options === undefined) return NONE;
  if (typeof options !== "object" || options === null) refuse("options", options, "an object");
  /** @type {Record<string, unknown>} */
  const read = {};
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(known, name) ? known[name] : undefined;
    if (check === undefined) throw new OptionsError(`${name} is not an option here`);
    if (value === undefined) continue;
    check(name, value);
    read[name] = value;
  }
  // few have any
  const prototype = Object.getPrototypeOf(options);
  if (prototype !== Object.prototype && prototype !== null) inherit(options, known, read);
  return read;
}

/**
 * Reads what is inherited, as the host's own functions do: what is not an option may be for others.
 * @param {any} options
 * @param {Record<string, Check>} known
 * @param {Record<string, unknown>} read
 */
function inherit(options, known, read) {
  for (const [name, check] of Object.entries(known)) {
    const value = Object.hasOwn(options, name) ? undefined : options[name];
    if (value === undefined) continue;
    check(name, value);
    read[name] = value;
  }
}

/** @param {unknown} value */
export function handler(value) {
  callback("handler", value);
}

/** @param {any} options @returns {Settings} */
export function ofMap(options) {
  return settings(checked(options, COMMON), true);
}

/** @param {any} options @returns {Settings} */
export function ofProcessor(options) {
  const given = checked(options, OF_PROCESSOR);
  if (given.start !== undefined && !given.sequenced) {
    throw new OptionsError("start is only for sequenced: true");
  }
  return settings(given, false);
}

/** @param {any} given @param {boolean} isStream @returns {Settings} */
function settings(given, isStream) {
  const { concurrency, capacity, ordered, onFailure, key, sequenced, start, signal, onResult } =
    given;
  return {
    concurrency,
    capacity,
    ordered,
    emit: onFailure === undefined ? undefined : onFailure === "emit",
    isStream,
    key,
    sequenced: sequenced === true,
    start,
    signal,
    onResult,
  };
}

/** @param {any} options @returns {{ key?: unknown, seq?: number, signal?: AbortSignal }} */
export const ofEnqueue = (options) => checked(options, OF_ENQUEUE);
/** @param {any} options @returns {{ key?: unknown, seq?: number }} */
export const ofTryEnqueue = (options) => checked(options, OF_TRY_ENQUEUE);
/** @param {any} options @returns {{ start?: number, capacity?: number }} */
export const ofBuffer = (options) => checked(options, OF_BUFFER);
/** @param {any} options @returns {{ signal?: AbortSignal }} */
export const ofJoin = (options) => checked(options, OF_JOIN);
/** @param {any} options @returns {{ timeout?: number }} */
export const ofClose = (options) => checked(options, OF_CLOSE);
