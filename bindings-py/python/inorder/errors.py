"""What goes wrong: all under :class:`InOrderError`."""

from __future__ import annotations

import asyncio

__all__ = [
    "AttemptTimeout",
    "Broken",
    "CheckpointError",
    "Closed",
    "DeadlineExceeded",
    "Deadlock",
    "Duplicate",
    "Full",
    "GapTimeout",
    "InOrderError",
    "KeyHalted",
    "Late",
    "NotRising",
    "OptionsError",
    "SourceRestarted",
    "TooFar",
    "WrongLoop",
]


class InOrderError(Exception):
    """What this library raises of its own accord."""


class Full(InOrderError, asyncio.QueueFull):
    """There is no room: as many items as the capacity allows are in flight, or others wait."""


class Closed(InOrderError):
    """No more is accepted, or the item left without a result.

    Its cause is the failure that ended everything, where there is one.
    """


class Duplicate(InOrderError):
    """An item with this number is in flight already."""


class Late(InOrderError):
    """The number was released or given up before, or is below the start."""


class TooFar(InOrderError):
    """The number is beyond the window."""


class GapTimeout(InOrderError):
    """What is missing did not come in time."""


class SourceRestarted(InOrderError):
    """The source has begun to count again."""


class NotRising(InOrderError, ValueError):
    """An id was received that is not higher than the one before."""


class AttemptTimeout(InOrderError, TimeoutError):
    """A handler took longer than one attempt may."""


class DeadlineExceeded(InOrderError, TimeoutError):
    """An item was not settled in time."""


class KeyHalted(InOrderError):
    """The key of the item was halted when the processor was closed."""


class Deadlock(InOrderError):
    """What is waited for cannot come before whoever waits has ended."""


class CheckpointError(InOrderError):
    """A checkpoint is corrupt, foreign or too large."""


class OptionsError(InOrderError, ValueError):
    """An option has a value that is not allowed, or cannot be together with another."""


class WrongLoop(InOrderError):
    """A stream or processor was used outside the event loop in which it was first used."""


class Broken(InOrderError):
    """The library has failed in itself."""
