#!/bin/sh
# Instructions per item of what is ours, by callgrind: they do not vary from run to run, so that a slower core is seen in
# the diff of the committed baseline. `mk/instructions.sh` compares, `mk/instructions.sh --write` writes the baseline.
set -eu
cd "$(dirname "$0")/.."

baseline=core/bench/instructions.txt
command -v valgrind >/dev/null || { echo 'valgrind is not installed: instructions are not counted'; exit 0; }
cargo build --release -q -p inorder-bench
bench=${CARGO_TARGET_DIR:-target}/release/inorder-bench

count() {
	valgrind --tool=callgrind --callgrind-out-file=/dev/null "$bench" "$1" "$2" 2>&1 | sed -n 's/.*Collected : //p'
}

per_item() {
	fewer=$(count "$1" 100000)
	more=$(count "$1" 200000)
	echo $(((more - fewer + 50000) / 100000))
}

now=$(for name in dispatcher dispatcher_with_limits at_once one_turn keyed reorder_buffer; do
	echo "$name $(per_item "$name")"
done)
if [ "${1-}" = --write ]; then
	printf '%s\n' "$now" >"$baseline"
	exit 0
fi
echo 'instructions per item, and of the baseline'
printf '%s\n' "$now" | while read -r name value; do
	echo "  $name $value $(sed -n "s/^$name //p" "$baseline")"
done | column -t
