"""The textbook's way and ours on the lines of a file: `demo.py --input PATH --key KEY`.

Prints its progress for a person, and its figures as one line of JSON. `examples/demo.py` compares the languages.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import keys
import lines
from figures import Log
from ways import Item, in_order, textbook

sys.path.append(str(Path(__file__).parents[2] / "bindings-py" / "tests"))
import virtual_loop

CONCURRENCY = 64
LIVE = 300
DOCUMENT = {
    "even": (100, 100, 100),
    "uneven": (300, 100, 200),
}  # Data 1, Data 3, Data 2: milliseconds

Way = Callable[[list[Item], Log], Coroutine[Any, Any, None]]


def main() -> int:
    """Prints the figures; 2 if the input or the key is no good."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--input", required=True, help="a text log or NDJSON file")
    arguments.add_argument("--key", required=True, help="word:N, field:a.b or regex:RE")
    given = arguments.parse_args()
    try:
        key_of = keys.parse(given.key)
        read = lines.read(given.input)
    except ValueError as error:
        return fail(str(error))
    except OSError as error:
        return fail(f"INPUT={given.input}: {error.strerror}")

    items = [Item(index, key_of(line.text), line.duration) for index, line in enumerate(read)]
    figures = {
        "language": "Python",
        "document": [row for case, spans in DOCUMENT.items() for row in document(case, spans)],
        "input": about(items),
        "textbook": virtual(items, textbook),
        "inorder": virtual(items, lambda items, log: in_order(items, log, CONCURRENCY, keyed=True)),
        "live": live(items[:LIVE]),
    }
    print(json.dumps(figures))
    return 0


def document(case: str, milliseconds: tuple[int, ...]) -> list[dict[str, Any]]:
    """The document's three items, the textbook's way and ours, in virtual time."""
    items = [Item(index, None, span * 1_000) for index, span in enumerate(milliseconds)]
    ways: dict[str, Way] = {
        "textbook": textbook,
        "one": lambda items, log: in_order(items, log, 1, keyed=False),
        "three": lambda items, log: in_order(items, log, 3, keyed=False),
    }
    return [{"case": case, "way": name, **virtual(items, way)} for name, way in ways.items()]


def about(items: list[Item]) -> dict[str, Any]:
    """What the input is like."""
    per_key: Counter[str] = Counter()
    for item in items:
        if item.key is not None:
            per_key[item.key] += item.duration
    without = [item.index + 1 for item in items if item.key is None]
    return {
        "lines": len(items),
        "keys": len(per_key),
        "busiest_key_us": max(per_key.values(), default=0),
        "without_key": len(without),
        "first_without_key": without[0] if without else None,
        "one_at_a_time_us": sum(item.duration for item in items),
    }


def virtual(items: list[Item], way: Way) -> dict[str, int]:
    """All items at once, in no time: the clock jumps from timer to timer."""
    log = Log(len(items))

    async def timed() -> int:
        await way(items, log)
        return round(asyncio.get_running_loop().time() * 1_000_000)

    makespan = virtual_loop.run(timed())
    return {**counted(items, log), "makespan_us": makespan}


def live(items: list[Item]) -> dict[str, int]:
    """The first items in real time, with a progress line."""
    begin, count = time.monotonic(), len(items)

    def progress(out: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{bar(out, count)} of {count}", end="", file=sys.stderr, flush=True)

    log = Log(count, progress)
    asyncio.run(in_order(items, log, CONCURRENCY, keyed=True))
    elapsed = time.monotonic() - begin
    print(
        f"\r{bar(len(log.out), count)} in {elapsed:.2f} s, {log.inversions()} out of order",
        file=sys.stderr,
    )
    return {"lines": count, **counted(items, log), "elapsed_us": round(elapsed * 1_000_000)}


def bar(out: int, count: int) -> str:
    """How far it is."""
    return f"   Python  {'#' * (40 * out // max(1, count)):.<40} {out}"


def counted(items: list[Item], log: Log) -> dict[str, int]:
    """What the log says."""
    return {
        "came_out": len(log.out),
        "overlaps": log.overlaps(),
        "key_overlaps": log.overlaps([item.key for item in items]),
        "inversions": log.inversions(),
        "peak_held": log.peak_held,
    }


def fail(text: str) -> int:
    """Says what is wrong."""
    print(f"demo: {text}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
