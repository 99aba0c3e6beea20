"""Nothing is kept and no task is left once an item, a stream or a processor has ended."""

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
import weakref

import inorder
import pytest
from virtual_loop import run


class Thing:
    """Something that can be looked for."""

    def __init__(self, number=0):
        self.number = number


class Watch(list):
    """Weak references to what was made."""

    def thing(self, *arguments):
        thing = Thing(*arguments)
        self.append(weakref.ref(thing))
        return thing

    def left(self):
        gc.collect()
        return [ref() for ref in self if ref() is not None]


@pytest.fixture
def watch():
    return Watch()


async def drop_all(stream):
    async for result in stream:
        del result


def other_tasks():
    return asyncio.all_tasks() - {asyncio.current_task()}


def test_a_stream_keeps_nothing_that_it_has_handed_out(watch):
    async def handle(item):
        await asyncio.sleep(0.001)
        return watch.thing()

    async def main():
        source = (watch.thing(n) for n in range(20))
        stream = inorder.map(handle, source, concurrency=4)
        async for result in stream:
            del result
            # what is in flight: read one more than can run, and their results
            assert len(watch.left()) <= 10
        assert watch.left() == []
        assert other_tasks() == set()

    run(main())


def test_a_handler_that_raises_leaves_nothing(watch):
    async def handle(item):
        kept = watch.thing()
        await asyncio.sleep(0.001 * item.number)
        if item.number == 3:
            raise ValueError("boom")
        await asyncio.sleep(0.1)
        return kept

    async def main():
        source = (watch.thing(n) for n in range(20))
        stream = inorder.map(handle, source, concurrency=4)
        with pytest.raises(ValueError, match="boom"):
            await drop_all(stream)
        assert other_tasks() == set()

    run(main())
    assert watch.left() == []


def test_an_emitted_failure_is_kept_by_nobody(watch):
    async def handle(item):
        raise ValueError(watch.thing())

    async def main():
        stream = inorder.map(handle, (watch.thing() for _ in range(3)), on_failure="emit")
        async for failure in stream:
            assert failure.item in watch.left()
            del failure
        assert watch.left() == []

    run(main())


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("way", ["break", "with", "aclose", "raise"])
def test_a_consumer_that_leaves_leaves_nothing(watch, way, asynchronous):
    async def handle(item):
        kept = watch.thing()
        await asyncio.sleep(1 if item.number else 0)
        return kept

    def source():
        try:
            for n in range(20):
                yield watch.thing(n)
        finally:
            closed.append("source")

    async def asynchronous_source():
        try:
            for n in range(20):
                yield watch.thing(n)
                await asyncio.sleep(0)
        finally:
            closed.append("source")

    async def main():
        make = asynchronous_source if asynchronous else source
        stream = inorder.map(handle, make(), concurrency=3)
        if way == "with":
            async with stream:
                await anext(stream)
            assert other_tasks() == set()
        elif way == "aclose":
            await anext(stream)
            await stream.aclose()
            assert other_tasks() == set()
        elif way == "break":
            async for result in stream:
                del result
                break
            del stream
        else:
            with contextlib.suppress(ZeroDivisionError):
                async for _ in stream:
                    1 / 0  # noqa: B018
            del stream
        await asyncio.sleep(0.001)
        assert other_tasks() == set()
        assert closed == ["source"]

    closed = []
    run(main())
    assert watch.left() == []


def test_a_stream_that_is_dropped_in_the_middle_of_a_long_wait_of_its_source(watch):
    async def source():
        try:
            yield watch.thing()
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    async def handle(item):
        return item

    async def main():
        async for result in inorder.map(handle, source()):
            del result
            break
        for _ in range(10):
            await asyncio.sleep(0)
        assert (other_tasks(), closed) == (set(), [True])

    closed = []
    run(main())
    assert watch.left() == []


def test_a_source_that_does_not_come_out_of_its_next_is_not_waited_for():
    class Source:
        def __aiter__(self):
            return self

        async def __anext__(self):
            if not asked:
                asked.append(True)
                return 1
            while not release.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await release.wait()
            raise StopAsyncIteration

        async def aclose(self):
            closed.append(True)

    async def handle(item):
        return item

    async def main():
        async with inorder.map(handle, Source()) as stream:
            assert await anext(stream) == 1
            await asyncio.sleep(0.01)
        assert closed == []
        release.set()
        await asyncio.sleep(0.01)
        assert other_tasks() == set()

    asked, closed, release = [], [], asyncio.Event()
    run(main())


def test_settled_tickets_keep_no_item(watch):
    async def handle(item):
        return item.number

    async def main():
        async with inorder.Processor(handle, concurrency=2) as p:
            tickets = [await p.enqueue(watch.thing(n)) for n in range(5)]
            await p.join()
            assert watch.left() == []
            assert [await ticket for ticket in tickets] == [0, 1, 2, 3, 4]

    run(main())


def test_a_result_is_gone_with_its_ticket(watch):
    async def handle(item):
        return watch.thing()

    async def main():
        async with inorder.Processor(handle) as p:
            for _ in range(3):
                ticket = await p.enqueue(None)
                await ticket
                del ticket
                assert watch.left() == []

    run(main())


def test_a_cancelled_ticket_leaves_nothing(watch):
    async def handle(item):
        kept = watch.thing()
        await asyncio.sleep(1)
        return kept

    async def main():
        async with inorder.Processor(handle, concurrency=2) as p:
            tickets = [await p.enqueue(watch.thing()) for _ in range(4)]
            await asyncio.sleep(0.01)
            assert [ticket.cancel() for ticket in tickets] == [True] * 4
            await p.join()
            assert watch.left() == []

    run(main())


@pytest.mark.parametrize("way", ["close", "abort", "exception"])
def test_a_closed_processor_leaves_nothing(watch, way):
    async def handle(item):
        kept = watch.thing()
        await asyncio.sleep(0.1)
        return kept

    async def main():
        p = inorder.Processor(handle, concurrency=2, key=lambda item: item)
        for _ in range(5):
            p.enqueue_nowait(watch.thing())
        await asyncio.sleep(0.01)
        if way == "close":
            await p.close()
        elif way == "abort":
            report = await p.abort()
            assert (len(report.unfinished), len(report.never_started)) == (2, 3)
            del report
            del p
        else:
            with contextlib.suppress(ZeroDivisionError):
                async with p:
                    1 / 0  # noqa: B018
            del p
        assert other_tasks() == set()

    run(main())
    assert watch.left() == []


def test_keys_are_forgotten(watch):
    async def handle(item):
        await asyncio.sleep(0)

    async def main():
        async with inorder.Processor(handle, concurrency=3, key=lambda item: watch.thing()) as p:
            for _ in range(10):
                await p.enqueue(None)
            await p.join()
            assert watch.left() == []
            for _ in range(3):
                await p.enqueue(None, key=watch.thing())
            await p.join()
            assert watch.left() == []

    run(main())


def test_a_withdrawn_offer_leaves_nothing(watch):
    async def main():
        release = asyncio.Event()

        async def handle(item):
            await release.wait()

        async with inorder.Processor(handle, capacity=1, key=lambda item: item) as p:
            await p.enqueue(None)
            offer = asyncio.create_task(p.enqueue(watch.thing()))
            await asyncio.sleep(0.01)
            offer.cancel()
            await asyncio.wait([offer])
            del offer
            assert watch.left() == []
            release.set()

    run(main())


def test_a_processor_that_was_never_closed_is_collected(watch):
    class Doubler(inorder.Processor):
        async def process(self, item):
            return item * 2

    async def main():
        for n in range(3):
            p = Doubler(concurrency=2)
            p.thing = watch.thing()
            assert await p.run(n) == 2 * n
            del p
            # its worker looks for more work once before it lets go
            await asyncio.sleep(0.001)
            assert watch.left() == []
        await asyncio.sleep(0.001)
        assert other_tasks() == set()

    run(main())


def test_cycles_through_handlers_hooks_and_results_are_collected(watch):
    async def main():
        def make():
            thing = watch.thing()

            async def handle(item):
                return p, thing

            p = inorder.Processor(
                handle, key=lambda item: (thing, p), on_result=lambda r: (thing, p)
            )
            return p

        p = make()
        with contextlib.suppress(Exception):
            p.ticket = await p.enqueue(1)
        ticket = await p.enqueue(1)
        await ticket
        del p, ticket
        for _ in range(3):
            await asyncio.sleep(0)
            gc.collect()
        assert watch.left() == []

    run(main())


def test_a_buffer_keeps_nothing_that_was_popped_and_is_collected(watch):
    buffer = inorder.ReorderBuffer()
    buffer.insert(1, watch.thing())
    buffer.insert(0, watch.thing())
    buffer.pop()
    assert len(watch.left()) == 1
    buffer.insert(1, watch.thing())
    buffer.insert(5000, watch.thing())
    assert len(watch.left()) == 1
    buffer.insert(7, [buffer, watch.thing()])
    del buffer
    assert watch.left() == []


def test_many_awaits_that_were_given_up_leave_no_futures():
    async def main():
        release = asyncio.Event()

        async def handle(item):
            await release.wait()

        async with inorder.Processor(handle) as p:
            ticket = await p.enqueue(None)
            for _ in range(100):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(ticket, 0.001)
            assert sum(type(it) is asyncio.Future for it in gc.get_referents(ticket)) < 20
            release.set()

    run(main())


@pytest.mark.parametrize("drops", [False, True])
@pytest.mark.parametrize("wait", ["join", "close"])
def test_a_wait_that_was_given_up_leaves_no_future(wait, drops, watch):
    async def main():
        release = asyncio.Event()

        async def handle(item):
            await release.wait()

        async with inorder.Processor(handle) as p:
            await p.enqueue(None)
            for _ in range(10):
                call = getattr(p, wait)()
                future = call.send(None)
                watch.append(weakref.ref(future))
                del future
                if not drops:
                    call.close()
                del call
                await asyncio.sleep(0)
            assert watch.left() == []
            release.set()

    run(main())


PROGRAM = """
import asyncio, inorder, sys

async def handle(item):
    await asyncio.sleep(3600)

async def main():
    global p, stream, ticket
    p = inorder.Processor(handle, concurrency=3)
    tickets = [await p.enqueue(n) for n in range(5)]
    ticket = tickets[0]
    stream = inorder.map(handle, iter(int, 1), concurrency=3)
    asking = asyncio.create_task(anext(stream))
    q = inorder.Processor(lambda item: item)
    await q.run(1)
    await asyncio.sleep(0)

async def fast(item):
    return item

async def leaves():
    async for x in inorder.map(fast, range(100)):
        break

which = sys.argv[1]
asyncio.run(main() if which == "busy" else leaves())
print("over")
"""


@pytest.mark.parametrize("which", ["busy", "leaves"])
@pytest.mark.parametrize("development", [False, True])
def test_a_program_that_ends_in_the_middle_says_nothing(which, development):
    options = ["-X", "dev"] if development else []
    done = subprocess.run(
        [sys.executable, "-W", "error", *options, "-c", PROGRAM, which],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONASYNCIODEBUG": "1" if development else ""},
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "over\n", "")
