// What a line's key is: `word:N`, `field:a.b` or `regex:RE`.

/**
 * A function that gives a line's key, or undefined if the line has none.
 *
 * Throws an Error, which says what is allowed.
 */
export function parse(spec) {
  const [, kind, argument] = /^([^:]*):?(.*)$/s.exec(spec);
  if (kind === "word" && /^[1-9][0-9]{0,5}$/.test(argument)) return word(Number(argument));
  if (kind === "field" && argument) return field(argument.split("."));
  if (kind === "regex" && argument) return regex(argument);
  throw new Error(`KEY=${spec}: want word:N (from 1), field:a.b or regex:RE`);
}

/** The word at this place, from 1; words are apart by spaces and tabs. */
function word(number) {
  return (line) => line.split(/[ \t]+/).filter(Boolean)[number - 1];
}

/** A field of a JSON object, by the names on the way to it. A text, number or truth value is a key. */
function field(path) {
  return (line) => {
    let value;
    try {
      value = JSON.parse(line);
      check(value);
    } catch {
      return undefined;
    }
    for (const name of path) {
      if (
        value === null ||
        Array.isArray(value) ||
        typeof value !== "object" ||
        !Object.hasOwn(value, name)
      ) {
        return undefined;
      }
      value = value[name];
    }
    // "1" and 1 are two values.
    return value === null || typeof value === "object" ? undefined : `${typeof value}:${value}`;
  };
}

/** What not every reader of JSON takes: half a character, a number that is no double, more than 127 levels. */
function check(value, depth = 0) {
  if (value !== null && typeof value === "object") {
    if (depth === 127) throw new Error("too deep");
    for (const part of Object.entries(value).flat()) check(part, depth + 1);
  } else if (typeof value === "string") {
    if (!value.isWellFormed()) throw new Error("half a character");
  } else if (Math.abs(value) === Number.POSITIVE_INFINITY) {
    throw new Error("too large");
  }
}

/** The first group of the first match, or the whole match if there is no group. Classes (`\w`) are ASCII. */
function regex(pattern) {
  let compiled;
  try {
    // By code points, and a dot is any of them: so it is in the other languages, for a line has no LF.
    compiled = new RegExp(pattern, "su");
  } catch (error) {
    throw new Error(`KEY=regex:${pattern}: ${error.message}`);
  }
  return (line) => {
    const found = compiled.exec(line);
    return found ? found[Math.min(1, found.length - 1)] : undefined;
  };
}
