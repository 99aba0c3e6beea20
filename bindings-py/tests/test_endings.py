"""A program that ends without closing what it used: `asyncio.run` cancels all tasks, and nothing more starts."""

import asyncio
import contextlib

import inorder
import pytest
from virtual_loop import run


async def plain():
    await asyncio.sleep(1)


async def clean_up():
    try:
        await asyncio.sleep(1)
    finally:
        await asyncio.sleep(2)


async def swallow():
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(1)


async def swallow_slowly():
    try:
        await asyncio.sleep(1)
    except asyncio.CancelledError:
        await asyncio.sleep(2)


HANDLERS = pytest.mark.parametrize("work", [plain, clean_up, swallow, swallow_slowly])
OPTIONS = pytest.mark.parametrize(
    "options",
    [
        {},
        {"concurrency": 2},
        {"concurrency": 3, "key": lambda item: item % 2},
        {"ordered": False},
        {"isolation": "task"},
        {"on_failure": "fail", "ordered": False, "concurrency": 2},
    ],
    ids=str,
)


@HANDLERS
@OPTIONS
def test_no_queued_item_starts(work, options):
    async def main():
        async def handle(item):
            started.append(item)
            await work()

        p = inorder.Processor(handle, **options)
        for item in range(9):
            p.enqueue_nowait(item)
        await asyncio.sleep(0.5)
        return len(started)

    started = []
    assert run(main()) == len(started) > 0


def test_no_idle_worker_takes_what_a_cancelled_one_leaves():
    async def main():
        async def handle(item):
            started.append(item)
            await asyncio.sleep(0.1 if item == "short" else 1)

        p = inorder.Processor(handle, concurrency=2, key=lambda item: "same")
        other = inorder.Processor(handle, concurrency=2, key=lambda item: item)
        for item in ("a", "b"):
            p.enqueue_nowait(item)
        for item in ("short", "c", "c"):
            other.enqueue_nowait(item)
        await asyncio.sleep(0.5)

    started = []
    run(main())
    assert sorted(started) == ["a", "c", "short"]


def test_no_result_is_delivered_any_more():
    async def main():
        async def on_result(result):
            delivered.append(result)
            await asyncio.sleep(1)

        p = inorder.Processor(lambda item: item, on_result=on_result)
        for item in range(3):
            p.enqueue_nowait(item)
        await asyncio.sleep(0.5)

    delivered = []
    run(main())
    assert delivered == [0]


@HANDLERS
def test_nothing_more_of_a_stream_is_read_or_started(work):
    async def main():
        async def handle(item):
            started.append(item)
            if item > 1:
                await work()
            return item

        def source():
            for item in range(20):
                read.append(item)
                yield item

        streams.append(inorder.map(handle, source(), concurrency=2, on_failure="emit"))
        async for item in streams[0]:
            if item == 1:
                break
        await asyncio.sleep(0.5)
        return len(started), len(read)

    streams, started, read = [], [], []
    assert run(main()) == (len(started), len(read)) == (4, 5)


def test_one_cancelled_task_is_not_the_end():
    async def handle(item):
        tasks.append(asyncio.current_task())
        await asyncio.sleep(1)
        return item

    async def main():
        p = inorder.Processor(handle)
        tickets = [p.enqueue_nowait(item) for item in range(3)]
        await asyncio.sleep(0.5)
        tasks[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tickets[0]
        assert [await ticket for ticket in tickets[1:]] == [1, 2]
        await p.close()

    tasks = []
    run(main())


@pytest.mark.parametrize("wait", ["close", "join", "ticket", "enqueue", "next"])
@pytest.mark.parametrize("is_first", [True, False])
def test_what_still_waits_is_served(wait, is_first):
    async def handle(item):
        await asyncio.sleep(1)
        return item

    async def use(p, tickets):
        try:
            await asyncio.sleep(60)
        finally:
            if not is_first:
                await asyncio.sleep(0.25)
            if wait == "close":
                await p.close()
            elif wait == "join":
                await p.join()
            elif wait == "ticket":
                assert await tickets[-1] == 2
            elif wait == "enqueue":
                await p.enqueue("more")
            else:
                async for _ in p:
                    break
            served.append(wait)

    async def main():
        p = inorder.Processor(handle, capacity=3)
        using.append(asyncio.create_task(use(p, tickets)))
        tickets.extend(p.enqueue_nowait(item) for item in range(3))
        await asyncio.sleep(0.5)

    served, tickets, using = [], [], []
    run(main())
    assert served == [wait]


def test_a_ticket_cancelled_on_the_way_out_starts_nothing():
    async def handle(item):
        started.append(item)
        await asyncio.sleep(1)

    async def use(p, ticket):
        try:
            await ticket
        finally:
            await asyncio.sleep(0.25)
            ticket.cancel()

    async def main():
        p = inorder.Processor(handle)
        tickets = [p.enqueue_nowait(item) for item in range(3)]
        using.append(asyncio.create_task(use(p, tickets[1])))
        await asyncio.sleep(0.5)

    started, using = [], []
    run(main())
    assert started == [0]
