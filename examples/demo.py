"""What a person sees: the textbook's way and ours, in three languages, on the lines of any log.

`demo.py --input PATH --key KEY`; it runs a program in each language, and exits with 1 if their figures for inorder
differ or show a violation, with 2 if the input or the key is no good.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parent
INPUTS = EXAMPLES / "input"
# Unoptimised and with all features, as the tests have built it: what takes time here is virtual.
CARGO = ["cargo", "run", "--quiet", "-p", "inorder", "--all-features", "--example"]
PROGRAMS = {
    "Python": [sys.executable, str(EXAMPLES / "python" / "demo.py")],
    "Node": ["node", str(EXAMPLES / "node" / "demo.mjs")],
    "Rust": [*CARGO, "demo", "--"],
}
TEXTBOOK = {"Python": "textbook class", "Node": "textbook class", "Rust": "textbook dispatcher"}

Figures = dict[str, Any]


def main(given_arguments: list[str] | None = None) -> int:
    """Runs the programs and prints their figures."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--input", default="", help="a text log or NDJSON file")
    arguments.add_argument(
        "--key", default="", help="word:N, field:a.b or regex:RE (default word:1)"
    )
    given = arguments.parse_args(given_arguments)
    key = given.key or "word:1"
    path = Path(given.input or INPUTS / "access.log")
    if path.parent == INPUTS and not path.exists():
        subprocess.run([sys.executable, str(INPUTS / "generate.py")], check=True)

    print(
        f"\ninorder: {shown(path)} by {key}, each line 1 to 20 ms. The first 300 lines live, 64 at once:"
    )
    figures: dict[str, Figures] = {}
    for language, program in PROGRAMS.items():
        ran = run([*program, "--input", str(path.resolve()), "--key", key])
        if ran.returncode:
            return ran.returncode
        figures[language] = json.loads(ran.stdout)
    threads = run([*CARGO, "thread_pool"], stderr=subprocess.DEVNULL)
    if threads.returncode:
        return threads.returncode

    print(*document_table(figures, json.loads(threads.stdout)), sep="\n")
    print(*input_table(figures), sep="\n")
    wrong = list(problems(figures))
    print(
        *(wrong or ["inorder: no violation, and the same figures in all three languages."]),
        sep="\n",
    )
    return 1 if wrong else 0


def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Runs a program from the repository's root; its figures are captured, its progress is not."""
    sys.stdout.flush()
    return subprocess.run(
        command, stdout=subprocess.PIPE, cwd=EXAMPLES.parent, check=False, **options
    )


def shown(path: Path) -> str:
    """The path as it was given, but short."""
    return (
        str(path.relative_to(EXAMPLES.parent))
        if path.is_relative_to(EXAMPLES.parent)
        else str(path)
    )


def document_table(figures: dict[str, Figures], threads: list[Figures]) -> Iterator[str]:
    """The document's example: a line for each way, the even and the uneven durations side by side."""
    columns = f"{'overlaps':>12}{'inversions':>11}{'ms':>5}"
    yield f"\n{'Data 1, Data 3, Data 2 of the document,':44}{'each 100 ms':>28}{'300, 100, 200 ms':>28}"
    yield f"{'in virtual time':44}{columns}{columns}"
    ours = {"one": "inorder, concurrency 1", "three": "inorder, concurrency 3"}
    for language, of in figures.items():
        yield from document_rows(language, of["document"], {"textbook": TEXTBOOK[language], **ours})
    real = {"textbook": "dispatcher, real threads", "three": "inorder, real threads"}
    yield from document_rows("", threads, real)


def document_rows(language: str, rows: list[Figures], ways: dict[str, str]) -> Iterator[str]:
    """The ways of one language."""
    by_name = {(row["case"], row["way"]): row for row in rows}
    for way, name in ways.items():
        line = f"   {language:7} {name:33}"
        for case in ("even", "uneven"):
            row = by_name[case, way]
            line += f"{row['overlaps']:12}{row['inversions']:11}{row['makespan_us'] / 1_000:5.0f}"
        yield line
        language = ""


def input_table(figures: dict[str, Figures]) -> Iterator[str]:
    """The whole input: violations, how long it takes, how much is held."""
    about = figures["Python"]["input"]
    alone = about["one_at_a_time_us"] / 1_000_000
    busiest = about["busiest_key_us"] / 1_000_000
    yield f"\nAll {about['lines']:,} lines, {about['keys']:,} keys, in virtual time; one at a time {alone:,.2f} s,"
    yield f"   the busiest key by itself {busiest:,.2f} s: no order by key can be faster"
    if about["without_key"]:
        yield f"   {about['without_key']:,} lines without a key, the first is line {about['first_without_key']:,}: each on its own"
    yield f"{'':34}{'overlapping in key':>18}{'out of order':>14}{'time':>11}{'faster':>9}{'peak held':>11}"
    for language, of in figures.items():
        for way, name in (("textbook", TEXTBOOK[language]), ("inorder", "inorder")):
            row = of[way]
            seconds = row["makespan_us"] / 1_000_000
            faster = f"{alone / seconds:.1f}x" if seconds else "-"
            yield (
                f"   {language if way == 'textbook' else '':7} {name:23}{row['key_overlaps']:18,}"
                f"{row['inversions']:14,}{seconds:9,.2f} s{faster:>9}{row['peak_held']:11,}"
            )
    yield ""


def problems(figures: dict[str, Figures]) -> Iterator[str]:
    """What must not be: a violation by inorder, or a figure that differs between languages."""
    first = figures["Python"]
    for language, of in figures.items():
        for row in (of["inorder"], of["live"]):
            if (
                row["key_overlaps"]
                or row["inversions"]
                or row["came_out"] != row.get("lines", of["input"]["lines"])
            ):
                yield f"WRONG: {language} broke the order: {row}"
        same = ["input", "inorder"] if language == "Rust" else ["input", "inorder", "textbook"]
        for part in same:
            if of[part] != first[part]:
                yield f"WRONG: {language} differs from Python in {part}: {of[part]}, not {first[part]}"
        ours, theirs = (
            [row for row in each["document"] if row["way"] != "textbook"] for each in (of, first)
        )
        if ours != theirs:
            yield f"WRONG: {language} differs from Python in the document's example: {ours}, not {theirs}"


if __name__ == "__main__":
    sys.exit(main())
