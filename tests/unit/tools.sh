#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The guest's tools, on this machine: given no time at all they still do enough to judge by, and what hangs is reported.
# Usage: tests/unit/tools.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
tool=${1:?build folder}/guest-tools/pando-guest
suite=tools
. tests/support/suite.sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
log=$tmp/log
show() { tail -n 5 "$log" | sed 's/^/    /'; }

passes() { # TOOL RESULT LEAST: with no time it passes, and each RESULT (a pattern) is at least so much
	"$tool" "$1" --seconds=0 >"$log" 2>&1
	local rc=$? few
	if grep -q '^SKIP' "$log" && ! grep -q '^PASS' "$log"; then
		sed "s/^SKIP /SKIP $suite./" "$log" # one CPU only
		return
	fi
	few=$(awk -v r="^$2$" -v l="$3" '$1 == "RESULT" && $2 ~ r { n++; if ($3 < l) print $2, $3 } END { if (!n) print "no", r }' "$log")
	[ $rc -eq 0 ] && ! grep -q '^FAIL' "$log" && [ -z "$few" ]
	verdict "$1_without_time" $? "status $rc $few"
}
passes sharing 'sharing_.*' 1
passes litmus 'litmus_.*_rounds' 512
passes clock 'clock_.*_messages' 31
"$tool" pattern --percent=0.1 --far=25 >"$log" 2>&1
rc=$?
share=$(awk -v b="$(value pattern_bytes)" -v f="$(value pattern_far_bytes)" 'BEGIN { print (f > 0.2 * b && f < 0.3 * b) }')
[ $rc -eq 0 ] && grep -q '^PASS pattern' "$log" && [ "$share" = 1 ]
verdict pattern_of_which_some_is_far $? "status $rc, $(value pattern_far_bytes) of $(value pattern_bytes) bytes"
"$tool" compute --msteps=500 --patience=0.01 >"$log" 2>&1
[ $? -eq 1 ] && grep -q '^FAIL hang: thread 0 on CPU .* is not over after 0.01 s' "$log"
verdict a_hang_is_reported $? "not reported"
exit $bad
