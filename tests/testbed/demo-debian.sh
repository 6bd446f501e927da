#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Debian from its disk on one machine made of several hosts, each a monitor process of its own here: comes up to a login on
# this terminal. Without a terminal: to its login, and is switched off by its power button.
#
# HOSTS=2              how many             PANDO_EMULATOR           stock, or reading-walks
# MEMORY=512 (MiB)     of each host         PANDO_DILATE             guest time at 1/K of real time
# IMAGE=               the disk (default: build/debian-demo.img, made where it is missing; it stays)
set -euo pipefail
cd "$(dirname "$0")/../.."
hosts=${HOSTS:-2} each=${MEMORY:-512} build=${O:-build} emulator=${PANDO_EMULATOR:-reading-walks}
[[ $hosts =~ ^[1-9][0-9]?$ ]] || { echo "demo-debian: HOSTS=$hosts is not a number of hosts" >&2; exit 2; }
image=${IMAGE:-$build/debian-demo.img} key=$build/debian-demo.key
cpus=$((hosts > 2 ? hosts : 2)) memory=$((hosts * each))
[ "$(id -u)" = 0 ] || { echo "demo-debian: this needs root: packages are set up in a chroot" >&2; exit 1; }

echo "demo-debian: the first time: a minute to build pando, 2 to 8 to make the disk (100 MB of packages); where guests run in an emulated"
echo "      machine its emulator is built too (2 to 5 minutes), and Debian takes some 3 minutes to its login on one host, on two"
echo "      up to 20 where other work keeps the CPUs busy"
tests/support/install-deps.sh build image testbed
make -s -j"$(nproc)" O="$build" all "$build/tests/detect"
read -r mode why < <("$build/tests/detect")
echo "demo-debian: guests run here: $mode ($why)"
if [ ! -e "$image" ]; then
	[ -e "$key" ] || ! command -v ssh-keygen >/dev/null || ssh-keygen -q -t ed25519 -N "" -C pando-demo -f "$key"
	images/make-disk.sh --variant test $([ ! -e "$key.pub" ] || echo "--key $key.pub") "$image" >/dev/null
fi
image=$(realpath "$image")

options="--name debian --local $hosts --cpus $cpus --memory ${memory}M --append numa_balancing=disable"
echo "demo-debian: log in as root, without a password; 'poweroff' ends it; $cpus CPUs and $memory MiB of $hosts hosts (numactl -H, lsblk)"
run() { # COMMAND OF PANDO: on this terminal, or by itself
	if [ -t 0 ] && [ -t 1 ]; then
		echo "$1"
		return
	fi
	# shellcheck disable=SC2016 # for another shell
	echo "cd /tmp; : >console; tail -f console & shown=\$!; $1 </dev/null >/tmp/console 2>&1 & pid=\$!;" \
		'until grep -q "debian login:" /tmp/console; do kill -0 $pid 2>/dev/null || break; sleep 1; done;' \
		'pando qmp debian system_powerdown >/dev/null; wait $pid; rc=$?; sleep 1; kill $shown; exit $rc'
}
if [ "$mode" = nested ]; then
	[ "$emulator" != reading-walks ] || tests/testbed/build-emulator.sh >/dev/null
	# A page of another host takes milliseconds there: with a faster clock two hosts do little else than tick.
	dilate=${PANDO_DILATE:-$((hosts > 1 ? 80 : 20))}
	command="pando run $options --net passt --dilate $dilate --peer-timeout 60000 --start-timeout 300 --disk /dev/vdc"
	exec tests/testbed/run.sh --emulator "$emulator" --build "$build" --timeout "${DEMO_TIMEOUT:-7200}" \
		--files "$(command -v passt)=bin/passt" \
		--qemu-arg -drive --qemu-arg "file=$image,if=none,id=debian,format=raw,cache=writeback" \
		--qemu-arg -device --qemu-arg virtio-blk-pci,drive=debian,addr=1e -- "$(run "$command")"
fi
net=""
if command -v passt >/dev/null; then
	net="--net passt --forward 2222:22"
	echo "demo-debian: or: ssh -p 2222 -i $key -o StrictHostKeyChecking=no root@127.0.0.1"
fi
PATH=$(realpath "$build"):$PATH exec bash -c "$(run "pando run $options $net --disk $image")"
