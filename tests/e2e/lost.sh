#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A host is killed in each step of a join and of a drain: the one that comes or goes, another one, the first. The outcome is the
# one of docs/ELASTIC.md, "A host is lost meanwhile". Natively.
# Usage: tests/e2e/lost.sh BUILD_FOLDER [TABLE...]     TABLE: joiner members leaver others (all of them: side by side)
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
shift
if [ $# = 0 ]; then
	jobs=() rc=0
	for table in joiner members leaver others; do bash "$0" "$O" $table & jobs+=($!); done
	for j in "${jobs[@]}"; do wait "$j" || rc=1; done
	exit $rc
fi
suite=lost
. tests/support/suite.sh
. tests/support/hosts.sh

limit=120 # seconds for a guest, far away: for what hangs

# The steps: an operation of `pando run` and how many it has; or, for a vCPU that moves, what is asked of the host.
join_steps=(add-host:3 host-join:9)
give_steps=(add-host:4 grow:3 vcpus-fill:3 memory-fill:5)
drain_steps=("move of homes:5" drain:3 remove-host:5 host-leave:9)

hosts() { # NAME...: all of them run
	local h
	for h in "$@"; do
		[ -n "${pid[$h]:-}" ] && ! ended "${pid[$h]}" 2>/dev/null && continue
		PANDO_END_AT=${end_at[$h]:-} start_host "$h" --cpus 4 --memory 300M --overcommit
	done
}
declare -A end_at

# What has come of it. goes_on: the guest has not noticed, and the next host of that place is welcome.
was_killed() { says 'PANDO_KILL_AT: process' || [ -n "${end_at[*]:-}" ]; }
is_lost() { # HOST: the guest has ended as with any loss, which names the host
	local rc
	end_of_guest
	rc=$?
	[ $rc = 5 ] && says "lost host $1 at" && ! says '^FAIL'
	verdict "$name" $? "exit status $rc: $(tail -n 2 "$log")"
}
not_killed() { # the operation has no such step
	no "$name" "there is no such step"
	kill "$guest" && end_of_guest
}
number() { case $1 in a) echo 0 ;; b) echo 1 ;; *) echo 2 ;; esac; }

# ---- a host joins: a and b are members, x comes, y later ----

begins() { # VICTIM OPERATION STEP WORDS
	hosts a b x y
	PANDO_KILL_AT=$2/$3:${pid[$1]} boot_guest "${2// /-}-$3-$1" "$limit" --hosts "$(addresses a b)" --key "$tmp/key" --cpus 2 --memory 64M --max-hosts 3 --max-cpus 3 \
		--max-memory 512M --append "test=grow outside=1 $4" && wait_for "$patience" says 'GROW 0?' && return
	no "$2-$3-$1" "the guest does not begin"
	return 1
}
joins() { # VICTIM OPERATION STEP OUTCOME
	begins "$1" "$2" "$3" more_cpus=1 || return
	pando add-host "$name" "${at[x]}" --cpus 1
	was_killed || { not_killed; return; }
	if [ "$4" = lost ]; then
		is_lost "$(number "$1")"
		return
	fi
	are_members 2 && ! "$O/pando" hosts "$name" | grep -q "${at[x]}"
	verdict "$name.no_trace" $? "$("$O/pando" hosts "$name")"
	step next add-host "$name" "${at[y]}" --cpus 1
	finish grow
}
gives() { # VICTIM OPERATION STEP: it is a member by now
	begins "$1" "$2" "$3" "more_cpus=1 more_mib=128" || return
	pando add-host "$name" "${at[x]}" --cpus 1 --memory 128M
	was_killed || { not_killed; return; }
	is_lost "$(number "$1")"
}

# ---- a host is drained: a, b and c are members, b leaves ----

drains() { # VICTIM OPERATION STEP OUTCOME
	local kill="" op=$2
	hosts a b c
	[ "$op" = asked ] || kill="$op/$3:${pid[$1]}"
	PANDO_KILL_AT=$kill boot_guest "${op// /-}-$3-$1" "$limit" --hosts "$(addresses a b c)" --key "$tmp/key" --cpus 3 --memory 96M --max-hosts 3 \
		--append "test=stops outside=1 ms=${limit}000" && wait_for "$patience" says 'STOPS WANTED' || { no "$op-$3-$1" "the guest does not begin"; return; }
	pando drain "$name" 1
	was_killed || { not_killed; return; }
	if [ "$4" = lost ] || { [ "$4" = either ] && ! are_members 2 2>/dev/null; }; then
		is_lost "$(number "$1")"
		return
	fi
	are_members 2
	verdict "$name.has_left" $? "$("$O/pando" hosts "$name")"
	nmi
	finish stops
}

each() { # FUNCTION VICTIM OUTCOME OPERATION:STEPS...: of all steps of these
	local of=$1 victim=$2 outcome=$3 op n
	shift 3
	for op in "$@"; do
		for ((n = 0; n < ${op##*:}; n++)); do "$of" "$victim" "${op%:*}" $n "$outcome"; done
	done
}
one_more() { # FUNCTION OPERATION:STEPS...: the tables are whole: what would be the next step is the end
	local of=$1 op
	shift
	for op in "$@"; do
		hosts a b c x y # by this shell, which ends them
		(no() { :; }; ok() { :; }; "$of" a "${op%:*}" "${op##*:}" lost; ! says 'PANDO_KILL_AT: process')
		verdict "${op%:*}.has_${op##*:}_steps" $? "it has more"
	done
}

case $1 in
joiner)
	each joins x goes_on add-host:3 host-join:8
	joins x host-join 8 lost # all others are told: from here on it is one of them
	each gives x lost "${give_steps[@]:1}"
	gives x add-host 3 lost
	;;
members)
	each joins b lost "${join_steps[@]}"
	each gives a lost "${give_steps[@]:1}"
	one_more gives "${join_steps[@]:1}" "${give_steps[@]}"
	;;
leaver)
	for verb in move-prepare move-out move-commit; do
		end_at=([b]=$verb)
		drains b asked $verb lost
	done
	end_at=()
	each drains b lost "move of homes:5" drain:3 remove-host:4 host-leave:4
	drains b host-leave 4 either # who hears first that it is not missed, and who that it is gone
	for n in 5 6 7 8; do drains b host-leave $n left; done
	drains b remove-host 4 left
	;;
others)
	for verb in move-prepare move-wait move-commit; do
		end_at=([a]=$verb) # where its vCPU goes
		drains a asked $verb lost
	done
	end_at=()
	each drains c lost "${drain_steps[@]}"
	one_more drains "${drain_steps[@]}"
	;;
esac
exit $bad
