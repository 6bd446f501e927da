#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Boots Debian's kernel on one machine made of two hosts that really are two machines: two nested ones, each with a kernel
# and a time-stamp counter of its own, joined by a virtio network card each. What the guest says is checked as in demo.sh.
#
#   two-machines.sh          LINK=uring|dpdk (how pages travel), GUEST=debian|micro (micro: the small test kernel's memory
#                            tests), and demo.sh's GUEST_KERNEL, MEMORY, DEMO_TIMEOUT, DEMO_TOOLS, DEMO_APPEND,
#                            PANDO_EMULATOR, PANDO_DILATE; LINK_MORE: words after dpdk:pci=ADDRESS; O is the build folder
#
# With LINK=dpdk a second card leaves the kernel (uio_pci_generic) and is driven by DPDK's virtio driver; the first one
# keeps the kernel's network for the sessions.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
cd "$top"
suite=two_machines
. tests/support/suite.sh
O=${O:-build}
build=$O series=${GUEST_KERNEL:-6.1} each=${MEMORY:-256} limit=${DEMO_TIMEOUT:-300}
emulator=${PANDO_EMULATOR:-reading-walks} dilate=${PANDO_DILATE:-20} link=${LINK:-uring}
tools=${DEMO_TOOLS:-topology} guest=${GUEST:-debian}
case $guest in debian | micro) ;; *) echo "two-machines: GUEST=$guest: expected debian or micro" >&2; exit 2 ;; esac
case $link in uring | dpdk) ;; *) echo "two-machines: LINK=$link: expected uring or dpdk" >&2; exit 2 ;; esac

tests/support/install-deps.sh build testbed
make -s -j"$(nproc)" O="$build" all guest-tools "$build/guest-tools/micro.elf"

work=$(mktemp -d "${TMPDIR:-/tmp}/pando-two.XXXXXX")
log=$build/two-machines.log
away=""
finish() {
	trap - EXIT INT TERM
	if [ -n "$away" ] && kill "$away" 2>/dev/null; then wait "$away" 2>/dev/null || true; fi
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

"$build/pando" keygen "$work/key" >/dev/null
spec="" card="" files="$work/key=key"
# Frames between the two emulators travel over Unix sockets: nothing leaves this machine.
net() { # MACHINE NUMBER: the arguments for one card
	local other=$((3 - $1))
	echo "--qemu-arg -netdev --qemu-arg dgram,id=n$2,local.type=unix,local.path=$work/$1-$2,remote.type=unix,remote.path=$work/$other-$2" \
		"--qemu-arg -device --qemu-arg virtio-net-pci,netdev=n$2,mac=52:54:00:00:0$2:0$1,romfile="
}
cards() { echo "$(net "$1" 0)" "$([ "$link" = dpdk ] && net "$1" 1)"; }
if [ "$link" = dpdk ]; then
	dpdk_or_skip two_machines || exit 0
	files="$files,$here/dpdk-card.sh=dpdk-card.sh"
	. "$here/dpdk.sh"
	dpdk_driver virtio
	files="$files,$dpdk_files"
	card="$dpdk_before && sh /pando/dpdk-card.sh 52:54:00:00:01:0\$n || exit 1;"
	spec="--link dpdk:pci=\$(cat /run/dpdk-card)${LINK_MORE:+,$LINK_MORE}"
fi
up='modprobe virtio_net; for d in /sys/class/net/*; do grep -q 52:54:00:00:00: $d/address && e=${d##*/}; done;
ip addr add 10.9.0.$n/24 dev $e && ip link set $e up || exit 1;'
host="pando host --key /pando/key --listen 10.9.0.\$n:7411 --cpus 1 --memory ${each}M $spec"

echo "two-machines: link $link, emulator $emulator, guest time at 1/$dilate of real time"
# The second machine serves until it is ended with this script.
# shellcheck disable=SC2046
"$here/run.sh" --emulator "$emulator" --build "$build" --cpus "${MACHINE_CPUS:-1}" --mem 2G --timeout "$limit" --files "$files" $(cards 2) \
	-- "n=2; $up $card $host" >"$work/second.log" 2>&1 </dev/null &
away=$!

append="console=ttyS0 pando.run=$tools pando.topology=--cpus=2,--nodes=2 pando.clock=--rounds=100,--seconds=0.5"
append="$append pando.litmus=--rounds=20000,--seconds=0.2 pando.compute=--msteps=400 ${DEMO_APPEND:-}"
system="--kernel /pando/kernels/$series --initrd /pando/guest.cpio"
if [ "$guest" = micro ]; then
	files="$files,$build/guest-tools/micro.elf=micro.elf"
	system="--kernel /pando/micro.elf"
	append="test=sb,mp,lb,corr,s rounds=2000"
fi
run="pando run --hosts 10.9.0.1:7411,10.9.0.2:7411 --key /pando/key --cpus 2 --memory $((2 * each))M --dilate $dilate \
--peer-timeout 60000 --start-timeout 300 $system --append '$append' --status-json /run/status; rc=\$?; echo; \
echo 'status at the end:'; cat /run/status; echo; exit \$rc"
# The sessions are tried until the second machine is up.
wait_for='for i in $(seq 120); do bash -c ": >/dev/tcp/10.9.0.2/7411" 2>/dev/null && break; sleep 1; done;'
rc=0
# shellcheck disable=SC2046
"$here/run.sh" --emulator "$emulator" --build "$build" --cpus "${MACHINE_CPUS:-1}" --mem 2G --timeout "$limit" --files "$files" $(cards 1) \
	-- "n=1; $up $card $host & $wait_for $run" 2>&1 </dev/null | tee "$log" || rc=$?

verdict exit_status "$rc" "$rc"
if [ "$guest" = micro ]; then
	verdict no_memory_test_failed "$(! grep -q ^FAIL "$log"; echo $?)" "$(grep -m1 ^FAIL "$log")"
	verdict last_memory_test "$(grep -Eq $'^PASS s\r?$' "$log"; echo $?)" "no PASS s"
else
	verdict power_off "$(grep -q '^pando guest: done' "$log"; echo $?)" "the guest did not reach its end"
	verdict no_tool_failed "$([ "$(value guest_failed)" = 0 ]; echo $?)" "guest_failed $(value guest_failed)"
	verdict clocksource_tsc "$([ "$(value clocksource)" = tsc ]; echo $?)" "clocksource $(value clocksource)"
fi
[ "$bad" = 0 ] || { echo "two-machines: what the second one said:"; tail -30 "$work/second.log"; }
exit "$bad"
