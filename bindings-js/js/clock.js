// @ts-check
// All that knows time. The host's functions are looked up at each call, so that the fake timers of a test replace them.

/** What a host's timer can wait at most, in milliseconds; beyond it fires at once. */
const LONGEST = 2 ** 31 - 1;

/** The time of this turn of the event loop, or -1 where nobody has asked yet. */
let current = -1;

/**
 * The time in whole microseconds. It is read once in a turn of the event loop: a look at the host's clock costs as much
 * as an item.
 * @returns {number}
 */
export function now() {
  return current >= 0 ? current : look();
}

/**
 * The time in whole microseconds, read now.
 * @returns {number}
 */
export function look() {
  if (current < 0) soon(forget);
  current = Math.round(performance.now() * 1000);
  return current;
}

function forget() {
  current = -1;
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

/**
 * Calls back in another turn of the event loop, so that timers and IO have theirs.
 * @param {() => void} callback
 */
export function soon(callback) {
  if (typeof setImmediate === "function") {
    // nothing of ours keeps a process alive that has nothing else to do
    const immediate = setImmediate(callback);
    if (callback === forget) immediate.unref?.();
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
