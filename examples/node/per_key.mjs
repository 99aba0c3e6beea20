// Book payments: those of one account strictly one after the other, those of different accounts at once.

import { Processor } from "inorder";

const PAYMENTS = [
  ["alice", 100],
  ["bob", 50],
  ["alice", -30],
  ["carol", 10],
  ["alice", -70],
  ["bob", 25],
  ["carol", 5],
];
const balances = new Map();

/** Reads, waits for a database, writes: without the order by key it would lose payments. */
async function book([account, amount]) {
  const balance = balances.get(account) ?? 0;
  await new Promise((resolve) => setTimeout(resolve, 10));
  balances.set(account, balance + amount);
  return `${account} ${amount < 0 ? "" : "+"}${amount} is ${balances.get(account)}`;
}

const bank = new Processor(book, { concurrency: 8, key: ([account]) => account });
const tickets = [];
for (const payment of PAYMENTS) tickets.push(await bank.enqueue(payment));
// Tickets give the results, in order.
for (const ticket of tickets) console.log(await ticket.result);
await bank.close();
