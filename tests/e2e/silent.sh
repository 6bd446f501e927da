#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guests that die before they have a console are said to show no sign of life: on the terminal, in status, as an event;
# guests that only look so are not.  Usage: tests/e2e/silent.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
PANDO=$O/pando
work=$(mktemp -d)
export PANDO_RUN_DIR=$work/run
suite=silent
pids=()
. tests/support/suite.sh

cleanup() {
	[ ${#pids[@]} -eq 0 ] || kill -KILL "${pids[@]}" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
show() { tail -qn 1 "$work"/*.log | sed 's/^/    /'; }

kvm_or_skip silent || exit 0

guest() { # NAME SYMBOL HOSTS
	flat_guest tests/e2e/silent.S "$2" "$work/$1" || { no "$1" "it does not build"; return; }
	"$PANDO" run --name "$1" --local "$3" --cpus "$3" --memory 32M --kernel "$work/$1" >"$work/$1.log" 2>&1 </dev/null &
	pids+=($!)
}
said() { grep -qa 'no sign of life' "$work/$1.log"; }
state() { # NAME KEY
	"$PANDO" status "$1" --json 2>/dev/null | python3 -c 'import json, sys; print(json.load(sys.stdin)["hosts"][0]["life"][sys.argv[1]])' "$2" 2>/dev/null
}

# Those that go round share the machine's processors: the more, the less each proves.
guest loop LOOP 1
guest halt HALT 2
guest idle IDLE 1
guest byte BYTE 1
guest poll POLL 1
guest far FAR 1
wait_for 10 guest_runs loop || { no start "the guest does not run"; exit 1; }
# The event's client comes first: an event is not kept for later ones.
(echo '{"execute": "qmp_capabilities"}'; exec sleep 60) | timeout 60 socat - "unix-connect:$work/run/loop.qmp" >"$work/events" 2>/dev/null &
pids+=($!)

wait_for 60 said loop
verdict loop_is_said $? "nothing on the terminal"
wait_for 20 said halt
verdict halt_without_interrupts_is_said $? "nothing on the terminal"
wait_for 5 grep -q X_PANDO_GUEST_SILENT "$work/events"
verdict event $? "no X_PANDO_GUEST_SILENT came: $(tail -n 1 "$work/events")"
grep -q '"rip": 1048576' "$work/events"
verdict event_names_the_place $? "$(grep X_PANDO "$work/events")"
"$PANDO" status loop | grep -q '^no sign of life for [0-9]* s: vCPU 0 goes round at RIP 0x100000$'
verdict status $? "$("$PANDO" status loop | tail -n 1)"
"$PANDO" status halt | grep -q '^no sign of life for [0-9]* s: vCPU 0 is halted without interrupts at RIP 0x10000'
verdict status_of_a_halt $? "$("$PANDO" status halt | tail -n 1)"

# As long as it took for the others, and by the same clock.
for g in idle byte poll far; do
	if said $g; then no "$g.is_not_silent" "$(grep -a 'sign of life' "$work/$g.log")"; else ok "$g.is_not_silent"; fi
	[ "$(state $g silent)" = False ]
	verdict $g.status_knows $? "silent: $(state $g silent)"
done
[ "$(state idle signs) $(state byte signs) $(state far signs)" = "True True False" ]
verdict signs_of_life $? "idle $(state idle signs), byte $(state byte signs), far $(state far signs)"
[ "$(grep -ca 'no sign of life' "$work/loop.log")" = 1 ]
verdict said_once $? "$(grep -ca 'no sign of life' "$work/loop.log") times"

# A reset begins anew, and what it was before is not said again at once.
"$PANDO" qmp loop system_reset >/dev/null
not_silent() { [ "$(state loop silent)" = False ]; }
wait_for 10 not_silent
verdict a_reset_begins_anew $? "silent: $(state loop silent)"
exit $bad
