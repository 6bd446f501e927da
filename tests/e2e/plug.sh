#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Disks that come to a running micro-guest and leave it again, on one host and on two: of either
# host, given up by the guest with or without a reset before, or not at all, until it is reset. Natively.
# Usage: tests/e2e/plug.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
tmp=$(mktemp -d)
export PANDO_RUN_DIR=$tmp/run
guest="" ear=""
trap 'for p in $guest $ear; do kill "$p" 2>/dev/null; done; wait 2>/dev/null; rm -rf "$tmp"' EXIT
suite=plug
. tests/support/suite.sh
show() { tail -n 8 "$log" | sed 's/^/    /'; }
kvm_or_skip plug || exit 0

ROUNDS=4
says() { grep -aq "$1" "$log"; }
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
deleted() { [ "$(grep -c '"event": "DEVICE_DELETED", "data": {"device": "d"' "$tmp/told")" -ge "$1" ]; }
gone() { ! qmp query-block | grep -q '"device": "d"'; }

boot() { # HOSTS
	name=plug$1 log=$tmp/$name.log
	timeout 120 "$O/pando" run --local "$1" --kernel "$O/guest-tools/micro.elf" --cpus "$1" --memory $(($1 * 32))M --name "$name" --quiet \
		--rng --append "test=plug rounds=$ROUNDS outside=1" >"$log" 2>&1 </dev/null &
	guest=$!
	wait_for 10 guest_runs "$name" || { no "$name.boot" "it does not run"; return 1; }
	rm -f "$tmp/say" && mkfifo "$tmp/say"
	socat -t 1 - "UNIX-CONNECT:$PANDO_RUN_DIR/$name.qmp" <"$tmp/say" >"$tmp/told" 2>/dev/null &
	ear=$!
	exec {say}>"$tmp/say"
	printf '{"execute":"qmp_capabilities"}' >&"$say"
}

a_round() { # NUMBER HOSTS
	local n=$1 host=$(($1 % $2))
	wait_for 20 says "PLUG $n?" || { no "$name.$n.asks" "the guest does not ask"; return 1; }
	tell "$n.device_add" device_add "{\"driver\":\"virtio-blk-pci\",\"drive\":\"n\",\"id\":\"d\",\"host\":$host,\"serial\":\"P$n\"}" || return 1
	wait_for 20 says "PLUGGED $n on bus $host"
	verdict "$name.$n.used" $? "$(qmp query-pci | grep -c '"d"') of it are there" || return 1
	if [ "$n" = 1 ]; then while_it_is_there; fi
	tell "$n.device_del" device_del '{"id":"d"}' || return 1
	wait_for 20 says "GIVEN-UP $n"
	verdict "$name.$n.given_up" $? "the guest keeps it"
	wait_for 20 deleted $((n + 1))
	verdict "$name.$n.event" $? "$(tail -n 2 "$tmp/told")"
	gone
	verdict "$name.$n.gone" $? "query-block has it"
	dd if="$tmp/disk.img" bs=4096 skip="$n" count=1 2>/dev/null | head -c 8 | od -An -tx8 | grep -q "706c75670*$n*0000"
	verdict "$name.$n.on_the_image" $? "$(dd if="$tmp/disk.img" bs=4096 skip="$n" count=1 2>/dev/null | od -An -tx8 | head -1)"
}

# What is refused leaves no trace: the disk that is there goes on.
while_it_is_there() {
	tell node blockdev-add "{\"driver\":\"file\",\"node-name\":\"n2\",\"filename\":\"$tmp/disk.img\"}"
	refuses locked 'has it for writing, so nobody else may have it' device_add '{"driver":"virtio-blk-pci","drive":"n2","id":"d2"}'
	refuses no_file 'No such file' device_add '{"driver":"virtio-blk-pci","drive":"none","id":"d2"}'
	refuses same_id "Duplicate device ID 'd'" device_add '{"driver":"virtio-rng-pci","id":"d"}'
	refuses same_serial 'serial number' device_add '{"driver":"virtio-blk-pci","drive":"none","id":"d2","serial":"P1"}'
	refuses node_in_use "it's in use" device_add '{"driver":"virtio-blk-pci","drive":"n","id":"d2"}'
	refuses node_stays 'Node n is in use' blockdev-del '{"node-name":"n"}'
	refuses slot_taken 'PCI: slot 1 function 0 not available' device_add '{"driver":"virtio-rng-pci","id":"d2","addr":"1"}'
	refuses no_such_host "can't find value" device_add '{"driver":"virtio-rng-pci","id":"d2","host":7}'
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
	wait_for 20 says "PLUG $n?" && tell stays.device_add device_add '{"driver":"virtio-blk-pci","drive":"n","id":"d"}' && wait_for 20 says "PLUGGED $n"
	tell stays.stop stop && tell stays.device_del device_del '{"id":"d"}'
	refuses stays.again 'already in the process of unplug' device_del '{"id":"d"}'
	tell stays.another device_add '{"driver":"virtio-net-pci","id":"x"}' && tell stays.another device_del '{"id":"x"}'
	tell stays.reset system_reset
	wait_for 20 deleted $((n + 1)) && gone
	verdict "$name.reset_is_the_end_of_it" $? "$(tail -n 2 "$tmp/told")"
	qmp query-pci | grep -q '"qdev_id": "rng0"'
	verdict "$name.reset_keeps_the_others" $? "$(qmp query-pci | grep qdev_id)"
	tell stays.cont cont
	again() { [ "$(grep -ac 'PLUG 0?' "$log")" = 2 ]; }
	wait_for 20 again
	verdict "$name.runs_after_the_reset" $? "it does not ask again"
	# The image is free again; the slot has had another disk before.
	tell stays.once_more device_add "{\"driver\":\"virtio-blk-pci\",\"drive\":\"n\",\"id\":\"d\",\"host\":$((hosts - 1))}"
	used_again() { [ "$(grep -ac 'PLUGGED 0' "$log")" = 2 ]; }
	wait_for 20 used_again
	verdict "$name.works_after_the_reset" $? "it was not used"
	tell quit quit
	wait "$guest"
	verdict "$name.ends_well" $? "exit status"
	guest=""
	! says FAIL
	verdict "$name.guest" $? "$(grep -a FAIL "$log" | head -2)"
	exec {say}>&-
	wait "$ear"
	ear=""
	rm -f "$tmp/disk.img"
done
exit $bad
