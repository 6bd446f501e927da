#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# vCPUs and memory come to a running micro-guest, on one host and on two, and vCPUs leave it and come again: with moves, stops and
# a reset between. Natively.
# Usage: tests/e2e/grow.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
tmp=$(mktemp -d)
export PANDO_RUN_DIR=$tmp/run
guest="" pids=()
trap 'for p in $guest "${pids[@]}"; do kill "$p" 2>/dev/null; done; wait 2>/dev/null; rm -rf "$tmp"' EXIT
suite=grow
. tests/support/suite.sh
show() { tail -n 8 "$log" | sed 's/^/    /'; }
kvm_or_skip grow || exit 0

says() { grep -aq "$1" "$log"; }
said() { [ "$(grep -ac "$1" "$log")" -ge "$2" ]; }
qmp() { "$O/pando" qmp "$name" "$@" 2>&1; }
tell() { # WHAT COMMAND...: it is done
	local what=$1 out
	shift
	out=$(qmp "$@") || { no "$name.$what" "$out"; return 1; }
}
refuses() { # WHAT PATTERN COMMAND...
	local what=$1 want=$2 out
	shift 2
	out=$(qmp "$@") && { no "$name.$what" "it is done"; return; }
	grep -q "$want" <<<"$out"
	verdict "$name.$what" $? "$out"
}
vcpus() { [ "$(qmp query-cpus-fast | grep -c cpu-index)" = "$1" ]; }

boot() { # HOSTS WORDS
	name=grow$1 log=$tmp/$name.log
	timeout 170 "$O/pando" run --local "$1" --kernel "$O/guest-tools/micro.elf" --cpus "$1" --memory $(($1 * 32))M --name "$name" --quiet \
		--max-cpus 8 --max-memory 1G --max-hosts $(($1 + 2)) --local-memory 400M --overcommit \
		--append "test=grow outside=1 $2" >"$log" 2>&1 </dev/null &
	guest=$!
	wait_for 20 guest_runs "$name" || { no "$name.boot" "it does not run"; return 1; }
}

ends_well() {
	wait "$guest"
	verdict "$name.ends_well" $? "exit status"
	guest=""
	says '^PASS grow'
	verdict "$name.guest" $? "$(grep -a FAIL "$log" | head -2)"
}

# 2 vCPUs and 256 MiB of each host; then a vCPU of the last host leaves and comes again, each time to another host.
all_of_it() { # HOSTS
	local hosts=$1 last=$(($1 - 1)) more=$(($1 * 2)) n out
	boot "$hosts" "more_cpus=$more more_mib=$((hosts * 256)) rounds=4" || return
	wait_for 20 says 'GROW 0?' || { no "$name.asks" "the guest does not ask"; return; }
	refuses no_such_host 'there is no host 9' x-pando-grow '{"host":9,"cpus":1}'
	refuses odd_memory 'multiples of 128 MiB' x-pando-grow '{"memory":1048576}'
	refuses too_much 'room is for' x-pando-grow '{"cpus":100}'
	refuses nothing 'neither vCPUs nor memory' x-pando-grow '{}'
	refuses not_offered 'it offers 400 MiB and gives the guest 32: 512 MiB more' x-pando-grow "{\"host\":$last,\"memory\":$((512 << 20))}"
	vcpus "$hosts"
	verdict "$name.no_trace" $? "$(qmp query-cpus-fast | grep -c cpu-index) vCPUs"
	for ((n = 0; n < hosts; n++)); do
		out=$("$O/pando" grow "$name" --host $n --cpus 2 --memory 256M 2>&1)
		verdict "$name.host$n" $? "$out"
	done
	wait_for 40 said '^GROWN cpu' "$more"
	verdict "$name.cpus_work" $? "$(grep -ac 'GROWN cpu' "$log") of $more"
	wait_for 60 says 'SHRINK 0?'
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
		wait_for 40 says "SHRINK $n?" || { no "$name.$n.asks" "the guest does not ask"; return; }
		if [ "$hosts" -gt 1 ]; then
			tell "$n.move" x-pando-move-vcpu "{\"vcpu\":$cpu,\"host\":$((n % hosts))}"
		fi
		tell "$n.shrink" x-pando-shrink "{\"vcpu\":$cpu}"
		wait_for 20 said '^GIVEN-UP cpu' $((n + 1))
		verdict "$name.$n.given_up" $? "the guest keeps it"
		tell "$n.stop" stop
		tell "$n.again" x-pando-grow "{\"host\":$(((n + 1) % hosts)),\"cpus\":1,\"node\":$((hosts + 1))}"
		tell "$n.cont" cont
		wait_for 40 said '^GROWN cpu' $((hosts * 2 + n + 1))
		verdict "$name.$n.came_again" $? "$(grep -ac 'GROWN cpu' "$log")"
	done
	ends_well
}

# What has come is there after a reset, in the tables.
reset_keeps_it() {
	boot 2 "more_cpus=2 more_mib=128" || return
	name_of=reset
	wait_for 20 says 'GROW 0?' || { no "$name.$name_of.asks" "the guest does not ask"; return; }
	says '^vcpus 2 '
	verdict "$name.$name_of.before" $? "$(grep -a '^vcpus' "$log")"
	tell $name_of.grow x-pando-grow '{"host":1,"cpus":1}'
	wait_for 20 said '^GROWN cpu' 1
	tell $name_of.reset system_reset
	wait_for 20 said 'GROW 0?' 2
	says '^vcpus 3 '
	verdict "$name.$name_of.tables_name_it" $? "$(grep -a '^vcpus' "$log")"
	tell $name_of.memory x-pando-grow '{"host":0,"memory":134217728}'
	tell $name_of.device_add device_add '{"driver":"host-x86_64-cpu","id":"c","socket-id":2,"core-id":1}'
	refuses $name_of.twice 'exists' device_add '{"driver":"host-x86_64-cpu","id":"c","socket-id":2,"core-id":1}'
	tell $name_of.grow2 x-pando-grow '{"host":0,"cpus":1}' # the guest ends when it has taken it
	ends_well
}

# From one host to three: each that joins gives a vCPU and memory, and the third finds what came before it.
by_joining() {
	local ports=() n out
	name=joining log=$tmp/joining.log
	"$O/pando" keygen "$tmp/key" >/dev/null
	for n in 0 1 2; do
		ports[n]=$(free_port)
		"$O/pando" host --key "$tmp/key" --listen "127.0.0.1:${ports[n]}" --cpus 2 --memory 300M --overcommit >"$tmp/host$n.log" 2>&1 &
		pids+=($!)
		wait_for 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/${ports[n]}"
	done
	timeout 170 "$O/pando" run --hosts "127.0.0.1:${ports[0]}" --key "$tmp/key" --kernel "$O/guest-tools/micro.elf" --cpus 1 --memory 32M \
		--max-cpus 4 --max-memory 544M --max-hosts 3 --name "$name" --quiet --append "test=grow outside=1 more_cpus=2 more_mib=256 rounds=2" \
		>"$log" 2>&1 </dev/null &
	guest=$!
	wait_for 20 says 'GROW 0?' || { no "$name.asks" "the guest does not ask"; return; }
	for n in 1 2; do
		out=$("$O/pando" add-host "$name" "127.0.0.1:${ports[n]}" --cpus 1 --memory 128M 2>&1)
		verdict "$name.host$n" $? "$out"
		wait_for 40 said '^GROWN memory' "$n"
		verdict "$name.host$n.is_used" $? "$(grep -a GROWN "$log")"
	done
	qmp x-pando-query-vcpu-placement | tr -d ' \n' | grep -q '"vcpu":1,"host":1,.*"vcpu":3,"host":2,'
	verdict "$name.each_in_its_own_node" $? "$(qmp x-pando-query-vcpu-placement | tr -d ' \n')"
	says 'GROWN memory slot 0 .* node 1 wrong 0' && says 'GROWN memory slot 1 .* node 2 wrong 0'
	verdict "$name.memory_is_right" $? "$(grep -a 'GROWN memory' "$log")"
	wait_for 20 says 'SHRINK 0?' && tell shrink x-pando-shrink '{"vcpu":3}'
	wait_for 20 says '^GIVEN-UP cpu 3' && tell again x-pando-grow '{"host":0,"cpus":1,"node":2}'
	ends_well
}

all_of_it 1
all_of_it 2
by_joining
reset_keeps_it
exit $bad
