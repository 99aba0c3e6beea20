// @ts-check

/** The base of this package's errors. `code` is stable, the text is not. */
export class InOrderError extends Error {
  /** @param {string} code @param {string} message @param {ErrorOptions} [options] */
  constructor(code, message, options) {
    super(message, options);
    this.code = code;
  }
}

/** There is no room, and the offer was not to wait. */
export class FullError extends InOrderError {
  constructor(message = "no room: as many items as the capacity allows are in flight") {
    super("FULL", message);
  }
}

/** Nothing more is accepted, or the item's turn will not come. A failure that caused it is the `cause`. */
export class ClosedError extends InOrderError {
  /** @param {ErrorOptions} [options] */
  constructor(options) {
    super("CLOSED", options ? "closed by a failure: see the cause" : "closed", options);
  }
}

/** An item with this number is accepted and not released. */
export class DuplicateError extends InOrderError {
  constructor(message = "an item with this number is in already") {
    super("DUPLICATE", message);
  }
}

/** The number is released or given up, or before the start. */
export class LateError extends InOrderError {
  constructor(message = "the number is released or given up already") {
    super("LATE", message);
  }
}

/** The number is beyond the window. */
export class TooFarError extends InOrderError {
  constructor(message = "the number is beyond the window") {
    super("TOO_FAR", message);
  }
}

/** What is missing did not arrive in time. */
export class GapTimeoutError extends InOrderError {
  constructor(message = "what is missing did not arrive in time") {
    super("GAP_TIMEOUT", message);
  }
}

/** The source began its numbers anew. */
export class SourceRestartedError extends InOrderError {
  constructor(message = "the source began its numbers anew") {
    super("RESTARTED", message);
  }
}

/** Ids were received in no rising order. */
export class NotRisingError extends InOrderError {
  constructor(message = "ids were received in no rising order") {
    super("NOT_RISING", message);
  }
}

/** One run of the handler took too long. */
export class AttemptTimeoutError extends InOrderError {
  constructor(message = "the handler took too long") {
    super("ATTEMPT_TIMEOUT", message);
  }
}

/** The item was not settled in time. */
export class DeadlineExceededError extends InOrderError {
  constructor(message = "the item was not settled in time") {
    super("DEADLINE", message);
  }
}

/** Closed while the item's key was halted. */
export class KeyHaltedError extends InOrderError {
  constructor(message = "closed while the key was halted") {
    super("KEY_HALTED", message);
  }
}

/** A checkpoint is of another kind, of another source, or damaged. */
export class CheckpointError extends InOrderError {
  constructor(message = "the checkpoint cannot be used") {
    super("CHECKPOINT", message);
  }
}

/** The WebAssembly module trapped, which is a defect of this package. Nothing of it can be used any more. */
export class BrokenError extends InOrderError {
  /** @param {ErrorOptions} [options] */
  constructor(options) {
    super("BROKEN", "the module trapped and cannot be used any more", options);
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

/**
 * The error of what was cancelled, as the host has it.
 * @param {string} message
 */
export function abortError(message) {
  return new DOMException(message, "AbortError");
}
