#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Boots the micro-guest over 1, 2, 3 and 4 monitors on this machine and judges what it says.
# Usage: tests/micro/run.sh BUILD_FOLDER [LABEL...]      (LABEL: run only these boots; the list is at the end)
#   MICRO_VIA=runner   on plain KVM instead of the monitors: is it the micro-guest or the monitor?
#   ROUNDS=N           litmus rounds each (default 100000)
# The seconds of a boot only report a hang. Prints PASS, FAIL and SKIP lines, and the RESULT lines of the guest. Logs: BUILD_FOLDER/micro-logs/LABEL.log
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
shift
only=" $* "
via=${MICRO_VIA:-pando}
rounds=${ROUNDS:-100000}
image=$O/guest-tools/micro.elf
logs=$O/micro-logs
failed=0
mkdir -p "$logs"

fail() {
	echo "FAIL micro-$1"
	failed=1
}

# boot LABEL HOSTS CPUS MIB SECONDS WORDS...: one guest; every line it prints gets the label.
boot() {
	local label=$1 hosts=$2 cpus=$3 mib=$4 limit=$5 log=$logs/$1.log rc start
	shift 5
	[ "$only" = "  " ] || [[ $only == *" $label "* ]] || return 0
	start=$(date +%s%N)
	if [ "$via" = runner ]; then
		timeout -k 5 "$limit" "$O/tests/micro-runner" "$image" "$cpus" "$mib" "$@" notimer=1 >"$log" 2>&1 </dev/null
	else
		timeout -k 10 "$limit" "$O/pando" run --local "$hosts" --kernel "$image" --cpus "$cpus" \
			--memory "${mib}M" --name "micro-$label-$$" --quiet ${PANDO_OPTIONS:-} --append "$*" >"$log" 2>&1 </dev/null
	fi
	rc=$?
	tr -d '\r' <"$log" | grep -aE '^(PASS|FAIL|SKIP|RESULT|litmus) ' | sed -E "s/^(PASS|FAIL|SKIP|RESULT|litmus) /\1 micro-$label-/"
	if grep -qa '^FAIL ' "$log"; then
		failed=1
		tr -d '\r' <"$log" | grep -aE '^[a-z]+: ' | head -n 20 | sed 's/^/    /' # which things, as the tests name them
	fi
	if ! tr -d '\r' <"$log" | grep -qax END; then
		fail "$label: the guest did not come to its end (status $rc$([ $rc -eq 124 ] && echo ", not done in $limit s")); last lines:"
		tail -n 8 "$log" | tr -d '\r' | sed 's/^/    /'
	elif [ $rc -ne 0 ]; then
		fail "$label: the guest ended, but with exit status $rc"
		tail -n 8 "$log" | tr -d '\r' | sed 's/^/    /'
	else
		echo "PASS micro-$label-end"
	fi
	echo "RESULT micro-$label-wall $((($(date +%s%N) - start) / 1000000)) ms"
}

# multiboot LABEL HOSTS CPUS LIVES FILE WORDS...: the Multiboot kernel, which finds all CPUs in each of its lives.
multiboot() {
	[ "$via" = pando ] || return 0 # the runner enters as Linux is entered
	local label=multiboot-$1 hosts=$2 cpus=$3 lives=$4 log=$logs/multiboot-$1.log got
	[ "$only" = "  " ] || [[ $only == *" $label "* ]] || return 0
	image=$O/guest-tools/multiboot.$5 boot "$label" "$hosts" "$cpus" 64 300 "${@:6}"
	got="$(grep -ac '^LIFE ' "$log") lives, $(grep -acE '^CPU [0-9]+ runs' "$log") starts of other CPUs"
	if [ "$got" = "$lives lives, $((lives * (cpus - 1))) starts of other CPUs" ]; then
		echo "PASS micro-$label-lives"
	else
		fail "$label-lives: $got; expected $lives with $((cpus - 1)) each; see $log"
	fi
}

# A triple fault on the other host ends the guest with --no-reboot, and is told.
no_reboot() {
	[ "$via" = pando ] || return 0
	local log=$logs/multiboot-no-reboot.log rc
	[ "$only" = "  " ] || [[ $only == *" multiboot-no-reboot "* ]] || return 0
	timeout -k 10 300 "$O/pando" run --local 2 --kernel "$O/guest-tools/multiboot.elf" --cpus 2 --memory 64M --no-reboot --quiet \
		--name "micro-no-reboot-$$" --append "reset=triple by=last" >"$log" 2>&1 </dev/null
	rc=$?
	if [ $rc -eq 3 ] && grep -q 'the guest reset itself: triple fault of vCPU 1; RIP' "$log"; then
		echo "PASS micro-multiboot-no-reboot"
	else
		fail "multiboot-no-reboot: status $rc instead of 3, or no word of the triple fault; see $log"
	fi
}

# All CPUs of both hosts reset the machine at once: it is one reset each time, and the terminal is told of each.
together() {
	[ "$via" = pando ] || return 0
	local log=$logs/multiboot-together.log told
	[ "$only" = "  " ] || [[ $only == *" multiboot-together "* ]] || return 0
	timeout -k 10 300 "$O/pando" run --local 2 --kernel "$O/guest-tools/multiboot.elf" --cpus 4 --memory 64M \
		--name "micro-together-$$" --append "reset=$ways,$ways,$ways by=all" >"$log" 2>&1 </dev/null
	told=$(tr '\r' '\n' <"$log" | sed -nE '/reset itself/{s/.*it restarts$/1/p; s/.*it restarted ([0-9]+) times more$/\1/p}' | awk '{ n += $1 } END { print n + 0 }')
	if [ "$told" = 21 ] && grep -qa '^PASS multiboot' "$log"; then
		echo "PASS micro-multiboot-together"
	else
		fail "multiboot-together: $told resets were told of instead of 21; see $log"
	fi
}

# A module is what --initrd names.
module() {
	[ "$via" = pando ] || return 0
	local log=$logs/multiboot-module.log text="as it was sent"
	[ "$only" = "  " ] || [[ $only == *" multiboot-module "* ]] || return 0
	printf '%s' "$text" >"$logs/module"
	PANDO_OPTIONS="${PANDO_OPTIONS:-} --initrd $logs/module" multiboot module 1 2 1 elf "two words"
	if grep -qx "MODULE initrd $text" <(tr -d '\r' <"$log") && grep -qx "COMMAND two words" <(tr -d '\r' <"$log"); then
		echo "PASS micro-multiboot-module-text"
	else
		fail "multiboot-module-text: module or command line differ; see $log"
	fi
}

# The tests themselves can fail: on memory that goes stale they must.
stale() {
	[ "$only" = "  " ] || [[ $only == *" stale "* ]] || return 0
	MICRO_STALE_US=300 timeout -k 5 60 "$O/tests/micro-runner" "$image" 2 64 test=sb_fence,mp rounds=1000000 ms=20000 >"$logs/stale.log" 2>&1
	if grep -q '^FAIL sb_fence: .*forbidden' "$logs/stale.log" && grep -q '^FAIL mp: .*forbidden' "$logs/stale.log"; then
		echo "PASS micro-stale-memory-is-noticed"
	else
		fail "stale-memory-is-noticed: sb_fence and mp did not both fail; see $logs/stale.log"
	fi
}

# What is not there is answered where it is asked, named once on each host, and counted.
absent() {
	[ "$only" = "  " ] || [[ $only == *" two-absent "* ]] || return 0
	local status=$logs/two-absent.json name n
	PANDO_OPTIONS="--verbose --status-json $status" boot two-absent 2 2 64 60 "test=absent"
	for name in HPET "VGA text memory" "PCI configuration" floppy "ports 0x1230-0x1237" "addresses 0xd0000000-0xd0000fff"; do
		n=$(grep -acF "$name" "$logs/two-absent.log")
		[ "$n" -eq 2 ] || { fail "two-absent-is-said-once: '$name' $n times instead of once on each host"; return; }
	done
	echo "PASS micro-two-absent-is-said-once"
	n=$(python3 -c 'import json, sys
hosts = [h["machine"] for h in json.load(open(sys.argv[1]))["hosts"]]
print([[m["mmio"]["absent"]["HPET"], m["ports"]["absent"]["PCI configuration"], m["ports"]["absent"]["0x1230"]] for m in hosts])' "$status")
	if [ "$n" = "[[12, 20, 10], [12, 20, 10]]" ]; then
		echo "PASS micro-two-absent-is-counted"
	else
		fail "two-absent-is-counted: HPET, PCI configuration and port 0x1234 on both hosts: $n"
	fi
}

# One disk, each vCPU with a queue of its own: the vCPUs on one host; on two, of which the first, or the other has the disk. There
# half of the requests are taken from their queue on the host that has not the disk.
disks() {
	local hosts of disk=$logs/disk.img status=$logs/disk.json
	[ "$via" = pando ] || return 0
	while read -r hosts of; do
		rm -f "$disk" "$status" && truncate -s 4M "$disk"
		PANDO_OPTIONS="${PANDO_OPTIONS:-} --status-json $status --disk $disk,host=$of" boot "disk-$hosts-of-$of" "$hosts" "$hosts" 64 400 "test=disk"
		[ "$hosts" = 2 ] && [ -e "$status" ] && [ "${PANDO_QUEUES:-}" != owner ] && served_apart "disk-2-of-$of" "$of"
	done <<<$'1 0\n2 0\n2 1'
	rm -f "$disk"
}
served_apart() { # LABEL HOST: the queues of a disk of that host
	local n
	n=$(python3 -c 'import json, sys
print(*[h["machine"]["io"]["front_requests"] for h in json.load(open(sys.argv[1]))["hosts"]])' "$status")
	if [[ ($2 = 0 && $n =~ ^0\ [1-9][0-9][0-9]) || ($2 = 1 && $n =~ ^[1-9][0-9]+[0-9]\ 0$) ]]; then
		echo "PASS micro-$1-served-apart"
	else
		fail "$1-served-apart: requests taken by host 0 and 1 from queues of a disk of host $2: $n"
	fi
}

# One network card, each vCPU with a pair of queues, the vCPUs on one host and on two; the other end sends all back.
nets() {
	local hosts echo="" socket=$logs/echo.sock
	[ "$via" = pando ] || return 0
	[ "$only" = "  " ] || [[ $only == *" net-"* ]] || return 0
	rm -f "$socket"
	exec {ready}< <(exec python3 tests/micro/echo.py "$socket" 2>&1)
	echo=$!
	read -r -t 60 -u $ready || fail "net: the other end did not start"
	for hosts in 1 2; do
		PANDO_OPTIONS="${PANDO_OPTIONS:-} --net stream=$(realpath "$socket"),queues=2" boot "net-$hosts" $hosts $hosts 64 400 "test=net"
	done
	kill "$echo"
	exec {ready}<&-
	rm -f "$socket"
}

if [ ! -e /dev/kvm ] || [ ! -w /dev/kvm ]; then
	echo "SKIP micro: /dev/kvm cannot be opened"
	exit 0
fi

two=sb_fence,sb,mp,lb,corr,s
irq=ipi,timer,ioapic,port,portorder,clock,xapic,pic
share=pingpong,atomic,spinlock,ticket,ring,readmostly,falseshare,migratory

# Does the runner's plain KVM carry the micro-guest at all? Without that the rest says nothing about the monitor.
if [ "$via" = pando ]; then
	via=runner
	boot kvm 1 2 64 60 test=sb_fence,mp,storm,pattern,ipi rounds=20000
	via=pando
	stale
fi
boot one 1 2 64 300 "test=$two,$share,storm,pattern,$irq rounds=20000 hops=5000"
boot two-litmus 2 2 64 500 "test=$two rounds=$rounds"
boot two-share 2 2 64 400 "test=$share rounds=$rounds tickets=5000 handoffs=4000"
boot two-irq 2 2 64 300 "test=$irq hops=5000"
boot two-xapic 2 3 64 300 "test=ipi,timer,ioapic apic=x"
boot two-memory 2 2 96 300 "test=storm,pattern ops=5000"
boot two-cost 2 2 64 300 "test=fault,stream,cpu"
boot two-iriw 2 4 64 500 "test=wrc,iriw rounds=$rounds"
absent
[ "$via" = pando ] && for hosts in 1 2; do PANDO_OPTIONS="${PANDO_OPTIONS:-} --rng" boot "pci-$hosts" $hosts $hosts 64 300 "test=pci,rng"; done
# ... and on the bus of the second host.
cat >"$logs/far.xml" <<END
<domain type='kvm'><name>far</name><memory unit='MiB'>64</memory><vcpu>2</vcpu><os><type>hvm</type><kernel>$(realpath "$image")</kernel></os>
<devices><rng model='virtio'><backend model='random'>/dev/urandom</backend><address type='pci' bus='0x01' slot='0x03'/></rng></devices></domain>
END
[ "$via" = pando ] && PANDO_OPTIONS="${PANDO_OPTIONS:-} --domain $logs/far.xml" boot pci-far 2 2 64 300 "test=pci,rng"
disks
nets
boot three-litmus 3 3 96 500 "test=$two,wrc rounds=$rounds"
boot three-iriw 3 4 96 500 "test=iriw rounds=$rounds"
boot three-share 3 3 96 400 "test=$share rounds=20000 tickets=1000 handoffs=2000 moves=300 messages=5000"
boot three-memory 3 3 96 300 "test=storm,pattern ops=2000"
boot three-irq 3 3 96 300 "test=$irq hops=1000"
ways=keyboard,port92,cf9,acpi,triple,bios,init
multiboot one 1 2 8 elf "reset=$ways"
multiboot one-other 1 2 8 elf "reset=$ways by=last"
multiboot two 2 4 8 elf "reset=$ways"
multiboot two-other 2 4 8 bin "reset=$ways by=last"
together
module
no_reboot
boot four-iriw 4 4 128 500 "test=iriw,storm,ipi rounds=20000 ops=1000"
exit $failed
