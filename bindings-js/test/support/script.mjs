// The user's side of a scenario: items, handlers, a source and `onResult`, all by script.

import { named, Scripted, shown } from "./observations.mjs";

export class Script {
  items = new Map();
  #print;
  #clock;
  #running = new Map();
  #deliveries = [];

  constructor(print, clock) {
    this.#print = print;
    this.#clock = clock;
  }

  /** The items of a step's words. */
  parse(words) {
    const items = [];
    for (const word of words) {
      const [, name, value] = /^([^=]+)(?:=(.*))?$/.exec(word);
      if (value === undefined) items.push({ name });
      else items.at(-1)[name] = value;
    }
    for (const item of items) this.items.set(item.name, item);
    return items.map(({ name }) => name);
  }

  handler = (name, attempt) => {
    const { seq } = attempt;
    const item = this.items.get(name);
    this.#print("start", `seq=${seq} attempt=${attempt.attempt} item=${name}`, seq);
    if (item.after === undefined) {
      if (item.error !== undefined) throw new Scripted(item.error);
      if (item.ok !== undefined) return asValue(item.ok);
    }
    return new Promise((resolve, reject) => {
      const ends = {
        ok: (value) => resolve(asValue(value)),
        fail: (error) => reject(new Scripted(error)),
      };
      this.#running.set(name, ends);
      if (item.after !== undefined) {
        const end = () => (item.error ? ends.fail(item.error) : ends.ok(item.ok ?? name));
        this.#clock.set(end, Number(item.after));
      }
      const { signal } = attempt;
      signal.addEventListener("abort", () => {
        this.#print("signal", `seq=${seq} item=${name}`, seq);
        if (item.cancel !== "deaf") reject(signal.reason);
      });
    });
  };

  key = (name) => {
    const { key, key_error: error } = this.items.get(name);
    if (error !== undefined) throw new Scripted(error);
    return key;
  };

  end(name, how, value) {
    this.#running.get(name)[how](value);
  }

  onResult(isAsync) {
    return (result) => {
      this.#print("on_result", this.result(result));
      if (!isAsync) return undefined;
      return new Promise((resolve, reject) => this.#deliveries.push({ resolve, reject }));
    };
  }

  deliver(error) {
    const { resolve, reject } = this.#deliveries.shift();
    if (error === undefined) resolve();
    else reject(new Scripted(error));
  }

  /** A result as it is printed. */
  result(result) {
    if (typeof result !== "object" || result === null) return `value=${shown(result)}`;
    const { seq, attempt, error } = result;
    return `failure seq=${seq} attempt=${attempt} error=${named(error)}`;
  }
}

/** An async iterable that is fed. */
export class Fed {
  #print;
  #items = [];
  #count = 0;
  #end;
  #waiting;
  #isOver = false;

  constructor(print) {
    this.#print = print;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  feed(name) {
    this.#items.push(name);
    this.#give();
  }

  finish(error) {
    this.#end = { error };
    this.#give();
  }

  next() {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#give();
    });
  }

  return() {
    const isEmpty = this.#end !== undefined && this.#items.length === 0;
    if (!this.#isOver && !isEmpty) this.#print("source_closed");
    this.#isOver = true;
    this.#waiting?.resolve({ value: undefined, done: true });
    return Promise.resolve({ value: undefined, done: true });
  }

  #give() {
    if (this.#waiting === undefined || this.#isOver) return;
    const { resolve, reject } = this.#waiting;
    if (this.#items.length > 0) {
      this.#waiting = undefined;
      const value = this.#items.shift();
      const seq = this.#count++;
      this.#print("read", `seq=${seq} item=${value}`, seq);
      resolve({ value, done: false });
    } else if (this.#end !== undefined) {
      this.#isOver = true;
      if (this.#end.error === undefined) resolve({ value: undefined, done: true });
      else reject(new Scripted(this.#end.error));
    }
  }
}

const asValue = (value) => (value === "none" ? undefined : value);
