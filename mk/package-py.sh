#!/usr/bin/env bash
# The sdist alone must give a wheel, and that wheel must work in an environment
# that has nothing else: mk/package-py.sh BIN PYTHON
set -euo pipefail

bin=$1
python=$2
here=$PWD
out=$here/target/package-py
rm -rf "$out"
mkdir -p "$out"

"$bin/maturin" sdist -m bindings-py/Cargo.toml -o "$out"
sdist=("$out"/inorder-*.tar.gz)
tar -tzf "${sdist[0]}" >"$out/files"
for needed in core/src/lib.rs LICENSE-MIT LICENSE-APACHE python/inorder/py.typed Cargo.lock; do
  grep -q "/$needed\$" "$out/files" || { echo "the sdist has no $needed"; exit 1; }
done

"$python" -m venv "$out/venv"
mkdir "$out/source"
tar -xzf "${sdist[0]}" -C "$out/source" --strip-components=1
# Outside of the workspace: what the sdist forgets must not be found beside it.
CARGO_TARGET_DIR="$here/target/py-sdist" "$bin/maturin" build -q --release -m "$out/source/pyproject.toml" \
  -i "$out/venv/bin/python" -o "$out/wheel" 2>/dev/null ||
  CARGO_TARGET_DIR="$here/target/py-sdist" "$bin/maturin" build --release -m "$out/source/bindings-py/Cargo.toml" \
    -i "$out/venv/bin/python" -o "$out/wheel"
"$out/venv/bin/pip" install -q --no-index "$out"/wheel/*.whl
"$out/venv/bin/pip" check
cd "$out"
venv/bin/python -I -W error - <<'EOF'
import asyncio
from importlib.metadata import requires, version

import inorder

assert requires("inorder") is None, requires("inorder")
for name in inorder.__all__:
    assert getattr(inorder, name).__doc__, f"{name} has no documentation"


async def double(number):
    await asyncio.sleep(0)
    return 2 * number


async def main():
    return await inorder.map(double, range(5), concurrency=2).collect()


assert asyncio.run(main()) == [0, 2, 4, 6, 8]
print("package-py: the wheel of the sdist works,", "version", version("inorder"))
EOF
