"""Plays the scenarios of `tests/SPEC.md` through the public face, and writes their transcripts."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import inorder
from virtual_loop import VirtualLoop

KINDS = [
    "error", "cancel", "accepted", "refused", "waiting", "read", "start", "signal", "on_result", "ticket", "result",
    "raised", "end", "source_closed", "left", "join", "close", "abort", "stats", "why_blocked", "insert", "pop",
    "missing", "next", "len",
]  # fmt: skip
STATS = [field.name for field in dataclasses.fields(inorder.Stats)]
# printed only where they are named
RARE = {
    "restored", "retried", "timed_out", "skipped", "dead_lettered", "lost", "backing_off", "handing_over", "halted",
}  # fmt: skip
USUAL = [name for name in STATS if name not in RARE]
NUMBERS = {"concurrency", "capacity", "start", "retry", "wrap"}
TIMES = {"timeout", "total_timeout", "gap_timeout", "gap_warning"}
FLAGS = {"ordered", "sequenced"}


class Named(Exception):
    """An error of a scenario."""


@dataclass
class Item:
    """An item of a scenario, and what its handler is to do."""

    name: str
    attributes: dict[str, str]
    seq: int | None = None
    future: asyncio.Future[None] | None = None
    ticket: Any = None
    offer: asyncio.Task[None] | None = None

    @property
    def outcome(self) -> tuple[bool, str]:
        """Whether it ends well, and the value or error."""
        if "error" in self.attributes:
            return False, self.attributes["error"]
        return True, self.attributes.get("ok", self.name)


class Source:
    """What a `map` of a scenario reads."""

    def __init__(self, player: Player) -> None:
        self.player = player
        self.items: list[Item] = []
        self.ended: list[BaseException] = []
        self.given = 0
        self.news = asyncio.Event()

    def __aiter__(self) -> Source:
        return self

    async def __anext__(self) -> str:
        while not self.items:
            if self.ended:
                raise self.ended.pop()
            self.news.clear()
            await self.news.wait()
        item = self.items.pop(0)
        item.seq, self.given = self.given, self.given + 1
        self.player.see("read", f"seq={item.seq} item={item.name}", item.seq)
        return item.name

    async def aclose(self) -> None:
        self.player.see("source_closed", "")


@dataclass
class Player:
    """One scenario under way."""

    loop: VirtualLoop = field(default_factory=VirtualLoop)
    seen: list[tuple[int, int, int, str]] = field(default_factory=list)
    items: dict[str, Item] = field(default_factory=dict)
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)
    takes: list[asyncio.Task[None]] = field(default_factory=list)
    subject: Any = None
    source: Any = None
    results: Any = None
    delivery: asyncio.Future[None] | None = None
    reported: list[dict[str, Any]] = field(default_factory=list)

    def see(self, kind: str, text: str, order: int = 0) -> None:
        line = f"{kind} {text}" if text else kind
        self.seen.append((self.loop.now, KINDS.index(kind), order, line))

    def play(self, lines: Iterator[str]) -> Iterator[str]:
        self.loop.set_exception_handler(lambda _, context: self.reported.append(context))
        for line in lines:
            if not line.startswith(("# ", "> ")):
                continue
            yield line
            if not line.startswith("> "):
                continue
            begun = self.loop.now
            verb, *words = line[2:].split(" ")
            getattr(self, f"do_{verb}")(*words)
            at = begun
            for now, *_, text in sorted(self.seen, key=lambda seen: seen[:3]):
                if now != at:
                    at = now
                    yield f"at {now}"
                yield text
            self.seen.clear()
        self.end()

    def end(self) -> None:
        if isinstance(self.subject, inorder.Processor):
            self.spawn(self.subject.abort())
        elif isinstance(self.subject, inorder.Stream):
            self.spawn(self.subject.aclose())
        self.loop.advance(1_000_000)
        for task in self.tasks:
            task.cancel()
        self.loop.settle()
        self.loop.close()

    def spawn(self, coroutine: Any) -> asyncio.Task[Any]:
        task: list[asyncio.Task[Any]] = []
        self.loop.settle(lambda: task.append(self.loop.create_task(coroutine)))
        self.tasks += task
        return task[0]

    # headers

    def do_processor(self, *words: str) -> None:
        def make(options: dict[str, Any]) -> None:
            on_result = options.get("on_result")
            if on_result is not None:
                options["on_result"] = self.on_result if on_result == "async" else self.see_result
            self.subject = inorder.Processor(self.handle, **options)

        self.make(words, make)

    def do_map(self, *words: str) -> None:
        def make(options: dict[str, Any]) -> None:
            self.source = Source(self)
            self.subject = self.results = inorder.map(self.handle, self.source, **options)

        self.make(words, make)

    def do_buffer(self, *words: str) -> None:
        def make(options: dict[str, Any]) -> None:
            self.subject = inorder.ReorderBuffer(**options)

        self.make(words, make)

    def make(self, words: tuple[str, ...], make: Any) -> None:
        options = dict(word.split("=", 1) for word in words)
        try:
            self.loop.settle(
                lambda: make({name: self.option(name, options[name]) for name in options})
            )
        except inorder.OptionsError as error:
            name = next(name for name in options if re.search(rf"\b{name}\b", str(error)))
            self.see("error", f"options name={name}")

    def option(self, name: str, value: str) -> Any:
        if name in NUMBERS and value.isdigit():
            return int(value)
        if name in TIMES:
            return int(value) / 1_000_000
        if name in FLAGS:
            return value == "true"
        if name == "key":
            return self.key
        if value == "on":
            return lambda _: None
        return value

    # what the subject calls

    def key(self, name: str) -> str | None:
        attributes = self.items[name].attributes
        if "key_error" in attributes:
            raise Named(attributes["key_error"])
        return attributes.get("key")

    async def handle(self, name: str) -> str | None:
        item, current = self.items[name], inorder.current()
        self.see("start", f"seq={current.seq} attempt={current.attempt} item={name}", current.seq)
        after = item.attributes.get("after")
        if after is None and item.attributes.keys() & {"ok", "error"}:
            return self.give(*item.outcome)
        item.future = self.loop.create_future()
        if after is not None:
            self.loop.call_later(int(after) / 1_000_000, self.settle, item, *item.outcome)
        while True:
            try:
                return self.give(*await asyncio.shield(item.future))
            except asyncio.CancelledError:
                self.see("signal", f"seq={current.seq} item={name}", current.seq)
                if item.attributes.get("cancel") != "deaf":
                    raise

    @staticmethod
    def give(is_ok: bool, value: str) -> str | None:
        if not is_ok:
            raise Named(value)
        return None if value == "none" else value

    @staticmethod
    def settle(item: Item, *outcome: Any) -> None:
        assert item.future is not None
        if not item.future.done():
            item.future.set_result(outcome)

    def see_result(self, result: Any) -> None:
        self.see("on_result", self.shown(result))

    async def on_result(self, result: Any) -> None:
        self.see_result(result)
        self.delivery = self.loop.create_future()
        await self.delivery

    # items

    def parse(self, words: tuple[str, ...]) -> list[Item]:
        items: list[Item] = []
        for word in words:
            if "=" in word:
                name, value = word.split("=", 1)
                items[-1].attributes[name] = value
            else:
                items.append(Item(word, {}))
        self.items |= {item.name: item for item in items}
        return items

    def do_enqueue(self, *words: str) -> None:
        for item in self.parse(words):
            item.offer = self.spawn(self.offer(item))
            if not item.offer.done():
                self.see("waiting", f"item={item.name}")

    async def offer(self, item: Item) -> None:
        try:
            ticket = await self.subject.enqueue(item.name, **self.numbered(item))
        except (inorder.InOrderError, asyncio.CancelledError) as error:
            self.see("refused", f"item={item.name} error={kind_of(error)}")
        else:
            self.accept(item, ticket)

    def do_enqueue_nowait(self, *words: str) -> None:
        for item in self.parse(words):
            self.loop.settle(lambda item=item: self.offer_nowait(item))

    def offer_nowait(self, item: Item) -> None:
        try:
            ticket = self.subject.enqueue_nowait(item.name, **self.numbered(item))
        except inorder.InOrderError as error:
            self.see("refused", f"item={item.name} error={kind_of(error)}")
        else:
            self.accept(item, ticket)

    @staticmethod
    def numbered(item: Item) -> dict[str, int]:
        return {"seq": int(item.attributes["seq"])} if "seq" in item.attributes else {}

    def accept(self, item: Item, ticket: Any) -> None:
        item.ticket, item.seq = ticket, ticket.seq
        self.see("accepted", f"seq={ticket.seq} item={item.name}", ticket.seq)
        self.tasks.append(self.loop.create_task(self.watch(ticket)))

    async def watch(self, ticket: Any) -> None:
        try:
            text = f"ok={shown(await ticket)}"
        except asyncio.CancelledError:
            if not ticket.cancelled():
                return
            text = "cancelled"
        except inorder.Closed:
            text = "closed"
        except Exception as error:
            text = f"error={kind_of(error)}"
        self.see("ticket", f"seq={ticket.seq} {text}", ticket.seq)

    def do_cancel_offer(self, name: str) -> None:
        self.loop.settle(self.items[name].offer.cancel)

    def do_cancel(self, name: str) -> None:
        def cancel() -> None:
            answer = str(self.items[name].ticket.cancel()).lower()
            self.see("cancel", f"item={name} answer={answer}")

        self.loop.settle(cancel)

    def do_ok(self, name: str, value: str | None = None) -> None:
        self.loop.settle(
            lambda: self.settle(self.items[name], True, name if value is None else value)
        )

    def do_fail(self, name: str, error: str) -> None:
        self.loop.settle(lambda: self.settle(self.items[name], False, error))

    def do_advance(self, microseconds: str) -> None:
        self.loop.advance(int(microseconds))

    # streams

    def do_feed(self, *words: str) -> None:
        for item in self.parse(words):
            self.loop.settle(
                lambda item=item: (self.source.items.append(item), self.source.news.set())
            )

    def do_finish(self) -> None:
        self.stop_source(StopAsyncIteration())

    def do_source_fail(self, error: str) -> None:
        self.stop_source(Named(error))

    def stop_source(self, error: BaseException) -> None:
        self.loop.settle(lambda: (self.source.ended.append(error), self.source.news.set()))

    def do_take(self, count: str = "1") -> None:
        for _ in range(int(count)):
            if self.results is None:
                self.results = aiter(self.subject)
            self.takes.append(self.spawn(self.take()))

    async def take(self) -> None:
        try:
            self.see("result", self.shown(await anext(self.results)))
        except StopAsyncIteration:
            self.see("end", "")
        except Exception as error:
            self.see("raised", f"error={kind_of(error)}")

    def do_cancel_take(self) -> None:
        self.loop.settle(next(take for take in self.takes if not take.done()).cancel)

    def do_leave(self) -> None:
        async def leave() -> None:
            await self.results.aclose()
            self.see("left", "")
            if self.source is None:
                self.results = None

        self.spawn(leave())

    def shown(self, result: Any) -> str:
        if isinstance(result, inorder.Failure):
            return (
                f"failure seq={result.seq} attempt={result.attempt} error={kind_of(result.error)}"
            )
        return f"value={shown(result)}"

    # processors

    def do_deliver(self) -> None:
        self.loop.settle(lambda: self.delivery.set_result(None))

    def do_deliver_fail(self, error: str) -> None:
        self.loop.settle(lambda: self.delivery.set_exception(Named(error)))

    def do_join(self) -> None:
        async def join() -> None:
            try:
                await self.subject.join()
                self.see("join", "")
            except Exception as error:
                self.see("join", f"error={kind_of(error)}")

        self.spawn(join())

    def do_close(self, timeout: str | None = None) -> None:
        seconds = None if timeout is None else int(timeout.removeprefix("timeout=")) / 1_000_000
        self.spawn(self.stop("close", lambda: self.subject.close(seconds)))

    def do_abort(self) -> None:
        self.spawn(self.stop("abort", lambda: self.subject.abort()))

    async def stop(self, kind: str, stop: Any) -> None:
        text = ""
        try:
            report = await stop()
        except Exception as error:
            text, report = f"error={kind_of(error)} ", error.report
        lists = ("unfinished", "never_started", "detached")
        text += " ".join(
            [
                f"released={report.released}",
                *(f"{name}={listed(getattr(report, name))}" for name in lists),
            ]
        )
        self.see(kind, text)

    def do_stats(self, *fields: str) -> None:
        def look() -> None:
            stats = self.subject.stats()
            values = {name: getattr(stats, name) for name in STATS}
            values["oldest_age"] = round(values["oldest_age"] * 1_000_000)
            self.see("stats", " ".join(f"{name}={values[name]}" for name in fields or USUAL))

        self.loop.settle(look)

    def do_why_blocked(self) -> None:
        def look() -> None:
            blocked = self.subject.why_blocked()
            if blocked is None:
                self.see("why_blocked", "none")
                return
            age = round(blocked.age * 1_000_000)
            text = (
                f"seq={blocked.seq} attempt={blocked.attempt} age={age} waiting={blocked.waiting}"
            )
            self.see("why_blocked", f"{text} state={blocked.state}")

        self.loop.settle(look)

    # buffers

    def do_insert(self, seq: str, name: str) -> None:
        self.see("insert", self.subject.insert(int(seq), name))

    def do_pop(self) -> None:
        popped = self.subject.pop()
        self.see("pop", "none" if popped is None else f"seq={popped[0]} item={popped[1]}")

    def do_missing(self) -> None:
        self.see(
            "missing", " ".join(f"{first}-{last}" for first, last in self.subject.missing()) or "-"
        )

    def do_next(self) -> None:
        self.see("next", str(self.subject.next))

    def do_len(self) -> None:
        self.see("len", str(len(self.subject)))

    def do_skip_to(self, seq: str) -> None:
        self.subject.skip_to(int(seq))


def kind_of(error: BaseException) -> str:
    """An error's name: its own, or that of its class in snake_case."""
    if isinstance(error, Named):
        return str(error.args[0])
    name = type(error).__name__.removesuffix("Error")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def shown(value: Any) -> str:
    return "none" if value is None else str(value)


def listed(names: list[str]) -> str:
    return ",".join(names) or "-"


def play(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """The transcript of a scenario, and what the loop was told of."""
    player = Player()
    lines = list(player.play(iter(path.read_text().splitlines())))
    return lines, player.reported


def reasons_to_skip(path: Path) -> list[str]:
    """What this language does not have, or cannot express."""
    mark = "# skip python: "
    return [
        line.removeprefix(mark) for line in path.read_text().splitlines() if line.startswith(mark)
    ]
