// What is counted, the same in every language: what started too early, what came out too late, what was held.

/**
 * When each of `count` items started, ended and came out, as positions in one sequence of events.
 *
 * Positions, not times: two things that happen at one instant still have an order.
 */
export class Log {
  out = [];
  peakHeld = 0;
  #events = 0;
  #ended = 0;

  constructor(count, progress = () => {}) {
    this.starts = new Array(count).fill(0);
    this.ends = new Array(count).fill(0);
    this.progress = progress;
  }

  started(index) {
    this.starts[index] = ++this.#events;
  }

  ended(index) {
    // Before this one is counted: what is held then had time to come out, and could not.
    this.peakHeld = Math.max(this.peakHeld, this.#ended - this.out.length);
    this.ends[index] = ++this.#events;
    this.#ended++;
  }

  cameOut(index) {
    this.out.push(index);
    this.progress(this.out.length);
  }

  /**
   * Items that started before an earlier one had ended; with `keys`, an earlier one of the same key.
   *
   * An item whose key is undefined has no earlier one.
   */
  overlaps(keys) {
    let count = 0;
    const latestEnd = new Map();
    for (const [index, start] of this.starts.entries()) {
      const key = keys ? keys[index] : "all";
      if (key === undefined) continue;
      const latest = latestEnd.get(key) ?? 0;
      if (start < latest) count++;
      latestEnd.set(key, Math.max(latest, this.ends[index]));
    }
    return count;
  }

  /** Items that came out after a later one. */
  inversions() {
    let count = 0;
    let highest = -1;
    for (const index of this.out) {
      if (index < highest) count++;
      highest = Math.max(highest, index);
    }
    return count;
  }
}
