"""What a line's key is: `word:N`, `field:a.b` or `regex:RE`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable

KeyOf = Callable[[str], str | None]


def parse(spec: str) -> KeyOf:
    """A function that gives a line's key, or None if the line has none.

    Raises ValueError, which says what is allowed.
    """
    kind, _, argument = spec.partition(":")
    if kind == "word" and re.fullmatch("[1-9][0-9]{0,5}", argument):
        return word(int(argument))
    if kind == "field" and argument:
        return field(argument.split("."))
    if kind == "regex" and argument:
        return regex(argument)
    raise ValueError(f"KEY={spec}: want word:N (from 1), field:a.b or regex:RE")


def word(number: int) -> KeyOf:
    """The word at this place, from 1; words are apart by spaces and tabs."""

    def key(line: str) -> str | None:
        words = line.replace("\t", " ").split(" ")
        return next((w for i, w in enumerate(filter(None, words), 1) if i == number), None)

    return key


def field(path: list[str]) -> KeyOf:
    """A field of a JSON object, by the names on the way to it. A text, number or truth value is a key."""

    def key(line: str) -> str | None:
        try:
            value = json.loads(line, parse_int=float, parse_constant=no_json)
            check(value)
        except (ValueError, RecursionError):
            return None
        for name in path:
            if not isinstance(value, dict) or name not in value:
                return None
            value = value[name]
        # 1 and 1.0 are one number, 0 and -0 too; "1" and 1 are two values.
        if isinstance(value, bool):
            return "boolean:true" if value else "boolean:false"
        if isinstance(value, float):
            return f"number:{value + 0.0}"
        return f"string:{value}" if isinstance(value, str) else None

    return key


def no_json(constant: str) -> None:
    """NaN and Infinity, which Python would take."""
    raise ValueError(f"{constant} is no JSON")


def check(value: object, depth: int = 0) -> None:
    """What not every reader of JSON takes: half a character, a number that is no double, more than 127 levels."""
    if isinstance(value, dict | list):
        if depth == 127:
            raise ValueError("too deep")
        for part in [*value, *value.values()] if isinstance(value, dict) else value:
            check(part, depth + 1)
    elif isinstance(value, str):
        value.encode()
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("too large")


def regex(pattern: str) -> KeyOf:
    r"""The first group of the first match, or the whole match if none. Classes such as \w are ASCII."""
    try:
        compiled = re.compile(pattern, re.ASCII)
    except re.error as error:
        raise ValueError(f"KEY=regex:{pattern}: {error}") from None

    def key(line: str) -> str | None:
        found = compiled.search(line)
        return found[min(1, compiled.groups)] if found else None

    return key
