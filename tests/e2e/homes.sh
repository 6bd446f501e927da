#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Homes of memory move between the hosts of a micro-guest while it uses that memory: 2 to 4 hosts, all the time, with stops,
# moves of vCPUs and a dump between. The guest judges its memory. Natively.
# Usage: tests/e2e/homes.sh BUILD_FOLDER      PATIENCE=20 STRIDE=1 (as grow.sh)
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
suite=homes
. tests/support/suite.sh
. tests/support/hosts.sh

done_by() { # WHAT COMMAND...: it is done, or the guest has ended meanwhile
	local what=$1 out
	shift
	out=$(qmp "$@") && return
	alive && ! says '^END' && no "$name.$what" "$out"
	return 1
}

boot() { # NAME HOSTS TESTS [MIB_OFFERED: each offers so much for each host] [OPTION...]
	boot_guest "$1" $((6 * patience)) --local "$2" --cpus "$2" --memory $(($2 * 48))M --local-memory $(($2 * ${4:-48}))M --trace "$tmp/$1.trace" "${@:5}" \
		--append "test=$3 ops=60000 rounds=20000"
}

# From each host to the next; every so often something else that wants its turn.
around() { # HOSTS ROUND
	local h
	for ((h = 0; h < $1; h++)); do
		done_by "move.$2.$h" x-pando-move-homes "{\"from\":$h,\"to\":$(((h + 1) % $1)),\"bytes\":16777216}" || return 1
	done
	case $(($2 % 4)) in
	0) done_by stop stop && done_by cont cont ;;
	1) done_by vcpu x-pando-move-vcpu "{\"vcpu\":1,\"host\":$((($2 / 4) % $1))}" ;;
	2) [ "$2" -gt 2 ] || done_by dump dump-guest-memory "{\"paging\":false,\"protocol\":\"file:$tmp/$name.core\",\"begin\":0,\"length\":67108864}" ;;
	esac
}

ends() { # HOSTS ROUNDS: the guest, and well
	end_of_guest
	verdict "$name.end" $? "exit status; $2 rounds of moves"
	says '^END' && ! says FAIL
	verdict "$name.memory" $? "the guest finds its memory wrong"
	[ "$2" -ge 2 ]
	verdict "$name.moved" $? "only $2 rounds of moves before the guest had ended"
	"$O/pando" trace decode "$tmp/$name.trace" >"$tmp/$name.txt" 2>&1
	verdict "$name.trace" $? "$(tail -n 1 "$tmp/$name.txt")"
}

for hosts in 2 3 4; do
	boot hosts$hosts $hosts storm,pattern,litmus,storm || continue
	round=0
	while alive && around $hosts $round; do round=$((round + 1)); done
	ends $hosts $round
done

# What can't be says so, and leaves all as it was; a trace tells of each granule at both ends.
boot refused 2 storm,pattern
stays() { refuses_qmp "$1" "$2" x-pando-move-homes "$3"; } # WHAT PATTERN ARGUMENTS
stays no_such_host "there is no host 2" '{"from":0,"to":2}'
stays to_itself "no memory with home 1 that can go to host 1" '{"from":1,"to":1}'
stays half_a_granule "a multiple of 2 MiB" '{"from":0,"to":1,"bytes":4096}'
"$O/pando" trace start "$name" --records 400000 >/dev/null 2>&1
done_by all x-pando-move-homes '{"from":1,"to":0}'
stays nothing_left "host 1 is the home of nothing that could move" '{"from":1,"to":0}'
"$O/pando" trace stop "$name" -o "$tmp/all.trace" >/dev/null 2>&1
"$O/pando" trace decode "$tmp/all.trace" >"$tmp/all.txt" 2>&1
for kind in home-left home-came; do
	[ "$(grep -c " $kind " "$tmp/all.txt")" = 24 ]
	verdict "trace_$kind" $? "$(grep -c " $kind " "$tmp/all.txt") of 24 granules"
done
ends 2 2

# No more than was offered.
boot offered 2 storm,pattern 30
stays more_than_it_offers "host 0: it offers 60 MiB and gives the guest 48: 16 MiB more are asked for" '{"from":1,"to":0,"bytes":16777216}'
done_by what_it_offers x-pando-move-homes '{"from":1,"to":0,"bytes":12582912}'
ends 2 2
# Memory that came later moves as any other; what had moved when the last run of it is refused stays where it is.
grown() {
	boot grown 2 "grow rounds=1 outside=1 more_cpus=0 more_mib=384 ms=$((6 * patience))000 stride=${STRIDE:-1}" 160 --max-memory 1G --overcommit
	wait_for "$patience" says 'GROW 0?' || { no "$name.asks" "the guest does not ask"; return; }
	done_by first x-pando-grow '{"host":1,"memory":134217728}' && done_by second x-pando-grow '{"host":1,"memory":134217728}'
	done_by what_was_there x-pando-move-homes '{"from":1,"to":0,"bytes":50331648}'
	done_by a_part x-pando-move-homes '{"from":1,"to":0,"bytes":2097152}'
	done_by the_rest x-pando-move-homes '{"from":1,"to":0,"bytes":132120576}'
	stays in_the_middle "it offers 320 MiB and gives the guest 320: 32 MiB more are asked for" '{"from":1,"to":0}'
	done_by back x-pando-move-homes '{"from":0,"to":1,"bytes":134217728}'
	done_by third x-pando-grow '{"host":1,"memory":134217728}' # the guest ends when it has written and read it
	ends 2 2
}
grown
exit $bad
