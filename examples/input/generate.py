"""Makes the demo's input: `access.log`, 10,000 lines of a web server's log, and `trades.ndjson`, 2,000 trades.

The same bytes at every run and on every machine: whole numbers from one seeded generator, no floats, no clock.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

ACCESS_LINES = 10_000
TRADE_LINES = 2_000
START = datetime(2024, 12, 23, 9, 30, tzinfo=UTC)

PATHS = ["/", "/login", "/quotes/AAPL", "/quotes/MSFT?range=1d", "/orders", "/orders/7041/fills", "/static/app.js",
         "/static/caf\u00e9.svg", "/api/v2/positions", "/health"]  # fmt: skip
AGENTS = [
    "Mozilla/5.0 (X11; Linux x86_64)",
    "curl/8.5.0",
    "python-httpx/0.27.0",
    "Go-http-client/2.0",
]
SYMBOLS = ["AAPL", "MSFT", "NVDA", "AMZN", "BRK.B", "JPM", "V", "XOM"]


class Random:
    """SplitMix64, as far as it is needed here."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def below(self, limit: int) -> int:
        """A whole number from 0 to limit - 1."""
        mask = 2**64 - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & mask
        return ((z ^ z >> 31) * limit) >> 64


class Skewed:
    """Draws 0 to count - 1, number k with a weight of 1 / (k + 10): a few clients send most of the lines."""

    def __init__(self, random: Random, count: int) -> None:
        self.random = random
        self.sums = list(accumulate(10**9 // (k + 10) for k in range(count)))

    def draw(self) -> int:
        """The next one."""
        return bisect_left(self.sums, self.random.below(self.sums[-1]) + 1)


def access_log() -> Iterator[bytes]:
    """Lines as Apache and nginx write them ("combined"), and a few as they come out of a real one."""
    random = Random(1)
    client = Skewed(random, 600)
    addresses = [
        f"{10 + random.below(200)}.{random.below(256)}.{random.below(256)}.{k % 254 + 1}"
        for k in range(590)
    ]
    addresses += [f"2001:db8::{k:x}" for k in range(10)]
    at = START
    for number in range(1, ACCESS_LINES + 1):
        at += timedelta(milliseconds=random.below(400))
        address, path, agent = (
            addresses[client.draw()],
            PATHS[random.below(10)],
            AGENTS[random.below(4)],
        )
        status = [200, 200, 200, 200, 200, 200, 304, 301, 404, 500][random.below(10)]
        time, size = at.strftime("%d/%b/%Y:%H:%M:%S +0000"), random.below(60_000)
        line = (
            f'{address} - - [{time}] "GET {path} HTTP/1.1" {status} {size} "-" "{agent}"'.encode()
        )
        if number % 2_500 == 1_234:
            line = b""  # a write that was cut short
        elif number % 2_500 == 2_222:
            line = line.replace(b"GET", b"\x16\x03\x01\xff")  # somebody spoke TLS to the plain port
        yield line


def trades() -> Iterator[bytes]:
    """One JSON object a line, and a few that were cut off."""
    random = Random(2)
    account = Skewed(random, 120)
    at = START
    for number in range(1, TRADE_LINES + 1):
        at += timedelta(milliseconds=random.below(50))
        trade = {
            "id": number,
            "time": at.isoformat(timespec="milliseconds"),
            "account": {"id": f"A{account.draw():03}"},
            "symbol": SYMBOLS[random.below(8)],
            "side": ["buy", "sell"][random.below(2)],
            "quantity": (1 + random.below(50)) * 10,
            "price_cents": 10_000 + random.below(40_000),
        }
        line = json.dumps(trade).encode()
        yield line[: len(line) // 3] if number % 700 == 123 else line


def write(folder: Path) -> None:
    """Writes both files into the folder."""
    for name, lines in (("access.log", access_log()), ("trades.ndjson", trades())):
        (folder / name).write_bytes(b"".join(line + b"\n" for line in lines))


if __name__ == "__main__":
    write(Path(__file__).parent)
