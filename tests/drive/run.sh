#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Drives micro-guests over one, two and three hosts from outside while they work: a hundred stops, resets, NMIs, dumps.
# Usage: tests/drive/run.sh BUILD_FOLDER [CASE...]     Logs: BUILD_FOLDER/drive-logs
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
shift
only=" $* "
logs=$O/drive-logs
suite=drive
. tests/support/suite.sh
drive_limit=100 drive_results=
tmp=$(mktemp -d)
export PANDO_RUN_DIR=$tmp/run
trap 'umount "$tmp/full" 2>/dev/null; rm -rf "$tmp"' EXIT
mkdir -p "$logs"

show() { tail -n 25 "$log" | grep -v '^$' | sed 's/^/    /'; }
count() { # NAME WHAT TIMES: that many lines in the log
	local n
	n=$(grep -c "$2" "$log")
	if [ "$n" -eq "$3" ]; then ok "$name.$1"; else no "$name.$1" "$n times '$2', expected $3"; fi
}

kvm_or_skip drive || exit 0

for hosts in 1 2 3; do
	drive stops-$hosts $hosts $((hosts > 2 ? 3 : 2)) $((hosts * 32)) 0 "test=stops" "until=STOPS WANTED" stops=100,20,10 nmi &&
		count events '^EVENT STOP' 100
	drive resets-$hosts $hosts $((hosts > 2 ? 3 : 2)) $((hosts * 32)) 0 "test=ipi,timer,reset resets=5" &&
		count events '^EVENT RESET.*guest-reset' 5
done
# The power button, a level interrupt, on each vCPU in turn, asleep and awake: after a stop, during one, after three.
for hosts in 1 2 3; do
	presses=()
	for i in {0..59}; do
		case $((i % 3)) in
		0) presses+=("until=PRESS $i?" stop cont power) ;;
		1) presses+=("until=PRESS $i?" stop power wait=5 cont) ;;
		2) presses+=("until=PRESS $i?" stop cont stop cont stop cont power) ;;
		esac
	done
	drive power-$hosts $hosts $((hosts * 2)) $((hosts * 32)) 0 "test=power presses=60" "${presses[@]}" &&
		count events '^EVENT POWERDOWN' 60
done
# A reset from outside, while it runs and while it is stopped: the guest begins anew each time.
drive reset-while-busy 2 2 64 130 "test=storm ops=4000000000" "until=PASS smp" wait=200 reset "until=PASS smp" wait=200 \
	stop reset wait=100 cont "until=PASS smp" quit && count events '^EVENT RESET.*host-qmp' 2
drive no-reboot 2 2 64 3 "test=reset resets=1" no-reboot && count event '^EVENT SHUTDOWN.*guest-reset' 1
drive nmi 2 3 64 0 "test=nmi nmis=3" "until=NMIS WANTED" nmi until=NMI-1-TAKEN nmi until=NMI-2-TAKEN nmi
# Calls that make no sense, on hosts that are at work: each is answered, and the guest notices nothing.
drive hostile 3 3 96 0 "test=clock,ipi,timer,storm ops=5000 hops=5000" "until=PASS smp" hostile hostile
drive panic 2 2 64 0 "test=panic" && count event '^EVENT GUEST_PANICKED' 1
if drive registers 2 3 64 0 "test=stops" "until=STOPS WANTED" registers stop registers cont nmi; then
	count all_vcpus '^CPU#' 6
fi

# A dump holds what the guest has: the micro-guest's own image is in it, at its physical address.
if drive dump 2 2 256 0 "test=stops" "until=STOPS WANTED" "dump=$tmp/core" range=0x100000,0x200000 "dump=$tmp/part" nmi; then
	if readelf -lnW "$tmp/core" >"$logs/readelf.log" 2>&1 && [ "$(grep -c NT_PRSTATUS "$logs/readelf.log")" -eq 2 ] &&
		grep -qE 'LOAD +0x0*1000 +0x0+ 0x0+ 0x0*10000000 0x0*10000000' "$logs/readelf.log"; then
		ok dump.readelf
	else
		no dump.readelf "see $logs/readelf.log"
	fi
	read -r at from size < <(readelf -SW "$O/guest-tools/micro.elf" | sed 's/\[ *//' | awk '$2 == ".text" { print $4, $5, $6 }')
	dd if="$O/guest-tools/micro.elf" of="$tmp/text" bs=1 skip=$((16#$from)) count=$((16#$size)) 2>/dev/null
	for f in "core 0" "part 0x100000"; do
		read -r file base <<<"$f"
		dd if="$tmp/$file" bs=1 skip=$((4096 + 16#$at - base)) count=$((16#$size)) 2>/dev/null | cmp -s - "$tmp/text"
		if [ $? -eq 0 ] && [ -s "$tmp/text" ]; then ok "dump.image_in_$file"; else no "dump.image_in_$file" "other bytes at 0x$at"; fi
	done
	if [ "$(stat -c %b "$tmp/core")" -lt 20000 ]; then ok dump.zeroes_are_holes; else no dump.zeroes_are_holes "$(stat -c %b "$tmp/core") blocks"; fi
fi
mkdir "$tmp/full"
if ! [[ $only == "  " || $only == *" disk-full "* ]]; then
	:
elif mount -t tmpfs -o size=64k none "$tmp/full" 2>/dev/null; then
	# The driver has to complain here, so its own verdict (in a subshell: bad stays as it is) is not the test's.
	(ok() { :; }; no() { :; }; show() { :; }; drive disk-full 2 2 64 1 "test=stops" "until=STOPS WANTED" "dump=$tmp/full/core" stops=3,10,10 nmi >/dev/null 2>&1)
	log=$logs/disk-full.log
	if grep -q "FAIL drive-dump: cannot write .*No space left" "$log" && [ -z "$(ls "$tmp/full")" ] && grep -q '^PASS stops' "$log"; then
		ok disk-full
	else
		no disk-full "see $log"
	fi
else
	echo "SKIP drive.disk-full: no small file system can be mounted"
fi
exit $bad
