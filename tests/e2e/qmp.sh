#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# QMP of a running guest on two hosts: QEMU's own client library, socat, and clients that do harm; what commands return is
# compared in shape with the distribution's QEMU. Natively, with the micro-guest.
# Usage: tests/e2e/qmp.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
tmp=$(mktemp -d)
export PANDO_RUN_DIR=$tmp/run
guest="" qemu="" nbd=""
trap 'for p in $guest $qemu $nbd; do kill "$p" 2>/dev/null; done; wait 2>/dev/null; rm -rf "$tmp"' EXIT
suite=qmp
. tests/support/suite.sh
kvm_or_skip qmp || exit 0

truncate -s 1M "$tmp/disk.img" "$tmp/plug.img" # of both monitors, one after the other

boot() { # NAME: a guest that works for longer than any test here
	"$O/pando" run --local 2 --kernel "$O/guest-tools/micro.elf" --cpus 2 --memory 64M --name "$1" --quiet --disk "$tmp/disk.img" --net none \
		--qmp "tcp:127.0.0.1:$port" --append "test=storm ops=1000000000" >"$tmp/$1.log" 2>&1 </dev/null &
	guest=$!
	wait_for 10 guest_runs "$1" && return
	no "boot" "the guest $1 does not run: $(tail -3 "$tmp/$1.log")"
	exit 1
}
port=$(free_port)

# --- QEMU's client library, every command
lib=$(tests/support/qmp-client.sh) || { no client_library "it cannot be had"; exit 1; }
boot one
if timeout 150 python3 tests/e2e/qmp/session.py "$lib" "$PANDO_RUN_DIR/one.qmp" "$tmp/pando.json" "$tmp/core" --pando; then
	ok client_library
else
	no client_library "the session failed"
fi
wait "$guest" && ok quit_status || no quit_status "pando run ended with $?"
guest=""
[ -e "$PANDO_RUN_DIR/one.qmp" ] && no socket_is_removed "one.qmp is still there" || ok socket_is_removed
if readelf -l "$tmp/core" >"$tmp/elf" 2>&1 && grep -q 'CORE' <(readelf -h "$tmp/core") && grep -q LOAD "$tmp/elf"; then
	ok dump_is_an_elf_core
else
	no dump_is_an_elf_core "$(head -3 "$tmp/elf")"
fi

judged returns python3 tests/e2e/qmp/schema.py returns "$tmp/pando.json"

# --- the same with QEMU
boot_qemu() {
	rm -f "$tmp/qemu.sock"
	qemu-system-x86_64 -M pc -accel tcg -nodefaults -display none -smp 2 -m 64 -no-user-config -name qemu "$@" \
		-drive "if=none,id=disk0,node-name=node0,format=raw,file=$tmp/disk.img,file.locking=off" -device virtio-blk-pci,drive=disk0,id=front0 \
		-qmp "unix:$tmp/qemu.sock,server=on,wait=off" >"$tmp/qemu.log" 2>&1 </dev/null &
	qemu=$!
	wait_for 10 test -S "$tmp/qemu.sock"
}
boot_qemu
if timeout 150 python3 tests/e2e/qmp/session.py "$lib" "$tmp/qemu.sock" "$tmp/qemu.json" "$tmp/qemu-core"; then
	judged compare python3 tests/e2e/qmp/compare.py "$tmp/pando.json" "$tmp/qemu.json" docs/QMP.md
else
	no qemu_session "the session with QEMU failed: $(tail -2 "$tmp/qemu.log")"
fi
qemu=""

# --- arguments that no command has, refused in the same words
boot two
boot_qemu -S
judged arguments timeout 60 python3 tests/e2e/qmp/schema.py arguments "$PANDO_RUN_DIR/two.qmp" "$tmp/qemu.sock"
kill "$qemu" && wait "$qemu" 2>/dev/null
qemu=""

# --- socat, without newlines and without waiting; an event comes before its command's return
say() { (printf '%s' "$1"; sleep 1) | timeout 20 socat -t 2 - "$2"; }
got=$(say '{"execute":"qmp_capabilities"}{"execute":"stop","id":1}{"execute":"query-status","id":2}{"execute":"cont","id":3}' \
	"UNIX-CONNECT:$PANDO_RUN_DIR/two.qmp")
lines=$(printf '%s' "$got" | tr -d '\r' | sed -E 's/"timestamp": \{[^}]*\}, //')
want='{"return": {}}
{"event": "STOP"}
{"return": {}, "id": 1}
{"return": {"running": false, "singlestep": false, "status": "paused"}, "id": 2}
{"event": "RESUME"}
{"return": {}, "id": 3}'
[ "$(printf '%s\n' "$lines" | tail -n +2)" = "$want" ] && ok socat_unix || no socat_unix "$got"
printf '%s' "$got" | grep -qv $'\r$' && no lines_end_in_cr_lf "$(printf '%s' "$got" | grep -v $'\r$' | head -1)" || ok lines_end_in_cr_lf
got=$(say '{"execute":"qmp_capabilities"}{"execute":"query-name"}' "TCP:127.0.0.1:$port" | tr -d '\r' | tail -1)
[ "$got" = '{"return": {"name": "two"}}' ] && ok socat_tcp || no socat_tcp "$got"
[ "$(stat -c %a "$PANDO_RUN_DIR/two.qmp")" = 600 ] && ok socket_mode || no socket_mode "$(stat -c %a "$PANDO_RUN_DIR/two.qmp")"

# --- devices: a disk that grows is told to the guest's monitor too; a disk has no cable
"$O/pando" qmp two block_resize '{"device":"disk0","size":4194304}' >/dev/null 2>"$tmp/e"
verdict block_resize $? "$(cat "$tmp/e")"
grown() { "$O/pando" qmp two query-block | grep -q '"virtual-size": 4194304'; }
wait_for 15 grown
verdict disk_is_larger $? "$("$O/pando" qmp two query-block)"
"$O/pando" qmp two block_resize '{"device":"disk0","size":512}' >/dev/null 2>"$tmp/e"; rc=$?
[ $rc = 1 ] && grep -q 'what would be cut off may be in use' "$tmp/e"
verdict disk_is_not_cut_off $? "$rc $(cat "$tmp/e")"
"$O/pando" qmp two set_link '{"name":"net0","up":false}' >/dev/null 2>"$tmp/e"
verdict cable_of_a_network_device $? "$(cat "$tmp/e")"
"$O/pando" status two >"$tmp/status" 2>&1
grep -qE "^ +0 +[0-9]+ +virtio-blk .* $tmp/disk.img\$" "$tmp/status" && grep -qE '^ +0 +[0-9]+ +virtio-net ' "$tmp/status"
verdict status_has_the_devices $? "$(cat "$tmp/status")"

# --- our own client, and its exit statuses
"$O/pando" qmp two query-kvm >/dev/null && ok command_line || no command_line "$?"
"$O/pando" qmp two nosuch >/dev/null 2>"$tmp/e"; rc=$?
[ $rc = 1 ] && grep -q 'nosuch' "$tmp/e" && ok command_line.error || no command_line.error "$rc $(cat "$tmp/e")"
"$O/pando" qmp two stop 'nonsense' >/dev/null 2>&1; rc=$?
[ $rc = 2 ] && ok command_line.usage || no command_line.usage "$rc"

# --- hostile clients
judged hostile timeout 200 python3 tests/e2e/qmp/hostile.py "$PANDO_RUN_DIR/two.qmp" "$guest"
"$O/pando" qmp two quit >/dev/null
wait "$guest" && ok ends_well || no ends_well "exit status $?: $(tail -2 "$tmp/two.log")"
guest=""

# --- a disk that fails: an event, a number, and a guest that goes on
bad_disk() { # the micro-guest's disk test meets the errors, says so and powers off; what was told meanwhile is judged
	# No error before somebody listens, and no end before that either.
	nbdkit -f -U "$tmp/nbd" --filter=error --filter=delay memory 64M error-rate=10% error-file="$tmp/errors" rdelay=20ms wdelay=20ms \
		>"$tmp/nbdkit.log" 2>&1 &
	nbd=$!
	wait_for 10 test -S "$tmp/nbd" || { no failing_disk "nbdkit does not run: $(cat "$tmp/nbdkit.log")"; return; }
	"$O/pando" run --local 1 --kernel "$O/guest-tools/micro.elf" --cpus 1 --memory 64M --name bad --quiet --status-json "$tmp/bad.json" \
		--disk "nbd+unix:///?socket=$tmp/nbd" --append "test=disk" >"$tmp/bad.log" 2>&1 </dev/null &
	guest=$!
	wait_for 10 test -S "$PANDO_RUN_DIR/bad.qmp"
	(printf '{"execute":"qmp_capabilities"}'; wait_for 60 grep -q '"return"' "$tmp/told"; touch "$tmp/errors"
		wait_for 60 grep -q BLOCK_IO_ERROR "$tmp/told") |
		socat -t 1 - "UNIX-CONNECT:$PANDO_RUN_DIR/bad.qmp" >"$tmp/told" 2>/dev/null
	grep -q '"event": "BLOCK_IO_ERROR", "data": {"device": "disk0",.*Input/output error' "$tmp/told"
	verdict failing_disk_is_an_event $? "$(cat "$tmp/told"; tail -n 3 "$tmp/bad.log")"
	wait "$guest"
	verdict failing_disk_ends_no_guest $? "exit status; $(tail -n 3 "$tmp/bad.log")"
	guest=""
	python3 -c 'import json, sys; c = json.load(open(sys.argv[1]))["hosts"][0]["machine"]["cards"][0]; sys.exit(c["errors"] == 0)' "$tmp/bad.json"
	verdict failing_disk_is_counted $? "$(grep errors "$tmp/bad.json")"
}
if ! command -v nbdkit >/dev/null || ! ldd "$O/pando" | grep -q libnbd; then
	echo "SKIP qmp.failing_disk: nbdkit is missing, or pando was built without libnbd"
else
	bad_disk
	kill "$nbd" 2>/dev/null
	wait "$nbd" 2>/dev/null
fi

# --- wrong places
for where in tcp:192.0.2.1:4444 tcp:0.0.0.0:4444 /nonexistent/folder/q; do
	"$O/pando" run --local 1 --kernel "$O/guest-tools/micro.elf" --qmp "$where" --quiet >"$tmp/e" 2>&1; rc=$?
	[ $rc = 1 ] && grep -qF "${where#tcp:}" "$tmp/e" && ok "wrong_place.${where//[:\/]/_}" || no "wrong_place.$where" "$rc $(cat "$tmp/e")"
done
exit $bad
