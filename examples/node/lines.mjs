// A file's lines and how long each takes: any text, however broken.

import { readFileSync } from "node:fs";

const LF = 10;
const CR = 13;

/**
 * The lines of a file, which end with LF or CRLF, as { text, duration }. Bytes that are no UTF-8 become U+FFFD.
 *
 * Throws the host's error if it cannot be read.
 */
export function read(path) {
  const raw = readFileSync(path);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const lines = [];
  for (let begin = 0; begin < raw.length; ) {
    const found = raw.indexOf(LF, begin);
    const next = found === -1 ? raw.length : found;
    const end = next > begin && raw[next - 1] === CR ? next - 1 : next;
    const line = raw.subarray(begin, end);
    lines.push({ text: decoder.decode(line), duration: duration(line) });
    begin = next + 1;
  }
  return lines;
}

/** 1 to 20 ms, in microseconds: 1,000 + FNV-1a (32 bit) of the line's bytes, without its end, modulo 19,001. */
export function duration(line) {
  let hash = 0x811c9dc5;
  for (const byte of line) hash = Math.imul(hash ^ byte, 0x01000193);
  return 1_000 + ((hash >>> 0) % 19_001);
}
