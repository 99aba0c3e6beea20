// @ts-check
import { onAbort } from "./abort.js";
import { ClosedError } from "./errors.js";
import { Intake } from "./intake.js";
import * as options from "./options.js";
import { ignore } from "./promises.js";

/**
 * @param {any} handler
 * @param {any} [given]
 */
export function transform(handler, given) {
  options.handler(handler);
  const pipe = new Pipe(handler, options.ofMap(given));
  return { readable: pipe.readable, writable: pipe.writable };
}

/** What is written goes in, what comes out can be read. What stops one end errors the other. */
class Pipe {
  #intake;
  #results;
  /** Asked for at once: what nobody asks for is not held. @type {Promise<IteratorResult<any, any>> | undefined} */
  #first;
  /** @type {ReadableStreamDefaultController | undefined} */
  #reading;
  /** @type {WritableStreamDefaultController | undefined} */
  #writing;
  /** The writer says that no more comes. */
  #isEnded = false;
  /** @type {{ error: unknown } | undefined} What broke it. */
  #broken;
  #forget = ignore;

  /** @param {any} handler @param {import("./options.js").Settings} settings */
  constructor(handler, settings) {
    this.#intake = new Intake(handler, settings);
    this.#results = this.#intake.iterate();
    this.#first = this.#results.next();
    this.readable = new ReadableStream(
      {
        start: (controller) => {
          this.#reading = controller;
        },
        pull: () => this.#pull(),
        cancel: (reason) => this.#stop(reason === undefined ? new ClosedError() : reason),
      },
      // what is read ahead is the processor's to bound, not the stream's
      { highWaterMark: 0 },
    );
    this.writable = new WritableStream({
      start: (controller) => {
        this.#writing = controller;
        // at once: `abort` is called only after a write, which may wait for room
        onAbort(controller.signal, () => {
          // the writable errors by itself, and must not be told so while it does
          this.#writing = undefined;
          this.#stop(controller.signal.reason);
        });
      },
      write: (item) => this.#write(item),
      close: () => this.#end(),
      abort: (reason) => this.#stop(reason),
    });
    const { signal } = settings;
    const stop = () => void this.#stop(signal?.reason);
    if (signal?.aborted) stop();
    else this.#forget = onAbort(signal, stop);
  }

  async #pull() {
    try {
      const asked = this.#first ?? this.#results.next();
      this.#first = undefined;
      const { done, value } = await asked;
      if (this.#broken !== undefined) return;
      if (!done) this.#reading?.enqueue(value);
      else if (this.#isEnded) this.#reading?.close();
      else this.#stop(new ClosedError());
    } catch (error) {
      this.#stop(error);
    }
  }

  /** @param {any} item */
  async #write(item) {
    try {
      await this.#intake.enqueue(item, {});
    } catch (error) {
      throw this.#why(error);
    }
  }

  async #end() {
    this.#isEnded = true;
    try {
      await this.#intake.close(undefined);
    } catch (error) {
      throw this.#why(error);
    } finally {
      this.#forget();
    }
    if (this.#broken !== undefined) throw this.#broken.error;
  }

  /**
   * Errors both ends, once, and waits for the handlers.
   * @param {unknown} reason
   */
  async #stop(reason) {
    if (this.#broken === undefined) {
      this.#broken = { error: reason };
      this.#reading?.error(reason);
      this.#writing?.error(reason);
      this.#forget();
    }
    await this.#intake.close(0).catch(ignore);
  }

  /** Of an offer that was not accepted, what is behind it. @param {any} error */
  #why(error) {
    if (this.#broken !== undefined) return this.#broken.error;
    return error instanceof ClosedError && error.cause !== undefined ? error.cause : error;
  }
}
