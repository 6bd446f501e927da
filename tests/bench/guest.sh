#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Figures of whole guests: Debian's 6.1 kernel to power-off on one and on two hosts, and CPU-bound work on both. Where there
# is no hardware virtualisation they are taken in the nested testbed, in real seconds of this machine.
set -u
cd "$(dirname "$0")/../.."
. tests/bench/medians.sh
O=${O:-build}
RUNS=${BENCH_GUEST_RUNS:-1}
DILATE=${PANDO_DILATE:-20}
EMULATOR=${PANDO_EMULATOR:-reading-walks}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# guest HOSTS TOOLS: one guest to power-off; its log and its last status go to $out
guest() {
	local command="pando run --local $1 --cpus $1 --memory 512M --dilate $DILATE --peer-timeout 60000 --start-timeout 300 \
--kernel /pando/kernels/6.1 --initrd /pando/guest.cpio --status-json /tmp/status.json \
--append \"console=ttyS0 pando.run=$2\"; rc=\$?; echo STATUS-BEGIN; cat /tmp/status.json; echo; echo STATUS-END; exit \$rc"
	bash tests/testbed/run.sh --emulator "$EMULATOR" --build "$O" --timeout 900 -- "$command" >"$out/log" 2>&1 </dev/null ||
		{ echo "# a guest on $1 hosts failed:"; tail -n 5 "$out/log" | sed 's/^/#   /'; return 1; }
	tr -d '\r' <"$out/log" >"$out/$1.log"
	sed -n '/^STATUS-BEGIN/,/^STATUS-END/p' "$out/$1.log" | sed '1d;$d' >"$out/$1.json"
}

seconds() { sed -n 's/.*powered off after \([0-9.]*\) s.*/\1/p' "$out/$1.log"; }
total() { # HOSTS KEY: a counter of the status, summed over the hosts; those of the links to each peer count the same again
	python3 -c 'import json, sys
print(sum(h["coherence"].get(sys.argv[2], h.get(sys.argv[2])) for h in json.load(open(sys.argv[1]))["hosts"]))' "$out/$1.json" "$2"
}

echo "# emulator $EMULATOR, guest time at 1/$DILATE of real time, $RUNS runs"
for ((i = 0; i < RUNS; i++)); do
	guest 1 none && echo "boot_1_host $(seconds 1) s"
	guest 2 none && {
		echo "boot_2_hosts $(seconds 2) s"
		echo "boot_2_hosts_page_transfers $(total 2 pages_in) pages"
		echo "boot_2_hosts_zero_grants $(total 2 zero_in) pages"
		echo "boot_2_hosts_invalidations $(total 2 invalidations_in) pages"
		echo "boot_2_hosts_forwarded_ipis $(total 2 irqs_out) messages"
		echo "boot_2_hosts_forwarded_io $(total 2 io_forwarded) accesses"
	}
	guest 2 compute && sed -n 's/^RESULT compute_scaling \([0-9.]*\).*/cpu_scaling_2_hosts \1 ratio/p' "$out/2.log"
done >"$out/figures"
grep '^#' "$out/figures"
grep -v '^#' "$out/figures" | medians /dev/stdin | tee "$out/medians"
awk '{ v[$1] = $2 } END { if (v["boot_1_host"] > 0) print "boot_2_hosts_over_1", v["boot_2_hosts"] / v["boot_1_host"], "ratio" }' "$out/medians"
