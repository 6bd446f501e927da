#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# vCPUs of micro-guests are moved between hosts while their tests run: litmus, clock reads, IPIs, timers, locks, rings, memory.
# Usage: tests/move/run.sh BUILD_FOLDER [CASE...]     MOVES=1000     Logs: BUILD_FOLDER/move-logs
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
shift
only=" $* "
moves=${MOVES:-1000}
logs=$O/move-logs
suite=move
. tests/support/suite.sh
drive_limit=150 drive_results=vcpu_move
tmp=$(mktemp -d)
export PANDO_RUN_DIR=$tmp/run
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$logs"
kvm_or_skip move || exit 0

show() { tail -n 25 "$log" | grep -v '^$' | sed 's/^/    /'; }

disks=() # one of each host, with a queue for each vCPU, which follows it
for h in 0 1; do
	truncate -s 4M "$tmp/disk-$h"
	disks+=("disk=$tmp/disk-$h,host=$h")
done
work=sb_fence,mp,lb,corr,s,ipi,timer,ioapic,port,clock,atomic,spinlock,ticket,ring,readmostly,falseshare,migratory,storm,pattern
drive thousand-2-hosts 2 2 64 0 "test=$work rounds=20000 tickets=2000 handoffs=1000 hops=5000 ops=2000" "until=PASS smp" \
	moves="$moves,2"
drive thousand-3-hosts 3 4 96 0 "test=wrc,$work rounds=5000 tickets=400 handoffs=500 moves=200 hops=2000 ops=1000 messages=3000" \
	"until=PASS smp" moves="$moves,3"
# Moves as close as they can be; vCPUs that sleep between interrupts.
drive back-to-back 2 2 64 0 "test=clock,ipi,timer,clock,ipi,timer,storm hops=5000 ops=2000" "until=PASS smp" moves=300,0
# A host that is left by all its vCPUs, host 0 with the devices among them, still serves.
drive drained-host-1 2 2 64 0 "test=ipi,timer,ioapic,port,clock,storm,pattern ops=1000 hops=2000" "until=PASS smp" moves=1,0,1
drive drained-host-0 2 2 64 0 "test=ipi,timer,ioapic,port,clock,storm,pattern ops=1000 hops=2000" "until=PASS smp" moves=1,0,0
drive changed-places 2 2 64 0 "test=ipi,timer,ioapic,port,clock,storm ops=1000 hops=2000" "until=PASS smp" moves=1,0,0 moves=1,0,1
# Stopped: it moves and stays stopped. Reset: vCPU 0 starts from host 0 again.
drive while-stopped 2 2 64 0 "test=clock,storm,disk ops=500 hops=500 cycles=20" "${disks[1]}" "until=PASS storm" moves-begin=200,2 stops=20,20,2 \
	moves-end stop moves=5,0 wait=50 registers cont
drive then-reset 2 2 64 130 "test=storm ops=4000000000" "until=PASS smp" moves=1,0,0 wait=50 reset "until=PASS smp" \
	moves=3,5 stop moves=1,0,0 reset wait=50 cont "until=PASS smp" quit

# Asked for at the same moment as moves: stops, NMIs, looks at the registers, resets. One thing at a time, and all of them happen.
if drive with-stops 2 2 64 0 "test=stops" "until=STOPS WANTED" moves-begin=400,0 stops=60,2,2 registers registers moves-end nmi; then
	if [ "$(grep -c '^CPU#' "$log")" -eq 4 ]; then ok with-stops.all_vcpus; else no with-stops.all_vcpus "a vCPU was not shown"; fi
fi
drive with-nmis 2 3 64 0 "test=nmi nmis=40" "until=NMIS WANTED" moves-begin=300,0 $(printf 'nmi until=NMI-%s-TAKEN ' {1..39}) moves-end nmi
drive with-resets 3 4 96 130 "test=disk cycles=1000000" "${disks[0]}" "until=PASS smp" moves-begin=600,1 wait=100 reset "until=PASS smp" reset \
	"until=PASS smp" wait=50 stop reset cont "until=PASS smp" wait=50 reset wait=1 reset moves-end quit

# By the command, for a guest of `pando run`.
command_line() {
	local n=move-$$ out=$tmp/out
	log=$logs/command-line.log
	chosen command-line || return 0
	timeout -k 5 60 "$O/pando" run --local 2 --cpus 2 --memory 64M --name $n --quiet --kernel "$O/guest-tools/micro.elf" \
		--append "test=storm ops=4000000000" >"$log" 2>&1 </dev/null &
	local pid=$!
	for _ in $(seq 100); do
		grep -aq '^PASS smp' "$log" && break
		sleep 0.1
	done
	{
		"$O/pando" move $n 1 0 && "$O/pando" move --json $n 0 1 && "$O/pando" move $n 0 1 && "$O/pando" move $n 0 0
		! "$O/pando" move $n 2 0 && ! "$O/pando" move $n 0 2 && ! "$O/pando" move $n x 0
		"$O/pando" qmp $n x-pando-query-vcpu-placement
		"$O/pando" status $n | awk '$1 == 0 { print "vCPUs of host 0:", $3 }'
	} >"$out" 2>&1
	"$O/pando" qmp $n quit >/dev/null 2>&1
	wait $pid
	if [ "$(grep -c 'after a pause of [0-9.]* us' "$out")" -ge 1 ] && grep -q '"pause-ns": [0-9]' "$out" &&
		grep -q 'is on host 1 already' "$out" && grep -q 'there is no vCPU 2' "$out" &&
		grep -q 'there is no host 2' "$out" && grep -q "VCPU 'x' is no number" "$out" &&
		grep -q 'vCPUs of host 0: 2' "$out" &&
		[ "$(tr -d ' \n' <"$out" | grep -oE '"host":0,"home":[01]' | wc -l)" -eq 2 ]; then
		ok command-line
	else
		cat "$out" >>"$log"
		no command-line "its answers were not those expected"
	fi
}
command_line

# A host is killed in the middle of moves: the guest ends on the other, with a report, and nothing waits for ever.
host_lost() {
	local pid rc victim
	log=$logs/host-lost.log
	chosen host-lost || return 0
	timeout -k 5 60 "$O/tests/driver" "$O/guest-tools/micro.elf" 2 2 64 "test=storm ops=4000000000 outside=1" "until=PASS smp" \
		moves=1000000,0 >"$log" 2>&1 </dev/null &
	pid=$!
	for _ in $(seq 100); do
		grep -aq '^PASS smp' "$log" && break
		sleep 0.1
	done
	sleep 0.5
	victim=$(pgrep -P "$(pgrep -P $pid)" | tail -n 1)
	kill -KILL "$victim"
	wait $pid
	rc=$?
	if [ $rc -eq 5 ] && grep -aq 'lost host 1' "$log"; then
		ok host-lost
	else
		no host-lost "exit status $rc, expected 5 and a report"
	fi
}
host_lost
exit $bad
