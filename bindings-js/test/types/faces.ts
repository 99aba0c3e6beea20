// What compiles, and as which type; run by `tsc`, never executed.
import {
  type Attempt,
  type Blocked,
  type Failure,
  map,
  OptionsError,
  Processor,
  ReorderBuffer,
  type Report,
  type Stats,
  type Ticket,
  transform,
} from "inorder";

type Same<A, B> =
  (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false;
function is<A, B>(_: Same<A, B>): void {}

interface Order {
  account: string;
  amount: number;
}
const orders: Order[] = [];
async function* live(): AsyncGenerator<Order> {
  yield* orders;
}
const book = async (order: Order): Promise<number> => order.amount;

export async function streams(): Promise<void> {
  for await (const amount of map(orders, book, { concurrency: 64 }))
    is<typeof amount, number>(true);
  const amounts = await map(live(), book, { key: (order) => order.account }).toArray();
  is<typeof amounts, number[]>(true);

  const emitted = await map(orders, book, { onFailure: "emit" }).toArray();
  is<typeof emitted, (number | Failure<Order>)[]>(true);
  const fails = await map(orders, book, { onFailure: "fail", ordered: false }).toArray();
  is<typeof fails, number[]>(true);

  const plain = await map([1, 2], (n) => `${n}`).toArray();
  is<typeof plain, string[]>(true);

  await using stream = map(orders, book);
  const step = await stream.next();
  if (!step.done) is<typeof step.value, number>(true);
  is<ReturnType<typeof stream.stats>, Stats>(true);
  is<ReturnType<typeof stream.whyBlocked>, Blocked | undefined>(true);

  // @ts-expect-error: no such option
  map(orders, book, { concurency: 3 });
  // @ts-expect-error: not an option of streams
  map(orders, book, { onResult: () => {} });
  // @ts-expect-error: the handler takes orders
  map([1, 2], book);
}

export async function processors(): Promise<void> {
  await using p = new Processor(book, { concurrency: 100, key: (order) => order.account });
  const ticket = await p.enqueue(
    { account: "ann", amount: 10 },
    { signal: AbortSignal.timeout(5) },
  );
  is<typeof ticket, Ticket<number>>(true);
  is<Awaited<typeof ticket>, Ticket<number>>(true);
  const amount = await ticket.result;
  is<typeof amount, number>(true);
  is<Awaited<ReturnType<typeof p.run>>, number>(true);
  const report = await p.close({ timeout: 10 });
  is<typeof report, Report<Order>>(true);
  for await (const result of p) is<typeof result, number | Failure<Order>>(true);
  p.tryEnqueue({ account: "ann", amount: 1 }, { seq: 7, key: "ann" });
  // @ts-expect-error: no order
  p.tryEnqueue("ann");
  // @ts-expect-error: it does not wait, so there is nothing to give up
  p.tryEnqueue({ account: "ann", amount: 1 }, { signal: AbortSignal.timeout(5) });
}

class Printer extends Processor {
  async process(item: string): Promise<number> {
    return item.length;
  }
}

class Typed extends Processor<Order, number> {
  override process(order: Order, { seq, signal }: Attempt): Promise<number> {
    signal.throwIfAborted();
    return Promise.resolve(order.amount + seq);
  }
}

export async function subclasses(): Promise<void> {
  const printer = new Printer({ concurrency: 2 });
  await printer.run("a");
  const typed = new Typed();
  const sum = await typed.run({ account: "ann", amount: 1 });
  is<typeof sum, number>(true);
}

export async function others(readable: ReadableStream<Order>): Promise<void> {
  const pair = transform(book, { concurrency: 8 });
  is<typeof pair.readable, ReadableStream<number>>(true);
  await readable.pipeThrough(pair).pipeTo(new WritableStream<number>());

  const buffer = new ReorderBuffer<string>({ start: 1 });
  const answer = buffer.insert(2, "b");
  is<typeof answer, "ready" | "held" | "duplicate" | "late" | "tooFar">(true);
  const popped = buffer.pop();
  if (popped) {
    const [seq, item] = popped;
    is<typeof seq, number>(true);
    is<typeof item, string>(true);
  }

  try {
    map(orders, book, { concurrency: 0 });
  } catch (error) {
    if (error instanceof OptionsError) is<typeof error.code, "OPTIONS">(true);
  }
}
