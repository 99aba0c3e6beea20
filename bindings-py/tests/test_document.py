"""The seed document's class and ours: what overlaps, and what comes out in the wrong place."""

import asyncio
import json
from pathlib import Path

import keys
import lines
import pytest
import textbook
import virtual_loop
import ways
from figures import Log

DOCUMENT = Path(__file__).parents[2] / "tests" / "document"
LINES = [json.loads(line) for line in (DOCUMENT / "lines.ndjson").read_text().splitlines()]
WAYS = {
    "textbook": ways.textbook,
    "one": lambda items, log: ways.in_order(items, log, 1, keyed=False),
    "three": lambda items, log: ways.in_order(items, log, 3, keyed=False),
    "three_keyed": lambda items, log: ways.in_order(items, log, 3, keyed=True),
}


def cases():
    """(case, way, items, expected) of each expectation that is not another language's."""
    for line in (DOCUMENT / "cases.txt").read_text().splitlines():
        match line.split(" ", 3):
            case ["case", name]:
                case, items = name, []
            case ["item", key, milliseconds, _data]:
                items.append(
                    ways.Item(len(items), None if key == "-" else key, int(milliseconds) * 1_000)
                )
            case ["expect", way, *figures] if way in WAYS:
                yield pytest.param(way, items, " ".join(figures), id=f"{case}-{way}")


@pytest.mark.parametrize(("way", "items", "expected"), list(cases()))
def test_the_documents_input_and_uneven_durations(way, items, expected):
    log = Log(len(items))

    async def timed():
        await WAYS[way](items, log)
        return asyncio.get_running_loop().now

    now = virtual_loop.run(timed())
    in_key = log.overlaps([item.key for item in items])
    assert sorted(log.out) == [item.index for item in items]
    assert (
        f"overlaps={log.overlaps()} in_key={in_key} inversions={log.inversions()} ms={now // 1_000}"
        == expected
    )


def test_the_documents_main_ends_before_its_first_item_has_started(capsys):
    virtual_loop.run(textbook.main())
    assert capsys.readouterr().out == ""


def test_the_documents_class_starts_all_three_before_the_first_has_finished(capsys):
    async def main():
        await textbook.main()
        await asyncio.sleep(1)

    virtual_loop.run(main())
    assert capsys.readouterr().out.splitlines() == [
        "Processing sequence: 0, data: Data 1",
        "Processing sequence: 1, data: Data 3",
        "Processing sequence: 2, data: Data 2",
        "Finished processing sequence: 0",
        "Finished processing sequence: 1",
        "Finished processing sequence: 2",
    ]


@pytest.mark.parametrize("case", LINES, ids=str)
def test_a_lines_key_and_duration(case):
    if "duration" in case:
        assert lines.duration(case["line"].encode()) == case["duration"]
    elif "error" in case:
        with pytest.raises(ValueError, match=r"^KEY="):
            keys.parse(case["spec"])
    else:
        key_of = keys.parse(case["spec"])
        key = key_of(case["line"])
        if "same_as" in case:
            assert key is not None
            assert key == key_of(case["same_as"])
        elif "unlike" in case:
            assert None is not key != key_of(case["unlike"]) is not None
        else:
            assert key == case["key"]


def test_a_files_lines_end_with_lf_or_crlf_and_need_not_be_utf8(tmp_path):
    file = tmp_path / "log"
    file.write_bytes(b"a\r\n\xff\xe2\x82b\n\r\n\xef\xbb\xbfc\rd")
    assert [line.text for line in lines.read(str(file))] == ["a", "\ufffd\ufffdb", "", "\ufeffc\rd"]
    file.write_bytes(b"")
    assert lines.read(str(file)) == []
