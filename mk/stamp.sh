#!/usr/bin/env bash
# Runs a command, unless it passed before and nothing that it depends on has
# changed since: mk/stamp.sh NAME PATH... -- COMMAND...
#
# That is: every file below the paths that git does not ignore (name, mode and
# content), what the build itself is made of, the command, the tools' versions and the
# variables that steer them. A failure leaves no stamp; FORCE=1 runs always.
set -uo pipefail

name=$1
shift
inputs=(Makefile mk .gitignore '*Cargo.toml' Cargo.lock)
while [[ $1 != -- ]]; do
  inputs+=("$1")
  shift
done
shift
stamp=target/stamps/$name

digest() {
  {
    printf '%s\n' "$@"
    for tool in 'rustc -vV' 'cargo -V' 'cc --version' 'node --version' '.venv/bin/python -VV'; do
      $tool 2>&1
    done
    env | grep -E '^(CARGO|NODE|PYO3|PYTHON|RUST)' | sort
    # Last, because it decides whether there is a digest: outside of a work tree there is none.
    git ls-files -z --cached --others --exclude-standard --deduplicate -- "${inputs[@]}" | sort -z |
      tar -c --null --verbatim-files-from -T - --ignore-failed-read --format=gnu \
        --mtime=@0 --owner=0 --group=0 --numeric-owner 2>/dev/null
  } | sha256sum
}

before=$(digest "$@") || before=
if [[ -z ${FORCE:-} && -n $before && -e $stamp && $(<"$stamp") == "$before" ]]; then
  echo "unchanged since it last passed: $name (FORCE=1 runs it)"
  exit 0
fi
rm -f "$stamp"
"$@" || exit
# What changed while it ran may have been seen by only a part of it.
if [[ -n $before && $(digest "$@") == "$before" ]]; then
  mkdir -p "${stamp%/*}"
  echo "$before" >"$stamp"
fi
