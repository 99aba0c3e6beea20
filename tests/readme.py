"""Runs the quick starts of the README files, and compares what they print with what the text says.

A block in Python or JavaScript is run by the package that is installed or built here. If a block in `text` comes
after it, that is its output. Blocks in Rust are documentation tests of the core.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# How each language is run, and in which folder: Node finds the package by its own name there.
RUNNERS = {
    "python": ([sys.executable, "-I", "-W", "error", "-"], ROOT / "tests"),
    "js": (["node", "--input-type=module", "-"], ROOT / "bindings-js"),
}


def main() -> int:
    """Runs all blocks; 1 if one failed or a file has none."""
    failed = 0
    for path in [ROOT / "README.md", *sorted(ROOT.glob("bindings-*/README.md"))]:
        name = path.relative_to(ROOT)
        ran = 0
        blocks = BLOCK.findall(path.read_text(encoding="utf-8"))
        for number, (language, code) in enumerate(blocks):
            if language in RUNNERS:
                expected = next((text for kind, text in blocks[number:] if kind == "text"), None)
                error = run(language, code, expected)
                print(f"{name}: {language}: {error or 'ok'}")
                failed += error is not None
                ran += 1
        if not ran:
            print(f"{name}: no quick start")
            failed += 1
    print(f"readme: {failed} failed" if failed else "readme: all quick starts passed")
    return 1 if failed else 0


def run(language: str, code: str, expected: str | None) -> str | None:
    """Runs one block; says what was wrong, if anything was."""
    command, folder = RUNNERS[language]
    ran = subprocess.run(
        command, input=code, cwd=folder, capture_output=True, encoding="utf-8", timeout=60
    )
    if ran.returncode or ran.stderr:
        return f"status {ran.returncode}\n{ran.stdout}{ran.stderr}"
    if expected is not None and ran.stdout != expected:
        return f"printed\n{ran.stdout}instead of\n{expected}"
    return None


if __name__ == "__main__":
    sys.exit(main())
