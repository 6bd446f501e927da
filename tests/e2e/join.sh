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
tmp=$(mktemp -d)
export PANDO_RUN_DIR=$tmp/run
pids=() guest=
trap 'for p in $guest "${pids[@]}"; do kill -KILL "$p" 2>/dev/null; done; wait 2>/dev/null; rm -rf "$tmp"' EXIT
suite=join
. tests/support/suite.sh
show() { tail -n 5 "$tmp/why" "$log" | sed 's/^/    /'; }
kvm_or_skip join || exit 0

"$O/pando" keygen "$tmp/key" >/dev/null
declare -A at pid
start_host() { # NAME [end-at]: at[NAME], pid[NAME]
	local port
	port=$(free_port)
	PANDO_END_AT=${2:-} "$O/pando" host --key "$tmp/key" --listen "127.0.0.1:$port" --cpus 2 --memory 64M --log-name "$1" >"$tmp/$1.log" 2>&1 &
	pid[$1]=$!
	pids+=($!)
	disown # of one that is killed the shell would say so
	at[$1]=127.0.0.1:$port
	wait_for 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
}
boot() { # NAME HOSTS-IN-ALL: on host a; two vCPUs add to shared words and read the clock until an NMI comes
	name=$1 log=$tmp/$1.log
	timeout -k 5 $((limit + 20)) "$O/pando" run --hosts "${at[a]}" --key "$tmp/key" --max-hosts "$2" --kernel "$O/guest-tools/micro.elf" --cpus 2 \
		--memory 32M --peer-timeout 3000 --name "$name" --quiet --append "test=stops outside=1 ms=${limit}000" >"$log" 2>&1 </dev/null &
	guest=$!
	wait_for 20 says "STOPS WANTED" || { no "$name.boot" "it does not run"; return 1; }
}
says() { grep -aq "$1" "$log"; }
pando() { "$O/pando" "$@" 2>"$tmp/why" >"$tmp/out"; }
does() { # WHAT COMMAND...
	local what=$1
	shift
	pando "$@" || { no "$name.$what" "$(cat "$tmp/why")"; return 1; }
}
refuses() { # WHAT PATTERN COMMAND...
	local what=$1 want=$2
	shift 2
	if pando "$@"; then no "$name.$what" "it is done"; else
		grep -q "$want" "$tmp/why"
		verdict "$name.$what" $? "$(cat "$tmp/why")"
	fi
}
ended() { ! kill -0 "$1"; }
members() { "$O/pando" hosts --json "$name" | tr -d ' \n' | grep -o '"membership":{"state":"member"' | wc -l; }
are_members() { [ "$(members)" = "$1" ]; }
finish() { # the guest has worked all the while, and nothing that it wrote is lost
	"$O/pando" qmp "$name" inject-nmi >/dev/null 2>&1
	wait "$guest"
	local rc=$?
	guest=
	says '^PASS stops'
	verdict "$name.guest" $((rc + $?)) "exit status $rc: $(grep -a 'FAIL\|pando:' "$log" | head -3)"
}

start_host a
start_host b
start_host c
start_host d

# ---- rounds: one joins, gets a vCPU, gives it back, leaves; another has its place; then two at once, with a gap between ----
if boot rounds 3; then
	for ((n = 0; n < rounds; n++)); do
		one=$([ $((n % 2)) = 0 ] && echo b || echo c) two=$([ $((n % 2)) = 0 ] && echo c || echo b)
		does "$n.join" add-host "$name" "${at[$one]}" || break
		does "$n.move" move "$name" 1 1 || break
		does "$n.second" add-host "$name" "${at[$two]}" || break
		does "$n.moves" move "$name" 0 2 && does "$n.moves" move "$name" 1 2 && does "$n.moves" move "$name" 0 1 &&
			does "$n.home" move "$name" 0 0 || break
		does "$n.gap" remove-host "$name" "${at[$one]}" || break
		are_members 2 || { no "$name.$n.members" "$(members)"; break; }
		does "$n.home" move "$name" 1 0 && does "$n.third" add-host "$name" "${at[d]}" || break
		does "$n.over" move "$name" 1 1 && does "$n.home" move "$name" 1 0 || break
		does "$n.leave" remove-host "$name" 1 && does "$n.leave" remove-host "$name" 2 || break
		are_members 1 || { no "$name.$n.members" "$(members)"; break; }
	done
	[ "$n" = "$rounds" ]
	verdict "$name.all" $? "$n of $rounds rounds"
	# A stop counts what hosts that have left had sent; who joins afterwards has the guest's clock.
	does stop qmp "$name" stop
	refuses stopped 'the guest is stopped' add-host "$name" "${at[b]}"
	does cont qmp "$name" cont
	does after_stop add-host "$name" "${at[b]}" && does after_stop move "$name" 1 1 && does stop qmp "$name" stop && does cont qmp "$name" cont
	refuses host0 "host 0 .* can't leave" remove-host "$name" 0
	refuses loaded 'runs 1 vCPUs' remove-host "$name" 1
	refuses nobody 'no host' remove-host "$name" 7
	refuses twice 'is a host of this guest already' add-host "$name" "${at[b]}"
	refuses unreachable 'cannot reach' add-host "$name" 127.0.0.1:1
	does third add-host "$name" "${at[c]}"
	refuses full 'max-hosts' add-host "$name" "${at[d]}"
	"$O/pando" hosts "$name" >"$tmp/hosts"
	grep -q "^ *1 ${at[b]} *member .* 1 " "$tmp/hosts"
	verdict "$name.shown" $? "$(cat "$tmp/hosts")"
	finish
fi

# ---- three at once, and a stop meanwhile: each has its turn ----
if boot beside 4; then
	jobs=()
	for h in b c d; do "$O/pando" add-host "$name" "${at[$h]}" >"$tmp/$h.out" 2>&1 & jobs+=($!); done
	does stop qmp "$name" stop
	does cont qmp "$name" cont
	for j in "${jobs[@]}"; do wait "$j"; done
	for h in b c d; do pando add-host "$name" "${at[$h]}"; done # one whose turn came during the stop was refused
	are_members 4
	verdict "$name.all" $? "$(cat "$tmp"/?.out "$tmp/why")"
	does move move "$name" 1 3
	finish
fi

# ---- hosts that have joined are reset with the others, and leave the guest that comes after ----
if boot reset 3; then
	does join add-host "$name" "${at[b]}" && does join add-host "$name" "${at[c]}" && does move move "$name" 0 1 && does move move "$name" 1 2
	does reset qmp "$name" system_reset
	again() { [ "$(grep -ac 'STOPS WANTED' "$log")" = 2 ]; }
	wait_for 30 again
	verdict "$name.again" $? "it does not run again"
	does leave remove-host "$name" 1 && does home move "$name" 1 0 && does leave remove-host "$name" "${at[c]}"
	does quit qmp "$name" quit
	wait "$guest"
	verdict "$name.ends" $? "exit status"
	guest=
fi

# ---- a host that joins ends in each step: the guest goes on without it, and its place is free ----
if boot killed 2; then
	for step in set-up connect create traits host-place run; do
		start_host x "$step"
		if pando add-host "$name" "${at[x]}"; then no "killed.$step" "it is a member"; continue; fi
		wait_for 5 ended "${pid[x]}"
		are_members 1 && ! "$O/pando" hosts "$name" | grep -q "${at[x]}"
		verdict "killed.$step.no_trace" $? "$("$O/pando" hosts "$name")"
		does "$step.next" add-host "$name" "${at[b]}" && does "$step.next" move "$name" 1 1 && does "$step.next" move "$name" 1 0 &&
			does "$step.next" remove-host "$name" 1
	done
	start_host x quit # when it has left: nothing of it is the guest's any more
	does join add-host "$name" "${at[x]}" && does leave remove-host "$name" 1
	wait_for 5 ended "${pid[x]}"
	are_members 1
	verdict killed.quit.no_trace $? "$("$O/pando" hosts "$name")"
	finish
fi

# ---- a member is a host like others: its loss is the guest's end ----
if boot lost 2; then
	start_host x
	does join add-host "$name" "${at[x]}"
	kill -KILL "${pid[x]}"
	wait "$guest"
	[ $? = 5 ] && says "lost host 1 at ${at[x]}"
	verdict lost.said $? "$(tail -n 2 "$log")"
	guest=
fi

# ---- a guest that was started without room ----
if boot no_room 1; then
	refuses room 'max-hosts' add-host "$name" "${at[b]}"
	finish
fi
exit $bad
