#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Hosts join a micro-guest that works, take a vCPU, give it back and leave; others come in their places, many rounds; a host that
# joins is killed in each step; what is refused. Natively.
# Usage: tests/e2e/join.sh BUILD_FOLDER     ROUNDS=10
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
rounds=${ROUNDS:-10}
limit=$((480 + 30 * rounds)) # seconds, far away: for what hangs
suite=join
. tests/support/suite.sh
. tests/support/hosts.sh

host() { start_host "$1" --cpus 2 --memory 64M; } # NAME
boot() { # NAME HOSTS-IN-ALL: on host a; two vCPUs add to shared words and read the clock until an NMI comes
	boot_guest "$1" $((limit + 20)) --hosts "${at[a]}" --key "$tmp/key" --max-hosts "$2" --cpus 2 --memory 32M --peer-timeout 3000 \
		--append "test=stops outside=1 ms=${limit}000" || return
	wait_for "$patience" says "STOPS WANTED" || { no "$name.boot" "it does not run"; return 1; }
}
ends_well() { # the guest has worked all the while, and nothing that it wrote is lost
	nmi
	finish stops
}

host a
host b
host c
host d

# ---- rounds: one joins, gets a vCPU, gives it back, leaves; another has its place; then two at once, with a gap between ----
if boot rounds 3; then
	for ((n = 0; n < rounds; n++)); do
		one=$([ $((n % 2)) = 0 ] && echo b || echo c) two=$([ $((n % 2)) = 0 ] && echo c || echo b)
		step "$n.join" add-host "$name" "${at[$one]}" || break
		step "$n.move" move "$name" 1 1 || break
		step "$n.second" add-host "$name" "${at[$two]}" || break
		step "$n.moves" move "$name" 0 2 && step "$n.moves" move "$name" 1 2 && step "$n.moves" move "$name" 0 1 &&
			step "$n.home" move "$name" 0 0 || break
		step "$n.gap" remove-host "$name" "${at[$one]}" || break
		are_members 2 || { no "$name.$n.members" "$(members)"; break; }
		step "$n.home" move "$name" 1 0 && step "$n.third" add-host "$name" "${at[d]}" || break
		step "$n.over" move "$name" 1 1 && step "$n.home" move "$name" 1 0 || break
		step "$n.leave" remove-host "$name" 1 && step "$n.leave" remove-host "$name" 2 || break
		are_members 1 || { no "$name.$n.members" "$(members)"; break; }
	done
	[ "$n" = "$rounds" ]
	verdict "$name.all" $? "$n of $rounds rounds"
	# A stop counts what hosts that have left had sent; who joins afterwards has the guest's clock.
	step stop qmp "$name" stop
	refuses stopped 'the guest is stopped' add-host "$name" "${at[b]}"
	step cont qmp "$name" cont
	step after_stop add-host "$name" "${at[b]}" && step after_stop move "$name" 1 1 && step stop qmp "$name" stop && step cont qmp "$name" cont
	refuses host0 "host 0 has the board" remove-host "$name" 0
	refuses loaded 'runs 1 vCPUs' remove-host "$name" 1
	refuses nobody 'no host' remove-host "$name" 7
	refuses twice 'is a host of this guest already' add-host "$name" "${at[b]}"
	refuses unreachable 'cannot reach' add-host "$name" 127.0.0.1:1
	step third add-host "$name" "${at[c]}"
	refuses full 'max-hosts' add-host "$name" "${at[d]}"
	"$O/pando" hosts "$name" >"$tmp/hosts"
	grep -q "^ *1 ${at[b]} *member .* 1 " "$tmp/hosts"
	verdict "$name.shown" $? "$(cat "$tmp/hosts")"
	ends_well
fi

# ---- three at once, and a stop meanwhile: each has its turn ----
if boot beside 4; then
	jobs=()
	for h in b c d; do "$O/pando" add-host "$name" "${at[$h]}" >"$tmp/$h.out" 2>&1 & jobs+=($!); done
	step stop qmp "$name" stop
	step cont qmp "$name" cont
	for j in "${jobs[@]}"; do wait "$j"; done
	for h in b c d; do pando add-host "$name" "${at[$h]}"; done # one whose turn came during the stop was refused
	are_members 4
	verdict "$name.all" $? "$(cat "$tmp"/?.out "$tmp/why")"
	step move move "$name" 1 3
	ends_well
fi

# ---- hosts that have joined are reset with the others, and leave the guest that comes after ----
if boot reset 3; then
	step join add-host "$name" "${at[b]}" && step join add-host "$name" "${at[c]}" && step move move "$name" 0 1 && step move move "$name" 1 2
	step reset qmp "$name" system_reset
	again() { [ "$(grep -ac 'STOPS WANTED' "$log")" = 2 ]; }
	wait_for 30 again
	verdict "$name.again" $? "it does not run again"
	step leave remove-host "$name" 1 && step home move "$name" 1 0 && step leave remove-host "$name" "${at[c]}"
	step quit qmp "$name" quit
	end_of_guest
	verdict "$name.ends" $? "exit status"
fi

# ---- a host that joins ends in each step: the guest goes on without it, and its place is free ----
if boot killed 2; then
	for step in set-up connect create traits host-place run; do
		PANDO_END_AT=$step host x
		if pando add-host "$name" "${at[x]}"; then no "killed.$step" "it is a member"; continue; fi
		wait_for 5 ended "${pid[x]}"
		are_members 1 && ! "$O/pando" hosts "$name" | grep -q "${at[x]}"
		verdict "killed.$step.no_trace" $? "$("$O/pando" hosts "$name")"
		step "$step.next" add-host "$name" "${at[b]}" && step "$step.next" move "$name" 1 1 && step "$step.next" move "$name" 1 0 &&
			step "$step.next" remove-host "$name" 1
	done
	PANDO_END_AT=quit host x # when it has left: nothing of it is the guest's any more
	step join add-host "$name" "${at[x]}" && step leave remove-host "$name" 1
	wait_for 5 ended "${pid[x]}"
	are_members 1
	verdict killed.quit.no_trace $? "$("$O/pando" hosts "$name")"
	ends_well
fi

# ---- a member is a host like others: its loss is the guest's end ----
if boot lost 2; then
	host x
	step join add-host "$name" "${at[x]}"
	kill -KILL "${pid[x]}"
	end_of_guest
	[ $? = 5 ] && says "lost host 1 at ${at[x]}"
	verdict lost.said $? "$(tail -n 2 "$log")"
fi

# ---- a guest that was started without room ----
if boot no_room 1; then
	refuses room 'max-hosts' add-host "$name" "${at[b]}"
	ends_well
fi
exit $bad
