// Messages that a socket delivers out of order, twice, or too late: each is used once, in its turn.

import { ReorderBuffer } from "inorder";

const ARRIVALS = [
  [0, "open"],
  [2, "bid 101"],
  [1, "bid 100"],
  [1, "bid 100"],
  [5, "close"],
  [5, "close"],
  [3, "bid 102"],
  [4, "sold"],
];

const buffer = new ReorderBuffer({ start: 0, capacity: 64 });
for (const [number, text] of ARRIVALS) {
  console.log(`${number} is ${buffer.insert(number, text)}`);
  for (let message = buffer.pop(); message; message = buffer.pop()) {
    console.log(`   ${message[0]}: ${message[1]}`);
  }
  // Asks for what is missing as soon as something is held behind it.
  for (const [first, last] of buffer.missing()) console.log(`   missing ${first} to ${last}`);
}
