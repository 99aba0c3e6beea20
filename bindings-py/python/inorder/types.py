"""Values that come out: typed, immutable, and readable when printed."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

__all__ = ["Attempt", "Blocked", "Failure", "Gap", "Lost", "Report", "Stats"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a handler, see :func:`inorder.current`."""

    seq: int
    """The item's position."""
    attempt: int
    """Which run of the handler it is, from 1."""
    key: Hashable | None = None
    """The item's key."""


@dataclass(frozen=True, slots=True)
class Failure(Generic[T]):
    """Takes the place of a result, under `on_failure="emit"`."""

    error: BaseException
    """What the handler, or the key function, raised."""
    item: T
    """The item."""
    seq: int
    """Its position."""
    attempt: int
    """How often the handler ran; 0 where the key function raised."""
    key: Hashable | None = None
    """Its key."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Numbers that were given up."""

    first: int
    """The first of them."""
    last: int
    """The last of them."""
    key: Hashable | None = None
    """The key whose sequence it is, where each key has one."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers that are missing."""

    first: int
    """The first of them."""
    last: int
    """The last of them."""
    key: Hashable | None = None
    """The key whose sequence it is, where each key has one."""


@dataclass(frozen=True, slots=True)
class Report(Generic[T]):
    """What became of everything, when a processor was closed. Lists are in the order of the numbers."""

    released: int
    """How many items left in their turn, however they ended."""
    unfinished: list[T]
    """Items whose handler was cancelled and ended within the grace."""
    never_started: list[T]
    """Items whose handler was never called."""
    detached: list[T]
    """Items whose handler still runs, although it was cancelled."""
    lost: list[Lost]
    """Numbers that were missing and given up."""


@dataclass(frozen=True, slots=True)
class Stats:
    """Counters since the beginning, and gauges of now.

    Each accepted item ends in exactly one of `ok`, `failed`, `skipped`, `dead_lettered` and `cancelled`. `in_flight` is
    `accepted` less `released`, and the sum of `queued`, `running`, `backing_off`, `handing_over`, `held` and `halted`.
    """

    accepted: int
    """Items accepted."""
    restored: int
    """Offers of items that a restored checkpoint has."""
    started: int
    """Attempts started."""
    retried: int
    """Attempts started that were not the first of their item."""
    timed_out: int
    """Attempts that were stopped because their time was over."""
    ok: int
    """Items settled with a result."""
    failed: int
    """Items that failed for good, and whose failure comes out."""
    skipped: int
    """Items that failed for good and were skipped."""
    dead_lettered: int
    """Items that failed for good and were handed over."""
    cancelled: int
    """Items settled without a result."""
    released: int
    """Items that left the release order, however they ended."""
    ignored: int
    """Attempts that ended after their outcome had been fixed."""
    refused: int
    """Offers turned away for want of room."""
    late: int
    """Offers with a number that was released or given up."""
    duplicate: int
    """Offers with a number that was in flight."""
    stale: int
    """Commands for an old item or attempt."""
    lost: int
    """Numbers that were missing and given up."""
    queued: int
    """Items that wait to be started."""
    running: int
    """Items whose handler runs."""
    backing_off: int
    """Items that wait to be tried again."""
    handing_over: int
    """Items that are being handed over."""
    held: int
    """Items settled and not released."""
    halted: int
    """Items that failed for good and hold their key."""
    in_flight: int
    """Items accepted and not released."""
    concurrency: int
    """The most handlers that may run at once."""
    capacity: int
    """The most items that may be in flight."""
    oldest_age: float
    """How long ago the oldest item in flight was accepted, in seconds; 0 without one."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """What the next release waits for."""

    seq: int
    """The head of the release order: the oldest item in flight, or the number that is missing."""
    key: Hashable | None
    """The item's key."""
    attempt: int
    """Its last attempt; 0 where none started."""
    age: float
    """Seconds since it was accepted; of a missing number since something was first beyond it."""
    waiting: int
    """How many accepted items are behind it."""
    state: Literal["queued", "running", "missing", "untaken"]
    """What it is in; `untaken`: settled, and nobody has taken it."""
