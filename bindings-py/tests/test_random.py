"""Many random runs in virtual time: whatever happens, the promises hold."""

import asyncio
import random
from collections import defaultdict

import inorder
import pytest
from virtual_loop import run


class Chaos:
    """Handlers that take their time, fail, cancel, and do not listen; and a log of what they did."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.running, self.most = 0, 0
        self.in_key = defaultdict(list)
        self.active = defaultdict(int)
        self.overlaps = 0

    def key(self, item):
        return None if item % 5 == 4 else item % 3

    async def handle(self, item):
        key = self.key(item)
        self.running += 1
        self.most = max(self.most, self.running)
        if key is not None:
            self.in_key[key].append(item)
            self.active[key] += 1
            self.overlaps += self.active[key] > 1
        try:
            for _ in range(self.random.choice([0, 0, 1, 2])):
                try:
                    await asyncio.sleep(self.random.choice([0, 0.001, 0.002, 0.01]))
                except asyncio.CancelledError:
                    if self.random.random() < 0.7:
                        raise
            if self.random.random() < 0.1:
                raise ValueError(item)
            return item
        finally:
            self.running -= 1
            if key is not None:
                self.active[key] -= 1

    def check(self, concurrency):
        assert self.most <= concurrency
        assert self.overlaps == 0
        for items in self.in_key.values():
            assert items == sorted(items)


@pytest.mark.parametrize("seed", range(150))
def test_a_processor(seed):
    chaos = Chaos(seed)
    rnd = chaos.random
    concurrency = rnd.choice([1, 2, 3, 8])
    way = rnd.choice(["tickets", "on_result", "iteration"])
    ordered = rnd.random() < 0.7
    out = []

    async def on_result(result):
        await asyncio.sleep(rnd.choice([0, 0.001]))
        out.append(result)

    async def main():
        p = inorder.Processor(
            chaos.handle,
            concurrency=concurrency,
            capacity=rnd.choice([concurrency, concurrency + 3, 100]),
            key=chaos.key,
            ordered=ordered,
            on_failure=rnd.choice(["emit", "emit", "fail"]),
            on_result=on_result if way == "on_result" else None,
        )
        tickets = {}

        async def produce():
            for item in range(60):
                try:
                    ticket = await p.enqueue(item)
                except inorder.Closed:
                    return
                tickets[item] = ticket
                assert ticket.seq == item
                if rnd.random() < 0.15:
                    asyncio.get_running_loop().call_later(
                        rnd.choice([0, 0.001, 0.005]), ticket.cancel
                    )
                if rnd.random() < 0.3:
                    await asyncio.sleep(rnd.choice([0, 0.001]))

        async def consume():
            try:
                async for result in p:
                    out.append(result)
                    await asyncio.sleep(rnd.choice([0, 0.001]))
            except ValueError:
                failed.append(True)

        failed = []
        tasks = [asyncio.create_task(produce())]
        if way == "iteration":
            tasks.append(asyncio.create_task(consume()))
        await tasks[0]
        try:
            report = await p.close(rnd.choice([None, None, 0, 0.003]))
        except ValueError as error:
            report = error.report
        await asyncio.gather(*tasks)
        stats = p.stats()
        ends = defaultdict(int)
        for ticket in tickets.values():
            assert ticket.done()
            if ticket.cancelled():
                ends["cancelled"] += 1
            elif isinstance(ticket.exception(), inorder.Closed):
                ends["closed"] += 1
            else:
                ends["settled"] += 1
        # each accepted item ends in exactly one way, and so does its ticket
        assert stats.ok + stats.failed + stats.cancelled == stats.accepted == len(tickets)
        left = len(report.unfinished) + len(report.never_started) + len(report.detached)
        assert ends["cancelled"] + ends["closed"] + ends["settled"] == len(tickets)
        assert report.released == stats.released
        assert report.released + left <= stats.accepted
        if ordered:
            seqs = [r.seq if isinstance(r, inorder.Failure) else r for r in out]
            assert seqs == sorted(seqs)
        await asyncio.sleep(1)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert chaos.running == 0

    run(main())
    chaos.check(concurrency)


@pytest.mark.parametrize("seed", range(150))
def test_a_stream(seed):
    chaos = Chaos(seed)
    rnd = chaos.random
    concurrency = rnd.choice([1, 2, 3, 8])
    ordered = rnd.random() < 0.7
    keyed = rnd.random() < 0.5
    closed = []

    async def asynchronous():
        try:
            for item in range(60):
                if rnd.random() < 0.5:
                    await asyncio.sleep(rnd.choice([0, 0.001]))
                yield item
        finally:
            closed.append(True)

    def plain():
        try:
            yield from range(60)
        finally:
            closed.append(True)

    async def main():
        source = rnd.choice([asynchronous, plain])()
        stream = inorder.map(
            chaos.handle,
            source,
            concurrency=concurrency,
            capacity=rnd.choice([concurrency, concurrency + 3, 100]),
            key=chaos.key if keyed else None,
            ordered=ordered,
            on_failure=rnd.choice(["emit", "fail"]),
        )
        out, ending = [], None
        leaves_after = rnd.choice([None, 0, 7])
        while ending is None:
            if leaves_after is not None and len(out) >= leaves_after:
                await stream.aclose()
                ending = "left"
            taking = asyncio.ensure_future(anext(stream, "over"))
            if rnd.random() < 0.2:
                await asyncio.sleep(rnd.choice([0, 0.001]))
                taking.cancel()
            try:
                result = await taking
            except asyncio.CancelledError:
                continue
            except ValueError as error:
                ending = error
            else:
                if result == "over":
                    ending = ending or "over"
                else:
                    assert ending is None
                    out.append(result)
        seqs = [r.seq if isinstance(r, inorder.Failure) else r for r in out]
        if ordered:
            # nothing is lost, whoever gave up waiting, and nothing comes out after a failure
            assert seqs == list(range(len(seqs)))
            if isinstance(ending, ValueError):
                assert ending.args == (len(seqs),)
        assert len(set(seqs)) == len(seqs)
        if ending == "over":
            assert len(seqs) == 60
        await asyncio.sleep(1)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert chaos.running == 0
        assert closed == ([] if stream.stats().accepted == 0 else [True])

    run(main())
    chaos.check(concurrency) if keyed else None
