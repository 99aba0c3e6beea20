"""An asyncio event loop whose clock moves only when nothing is left to do.

Time is a whole number of microseconds. Timers fire in order of (due time, order of creation), one at a time, and
everything that one sets off is done before the next fires: a run is the same every time, whatever the machine does.

Two ways to use it:

- `run(main())` as `asyncio.run`: a sleep takes no real time, the clock jumps to the next timer.
- step by step, from outside the loop: `loop.settle(act)` runs `act` and then everything that can happen at this
  instant, `loop.advance(microseconds)` lets that much time go by. Neither goes further.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import selectors
import threading
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

__all__ = ["Stuck", "VirtualLoop", "run"]

T = TypeVar("T")

# Only for work that was handed to a thread: real time is none of the loop's business otherwise.
THREADS_MAY_TAKE = 10.0


class Stuck(RuntimeError):
    """Nothing is ready, no timer is set and no other thread is alive: what is awaited can never come."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop. `now` is its clock, in microseconds since its start."""

    def __init__(self) -> None:
        self.now = 0
        self._due: list[tuple[int, int, asyncio.TimerHandle]] = []
        self._created = itertools.count()
        self._until: int | None = None
        self._in_threads = 0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.now / 1_000_000

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        # The base class keeps its timers in a heap that is not stable: equal times would fire in any order.
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._due, (round(when * 1_000_000), next(self._created), handle))
        return handle

    def run_in_executor(
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        # Work in a thread belongs to the instant at which it was given: the clock waits for it.
        future = super().run_in_executor(executor, func, *args)
        self._in_threads += 1
        future.add_done_callback(self._thread_done)
        return future

    def _thread_done(self, _: asyncio.Future[Any]) -> None:
        self._in_threads -= 1

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        # Its time limit is meant in real time, and would be over at once here.
        await super().shutdown_default_executor()

    def settle(self, act: Callable[[], object] | None = None) -> None:
        """Runs `act` inside the loop, if given, then all that can happen without the clock moving.

        What `act` raises is raised here.
        """
        raised: list[BaseException] = []
        if act is not None:

            def acting() -> None:
                try:
                    act()
                except BaseException as error:
                    raised.append(error)

            self.call_soon(acting)
        self._run_until(self.now)
        if raised:
            raise raised[0]

    def advance(self, microseconds: int) -> None:
        """Lets time go by: fires what is due within it, each at its own instant, and stops at the end of it."""
        self._run_until(self.now + microseconds)

    def _run_until(self, until: int) -> None:
        self._until = until
        try:
            self.run_forever()
        finally:
            self._until = None

    def _fire_next(self) -> bool:
        """Moves the clock to the next timer and makes it ready, unless it is due after `_until`."""
        while self._due:
            due, _, handle = self._due[0]
            if not handle.cancelled() and self._until is not None and due > self._until:
                break
            heapq.heappop(self._due)
            if not handle.cancelled():
                self.now = max(self.now, due)
                # Through the handle, which lets go of its callback when cancelled: nothing is kept alive by the heap.
                self.call_soon(handle._run)
                return True
        if self._until is None:
            return False
        self.now = self._until
        self.stop()
        return True


class _Selector(selectors.DefaultSelector):
    """Asked to wait, it moves the loop's clock instead."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        happened = super().select(0)
        # The loop gives no timeout when it has nothing ready; its own timers are not where the base class looks.
        if happened or timeout is not None:
            return happened
        if not self._loop._in_threads and self._loop._fire_next():
            return happened
        if threading.active_count() > 1:
            happened = super().select(THREADS_MAY_TAKE)
        if not happened:
            raise Stuck("nothing is ready and no timer is set")
        return happened


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs `main` to its end as `asyncio.run` does, in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
