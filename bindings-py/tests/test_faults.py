"""What goes wrong in what the user wrote, or is done to a task from outside, ends one item and no more."""

import asyncio
import dataclasses
import sys
from concurrent.futures import ThreadPoolExecutor

import inorder
import pytest
from virtual_loop import run


def workers():
    return [task for task in asyncio.all_tasks() if task.get_name() == "inorder"]


async def double(item):
    await asyncio.sleep(0.001)
    return 2 * item


def test_a_waiting_worker_that_is_cancelled_in_the_turn_of_an_offer_is_replaced():
    async def main():
        async with inorder.Processor(double, concurrency=2) as p:
            for _ in range(5):
                await asyncio.gather(p.run(1), p.run(2))
                await asyncio.sleep(1)
                for worker in workers():
                    worker.cancel()
                tickets = [p.enqueue_nowait(n) for n in range(4)]
                assert [await ticket for ticket in tickets] == [0, 2, 4, 6]
                assert len(workers()) <= 2

    run(main())


class Broken:
    def __await__(self):
        raise ValueError("cannot be awaited")


@pytest.mark.parametrize("in_thread", [False, True])
def test_what_a_function_returns_that_cannot_be_awaited_fails_its_item(in_thread):
    def handle(item):
        return Broken() if item == 0 else item

    async def main():
        with ThreadPoolExecutor(1) as executor:
            async with inorder.Processor(handle, executor=executor if in_thread else None) as p:
                with pytest.raises(ValueError, match="cannot be awaited"):
                    await p.run(0)
                assert await p.run(1) == 1

    run(main())


def test_stop_iteration_in_a_thread_fails_its_item():
    def handle(item):
        return next(iter(item))

    async def main():
        with ThreadPoolExecutor(1) as executor:
            async with inorder.Processor(handle, executor=executor) as p:
                with pytest.raises(RuntimeError, match="StopIteration") as caught:
                    await p.run([])
                assert isinstance(caught.value.__cause__, StopIteration)
                assert await p.run([7]) == 7

    run(main())


def test_a_clock_that_fails_for_a_while_loses_nothing():
    class Loop(asyncio.SelectorEventLoop):
        fails = False

        def time(self):
            if self.fails:
                self.fails = False
                raise OSError("no clock")
            return super().time()

    async def handle(item):
        await asyncio.sleep(0)
        loop.fails = item == 1
        return item

    async def main():
        async with inorder.Processor(handle) as p:
            tickets = [p.enqueue_nowait(n) for n in range(4)]
            assert [await ticket for ticket in tickets] == [0, 1, 2, 3]

    told = []
    hook, sys.unraisablehook = sys.unraisablehook, lambda what: told.append(what.exc_value)
    try:
        with asyncio.Runner(loop_factory=Loop) as runner:
            loop = runner.get_loop()
            runner.run(main())
    finally:
        sys.unraisablehook = hook
    assert [type(error) for error in told] == [OSError]


def test_a_cancel_request_that_on_result_leaves_behind_does_not_reach_the_next_one():
    async def on_result(result):
        if result == 0:
            asyncio.current_task().cancel()
            return
        await asyncio.sleep(0.001)
        seen.append(result)

    async def main():
        async with inorder.Processor(lambda item: item, on_result=on_result) as p:
            for n in range(4):
                p.enqueue_nowait(n)

    seen = []
    run(main())
    assert seen == [1, 2, 3]


def test_closing_the_coroutine_of_a_worker_ends_its_item_only():
    async def handle(item):
        await asyncio.sleep(0.01)
        return item

    async def main():
        async with inorder.Processor(handle) as p:
            first, second = p.enqueue_nowait(1), p.enqueue_nowait(2)
            await asyncio.sleep(0.005)
            [worker] = workers()
            worker.get_coro().close()
            with pytest.raises(GeneratorExit):
                await first
            assert await second == 2

    run(main())


def test_a_worker_is_not_stepped_from_inside():
    async def handle(item):
        coroutine = asyncio.current_task().get_coro()
        for step in (
            lambda: coroutine.send(None),
            lambda: coroutine.throw(KeyError),
            coroutine.close,
        ):
            with pytest.raises(ValueError, match="already executing"):
                step()
        await asyncio.sleep(0.001)
        return item

    async def main():
        async with inorder.Processor(handle) as p:
            assert [await p.run(n) for n in range(3)] == [0, 1, 2]

    run(main())


def test_an_exception_that_takes_no_note_is_raised_as_it_is():
    @dataclasses.dataclass(frozen=True)
    class Frozen(Exception):
        why: str

    async def handle(item):
        raise Frozen("boom")

    async def main():
        async with inorder.Processor(handle) as p:
            with pytest.raises(Frozen, match="boom"):
                await p.run(1)

    told = []
    hook, sys.unraisablehook = sys.unraisablehook, told.append
    try:
        run(main())
    finally:
        sys.unraisablehook = hook
    assert told == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_exception_for_the_whole_program_goes_through_from_on_result(error):
    def on_result(result):
        raise error

    async def main():
        p = inorder.Processor(lambda item: item, on_result=on_result)
        p.enqueue_nowait(1)
        await asyncio.sleep(1)

    with pytest.raises(error):
        run(main())


def test_a_stream_that_is_left_inside_its_own_generator_closes_it_once_afterwards():
    def source():
        try:
            for n in range(10):
                if n == 3:
                    task = asyncio.ensure_future(stream.aclose())
                    left = stream.aclose()
                    left.send(None)
                    left.close()
                    tasks.append(task)
                yield n
        finally:
            closed.append(True)

    async def main():
        results = [result async for result in stream]
        await asyncio.gather(*tasks)
        return results

    closed, tasks, told = [], [], []
    stream = inorder.map(double, source(), concurrency=2)
    hook, sys.unraisablehook = sys.unraisablehook, told.append
    try:
        assert len(run(main())) < 4
    finally:
        sys.unraisablehook = hook
    assert (closed, told) == ([True], [])
