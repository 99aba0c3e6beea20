// What is printed after a step, in the order of tests/SPEC.md.

const KINDS = [
  "error",
  "cancel",
  "accepted",
  "refused",
  "waiting",
  "read",
  "start",
  "signal",
  "on_result",
  "ticket",
  "result",
  "raised",
  "end",
  "source_closed",
  "left",
  "join",
  "close",
  "abort",
  "stats",
  "why_blocked",
  "insert",
  "pop",
  "missing",
  "next",
  "len",
];
/** These are sorted by seq, the others by occurrence. */
const BY_SEQ = new Set(["accepted", "read", "start", "signal", "ticket"]);

export class Observations {
  #clock;
  #lines = [];

  constructor(clock) {
    this.#clock = clock;
  }

  print(kind, text, seq) {
    if (!KINDS.includes(kind)) throw new Error(`no kind of observation: ${kind}`);
    this.#clock.activity++;
    const order = BY_SEQ.has(kind) ? seq : this.#lines.length;
    this.#lines.push({ kind: KINDS.indexOf(kind), order, line: text ? `${kind} ${text}` : kind });
  }

  /** The lines since the last call, sorted. */
  flush() {
    const lines = this.#lines.sort((a, b) => a.kind - b.kind || a.order - b.order);
    this.#lines = [];
    return lines.map(({ line }) => line);
  }
}

export const camel = (name) => name.replaceAll(/_(.)/g, (_, letter) => letter.toUpperCase());
export const snake = (name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
export const shown = (value) => (value === undefined ? "none" : value);

/** An error that a file names. */
export class Scripted extends Error {}

/** An error as it is printed; of the package's own, its code. */
export function named(error) {
  if (error instanceof Scripted) return error.message;
  if (error.name === "AbortError") return "cancelled";
  if (error.code) return error.code.toLowerCase();
  return `${error.name}: ${error.message}`;
}
