// Fetch pages, several at once, and use them in the order of their addresses.

import { map } from "inorder";

// How long each takes, in milliseconds: the first is the slowest, and holds up nobody but its own place.
const PAGES = { "/home": 60, "/news": 10, "/about": 30, "/jobs": 20, "/help": 5, "/legal": 15 };

/** Stands for a request. */
async function fetchPage(path) {
  await new Promise((resolve) => setTimeout(resolve, PAGES[path]));
  return `${path} after ${PAGES[path]} ms`;
}

// Three requests at once; the pages come as the addresses stand.
for await (const page of map(Object.keys(PAGES), fetchPage, { concurrency: 3 })) {
  console.log(page);
}
