#!/usr/bin/env bash
# The Python tests on other Pythons, built with debug assertions and overflow
# checks; none is required: mk/pythons.sh BIN PYTHON...
set -euo pipefail

bin=$1
shift
here=$PWD
found=0
for python in "$@"; do
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
  [[ $version == $("$bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') ]] && continue
  found=1
  printf -- '-- Python %s\n' "$version"
  venv=$here/target/venv-$version
  if ! cmp -s bindings-py/requirements.txt "$venv/requirements.txt"; then
    rm -rf "$venv"
    "$python" -m venv "$venv"
    "$venv/bin/pip" install -q --require-hashes -r bindings-py/requirements.txt
    cp bindings-py/requirements.txt "$venv"
  fi
  # A directory each: in one, each build of pyo3 would throw away the other's.
  rm -rf "target/wheels/$version"
  CARGO_TARGET_DIR=$here/target/py-$version PYO3_PYTHON=$venv/bin/python "$bin/maturin" build -q \
    -m bindings-py/Cargo.toml -i "$venv/bin/python" -o "target/wheels/$version"
  "$venv/bin/pip" install -q --force-reinstall --no-deps --no-index "target/wheels/$version"/*.whl
  (cd bindings-py && "$venv/bin/python" -P -m pytest -q -p no:cacheprovider)
done
((found)) || echo 'no other Python is installed: skipped'
