#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Debian from its disk to its login, on one host and on two, and how many pages cross for that. One after the other in one nested
# machine, each from a fresh copy of the disk (a first boot has more to do); where guests run directly, here. In real seconds of
# this machine.
# Usage: tests/bench/debian.sh BUILD_FOLDER       prints "name value unit"; comments begin with #
#   PANDO_EMULATOR, PANDO_DILATE, DEBIAN_PATIENCE   as for tests/e2e/debian_disk.sh
# Logs: BUILD_FOLDER/check/debian-bench/boot_1.log, boot_2.log
set -u
suite=debian_bench

# ---- inside ----

boots() { # HOSTS
	local at=$EPOCHREALTIME
	start "$1" 1024
	expect 3000 '^debian login:'
	verdict "$name.login" $? "no login in 3000 s" || return
	echo "BOOTED $1 $(awk -v a="$at" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')"
	echo "STATUS $1"
	pando status --json debian
	echo "END STATUS"
}
case_boot_1() { boots 1; }
case_boot_2() {
	disk=$copy
	boots 2
}

if [ "${1:-}" = inside ]; then # COPY, then those of debian.sh
	shift
	. ./suite.sh
	. ./debian.sh
	copy=$1
	shift
	inside "$@"
	exit $bad
fi

# ---- outside ----
cd "$(dirname "$0")/../.." || exit 1
O=${1:?build folder}
. tests/support/suite.sh >&2 # what it says is no figure
. tests/support/debian.sh
debian_prepare debian-bench base >&2 || exit 1
cp --sparse=always "$work/debian.img" "$work/copy.img"
drives="copy debian" programs="passt" files="" settings=""
debian_run 7200 tests/bench/debian.sh boot_1 boot_2 >&2
echo "# Debian 12 from its disk; guests run $mode, where that is nested with guest time at 1/${PANDO_DILATE:-20 (one host) and 1/80 (two)} of real time"
python3 - "$logs/all" <<'END'
import json, re, sys
text = open(sys.argv[1], errors="replace").read().replace("\r", "")
took = {int(hosts): float(s) for hosts, s in re.findall(r"^BOOTED (\d+) ([\d.]+)$", text, re.M)}
for hosts, s in sorted(took.items()):
    print(f"boot_debian_{hosts}_host{'s' if hosts > 1 else ''} {s:.1f} s")
if 1 in took and 2 in took:
    print(f"boot_debian_2_hosts_over_1 {took[2] / took[1]:.2f} ratio")
status = re.search(r"^STATUS 2\n(.*?)^END STATUS$", text, re.M | re.S)
if status:
    hosts = json.loads(status[1])["hosts"]
    print("boot_debian_2_hosts_page_transfers", sum(h["coherence"]["pages_in"] for h in hosts), "pages")
END
exit $bad
