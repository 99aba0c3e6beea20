"""Runs every example in every language, and the demo on inputs that are not nice.

What an example prints is in `output/`, the same for all languages.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import demo

PROGRAMS: dict[str, Callable[[str], list[str]]] = {
    "Python": lambda name: [sys.executable, str(demo.EXAMPLES / "python" / f"{name}.py")],
    "Node": lambda name: ["node", str(demo.EXAMPLES / "node" / f"{name}.mjs")],
    "Rust": lambda name: [*demo.CARGO, name],
}
# Whoever changes the generator changes what the documents say of its output.
INPUTS = {
    "access.log": "8e554b4332791d9ce7d5013f7a066867eb90c985472ff380275bb97cd8394582",
    "trades.ndjson": "10e78d2a1e1351d7ffaa738a6f957ec5294c7e7502bfa290afc3a0d5afcfa0c8",
}
NASTY = (
    b"a first\r\nb \xff\xfe\xe2\x82 broken\r\n\r\n\n\xef\xbb\xbfa with a mark\n"
    + b"a " + b"long " * 200_000 + b"\n"
    + "\u00e9 \U0001f600 b\n\u2028 c\rd\n".encode()
    + b'{"a": {"b": 1}}\n{"a": {"b": 1.0}}\n{"a": {"b": "1"}}\n{"a": 7}\n{"a": {"b": [1]}}\n{"a": {"b"\n'
    + b"the last has no end"
)  # fmt: skip
# What readers of JSON disagree about has no key.
ODD = (
    b'{"a": {"b": "\\ud800"}}\n{"a": {"b": 1e999}}\n{"a": {"b": 1.7976931348623159e308}}\n'
    + b'{"a": {"b": 1}, "\\udc00": 0}\n{"a": {"b": 1}, "c": [-1e999]}\n'
    + b'{"a": {"b": 1}, "c": ' + b"[" * 127 + b"]" * 127 + b"}\n"
    + b'{"a": {"b": 1}, "c": ' + b"[" * 126 + b"]" * 126 + b"}\n"
    + b'{"a": {"b": "\\ud83d\\ude00"}}\n{"a": {"b": 1.7976931348623157e308}}\n{"a": {"b": 0.1}}\n{"a": {"b": 1e-1}}\n'
    + b'{"a": {"b": 5e-324}}\n{"a": {"b": 1e-999}}\n{"a": {"b": 12345678901234567890}}\n'
)  # fmt: skip


def main() -> int:
    """Runs them all; 1 if one failed."""
    failed = [name for name, passed in [*examples(), *demos()] if not passed]
    for name in failed:
        print(f"examples: FAILED {name}")
    if not failed:
        print("examples: all passed")
    return 1 if failed else 0


def examples() -> list[tuple[str, bool]]:
    """Each small example prints what it should, whatever the language."""
    results = []
    for expected in sorted((demo.EXAMPLES / "output").glob("*.txt")):
        for language, command in PROGRAMS.items():
            ran = demo.run(command(expected.stem))
            good = ran.returncode == 0 and ran.stdout.decode() == expected.read_text()
            results.append((f"{expected.stem} in {language}", good))
    return results


def demos() -> list[tuple[str, bool]]:
    """The demo on the shipped input and on broken ones: its figures are equal, or it says what is wrong."""
    subprocess.run([sys.executable, str(demo.INPUTS / "generate.py")], check=True)
    results = [
        (name, hashlib.sha256((demo.INPUTS / name).read_bytes()).hexdigest() == digest)
        for name, digest in INPUTS.items()
    ]
    with tempfile.TemporaryDirectory() as folder:
        nasty, odd, empty, missing = (
            Path(folder, name) for name in ("nasty", "odd", "empty", "missing")
        )
        nasty.write_bytes(NASTY)
        odd.write_bytes(ODD)
        empty.touch()
        for path, key, status, says in [
            (demo.INPUTS / "access.log", "word:1", 0, "All 10,000 lines, 595 keys"),
            (
                demo.INPUTS / "trades.ndjson",
                "field:account.id",
                0,
                "3 lines without a key, the first is line 123",
            ),
            (nasty, "word:1", 0, "All 15 lines, "),
            (nasty, "field:a.b", 0, "12 lines without a key, the first is line 1"),
            (odd, "field:a.b", 0, "6 lines without a key, the first is line 1"),
            (nasty, "regex:(.) ", 0, "All 15 lines, "),
            (empty, "word:1", 0, "All 0 lines, 0 keys"),
            (missing, "word:1", 2, ""),
            (empty, "regex:(", 2, ""),
        ]:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                returned = demo.main(["--input", str(path), "--key", key])
            good = returned == status and says in printed.getvalue()
            results.append((f"demo {path.name} {key}\n{printed.getvalue()}", good))
    return results


if __name__ == "__main__":
    sys.exit(main())
