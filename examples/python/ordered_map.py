"""Fetch pages, several at once, and use them in the order of their addresses."""

import asyncio

import inorder

# How long each takes, in milliseconds: the first is the slowest, and holds up nobody but its own place.
PAGES = {"/home": 60, "/news": 10, "/about": 30, "/jobs": 20, "/help": 5, "/legal": 15}


async def fetch(path: str) -> str:
    """Stands for a request."""
    await asyncio.sleep(PAGES[path] / 1_000)
    return f"{path} after {PAGES[path]} ms"


async def main() -> None:
    """Three requests at once; the pages come as the addresses stand."""
    async for page in inorder.map(fetch, PAGES, concurrency=3):
        print(page)


asyncio.run(main())
