"""Messages that a socket delivers out of order, twice, or too late: each is used once, in its turn."""

import inorder

ARRIVALS = [
    (0, "open"), (2, "bid 101"), (1, "bid 100"), (1, "bid 100"), (5, "close"), (5, "close"), (3, "bid 102"), (4, "sold"),
]  # fmt: skip


def main() -> None:
    """Asks for what is missing as soon as something is held behind it."""
    buffer: inorder.ReorderBuffer[str] = inorder.ReorderBuffer(start=0, capacity=64)
    for number, text in ARRIVALS:
        print(f"{number} is {buffer.insert(number, text)}")
        while (message := buffer.pop()) is not None:
            print(f"   {message[0]}: {message[1]}")
        for first, last in buffer.missing():
            print(f"   missing {first} to {last}")


main()
