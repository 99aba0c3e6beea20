// @ts-check

/** A failure that takes the place of a result. */
export class Failure {
  /**
   * @param {unknown} error
   * @param {unknown} item
   * @param {number} seq
   * @param {number} attempt
   * @param {unknown} key
   */
  constructor(error, item, seq, attempt, key) {
    this.error = error;
    this.item = item;
    this.seq = seq;
    this.attempt = attempt;
    this.key = key;
    Object.freeze(this);
  }
}

/** Numbers that were given up, both ends inclusive. */
export class Lost {
  /** @param {number} first @param {number} last @param {unknown} key */
  constructor(first, last, key) {
    this.first = first;
    this.last = last;
    this.key = key;
    Object.freeze(this);
  }
}
