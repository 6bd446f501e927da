#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Hosts of a running micro-guest are drained and leave, one after the other, while it uses its memory; one comes back. What is
# short or in the way refuses it. Natively. Usage: tests/e2e/drain.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
suite=drain
. tests/support/suite.sh
. tests/support/hosts.sh

boot() { # NAME HOSTS WORDS OPTION...
	boot_guest "$1" 150 --hosts "$2" --key "$tmp/key" --max-hosts 4 --cpus 3 --memory 96M --peer-timeout 3000 "${@:4}" --append "test=$3"
}

start_host a --cpus 4 --memory 128M
start_host b --cpus 4 --memory 128M
start_host c --cpus 4 --memory 128M
if boot leaves "${at[a]},${at[b]},${at[c]}" "stops outside=1 ms=100000"; then
	wait_for "$patience" says "STOPS WANTED"
	refuses no_such_host "there is no host 3" drain "$name" 3
	refuses nothing_to_cancel "no host is being drained" drain --cancel "$name" 1
	does one drain "$name" 2
	grep -q "safe to remove" "$tmp/out"
	verdict "$name.says_so" $? "$(cat "$tmp/out")"
	does another drain "$name" 1
	does back add-host "$name" "${at[b]}"
	does vcpu_there move "$name" 1 1
	does homes_there qmp "$name" x-pando-move-homes '{"from":0,"to":1,"bytes":33554432}'
	does again drain "$name" 1
	nmi
	finish stops
fi
if boot works "${at[a]},${at[b]},${at[c]}" "storm,pattern,storm ops=160000"; then
	does one drain "$name" 1
	does another drain "$name" 2
	finish pattern
fi
start_host d --cpus 3 --memory 40M
start_host e --cpus 2 --memory 40M
if boot small "${at[a]},${at[d]},${at[e]}" "stops outside=1 ms=100000"; then
	wait_for "$patience" says "STOPS WANTED"
	does fits drain "$name" 2
	nmi
	finish stops
fi
start_host f --cpus 1 --memory 96M
start_host g --cpus 2 --memory 64M
if boot full "${at[f]},${at[g]}" "stops outside=1 ms=100000" --rng; then
	wait_for "$patience" says "STOPS WANTED"
	refuses vcpus "host 1 runs 2 vCPUs, the other hosts have offered 0 more" drain "$name" 1
	does device qmp "$name" device_add '{"driver":"virtio-rng-pci","id":"r","host":1}'
	refuses devices "has devices of the guest, which would be lost: r; take them away" drain "$name" 1
	nmi
	finish stops
fi
start_host h --cpus 4 --memory 66M
if boot short "${at[h]},${at[g]}" "stops outside=1 ms=100000"; then
	wait_for "$patience" says "STOPS WANTED"
	refuses memory "MiB of memory have their home on host 1, the other hosts have offered .* MiB more" drain "$name" 1
	nmi
	finish stops
fi
exit $bad
