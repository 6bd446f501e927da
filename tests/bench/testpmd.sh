#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What DPDK's own test application moves between two ports here: one dpdk-testpmd sends frames of BYTES, another only
# receives them. Prints one line: NAME MB/s.   testpmd.sh NAME BYTES RXDEV TXDEV [RX-NETNS TX-NETNS]
set -u
. "$(dirname "$0")/../support/suite.sh"
name=$1 bytes=$2 rxdev=$3 txdev=$4 rxns=${5:-} txns=${6:-}
SECONDS_RUN=${TESTPMD_SECONDS:-4}
command -v dpdk-testpmd >/dev/null || { echo "# $name: there is no dpdk-testpmd (Debian 12: package dpdk-dev)"; exit 1; }
out=$(mktemp -d)
pids=()
end() { for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done; wait 2>/dev/null; rm -rf "$out"; }
trap end EXIT
cpus=$(nproc)

start() { # LOG CPU NETNS DEVICE ARGUMENTS...
	local log=$1 cpu=$2 ns=$3 dev=$4
	shift 4
	${ns:+ip netns exec "$ns"} dpdk-testpmd --lcores "0@(0-$((cpus - 1))),1@$((cpu % cpus))" --no-huge --no-shconf -m 128 \
		--file-prefix "pandobench$cpu" --no-telemetry --no-pci --vdev "$dev" -- --total-num-mbufs=2048 --mbuf-size=8320 \
		--no-mlockall --auto-start --stats-period 1 "$@" >"$log" 2>&1 </dev/null &
	pids+=($!)
}

start "$out/rx" 0 "$rxns" "$rxdev" --forward-mode=rxonly
wait_for 10 grep -q 'Port statistics' "$out/rx" # a memif's client finds its server when it starts, or never
start "$out/tx" 1 "$txns" "$txdev" --forward-mode=txonly --txpkts="$bytes"
sleep $((SECONDS_RUN + 2))
# the middle of what the receiver saw in each second: packets a second times their size
grep -oE 'Rx-pps: +[0-9]+' "$out/rx" | awk -v b="$bytes" '$2 > 0 { v[++n] = $2 } END {
	for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (v[j] < v[i]) { t = v[i]; v[i] = v[j]; v[j] = t }
	if (n) printf "%.0f\n", v[int((n + 1) / 2)] * b / 1e6 }' >"$out/mbs"
if [ -s "$out/mbs" ]; then
	echo "$name $(cat "$out/mbs") MB/s"
else
	echo "# $name: dpdk-testpmd gave no figure:"
	tail -n 4 "$out/rx" "$out/tx" | sed 's/^/#   /'
fi
