"""Processors whose items come with numbers."""

import asyncio

import inorder
import pytest
from virtual_loop import run


async def handle(item):
    return item


def test_numbers_that_were_missing_at_the_end_are_reported_as_lost():
    async def main():
        p = inorder.Processor(handle, sequenced=True, start=1)
        await p.enqueue(1, seq=3)
        await p.enqueue(1, seq=6)
        report = await p.close()
        assert report.lost == [inorder.Lost(1, 2), inorder.Lost(4, 5)]
        assert report.released == 2
        assert p.stats().lost == 4

    run(main())


def test_of_the_offers_that_wait_the_lowest_number_goes_first():
    async def main():
        async def offer(seq):
            await p.enqueue(seq, seq=seq)
            order.append(seq)

        async def wait(seq):
            await ends.wait()

        order, ends = [], asyncio.Event()
        p = inorder.Processor(wait, sequenced=True, capacity=4)
        tickets = [await p.enqueue(seq, seq=seq) for seq in range(4)]
        waiting = [asyncio.ensure_future(offer(seq)) for seq in (6, 9, 4, 7, 5, 8)]
        await asyncio.sleep(1)
        # behind the head they leave with it, all at once, and make room for as many
        for ticket in tickets[1:]:
            ticket.cancel()
        await asyncio.sleep(1)
        assert order == []
        tickets[0].cancel()
        await asyncio.sleep(1)
        assert order == [4, 5, 6, 7]
        ends.set()
        await asyncio.gather(*waiting)
        await p.close()
        assert order == [4, 5, 6, 7, 8, 9]

    run(main())


def test_seq_is_given_exactly_where_it_is_asked_for():
    async def main():
        p, q = inorder.Processor(handle), inorder.Processor(handle, sequenced=True)
        for wrong in (
            lambda: p.enqueue_nowait(1, seq=0),
            lambda: q.enqueue_nowait(1),
            lambda: q.enqueue(1),
            lambda: q.run(1),
        ):
            with pytest.raises(TypeError, match="seq"):
                wrong()
        for seq in (-1, 2**64 - 1, 2**64, "0", 1.0, True):
            for offer in (q.enqueue_nowait, q.enqueue, q.run):
                with pytest.raises(
                    inorder.OptionsError, match=r"seq .* from 0 to 2\^64 - 2, not"
                ) as caught:
                    offer(1, seq=seq)
                assert repr(seq) in str(caught.value)
        for seq, error in ((5000, inorder.TooFar), (1, inorder.Duplicate)):
            q.enqueue_nowait(1, seq=1) if seq == 1 else None
            with pytest.raises(error, match=str(seq)):
                q.enqueue_nowait(1, seq=seq)
        await q.abort()
        late = inorder.Processor(handle, sequenced=True, start=10)
        with pytest.raises(inorder.Late, match="9"):
            await late.enqueue(1, seq=9)

    run(main())
