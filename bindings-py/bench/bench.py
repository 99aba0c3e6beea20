"""inorder beside what people write by hand: `python bench.py` prints ratios, their spread and their limits.

Run it with the installed wheel. Only ratios travel; the peers, and how they are measured, are in `peers.py`.
"""

from __future__ import annotations

import asyncio
import sys
from operator import itemgetter

import inorder
import peers

LIMITS = {("at_once", "inorder_map"): 0.25, ("one_turn", "inorder_map"): 0.60}


def inorder_map(source, handler, concurrency):
    return inorder.map(handler, source, concurrency=concurrency)


async def inorder_keyed(items, handler, concurrency, capacity=None):
    key = itemgetter(0)
    stream = inorder.map(handler, items, concurrency=concurrency, key=key, capacity=capacity)
    async for _ in stream:
        pass


async def inorder_keyed_unbounded(items, handler, concurrency):
    """Reads everything at once, as the peer does."""
    await inorder_keyed(items, handler, concurrency, capacity=len(items))


async def inorder_tickets(source, handler, concurrency):
    """All are enqueued, then all awaited, as the peer does."""
    processor = inorder.Processor(handler, concurrency=concurrency, capacity=2**20)
    tickets = [processor.enqueue_nowait(x) for x in source]
    results = [await ticket for ticket in tickets]
    await processor.close()
    return results


def inorder_buffer(arrivals, window):
    buffer, out = inorder.ReorderBuffer(capacity=window), []
    insert, pop = buffer.insert, buffer.pop
    for x in arrivals:
        insert(x, x)
        while (popped := pop()) is not None:
            out.append(popped[1])
    return out


def show(title, times, base):
    """A table, and whether the limits hold."""
    peers.table(title, times, base)
    kept = True
    for (work, name), limit in LIMITS.items():
        if title.endswith(work) and name in times:
            ratio = times.ratio(name, base)[0]
            kept &= ratio <= limit
            print(f"  limit of {name}: {limit:.2f}, {'kept' if ratio <= limit else 'MISSED'}")
    return kept


async def main():
    kept = True
    for handler in (peers.at_once, peers.one_turn):
        ways = (peers.deque_of_tasks, peers.workers_unordered, peers.bare_loop, inorder_map)
        times = await peers.measure([peers.ordered(way, handler) for way in ways])
        kept &= show(f"ordered results, {handler.__name__}", times, "deque_of_tasks")

    items = peers.keyed_items(20_000)
    ways = (
        peers.queue_and_worker_per_key,
        peers.workers_unordered,
        inorder_keyed,
        inorder_keyed_unbounded,
    )
    times = await peers.measure([peers.keyed(way, items) for way in ways])
    show("keyed", times, "queue_and_worker_per_key")
    for way in ways:
        count, least = await peers.turns(way, items)
        print(f"  {way.__name__:28}{count:8} turns of the loop; at least {least} in order")

    for handler in (peers.at_once, peers.one_turn):
        ways = (peers.one_worker_and_future, peers.bare_loop)
        tickets = peers.ordered(inorder_tickets, handler, 1)
        tickets.most = 50_000
        times = await peers.measure([*(peers.ordered(way, handler, 1) for way in ways), tickets])
        show(f"serial with tickets, {handler.__name__}", times, "one_worker_and_future")

    for window in (64, 4_096):
        arrivals = peers.shuffled(1_000_000, window)
        times = await peers.measure(
            [
                peers.reorder(peers.reorder_dict, arrivals, window),
                peers.reorder(peers.append_loop, range(1_000_000), window),
                peers.reorder(inorder_buffer, arrivals, window),
            ],
            rounds=5,
        )
        show(f"reorder buffer, shuffled within {window}", times, "reorder_dict")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
