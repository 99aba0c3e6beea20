import assert from "node:assert/strict";
import { test } from "node:test";
import * as inorder from "inorder";

const { InOrderError, map, OptionsError, Processor, ReorderBuffer } = inorder;
const handler = (n) => n;

/** Asserts that something is refused with a text that matches. */
function refused(make, text) {
  assert.throws(make, (error) => {
    assert.ok(error instanceof OptionsError && error instanceof TypeError, String(error));
    assert.equal(error.code, "OPTIONS");
    assert.match(error.message, text);
    return true;
  });
}

test("a limit names its value and what is allowed", () => {
  for (const value of [
    0,
    -1,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 20 + 1,
    2 ** 40,
    "3",
    null,
    1n,
  ]) {
    for (const name of ["concurrency", "capacity"]) {
      const text = new RegExp(`^${name} must be from 1 to 1048576, not ("3"|${value})`);
      refused(() => map([], handler, { [name]: value }), text);
      refused(() => new Processor(handler, { [name]: value }), text);
    }
    refused(() => new ReorderBuffer({ capacity: value }), /^capacity must be from 1 to 1048576/);
  }
  refused(
    () => map([], handler, { concurrency: 8, capacity: 7 }),
    /capacity must be at least .* 8, not 7/,
  );
});

test("what is unknown is an error, and what is undefined is not given", async () => {
  refused(() => map([], handler, { concurency: 3 }), /^concurency is not an option here/);
  refused(() => map([], handler, { toString: 3 }), /^toString is not an option here/);
  refused(() => map([], handler, { sequenced: true }), /^sequenced is not an option here/);
  refused(() => new ReorderBuffer({ size: 3 }), /^size/);
  refused(() => map([], handler, 64), /^options must be an object, not 64/);
  refused(() => map([], handler, null), /^options must be an object, not null/);
  const p = new Processor(handler, { concurrency: undefined, key: undefined });
  refused(() => p.tryEnqueue(1, { signal: undefined }), /^signal is not an option here/);
  await assert.rejects(p.enqueue(1, { sequence: 1 }), OptionsError);
  await assert.rejects(p.close({ timeout: -1 }), /^OptionsError: timeout must be a time in milli/);
  await assert.rejects(p.close({ grace: 1 }), OptionsError);
  await assert.rejects(p.join({ signal: {} }), /^OptionsError: signal must be an AbortSignal/);
});

test("each option is of its kind", () => {
  const wrong = { key: "name", ordered: 1, onFailure: "ignore", signal: {}, onResult: "print" };
  for (const [name, value] of Object.entries(wrong)) {
    refused(() => new Processor(handler, { [name]: value }), new RegExp(`^${name} must be`));
  }
  refused(
    () => new Processor(handler, { sequenced: true, start: "first" }),
    /^start must be a whole/,
  );
  refused(() => new Processor(handler, { start: 1 }), /^start is only for sequenced/);
  refused(() => new Processor("handler"), /^handler must be a function/);
  refused(() => map([], undefined), /^handler must be a function, not undefined/);
  refused(() => map(7, handler), /^source must be iterable or async iterable, not 7$/);
  refused(() => map(undefined, handler), /^source must be .*, not undefined$/);
  refused(() => map({}, handler), /^source must be .*, not an object$/);
});

test("an option of a later version is named", () => {
  const later = {
    timeout: 1,
    totalTimeout: 1,
    retry: { attempts: 3 },
    deadLetter: async () => {},
    onHalt: () => {},
    gap: "skip",
    gapTimeout: 1,
    gapWarning: 1,
    onGap: () => {},
    onDiscard: () => {},
    wrap: 16,
    restart: "reset",
    restore: {},
  };
  for (const [name, value] of Object.entries(later)) {
    refused(
      () => new Processor(handler, { [name]: value }),
      new RegExp(`^${name} is not available`),
    );
  }
  for (const value of ["skip", "deadLetter", "haltKey"]) {
    refused(
      () => map([], handler, { onFailure: value }),
      new RegExp(`^onFailure: "${value}" is not av`),
    );
  }
});

test("a number is given exactly where the processor is sequenced", async () => {
  refused(() => new Processor(handler).tryEnqueue(1, { seq: 1 }), /^seq is only for sequenced/);
  const p = new Processor(handler, { sequenced: true });
  refused(() => p.tryEnqueue(1), /^seq is needed/);
  await assert.rejects(p.enqueue(1), OptionsError);
  for (const seq of [-1, 0.5, 2 ** 53, "0"])
    refused(() => p.tryEnqueue(1, { seq }), /^seq must be/);
});

test("every error has a stable code and its own name", () => {
  const codes = Object.entries(inorder)
    .filter(([name]) => name.endsWith("Error") && name !== "InOrderError")
    .map(([name, type]) => {
      const error = new type();
      assert.equal(error.name, name);
      assert.ok(error instanceof InOrderError || error instanceof OptionsError);
      assert.ok(Object.keys(error).every((key) => key === "code"));
      return error.code;
    });
  assert.deepEqual(codes.sort(), [
    "ATTEMPT_TIMEOUT",
    "BROKEN",
    "CHECKPOINT",
    "CLOSED",
    "DEADLINE",
    "DUPLICATE",
    "FULL",
    "GAP_TIMEOUT",
    "KEY_HALTED",
    "LATE",
    "NOT_RISING",
    "OPTIONS",
    "RESTARTED",
    "TOO_FAR",
  ]);
});

test("an error is constructed as the host's errors are", () => {
  const cause = new Error("why");
  for (const type of [InOrderError, inorder.FullError, inorder.ClosedError, inorder.BrokenError]) {
    const error = new type("text", { cause });
    assert.deepEqual([error.message, error.cause], ["text", cause]);
    assert.equal(typeof error.code, "string");
  }
  assert.equal("abortError" in inorder, false);
});

test("options may be inherited, and each is read once", () => {
  class Given {
    get concurrency() {
      return 5;
    }
  }
  const inherited = Object.create(new Given(), { capacity: { value: 7, enumerable: true } });
  const { concurrency, capacity } = new Processor(handler, inherited).stats();
  assert.deepEqual([concurrency, capacity], [5, 7]);
  refused(() => map([], handler, Object.create({ ordered: 1 })), /^ordered must be/);
  let reads = 0;
  const given = {
    get concurrency() {
      return ++reads === 1 ? 3 : "many";
    },
  };
  assert.equal(new Processor(handler, given).stats().concurrency, 3);
  assert.equal(reads, 1);
});

test("a processor has one handler", () => {
  class Own extends Processor {
    process() {}
  }
  refused(() => new Processor(), /^either handler must be a function, or process overridden/);
  refused(() => new Own(handler), /^either handler/);
  new Own({ concurrency: 2 });
});
