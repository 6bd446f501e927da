#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The links side by side, natively, between two processes on this machine that poll for 100 us before they sleep: raw round
# trip (64 bytes out, a page back), stream of pages, remote faults, and what DPDK's own test application moves over the same
# ports. One figure a line; figures.txt lists them, with the aims.   tests/bench/links.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
RUNS=${BENCH_RUNS:-3}
if [ "${PANDO_LINKS_NETNS:-}" != yes ]; then
	PANDO_LINKS_NETNS=yes exec unshare -n "$0" "$@" || exit 1 # the veth pair goes with this process
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
# The kernel numbers the receivers of a packet socket by process and interface: far apart, they do not meet.
ip link set lo up && ip link add pb0 index 4096 mtu 8000 type veth peer name pb1 index 8192 mtu 8000 &&
	ip link set pb0 up && ip link set pb1 up || { echo "# links: no veth pair here"; exit 1; }
veth="dpdk:vdev=net_af_packet0,iface=pb@"

# one NAME LINK: best of RUNS (what the machine can do, not what else it did): lowest times, highest rates; of the link's
# counters, which are those of the reading end, the highest
one() {
	local i
	for ((i = 0; i < RUNS; i++)); do
		timeout 120 "$O/tests/fault_bench" 100 "$2" 2>"$out/err" || { echo "# $1: fault_bench failed: $(tail -n 1 "$out/err")"; return; }
	done | best "$1"
}

# best NAME: of what fault_bench said several times
best() {
	awk -v n="$1" '/^#/ { print; next }
		$1 !~ /^(link_rtt|link_rtt_best|link_stream|link_stream_best|link_frames_in|link_frames_out|link_retransmits|link_credit_stalls|link_frame_rtt|fault_read|fault_write|fault_upgrade|stream_read|stream_write|aes_page|aes_limit)$/ { next }
		!($1 in v) { order[++k] = $1; v[$1] = $2; u[$1] = $3 }
		($3 == "us") ? $2 < v[$1] : $2 > v[$1] { v[$1] = $2 }
		END { for (i = 1; i <= k; i++) { a = order[i]; b = a; sub(/^link_/, "", b); print n "_" b, v[a], u[a] }
			if (v["link_rtt"] > 0) print n "_fault_read_over_rtt", v["fault_read"] / v["link_rtt"], "ratio" }'
}

# pair NAME LINK NAME LINK: the same of two links by turns, so that both have the machine as it was
pair() {
	local i k
	for ((i = 0; i < RUNS; i++)); do
		for k in 1 3; do
			local to=$((k + 1))
			timeout 120 "$O/tests/fault_bench" 100 "${!to}" >"$out/$k.$i" 2>"$out/err" ||
				{ echo "# ${!k}: fault_bench failed: $(tail -n 1 "$out/err")"; return; }
		done
	done
	cat "$out"/1.* | best "$1"
	cat "$out"/3.* | best "$3"
}

testpmd() { # NAME RXDEV TXDEV: best of RUNS
	local i
	for ((i = 0; i < RUNS; i++)); do
		bash tests/bench/testpmd.sh "$1" 4176 "$2" "$3"
	done | awk '/^(#|SKIP)/ { print; next } $2 > v { v = $2; n = $1 } END { if (n) print n, v, "MB/s" }'
}

echo "# links: two processes, this machine ($(nproc) CPUs), polling 100 us; best of $RUNS runs"
{
	pair uring uring sealed uring,sealed
	pair dpdk_memif dpdk:memif dpdk_memif_sealed dpdk:memif,sealed
	one dpdk_veth "$veth,sums=no" # frames stay in this machine, and testpmd sums up nothing either
	one dpdk_veth_sums "$veth"
	one dpdk_memif_1pct_loss dpdk:memif,drop=1%
	one dpdk_veth_1pct_loss "$veth,sums=no,drop=1%"
	m=$out/pmd.sock,socket-abstract=no,bsize=8192,rsize=10
	testpmd testpmd_memif "net_memif0,role=server,socket=$m" "net_memif0,role=client,socket=$m"
	p=framesz=8192,blocksz=16384,framecnt=256
	testpmd testpmd_veth "net_af_packet0,iface=pb1,$p" "net_af_packet0,iface=pb0,$p"
} | tee "$out/figures"
awk '{ v[$1] = $2 }
	function ratio(name, a, b) { if (v[a] > 0 && v[b] > 0) printf "%s %.3f ratio\n", name, v[a] / v[b] }
	END {
		ratio("dpdk_veth_sums_stream_over_testpmd", "dpdk_veth_sums_stream_best", "testpmd_veth")
		ratio("dpdk_memif_rtt_over_uring_rtt", "dpdk_memif_rtt_best", "uring_rtt_best")
		ratio("dpdk_stream_over_testpmd", "dpdk_veth_stream_best", "testpmd_veth")
		ratio("dpdk_memif_stream_over_testpmd", "dpdk_memif_stream_best", "testpmd_memif")
		# of the whole stream: in its best piece hardly anything is lost
		ratio("sealed_fault_read_over_plain", "sealed_fault_read", "uring_fault_read")
		ratio("sealed_stream_over_plain", "sealed_stream", "uring_stream")
		ratio("sealed_memif_fault_read_over_plain", "dpdk_memif_sealed_fault_read", "dpdk_memif_fault_read")
		ratio("sealed_memif_stream_over_plain", "dpdk_memif_sealed_stream", "dpdk_memif_stream")
		ratio("dpdk_stream_at_1pct_loss", "dpdk_veth_1pct_loss_stream", "dpdk_veth_stream")
		ratio("dpdk_memif_stream_at_1pct_loss", "dpdk_memif_1pct_loss_stream", "dpdk_memif_stream")
	}' "$out/figures"
