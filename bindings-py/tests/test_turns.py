"""How many turns of the loop work takes: no wake-up costs one that could be spared."""

import asyncio
import contextvars
import random

import inorder
import pytest
from virtual_loop import VirtualLoop, run

variable = contextvars.ContextVar("variable")


class Turns:
    """Counts the turns of the loop within an `async with`."""

    async def __aenter__(self):
        self.count, self.is_over = 0, False
        asyncio.get_running_loop().call_soon(self._turn)
        return self

    def _turn(self):
        if not self.is_over:
            self.count += 1
            asyncio.get_running_loop().call_soon(self._turn)

    async def __aexit__(self, *_):
        self.is_over = True


def test_the_next_item_of_a_key_starts_in_the_turn_in_which_the_one_before_ends():
    async def main():
        async def one_turn(key):
            await asyncio.sleep(0)

        draw = random.Random(1)
        keys = draw.choices(range(100), [1 / (n + 1) for n in range(100)], k=2_000)
        async with Turns() as turns:
            stream = inorder.map(one_turn, keys, concurrency=16, key=lambda key: key, capacity=128)
            await stream.collect()
        # its items take a turn each, and those of other keys are read and started in between
        assert turns.count < keys.count(0) + 30

    run(main())


class CountingLoop(VirtualLoop):
    """Counts what it is asked to call."""

    calls = 0

    def call_soon(self, *args, **options):
        self.calls += 1
        return super().call_soon(*args, **options)


def test_handlers_that_give_way_together_cost_the_loop_one_call_a_turn():
    async def main():
        async def give_way(item):
            for _ in range(100):
                await asyncio.sleep(0)

        loop = asyncio.get_running_loop()
        await inorder.map(give_way, range(16), concurrency=16).collect()
        return loop.calls

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        assert runner.run(main()) < 100 + 150


def test_one_that_gives_way_among_others_can_be_cancelled():
    async def main():
        async def give_way(item):
            try:
                for _ in range(10):
                    await asyncio.sleep(0)
            except asyncio.CancelledError:
                cancelled.append(item)
                raise
            return item

        cancelled = []
        async with inorder.Processor(give_way, concurrency=8) as p:
            tickets = [p.enqueue_nowait(item) for item in range(8)]
            for _ in range(5):
                await asyncio.sleep(0)
            tickets[2].cancel()
            results = await asyncio.gather(*tickets, return_exceptions=True)
        assert isinstance(results.pop(2), asyncio.CancelledError)
        assert (results, cancelled) == ([0, 1, 3, 4, 5, 6, 7], [2])

    run(main())


def test_those_that_give_way_together_are_tasks_and_contexts_of_their_own():
    async def main():
        async def give_way(item):
            task = asyncio.current_task()
            variable.set(item)
            for _ in range(3):
                await asyncio.sleep(0)
                assert asyncio.current_task() is task
                assert (variable.get(), inorder.current().seq) == (item, item)
            return item

        assert await inorder.map(give_way, range(32), concurrency=8).collect() == list(range(32))

    run(main())


def test_an_exception_for_the_whole_program_does_not_take_the_others_along():
    async def give_way(item):
        for _ in range(3):
            await asyncio.sleep(0)
        if item == 1:
            raise SystemExit(7)
        return item

    async def begin():
        p = inorder.Processor(give_way, concurrency=8)
        return p, [p.enqueue_nowait(item) for item in range(6)]

    async def end(p, tickets):
        assert [await ticket for ticket in tickets if ticket.seq != 1] == [0, 2, 3, 4, 5]
        with pytest.raises(SystemExit):
            await tickets[1]
        await p.close()

    loop = VirtualLoop()
    try:
        p, tickets = loop.run_until_complete(begin())
        with pytest.raises(SystemExit):
            loop.run_until_complete(asyncio.sleep(1))
        loop.run_until_complete(end(p, tickets))
    finally:
        loop.close()


def test_nor_those_who_were_to_join_them():
    log = []

    async def handle(item):
        log.append(item)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if item == "enqueue":
            tickets.extend(p.enqueue_nowait(item) for item in ("a", "b", "c"))
            await asyncio.sleep(1)
        elif item == "exit":
            raise SystemExit(7)

    async def begin():
        p = inorder.Processor(handle, concurrency=8, ordered=False)
        await asyncio.gather(*[p.enqueue_nowait(item) for item in range(8)])
        # the workers wait
        await asyncio.sleep(1)
        log.clear()
        return p, [p.enqueue_nowait(item) for item in ("enqueue", "exit", 2, 3, 4)]

    async def end():
        with pytest.raises(SystemExit):
            await tickets.pop(1)
        await asyncio.gather(*tickets)
        await p.close()

    loop = VirtualLoop()
    try:
        p, tickets = loop.run_until_complete(begin())
        with pytest.raises(SystemExit):
            loop.run_until_complete(asyncio.sleep(1))
        assert log == ["enqueue", "exit", 2, 3, 4]
        loop.run_until_complete(end())
        assert log == ["enqueue", "exit", 2, 3, 4, "a", "b", "c"]
    finally:
        loop.close()


def test_tasks_written_in_python_give_way_together():
    async def main():
        async def give_way(item):
            for _ in range(3):
                await asyncio.sleep(0)
            return item

        def factory(loop, coroutine, **options):
            return asyncio.tasks._PyTask(coroutine, loop=loop, **options)

        asyncio.get_running_loop().set_task_factory(factory)
        assert await inorder.map(give_way, range(32), concurrency=8).collect() == list(range(32))

    run(main())
