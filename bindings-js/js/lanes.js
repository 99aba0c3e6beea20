// @ts-check

/** The lane of an item that has none: beyond the largest number there is. */
export const NO_LANE = -1;

/** The numbers by which the core knows keys, dense from 0. */
export class Lanes {
  /** @type {Map<unknown, number>} */
  #numbers = new Map();
  /** @type {unknown[]} */
  #keys = [];
  /** @type {number[]} */
  #free = [];

  /**
   * The number of a key, or {@link NO_LANE} where it has none yet.
   * @param {unknown} key
   */
  find(key) {
    return this.#numbers.get(key) ?? NO_LANE;
  }

  /** @param {unknown} key */
  add(key) {
    const lane = this.#free.pop() ?? this.#keys.length;
    this.#keys[lane] = key;
    this.#numbers.set(key, lane);
    return lane;
  }

  /** @param {number} lane */
  forget(lane) {
    this.#numbers.delete(this.#keys[lane]);
    this.#keys[lane] = undefined;
    this.#free.push(lane);
  }
}
