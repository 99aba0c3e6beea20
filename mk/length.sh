#!/usr/bin/env bash
# Fails if a committed source file is over 600 lines: that is two ideas.
set -uo pipefail

limit=600
long=$(git ls-files -z -- '*.rs' '*.py' '*.pyi' '*.js' '*.mjs' '*.ts' '*.html' '*.sh' '*.mk' Makefile |
  xargs -0 -r wc -l 2>/dev/null | awk -v limit=$limit '$2 != "total" && $1 > limit')
if [[ -n $long ]]; then
  printf '%s\n' "$long"
  echo "the files above have over $limit lines" >&2
  exit 1
fi
