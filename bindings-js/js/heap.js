// @ts-check

/** How long the array of an empty heap may be. */
const SLACK = 1024;

/**
 * What can stand in a heap.
 * @typedef {object} Entry
 * @property {number} rank Who has the lowest is first.
 * @property {number} arrival Who came first is first among those of a rank.
 * @property {number} place Where it stands, or -1: the heap's own.
 */

/**
 * A binary heap from which any entry can be taken out.
 * @template {Entry} T
 */
export class Heap {
  /** @type {(T | undefined)[]} */
  #entries = [];
  // not the array's length: an engine shrinks an array that gets shorter, and one that is nearly empty all the time
  // would be made anew at each entry
  #size = 0;

  /** @returns {T | undefined} */
  get first() {
    return this.#size === 0 ? undefined : this.#entries[0];
  }

  /** @param {T} entry */
  add(entry) {
    this.#rise(entry, this.#size++);
  }

  /** Takes one out, where it is still in. @param {T} entry */
  remove(entry) {
    const at = entry.place;
    if (at < 0) return;
    entry.place = -1;
    const last = /** @type {T} */ (this.#entries[--this.#size]);
    this.#entries[this.#size] = undefined;
    if (this.#size === 0 && this.#entries.length > SLACK) this.#entries = [];
    if (last === entry) return;
    this.#rise(last, at);
    this.#sink(last, last.place);
  }

  /** @param {T} entry @param {number} at */
  #rise(entry, at) {
    while (at > 0) {
      const above = (at - 1) >> 1;
      const other = /** @type {T} */ (this.#entries[above]);
      if (!isBefore(entry, other)) break;
      this.#put(other, at);
      at = above;
    }
    this.#put(entry, at);
  }

  /** @param {T} entry @param {number} at */
  #sink(entry, at) {
    const entries = this.#entries;
    for (;;) {
      let below = 2 * at + 1;
      let other = entries[below];
      if (other === undefined) break;
      const right = entries[below + 1];
      if (right !== undefined && isBefore(right, other)) {
        other = right;
        below++;
      }
      if (!isBefore(other, entry)) break;
      this.#put(other, at);
      at = below;
    }
    this.#put(entry, at);
  }

  /** @param {T} entry @param {number} at */
  #put(entry, at) {
    this.#entries[at] = entry;
    entry.place = at;
  }
}

/** @param {Entry} a @param {Entry} b */
function isBefore(a, b) {
  return a.rank === b.rank ? a.arrival < b.arrival : a.rank < b.rank;
}
