#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The guest's console: what is typed faster than it is read, where output cannot go, terminals under job control, signals
# that were ignored at the start.  Usage: tests/e2e/console.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
PANDO=$O/pando
work=$(mktemp -d)
export PANDO_RUN_DIR=$work/run
suite=console
pids=()
. tests/support/suite.sh

cleanup() {
	[ ${#pids[@]} -eq 0 ] || kill -KILL "${pids[@]}" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
show() { tail -qn 3 "$work"/*.log | cut -c -200 | sed 's/^/    /'; }

kvm_or_skip console || exit 0
for g in COUNT TALK DEAF OFF; do
	flat_guest tests/e2e/console.S "$g" "$work/$g" || { no build "$g does not build"; exit 1; }
done
guest() { # NAME GUEST [option...]: its words are in NAME.log
	local name=$1 kernel=$2
	shift 2
	exec timeout 60 "$PANDO" run --name "$name" --local 1 --memory 16M --kernel "$work/$kernel" "$@"
}

# ---- what is typed ----
head -c 99999 /dev/zero | tr '\0' a >"$work/typed"
printf q >>"$work/typed"
(guest here COUNT) <"$work/typed" >"$work/here" 2>"$work/here.log"
[ "$(tail -n 1 "$work/here")" = 000186a0 ]
verdict here_document_arrives_whole $? "$(tail -n 1 "$work/here"), 000186a0 bytes were typed"

# Endless input: what the writer gets rid of is what the guest, the two ends and the pipe have room for.
mkfifo "$work/pipe"
(guest deaf DEAF) <"$work/pipe" >"$work/deaf" 2>"$work/deaf.log" &
pids+=($!)
exec {typist}>"$work/pipe"
wait_for 20 grep -q ready "$work/deaf"
taken=$(python3 -c '
import os, select, sys
fd, n = int(sys.argv[1]), 0
os.set_blocking(fd, False)
while select.select([], [fd], [], 1)[1]:
    try:
        n += os.write(fd, b"y" * 4096)
    except BlockingIOError:
        break
print(n)' "$typist")
[ "$taken" -ge 4096 ] && [ "$taken" -lt 200000 ]
verdict endless_input_waits $? "$taken bytes were taken in"
kill -TERM "${pids[0]}" 2>/dev/null
wait "${pids[0]}"
exec {typist}>&-

# ---- where output cannot go ----
(guest full TALK) >/dev/full 2>"$work/full.log" </dev/null
[ $? -eq 1 ] && grep -q 'No space left on device: its output is lost' "$work/full.log" &&
	grep -q "524288 bytes of the guest's console were not written" "$work/full.log"
verdict full_disk_is_said $? "status, or not said"
(guest gone TALK) 2>"$work/gone.log" </dev/null | true
[ "${PIPESTATUS[0]}" -eq 1 ] && grep -q 'Broken pipe: its output is lost' "$work/gone.log"
verdict reader_that_is_gone_is_said $? "status, or not said"
(ulimit -f 64 && guest limit TALK --console "file:$work/limited") 2>&1 </dev/null | cat >"$work/limit.log"
[ "${PIPESTATUS[0]}" -eq 1 ] && grep -q 'File too large: its output is lost' "$work/limit.log"
verdict file_size_limit_is_said $? "status, or not said"
(guest order TALK) >"$work/order.log" 2>&1 </dev/null
tr -d '\r' <"$work/order.log" | tail -n 2 >"$work/order.end"
head -n 1 "$work/order.end" | grep -q ' end$' && tail -n 1 "$work/order.end" | grep -q 'powered off' &&
	[ "$(grep -c xxx "$work/order.log")" = 4096 ]
verdict power_off_comes_last $? "$(cut -c 100-180 "$work/order.end")"

# Over before all of its many CPUs are there: the time is that of the guest all the same.
began=$SECONDS
(guest early OFF --cpus 255) >"$work/early" 2>"$work/early.log" </dev/null
lasted=$(sed -n 's/.*powered off after \([0-9]*\)\..*/\1/p' "$work/early.log")
[ "${lasted:-999999}" -le $((SECONDS - began + 1)) ]
verdict time_of_a_short_guest $? "$(tail -n 1 "$work/early.log")"

# ---- signals that were ignored at the start ----
(trap '' HUP INT && exec "$PANDO" run --name hup --local 1 --memory 16M --kernel "$work/DEAF" </dev/null) >"$work/hup.log" 2>&1 &
run=$!
pids+=($run)
wait_for 20 guest_runs hup
kill -HUP $run && kill -INT $run && guest_runs hup
verdict ignored_signals_stay_ignored $? "$(tail -n 1 "$work/hup.log")"
kill -TERM $run
wait $run
rc=$?
[ $rc -eq 130 ]
verdict others_do_not $? "status $rc"

# ---- terminals ----
judged terminals timeout 150 python3 tests/e2e/console_tty.py "$PANDO" "$work/COUNT"
exit $bad
