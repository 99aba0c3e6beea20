"""How many turns of the loop work takes: no wake-up costs one that could be spared."""

import asyncio
import random

import inorder
from virtual_loop import run


class Turns:
    """Counts the turns of the loop within an `async with`."""

    async def __aenter__(self):
        self.count, self.is_over = 0, False
        asyncio.get_running_loop().call_soon(self._turn)
        return self

    def _turn(self):
        if not self.is_over:
            self.count += 1
            asyncio.get_running_loop().call_soon(self._turn)

    async def __aexit__(self, *_):
        self.is_over = True


def test_the_next_item_of_a_key_starts_in_the_turn_in_which_the_one_before_ends():
    async def main():
        async def one_turn(key):
            await asyncio.sleep(0)

        draw = random.Random(1)
        keys = draw.choices(range(100), [1 / (n + 1) for n in range(100)], k=2_000)
        async with Turns() as turns:
            stream = inorder.map(one_turn, keys, concurrency=16, key=lambda key: key, capacity=128)
            await stream.collect()
        # its items take a turn each, and those of other keys are read and started in between
        assert turns.count < keys.count(0) + 30

    run(main())
