// @ts-check
import * as options from "./options.js";
import { Processor } from "./processor.js";

/**
 * @param {any} handler
 * @param {any} [given]
 */
export function transform(handler, given) {
  options.handler(handler);
  options.ofMap(given);
  const processor = new Processor(handler, { ...given, onFailure: given?.onFailure ?? "fail" });
  const results = processor[Symbol.asyncIterator]();
  const abort = () => processor.abort().then(nothing, nothing);
  // asked for at once: what nobody asks for is not held
  /** @type {Promise<IteratorResult<any, any>> | undefined} */
  let first = results.next();
  /** @param {ReadableStreamDefaultController} controller */
  const pull = async (controller) => {
    const asked = first ?? results.next();
    first = undefined;
    const { done, value } = await asked;
    if (done) controller.close();
    else controller.enqueue(value);
  };
  // what is read ahead is the processor's to bound, not the stream's
  const readable = new ReadableStream({ pull, cancel: abort }, { highWaterMark: 0 });
  const writable = new WritableStream({
    write: async (item) => {
      await processor.enqueue(item);
    },
    close: async () => {
      await processor.close();
    },
    abort,
  });
  return { readable, writable };
}

const nothing = () => {};
