#!/usr/bin/env bash
# The Python tests on every other supported Python that pyenv has; none is
# required: mk/pythons.sh BIN TARGET_DIRECTORY
set -euo pipefail

bin=$1
export CARGO_TARGET_DIR=$2
here=$PWD
found=0
for python in "$HOME"/.pyenv/versions/3.1[1-9]*/bin/python; do
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
  [[ $version == $("$bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') ]] && continue
  found=1
  printf -- '-- Python %s\n' "$version"
  venv=$here/target/venv-$version
  if [[ ! -e $venv/ready || bindings-py/requirements.txt -nt $venv/ready ]]; then
    rm -rf "$venv"
    "$python" -m venv "$venv"
    "$venv/bin/pip" install -q --require-hashes -r bindings-py/requirements.txt
    touch "$venv/ready"
  fi
  # Newer than what the tests here installed: made from the same sources.
  if [[ ! -e $venv/wheel || .stamps/wheel -nt $venv/wheel ]]; then
    rm -rf "target/wheels/$version"
    PYO3_PYTHON="$venv/bin/python" "$bin/maturin" build -q --release -m bindings-py/Cargo.toml \
      -i "$venv/bin/python" -o "target/wheels/$version"
    "$venv/bin/pip" install -q --force-reinstall --no-deps --no-index "target/wheels/$version"/*.whl
    touch "$venv/wheel"
  fi
  (cd bindings-py && "$venv/bin/python" -P -m pytest -q -p no:cacheprovider)
done
((found)) || echo 'no other Python is installed: skipped'
