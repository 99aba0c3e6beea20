#!/usr/bin/env bash
# Makes each target in turn, goes on after a failure, and ends with one line per
# target: mk/steps.sh TITLE TARGET...
set -uo pipefail

title=$1
shift
summary=()
failed=0
began=$SECONDS
for target in "$@"; do
  printf '\n== %s\n' "$target"
  from=$SECONDS
  if "${MAKE:-make}" --no-print-directory "$target"; then
    verdict=ok
  else
    verdict=FAILED
    failed=$((failed + 1))
  fi
  summary+=("$(printf '  %-6s  %-12s %4d s' "$verdict" "$target" $((SECONDS - from)))")
done

printf '\n== summary of make %s\n' "$title"
printf '%s\n' "${summary[@]}"
if ((failed > 0)); then
  printf 'make %s: %d of %d steps FAILED after %d s\n' "$title" "$failed" $# $((SECONDS - began))
  exit 1
fi
printf 'make %s: all %d steps passed in %d s\n' "$title" $# $((SECONDS - began))
