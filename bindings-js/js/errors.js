// @ts-check

/** The base of this package's errors. `code` is stable, the text is not. */
export class InOrderError extends Error {
  code = "INORDER";
}

/** There is no room, and the offer was not to wait. */
export class FullError extends InOrderError {
  code = "FULL";

  /** @param {string} [message] @param {ErrorOptions} [options] */
  constructor(message = "no room: as many items as the capacity allows are in flight", options) {
    super(message, options);
  }
}

/** Nothing more is accepted, or the item's turn will not come. A failure that caused it is the `cause`. */
export class ClosedError extends InOrderError {
  code = "CLOSED";

  /** @param {string} [message] @param {ErrorOptions} [options] */
  constructor(message, options) {
    super(message ?? (options ? "closed by a failure: see the cause" : "closed"), options);
  }
}

/** An item with this number is accepted and not released. */
export class DuplicateError extends InOrderError {
  code = "DUPLICATE";

  /** @param {string} [message] @param {ErrorOptions} [options] */
  constructor(message = "an item with this number is in already", options) {
    super(message, options);
  }
}

/** The number is released or given up, or before the start. */
export class LateError extends InOrderError {
  code = "LATE";

  /** @param {string} [message] @param {ErrorOptions} [options] */
  constructor(message = "the number is released or given up already", options) {
    super(message, options);
  }
}

/** The number is beyond the window. */
export class TooFarError extends InOrderError {
  code = "TOO_FAR";

  /** @param {string} [message] @param {ErrorOptions} [options] */
  constructor(message = "the number is beyond the window", options) {
    super(message, options);
  }
}

/** What is missing did not arrive in time. */
export class GapTimeoutError extends InOrderError {
  code = "GAP_TIMEOUT";

  /** @param {string} [message] @param {ErrorOptions} [options] */
  constructor(message = "what is missing did not arrive in time", options) {
    super(message, options);
  }
}

/** The source began its numbers anew. */
export class SourceRestartedError extends InOrderError {
  code = "RESTARTED";

  /** @param {string} [message] @param {ErrorOptions} [options] */
  constructor(message = "the source began its numbers anew", options) {
    super(message, options);
  }
}

/** Ids were received in no rising order. */
export class NotRisingError extends InOrderError {
  code = "NOT_RISING";

  /** @param {string} [message] @param {ErrorOptions} [options] */
  constructor(message = "ids were received in no rising order", options) {
    super(message, options);
  }
}

/** One run of the handler took too long. */
export class AttemptTimeoutError extends InOrderError {
  code = "ATTEMPT_TIMEOUT";

  /** @param {string} [message] @param {ErrorOptions} [options] */
  constructor(message = "the handler took too long", options) {
    super(message, options);
  }
}

/** The item was not settled in time. */
export class DeadlineExceededError extends InOrderError {
  code = "DEADLINE";

  /** @param {string} [message] @param {ErrorOptions} [options] */
  constructor(message = "the item was not settled in time", options) {
    super(message, options);
  }
}

/** Closed while the item's key was halted. */
export class KeyHaltedError extends InOrderError {
  code = "KEY_HALTED";

  /** @param {string} [message] @param {ErrorOptions} [options] */
  constructor(message = "closed while the key was halted", options) {
    super(message, options);
  }
}

/** A checkpoint is of another kind, of another source, or damaged. */
export class CheckpointError extends InOrderError {
  code = "CHECKPOINT";

  /** @param {string} [message] @param {ErrorOptions} [options] */
  constructor(message = "the checkpoint cannot be used", options) {
    super(message, options);
  }
}

/** The WebAssembly module trapped, which is a defect of this package. Nothing of it can be used any more. */
export class BrokenError extends InOrderError {
  code = "BROKEN";

  /** @param {string} [message] @param {ErrorOptions} [options] */
  constructor(message = "the module trapped and cannot be used any more", options) {
    super(message, options);
  }
}

/** An argument that is not allowed. The text names it, its value and what is allowed. */
export class OptionsError extends TypeError {
  code = "OPTIONS";
}

// written out, because minifiers rename classes
const names = {
  InOrderError,
  FullError,
  ClosedError,
  DuplicateError,
  LateError,
  TooFarError,
  GapTimeoutError,
  SourceRestartedError,
  NotRisingError,
  AttemptTimeoutError,
  DeadlineExceededError,
  KeyHaltedError,
  CheckpointError,
  BrokenError,
  OptionsError,
};
for (const [name, type] of Object.entries(names)) {
  Object.defineProperty(type.prototype, "name", {
    value: name,
    writable: true,
    configurable: true,
  });
}
