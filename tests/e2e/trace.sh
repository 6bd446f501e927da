#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A trace of a real two-host guest: recorded while it runs and at its end, decoded, and judged. Usage: tests/e2e/trace.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
if [ ! -w /dev/kvm ]; then
	echo "SKIP trace: /dev/kvm cannot be opened"
	exit 0
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export PANDO_RUN_DIR=$dir/run
failed=0
name=trace-$$
say() { # NAME STATUS DETAIL
	if [ "$2" -eq 0 ]; then echo "PASS trace-$1"; else echo "FAIL trace-$1: $3"; failed=1; fi
}

timeout -k 5 90 "$O/pando" run --local 2 --cpus 2 --memory 64M --kernel "$O/guest-tools/micro.elf" --name "$name" --quiet \
	--trace "$dir/end.trace" --append "test=pingpong,migratory,port rounds=2000" >"$dir/log" 2>&1 </dev/null &
run=$!
for _ in $(seq 100); do
	"$O/pando" trace start "$name" --records 16384 >"$dir/start.log" 2>&1 && break
	sleep 0.1
done
say start $? "$(tail -n 1 "$dir/start.log")"
sleep 1
(cd "$dir" && "$OLDPWD/$O/pando" trace stop "$name" -o live.trace) >"$dir/stop.log" 2>&1
say stop $? "$(tail -n 1 "$dir/stop.log")"
# What the hosts do to vCPUs, in a ring that holds all of it.
for verb in "trace start $name --records 400000" "qmp $name stop" "qmp $name cont" "move $name 1 0" "move $name 1 1" \
	"trace stop $name -o $dir/verbs.trace" "trace start $name"; do
	# shellcheck disable=SC2086
	"$O/pando" $verb >"$dir/verb.log" 2>&1 || { say "verbs" 1 "$verb: $(tail -n 1 "$dir/verb.log")"; break; }
done
"$O/pando" trace decode "$dir/verbs.trace" >"$dir/verbs.txt"
wait $run
say run $? "$(tail -n 3 "$dir/log")"
for which in live end; do
	"$O/pando" trace decode "$dir/$which.trace" --json -o "$dir/$which.json" 2>"$dir/decode.log"
	say "decode-$which" $? "$(cat "$dir/decode.log")"
	python3 tests/e2e/trace_check.py "$dir/$which.json" | sed "s/ trace-/ trace-$which-/"
	[ "${PIPESTATUS[0]}" -eq 0 ] || failed=1
done
for kind in paused resumed vcpu-left vcpu-came; do # on both hosts
	[ "$(awk -v k=$kind '$3 == k { print $2 }' "$dir/verbs.txt" | sort -u | wc -l)" -eq 2 ]
	say "both-hosts-record-$kind" $? "$(grep -c " $kind " "$dir/verbs.txt") of them, not of two hosts"
done
[ "$("$O/pando" trace decode "$dir/end.trace" | grep -vc '^#')" -gt 100 ]
say text $? "fewer than 100 lines of text"
head -c 5000 "$dir/end.trace" >"$dir/cut.trace"
! "$O/pando" trace decode "$dir/cut.trace" >/dev/null 2>"$dir/cut.log" && grep -q 'cut off' "$dir/cut.log"
say cut-off-is-refused $? "$(cat "$dir/cut.log")"
exit $failed
