"""One loop each: the first in which it is used. Any loop, any task factory, debug mode or not."""

import asyncio
import itertools
import sys
import threading

import inorder
import pytest
from virtual_loop import run


async def handle(item):
    await asyncio.sleep(0)
    return item


async def drain(stream):
    async for _ in stream:
        pass


def in_thread(act):
    """What `act` raises in a thread of its own."""
    raised = []

    def call():
        try:
            act()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    return raised


def test_another_loop_is_an_error():
    p = inorder.Processor(handle)
    stream = inorder.map(handle, iter(int, 1))

    async def first():
        await p.run(1)
        await anext(stream)

    async def second():
        with pytest.raises(inorder.WrongLoop):
            p.enqueue_nowait(1)
        with pytest.raises(inorder.WrongLoop):
            await p.enqueue(1)
        with pytest.raises(inorder.WrongLoop):
            await p.join()
        with pytest.raises(inorder.WrongLoop):
            await p.close()
        with pytest.raises(inorder.WrongLoop):
            await drain(stream)
        assert p.stats().accepted == 1

    async def third():
        await stream.aclose()
        await p.close()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(first())
    asyncio.run(second())
    loop.run_until_complete(third())
    loop.close()


def test_another_thread_is_an_error():
    async def main():
        async with inorder.Processor(handle) as p:
            ticket = await p.enqueue(1)
            for act in (lambda: p.enqueue_nowait(1), ticket.cancel):
                [error] = in_thread(act)
                assert isinstance(error, inorder.WrongLoop)
            [error] = in_thread(lambda: asyncio.run(p.enqueue(1)))
            assert isinstance(error, inorder.WrongLoop)
            assert in_thread(p.stats) == []

    asyncio.run(main())


def test_without_a_loop_nothing_is_enqueued():
    p = inorder.Processor(handle)
    with pytest.raises(inorder.WrongLoop, match="no event loop"):
        p.enqueue_nowait(1)
    assert p.stats().accepted == 0

    async def main():
        assert await p.run(1) == 1
        await p.close()

    asyncio.run(main())


async def everything():
    """A bit of all."""
    assert await inorder.map(handle, range(50), concurrency=7).collect() == list(range(50))

    async def source():
        for n in range(20):
            await asyncio.sleep(0)
            yield n

    async with inorder.map(handle, source(), concurrency=3) as stream:
        async for x in stream:
            if x == 9:
                break
    seen = []

    async def on_result(result):
        await asyncio.sleep(0)
        seen.append(result)

    async with inorder.Processor(
        handle, concurrency=4, key=lambda n: n % 3, on_result=on_result
    ) as p:
        tickets = [await p.enqueue(n) for n in range(30)]
        tickets[29].cancel()
        assert await tickets[7] == 7
    assert seen == list(range(29))
    async with inorder.Processor(lambda n: n, capacity=2) as p:
        assert await asyncio.gather(*(p.run(n) for n in range(10))) == list(range(10))
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_debug_mode():
    asyncio.run(everything(), debug=True)


def test_uvloop():
    uvloop = pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(everything())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_eager_tasks():
    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        await everything()

    asyncio.run(main())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_no_handler_runs_inside_enqueue_with_eager_tasks():
    async def starts(item):
        started.append(item)

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        async with inorder.Processor(starts) as p:
            ticket = p.enqueue_nowait(1)
            assert started == []
            await ticket

    started = []
    asyncio.run(main())
    assert started == [1]


def test_a_task_factory_of_tasks_written_in_python():
    async def main():
        def factory(loop, coroutine, **options):
            return asyncio.tasks._PyTask(coroutine, loop=loop, **options)

        asyncio.get_running_loop().set_task_factory(factory)
        # asyncio cannot name the current task of another kind
        assert await inorder.map(lambda x: x, range(10)).collect() == list(range(10))
        assert await asyncio.create_task(everything_else()) == [2, 4]

    async def everything_else():
        return [x async for x in inorder.map(doubled, [1, 2], concurrency=2)]

    async def doubled(x):
        await asyncio.sleep(0)
        return 2 * x

    asyncio.run(main())


def test_debuggers_see_the_handler():
    async def main():
        async def slow(item):
            await asyncio.sleep(1)

        async with inorder.Processor(slow) as p:
            ticket = await p.enqueue(1)
            await asyncio.sleep(0.5)
            [worker] = asyncio.all_tasks() - {asyncio.current_task()}
            assert "slow" in repr(worker)
            [frame] = worker.get_stack()
            assert frame.f_code is slow.__code__
            coroutine = worker.get_coro()
            assert coroutine.cr_code is slow.__code__
            assert coroutine.cr_await is not None
            assert coroutine.cr_running is False
            await ticket
            assert worker.get_stack() == []

    run(main())


def test_timers_have_their_turn_while_handlers_return_at_once():
    async def main():
        ticks = []

        def tick():
            ticks.append(p.stats().started)
            asyncio.get_running_loop().call_soon(tick)

        async with inorder.Processor(lambda item: item, capacity=100_000) as p:
            for n in range(100_000):
                p.enqueue_nowait(n)
            tick()
            await p.join()
            assert max(b - a for a, b in itertools.pairwise(ticks)) <= 1_000

    async def stopping():
        main_task = asyncio.create_task(main())
        await main_task
        # the ticking ends with the loop

    asyncio.run(stopping())


@pytest.mark.parametrize("function", [handle, lambda item: item])
def test_waiting_and_leaving_in_another_loop_is_an_error_and_does_nothing(function):
    async def at_home(p, stream, iteration):
        assert await anext(stream) == 0
        tickets = [await p.enqueue(n) for n in range(3)]
        assert await anext(iteration) == 0
        return tickets

    async def elsewhere(tickets, stream, iteration):
        for wait in (
            lambda: anext(stream),
            stream.collect,
            stream.aclose,
            lambda: anext(iteration),
            iteration.aclose,
            lambda: tickets[2],
        ):
            with pytest.raises(inorder.WrongLoop):
                await wait()

    async def at_home_again(p, tickets, stream, iteration):
        assert await stream.collect() == [1, 2, 3]
        assert [await anext(iteration), await anext(iteration)] == [1, 2]
        assert [await ticket for ticket in tickets] == [0, 1, 2]
        await iteration.aclose()
        await p.close()

    p = inorder.Processor(function)
    stream, iteration = inorder.map(function, range(4)), aiter(p)
    loop = asyncio.new_event_loop()
    tickets = loop.run_until_complete(at_home(p, stream, iteration))
    asyncio.run(elsewhere(tickets, stream, iteration))
    assert in_thread(lambda: asyncio.run(elsewhere(tickets, stream, iteration))) == []
    loop.run_until_complete(at_home_again(p, tickets, stream, iteration))
    loop.close()
