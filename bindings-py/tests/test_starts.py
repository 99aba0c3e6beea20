"""In which order handlers begin: that in which the core dispatches them, however soon each one ends."""

import asyncio
import random

import inorder
import pytest
from virtual_loop import run


class Log:
    """Handlers that are over at once, give way, or take their time; and what happened, one thing after the other."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.events = []
        # many of one kind in a row, too
        self.spans = self.random.choices(["none", "plain", 0, 1, 2, "later"], k=3)

    def accept(self, item):
        self.events.append(("accept", item))
        return item

    def handle(self, item):
        """A coroutine, or a plain value."""
        self.events.append(("start", item))
        span = self.random.choice(self.spans)
        if span == "plain":
            self.events.append(("end", item))
            return item
        return self._steps(item, span)

    async def _steps(self, item, span):
        try:
            if span == "later":
                await asyncio.sleep(self.random.choice([0.001, 0.002]))
            elif span != "none":
                for _ in range(span):
                    await asyncio.sleep(0)
            return item
        finally:
            self.events.append(("end", item))

    def of(self, kind):
        return [item for what, item in self.events if what == kind]

    def options(self):
        draw = self.random
        concurrency = draw.choice([1, 2, 2, 3, 4, 16])
        return {
            "concurrency": concurrency,
            "capacity": draw.choice([concurrency, concurrency + 5, 100]),
            "isolation": draw.choice(["context", "context", "task"]),
        }

    def check_lanes(self, key):
        """A lane joins the line when its next item is in and the one before has ended; the line is first come, first
        served."""
        begun, last, line = self.of("start"), {}, {}
        place = {event: place for place, event in enumerate(self.events)}
        for item in self.of("accept"):
            before = last.get(key(item))
            ended = place["end", before] if before is not None else 0
            line[item] = max(place["accept", item], ended)
            last[key(item)] = item
        assert begun == sorted(begun, key=line.__getitem__)


def some_key(item):
    # a hot one, and some that are not
    return 0 if item % 3 else item % 11


def source_of(log, count):
    def plain():
        for item in range(count):
            yield log.accept(item)

    async def asynchronous():
        for item in range(count):
            if log.random.random() < 0.3:
                await asyncio.sleep(log.random.choice([0, 0, 0.001]))
            yield log.accept(item)

    return log.random.choice([plain, asynchronous])()


@pytest.mark.parametrize("seed", range(150))
def test_a_stream_begins_in_order(seed):
    log = Log(seed)

    async def main():
        stream = inorder.map(
            log.handle, source_of(log, 60), ordered=log.random.random() < 0.7, **log.options()
        )
        async for _ in stream:
            for _ in range(log.random.choice([0, 0, 0, 1, 2])):
                await asyncio.sleep(0)

    run(main())
    assert log.of("start") == list(range(60))


@pytest.mark.parametrize("seed", range(150))
def test_a_processor_begins_in_order(seed):
    log = Log(seed)
    is_sequenced = log.random.random() < 0.3

    async def main():
        cancelled = set()
        numbers = list(range(60))
        options = log.options()
        if is_sequenced:
            # within the window
            near = min(options["capacity"], 4)
            blocks = [numbers[n : n + near] for n in range(0, 60, near)]
            numbers = [n for block in blocks for n in log.random.sample(block, len(block))]
        async with inorder.Processor(log.handle, sequenced=is_sequenced, **options) as p:
            for number in numbers:
                ticket = await p.enqueue(number, **({"seq": number} if is_sequenced else {}))
                if log.random.random() < 0.1:
                    asyncio.get_running_loop().call_soon(ticket.cancel)
                    cancelled.add(number)
                if log.random.random() < 0.2:
                    await asyncio.sleep(0)
        return cancelled

    cancelled = run(main())
    begun = log.of("start")
    assert begun == sorted(begun)
    assert set(range(60)) - cancelled <= set(begun)


@pytest.mark.parametrize("seed", range(150))
def test_the_lanes_of_a_stream_begin_in_turn(seed):
    log = Log(seed)

    async def main():
        source = source_of(log, 60)
        stream = inorder.map(log.handle, source, key=some_key, ordered=False, **log.options())
        assert len(await stream.collect()) == 60

    run(main())
    log.check_lanes(some_key)


@pytest.mark.parametrize("seed", range(150))
def test_the_lanes_of_a_processor_begin_in_turn(seed):
    log = Log(seed)

    async def main():
        options = {**log.options(), "capacity": 100}
        async with inorder.Processor(log.handle, key=some_key, ordered=False, **options) as p:
            for item in range(60):
                p.enqueue_nowait(log.accept(item))
                if log.random.random() < 0.2:
                    await asyncio.sleep(log.random.choice([0, 0, 0.001]))

    run(main())
    log.check_lanes(some_key)
