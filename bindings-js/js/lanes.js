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
  /** What was given out last, if it was new. */
  #added = NO_LANE;

  /**
   * The number of a key, a new one if it has none yet.
   * @param {unknown} key
   */
  of(key) {
    const known = this.#numbers.get(key);
    this.#added = NO_LANE;
    if (known !== undefined) return known;
    const lane = this.#free.pop() ?? this.#keys.length;
    this.#keys[lane] = key;
    this.#numbers.set(key, lane);
    this.#added = lane;
    return lane;
  }

  /** Takes the number given out last back, if it was new: its item was not accepted. */
  undo() {
    if (this.#added !== NO_LANE) this.forget(this.#added);
    this.#added = NO_LANE;
  }

  /** @param {number} lane */
  forget(lane) {
    this.#numbers.delete(this.#keys[lane]);
    this.#keys[lane] = undefined;
    this.#free.push(lane);
  }
}
