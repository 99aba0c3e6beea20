"""Processors: items in one by one, results by ticket, by callback, by iteration."""

import asyncio
import gc

import inorder
import pytest
from virtual_loop import run


class Boom(Exception):
    pass


async def handle(item):
    await asyncio.sleep(0.001 * (7 - item % 7))
    return item


async def fail(item):
    await asyncio.sleep(0.001)
    raise Boom(item)


def test_a_subclass_with_a_constructor_of_its_own():
    class Adder(inorder.Processor):
        def __init__(self, amount, **options):
            self.amount = amount
            super().__init__(**options)

        async def process(self, item):
            return item + self.amount

    async def main():
        async with Adder(10, concurrency=2) as p:
            assert [await p.run(n) for n in range(3)] == [10, 11, 12]

    run(main())


def test_a_processor_needs_a_handler():
    with pytest.raises(TypeError, match="handler"):
        inorder.Processor()
    with pytest.raises(TypeError, match="handler"):
        inorder.Processor("no function")

    class Own(inorder.Processor):
        async def process(self, item):
            return item

    with pytest.raises(TypeError, match=r"process.*handler"):
        Own(handle)

    class Forgetful(inorder.Processor):
        def __init__(self):
            pass

    with pytest.raises(RuntimeError, match="__init__"):
        Forgetful().stats()
    p = inorder.Processor(handle)
    with pytest.raises(RuntimeError, match="initialised"):
        p.__init__(handle)


def test_a_process_that_cannot_be_had_says_why():
    class Property(inorder.Processor):
        @property
        def process(self):
            raise self.error

    class Missing(Property):
        error = AttributeError("no such thing inside")

    class Wrong(Property):
        error = LookupError("something else")

    with pytest.raises(TypeError, match="handler") as caught:
        Missing()
    assert caught.value.__cause__ is Missing.error
    with pytest.raises(LookupError, match="something else"):
        Wrong()


def test_a_ticket_is_like_a_future():
    async def main():
        async with inorder.Processor(handle, concurrency=2) as p:
            ticket = await p.enqueue(3)
            assert (ticket.seq, ticket.done(), ticket.cancelled()) == (0, False, False)
            for ask in (ticket.result, ticket.exception):
                with pytest.raises(asyncio.InvalidStateError):
                    ask()
            assert repr(ticket) == "<Ticket seq=0 pending>"
            assert await ticket == await ticket == ticket.result() == 3
            assert (ticket.done(), ticket.exception(), ticket.cancel()) == (True, None, False)
            assert repr(ticket) == "<Ticket seq=0 result=3>"

            cancelled = await p.enqueue(1)
            assert cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
            assert (cancelled.done(), cancelled.cancelled(), cancelled.cancel()) == (
                True,
                True,
                False,
            )
            for ask in (cancelled.result, cancelled.exception):
                with pytest.raises(asyncio.CancelledError):
                    ask()

        async with inorder.Processor(fail) as p:
            ticket = await p.enqueue("x")
            with pytest.raises(Boom) as caught:
                await ticket
            assert ticket.exception() is caught.value
            assert caught.value.__notes__ == ["inorder: seq=0"]
            assert not ticket.cancelled()

    run(main())


def test_tickets_work_with_asyncio():
    async def main():
        async with inorder.Processor(handle, concurrency=5) as p:
            tickets = [await p.enqueue(n) for n in range(5)]
            assert await asyncio.gather(*tickets) == list(range(5))
            tickets = [await p.enqueue(n) for n in range(5)]
            assert [await done for done in asyncio.as_completed(tickets)] == list(range(5))
            done, pending = await asyncio.wait(
                [asyncio.ensure_future(await p.enqueue(1))], timeout=1
            )
            assert (len(done), len(pending)) == (1, 0)
            assert await asyncio.shield(await p.enqueue(4)) == 4
            async with asyncio.TaskGroup() as group:
                task = group.create_task(p.run(5))
            assert task.result() == 5

    run(main())


def test_a_failure_that_nobody_asked_for_is_told_to_the_loop():
    async def main():
        told = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        async with inorder.Processor(fail) as p:
            await p.enqueue("unasked")
            await p.join()
            gc.collect()
            [context] = told
            assert isinstance(context["exception"], Boom)
            assert "seq=0" in context["message"]
            # asked for in one way or another
            for ask in ("await", "exception", "result"):
                ticket = await p.enqueue(ask)
                await p.join()
                if ask == "exception":
                    ticket.exception()
                else:
                    with pytest.raises(Boom):
                        await ticket if ask == "await" else ticket.result()
                del ticket
            cancelled = await p.enqueue("cancelled")
            cancelled.cancel()
            del cancelled
        async with inorder.Processor(fail, on_result=lambda result: None) as p:
            await p.enqueue("delivered")
        async with inorder.Processor(fail) as p:
            await p.enqueue("iterated")
            async for failure in p:
                assert failure.item == "iterated"
                break
        gc.collect()
        assert len(told) == 1

    run(main())


def test_closed_has_the_failure_as_its_cause():
    async def main():
        p = inorder.Processor(fail, concurrency=2, on_failure="fail")
        first, second = await p.enqueue(1), await p.enqueue(2)
        with pytest.raises(Boom) as boom:
            await first
        with pytest.raises(inorder.Closed) as closed:
            await second
        assert closed.value.__cause__ is boom.value
        assert second.exception().__cause__ is boom.value
        for offer in (p.enqueue, p.run):
            with pytest.raises(inorder.Closed) as closed:
                await offer(3)
            assert closed.value.__cause__ is boom.value
        with pytest.raises(inorder.Closed):
            p.enqueue_nowait(3)
        for _ in range(2):
            with pytest.raises(Boom) as raised:
                await p.close()
            assert raised.value is boom.value
            assert raised.value.report.released == 2
        with pytest.raises(Boom):
            await p.join()

    run(main())


def test_without_a_failure_closed_has_no_cause():
    async def main():
        p = inorder.Processor(handle)
        await p.close()
        with pytest.raises(inorder.Closed) as closed:
            await p.enqueue(1)
        assert closed.value.__cause__ is None

    run(main())


def test_async_with_raises_the_failure_at_a_normal_end_and_the_bodys_exception_else():
    async def main():
        with pytest.raises(Boom):
            async with inorder.Processor(fail, on_failure="fail") as p:
                ticket = await p.enqueue(1)
        assert isinstance(ticket.exception(), Boom)

        async def failing_body():
            async with inorder.Processor(fail, on_failure="fail") as p:
                ticket = await p.enqueue(1)
                await asyncio.wait([asyncio.ensure_future(ticket)])
                return 1 / 0

        with pytest.raises(ZeroDivisionError):
            await failing_body()

    run(main())


def test_close_reports_payloads_in_order_and_the_same_again():
    async def main():
        async def slow(item):
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                await asyncio.sleep(0.1 if item == "b" else 0)

        p = inorder.Processor(slow, concurrency=3)
        for item in "abcde":
            p.enqueue_nowait(item)
        await asyncio.sleep(0)
        report = await p.close(timeout=1)
        assert report == inorder.Report(
            released=0,
            unfinished=["a", "b", "c"],
            never_started=["d", "e"],
            detached=[],
            lost=[],
        )
        assert await p.close() is report
        assert await p.abort() is report

    run(main())


def test_close_waits_for_items_and_a_shorter_timeout_wins():
    async def main():
        p = inorder.Processor(handle)
        for n in range(5):
            p.enqueue_nowait(n)
        await p.close()
        assert p.stats().released == 5

        async def slow(item):
            await asyncio.sleep(100)

        p = inorder.Processor(slow)
        p.enqueue_nowait(1)
        loop, begun = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        first = asyncio.create_task(p.close(50))
        await asyncio.sleep(1)
        await p.close(2)
        assert loop.time() - begun == 3
        assert (await first).unfinished == [1]

    run(main())


def test_closing_that_is_cancelled_goes_on():
    async def main():
        p = inorder.Processor(handle)
        ticket = await p.enqueue(1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(p.close(), 0.001)
        assert await ticket == 1
        with pytest.raises(inorder.Closed):
            await p.enqueue(1)

    run(main())


def test_full():
    async def main():
        p = inorder.Processor(handle, capacity=2)
        p.enqueue_nowait(1)
        p.enqueue_nowait(2)
        for full in (inorder.Full, asyncio.QueueFull):
            with pytest.raises(full):
                p.enqueue_nowait(3)
        assert p.stats().refused == 2
        await p.close()

    run(main())


def test_an_unhashable_key_fails_its_item_only():
    async def main():
        async with inorder.Processor(handle, key=lambda item: [item] if item == 1 else item) as p:
            tickets = [await p.enqueue(n) for n in range(3)]
            with pytest.raises(TypeError, match="unhashable"):
                await tickets[1]
            assert (await tickets[0], await tickets[2]) == (0, 2)
            with pytest.raises(TypeError, match="unhashable"):
                await p.run(1, key=[])

    run(main())


def test_keys_compare_as_in_a_dict():
    class Odd:
        """Equal to its like, with a hash that all of them share."""

        def __init__(self, name):
            self.name = name

        def __hash__(self):
            return 7

        def __eq__(self, other):
            return isinstance(other, Odd) and self.name == other.name

    keys = [1, True, 1.0, "1", Odd("a"), Odd("b"), Odd("a"), 7, None, None, (1, 2), (1.0, 2)]
    groups = {}
    for place, key in enumerate(keys):
        groups.setdefault(key if key is not None else ("own", place), []).append(place)

    async def main():
        running, seen = set(), []

        async def overlap(place):
            running.add(place)
            await asyncio.sleep(0.01)
            seen.append(set(running))
            running.discard(place)

        async with inorder.Processor(overlap, concurrency=20, key=lambda place: keys[place]) as p:
            for place in range(len(keys)):
                p.enqueue_nowait(place)
        together = {frozenset((a, b)) for some in seen for a in some for b in some if a != b}
        for group in groups.values():
            assert not any(frozenset((a, b)) in together for a in group for b in group)
        assert len(seen) == len(keys)
        # as many ran in parallel as there are different keys
        assert max(map(len, seen)) == len(groups)

    run(main())


def test_a_key_given_with_the_item_is_its_key():
    async def main():
        async with inorder.Processor(handle, concurrency=9, key=lambda item: "same") as p:
            for _ in range(3):
                p.enqueue_nowait(1)
            p.enqueue_nowait(1, key="other")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert p.stats().running == 2

    run(main())


def test_on_result_in_order_one_at_a_time_and_its_failure_is_the_processors():
    async def main():
        seen = []

        async def on_result(result):
            seen.append(("begin", result))
            await asyncio.sleep(0.01)
            seen.append(("end", result))
            if result == 2:
                raise Boom("delivery")

        p = inorder.Processor(handle, concurrency=4, on_result=on_result)
        tickets = [await p.enqueue(n) for n in range(5)]
        with pytest.raises(Boom, match="delivery"):
            await p.join()
        assert seen == [(when, n) for n in range(3) for when in ("begin", "end")]
        assert [await tickets[0], await tickets[1]] == [0, 1]
        with pytest.raises(Boom, match="delivery"):
            await tickets[2]
        with pytest.raises(inorder.Closed):
            await tickets[3]
        with pytest.raises(Boom, match="delivery"):
            await p.close()

    run(main())


def test_on_result_that_runs_at_an_abort_is_cancelled():
    async def main():
        ended = []

        async def on_result(result):
            try:
                await asyncio.sleep(10)
            finally:
                ended.append(result)

        p = inorder.Processor(handle, on_result=on_result)
        ticket = await p.enqueue(1)
        await asyncio.sleep(1)
        await p.abort()
        await asyncio.sleep(0)
        assert ended == [1]
        assert ticket.result() == 1
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())


def test_iteration_holds_what_it_has_and_leaving_lets_the_rest_go():
    async def main():
        async with inorder.Processor(handle, concurrency=2, capacity=3) as p:
            tickets = [await p.enqueue(n) for n in range(3)]
            seen = []
            async for result in p:
                seen.append(result)
                await asyncio.sleep(0.1)
                assert p.stats().held == 3 - result
                if result == 1:
                    break
            assert seen == [0, 1]
            await asyncio.sleep(0)
            assert p.stats().in_flight == 0
            assert [await t for t in tickets] == [0, 1, 2]

    run(main())


def test_one_iteration_at_a_time_and_not_with_on_result():
    async def main():
        p = inorder.Processor(handle)
        first, second = aiter(p), aiter(p)
        taking = asyncio.ensure_future(anext(first))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="another iteration"):
            await anext(second)
        p.enqueue_nowait(1)
        assert await taking == 1
        await first.aclose()
        p.enqueue_nowait(2)
        assert await anext(second) == 2
        with pytest.raises(StopAsyncIteration):
            await anext(first)
        await second.aclose()
        await p.close()
        q = inorder.Processor(handle, on_result=print)
        with pytest.raises(RuntimeError, match="on_result"):
            aiter(q)

    run(main())


def test_iteration_ends_when_the_processor_is_closed_and_drained():
    async def main():
        p = inorder.Processor(handle, concurrency=3)

        async def consume():
            return [result async for result in p]

        consumer = asyncio.create_task(consume())
        await asyncio.sleep(0)
        for n in range(5):
            p.enqueue_nowait(n)
        await p.close()
        assert await consumer == [0, 1, 2, 3, 4]

    run(main())


def test_iteration_under_fail_raises_the_failure():
    async def main():
        async def odd(item):
            if item == 1:
                raise Boom
            return item

        p = inorder.Processor(odd, on_failure="fail")
        seen = []
        for n in range(3):
            p.enqueue_nowait(n)

        async def consume():
            async for result in p:
                seen.append(result)

        with pytest.raises(Boom):
            await consume()
        assert seen == [0]
        with pytest.raises(Boom):
            await p.close()

    run(main())


def test_a_handler_may_enqueue_and_cancel_in_its_own_processor():
    async def main():
        async def spread(item):
            if item > 0:
                children.append(p.enqueue_nowait(item - 1))
                p.enqueue_nowait(item - 1).cancel()
            return item

        children = []
        async with inorder.Processor(spread, concurrency=2) as p:
            await p.run(5)
            while children:
                await children.pop(0)
            assert p.stats().cancelled == 5

    run(main())


def test_a_processor_starts_again_after_it_was_idle():
    async def main():
        async with inorder.Processor(handle, concurrency=3) as p:
            for n in range(5):
                assert await p.run(n) == n
                await asyncio.sleep(1)
                assert await asyncio.gather(*(p.run(n) for n in range(6))) == list(range(6))

    run(main())
