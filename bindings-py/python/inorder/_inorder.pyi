from collections.abc import (
    AsyncIterable,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Hashable,
    Iterable,
)
from concurrent.futures import Executor
from types import GenericAlias, TracebackType
from typing import Any, Generic, Literal, Self, TypeVar, final, overload

from typing_extensions import disjoint_base

from inorder.types import Attempt, Blocked, Failure, Report, Stats

_T = TypeVar("_T")
_R = TypeVar("_R")
_R_co = TypeVar("_R_co", covariant=True)

__all__ = [
    "Iteration",
    "Processor",
    "ReorderBuffer",
    "Stream",
    "Ticket",
    "current",
    "map",
]

def current() -> Attempt: ...
@overload
def map(
    handler: Callable[[_T], Awaitable[_R]],
    source: Iterable[_T] | AsyncIterable[_T],
    *,
    concurrency: int = 1,
    capacity: int | None = None,
    key: Callable[[_T], Hashable] | None = None,
    ordered: bool = True,
    timeout: float | None = None,
    total_timeout: float | None = None,
    retry: object = None,
    on_failure: Literal["emit"],
    dead_letter: object = None,
    on_halt: object = None,
    executor: Executor | None = None,
    isolation: Literal["context", "task"] = "context",
) -> Stream[_R | Failure[_T]]: ...
@overload
def map(
    handler: Callable[[_T], _R],
    source: Iterable[_T] | AsyncIterable[_T],
    *,
    concurrency: int = 1,
    capacity: int | None = None,
    key: Callable[[_T], Hashable] | None = None,
    ordered: bool = True,
    timeout: float | None = None,
    total_timeout: float | None = None,
    retry: object = None,
    on_failure: Literal["emit"],
    dead_letter: object = None,
    on_halt: object = None,
    executor: Executor | None = None,
    isolation: Literal["context", "task"] = "context",
) -> Stream[_R | Failure[_T]]: ...
@overload
def map(
    handler: Callable[[_T], Awaitable[_R]],
    source: Iterable[_T] | AsyncIterable[_T],
    *,
    concurrency: int = 1,
    capacity: int | None = None,
    key: Callable[[_T], Hashable] | None = None,
    ordered: bool = True,
    timeout: float | None = None,
    total_timeout: float | None = None,
    retry: object = None,
    on_failure: Literal["fail"] = "fail",
    dead_letter: object = None,
    on_halt: object = None,
    executor: Executor | None = None,
    isolation: Literal["context", "task"] = "context",
) -> Stream[_R]: ...
@overload
def map(
    handler: Callable[[_T], _R],
    source: Iterable[_T] | AsyncIterable[_T],
    *,
    concurrency: int = 1,
    capacity: int | None = None,
    key: Callable[[_T], Hashable] | None = None,
    ordered: bool = True,
    timeout: float | None = None,
    total_timeout: float | None = None,
    retry: object = None,
    on_failure: Literal["fail"] = "fail",
    dead_letter: object = None,
    on_halt: object = None,
    executor: Executor | None = None,
    isolation: Literal["context", "task"] = "context",
) -> Stream[_R]: ...

@final
class Stream(Generic[_R_co]):
    def __class_getitem__(cls, key: object) -> GenericAlias: ...
    def __aiter__(self) -> Self: ...
    def __anext__(self) -> Awaitable[_R_co]: ...
    def collect(self) -> Coroutine[Any, Any, list[_R_co]]: ...
    def aclose(self) -> Coroutine[Any, Any, None]: ...
    def stats(self) -> Stats: ...
    def why_blocked(self) -> Blocked | None: ...
    def __aenter__(self) -> Coroutine[Any, Any, Self]: ...
    def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> Coroutine[Any, Any, None]: ...

@final
class Iteration(Generic[_R_co]):
    def __class_getitem__(cls, key: object) -> GenericAlias: ...
    def __aiter__(self) -> Self: ...
    def __anext__(self) -> Awaitable[_R_co]: ...
    def aclose(self) -> Coroutine[Any, Any, None]: ...

@final
class Ticket(Generic[_R_co]):
    def __class_getitem__(cls, key: object) -> GenericAlias: ...
    @property
    def seq(self) -> int: ...
    def done(self) -> bool: ...
    def cancelled(self) -> bool: ...
    def result(self) -> _R_co: ...
    def exception(self) -> BaseException | None: ...
    def cancel(self) -> bool: ...
    def __await__(self) -> Generator[Any, None, _R_co]: ...
    def __iter__(self) -> Generator[Any, None, _R_co]: ...
    def __next__(self) -> Any: ...

@disjoint_base
class Processor(Generic[_T, _R]):
    def __class_getitem__(cls, key: object) -> GenericAlias: ...
    @overload
    def __init__(
        self,
        handler: Callable[[_T], Awaitable[_R]],
        *,
        concurrency: int = 1,
        capacity: int | None = None,
        key: Callable[[_T], Hashable] | None = None,
        ordered: bool = True,
        timeout: float | None = None,
        total_timeout: float | None = None,
        retry: object = None,
        on_failure: Literal["emit", "fail"] = "emit",
        dead_letter: object = None,
        on_halt: object = None,
        executor: Executor | None = None,
        isolation: Literal["context", "task"] = "context",
        on_result: Callable[[_R | Failure[_T]], object] | None = None,
        sequenced: bool = False,
        start: int = 0,
        gap: Literal["wait"] = "wait",
        gap_timeout: float | None = None,
        gap_warning: float | None = None,
        on_gap: object = None,
        on_discard: object = None,
        wrap: int | None = None,
        restart: Literal["ignore"] = "ignore",
        restore: object = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        handler: Callable[[_T], _R],
        *,
        concurrency: int = 1,
        capacity: int | None = None,
        key: Callable[[_T], Hashable] | None = None,
        ordered: bool = True,
        timeout: float | None = None,
        total_timeout: float | None = None,
        retry: object = None,
        on_failure: Literal["emit", "fail"] = "emit",
        dead_letter: object = None,
        on_halt: object = None,
        executor: Executor | None = None,
        isolation: Literal["context", "task"] = "context",
        on_result: Callable[[_R | Failure[_T]], object] | None = None,
        sequenced: bool = False,
        start: int = 0,
        gap: Literal["wait"] = "wait",
        gap_timeout: float | None = None,
        gap_warning: float | None = None,
        on_gap: object = None,
        on_discard: object = None,
        wrap: int | None = None,
        restart: Literal["ignore"] = "ignore",
        restore: object = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        handler: None = None,
        *,
        concurrency: int = 1,
        capacity: int | None = None,
        key: Callable[[_T], Hashable] | None = None,
        ordered: bool = True,
        timeout: float | None = None,
        total_timeout: float | None = None,
        retry: object = None,
        on_failure: Literal["emit", "fail"] = "emit",
        dead_letter: object = None,
        on_halt: object = None,
        executor: Executor | None = None,
        isolation: Literal["context", "task"] = "context",
        on_result: Callable[[_R | Failure[_T]], object] | None = None,
        sequenced: bool = False,
        start: int = 0,
        gap: Literal["wait"] = "wait",
        gap_timeout: float | None = None,
        gap_warning: float | None = None,
        on_gap: object = None,
        on_discard: object = None,
        wrap: int | None = None,
        restart: Literal["ignore"] = "ignore",
        restore: object = None,
    ) -> None: ...
    def enqueue(
        self, item: _T, *, key: Hashable | None = None, seq: int | None = None
    ) -> Coroutine[Any, Any, Ticket[_R]]: ...
    def enqueue_nowait(
        self, item: _T, *, key: Hashable | None = None, seq: int | None = None
    ) -> Ticket[_R]: ...
    def run(
        self, item: _T, *, key: Hashable | None = None, seq: int | None = None
    ) -> Coroutine[Any, Any, _R]: ...
    def join(self) -> Coroutine[Any, Any, None]: ...
    def close(self, timeout: float | None = None) -> Coroutine[Any, Any, Report[_T]]: ...
    def abort(self) -> Coroutine[Any, Any, Report[_T]]: ...
    def stats(self) -> Stats: ...
    def why_blocked(self) -> Blocked | None: ...
    def __aiter__(self) -> Iteration[_R | Failure[_T]]: ...
    def __aenter__(self) -> Coroutine[Any, Any, Self]: ...
    def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> Coroutine[Any, Any, None]: ...

@final
class ReorderBuffer(Generic[_T]):
    def __class_getitem__(cls, key: object) -> GenericAlias: ...
    def __new__(cls, start: int = 0, capacity: int = 1024) -> Self: ...
    def insert(
        self, seq: int, item: _T, /
    ) -> Literal["ready", "held", "duplicate", "late", "too_far"]: ...
    def pop(self) -> tuple[int, _T] | None: ...
    def missing(self) -> list[tuple[int, int]]: ...
    def skip_to(self, seq: int, /) -> None: ...
    @property
    def next(self) -> int: ...
    def __len__(self) -> int: ...
