// @ts-check

/** How many places may be empty before the rest moves up. */
const SLACK = 1024;

/**
 * First in, first out. An array's own `shift` moves all that is behind, once there is much.
 * @template T
 */
export class Queue {
  /** @type {(T | undefined)[]} */
  #items = [];
  #head = 0;
  // not the array's length: setting that is slow
  #tail = 0;

  get size() {
    return this.#tail - this.#head;
  }

  /** @param {T} item */
  push(item) {
    this.#items[this.#tail++] = item;
  }

  /** @returns {T | undefined} */
  shift() {
    if (this.#head === this.#tail) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head === this.#tail) {
      this.#head = 0;
      this.#tail = 0;
    } else if (this.#head >= SLACK && 2 * this.#head >= this.#tail) {
      this.#items = this.#items.slice(this.#head, this.#tail);
      this.#tail -= this.#head;
      this.#head = 0;
    }
    return item;
  }

  /** @param {T} item one that is in */
  remove(item) {
    const at = this.#items.indexOf(item, this.#head);
    this.#items.splice(at, 1);
    this.#tail--;
  }
}
