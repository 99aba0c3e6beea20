"""What waits for itself raises, instead of waiting for ever."""

import asyncio

import inorder
import pytest
from virtual_loop import run


def raised_inside(wait, **options):
    """What `wait(processor, own ticket, a later ticket)` raises in the handler of the first item."""

    async def main():
        async def handle(item):
            if item != "first":
                return item
            await asyncio.sleep(0.01)
            with pytest.raises(inorder.Deadlock) as caught:
                await wait(p, *tickets)
            seen.append(caught.value)
            return item

        seen = []
        p = inorder.Processor(handle, concurrency=2, **options)
        tickets = [await p.enqueue("first"), await p.enqueue("second")]
        assert await tickets[0] == "first"
        assert await p.run("third") == "third"
        await p.close()
        assert len(seen) == 1

    run(main())


def test_join_close_and_own_or_later_tickets_inside_a_handler():
    raised_inside(lambda p, own, later: p.join())
    raised_inside(lambda p, own, later: p.close())
    raised_inside(lambda p, own, later: p.close(10))
    raised_inside(lambda p, own, later: own)
    raised_inside(lambda p, own, later: later)
    raised_inside(lambda p, own, later: p.run("child"))
    raised_inside(lambda p, own, later: own, ordered=False)
    raised_inside(lambda p, own, later: later, ordered=False, key=lambda item: "same")


def test_what_can_come_is_waited_for():
    async def main():
        async def handle(item):
            if item == "parent":
                # unordered, and of no key: it can come before this one ends
                return await p.run("child")
            if item == "spawner":
                # in a task of its own, which this handler does not wait for
                joining.append(asyncio.create_task(p.join()))
            if item == "earlier":
                await asyncio.sleep(1)
            if item == "waits":
                return await earlier
            return item

        joining = []
        async with inorder.Processor(handle, concurrency=2, ordered=False) as p:
            assert await p.run("parent") == "child"
            assert await p.run("spawner") == "spawner"
            await joining[0]
        async with inorder.Processor(handle, concurrency=2) as p:
            earlier = await p.enqueue("earlier")
            assert await p.run("waits") == "earlier"

    run(main())


def test_another_processor_is_not_this_one():
    async def main():
        async def outer(item):
            async with inorder.Processor(lambda x: x) as q:
                await q.enqueue(item)
                await q.join()
                return await q.run(item)

        async with inorder.Processor(outer) as p:
            assert await p.run(3) == 3

    run(main())


def test_inside_on_result():
    async def main():
        async def on_result(result):
            if result == "b":
                return
            for wait in (p.join(), p.close(), tickets[0], tickets[1], p.run("more")):
                with pytest.raises(inorder.Deadlock):
                    await wait
                seen.append(result)

        seen = []
        p = inorder.Processor(lambda item: item, on_result=on_result)
        tickets = [p.enqueue_nowait("a"), p.enqueue_nowait("b")]
        await asyncio.sleep(0.1)
        await p.close()
        assert seen == ["a"] * 5
        # what `run` had offered was cancelled
        assert (p.stats().ok, p.stats().cancelled) == (2, 1)

    run(main())


def test_the_task_that_has_a_result_of_its_loop():
    async def main():
        async with inorder.Processor(lambda item: item) as p:
            await p.enqueue(1)
            async for _ in p:
                for wait in (p.join, p.close):
                    with pytest.raises(inorder.Deadlock, match="loop"):
                        await wait()
                joining = asyncio.create_task(p.join())
                break
            await joining
            await p.join()

    run(main())


def test_every_running_handler_waits_for_room():
    async def main():
        async def spread(item):
            if item == "child":
                return item
            try:
                await p.enqueue("child")
            except inorder.Deadlock:
                refused.append(item)
                return "refused"
            return item

        refused = []
        p = inorder.Processor(spread, concurrency=2, capacity=2)
        tickets = [p.enqueue_nowait("a"), p.enqueue_nowait("b")]
        await asyncio.sleep(0.01)
        # the one that waited longest is told, which gives the room that the other waited for
        assert refused == ["a"]
        assert [await ticket for ticket in tickets] == ["refused", "b"]
        await p.close()
        assert p.stats().accepted == 3

    run(main())


def test_no_deadlock_while_something_can_make_room():
    async def main():
        async def spread(item):
            if item == "slow":
                await asyncio.sleep(1)
            elif item == "parent":
                children.append(await p.enqueue("child"))
            return item

        children = []
        async with inorder.Processor(spread, concurrency=2, capacity=2) as p:
            slow, parent = p.enqueue_nowait("slow"), p.enqueue_nowait("parent")
            assert await parent == "parent"
            assert (await slow, await children[0]) == ("slow", "child")

    run(main())


def test_on_result_of_a_full_processor_waits_for_room():
    async def main():
        async def on_result(result):
            with pytest.raises(inorder.Deadlock):
                await p.enqueue("more")
            seen.append(result)

        seen = []
        async with inorder.Processor(lambda item: item, capacity=1, on_result=on_result) as p:
            await p.enqueue("a")
            await p.join()
        assert seen == ["a"]

    run(main())


def test_a_consumer_that_iterates_can_make_room():
    async def main():
        async def spread(item):
            if item == 0:
                await p.enqueue(1)
            return item

        p = inorder.Processor(spread, concurrency=2, capacity=2, ordered=False)
        results = aiter(p)
        first = asyncio.ensure_future(anext(results))
        await asyncio.sleep(0)
        await p.enqueue("before")
        assert await first == "before"
        await p.enqueue(0)
        await asyncio.sleep(1)
        assert p.stats().running == 1
        assert {await anext(results), await anext(results)} == {0, 1}
        await results.aclose()
        await p.close()

    run(main())


def test_with_one_at_a_time_nothing_else_starts_before_this_one_ends():
    async def main():
        async def handle(item):
            if item == "parent":
                with pytest.raises(inorder.Deadlock):
                    await p.run("child")
            return item

        async with inorder.Processor(handle, ordered=False) as p:
            assert await p.run("parent") == "parent"

    run(main())


def test_unordered_any_result_of_a_loop_makes_room():
    async def main():
        async def spread(item):
            if item == "parent":
                await p.enqueue("child")
            return item

        p = inorder.Processor(spread, concurrency=2, capacity=2, ordered=False)
        results = aiter(p)
        first = asyncio.ensure_future(anext(results))
        await asyncio.sleep(0)
        p.enqueue_nowait("parent")
        p.enqueue_nowait("ready")
        # whoever took it makes room by asking for the next one
        assert await first == "ready"
        await asyncio.sleep(1)
        assert p.stats().running == 1
        assert {await anext(results), await anext(results)} == {"parent", "child"}
        await results.aclose()
        await p.close()

    run(main())
