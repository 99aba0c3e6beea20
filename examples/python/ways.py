"""The same items, the textbook's way and ours. Both only sleep, so they run in virtual time as well as live."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import inorder
from figures import Log
from textbook import OrderedAsyncProcessor


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to process: its place in the input, its key and how long it takes, in microseconds."""

    index: int
    key: str | None
    duration: int


async def work(item: Item, log: Log) -> Item:
    """Takes as long as the item says."""
    log.started(item.index)
    await asyncio.sleep(item.duration / 1_000_000)
    log.ended(item.index)
    return item


class Watched(OrderedAsyncProcessor):
    """The textbook's class with work to do instead of its sleep of 100 ms between two prints."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self.log = log

    async def _process(self, sequence_id: int, data: Item) -> None:
        await work(data, self.log)
        self.log.came_out(data.index)


async def textbook(items: Sequence[Item], log: Log) -> None:
    """The document's class."""
    processor = Watched(log)
    for item in items:
        await processor.enqueue(item)
    # The class has no way to wait for the end.
    while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(tasks)


async def in_order(items: Sequence[Item], log: Log, concurrency: int, keyed: bool) -> None:
    """Ours: at most `concurrency` at once, one after the other within a key, out in order."""
    async with inorder.Processor(
        lambda item: work(item, log),
        concurrency=concurrency,
        key=(lambda item: item.key) if keyed else None,
        on_result=lambda item: log.came_out(item.index),
    ) as processor:
        for item in items:
            await processor.enqueue(item)
