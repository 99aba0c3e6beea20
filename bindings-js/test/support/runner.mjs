// Runs a scenario through the public face and gives its transcript back.

import { map, Processor, ReorderBuffer } from "inorder";
import { VirtualClock } from "./clock.mjs";
import { camel, named, Observations, Scripted, shown, snake } from "./observations.mjs";
import { Fed, Script } from "./script.mjs";

const STATS =
  "accepted started ok failed cancelled released ignored refused late duplicate stale " +
  "queued running held in_flight concurrency capacity oldest_age";
const NUMBERS = new Set(["concurrency", "capacity", "start", "wrap"]);
const TIMES = new Set(["timeout", "total_timeout", "gap_timeout", "gap_warning"]);
const FLAGS = new Set(["ordered", "sequenced"]);

/** The text of a file in, its transcript out. */
export async function run(text) {
  const lines = text.trimEnd().split("\n");
  const clock = new VirtualClock();
  await clock.install();
  try {
    const scenario = new Scenario(clock);
    const out = [];
    for (const line of lines) {
      if (line.startsWith("#")) out.push(line);
      if (line.startsWith("> ")) out.push(line, ...(await scenario.step(line.slice(2).split(" "))));
    }
    return `${out.join("\n")}\n`;
  } finally {
    clock.restore();
  }
}

class Scenario {
  #clock;
  #seen;
  #script;
  #source;
  #stream;
  #processor;
  #buffer;
  #loop;
  #tickets = new Map();
  #offers = new Map();

  constructor(clock) {
    this.#clock = clock;
    this.#seen = new Observations(clock);
    this.#script = new Script(this.#print, clock);
  }

  async step([name, ...words]) {
    if (name === "advance") return this.#advance(this.#clock.now + Number(words[0]));
    const step = this[camel(name)];
    if (step === undefined) throw new Error(`no step: ${name}`);
    await step.call(this, words);
    await this.#clock.quiet();
    return this.#seen.flush();
  }

  // headers

  map(words) {
    this.#source = new Fed(this.#print);
    this.#open(words, (options) => {
      this.#stream = map(this.#source, this.#script.handler, options);
    });
  }

  processor(words) {
    this.#open(words, (options) => {
      this.#processor = new Processor(this.#script.handler, options);
    });
  }

  buffer(words) {
    this.#open(words, (options) => {
      this.#buffer = new ReorderBuffer(options);
    });
  }

  // offers

  async enqueue(words) {
    for (const name of this.#script.parse(words)) {
      const giveUp = new AbortController();
      const { seq } = this.#script.items.get(name);
      const options = { signal: giveUp.signal };
      if (seq !== undefined) options.seq = Number(seq);
      this.#offers.set(name, giveUp);
      this.#processor
        .enqueue(name, options)
        .then(
          (ticket) => this.#accepted(name, ticket),
          (error) => this.#refused(name, error),
        )
        .finally(() => this.#offers.delete(name));
      await this.#clock.quiet();
      if (this.#offers.has(name)) this.#print("waiting", `item=${name}`);
    }
  }

  async enqueueNowait(words) {
    for (const name of this.#script.parse(words)) {
      const { seq } = this.#script.items.get(name);
      const options = seq === undefined ? undefined : { seq: Number(seq) };
      try {
        this.#accepted(name, this.#processor.tryEnqueue(name, options));
      } catch (error) {
        this.#refused(name, error);
      }
      await this.#clock.quiet();
    }
  }

  cancelOffer([name]) {
    this.#offers.get(name).abort();
  }

  cancel([name]) {
    this.#print("cancel", `item=${name} answer=${this.#tickets.get(name).cancel()}`);
  }

  async feed(words) {
    for (const name of this.#script.parse(words)) {
      this.#source.feed(name);
      await this.#clock.quiet();
    }
  }

  finish() {
    this.#source.finish();
  }

  sourceFail([error]) {
    this.#source.finish(error);
  }

  // handlers and deliveries

  ok([name, value = name]) {
    this.#script.end(name, "ok", value);
  }

  fail([name, error]) {
    this.#script.end(name, "fail", error);
  }

  deliver() {
    this.#script.deliver();
  }

  deliverFail([error]) {
    this.#script.deliver(error);
  }

  // demand

  take([count = "1"]) {
    this.#loop ??= this.#stream ?? this.#processor[Symbol.asyncIterator]();
    for (let k = 0; k < Number(count); k++) {
      this.#loop.next().then(
        ({ value, done }) =>
          done ? this.#print("end") : this.#print("result", this.#script.result(value)),
        (error) => this.#print("raised", `error=${named(error)}`),
      );
    }
  }

  leave() {
    const loop = this.#loop ?? this.#stream;
    if (this.#stream === undefined) this.#loop = undefined;
    loop.return().then(() => this.#print("left"));
  }

  // the end

  join() {
    this.#processor.join().then(
      () => this.#print("join"),
      (error) => this.#print("join", `error=${named(error)}`),
    );
  }

  close(words) {
    const options = {};
    for (const word of words) options.timeout = Number(word.replace("timeout=", "")) / 1000;
    this.#closed("close", this.#processor.close(options));
  }

  abort() {
    this.#closed("abort", this.#processor.abort());
  }

  // looking

  stats(words) {
    const stats = { ...(this.#processor ?? this.#stream).stats() };
    stats.oldestAge *= 1000;
    const names = words.length > 0 ? words : STATS.split(" ");
    this.#print("stats", names.map((name) => `${name}=${stats[camel(name)]}`).join(" "));
  }

  whyBlocked() {
    const blocked = (this.#processor ?? this.#stream).whyBlocked();
    if (blocked === undefined) return this.#print("why_blocked", "none");
    const { seq, attempt, age, waiting, state } = blocked;
    const text = `age=${age * 1000} waiting=${waiting} state=${snake(state)}`;
    this.#print("why_blocked", `seq=${seq} attempt=${attempt} ${text}`);
  }

  // the buffer

  insert([seq, name]) {
    this.#print("insert", snake(this.#buffer.insert(Number(seq), name)));
  }

  pop() {
    const popped = this.#buffer.pop();
    this.#print("pop", popped ? `seq=${popped[0]} item=${popped[1]}` : "none");
  }

  missing() {
    const ranges = this.#buffer.missing().map(([first, last]) => `${first}-${last}`);
    this.#print("missing", ranges.join(" ") || "-");
  }

  next() {
    this.#print("next", this.#buffer.next);
  }

  len() {
    this.#print("len", this.#buffer.size);
  }

  skipTo([seq]) {
    this.#buffer.skipTo(Number(seq));
  }

  // helpers

  #print = (kind, text, seq) => this.#seen.print(kind, text === undefined ? "" : String(text), seq);

  #open(words, make) {
    const options = {};
    for (const word of words) {
      const [name, value] = word.split("=");
      options[camel(name)] = this.#option(name, value);
    }
    try {
      make(options);
    } catch (error) {
      if (error.code !== "OPTIONS") throw error;
      const named = words
        .map((word) => word.split("=")[0])
        .find((name) => error.message.includes(camel(name)));
      this.#print("error", `options name=${named}`);
    }
  }

  #option(name, value) {
    if (NUMBERS.has(name)) return Number(value);
    if (TIMES.has(name)) return Number(value) / 1000;
    if (FLAGS.has(name)) return value === "true";
    if (name === "key") return this.#script.key;
    if (name === "on_result") return this.#script.onResult(value === "async");
    if (name === "on_failure") return camel(value);
    if (name === "retry") return { attempts: Number(value) };
    if (value === "on") return name === "restore" ? {} : () => {};
    return value;
  }

  #accepted(name, ticket) {
    const { seq } = ticket;
    this.#tickets.set(name, ticket);
    this.#print("accepted", `seq=${seq} item=${name}`, seq);
    const done = (text) => this.#print("ticket", `seq=${seq} ${text}`, seq);
    ticket.result.then(
      (value) => done(`ok=${shown(value)}`),
      (error) => done(error instanceof Scripted ? `error=${named(error)}` : named(error)),
    );
  }

  #refused(name, error) {
    this.#print("refused", `item=${name} error=${named(error)}`);
  }

  #closed(kind, closing) {
    const list = (names) => names.join(",") || "-";
    const text = ({ released, unfinished, neverStarted, detached }) =>
      `released=${released} unfinished=${list(unfinished)} ` +
      `never_started=${list(neverStarted)} detached=${list(detached)}`;
    closing.then(
      (report) => this.#print(kind, text(report)),
      (error) => this.#print(kind, `error=${named(error)} ${text(error.report)}`),
    );
  }

  async #advance(until) {
    const out = [];
    for (let next = this.#clock.next(until); next !== undefined; next = this.#clock.next(until)) {
      this.#clock.now = next;
      await this.#clock.quiet();
      const lines = this.#seen.flush();
      if (lines.length > 0) out.push(`at ${next}`, ...lines);
    }
    this.#clock.now = until;
    return out;
  }
}
