/// <reference lib="esnext.disposable" />

/** Returns the version of the package. */
export function version(): string;

// ---------------------------------------------------------------- handlers

/** One run of a handler, as the handler sees it. */
export interface Attempt<K = unknown> {
  /** The position of the item in its source, from 0, or the number that the caller gave. */
  readonly seq: number;
  /** The number of this run, from 1. */
  readonly attempt: number;
  /** The item's key; undefined where it has none. */
  readonly key: K;
  /**
   * Aborted when the handler is to stop: its item was cancelled, is behind a failure, or everything is being
   * stopped. Its reason is an `AbortError` that says which, or the reason of the `signal` that stopped everything. Made
   * when first read.
   */
  readonly signal: AbortSignal;
}

/**
 * Works on an item. What it returns, or what its promise is fulfilled with, is the result as it is; what it throws, or
 * its promise is rejected with, is the item's failure. It is called with `concurrency` others running at most, and never
 * twice at a time for one key.
 */
export type Handler<T, R> = (item: T, attempt: Attempt) => R | PromiseLike<R>;

/** A failure that takes the place of a result under `onFailure: "emit"`. Immutable. */
export class Failure<T = unknown> {
  private constructor();
  /** What the handler, or the key function, threw. */
  readonly error: unknown;
  /** The item that failed. */
  readonly item: T;
  /** Its position. */
  readonly seq: number;
  /** The number of its last attempt; 0 where it never started, because its key could not be had. */
  readonly attempt: number;
  /** Its key; undefined where it has none. */
  readonly key: unknown;
}

/** Numbers that were given up, both ends inclusive. Immutable. */
export class Lost {
  private constructor();
  /** The first of them. */
  readonly first: number;
  /** The last of them. */
  readonly last: number;
  /** The key of their sequence; undefined where there is one sequence only. */
  readonly key: unknown;
}

// ---------------------------------------------------------------- options

/** The four knobs, and what streams and processors share beside them. */
export interface CommonOptions<T> {
  /**
   * How many handlers may run at once: 1 to 2^20, by default 1. With 1 the next item starts when this one is settled.
   */
  readonly concurrency?: number | undefined;
  /**
   * How many items may be accepted and not yet released: at least `concurrency`, at most 2^20; by default 1024, or four
   * times `concurrency` where that is more. It is apart from `concurrency`, so that one slow item idles nobody.
   */
  readonly capacity?: number | undefined;
  /**
   * Items of the same key run one after the other, in order; different keys in parallel. Keys are compared as a `Map`
   * does. An item whose key is null or undefined has a lane of its own; one whose key function throws has failed. By
   * default no item has a key.
   */
  readonly key?: ((item: T) => unknown) | undefined;
  /** Whether results come out in the order of their items (the default), or as they settle. */
  readonly ordered?: boolean | undefined;
  /** Stops everything when aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** What {@link map} can be told. */
export interface MapOptions<T> extends CommonOptions<T> {
  /**
   * `"fail"` (the default): everything before the failed item comes out, then its error is thrown, then nothing more;
   * what is behind it is stopped at once. `"emit"`: a {@link Failure} takes the result's place and the rest goes on.
   */
  readonly onFailure?: "fail" | "emit" | undefined;
}

/** What a {@link Processor} can be told. */
export interface ProcessorOptions<T, R> extends CommonOptions<T> {
  /**
   * `"emit"` (the default): the ticket of a failed item gets its error, and the rest goes on. `"fail"`: everything
   * behind it is stopped, later tickets and offers get {@link ClosedError} with the failure as their cause, `join` and
   * `close` reject with it.
   */
  readonly onFailure?: "fail" | "emit" | undefined;
  /**
   * Called with each result in order, one at a time, and awaited: the item is released, and its ticket done, when it
   * has returned. Not called for cancelled items. Where it throws, the processor stops with that error as under
   * `onFailure: "fail"`. By default results go to the tickets alone.
   */
  readonly onResult?: ((result: R | Failure<T>) => unknown) | undefined;
  /** The caller gives each item its number, as `seq`; items start once everything before them has arrived. */
  readonly sequenced?: boolean | undefined;
  /** The first number of a sequenced processor: 0 by default. */
  readonly start?: number | undefined;
}

/** What an offer can be told. */
export interface OfferOptions {
  /** The item's key, in the place of what the key function would say. */
  readonly key?: unknown;
  /** The item's number, from 0 to 2^53 - 1: needed where the processor is sequenced, and only there. */
  readonly seq?: number | undefined;
}

/** What an offer that may wait can be told. */
export interface EnqueueOptions extends OfferOptions {
  /** Gives up waiting for room when aborted. It does not cancel an item that was accepted: its ticket does. */
  readonly signal?: AbortSignal | undefined;
}

// ---------------------------------------------------------------- streams

/**
 * The results of a stream, in order. It can be iterated once, is read only at the demand of its consumer, and works on
 * while the consumer is busy, at most `capacity` items ahead. Leaving the loop early aborts the handlers that run, waits
 * for them (0.25 s at most), and closes the source.
 */
export interface OrderedResults<R> extends AsyncIterable<R> {
  [Symbol.asyncIterator](): OrderedResults<R>;
  /** The next result. Calls need not wait for each other: they are answered in order. */
  next(): Promise<IteratorResult<R, undefined>>;
  /** Leaves the stream, as a loop does that is left early. */
  return(value?: unknown): Promise<IteratorResult<R, unknown>>;
  /** Takes all results. Rejects with the error with which the stream ends. */
  toArray(): Promise<R[]>;
  /** Counters and gauges. */
  stats(): Stats;
  /** What the next result waits for; undefined where nothing is in flight. */
  whyBlocked(): Blocked | undefined;
  /** Leaves the stream. Where the host has `Symbol.asyncDispose`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Runs a handler for the items of a source, several at once, and gives the results in order.
 *
 * @param source any iterable or async iterable; it is closed exactly once, unless it ends by itself. Where it throws,
 *   everything before comes out, then that error.
 * @throws {OptionsError} an option is unknown or out of its bounds, or an argument is of the wrong kind.
 */
export function map<T, R>(
  source: Iterable<T> | AsyncIterable<T>,
  handler: Handler<T, R>,
  options?: MapOptions<T> & { readonly onFailure?: "fail" | undefined },
): OrderedResults<R>;
export function map<T, R>(
  source: Iterable<T> | AsyncIterable<T>,
  handler: Handler<T, R>,
  options: MapOptions<T>,
): OrderedResults<R | Failure<T>>;

/**
 * A pair of WHATWG streams: what is written is worked on, several at once, and what comes out can be read, in order.
 * Writing waits for room, so that back pressure holds from one end to the other. A failure errors both ends under
 * `onFailure: "fail"`, the default here; aborting the one end, or cancelling the other, or aborting `signal`, errors both
 * with that reason.
 *
 * @throws {OptionsError} as {@link map} does.
 */
export function transform<T, R>(
  handler: Handler<T, R>,
  options?: MapOptions<T> & { readonly onFailure?: "fail" | undefined },
): { readonly readable: ReadableStream<R>; readonly writable: WritableStream<T> };
export function transform<T, R>(
  handler: Handler<T, R>,
  options: MapOptions<T>,
): { readonly readable: ReadableStream<R | Failure<T>>; readonly writable: WritableStream<T> };

// ---------------------------------------------------------------- processors

/** Stands for an accepted item. It is no promise itself: awaiting `enqueue` waits for room, not for work. */
export interface Ticket<R> {
  /** The item's position. */
  readonly seq: number;
  /**
   * The handler's result, once it is the item's turn. Rejects with the handler's own error, with an `AbortError` where
   * the item was cancelled, and with {@link ClosedError} where its turn will not come. The same promise at every read,
   * made at the first, and never an unhandled rejection.
   */
  readonly result: Promise<R>;
  /** Whether the result can be had. */
  readonly done: boolean;
  /** Whether it is done because the item was cancelled. */
  readonly cancelled: boolean;
  /**
   * Cancels the item. One that waits never starts; one that runs gets the signal, and its slot and key stay taken until
   * its handler has ended. False where it is too late.
   */
  cancel(): boolean;
}

/**
 * Takes items one by one, for as long as it lives. Awaiting, inside a handler or `onResult`, what cannot come before
 * it ends (`join`, `close`, its own ticket or a later one in order) waits for ever: JavaScript cannot know the caller.
 */
// biome-ignore lint/suspicious/noExplicitAny: a class of one's own needs no type arguments
export class Processor<T = any, R = any> implements AsyncIterable<R | Failure<T>> {
  /**
   * @throws {OptionsError} an option is unknown or out of its bounds, or an argument is of the wrong kind, or the class
   *   overrides {@link process} and a handler is given too, or neither.
   */
  constructor(handler: Handler<T, R>, options?: ProcessorOptions<T, R>);
  /** For a class that overrides {@link process}. */
  constructor(options?: ProcessorOptions<T, R>);

  /** The handler, where none is given. */
  process(item: T, attempt: Attempt): R | PromiseLike<R>;

  /**
   * Offers an item, waits for room, and resolves when it is accepted. Offers are served first come, first served.
   * Rejects with {@link ClosedError}, with {@link DuplicateError} or {@link LateError} where it is sequenced, and with
   * the signal's reason.
   */
  enqueue(item: T, options?: EnqueueOptions): Promise<Ticket<R>>;
  /**
   * Offers an item that does not wait.
   *
   * @throws {FullError} there is no room. What {@link enqueue} rejects with, and {@link TooFarError} for a number
   *   beyond the window, is thrown too.
   */
  tryEnqueue(item: T, options?: OfferOptions): Ticket<R>;
  /** Offers an item and waits for its result. */
  run(item: T, options?: EnqueueOptions): Promise<R>;

  /**
   * Waits until everything accepted so far is released. Rejects with the failure under `onFailure: "fail"`, and with
   * the signal's reason.
   */
  join(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /**
   * Accepts nothing more and waits for the rest. After `timeout` milliseconds (by default never) handlers are told to
   * stop, and get 250 ms to do so. A second call can only shorten the time. Rejects with the failure that ended the
   * processor, which carries the report as `report`.
   */
  close(options?: { readonly timeout?: number | undefined }): Promise<Report<T>>;
  /** Closes with a timeout of zero. */
  abort(): Promise<Report<T>>;

  /** Counters and gauges. */
  stats(): Stats;
  /** What the next release waits for; undefined where nothing is in flight. */
  whyBlocked(): Blocked | undefined;

  /**
   * The results in order, from the first `next` on. A result holds its capacity until the next one is asked for.
   * Leaving the loop does not close the processor.
   *
   * @throws {OptionsError} there is a loop already, or `onResult`.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<R | Failure<T>>;
  /** Closes it, and waits for the rest. Where the host has `Symbol.asyncDispose`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a processor had left when it was closed. Payloads are in the order of their items. */
export interface Report<T = unknown> {
  /** How many items left in order, however they ended. */
  readonly released: number;
  /** Those that were running when they were told to stop, and did. */
  readonly unfinished: readonly T[];
  /** Those that never started. */
  readonly neverStarted: readonly T[];
  /** Those that still run. */
  readonly detached: readonly T[];
  /** Numbers that had not arrived, and were given up. */
  readonly lost: readonly Lost[];
}

/** Counters since the beginning, and gauges of now. */
export interface Stats {
  /** Items accepted. */
  readonly accepted: number;
  /** Offers of items that a restored checkpoint has; none in this version. */
  readonly restored: number;
  /** Attempts started. */
  readonly started: number;
  /** Attempts started that were not the first of their item. */
  readonly retried: number;
  /** Attempts that were stopped because their time was over. */
  readonly timedOut: number;
  /** Items settled with a result. */
  readonly ok: number;
  /** Items that failed for good. */
  readonly failed: number;
  /** Items that failed for good and were skipped. */
  readonly skipped: number;
  /** Items that failed for good and were handed over. */
  readonly deadLettered: number;
  /** Items settled without a result: cancelled, behind a failure, or left when everything was stopped. */
  readonly cancelled: number;
  /** Items that left the release order, however they ended. */
  readonly released: number;
  /** Attempts that ended after their outcome had been fixed. */
  readonly ignored: number;
  /** Offers turned away for want of room. */
  readonly refused: number;
  /** Offers with a number that was released or given up. */
  readonly late: number;
  /** Offers with a number that is in. */
  readonly duplicate: number;
  /** Commands for an old item or attempt. */
  readonly stale: number;
  /** Numbers that were given up. */
  readonly lost: number;
  /** Items that wait to be started. */
  readonly queued: number;
  /** Items whose handler runs. */
  readonly running: number;
  /** Items that wait to be tried again. */
  readonly backingOff: number;
  /** Items that are being handed over. */
  readonly handingOver: number;
  /** Items settled and not released. */
  readonly held: number;
  /** Items that hold their key. */
  readonly halted: number;
  /** Items accepted and not released: the sum of the six. */
  readonly inFlight: number;
  /** The most handlers that may run at once. */
  readonly concurrency: number;
  /** The most items that may be in flight. */
  readonly capacity: number;
  /** How long ago the oldest item in flight was accepted, in milliseconds; 0 without one. */
  readonly oldestAge: number;
}

/** What the next release waits for: the oldest item in flight, or a number that is missing. */
export interface Blocked {
  /** Its position. */
  readonly seq: number;
  /** Its key; undefined where it has none. */
  readonly key: unknown;
  /** The number of its last attempt; 0 where none started. */
  readonly attempt: number;
  /** Milliseconds since it was accepted; of a missing number, since something was first beyond it. */
  readonly age: number;
  /** How many accepted items are behind it. */
  readonly waiting: number;
  /** Milliseconds until something of it is due; undefined where nothing is. */
  readonly nextDeadline: number | undefined;
  /** What it is in. `untaken`: settled, and not taken yet or lent to a loop. */
  readonly state: "queued" | "running" | "missing" | "untaken";
}

// ---------------------------------------------------------------- reordering

/** A bounded buffer: items go in by number as they come, and come out in order. */
export class ReorderBuffer<T = unknown> {
  /**
   * @param options `start`: the first number, 0 by default. `capacity`: numbers below `next` plus this are admitted; 1
   *   to 2^20, 1024 by default.
   * @throws {OptionsError} an option is unknown or out of its bounds.
   */
  constructor(options?: {
    readonly start?: number | undefined;
    readonly capacity?: number | undefined;
  });
  /**
   * Takes an item in, or says why not. `ready`: everything before it is in; `held`: something is missing before it;
   * `duplicate`: the number is in; `late`: it was popped or given up, or is before the start; `tooFar`: it is beyond
   * the window.
   *
   * @throws {OptionsError} `seq` is no whole number from 0 to 2^53 - 1.
   */
  insert(seq: number, item: T): "ready" | "held" | "duplicate" | "late" | "tooFar";
  /** The next item with its number; undefined while it is missing. */
  pop(): [seq: number, item: T] | undefined;
  /** What is missing before the highest number that is in: first and last, both inclusive. */
  missing(): [first: number, last: number][];
  /**
   * Gives up what is missing below `seq`. What is in there still comes out in its turn.
   *
   * @throws {OptionsError} `seq` is no whole number from 0 to 2^53 - 1.
   */
  skipTo(seq: number): void;
  /** The lowest number that was not popped. */
  readonly next: number;
  /** How many items are in. */
  readonly size: number;
}

// ---------------------------------------------------------------- errors

/** The base of this package's errors. They are constructed as `Error` is. */
export class InOrderError extends Error {
  /** Stable, unlike the text. */
  readonly code: string;
}
/** There is no room, and the offer was not to wait. */
export class FullError extends InOrderError {
  readonly code: "FULL";
}
/** Nothing more is accepted, or the item's turn will not come. A failure that caused it is the `cause`. */
export class ClosedError extends InOrderError {
  readonly code: "CLOSED";
}
/** An item with this number is accepted and not released. */
export class DuplicateError extends InOrderError {
  readonly code: "DUPLICATE";
}
/** The number is released or given up, or before the start. */
export class LateError extends InOrderError {
  readonly code: "LATE";
}
/** The number is beyond the window. */
export class TooFarError extends InOrderError {
  readonly code: "TOO_FAR";
}
/** What is missing did not arrive in time. */
export class GapTimeoutError extends InOrderError {
  readonly code: "GAP_TIMEOUT";
}
/** The source began its numbers anew. */
export class SourceRestartedError extends InOrderError {
  readonly code: "RESTARTED";
}
/** Ids were received in no rising order. */
export class NotRisingError extends InOrderError {
  readonly code: "NOT_RISING";
}
/** One run of the handler took too long. */
export class AttemptTimeoutError extends InOrderError {
  readonly code: "ATTEMPT_TIMEOUT";
}
/** The item was not settled in time. */
export class DeadlineExceededError extends InOrderError {
  readonly code: "DEADLINE";
}
/** Closed while the item's key was halted. */
export class KeyHaltedError extends InOrderError {
  readonly code: "KEY_HALTED";
}
/** A checkpoint is of another kind, of another source, or damaged. */
export class CheckpointError extends InOrderError {
  readonly code: "CHECKPOINT";
}
/** The WebAssembly module trapped, which is a defect of this package. Nothing of it can be used any more. */
export class BrokenError extends InOrderError {
  readonly code: "BROKEN";
}
/** An argument that is not allowed. The text names it, its value and what is allowed. */
export class OptionsError extends TypeError {
  readonly code: "OPTIONS";
}
