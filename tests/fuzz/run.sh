#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs every fuzz target for SECONDS from the corpus in the tree; prints PASS, FAIL or SKIP a target. What it finds
# stays in BUILD_FOLDER/fuzz-TARGET/.  Usage: tests/fuzz/run.sh BUILD_FOLDER SECONDS
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
seconds=${2:?seconds a target}
failed=0

for source in tests/fuzz/fuzz_*.c; do
	name=$(basename "$source" .c)
	name=${name#fuzz_}
	bin=$O/tests/fuzz-$name
	work=$O/fuzz-$name
	if [ ! -x "$bin" ]; then
		echo "FAIL fuzz-$name: not built (make $bin)"
		failed=1
		continue
	fi
	if head -c 2 "$bin" | grep -q '#!'; then
		"$bin"
		continue
	fi
	rm -rf "$work"
	mkdir -p "$work/corpus"
	[ -d tests/fuzz/corpus/"$name" ] && cp tests/fuzz/corpus/"$name"/* "$work/corpus/"
	if "$bin" -max_total_time="$seconds" -timeout=30 -rss_limit_mb=1024 -max_len=20000 -print_final_stats=1 \
		-artifact_prefix="$work/" "$work/corpus" >"$work/log" 2>&1; then
		echo "PASS fuzz-$name ($(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log") inputs)"
	else
		echo "FAIL fuzz-$name: $(grep -m1 -E 'ERROR|SUMMARY|runtime error' "$work/log") (see $work/log)"
		failed=1
	fi
done
exit $failed
