#!/bin/sh
# Mutation testing of the core, `mk/mutants.sh TOOLS SHARDS`: each shard leaves its result in target/mutants, and is not
# run again while it is there, so that a run that was broken off goes on. Those that survive, for good reasons, are in
# core/tests/mutants.md.
set -eu
cd "$(dirname "$0")/.."

tools=$1 shards=$2 results=target/mutants
PATH=$tools/bin:$PATH
command -v cargo-mutants >/dev/null ||
	cargo install -q --locked --root "$tools" cargo-mutants --version 26.0.0
mkdir -p "$results"

# `NAME FILES EXCLUDED TESTS`: the state machines by what knows nothing of drivers, the driver by what is seen from outside.
run() {
	name=$1 files=$2 excluded=$3
	shift 3
	shard=0
	while [ "$shard" -lt "$shards" ]; do
		out=$results/$name-$shard
		if [ ! -e "$out/done" ]; then
			rm -rf "$out"
			mkdir -p "$out"
			status=0
			INORDER_MODEL_STEPS=10000 cargo mutants --package inorder --shard "$shard/$shards" --output "$out" \
				--file "$files" --exclude "$excluded" --no-times --colors never "$@" >"$out/log" 2>&1 || status=$?
			# 2: some were missed; 3: some took too long
			case $status in 0 | 2 | 3) touch "$out/done" ;; *) tail -n 20 "$out/log" && exit "$status" ;; esac
		fi
		tail -n 1 "$out/log"
		shard=$((shard + 1))
	done
}

run core 'core/src/**/*.rs' 'core/src/driver/**' -- --all-features --lib --test vectors --test model --test watermark
run driver 'core/src/driver/**/*.rs' 'core/src/driver/clock.rs' -- --all-features
cat "$results"/*/mutants.out/missed.txt
