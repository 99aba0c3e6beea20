"""Options, errors, values and the reorder buffer."""

import copy
import dataclasses
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import inorder
import pytest
from virtual_loop import run


async def handle(item):
    return item


WRONG = {
    "concurrency": [0, -1, 2**20 + 1, 1.5, "3", True],
    "capacity": [0, -1, 2**20 + 1, 1.5, "3"],
    "ordered": [1, "no"],
    "key": [3],
    "on_failure": ["explode", 3],
    "isolation": ["thread", 3],
    "executor": [3],
}
WRONG_OF_PROCESSORS = {
    "on_result": [3],
    "sequenced": ["yes"],
    "start": [-1, 1.5, "first", "second"],
}
UNBUILT = {
    "timeout": 1,
    "total_timeout": 1,
    "retry": 3,
    "on_failure": "skip",
    "dead_letter": print,
    "on_halt": print,
}
# of those that are not built, words that will never be
WRONG_OF_PROCESSORS |= {"gap": ["explode", 3], "restart": ["explode", 3]}
UNBUILT_OF_PROCESSORS = {
    "gap": "skip",
    "gap_timeout": 1,
    "gap_warning": 1,
    "on_gap": print,
    "on_discard": print,
    "wrap": 16,
    "restart": "reset",
    "restore": b"",
}


def made(whose, **options):
    if whose == "map":
        return inorder.map(handle, [], **options)
    return inorder.Processor(handle, **options)


def cases():
    for whose in ("map", "Processor"):
        of_processors = whose == "Processor"
        wrong = WRONG | (WRONG_OF_PROCESSORS if of_processors else {})
        unbuilt = UNBUILT | (UNBUILT_OF_PROCESSORS if of_processors else {})
        for name, values in wrong.items():
            for value in values:
                yield pytest.param(whose, name, value, id=f"{whose}-{name}-{value}")
        for name, value in unbuilt.items():
            yield pytest.param(whose, name, value, id=f"{whose}-{name}-not-built")


@pytest.mark.parametrize(("whose", "name", "value"), list(cases()))
def test_a_value_that_is_not_allowed_is_named(whose, name, value):
    with pytest.raises(inorder.OptionsError, match=rf"\b{name}\b") as caught:
        made(whose, **{name: value})
    assert isinstance(caught.value, ValueError)
    is_wrong = value in (WRONG | WRONG_OF_PROCESSORS).get(name, []) and value != "first"
    assert is_wrong == ("not built" not in str(caught.value))


def test_options_that_do_not_go_together():
    with pytest.raises(inorder.OptionsError, match="capacity"):
        inorder.map(handle, [], concurrency=4, capacity=3)
    for name, value in {"start": 0, "gap": "wait", "restart": "ignore"}.items():
        for sequenced in ({}, {"sequenced": False}):
            with pytest.raises(inorder.OptionsError, match=rf"\b{name}\b.*sequenced"):
                inorder.Processor(handle, **{name: value}, **sequenced)
    with (
        ThreadPoolExecutor(1) as executor,
        pytest.raises(inorder.OptionsError, match=r"executor.*plain"),
    ):
        inorder.map(handle, [], executor=executor)
    with (
        ProcessPoolExecutor(1) as executor,
        pytest.raises(inorder.OptionsError, match=r"executor.*threads"),
    ):
        inorder.map(len, [], executor=executor)


@pytest.mark.parametrize("whose", ["map", "Processor"])
def test_an_unknown_option_is_a_type_error(whose):
    with pytest.raises(TypeError, match="concurency"):
        made(whose, concurency=3)


def test_defaults_may_be_given():
    assert made("map", key=None, on_failure="fail", isolation="context", timeout=None)
    assert made("Processor", gap=None, restart=None, start=None, on_failure="emit")
    assert made("Processor", sequenced=True, gap="wait", restart="ignore", start=0)
    assert made("map", concurrency=1000).stats().capacity == 4000
    assert made("Processor", concurrency=2**20).stats().capacity == 2**20


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf"), "3", True])
def test_a_timeout_is_a_finite_number_of_seconds(timeout):
    with pytest.raises(inorder.OptionsError, match="timeout"):
        inorder.Processor(handle).close(timeout)


ERRORS = [
    error
    for error in vars(inorder).values()
    if isinstance(error, type) and issubclass(error, Exception)
]


def test_there_are_seventeen_errors():
    assert len(ERRORS) == 17


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_errors_have_one_base_a_module_and_can_be_pickled(error):
    assert issubclass(error, inorder.InOrderError)
    assert error.__module__ == "inorder.errors"
    raised = pickle.loads(pickle.dumps(error("why")))
    assert (type(raised), raised.args) == (error, ("why",))


def test_errors_are_also_what_they_are_elsewhere():
    import asyncio

    assert issubclass(inorder.Full, asyncio.QueueFull)
    assert issubclass(inorder.AttemptTimeout, TimeoutError)
    assert issubclass(inorder.DeadlineExceeded, TimeoutError)
    assert issubclass(inorder.NotRising, ValueError)
    assert issubclass(inorder.OptionsError, ValueError)


VALUES = [
    inorder.Attempt(3, 1, "key"),
    inorder.Failure(ValueError("boom"), {"item": 1}, 3, 1, "key"),
    inorder.Lost(1, 2),
    inorder.Gap(1, 2, "key"),
    inorder.Report(3, ["a"], [], [], [inorder.Lost(1, 2)]),
    inorder.Processor(handle).stats(),
    inorder.Blocked(1, None, 0, 0.5, 3, "queued"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_are_immutable_and_readable(value):
    for field in dataclasses.fields(value):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field.name, 1)
        assert f"{field.name}=" in repr(value)
    assert copy.copy(value) == value
    assert type(pickle.loads(pickle.dumps(value))) is type(value)


def test_public_names_say_where_they_are_from():
    for name in ("Processor", "Stream", "Ticket", "Iteration", "ReorderBuffer"):
        assert getattr(inorder, name).__module__ == "inorder"
        assert getattr(inorder, name)[int] is not None
    assert all(getattr(inorder, name).__doc__ for name in inorder.__all__)


def test_the_last_number_has_one_after_it():
    last = 2**64 - 2
    buffer = inorder.ReorderBuffer(start=last, capacity=4)
    with pytest.raises(inorder.OptionsError, match="seq"):
        buffer.insert(last + 1, "x")
    for whose in (inorder.ReorderBuffer, sequenced):
        with pytest.raises(inorder.OptionsError, match="start"):
            whose(start=last + 1)

    async def main():
        async with sequenced(start=last) as p:
            assert await p.run("x", seq=last) == "x"
            with pytest.raises(inorder.OptionsError, match="seq"):
                p.enqueue_nowait("y", seq=last + 1)
            await p.join()

    run(main())


def sequenced(**options):
    return inorder.Processor(handle, sequenced=True, **options)


def test_the_buffer_takes_any_number_below_2_64_but_the_last():
    buffer = inorder.ReorderBuffer(start=2**64 - 2, capacity=4)
    assert buffer.insert(2**64 - 2, "last but one") == "ready"
    assert buffer.pop() == (2**64 - 2, "last but one")
    for wrong in (-1, 2**64 - 1, 2**64, "1", 1.0, None, True):
        with pytest.raises(inorder.OptionsError, match="seq"):
            buffer.insert(wrong, "x")
    with pytest.raises(inorder.OptionsError, match="start"):
        inorder.ReorderBuffer(start=-1)
    with pytest.raises(inorder.OptionsError, match="capacity"):
        inorder.ReorderBuffer(capacity=0)


def test_what_the_buffer_does_not_admit_does_not_replace_what_is_in():
    buffer = inorder.ReorderBuffer(capacity=4)
    assert buffer.insert(1, "kept") == "held"
    assert buffer.insert(1, "again") == "duplicate"
    assert buffer.insert(5, "beyond") == "too_far"
    assert buffer.missing() == [(0, 0)]
    assert buffer.insert(0, None) == "ready"
    assert [buffer.pop(), buffer.pop(), buffer.pop()] == [(0, None), (1, "kept"), None]
    assert buffer.insert(0, "late") == "late"
    buffer.skip_to(10)
    assert (buffer.next, len(buffer), repr(buffer)) == (10, 0, "<ReorderBuffer next=10 len=0>")
