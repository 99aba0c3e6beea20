"""What is counted, the same in every language: what started too early, what came out too late, what was held."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence


class Log:
    """When each of `count` items started, ended and came out, as positions in one sequence of events.

    Positions, not times: two things that happen at one instant still have an order.
    """

    def __init__(self, count: int, progress: Callable[[int], None] | None = None) -> None:
        self.starts = [0] * count
        self.ends = [0] * count
        self.out: list[int] = []
        self.peak_held = 0
        self._events = 0
        self._ended = 0
        self._progress = progress

    def started(self, index: int) -> None:
        """Its handler began."""
        self._events += 1
        self.starts[index] = self._events

    def ended(self, index: int) -> None:
        """Its handler is done."""
        # Before this one is counted: what is held then had time to come out, and could not.
        self.peak_held = max(self.peak_held, self._ended - len(self.out))
        self._events += 1
        self._ended += 1
        self.ends[index] = self._events

    def came_out(self, index: int) -> None:
        """Its result was handed out."""
        self.out.append(index)
        if self._progress is not None:
            self._progress(len(self.out))

    def overlaps(self, keys: Sequence[Hashable] | None = None) -> int:
        """Items that started before an earlier one had ended; with `keys`, an earlier one of the same key.

        An item whose key is None has no earlier one.
        """
        count = 0
        latest_end: dict[Hashable, int] = {}
        for index, (start, end) in enumerate(zip(self.starts, self.ends, strict=True)):
            key = keys[index] if keys is not None else "all"
            if key is None:
                continue
            latest = latest_end.get(key, 0)
            count += start < latest
            latest_end[key] = max(latest, end)
        return count

    def inversions(self) -> int:
        """Items that came out after a later one."""
        count, highest = 0, -1
        for index in self.out:
            count += index < highest
            highest = max(highest, index)
        return count
