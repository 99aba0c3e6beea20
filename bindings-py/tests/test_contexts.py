"""Each handler sees the context of its item, and no other."""

import asyncio
import contextlib
import contextvars
from concurrent.futures import ThreadPoolExecutor

import inorder
import pytest
from virtual_loop import run

REQUEST = contextvars.ContextVar("REQUEST", default="none")


def test_an_item_has_the_context_of_its_enqueue():
    async def handle(item):
        before = REQUEST.get()
        REQUEST.set(f"in {item}")
        await asyncio.sleep(0.01)
        return before, REQUEST.get()

    async def main():
        async with inorder.Processor(handle, concurrency=2) as p:
            tickets = []
            for item in "abc":
                REQUEST.set(item)
                tickets.append(await p.enqueue(item))
            REQUEST.set("after")
            assert [await t for t in tickets] == [(x, f"in {x}") for x in "abc"]
            assert REQUEST.get() == "after"

    run(main())


def test_an_offer_that_waits_has_the_context_in_which_it_was_made():
    async def handle(item):
        await asyncio.sleep(0.01)
        return REQUEST.get()

    async def main():
        async with inorder.Processor(handle, capacity=1) as p:

            async def offer(name):
                REQUEST.set(name)
                return await p.run(name)

            assert await asyncio.gather(*map(offer, "abc")) == ["a", "b", "c"]

    run(main())


def test_handlers_that_return_at_once_leave_nothing_to_the_next_one():
    async def handle(item):
        before = REQUEST.get()
        REQUEST.set(f"in {item}")
        return before

    async def main():
        REQUEST.set("outside")
        return await inorder.map(handle, range(5), concurrency=3).collect(), REQUEST.get()

    assert run(main()) == (["outside"] * 5, "outside")


def test_a_stream_copies_the_context_of_its_first_next():
    async def handle(item):
        await asyncio.sleep(0.001)
        return REQUEST.get()

    async def main():
        REQUEST.set("made")
        stream = inorder.map(handle, range(4), concurrency=2)
        REQUEST.set("first next")
        results = [await anext(stream)]
        REQUEST.set("later")
        return results + [x async for x in stream]

    assert run(main()) == ["first next"] * 4


def test_tasks_and_callbacks_of_a_handler_inherit_its_context():
    async def child():
        return REQUEST.get()

    async def handle(item):
        REQUEST.set(item)
        seen = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(lambda: seen.set_result(REQUEST.get()))
        return await asyncio.create_task(child()), await seen

    async def main():
        return await inorder.map(handle, "ab", concurrency=2).collect()

    assert run(main()) == [("a", "a"), ("b", "b")]


def test_a_function_in_a_thread_runs_in_the_context_of_its_item():
    def handle(item):
        before = REQUEST.get()
        REQUEST.set("thread")
        return before, inorder.current().seq

    async def main():
        with ThreadPoolExecutor(2) as executor:
            async with inorder.Processor(handle, concurrency=2, executor=executor) as p:
                tickets = []
                for item in "abc":
                    REQUEST.set(item)
                    tickets.append(await p.enqueue(item))
                return [await t for t in tickets], REQUEST.get()

    assert run(main()) == ([("a", 0), ("b", 1), ("c", 2)], "c")


def test_on_result_has_the_context_of_the_item():
    seen = []

    async def main():
        def on_result(result):
            seen.append((result, REQUEST.get()))

        async with inorder.Processor(lambda item: item, on_result=on_result) as p:
            for item in "ab":
                REQUEST.set(item)
                await p.enqueue(item)

    run(main())
    assert seen == [("a", "a"), ("b", "b")]


def test_key_functions_and_sources_do_not_see_a_handlers_context():
    def source():
        for item in range(3):
            seen.append(REQUEST.get())
            yield item

    async def asynchronous():
        for item in source():
            yield item

    def key(item):
        seen.append(REQUEST.get())

    async def handle(item):
        REQUEST.set("handler")
        await asyncio.sleep(0)

    async def main(source):
        REQUEST.set("consumer")
        await inorder.map(handle, source, key=key).collect()

    for make in (source, asynchronous):
        seen = []
        run(main(make()))
        assert seen == ["consumer"] * 6


def test_current_is_the_item_of_the_task_that_asks():
    async def handle(item):
        first = inorder.current()
        await asyncio.sleep(0.01)
        assert inorder.current() == first
        return first

    async def main():
        stream = inorder.map(handle, "ab", concurrency=2, key=str.upper)
        assert await stream.collect() == [
            inorder.Attempt(seq=0, attempt=1, key="A"),
            inorder.Attempt(seq=1, attempt=1, key="B"),
        ]

    run(main())
    with pytest.raises(RuntimeError, match="handlers"):
        inorder.current()


def test_current_is_not_that_of_whoever_is_started_inside_a_handler():
    async def inner(item):
        return inorder.current().seq

    async def outer(item):
        async with inorder.Processor(inner) as p:
            await p.run("first")
            assert await p.run("second") == 1
        return inorder.current().seq

    async def main():
        return await inorder.map(outer, range(3)).collect()

    assert run(main()) == [0, 1, 2]


def test_the_context_of_an_item_is_gone_with_it():
    import gc
    import weakref

    class Value:
        pass

    async def handle(item):
        await asyncio.sleep(0)

    async def main():
        async with inorder.Processor(handle, concurrency=2) as p:
            for _ in range(3):
                value = Value()
                gone.append(weakref.ref(value))
                token = REQUEST.set(value)
                await p.run("item")
                REQUEST.reset(token)
                del value, token
            gc.collect()
            assert [ref() for ref in gone] == [None] * 3

    gone = []
    run(main())


def test_current_stays_what_it_was_when_close_did_not_wait():
    async def handle(item):
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await release.wait()
        seen.append(inorder.current())

    async def main():
        p = inorder.Processor(handle, concurrency=3, key=lambda item: f"key {item}")
        for n in range(3):
            p.enqueue_nowait(n)
        await asyncio.sleep(0.01)
        report = await p.close(timeout=0)
        assert report.detached == [0, 1, 2]
        release.set()
        await asyncio.sleep(0.01)

    release, seen = asyncio.Event(), []
    run(main())
    assert seen == [inorder.Attempt(n, 1, f"key {n}") for n in range(3)]
