// @ts-check

/** How many places may be empty before the rest moves up. */
const SLACK = 64;

/**
 * First in, first out. An array's own `shift` moves all that is behind, once there is much.
 * @template T
 */
export class Queue {
  /** @type {(T | undefined)[]} */
  #items = [];
  /** How many places were given up below the first of the array: positions go on rising. */
  #base = 0;
  #head = 0;
  // not the array's length: setting that is slow
  #tail = 0;
  /** How many places between them are empty. */
  #gone = 0;
  /** How many are in. Counted, for it is asked more often than anything changes. */
  size = 0;

  /** @param {T} item @returns {number} its position, for {@link remove} */
  push(item) {
    this.#items[this.#tail] = item;
    this.size++;
    return this.#base + this.#tail++;
  }

  /** The first, which stays. @returns {T | undefined} */
  peek() {
    if (this.#gone > 0) this.#pass();
    return this.#head === this.#tail ? undefined : this.#items[this.#head];
  }

  /** @returns {T | undefined} */
  shift() {
    if (this.#gone > 0) this.#pass();
    if (this.#head === this.#tail) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    this.size--;
    if (this.#head >= SLACK && 2 * this.#head >= this.#tail) this.#moveUp();
    return item;
  }

  /**
   * Takes one out, where it is still in.
   * @param {number} position
   * @param {T} item
   */
  remove(position, item) {
    const at = position - this.#base;
    if (at < this.#head || this.#items[at] !== item) return;
    this.#items[at] = undefined;
    this.size--;
    this.#gone++;
  }

  /** Passes over the empty places before the first. */
  #pass() {
    while (this.#head < this.#tail && this.#items[this.#head] === undefined) {
      this.#head++;
      this.#gone--;
    }
  }

  #moveUp() {
    if (this.#head < this.#tail) this.#items = this.#items.slice(this.#head, this.#tail);
    this.#base += this.#head;
    this.#tail -= this.#head;
    this.#head = 0;
  }
}
