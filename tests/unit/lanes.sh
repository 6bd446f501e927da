#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tests/check.sh itself: stages one after the other and side by side, counted and told of as a whole.
# Usage: tests/unit/lanes.sh
set -u
cd "$(dirname "$0")/../.."
suite=lanes
. tests/support/suite.sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
show() { sed 's/^/    | /' "$tmp/out"; } # not as verdicts of this one
cat >"$tmp/stages" <<'END'
stage_good() { run good 10 bash -c 'until [ -e "$1/go" ]; do sleep 0.05; done; echo PASS x; echo PASS y' sh "$TRY"; }
stage_bad() { touch "$TRY/go"; run bad 10 bash -c "echo FAIL x: why; exit 1"; }
stage_skips() { run skips 10 bash -c "echo SKIP x: why"; }
stage_idle() { run idle 10 bash -c 'chrt -p $$ | grep -q SCHED_IDLE && echo PASS idle'; }
stage_late() { run late 1 sleep 30; }
stage_dies() { exit 3; }
stage_interrupt() { run interrupt 10 bash -c '! ((0x$(sed -n "s/^SigIgn:.//p" /proc/self/status) & 2)) && echo PASS int'; }
END
try() { # NAME STATUS CLOSING-LINE STAGE...
	local name=$1 want=$2 line=$3 rc
	shift 3
	rm -f "$tmp/go"
	TRY=$tmp CHECK_STAGES=$tmp/stages bash tests/check.sh "$tmp/build" "$@" >"$tmp/out" 2>&1
	rc=$?
	[ $rc -eq "$want" ] && [ "$(tail -n 1 "$tmp/out")" = "$line" ]
	verdict "$name" $? "status $rc, '$(tail -n 1 "$tmp/out")'; expected $want, '$line'"
}
try one_after_the_other 1 "0 passed, 1 failed, 1 skipped" bad skips
try at_the_same_time 1 "2 passed, 1 failed, 1 skipped" "good | bad skips" # good waits for bad
[ "$(sed -n '/^== good/,/^   good/p' "$tmp/out" | wc -l)" -eq 2 ]
verdict lines_stay_together $? "the lines of good are torn"
try what_is_left 1 "1 passed, 1 failed" "bad | ~ idle"
try a_limit_is_kept 1 "2 passed, 2 failed" "good | bad late"
try a_stage_that_ends_is_a_failure 1 "0 passed, 1 failed, 1 skipped" "dies | skips"
try interrupts_are_not_ignored 0 "1 passed, 0 failed, 1 skipped" "interrupt | skips"

# What a unit program that failed said is shown, wherever in the stage it stood.
mkdir -p "$tmp/fake/tests"
unit_program() { # NAME SCRIPT
	printf '#!/bin/sh\n%s\n' "$2" >"$tmp/fake/tests/unit-$1" && chmod +x "$tmp/fake/tests/unit-$1"
}
unit_program a "echo '[ RUN      ] A.Bad'; echo 'why A'; echo '[  FAILED  ] A.Bad (1 ms)'; exit 1"
unit_program b "echo 'ERROR: why B'; exit 1"
unit_program c "seq -f 'noise %g' 80; echo '[       OK ] C.Good (0 ms)'"
echo 'stage_units() { run units 10 bash -c "$(declare -f units); units $TRY/fake"; }' >"$tmp/stages"
try unit_programs_that_fail_are_counted 1 "1 passed, 2 failed" units
grep -q '    why A' "$tmp/out" && grep -q '    ERROR: why B' "$tmp/out"
verdict what_they_said_is_shown $? "why A or why B is not in the output"
rm "$tmp/fake/tests/unit-b"
unit_program d "echo 'last words'; exec sleep 60"
echo 'stage_units() { run units 8 bash -c "$(declare -f units); units $TRY/fake"; }' >"$tmp/stages"
try a_unit_program_that_hangs 1 "1 passed, 1 failed" units
grep -q 'not finished in 8 s' "$tmp/out" && grep -q '    last words' "$tmp/out"
verdict its_last_words_are_shown $? "the last words are not in the output"

# Ended from outside, it leaves nothing.
cat >"$tmp/stages" <<'END'
stage_long() { run long 60 bash -c 'echo $$ >"$1/pid"; exec sleep 60' sh "$TRY"; }
stage_skips() { run skips 10 bash -c "echo SKIP x: why"; }
END
TRY=$tmp CHECK_STAGES=$tmp/stages bash tests/check.sh "$tmp/build" "long | skips" >"$tmp/out" 2>&1 &
pid=$!
wait_for 10 test -s "$tmp/pid" && kill "$pid"
wait "$pid"
gone() { ! kill -0 "$(cat "$tmp/pid")" 2>/dev/null; }
[ -s "$tmp/pid" ] && wait_for 5 gone
verdict ended_from_outside $? "what a lane ran goes on"
exit $bad
