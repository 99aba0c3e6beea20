#!/usr/bin/env bash
# Fails if a committed file names a directory of one machine or the host of a
# package registry. Cargo.lock has to name its registry.
set -uo pipefail

patterns=(
  -e '(^|[^A-Za-z0-9_.~/-])/(home|root|work|Users)/[A-Za-z0-9._-]'
  -e 'registry[.]npmjs|registry[.]yarnpkg|pythonhosted|(pypi|crates)[.](org|io)/(simple|api)'
)
if git grep -nIE "${patterns[@]}" -- . ':!Cargo.lock' ':!mk/paths.sh'; then
  echo 'the lines above name a path of one machine or a registry' >&2
  exit 1
fi
