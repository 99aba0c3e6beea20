// @ts-check
// All that knows time. The host's functions are looked up at each call, so that the fake timers of a test replace them.

// These stand first, so that the build writes them into the code in the place of their names.
/** How often the time that was read may be used: a host may drop what would forget it. */
const USES = 64;
/** What a host's timer can wait at most, in milliseconds; beyond it fires at once. */
const LONGEST = 2 ** 31 - 1;

// Giving way is no matter of time: it goes on where a test has replaced the timers.
const { setImmediate } = globalThis;

/** The time of this turn of the event loop, where it is known. */
let current = 0;
/** How often it may still be used. */
let uses = 0;
/** What forgets it is under way. */
let isKept = false;
/** Rises with the turns of the event loop in which the time is asked for. */
export let turn = 0;

/**
 * The time in whole microseconds. It is not read for each item: a look at the host's clock costs as much as one.
 * @returns {number}
 */
export function now() {
  return --uses > 0 ? current : look();
}

/**
 * The time in whole microseconds, read now.
 * @returns {number}
 */
export function look() {
  if (!isKept) afterwards();
  isKept = true;
  uses = USES;
  current = Math.round(performance.now() * 1000);
  return current;
}

function forget() {
  uses = 0;
  isKept = false;
  turn++;
}

/**
 * Calls back at a time, or earlier where that is too far away for the host's timers.
 * @param {() => void} callback
 * @param {number} due in microseconds
 * @returns {unknown} for {@link clear}
 */
export function set(callback, due) {
  const wait = Math.max(0, Math.ceil((due - look()) / 1000));
  return setTimeout(callback, Math.min(wait, LONGEST));
}

/** @param {unknown} timer */
export function clear(timer) {
  clearTimeout(/** @type {ReturnType<typeof setTimeout>} */ (timer));
}

/** @type {MessageChannel | undefined} */
let channel;
/** @type {(() => void)[]} */
const waiting = [];

/** Forgets the time in another turn, if there is one: this keeps no process alive. */
function afterwards() {
  if (typeof setImmediate === "function") setImmediate(forget).unref?.();
  else soon(forget);
}

/**
 * Calls back in another turn of the event loop, so that timers and IO have theirs.
 * @param {() => void} callback
 */
export function soon(callback) {
  if (typeof setImmediate === "function") {
    setImmediate(callback);
    return;
  }
  // browsers let a timer wait for 4 ms
  if (channel === undefined) {
    channel = new MessageChannel();
    channel.port1.onmessage = () => waiting.shift()?.();
  }
  waiting.push(callback);
  channel.port2.postMessage(0);
}
