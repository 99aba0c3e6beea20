"""A file's lines and how long each takes: any text, however broken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Line:
    """A line's text, and its duration in microseconds."""

    text: str
    duration: int


def read(path: str) -> list[Line]:
    """The lines of a file, which end with LF or CRLF. Bytes that are no UTF-8 become U+FFFD.

    Raises OSError if it cannot be read.
    """
    raw = Path(path).read_bytes().split(b"\n")
    if not raw[-1]:
        raw.pop()
    return [
        Line(line.decode(errors="replace"), duration(line))
        for line in (line.removesuffix(b"\r") for line in raw)
    ]


def duration(line: bytes) -> int:
    """1 to 20 ms, in microseconds: 1,000 + FNV-1a (32 bit) of the line's bytes, without its end, modulo 19,001."""
    hash = 0x811C9DC5
    for byte in line:
        hash = (hash ^ byte) * 0x01000193 & 0xFFFFFFFF
    return 1_000 + hash % 19_001
