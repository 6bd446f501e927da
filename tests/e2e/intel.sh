#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Hosts with Intel's VMX and EPT: the micro-guest on one and two hosts and Debian on two, on hosts with Linux 6.12; the micro-guest
# on two with Linux 6.1. kvm_intel has its default parameters but eptad=0. Each host kernel in an emulator of its own, side by side.
# Usage: tests/e2e/intel.sh BUILD_FOLDER [CASE...]     CASE: one, two, debian; those that are named run on all kernels
#   INTEL_KERNELS="6.12 6.1"  host kernels       INTEL_LIMIT=600  seconds for each emulator
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
shift
kernels=${INTEL_KERNELS:-6.12 6.1} limit=${INTEL_LIMIT:-900} named=$*
cases_of() { # KERNEL
	if [ -n "$named" ]; then echo " $named "; elif [ "$1" = 6.1 ]; then echo " two "; else echo " one two debian "; fi
}
declare -A tests=(
	[one]=timer,ipi,ioapic,port,clock,sb_fence,sb,mp,storm
	[two]=timer,ipi,ioapic,port,portorder,clock,sb_fence,sb,mp,lb,corr,s,pingpong,storm,fault
)
suite=intel logs=$O/check
. tests/support/suite.sh
mkdir -p "$logs"

skip() { # WHY: every case, by its name
	local k c
	for k in $kernels; do for c in $(cases_of "$k"); do echo "SKIP intel.host_$k.$c: $1"; done; done
	exit 0
}
bochs=$(tests/testbed/intel/build-bochs.sh 2>"$logs/intel-build.log") || {
	rc=$?
	[ $rc -ne 3 ] || skip "$(tail -n 1 "$logs/intel-build.log")"
	echo "FAIL intel: the emulator could not be built"
	tail -n 20 "$logs/intel-build.log"
	exit 1
}
debian=$(images/get-kernel.sh 6.1) && initrd=$(images/make-initramfs.sh "$O") || exit 1

# What the machine runs: each case between two lines of its own.
micro="pando run --cpus 2 --memory 64M --quiet --kernel micro.elf"
commands() { # KERNEL
	local c cases
	cases=$(cases_of "$1")
	echo 'begin() { echo "== $1 at $(cut -d. -f1 /proc/uptime)"; }; end() { echo "== end $?"; };'
	for c in one two; do
		[[ $cases != *" $c "* ]] || echo "begin $c; $micro --local $([ $c = one ] && echo 1 || echo 2) \
--append 'test=${tests[$c]} rounds=2000 hops=500 ops=300 moves=100'; end;"
	done
	[[ $cases != *" debian "* ]] || echo "begin debian; pando run --local 2 --cpus 2 --memory 256M --dilate ${INTEL_DILATE:-40} --quiet \
--kernel kernels/6.1 --initrd guest.cpio --append 'console=ttyS0 quiet nokaslr pando.run=topology,clock \
pando.topology=--cpus=2,--nodes=2 pando.clock=--rounds=100,--seconds=0.5'; end;"
	echo "begin over; exit 0"
}

machine() { # KERNEL
	local log=$logs/intel-$1
	rm -rf "$log.d"
	tests/testbed/intel/run.sh --bochs "$bochs" --kernel "$1" --build "$O" --timeout "$limit" --keep "$log.d" \
		--files "$O/guest-tools/micro.elf=micro.elf,$debian/vmlinuz=kernels/6.1,$initrd=guest.cpio" \
		-- "$(commands "$1")" >"$log.log" 2>&1 </dev/null
	echo "== machine ended with $?" >>"$log.log"
}

section() { # KERNEL CASE: what was said between its lines
	tr -d '\r' <"$logs/intel-$1.log" | awk -v want="$2" '/^== end/ { if (on) print; on = 0 } on; /^== / { on = $2 == want }'
}

judge_micro() { # KERNEL CASE
	local name=host_$1.$2 t
	for t in ${tests[$2]//,/ }; do
		grep -qx "PASS $t" "$log"
		verdict "$name.$t" $? "$(grep -m1 "^[A-Z]* $t\b" "$log" || echo "it did not come to it"); see $logs/intel-$1.log"
	done
	grep -qx END "$log" && grep -qx '== end 0' "$log"
	verdict "$name.end" $? "last: $(tail -n 1 "$log")"
}

judge_debian() { # KERNEL
	local name=host_$1.debian
	grep -qx '== end 0' "$log"
	verdict "$name.exit_status" $? "last: $(tail -n 1 "$log")"
	grep -q '^pando guest: done' "$log"
	verdict "$name.power_off" $? "the guest did not reach its end; see $logs/intel-$1.log"
	[ "$(value guest_failed)" = 0 ]
	verdict "$name.no_tool_failed" $? "$(grep -m1 '^FAIL' "$log")"
	[ "$(value cpus_online)" = 2 ] && [ "$(value numa_nodes)" = 2 ]
	verdict "$name.both_hosts" $? "CPUs $(value cpus_online), nodes $(value numa_nodes)"
	[ "$(value clock_tsc_steps_back)" = 0 ]
	verdict "$name.clock_never_back" $? "steps back: $(value clock_tsc_steps_back)"
}

pids=""
trap 'kill $pids 2>/dev/null' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
for k in $kernels; do
	machine "$k" &
	pids="$pids $!"
done
wait $pids
pids=""
tmp=$(mktemp -d "$logs/intel.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
for k in $kernels; do
	for c in $(cases_of "$k"); do
		log=$tmp/$k-$c
		section "$k" "$c" >"$log"
		if [ "$c" = debian ]; then judge_debian "$k"; else judge_micro "$k" "$c"; fi
	done
	grep -qx '== machine ended with 0' "$logs/intel-$k.log"
	verdict "host_$k.machine" $? "$(tail -n 1 "$logs/intel-$k.log"); see $logs/intel-$k.log"
	# What the host's kernel thinks of our calls.
	! grep -aE 'Unhandled (WR|RD)MSR|HWCR|WARNING:|BUG:|Oops' "$logs/intel-$k.d/kernel" >"$tmp/complaints" 2>/dev/null
	verdict "host_$k.kernel_log" $? "$(head -n 1 "$tmp/complaints")"
done
exit $bad
