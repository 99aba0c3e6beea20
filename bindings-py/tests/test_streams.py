"""Streams: what `map` returns."""

import asyncio
import contextlib

import inorder
import pytest
from virtual_loop import run


async def handle(item):
    await asyncio.sleep(0.001 * (7 - item % 7))
    return item


def test_any_function_and_any_awaitable():
    class Awaitable:
        def __init__(self, value):
            self.value = value

        def __await__(self):
            yield from asyncio.sleep(0.001).__await__()
            return self.value

    def as_future(item):
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.001, future.set_result, item)
        return future

    def as_task(item):
        return asyncio.create_task(handle(item))

    class Callable:
        async def __call__(self, item):
            return item

    handlers = [handle, as_future, as_task, Awaitable, Callable(), lambda x: x]

    async def main():
        for handler in handlers:
            assert await inorder.map(handler, range(5), concurrency=2).collect() == list(range(5))

    run(main())


def test_results_of_every_kind_pass_through():
    values = [None, (), (1, 2), ValueError("a value"), StopIteration(3), [], {}, inorder.Lost(1, 2)]

    async def main():
        def give(item):
            return item

        async def give_later(item):
            await asyncio.sleep(0)
            return item

        for handler in (give, give_later):
            results = await inorder.map(handler, values, concurrency=2).collect()
            assert all(a is b for a, b in zip(results, values, strict=True))
            async with inorder.Processor(handler) as p:
                for value in values:
                    assert await p.run(value) is value
                    ticket = await p.enqueue(value)
                    await p.join()
                    assert await ticket is value

    run(main())


@pytest.mark.parametrize("error", [StopIteration, StopAsyncIteration])
def test_an_exception_that_would_end_the_consumers_loop_is_wrapped(error):
    async def later(item):
        await asyncio.sleep(0)
        raise error

    def at_once(item):
        raise error

    async def main():
        for handler in (later, at_once):
            with pytest.raises(RuntimeError, match=error.__name__) as caught:
                async for _ in inorder.map(handler, [1]):
                    pass
            assert isinstance(caught.value.__cause__, error)
            async with inorder.Processor(handler) as p:
                with pytest.raises(RuntimeError):
                    await p.run(1)
        with pytest.raises(RuntimeError):
            await inorder.map(handle, [1], key=at_once).collect()

    run(main())


def test_the_exception_is_the_handlers_own_with_a_note():
    class Mine(Exception):
        pass

    error = Mine("boom")

    async def fail(item):
        if item == 2:
            raise error
        return item

    async def main():
        for _ in range(2):
            with pytest.raises(Mine) as caught:
                await inorder.map(fail, range(5)).collect()
            assert caught.value is error
        assert error.__notes__ == ["inorder: seq=2"]

    run(main())


def test_after_the_end_next_says_so_again_and_again():
    async def main():
        stream = inorder.map(handle, range(2))
        assert [x async for x in stream] == [0, 1]
        for _ in range(3):
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
        assert await anext(stream, "default") == "default"
        assert await stream.collect() == []
        await stream.aclose()

    run(main())


def test_after_an_error_next_says_done():
    async def main():
        stream = inorder.map(lambda x: 1 / x, [1, 0, 1])
        assert await anext(stream) == 1
        with pytest.raises(ZeroDivisionError):
            await anext(stream)
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    run(main())


def test_leaving_twice_and_leaving_before_the_beginning():
    async def source():
        try:
            yield 1
        finally:
            closed.append(True)

    async def main():
        stream = inorder.map(handle, source())
        await stream.aclose()
        await stream.aclose()
        assert await stream.collect() == []
        async with inorder.map(handle, iter([1])) as unread:
            pass
        assert unread.stats().accepted == 0

    closed = []
    run(main())
    assert closed == []


def test_whoever_waits_is_told_when_the_stream_is_left():
    async def main():
        async def source():
            await asyncio.Event().wait()
            yield 1

        stream = inorder.map(handle, source())
        waiting = [asyncio.ensure_future(anext(stream, "over")) for _ in range(3)]
        await asyncio.sleep(0.01)
        await stream.aclose()
        assert await asyncio.gather(*waiting) == ["over"] * 3

    run(main())


def test_a_next_cancelled_in_the_moment_it_is_answered_loses_nothing():
    async def main():
        stream = inorder.map(handle, range(4))
        taken = []
        while len(taken) < 4:
            taking = asyncio.ensure_future(anext(stream))
            while not stream.stats().held:
                await asyncio.sleep(0.0001)
            taking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                taken.append(await taking)
                continue
            taken.append(await anext(stream))
        assert taken == [0, 1, 2, 3]

    run(main())


def test_a_next_that_is_dropped_is_given_up():
    async def main():
        stream = inorder.map(handle, range(4))
        dropped = [aiter(stream).__anext__() for _ in range(3)]
        for waiting in dropped:
            waiting.send(None)
        del waiting
        behind = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        dropped.clear()
        assert await behind == 0
        stream.__anext__().send(None)
        assert await stream.collect() == [1, 2, 3]

    run(main())


@pytest.mark.parametrize("waits", ["room", "result"])
def test_an_offer_that_is_dropped_is_given_up(waits):
    async def main():
        p = inorder.Processor(forever, capacity=1)
        if waits == "room":
            first = await p.enqueue("first")
        dropped = p.run("dropped")
        dropped.send(None)
        await asyncio.sleep(0.01)
        del dropped
        if waits == "room":
            first.cancel()
        await p.join()
        accepted, cancelled = p.stats().accepted, p.stats().cancelled
        assert (accepted, cancelled) == (1, 1)
        await p.close()

    async def forever(item):
        await asyncio.sleep(3600)

    run(main())


def test_a_collect_that_is_dropped_leaves_the_stream():
    async def main():
        async def source():
            try:
                for n in range(100):
                    yield n
            finally:
                closed.append(True)

        stream = inorder.map(handle, source())
        collecting = stream.collect()
        collecting.send(None)
        await asyncio.sleep(0.001)
        del collecting
        await asyncio.sleep(0.01)
        assert closed == [True]
        assert await anext(stream, "over") == "over"

    closed = []
    run(main())


def test_a_cancelled_next_hands_its_result_to_the_one_behind_it():
    async def main():
        stream = inorder.map(handle, range(2))
        first = asyncio.ensure_future(anext(stream))
        second = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == 0
        assert await anext(stream) == 1

    run(main())


def test_a_source_that_raises_in_the_middle():
    def source():
        yield from range(3)
        raise LookupError("source")

    async def asynchronous():
        for item in source():
            yield item

    async def main():
        for make in (source, asynchronous):
            stream = inorder.map(handle, make(), concurrency=2)
            assert [await anext(stream) for _ in range(3)] == [0, 1, 2]
            with pytest.raises(LookupError, match="source"):
                await anext(stream)

    run(main())


def test_an_earlier_failure_wins_over_that_of_the_source():
    def source():
        yield 0
        raise LookupError("source")

    async def main():
        with pytest.raises(ZeroDivisionError):
            await inorder.map(lambda x: 1 / x, source()).collect()

    run(main())


def test_the_source_is_not_read_before_the_first_demand_nor_far_ahead():
    def source():
        for n in range(1000):
            read.append(n)
            yield n

    async def main():
        stream = inorder.map(handle, source(), concurrency=3, capacity=10)
        await asyncio.sleep(0.1)
        assert read == []
        assert await anext(stream) == 0
        await asyncio.sleep(1)
        assert len(read) == 11
        await stream.aclose()

    read = []
    run(main())


def test_a_source_whose_next_suspends_is_read_by_one_task():
    async def source():
        task = asyncio.current_task()
        async with asyncio.timeout(100):
            for n in range(10):
                await asyncio.sleep(0.001)
                assert asyncio.current_task() is task
                yield n

    async def main():
        assert await inorder.map(handle, source(), concurrency=4).collect() == list(range(10))

    run(main())


def test_what_is_neither_iterable_nor_callable_is_a_type_error():
    with pytest.raises(TypeError):
        inorder.map(handle, 3)
    with pytest.raises(TypeError, match="handler"):
        inorder.map(3, [1])


def test_an_anext_that_gives_what_cannot_be_awaited_is_a_type_error():
    class Source:
        count = 0

        def __aiter__(self):
            return self

        def __anext__(self):
            self.count += 1
            return asyncio.sleep(0, "item") if self.count < 3 else 5

    async def same(item):
        return item

    async def main():
        source, out = Source(), []
        with pytest.raises(TypeError, match=r"__anext__.*int"):
            async for item in inorder.map(same, source, concurrency=4):
                out.append(item)
        assert (out, source.count) == (["item"] * 2, 3)

    run(main())


def test_a_plain_iterable_is_left_open_and_a_generator_is_closed():
    class Source:
        def __init__(self):
            self.closed = False

        def __iter__(self):
            return self

        def __next__(self):
            return 1

        def close(self):
            self.closed = True

    async def main():
        source = Source()
        async with inorder.map(handle, source) as stream:
            await anext(stream)
        assert not source.closed

    run(main())


def test_collect_that_is_cancelled_leaves_the_stream():
    async def main():
        stream = inorder.map(handle, iter(int, 1), concurrency=2)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.collect(), 0.1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())


def test_a_stream_inside_a_handler_of_another():
    async def main():
        async def inner(n):
            return sum(await inorder.map(handle, range(n), concurrency=3).collect())

        assert await inorder.map(inner, range(6), concurrency=2).collect() == [0, 0, 1, 3, 6, 10]

    run(main())


def test_a_coroutine_that_is_not_awaited_warns():
    stream = inorder.map(handle, [1])
    with pytest.warns(RuntimeWarning, match=r"Stream\.collect.*never awaited"):
        stream.collect()


def test_an_isolated_item_has_a_task_of_its_own():
    async def task(item):
        await asyncio.sleep(0)
        return asyncio.current_task()

    async def main():
        for isolation, tasks in (("context", 2), ("task", 10)):
            results = await inorder.map(
                task, range(10), concurrency=2, isolation=isolation
            ).collect()
            assert len(set(results)) == tasks

    run(main())


def test_shape_of_stats_and_why_blocked():
    async def main():
        stream = inorder.map(handle, [7, 8], concurrency=2, key=lambda x: f"key {x}")
        assert stream.why_blocked() is None
        first = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.002)
        blocked = stream.why_blocked()
        assert blocked == inorder.Blocked(
            seq=0, key="key 7", attempt=1, age=0.002, waiting=1, state="running"
        )
        assert stream.stats().oldest_age == 0.002
        await first
        await stream.aclose()

    run(main())
