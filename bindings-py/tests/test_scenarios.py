"""The scenarios that all three languages play, byte by byte."""

from pathlib import Path

import pytest
import scenario

TESTS = Path(__file__).parents[2] / "tests"
FILES = [
    pytest.param(path, id=f"{path.parent.name}/{path.stem}")
    for folder in ("scenarios", "failures")
    for path in sorted((TESTS / folder).glob("*.txt"))
    if not scenario.is_skipped(path)
]


@pytest.mark.parametrize("path", FILES)
def test_the_transcript_is_the_file(path):
    lines, reported = scenario.play(path)
    assert lines == path.read_text().splitlines()
    assert reported == []


def test_there_are_scenarios():
    assert len(FILES) >= 30
