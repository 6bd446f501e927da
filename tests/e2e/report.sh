#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `pando report` of a trace that a running guest of two hosts left.  Usage: tests/e2e/report.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
PANDO=$O/pando
WORK=$(mktemp -d)
export PANDO_RUN_DIR=$WORK/run
RUN_PID=
suite=report
. tests/support/suite.sh

cleanup() {
	[ -n "$RUN_PID" ] && kill -TERM "$RUN_PID" 2>/dev/null && wait "$RUN_PID" 2>/dev/null
	rm -rf "$WORK"
}
trap cleanup EXIT

# ---- what is no trace ----
"$PANDO" report "$WORK/none" -o "$WORK/x.html" >"$WORK/out" 2>&1
[ $? -eq 1 ] && grep -q 'No such file' "$WORK/out"
verdict missing_file_is_named $? "$(cat "$WORK/out")"
head -c 5000 /dev/urandom >"$WORK/noise"
"$PANDO" report "$WORK/noise" -o "$WORK/x.html" >"$WORK/out" 2>&1
[ $? -eq 1 ] && grep -q 'is no trace' "$WORK/out" && [ ! -e "$WORK/x.html" ]
verdict noise_is_refused $? "$(cat "$WORK/out")"
"$PANDO" report <(head -c 5000 "$WORK/noise") -o "$WORK/x.html" >"$WORK/out" 2>&1
[ $? -eq 1 ] && grep -q 'is no trace' "$WORK/out"
verdict a_pipe_is_read $? "$(cat "$WORK/out")"

kvm_or_skip report.live || exit $bad
"$PANDO" run --local 2 --kernel "$O/guest-tools/micro.elf" --cpus 2 --memory 64M --name report --quiet \
	--append "test=storm ops=4000000000" >"$WORK/run.log" 2>&1 </dev/null &
RUN_PID=$!
wait_for 20 grep -q 'PASS smp' "$WORK/run.log"
verdict guest_runs $? "$(tail -n 5 "$WORK/run.log")"
"$PANDO" trace start report >"$WORK/out" 2>&1 && sleep 2 && "$PANDO" trace stop report --output "$WORK/trace" >>"$WORK/out" 2>&1
verdict trace_is_recorded $? "$(cat "$WORK/out")"
"$PANDO" report "$WORK/trace" -o "$WORK/page.html" >"$WORK/out" 2>&1
verdict page_is_written $? "$(cat "$WORK/out")"

page=$WORK/page.html
[ "$(grep -o '<svg ' "$page" | wc -l)" -eq 5 ]
verdict page_has_its_plots $? "$(head -c 3000 "$page")"
grep -q 'host 0 to host 1' "$page" && grep -q 'host 1 to host 0' "$page"
verdict both_directions_are_drawn $? "$(head -c 3000 "$page")"
grep -qE '<code>0x[0-9a-f]+000</code>' "$page"
verdict hot_pages_are_listed $? "$(tail -c 3000 "$page")"
[ -s "$page" ] && ! grep -qE 'https?:|<script|<link|<img|src=|url\(|@import' "$page"
verdict page_needs_nothing_else $? "$(grep -oE '.{40}(https?:|<script|<link|<img|src=|url\(|@import).{40}' "$page" | head -n 3)"
count() { sed -n 's/.*<b>\([0-9.]*\)\( k\)\{0,1\}<\/b><span>pages moved.*/\1/p' "$page"; }
awk -v n="$(count)" 'BEGIN { exit !(n > 0) }'
verdict pages_were_counted $? "'$(count)' pages moved"

# ---- half a file ----
head -c "$(($(stat -c %s "$WORK/trace") - 16))" "$WORK/trace" >"$WORK/cut"
"$PANDO" report "$WORK/cut" -o "$WORK/x.html" >"$WORK/out" 2>&1
[ $? -eq 1 ] && grep -q 'is no trace' "$WORK/out"
verdict cut_file_is_refused $? "$(cat "$WORK/out")"
exit $bad
