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
guest="" qemu=""
trap 'for p in $guest $qemu; do kill "$p" 2>/dev/null; done; wait 2>/dev/null; rm -rf "$tmp"' EXIT
suite=qmp
. tests/support/suite.sh

truncate -s 1M "$tmp/disk.img" # of both monitors, one after the other

boot() { # NAME: a guest that works for longer than any test here
	"$O/pando" run --local 2 --kernel "$O/guest-tools/micro.elf" --cpus 2 --memory 64M --name "$1" --quiet --disk "$tmp/disk.img" \
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
	qemu-system-x86_64 -M q35 -accel tcg -nodefaults -display none -smp 2 -m 64 -no-user-config -name qemu "$@" \
		-drive "if=none,id=disk0,node-name=disk0,format=raw,file=$tmp/disk.img,file.locking=off" -device virtio-blk-pci,drive=disk0,id=disk0 \
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

# --- wrong places
for where in tcp:192.0.2.1:4444 tcp:0.0.0.0:4444 /nonexistent/folder/q; do
	"$O/pando" run --local 1 --kernel "$O/guest-tools/micro.elf" --qmp "$where" --quiet >"$tmp/e" 2>&1; rc=$?
	[ $rc = 1 ] && grep -qF "${where#tcp:}" "$tmp/e" && ok "wrong_place.${where//[:\/]/_}" || no "wrong_place.$where" "$rc $(cat "$tmp/e")"
done
exit $bad
