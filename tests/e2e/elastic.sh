#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A guest of two to five hosts that change all the time: hosts join, get vCPUs and homes of memory, and are drained, in an order
# that is drawn anew in each round. Two vCPUs add to shared words and read the clock all the while. Natively.
# Usage: tests/e2e/elastic.sh BUILD_FOLDER      ROUNDS=3 SEED=1 (what is drawn)
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
rounds=${ROUNDS:-3}
RANDOM=${SEED:-1}
limit=$((200 + 60 * rounds)) # seconds, far away: for what hangs
suite=elastic
. tests/support/suite.sh
. tests/support/hosts.sh

here=(b) away=(c d e f) # members beside host 0, which is a; hosts that could be
declare -A place=([a]=0 [b]=1)
joins=0 drains=0

draw() { # FIRST LAST: into drawn. No subshell, which would draw the same again
	drawn=$(($1 + RANDOM % ($2 - $1 + 1)))
}
take() { # LIST: one of that list, drawn, into taken, and out of it
	local -n list=$1
	draw 0 $((${#list[@]} - 1))
	taken=${list[drawn]}
	list=("${list[@]:0:drawn}" "${list[@]:drawn+1}")
}

# It gets a vCPU and a part of the memory of a member, if that has any.
come() {
	local vcpu from
	take away
	step "$n.join" add-host "$name" "${at[$taken]}" || return
	place[$taken]=$(grep -o 'host [0-9]*' "$tmp/out" | grep -o '[0-9]*')
	draw 0 2
	vcpu=$drawn
	draw 0 ${#here[@]}
	from=$([ "$drawn" = "${#here[@]}" ] && echo a || echo "${here[drawn]}")
	step "$n.vcpu" move "$name" "$vcpu" "${place[$taken]}" || return
	pando qmp "$name" x-pando-move-homes "{\"from\":${place[$from]},\"to\":${place[$taken]},\"bytes\":16777216}" ||
		answer | grep -q 'is the home of nothing' || { no "$name.$n.homes" "$(answer)"; return 1; }
	here+=("$taken")
	joins=$((joins + 1))
}
go() {
	take here
	step "$n.drain" drain "$name" "${place[$taken]}" || return
	away+=("$taken")
	drains=$((drains + 1))
}
a_round() {
	local most least
	draw $((${#here[@]} + 2)) 5
	most=$drawn
	draw 2 $((most - 1))
	least=$drawn
	while [ $((${#here[@]} + 1)) -lt "$most" ]; do come || return; done
	are_members "$most" || { no "$name.$n.members" "$(members) instead of $most"; return 1; }
	[ $((n % 5)) != 4 ] || { tell "$n.stop" stop && tell "$n.cont" cont; } || return
	while [ $((${#here[@]} + 1)) -gt "$least" ]; do go || return; done
	are_members "$least" || { no "$name.$n.members" "$(members) instead of $least"; return 1; }
}

for h in a b c d e f; do start_host $h --cpus 3 --memory 100M; done
boot_guest turns "$limit" --hosts "$(addresses a b)" --key "$tmp/key" --max-hosts 5 --cpus 3 --memory 96M --peer-timeout 10000 \
	--append "test=stops outside=1 ms=${limit}000" && wait_for "$patience" says 'STOPS WANTED' || exit $bad
for ((n = 0; n < rounds; n++)); do a_round || break; done
[ "$n" = "$rounds" ]
verdict "$name.all" $? "$n of $rounds rounds (SEED=${SEED:-1})"
nmi
finish stops
echo "RESULT elastic_rounds $n rounds, $joins joins, $drains drains in $SECONDS s"
exit $bad
