"""Who gets which result, and what is kept of an item whose result waits."""

import asyncio
import gc
import weakref

import inorder
from virtual_loop import run


async def handle(item):
    await asyncio.sleep(0.001)
    return item


def test_parallel_nexts_get_the_results_in_the_order_in_which_they_asked():
    async def main():
        async def ask(name):
            got.append((name, await anext(stream)))

        got = []
        stream = inorder.map(handle, range(6), concurrency=3)
        await asyncio.gather(*(ask(name) for name in "abcdef"))
        assert got == list(zip("abcdef", range(6), strict=True))

    run(main())


def test_a_next_that_asks_while_another_is_being_answered_does_not_overtake_it():
    async def main():
        async def ask(name):
            got.append((name, await anext(stream)))

        async def one_turn(item):
            await asyncio.sleep(0)
            return item

        got = []
        stream = inorder.map(one_turn, range(3))
        first = asyncio.ensure_future(ask("first"))
        while not stream.stats().ok:
            # in no time: the clock stands still while anything is ready
            await asyncio.sleep(0)
        # the first has been woken, and has not had its turn yet
        await ask("second")
        await first
        assert got == [("first", 0), ("second", 1)]
        await stream.aclose()

    run(main())


def test_waiting_offers_are_accepted_in_the_order_in_which_they_came():
    async def main():
        async def offer(name):
            accepted.append((name, (await p.enqueue(name)).seq))

        accepted = []
        async with inorder.Processor(handle, capacity=1) as p:
            await asyncio.gather(*(offer(name) for name in "abcd"))
        assert accepted == list(zip("abcd", range(4), strict=True))

    run(main())


def test_the_item_of_a_result_that_waits_for_its_turn_is_let_go():
    class Thing:
        pass

    async def main():
        async def slow_head(item):
            await asyncio.sleep(1 if item is None else 0)
            return "result"

        async with inorder.Processor(slow_head, concurrency=2) as p:
            await p.enqueue(None)
            thing = Thing()
            gone = weakref.ref(thing)
            ticket = await p.enqueue(thing)
            del thing
            await asyncio.sleep(0.5)
            gc.collect()
            assert (p.stats().held, gone()) == (1, None)
            assert await ticket == "result"

    run(main())
