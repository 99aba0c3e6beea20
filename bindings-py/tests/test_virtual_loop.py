"""The clock that the other tests trust: it never sleeps, never drifts and never overtakes what is ready."""

import asyncio

import pytest
from virtual_loop import Stuck, VirtualLoop, run


def test_the_clock_is_exact_after_many_odd_steps():
    async def main():
        loop = asyncio.get_running_loop()
        for _ in range(100_000):
            await asyncio.sleep(0.000_333)
        return loop.now

    assert run(main()) == 33_300_000


def test_equal_times_fire_in_the_order_of_their_creation_each_with_all_it_sets_off():
    seen = []

    async def sleeper(name):
        await asyncio.sleep(0.1)
        seen.append(name)
        await asyncio.sleep(0)
        seen.append(name + "'")

    async def main():
        await asyncio.gather(*(sleeper(name) for name in "abcdefghij"))

    run(main())
    assert seen == [mark for name in "abcdefghij" for mark in (name, name + "'")]


def test_settle_does_all_of_this_instant_and_advance_stops_at_its_end():
    loop, seen = VirtualLoop(), []

    async def work():
        await asyncio.sleep(0)
        seen.append(("at once", loop.now))
        await asyncio.sleep(0.002)
        seen.append(("later", loop.now))

    loop.settle(lambda: seen.append(loop.create_task(work())))
    task = seen.pop(0)
    assert seen == [("at once", 0)]
    loop.advance(1_999)
    assert (len(seen), loop.now) == (1, 1_999)
    loop.advance(1)
    assert (seen[1:], loop.now) == ([("later", 2_000)], 2_000)
    loop.advance(5)
    assert (task.done(), loop.now) == (True, 2_005)
    loop.close()


def test_settle_raises_what_the_act_raised():
    loop = VirtualLoop()
    with pytest.raises(ZeroDivisionError):
        loop.settle(lambda: 1 // 0)
    loop.close()


def test_a_timeout_is_measured_by_the_virtual_clock_and_a_cancelled_timer_moves_nothing():
    async def main():
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(3600):
            await asyncio.sleep(1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await asyncio.sleep(3)
        return loop.now

    assert run(main()) == 3_000_000


def test_waiting_for_what_cannot_come_is_an_error_and_not_a_hang():
    async def main():
        await asyncio.get_running_loop().create_future()

    loop = VirtualLoop()
    waiting = loop.create_task(main())
    with pytest.raises(Stuck):
        loop.run_until_complete(waiting)
    waiting.cancel()
    loop.settle()
    loop.close()


def test_the_clock_waits_for_work_in_a_thread():
    async def main():
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(1):
            return await asyncio.to_thread(sum, range(1_000_000)), loop.now

    assert run(main()) == (499_999_500_000, 0)
