"""Book payments: those of one account strictly one after the other, those of different accounts at once."""

import asyncio

import inorder

PAYMENTS = [
    ("alice", 100), ("bob", 50), ("alice", -30), ("carol", 10), ("alice", -70), ("bob", 25), ("carol", 5),
]  # fmt: skip
balances: dict[str, int] = {}


async def book(payment: tuple[str, int]) -> str:
    """Reads, waits for a database, writes: without the order by key it would lose payments."""
    account, amount = payment
    balance = balances.get(account, 0)
    await asyncio.sleep(0.01)
    balances[account] = balance + amount
    return f"{account} {amount:+} is {balances[account]}"


async def main() -> None:
    """Tickets give the results, in order."""
    async with inorder.Processor(book, concurrency=8, key=lambda payment: payment[0]) as bank:
        tickets = [await bank.enqueue(payment) for payment in PAYMENTS]
        for ticket in tickets:
            print(await ticket)


asyncio.run(main())
