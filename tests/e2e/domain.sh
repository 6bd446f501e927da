#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guests in libvirt's words: a domain XML is run over two hosts on this machine, described again, and libvirt's own schema is
# asked about it. Natively, with the micro-guest.   Usage: tests/e2e/domain.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
O=$(realpath "${1:?build folder}")
tmp=$(mktemp -d)
export PANDO_RUN_DIR=$tmp/run
guest=""
trap '[ -n "$guest" ] && kill "$guest" 2>/dev/null; wait 2>/dev/null; rm -rf "$tmp"' EXIT
suite=domain
. tests/support/suite.sh
valid() { # NAME FILE
	if ! command -v virt-xml-validate >/dev/null; then
		echo "SKIP domain.$1: virt-xml-validate is missing (libvirt-clients)"
	elif virt-xml-validate "$2" domain >"$tmp/v" 2>&1; then
		ok "$1"
	else
		no "$1" "$(cat "$tmp/v")"
	fi
}

cat >"$tmp/d.xml" <<END
<domain type='kvm'>
  <name>dom</name>
  <uuid>6F1C1F3E6A434C7E9D0B5F4AD53F1C0A</uuid>
  <title>a &amp; b</title>
  <metadata><pando:tuning xmlns:pando='https://pando.invalid/domain/1' hold='70'/></metadata>
  <memory unit='MiB'>96</memory>
  <vcpu>3</vcpu>
  <os><type arch='x86_64'>hvm</type><kernel>$O/guest-tools/micro.elf</kernel><cmdline>test=storm ops=1000000000</cmdline></os>
  <cpu mode='host-passthrough'><numa>
    <cell cpus='0' memory='64' unit='MiB'/>
    <cell cpus='1-2' memory='32' unit='MiB'/>
  </numa></cpu>
  <on_reboot>destroy</on_reboot>
  <devices>
    <serial type='file'><source path='$tmp/console'/></serial>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend><address type='pci' bus='1' slot='3'/></rng>
  </devices>
</domain>
END
valid the_test_is_valid "$tmp/d.xml"
valid the_example_is_valid docs/examples/two-hosts.xml
valid the_devices_are_valid docs/examples/devices.xml
"$O/pando" dumpxml --from docs/examples/devices.xml >"$tmp/devices.xml" 2>"$tmp/e" && ok devices || no devices "$(cat "$tmp/e")"
valid the_devices_dumped_are_valid "$tmp/devices.xml"
"$O/pando" dumpxml --from "$tmp/devices.xml" | diff - "$tmp/devices.xml" >"$tmp/diff" && ok devices_round_trip ||
	no devices_round_trip "$(cat "$tmp/diff")"

if kvm_or_skip domain.runs; then
"$O/pando" run --domain "$tmp/d.xml" --quiet >"$tmp/log" 2>&1 </dev/null &
guest=$!
wait_for 10 guest_runs dom && ok runs || no runs "$(tail -3 "$tmp/log")"
"$O/pando" dumpxml dom >"$tmp/dump.xml" 2>"$tmp/e" && ok dumpxml || no dumpxml "$(cat "$tmp/e")"
valid the_dump_is_valid "$tmp/dump.xml"
sed 's/ local="2"//; /<pando:hosts/,/<.pando:hosts>/d' "$tmp/dump.xml" >"$tmp/dump2.xml"
"$O/pando" dumpxml --from "$tmp/d.xml" >"$tmp/read.xml"
diff <(grep -v pando:hosts "$tmp/dump.xml") <(grep -v pando:hosts "$tmp/read.xml") >"$tmp/diff" && ok the_dump_is_what_was_asked_for ||
	no the_dump_is_what_was_asked_for "$(cat "$tmp/diff")"
"$O/pando" dumpxml --from "$tmp/dump.xml" | diff - "$tmp/dump.xml" >"$tmp/diff" && ok round_trip || no round_trip "$(cat "$tmp/diff")"
"$O/pando" status dom --json >"$tmp/status"
python3 - "$tmp/status" <<'END' && ok parts_and_state || no parts_and_state "see the status"
import json, sys
d = json.load(open(sys.argv[1]))
assert [h["vcpus"] for h in d["hosts"]] == [1, 2], d["hosts"]
assert [h["memory"]["given_pages"] for h in d["hosts"]] == [16384, 8192]
assert [(x["kind"], x["host"], x["slot"]) for x in d["devices"]] == [("virtio-rng", 1, 3)], d["devices"]
assert [c["kind"] for c in d["hosts"][1]["machine"]["cards"]] == ["virtio-rng"]
assert d["uuid"] == "6f1c1f3e-6a43-4c7e-9d0b-5f4ad53f1c0a" and d["state"] == "running" and d["libvirt"] == {"state": 1, "reason": 1}
END
"$O/pando" qmp dom stop >/dev/null
"$O/pando" status dom | grep -q 'paused (user)' && ok state_paused || no state_paused "$("$O/pando" status dom | head -1)"
"$O/pando" qmp dom quit >/dev/null
wait "$guest" && ok ends || no ends "exit status $?"
guest=""
grep -q 'PASS smp' "$tmp/console" && ok console_file || no console_file "$(head -c 200 "$tmp/console")"

# A pseudo-terminal: what the guest says comes out of it. The command line wins over the file.
"$O/pando" run --domain "$tmp/d.xml" --name other --console pty --append 'test=storm ops=1000000000' >"$tmp/log" 2>&1 </dev/null &
guest=$!
wait_for 10 guest_runs other && ok command_line_wins || no command_line_wins "$(tail -3 "$tmp/log")"
pty=$(sed -n 's/.*console of the guest: //p' "$tmp/log")
[ -c "$pty" ] && timeout 5 head -c 20 "$pty" | grep -q . && ok console_pty || no console_pty "nothing came from '$pty'"
"$O/pando" qmp other quit >/dev/null
wait "$guest" || no pty_ends "exit status $?"
guest=""
fi

# What cannot be honoured: all of it is named, and nothing starts.
sed 's|<devices>|<devices><disk type="file"/><interface type="bridge"/>|' "$tmp/d.xml" >"$tmp/bad.xml"
"$O/pando" run --domain "$tmp/bad.xml" >"$tmp/e" 2>&1; rc=$?
[ $rc = 2 ] && grep -q 'line 14: <devices><disk>: ' "$tmp/e" && grep -q '<devices><interface>: ' "$tmp/e" && ok errors_are_named ||
	no errors_are_named "$rc $(cat "$tmp/e")"
"$O/pando" run --domain "$tmp/nosuch.xml" >"$tmp/e" 2>&1; rc=$?
[ $rc = 2 ] && grep -q 'nosuch.xml: No such file' "$tmp/e" && ok no_file || no no_file "$rc $(cat "$tmp/e")"
"$O/pando" run --domain "$tmp/d.xml" --console nonsense >"$tmp/e" 2>&1; rc=$?
[ $rc = 2 ] && grep -q 'nonsense' "$tmp/e" && ok bad_console || no bad_console "$rc $(cat "$tmp/e")"
exit $bad
