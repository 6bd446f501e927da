#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# vCPUs and memory come to a running micro-guest, on one host and on two, leave it and come again: with moves, stops and a reset
# between. Natively.
# Usage: tests/e2e/grow.sh BUILD_FOLDER [CASE...]      CASE: as at the end; PATIENCE=20 STRIDE=1 (of so many pages that came one is
# written and read)
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
shift
suite=grow
. tests/support/suite.sh
. tests/support/hosts.sh
long=$((9 * patience)) # seconds, far away: until all that came is written and read

vcpus() { [ "$(qmp query-cpus-fast | grep -c cpu-index)" = "$1" ]; }

boot() { # HOSTS WORDS [TEST]
	boot_guest grow$1 $((2 * long)) --local "$1" --cpus "$1" --memory $(($1 * 32))M --max-cpus 8 --max-memory 1G --max-hosts $(($1 + 2)) \
		--local-memory 400M --overcommit --append "test=${3:-grow} outside=1 ms=${long}000 stride=${STRIDE:-1} $2"
}

# 2 vCPUs and 256 MiB of each host; then a vCPU of the last host leaves and comes again, each time to another host.
all_of_it() { # HOSTS
	local hosts=$1 last=$(($1 - 1)) more=$(($1 * 2)) n
	boot "$hosts" "more_cpus=$more more_mib=$((hosts * 256)) rounds=4" || return
	in_time "$patience" says 'GROW 0?' || { no "$name.asks" "the guest does not ask"; return; }
	refuses_qmp no_such_host 'there is no host 9' x-pando-grow '{"host":9,"cpus":1}'
	refuses_qmp odd_memory 'multiples of 128 MiB' x-pando-grow '{"memory":1048576}'
	refuses_qmp too_much 'room is for' x-pando-grow '{"cpus":100}'
	refuses_qmp nothing 'neither vCPUs nor memory' x-pando-grow '{}'
	refuses_qmp not_offered 'it offers 400 MiB and gives the guest 32: 512 MiB more' x-pando-grow "{\"host\":$last,\"memory\":$((512 << 20))}"
	vcpus "$hosts"
	verdict "$name.no_trace" $? "$(qmp query-cpus-fast | grep -c cpu-index) vCPUs"
	for ((n = 0; n < hosts; n++)); do does "host$n" grow "$name" --host $n --cpus 2 --memory 256M; done
	in_time $long said '^GROWN cpu' "$more"
	verdict "$name.cpus_work" $? "$(grep -ac 'GROWN cpu' "$log") of $more"
	in_time $long says 'SHRINK 0?'
	verdict "$name.memory_is_used" $? "$(grep -a 'GROWN memory' "$log")"
	[ "$(sed -n 's/.*GROWN memory.*mib \([0-9]*\) .*wrong 0.*/\1/p' "$log" | tr -d '\r' | awk '{ n += $1 } END { print n + 0 }')" = $((hosts * 256)) ]
	verdict "$name.memory_is_right" $? "$(grep -a 'GROWN memory' "$log")"
	vcpus $((hosts + more))
	verdict "$name.query_cpus_fast" $? "$(qmp query-cpus-fast | grep -c cpu-index)"
	qmp query-memory-size-summary | grep -q "\"plugged-memory\": $((hosts * 256 << 20))"
	verdict "$name.memory_size_summary" $? "$(qmp query-memory-size-summary)"
	rounds "$hosts"
}

# The vCPU of the highest number goes and comes to the same place, on another host: moved before it goes, and the machine stopped
# before it comes.
rounds() { # HOSTS
	local hosts=$1 n cpu
	cpu=$(qmp query-cpus-fast | sed -n 's/.*"cpu-index": \([0-9]*\).*/\1/p' | sort -n | tail -n 1)
	for ((n = 0; n < 3; n++)); do
		in_time $long says "SHRINK $n?" || { no "$name.$n.asks" "the guest does not ask"; return; }
		if [ "$hosts" -gt 1 ]; then
			tell "$n.move" x-pando-move-vcpu "{\"vcpu\":$cpu,\"host\":$((n % hosts))}"
		fi
		tell "$n.shrink" x-pando-shrink "{\"vcpu\":$cpu}"
		in_time "$patience" said '^GIVEN-UP cpu' $((n + 1))
		verdict "$name.$n.given_up" $? "the guest keeps it"
		tell "$n.stop" stop
		tell "$n.again" x-pando-grow "{\"host\":$(((n + 1) % hosts)),\"cpus\":1,\"node\":$((hosts + 1))}"
		tell "$n.cont" cont
		in_time $long said '^GROWN cpu' $((hosts * 2 + n + 1))
		verdict "$name.$n.came_again" $? "$(grep -ac 'GROWN cpu' "$log")"
	done
	finish grow
}

# What has come is there after a reset, in the tables.
reset_keeps_it() {
	boot 2 "more_cpus=2 more_mib=128" || return
	name_of=reset
	in_time "$patience" says 'GROW 0?' || { no "$name.$name_of.asks" "the guest does not ask"; return; }
	says '^vcpus 2 '
	verdict "$name.$name_of.before" $? "$(grep -a '^vcpus' "$log")"
	tell $name_of.grow x-pando-grow '{"host":1,"cpus":1}'
	in_time "$patience" said '^GROWN cpu' 1
	tell $name_of.reset system_reset
	in_time "$patience" said 'GROW 0?' 2
	says '^vcpus 3 '
	verdict "$name.$name_of.tables_name_it" $? "$(grep -a '^vcpus' "$log")"
	tell $name_of.memory x-pando-grow '{"host":0,"memory":134217728}'
	tell $name_of.device_add device_add '{"driver":"host-x86_64-cpu","id":"c","socket-id":2,"core-id":1}'
	refuses_qmp $name_of.twice 'exists' device_add '{"driver":"host-x86_64-cpu","id":"c","socket-id":2,"core-id":1}'
	tell $name_of.grow2 x-pando-grow '{"host":0,"cpus":1}' # the guest ends when it has taken it
	finish grow
}

# From one host to three: each that joins gives a vCPU and memory, and the third finds what came before it.
by_joining() {
	local n
	for n in 0 1 2; do start_host "$n" --cpus 2 --memory 300M --overcommit; done
	boot_guest joining $((2 * long)) --hosts "${at[0]}" --key "$tmp/key" --cpus 1 --memory 32M --max-cpus 4 --max-memory 544M --max-hosts 3 \
		--append "test=grow outside=1 ms=${long}000 stride=${STRIDE:-1} more_cpus=2 more_mib=256 rounds=2" || return
	in_time "$patience" says 'GROW 0?' || { no "$name.asks" "the guest does not ask"; return; }
	for n in 1 2; do
		does "host$n" add-host "$name" "${at[$n]}" --cpus 1 --memory 128M
		in_time $long said '^GROWN memory' "$n"
		verdict "$name.host$n.is_used" $? "$(grep -a GROWN "$log")"
	done
	qmp x-pando-query-vcpu-placement | tr -d ' \n' | grep -q '"vcpu":1,"host":1,.*"vcpu":3,"host":2,'
	verdict "$name.each_in_its_own_node" $? "$(qmp x-pando-query-vcpu-placement | tr -d ' \n')"
	says 'GROWN memory slot 0 .* node 1 wrong 0' && says 'GROWN memory slot 1 .* node 2 wrong 0'
	verdict "$name.memory_is_right" $? "$(grep -a 'GROWN memory' "$log")"
	in_time "$patience" says 'SHRINK 0?' && tell shrink x-pando-shrink '{"vcpu":3}'
	in_time "$patience" says '^GIVEN-UP cpu 3' && tell again x-pando-grow '{"host":0,"cpus":1,"node":2}'
	finish grow
}

# Memory comes, a guest keeps it at first, gives it up, and it comes again: from each host in turn, with moves, stops and a host that
# joins between. The same by QEMU's words.
memory_goes() { # HOSTS
	local hosts=$1 rounds=5 n id
	boot "$hosts" "more_mib=128 rounds=$rounds" shrink || return
	for ((n = 0; n < rounds; n++)); do
		in_time $long says "GROW $n?" || { no "$name.goes.$n.asks" "the guest does not ask"; return; }
		if ((n % 2)); then
			tell "goes.$n.object" object-add '{"qom-type":"memory-backend-ram","id":"m","size":134217728}'
			tell "goes.$n.device" device_add "{\"driver\":\"pc-dimm\",\"id\":\"d$n\",\"memdev\":\"m\",\"node\":$hosts,\"host\":$((n % hosts))}"
			id=d$n
		else
			tell "goes.$n.grow" x-pando-grow "{\"host\":$((n % hosts)),\"memory\":134217728}"
			id=$(qmp query-memory-devices | sed -n 's/.*"id": "\([^"]*\)".*/\1/p' | head -n 1)
		fi
		in_time $long said '^GROWN memory' $((n + 1)) || no "$name.goes.$n.came" "$(grep -a GROWN "$log" | tail -n 1)"
		((n + 1 < rounds)) || break
		in_time $long says "SHRINK $n?"
		refuses_qmp "goes.$n.unknown" 'not found' x-pando-shrink '{"memory":"dimm9"}'
		if ((n % 2)); then
			refuses_qmp "goes.$n.object_in_use" 'in use' object-del '{"id":"m"}'
			refuses "goes.$n.kept" 'its code for that is 0x82 (it is busy)' shrink "$name" --memory "$id"
			tell "goes.$n.device_del" device_del "{\"id\":\"$id\"}"
		else
			does "goes.$n.given_up" shrink "$name" --memory "$id"
		fi
		in_time $long said '^GIVEN-UP memory' $((n + 1)) || no "$name.goes.$n.gone" "the guest keeps it"
		in_time "$patience" bash -c "'$O/pando' qmp '$name' query-memory-size-summary | grep -q '\"plugged-memory\": 0'"
		verdict "$name.goes.$n.nothing_is_left" $? "$(qmp query-memory-devices)"
		if ((n % 2)); then tell "goes.$n.object_del" object-del '{"id":"m"}'; fi
		if [ "$hosts" -gt 1 ]; then tell "goes.$n.move" x-pando-move-vcpu "{\"vcpu\":0,\"host\":$((n % hosts))}"; fi
	done
	finish shrink
}

# The kernel of a host that is no guest's business has no memory for a piece: the growth is refused, and all goes on.
no_room_for_a_mapping() {
	local pid
	boot 2 "more_cpus=0 more_mib=256" || return
	in_time "$patience" says 'GROW 0?' || { no "$name.mapping.asks" "the guest does not ask"; return; }
	pid=$(pgrep -P "$(pgrep -P "$guest" | head -n 1)" | tail -n 1) # of the last host
	[ -n "$pid" ] && prlimit --pid "$pid" --data=1048576:unlimited
	refuses_qmp mapping.refused '128 MiB at .* cannot be had: Cannot allocate memory' x-pando-grow '{"host":0,"memory":268435456}'
	qmp query-memory-devices | tr -d ' \n' | grep -qx '\[\]'
	verdict "$name.mapping.no_trace" $? "$(qmp query-memory-devices)"
	prlimit --pid "$pid" --data=unlimited:unlimited
	tell mapping.again x-pando-grow '{"host":0,"memory":268435456}'
	finish grow
}

[ $# -gt 0 ] || set -- all_of_it:1 all_of_it:2 memory_goes:1 memory_goes:2 no_room_for_a_mapping by_joining reset_keeps_it
for c in "$@"; do
	case $c in
	*:*) "${c%:*}" "${c#*:}" ;; # of so many hosts
	*) "$c" ;;
	esac
done
exit $bad
