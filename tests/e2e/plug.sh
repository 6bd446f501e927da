#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Disks that come to a running micro-guest and leave it again, on one host and on two: of either
# host, given up by the guest with or without a reset before, or not at all, until it is reset. Natively.
# Usage: tests/e2e/plug.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
suite=plug
. tests/support/suite.sh
. tests/support/hosts.sh
ear=""

ROUNDS=4
deleted() { [ "$(grep -c '"event": "DEVICE_DELETED", "data": {"device": "d"' "$tmp/told")" -ge "$1" ]; }
gone() { ! qmp query-block | grep -q '"device": "d"'; }

boot() { # HOSTS
	boot_guest "plug$1" 120 --local "$1" --cpus "$1" --memory $(($1 * 32))M --rng --append "test=plug rounds=$ROUNDS outside=1" || return
	rm -f "$tmp/say" && mkfifo "$tmp/say"
	socat -t 1 - "UNIX-CONNECT:$PANDO_RUN_DIR/$name.qmp" <"$tmp/say" >"$tmp/told" 2>/dev/null &
	ear=$!
	exec {say}>"$tmp/say"
	printf '{"execute":"qmp_capabilities"}' >&"$say"
}

a_round() { # NUMBER HOSTS
	local n=$1 host=$(($1 % $2))
	wait_for "$patience" says "PLUG $n?" || { no "$name.$n.asks" "the guest does not ask"; return 1; }
	tell "$n.device_add" device_add "{\"driver\":\"virtio-blk-pci\",\"drive\":\"n\",\"id\":\"d\",\"host\":$host,\"serial\":\"P$n\"}" || return 1
	wait_for "$patience" says "PLUGGED $n on bus $host"
	verdict "$name.$n.used" $? "$(qmp query-pci | grep -c '"d"') of it are there" || return 1
	if [ "$n" = 1 ]; then while_it_is_there; fi
	tell "$n.device_del" device_del '{"id":"d"}' || return 1
	wait_for "$patience" says "GIVEN-UP $n"
	verdict "$name.$n.given_up" $? "the guest keeps it"
	wait_for "$patience" deleted $((n + 1))
	verdict "$name.$n.event" $? "$(tail -n 2 "$tmp/told")"
	gone
	verdict "$name.$n.gone" $? "query-block has it"
	dd if="$tmp/disk.img" bs=4096 skip="$n" count=1 2>/dev/null | head -c 8 | od -An -tx8 | grep -q "706c75670*$n*0000"
	verdict "$name.$n.on_the_image" $? "$(dd if="$tmp/disk.img" bs=4096 skip="$n" count=1 2>/dev/null | od -An -tx8 | head -1)"
}

# What is refused leaves no trace: the disk that is there goes on.
while_it_is_there() {
	tell node blockdev-add "{\"driver\":\"file\",\"node-name\":\"n2\",\"filename\":\"$tmp/disk.img\"}"
	refuses_qmp locked 'has it for writing, so nobody else may have it' device_add '{"driver":"virtio-blk-pci","drive":"n2","id":"d2"}'
	refuses_qmp no_file 'No such file' device_add '{"driver":"virtio-blk-pci","drive":"none","id":"d2"}'
	refuses_qmp same_id "Duplicate device ID 'd'" device_add '{"driver":"virtio-rng-pci","id":"d"}'
	refuses_qmp same_serial 'serial number' device_add '{"driver":"virtio-blk-pci","drive":"none","id":"d2","serial":"P1"}'
	refuses_qmp node_in_use "it's in use" device_add '{"driver":"virtio-blk-pci","drive":"n","id":"d2"}'
	refuses_qmp node_stays 'Node n is in use' blockdev-del '{"node-name":"n"}'
	refuses_qmp slot_taken 'PCI: slot 1 function 0 not available' device_add '{"driver":"virtio-rng-pci","id":"d2","addr":"1"}'
	refuses_qmp no_such_host "can't find value" device_add '{"driver":"virtio-rng-pci","id":"d2","host":7}'
	[ "$(qmp query-pci | grep -c '"qdev_id": "."')" = 1 ]
	verdict "$name.no_trace" $? "$(qmp query-pci | grep qdev_id)"
	"$O/pando" status "$name" | grep -q "virtio-blk.*$tmp/disk.img"
	verdict "$name.status" $? "$("$O/pando" status "$name" | grep virtio)"
	tell no_node_any_more blockdev-del '{"node-name":"n2"}'
}

for hosts in 1 2; do
	truncate -s 1M "$tmp/disk.img"
	boot "$hosts" || continue
	tell blockdev-add blockdev-add "{\"driver\":\"raw\",\"node-name\":\"n\",\"file\":{\"driver\":\"file\",\"filename\":\"$tmp/disk.img\"}}"
	tell blockdev-add blockdev-add "{\"driver\":\"raw\",\"node-name\":\"none\",\"file\":{\"driver\":\"file\",\"filename\":\"$tmp/no.img\"}}"
	for ((n = 0; n < ROUNDS - 1; n++)); do a_round "$n" "$hosts" || break; done
	# The last time the guest never answers: nothing waits for it, and a reset is the end of it.
	wait_for "$patience" says "PLUG $n?" && tell stays.device_add device_add '{"driver":"virtio-blk-pci","drive":"n","id":"d"}' && wait_for 20 says "PLUGGED $n"
	tell stays.stop stop && tell stays.device_del device_del '{"id":"d"}'
	refuses_qmp stays.again 'already in the process of unplug' device_del '{"id":"d"}'
	tell stays.another device_add '{"driver":"virtio-net-pci","id":"x"}' && tell stays.another device_del '{"id":"x"}'
	tell stays.reset system_reset
	wait_for "$patience" deleted $((n + 1)) && gone
	verdict "$name.reset_is_the_end_of_it" $? "$(tail -n 2 "$tmp/told")"
	qmp query-pci | grep -q '"qdev_id": "rng0"'
	verdict "$name.reset_keeps_the_others" $? "$(qmp query-pci | grep qdev_id)"
	tell stays.cont cont
	again() { [ "$(grep -ac 'PLUG 0?' "$log")" = 2 ]; }
	wait_for "$patience" again
	verdict "$name.runs_after_the_reset" $? "it does not ask again"
	# The image is free again; the slot has had another disk before.
	tell stays.once_more device_add "{\"driver\":\"virtio-blk-pci\",\"drive\":\"n\",\"id\":\"d\",\"host\":$((hosts - 1))}"
	used_again() { [ "$(grep -ac 'PLUGGED 0' "$log")" = 2 ]; }
	wait_for "$patience" used_again
	verdict "$name.works_after_the_reset" $? "it was not used"
	tell quit quit
	end_of_guest
	verdict "$name.ends_well" $? "exit status"
	! says FAIL
	verdict "$name.guest" $? "$(grep -a FAIL "$log" | head -2)"
	exec {say}>&-
	wait "$ear"
	ear=""
	rm -f "$tmp/disk.img"
done
exit $bad
