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

# Without build isolation, so that the backend is the one pinned here; hardly
# optimised, as what is asked is whether the sdist has all that it takes.
export CARGO_TARGET_DIR=$here/target/py-sdist CARGO_PROFILE_RELEASE_LTO=off \
  CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
PATH="$bin:$PATH" "$bin/pip" wheel -q --no-deps --no-index --no-build-isolation -w "$out/wheel" "${sdist[0]}"
"$python" -m venv "$out/venv"
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
