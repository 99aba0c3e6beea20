// @ts-check
// Promises that are never left without a handler: a failure that nobody asked for does not end the process.

export const ignore = () => {};

/**
 * @template T
 * @param {Promise<T>} promise
 */
export function quiet(promise) {
  promise.catch(ignore);
  return promise;
}

/** @param {unknown} error @returns {Promise<never>} */
export function rejected(error) {
  return /** @type {Promise<never>} */ (quiet(Promise.reject(error)));
}

/** @param {any} value @returns {Promise<any>} */
export function resolved(value) {
  const promise = Promise.resolve(value);
  // only what has a then may make it fail
  const isObject = (typeof value === "object" && value !== null) || typeof value === "function";
  return isObject && "then" in value ? quiet(promise) : promise;
}

// The ends of the promise made last: one function takes them for all, where each would need one of its own.
/** @type {(value: any) => void} */
let resolveLast = ignore;
/** @type {(error: unknown) => void} */
let rejectLast = ignore;

/** @param {(value: any) => void} resolve @param {(error: unknown) => void} reject */
const take = (resolve, reject) => {
  resolveLast = resolve;
  rejectLast = reject;
};

/**
 * A promise and its two ends.
 * @template T
 */
export class Deferred {
  #reject;

  constructor() {
    /** @type {Promise<T>} */
    this.promise = new Promise(take);
    /** @type {(value: T) => void} */
    this.resolve = resolveLast;
    this.#reject = rejectLast;
    // they would keep it
    resolveLast = ignore;
    rejectLast = ignore;
  }

  /** @param {unknown} error */
  reject(error) {
    quiet(this.promise);
    this.#reject(error);
  }
}

const { then } = Promise.prototype;

/**
 * Waits for a value, where it is to be waited for. Then exactly one of the callbacks is called, once, later: a promise may
 * have a `then` of its own.
 * @param {unknown} value
 * @param {(value: any) => void} ok
 * @param {(error: unknown) => void} bad
 * @returns {boolean} whether it is to be waited for
 */
export function follow(value, ok, bad) {
  const promise = /** @type {any} */ (value);
  // as a method: so the engine knows which one it is, and writes it into the code
  if (promise?.then === then && promise.constructor === Promise) promise.then(ok, bad);
  else if (isThenable(value)) then.call(Promise.resolve(value), ok, bad);
  else return false;
  return true;
}

/**
 * Whether a value is to be waited for. A `then` that raises is the value's failure.
 * @param {unknown} value
 * @returns {value is PromiseLike<unknown>}
 */
export function isThenable(value) {
  if (value instanceof Promise) return true;
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return false;
  return typeof (/** @type {any} */ (value).then) === "function";
}
