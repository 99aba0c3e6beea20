"""Breaks the core in every way that cargo-mutants knows, and says what no test saw: python mk/mutants.py TOOLS [NAME]...

A name is a module of core/src, as `retry`, or a path in it, as `driver/wake.rs`; without one it is all. All mutants are
built into one tree (core/mutants), each behind a question, so that a mutant costs a run of the tests and no build. What
one comes to is kept in target/mutants, by what it changes in what, until its file changes: a run that was broken off
goes on. Prints a table, and what survived.
"""

import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "target/mutants"
TREE = RESULTS / "tree"
# Mutants of tests tell nothing; `canonical` is there for tests alone, and `sync` names what others made.
LEFT_OUT = re.compile(r"/(tests|interleavings|canonical|rounds|sync)(/|\.rs)")
MODULE = """//! Which mutant is on.
use std::sync::OnceLock;

static NUMBER: OnceLock<usize> = OnceLock::new();

#[inline]
pub(crate) fn is(number: usize) -> bool {
    let read = || std::env::var("INORDER_MUTANT").ok().and_then(|text| text.parse().ok());
    *NUMBER.get_or_init(|| read().unwrap_or(usize::MAX)) == number
}
"""
# The state machines are tested by what knows nothing of drivers, the driver by what is seen from outside of it.
CORE = ["--no-default-features", "--features", "std,serde"]
CORE_TESTS = ["lib", "vectors", "model", "watermark"]
DRIVER = ["--all-features"]
DRIVER_TESTS = [
    "lib", "processors", "processors_failing", "processors_sequenced", "processors_stopped", "streams",
    "streams_failing", "streams_in_time", "resequence", "deadlocks", "deadlocks_failing", "hostile", "hostile_effects",
    "hostile_failing", "letters", "halts", "keys", "kept", "wakes", "texts", "spans", "clocks", "scenarios", "restarts",
]
ENVIRONMENT = {
    **os.environ,
    "CARGO_TARGET_DIR": str(RESULTS / "build"),
    "CARGO_PROFILE_TEST_DEBUG": "0",
    "CARGO_PROFILE_DEV_DEBUG": "0",
    "CARGO_PROFILE_TEST_OPT_LEVEL": "1",
    "CARGO_PROFILE_DEV_OPT_LEVEL": "1",
    "INORDER_MODEL_STEPS": "100000",
    "INORDER_ROUNDS": "10",
    "RUSTFLAGS": "--cap-lints allow",
    "RUST_BACKTRACE": "0",
}
# Of one binary, in seconds of a processor and in bytes: a mutant may well go on for ever, or take all there is. Without
# one none takes more than a second.
LIMITS = ((resource.RLIMIT_CPU, 5), (resource.RLIMIT_AS, 4 << 30))
FAST = ["-q", "-Z", "unstable-options", "--fail-fast"]


def run(command, **options):
    return subprocess.run(command, text=True, capture_output=True, env=ENVIRONMENT, **options)


def listed():
    """All mutants, by their numbers."""
    command = ["cargo", "mutants", "--package", "inorder", "--list", "--json", "--file", "core/src/**/*.rs"]
    mutants = json.loads(run(command, cwd=ROOT, check=True).stdout)
    return mutants


def is_driver(mutant):
    # what the driver's options need is asked by the driver alone
    needs = (mutant["function"] or {}).get("function_name") == "Options::check_needs"
    return needs or mutant["file"].startswith("core/src/driver/")


def plant(mutants, wanted, left_out):
    """Makes a tree with these mutants in it; says in which lines they are."""
    for name in ("core/src", "core/tests"):
        shutil.rmtree(TREE / name, ignore_errors=True)
    ignore = shutil.ignore_patterns("target", "node_modules", ".git", ".venv", "artifacts")
    for name in ("core", "tests", "examples", "README.md", "Cargo.toml", "Cargo.lock"):
        source, copy = ROOT / name, TREE / name
        if source.is_dir():
            shutil.copytree(source, copy, ignore=ignore, dirs_exist_ok=True)
        else:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)
    # the other members of the workspace are not needed
    text = re.sub(r'members = \[.*?\]', 'members = ["core"]', (TREE / "Cargo.toml").read_text(), count=1)
    (TREE / "Cargo.toml").write_text(text)
    (RESULTS / "list.json").write_text(json.dumps(mutants))
    unwanted = [str(n) for n in range(len(mutants)) if n not in wanted or n in left_out]
    tool = ["cargo", "run", "-q", "--release", "--manifest-path", "core/mutants/Cargo.toml", "--"]
    made = run([*tool, str(RESULTS / "list.json"), str(TREE), *unwanted], cwd=ROOT)
    if made.returncode:
        sys.exit(made.stderr)
    root = TREE / "core/src/lib.rs"
    root.write_text(root.read_text().replace("extern crate alloc;", "extern crate alloc;\nextern crate std;", 1))
    # the one for tests would be the second
    root.write_text(root.read_text().replace("#[cfg(test)]\nextern crate std;\n", "", 1))
    root.write_text(root.read_text().replace("mod base32768;", "mod base32768;\nmod mutant;", 1))
    (TREE / "core/src/mutant.rs").write_text(MODULE)
    places = {}
    for line in made.stdout.splitlines():
        number, file, first, last = line.split()
        places[int(number)] = (file, int(first), int(last))
    return places


def build(mutants, wanted, features, tests):
    """The test binaries, and the mutants that are in them: what does not compile is taken out."""
    left_out = set()
    chosen = [arg for test in tests for arg in (["--lib"] if test == "lib" else ["--test", test])]
    while True:
        places = plant(mutants, wanted, left_out)
        command = ["cargo", "test", "--no-run", "-p", "inorder", *features, *chosen, "--message-format=json"]
        made = run(command, cwd=TREE)
        messages = [json.loads(line) for line in made.stdout.splitlines() if line.startswith("{")]
        if made.returncode == 0:
            executables = {}
            for message in messages:
                if message.get("executable") and message["profile"]["test"]:
                    kind = "lib" if "lib" in message["target"]["kind"] else message["target"]["name"]
                    executables[kind] = message["executable"]
            return [executables[test] for test in tests], places, left_out
        found = set()
        errors = [m["message"] for m in messages if m["reason"] == "compiler-message" and m["message"]["level"] == "error"]
        for error in errors:
            for span in error["spans"]:
                line = span["line_start"]
                found |= {
                    n for n, (file, first, last) in places.items()
                    if span["file_name"] == file and first <= line <= last
                }
        if not found - left_out:
            sys.exit("\n".join(error["rendered"] or "" for error in errors[:5]) or made.stderr)
        print(f"{len(found)} do not compile", file=sys.stderr)
        left_out |= found


def try_one(number, executables, only):
    """Whether a test failed, or took too long. Of the first binary only some tests are asked."""
    # `--fail-fast` is not stable
    environment = {**ENVIRONMENT, "INORDER_MUTANT": str(number), "RUSTC_BOOTSTRAP": "1"}
    for place, executable in enumerate(executables):
        command = [executable, *FAST, *(only if place == 0 else [])]
        process = subprocess.Popen(
            command, cwd=TREE / "core", env=environment, preexec_fn=limit,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        code = ended(process)
        if code in (-signal.SIGXCPU, -signal.SIGKILL):
            return "too slow"
        if code:
            return "caught"
    return "survived"


def ended(process):
    """Waits for it, and kills it if it does: no test waits for anything but another of its own threads."""
    before = None
    while True:
        try:
            return process.wait(1)
        except subprocess.TimeoutExpired:
            now = waiting(process.pid)
            if now is not None and now == before:
                process.kill()
            before = now


def waiting(pid):
    """What time its threads have taken, if none of them could go on."""
    times = []
    for stat in sorted(Path(f"/proc/{pid}/task").glob("*/stat")):
        try:
            state, *fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return None
        if state != "S":
            return None
        times.append((stat.parent.name, *fields[10:12]))
    return times


def limit():
    for what, most in LIMITS:
        resource.setrlimit(what, (most, most + 1))


def named(mutant):
    start, function = mutant["span"]["start"], mutant["function"] or {}
    what = f"{mutant['genre']} -> {mutant['replacement'] or 'nothing'}"
    return f"{mutant['file']}:{start['line']}:{start['column']}: {what} in {function.get('function_name')}"


def keys(mutants):
    """What a mutant is kept by: the content of its file, but for its tests, and what it changes there."""
    def content(file):
        text = (ROOT / file).read_text().partition("\n#[cfg(test)]\nmod tests {")[0]
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    contents = {file: content(file) for file in {m["file"] for m in mutants}}
    return [f"{contents[m['file']]} {named(m)}" for m in mutants]


def table(mutants, known, of):
    print("| file | viable | caught | too slow | survived | not tried |\n|---|---|---|---|---|---|")
    sums = [0] * 5
    for file in sorted({m["file"] for m in mutants}):
        counts = [known.get(key) for m, key in zip(mutants, of) if m["file"] == file]
        caught, slow, survived = (counts.count(what) for what in ("caught", "too slow", "survived"))
        row = [caught + slow + survived, caught, slow, survived, counts.count("not tried") + counts.count(None)]
        sums = [a + b for a, b in zip(sums, row)]
        print(f"| {file.removeprefix('core/src/')} | " + " | ".join(map(str, row)) + " |")
    print("| all | " + " | ".join(map(str, sums)) + " |")


def main():
    tools, names = sys.argv[1], sys.argv[2:]
    ENVIRONMENT["PATH"] = f"{tools}/bin{os.pathsep}{os.environ['PATH']}"
    RESULTS.mkdir(parents=True, exist_ok=True)
    mutants = [m for m in listed() if not LEFT_OUT.search(m["file"])]
    of = keys(mutants)
    store = RESULTS / "known.json"
    known = json.loads(store.read_text()) if store.exists() else {}
    starts = [f"core/src/{name}" for name in names]
    asked = [
        n for n, m in enumerate(mutants)
        if not names or any(m["file"] in (s, f"{s}.rs") or m["file"].startswith(f"{s}/") for s in starts)
    ]
    for driver, features, tests, only in (
        (False, CORE, CORE_TESTS, []), (True, DRIVER, DRIVER_TESTS, ["driver::"]),
    ):
        wanted = {n for n in asked if is_driver(mutants[n]) == driver and of[n] not in known}
        if not wanted:
            continue
        executables, places, left_out = build(mutants, wanted, features, tests)
        if try_one("none", executables, only) != "survived":
            sys.exit("the tests fail without a mutant")
        began = time.monotonic()
        for done, number in enumerate(sorted(wanted)):
            # in constants, of arms of a match and of fields: to be tried by cargo-mutants itself
            other = "unviable" if number in left_out else "not tried"
            known[of[number]] = try_one(number, executables, only) if number in places else other
            if done % 20 == 19:
                store.write_text(json.dumps(known))
                print(f"{done + 1} of {len(wanted)} in {time.monotonic() - began:.0f} s", file=sys.stderr)
        store.write_text(json.dumps(known))
    chosen = [mutants[n] for n in asked]
    table(chosen, known, [of[n] for n in asked])
    for number in asked:
        if known.get(of[number]) in ("survived", "too slow"):
            print(f"{known[of[number]]}: {named(mutants[number])}")


main()
