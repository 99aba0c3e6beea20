"""A cancelled item ends, and no other does."""

import asyncio

import inorder
import pytest
from virtual_loop import run


async def forever(item):
    await asyncio.sleep(3600)


def test_asyncio_timeout_inside_a_handler_is_the_handlers_own():
    async def handle(item):
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(1 if item % 2 else 0)
        except TimeoutError:
            return f"{item} timed out"
        await asyncio.sleep(0.02)
        return item

    async def main():
        return await inorder.map(handle, range(6), concurrency=2).collect()

    assert run(main()) == [0, "1 timed out", 2, "3 timed out", 4, "5 timed out"]


def test_a_task_group_inside_a_handler_cancels_its_own_children_only():
    async def fail():
        await asyncio.sleep(0.001)
        raise ValueError("child")

    async def handle(item):
        if item == 1:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                await asyncio.sleep(1)
        await asyncio.sleep(0.01)
        return item

    async def main():
        stream = inorder.map(handle, range(5), concurrency=2, on_failure="emit")
        results = await stream.collect()
        failure = results.pop(1)
        assert isinstance(failure.error, ExceptionGroup)
        return results

    assert run(main()) == [0, 2, 3, 4]


@pytest.mark.parametrize("swallow", [False, True])
def test_a_worker_whose_task_was_cancelled_does_not_cancel_the_next_item(swallow):
    async def handle(item):
        tasks.append(asyncio.current_task())
        if item == 0:
            asyncio.get_running_loop().call_later(0.001, asyncio.current_task().cancel)
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                if not swallow:
                    raise
        assert asyncio.current_task().cancelling() == (item == 0)
        await asyncio.sleep(0.01)
        return item

    async def main():
        return await inorder.map(handle, range(4), on_failure="emit").collect()

    tasks = []
    results = run(main())
    assert results[1:] == [1, 2, 3]
    assert (results[0] == 0) is swallow
    assert tasks[1] is tasks[2] is tasks[3] is not tasks[0]


def test_a_handler_that_cancels_itself_and_returns_does_not_cancel_the_next_item():
    async def handle(item):
        if item == 0:
            asyncio.current_task().cancel()
            return item
        await asyncio.sleep(0.01)
        return item

    async def main():
        return await inorder.map(handle, range(3)).collect()

    assert run(main()) == [0, 1, 2]


def test_a_cancellation_that_what_is_awaited_swallows_does_not_reach_the_next_item():
    async def stubborn():
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            return "swallowed"

    async def handle(item):
        if item == 0:
            asyncio.get_running_loop().call_later(0.001, asyncio.current_task().cancel)
            return await asyncio.create_task(stubborn())
        assert asyncio.current_task().cancelling() == 0
        return item

    async def main():
        return await inorder.map(handle, range(3)).collect()

    assert run(main()) == ["swallowed", 1, 2]


def test_a_handler_that_raises_cancelled_error_unasked_has_failed():
    async def handle(item):
        raise asyncio.CancelledError("mine")

    async def main():
        async with inorder.Processor(handle) as p:
            ticket = await p.enqueue(1)
            with pytest.raises(asyncio.CancelledError, match="mine"):
                await ticket
            assert not ticket.cancelled()
            assert p.stats().failed == 1

    run(main())


def test_cancelling_run_cancels_its_item():
    async def main():
        async with inorder.Processor(forever) as p:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(p.run("running"), 0.01)
            await p.join()
            assert (p.stats().cancelled, p.stats().in_flight) == (1, 0)

    run(main())


def test_cancelling_run_while_it_waits_for_room_takes_nothing():
    async def main():
        p = inorder.Processor(forever, capacity=1)
        first = await p.enqueue(1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(p.run("waiting"), 0.01)
        assert p.stats().accepted == 1
        first.cancel()
        await p.join()
        assert (await p.enqueue(2)).seq == 1
        await p.abort()

    run(main())


def test_an_offer_that_is_cancelled_in_the_moment_of_its_acceptance_is_undone():
    async def main():
        p = inorder.Processor(forever, capacity=1)
        first = await p.enqueue("first")
        offer = asyncio.create_task(p.enqueue("second"))
        await asyncio.sleep(0.01)
        first.cancel()
        while p.stats().accepted < 2:
            await asyncio.sleep(0)
        offer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await offer
        await asyncio.sleep(0.01)
        assert (p.stats().cancelled, p.stats().in_flight) == (2, 0)
        await p.close()

    run(main())


def test_cancelling_whoever_awaits_a_ticket_cancels_nothing():
    async def handle(item):
        await asyncio.sleep(0.1)
        return item

    async def main():
        async with inorder.Processor(handle) as p:
            ticket = await p.enqueue("a")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(ticket, 0.01)
            both = asyncio.gather(asyncio.ensure_future(ticket), asyncio.ensure_future(ticket))
            assert await both == ["a", "a"]

    run(main())


def test_a_ticket_cancelled_inside_its_own_handler():
    async def handle(item):
        assert tickets[0].cancel()
        try:
            await asyncio.sleep(1)
        finally:
            ended.append(item)

    async def main():
        async with inorder.Processor(handle) as p:
            tickets.append(await p.enqueue("a"))
            with pytest.raises(asyncio.CancelledError):
                await tickets[0]
        assert tickets[0].cancelled()

    tickets, ended = [], []
    run(main())
    assert ended == ["a"]


def test_an_item_cancelled_in_the_step_in_which_it_is_dispatched_never_starts():
    async def handle(item):
        started.append(item)

    async def main():
        async with inorder.Processor(handle, concurrency=2) as p:
            kept, gone = p.enqueue_nowait("kept"), p.enqueue_nowait("gone")
            assert gone.cancel()
            await kept
            with pytest.raises(asyncio.CancelledError):
                await gone

    started = []
    run(main())
    assert started == ["kept"]


def test_cancelling_all_tasks_ends_the_program():
    async def main():
        p = inorder.Processor(forever, concurrency=2)
        for item in range(5):
            p.enqueue_nowait(item)
        await asyncio.sleep(0.01)
        # and returns without closing: asyncio cancels what is left, and closes the processor

    run(main())


def test_a_function_in_a_thread_holds_its_slot_until_it_has_ended():
    import threading
    from concurrent.futures import ThreadPoolExecutor

    def handle(item):
        started.append(item)
        if item == 0:
            release.wait(10)
        return item

    async def main():
        with ThreadPoolExecutor(2) as executor:
            async with inorder.Processor(handle, executor=executor) as p:
                first, second = p.enqueue_nowait(0), p.enqueue_nowait(1)
                while not started:
                    await asyncio.sleep(0)
                assert first.cancel()
                for _ in range(50):
                    await asyncio.sleep(0)
                assert (started, p.stats().running) == ([0], 1)
                release.set()
                assert await second == 1
                assert first.cancelled()

    started, release = [], threading.Event()
    asyncio.run(main())


def test_keyboard_interrupt_goes_through():
    async def handle(item):
        raise KeyboardInterrupt

    async def main():
        await inorder.map(handle, range(3)).collect()

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
