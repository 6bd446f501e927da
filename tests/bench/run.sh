#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures and prints one figure a line: name value unit [limit]. Medians where there are several runs; figures of the nested
# testbed say so in the comment lines. What must come out is listed in figures.txt; a figure without a value is a failure.
# Usage: tests/bench/run.sh BUILD_FOLDER [PART ...]
# Parts: native links micro disk moves elastic devices guest debian (all of them without a word, but where guests run in the nested testbed
# not the last one: Debian on two hosts takes half an hour there and more).
set -u
cd "$(dirname "$0")/../.."
. tests/bench/medians.sh
O=${1:?build folder}
shift
if [ $# -eq 0 ]; then
	set -- native links micro disk moves elastic devices guest
	read -r mode _ < <("$O/tests/detect")
	if [ "$mode" = nested ]; then
		echo "# part debian is by hand where guests run in the nested testbed: tests/bench/run.sh $O debian"
	else
		set -- "$@" debian
	fi
fi
RUNS=${BENCH_RUNS:-3}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

native() {
	local i halt
	halt=$(cat /sys/module/haltpoll/parameters/guest_halt_poll_ns 2>/dev/null || echo none)
	echo "# two processes on this machine, TCP on loopback, io_uring; haltpoll guest_halt_poll_ns=$halt; medians of $RUNS runs"
	for ((i = 0; i < RUNS; i++)); do
		"$O/tests/fault_bench" 0 || return
	done >"$out/native"
	medians "$out/native" | grep -v '^spin '
	echo "# the same faults with counters and trace off and on in turns, in one run"
	for ((i = 0; i < RUNS; i++)); do
		"$O/tests/trace_bench" || return
	done >"$out/trace"
	medians "$out/trace"
	echo "# the same with busy polling (both hosts and the faulting thread share two cores here)"
	for ((i = 0; i < RUNS; i++)); do
		"$O/tests/fault_bench" 100 || return
	done >"$out/spin"
	medians "$out/spin" | grep -v '^spin ' | sed 's/^\([a-z_]*\) /\1_spinning /'
}

links() { bash tests/bench/links.sh "$O"; }

micro_run() { # HOSTS APPEND: the micro-guest's RESULT lines
	timeout 120 "$O/pando" run --local "$1" --cpus "$1" --memory 256M --kernel "$O/guest-tools/micro.elf" \
		--quiet --append "$2" 2>>"$out/micro.err" </dev/null | tr -d '\r' | sed -n 's/^RESULT //p'
}

micro() {
	local i
	echo "# through a guest: the micro-guest on the local KVM, two monitors; medians of $RUNS runs"
	for ((i = 0; i < RUNS; i++)); do
		micro_run 2 "test=fault,stream,cpu,ipi,pingpong"
	done >"$out/micro"
	medians "$out/micro" | sed 's/^guest_cpu_scaling /guest_cpu_scaling_2_hosts /'
	[ -s "$out/micro" ] || { echo "# the micro-guest gave no figure:"; sed 's/^/# /' "$out/micro.err" | tail -n 5; }
}

# A file read by fio on the host, then by a guest of two hosts: from its own host and from the other, with as much under way.
disk() {
	local i file=$out/disk.img ops=4000
	echo "# a file of 128 MiB, direct I/O where it has that: fio here, the micro-guest of two monitors; medians of $RUNS runs"
	head -c 128M /dev/urandom >"$file" && sync "$file"
	for ((i = 0; i < RUNS; i++)); do
		fio_reads disk_randread_4k_host IOPS randread 4k 16
		fio_reads disk_seqread_1m_host MB/s read 1m 4
		timeout 200 "$O/pando" run --local 2 --cpus 2 --memory 128M --kernel "$O/guest-tools/micro.elf" --disk "$file" \
			--quiet --status-json "$out/disk.status" --append "test=diskbench disk_ops=$ops" 2>>"$out/disk.err" </dev/null |
			tr -d '\r' | sed -n 's/^RESULT //p'
		far_pages "$out/disk.status" $((ops + ops / 16))
	done >"$out/disk"
	medians "$out/disk" | tee "$out/disk.medians"
	awk '{ v[$1] = $2 }
		function ratio(name, a, b) { if (v[a] && v[b]) print name, v[a] / v[b], "ratio" }
		END {
			ratio("disk_randread_4k_local_over_host", "disk_randread_4k_guest", "disk_randread_4k_host")
			ratio("disk_seqread_1m_local_over_host", "disk_seqread_1m_guest", "disk_seqread_1m_host")
			ratio("disk_randread_4k_remote_over_local", "disk_randread_4k_far_guest", "disk_randread_4k_guest")
		}' "$out/disk.medians"
	[ -s "$out/disk.medians" ] || { echo "# no figure of disks:"; sed 's/^/# /' "$out/disk.err" | tail -n 5; }
	rm -f "$file"
}
far_pages() { # STATUS READS: pages that came over the network in a run, for any reason, against reads by the far vCPU
	python3 -c 'import json, sys
hosts = json.load(open(sys.argv[1]))["hosts"]
print("disk_remote_page_transfers_per_read", sum(h["coherence"]["pages_in"] for h in hosts) / int(sys.argv[2]), "pages")' "$@" 2>>"$out/disk.err"
}
fio_reads() { # NAME UNIT RW BLOCK DEPTH
	fio --name=x --filename="$file" --readonly --rw="$3" --bs="$4" --iodepth="$5" --ioengine=io_uring --direct=1 --runtime=3 \
		--time_based --output-format=terse --terse-version=3 2>>"$out/disk.err" |
		awk -F';' -v name="$1" -v unit="$2" '$1 == 3 { print name, unit == "IOPS" ? $8 : $7 * 1024 / 1e6, unit }'
}

# From the last exit of a running vCPU at its old host to the first entry at the new one, on the cluster clock.
moves() {
	local i
	echo "# 300 moves of vCPUs between two monitors, under the micro-guest's clock and memory tests; medians of $RUNS runs"
	for ((i = 0; i < RUNS; i++)); do
		PANDO_RUN_DIR=$out/run timeout 120 "$O/tests/driver" "$O/guest-tools/micro.elf" 2 2 64 \
			"test=clock,storm hops=1000000 ops=4000000000 outside=1" "until=PASS smp" moves=300,3 quit 2>>"$out/moves.err" </dev/null |
			tr -d '\r' | sed -n 's/^RESULT \(vcpu_move[s_].*\)/\1/p'
	done >"$out/moves"
	medians "$out/moves"
	[ -s "$out/moves" ] || { echo "# no vCPU was moved:"; sed 's/^/# /' "$out/moves.err" | tail -n 5; }
}

elastic() { BENCH_RUNS=$RUNS bash tests/bench/elastic.sh "$O"; }

guest() {
	echo "# Debian's kernel; $("$O/tests/detect")"
	O=$O bash tests/bench/guest.sh
}

devices() {
	echo "# Debian's kernel beside qemu's and passt's; $("$O/tests/detect")"
	O=$O bash tests/bench/devices.sh
}

debian() {
	bash tests/bench/debian.sh "$O" 2>"$out/debian" && return
	echo "# Debian did not come to its login twice:"
	tail -n 5 "$out/debian" | sed 's/^/#   /'
}

for part in "$@"; do
	case $part in
	native | links | micro | disk | moves | elastic | devices | guest | debian) ;;
	*) echo "bench: no part $part (native links micro disk moves elastic devices guest debian)" >&2; exit 2 ;;
	esac
done
# The micro-guest needs a /dev/kvm of any kind. Where there is none it has the nested machine's, all of whose seconds are an emulator's.
bare=() lent=""
for part in "$@"; do
	case $part in
	micro | disk | moves | elastic) if [ -w /dev/kvm ]; then bare+=("$part"); else lent+=" $part"; fi ;;
	*) bare+=("$part") ;;
	esac
done
lent() {
	echo "# no /dev/kvm here: these in the nested machine, whose processor is an emulator"
	# shellcheck disable=SC2086 # several parts
	NATIVE_TIMEOUT=${NATIVE_TIMEOUT:-3000} NATIVE_ENV="BENCH_RAW=1 BENCH_RUNS=$RUNS PATIENCE=60" bash tests/testbed/native.sh "$O" tests/bench/run.sh $lent </dev/null
}
all() {
	[ -z "$lent" ] || lent
	for part in "${bare[@]}"; do
		"$part"
	done
}
if [ -n "${BENCH_RAW:-}" ]; then
	all 2>&1
else
	all 2>&1 | awk -v parts="$*" -f tests/bench/figures.awk tests/bench/figures.txt -
fi
