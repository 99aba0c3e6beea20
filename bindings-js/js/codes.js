// @ts-check
// The numbers by which the module and JavaScript understand each other; `core.rs` has the same tables. They stand first
// and alone in a file, so that the build writes them into the code in the place of their names.

// What a command leaves in the cells, by index.
export const COUNT = 0;
export const STATUS = 1;
export const ATTEMPT = 2;
export const RECORDS = 3;
export const WIDTH = 5;
export const MOST = 64;
/** The first of those that ended, behind the records: two cells each. */
export const ENDED = 323;
export const MOST_ENDED = 12;
/** All of them. */
export const CELLS = 347;

// Kinds of records.
export const RUN = 0;
export const SIGNAL = 1;
export const PASSED = 2;
export const LEFT = 3;
export const LOST = 4;
export const ROOM = 5;
export const LANE_IDLE = 6;
export const DRAINED = 7;
export const TIMER = 8;

// Answers of an offer that was not accepted.
export const FULL = -1;
export const CLOSED = -2;
export const DUPLICATE = -3;
export const LATE = -4;
export const TOO_FAR = -5;

// What the commands that are given for each item return: a slot, and above it these bits.
export const SLOT = 0xfffff;
/** What was lent, in two bits from this one on. */
export const WHAT_FROM = 20;
/** The outcome counts. */
export const SETTLED = 0x100000;
/** There are records. */
export const RECORDED = 0x400000;
/** The first attempt at the item in the slot begins, and there is no record of it. */
export const BEGINS = 0x800000;
/** A stream may read. */
export const WANTED = 0x1000000;
/** There is a result to lend. */
export const READY = 0x2000000;

// Outcomes of an attempt, and what comes out.
export const OK = 0;
export const FAILED = 1;
export const CANCELLED = 2;
/** The failure with which everything ends. */
export const FATAL = 2;

// Why an item has no result.
export const NO_REASON = 0;
export const BY_CANCEL = 1;
export const BY_FAILURE = 2;

// How far an item had come when all was stopped.
export const NEVER_STARTED = 1;
export const UNFINISHED = 2;
export const DETACHED = 3;
