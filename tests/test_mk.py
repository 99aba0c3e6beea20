"""The scripts in mk/: a step is skipped only if nothing that it depends on changed since it passed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

MK = Path(__file__).parent.parent / "mk"
# The step notes that it ran, and passes as long as there is no file `broken`.
STEP = ["bash", "-c", "echo >>target/runs; test ! -e broken"]


def run(folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "FORCE"}
    clean["PATH"] = f"{folder / 'target'}:{clean['PATH']}"
    return subprocess.run(
        command, cwd=folder, env=clean | variables, capture_output=True, text=True, check=False
    )


def tool(tree: Path, name: str, version: str) -> None:
    """A compiler to be found before the real one, which takes its time to say its version."""
    (tree / "target" / name).write_text(f"#!/bin/sh\necho {version}\n")
    (tree / "target" / name).chmod(0o755)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in [
        "Makefile",
        "mk/step.sh",
        "Cargo.toml",
        "Cargo.lock",
        "src/a",
        "src/b",
        "other/a",
        "other/Cargo.toml",
    ]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / ".gitignore").write_text("/target/\n*.ignored\n")
    (tmp_path / "target").mkdir()
    for name in ["rustc", "cargo", "cc", "node"]:
        tool(tmp_path, name, "1")
    run(tmp_path, "git", "init", "-q")
    run(tmp_path, "git", "add", ".")
    return tmp_path


def ran(tree: Path, step: list[str] = STEP, **variables: str) -> bool:
    """Whether the step was run, not skipped."""
    runs = tree / "target/runs"
    before = runs.read_text() if runs.exists() else ""
    done = run(tree, str(MK / "stamp.sh"), "step", "src", "--", *step, **variables)
    did = runs.exists() and runs.read_text() != before
    assert ("unchanged since it last passed: step" in done.stdout) is not did
    assert did is False or done.returncode == (tree / "broken").exists()
    return did


def test_a_step_that_passed_is_skipped(tree: Path) -> None:
    assert ran(tree)
    assert not ran(tree)
    assert not ran(tree)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda tree: (tree / "src/a").write_text("src/b"), id="one byte"),
        pytest.param(lambda tree: (tree / "src/new").touch(), id="a file that git has not seen"),
        pytest.param(lambda tree: (tree / "src/a").unlink(), id="a file removed"),
        pytest.param(lambda tree: (tree / "src/a").rename(tree / "src/c"), id="a file renamed"),
        pytest.param(lambda tree: (tree / "src/a").chmod(0o755), id="a mode"),
        pytest.param(lambda tree: (tree / "mk/step.sh").write_text(""), id="the build's own"),
        pytest.param(
            lambda tree: (tree / "other/Cargo.toml").write_text(""), id="a workspace member"
        ),
        pytest.param(lambda tree: (tree / "Cargo.lock").write_text(""), id="a lock file"),
    ],
)
def test_a_changed_input_runs_it_again(tree: Path, change) -> None:
    assert ran(tree)
    change(tree)
    assert ran(tree)
    assert not ran(tree)


def test_it_runs_again_with_another_command_or_variable_or_by_force(tree: Path) -> None:
    assert ran(tree)
    assert ran(tree, [*STEP, "argument"])
    assert ran(tree, RUSTFLAGS="-C debuginfo=0")
    assert ran(tree)
    assert ran(tree, FORCE="1")
    assert not ran(tree)


@pytest.mark.parametrize("name", ["rustc", "cargo", "cc", "node"])
def test_another_tool_runs_it_again(tree: Path, name: str) -> None:
    assert ran(tree)
    tool(tree, name, "2")
    assert ran(tree)


def test_what_is_no_input_does_not_matter(tree: Path) -> None:
    assert ran(tree)
    (tree / "other/a").write_text("")
    (tree / "src/a.ignored").touch()
    (tree / "src/a").touch()
    assert not ran(tree)


def test_a_failure_leaves_no_stamp(tree: Path) -> None:
    assert ran(tree)
    (tree / "broken").touch()
    assert ran(tree, FORCE="1")
    (tree / "broken").unlink()
    assert ran(tree)


def test_an_input_changed_while_it_ran_runs_it_again(tree: Path) -> None:
    step = ["bash", "-c", "echo >>target/runs; echo >>src/a"]
    for _ in range(2):
        (tree / "src/a").write_text("")
        assert ran(tree, step)


def test_without_git_it_runs_always(tree: Path) -> None:
    assert ran(tree)
    run(tree, "mv", ".git", "target/git")
    assert ran(tree, GIT_CEILING_DIRECTORIES=str(tree.parent))
    assert ran(tree, GIT_CEILING_DIRECTORIES=str(tree.parent))


@pytest.mark.parametrize(("lines", "status"), [(600, 0), (601, 1)])
def test_no_source_file_is_over_600_lines(tree: Path, lines: int, status: int) -> None:
    (tree / "src/a b.rs").write_text("\n" * lines)
    (tree / "src/data.txt").write_text("\n" * 1000)
    run(tree, "git", "add", ".")
    done = run(tree, str(MK / "length.sh"))
    assert done.returncode == status
    assert ("src/a b.rs" in done.stdout) is bool(status)
