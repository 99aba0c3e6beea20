"""The scenarios that all three languages play, byte by byte."""

from pathlib import Path

import pytest
import scenario

TESTS = Path(__file__).parents[2] / "tests"
FILES = [
    pytest.param(
        path,
        id=f"{path.parent.name}/{path.stem}",
        marks=[pytest.mark.skip(reason=reason) for reason in scenario.reasons_to_skip(path)],
    )
    for folder in ("scenarios", "failures")
    for path in sorted((TESTS / folder).glob("*.txt"))
]


@pytest.mark.parametrize("path", FILES)
def test_the_transcript_is_the_file(path):
    lines, reported = scenario.play(path)
    assert lines == path.read_text().splitlines()
    assert reported == []


def test_there_are_scenarios():
    assert sum(not param.marks for param in FILES) >= 30
