#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a guest notices of hosts that join it and are drained: micro-guests natively, two hosts on this machine.
# Usage: tests/bench/elastic.sh BUILD_FOLDER      BENCH_RUNS=3 PATIENCE=20
set -u
cd "$(dirname "$0")/../.."
. tests/bench/medians.sh
O=${1:?build folder}
RUNS=${BENCH_RUNS:-3}
suite=elastic
. tests/support/suite.sh
. tests/support/hosts.sh
limit=$((6 * patience)) # seconds for a guest, far away: for what hangs

# ---- what the guest says, with the time at which it did: seconds, line ----

stamp() {
	local line
	while IFS= read -r line; do
		echo "$line" >>"$log"
		echo "$EPOCHREALTIME ${line%$'\r'}"
	done
}
begin() { # NAME OPTION...: boot_guest() with $said as its log
	name=$1 log=$tmp/$1.log said=$tmp/$1.said
	shift
	rm -f "$tmp/console" "$log" && mkfifo "$tmp/console"
	stamp <"$tmp/console" >"$said" &
	listener=$!
	# shellcheck disable=SC2086 # words
	timeout -k 5 "$limit" "$O/pando" run ${PANDO_OPTIONS:-} --kernel "$O/guest-tools/micro.elf" --name "$name" --quiet "$@" >"$tmp/console" 2>&1 </dev/null &
	guest=$!
	wait_for "$patience" guest_runs "$name"
}
when() { awk -v what="$1" 'index($0, what) { print $1; exit }' "$said"; } # TEXT: when it was said first
over() { # the guest has ended, and all that it said has been read
	end_of_guest
	wait "$listener"
}
ms_between() { awk -v a="$1" -v b="$2" 'BEGIN { if (a && b) print (b - a) * 1000 }'; }
figure() { # NAME VALUE UNIT: of one run
	[ -n "$2" ] || return
	echo "$1 $2 $3" >>"$tmp/figures"
	echo "# run $i: $1 $2 $3"
}

# ---- a host joins and gives a CPU, which works then beside the first; another one gives memory ----

joins() { # WORDS OPTION...: of the guest; of add-host. began: when the host was asked to join
	begin joins --hosts "${at[a]}" --key "$tmp/key" --cpus 1 --memory 64M --max-hosts 2 --max-cpus 2 --max-memory 256M \
		--append "test=grow outside=1 ms=${limit}000 $1" && wait_for "$patience" says 'GROW 0?' || return
	began=$EPOCHREALTIME
	pando add-host "$name" "${at[b]}" "${@:2}" && over
}
joins_cpu() {
	joins "more_cpus=1 scaling=1" --cpus 1 || return
	figure join_to_cpu_online "$(ms_between "$began" "$(when 'GROWN cpu')")" ms
	figure cpu_scaling_joined_2_hosts "$(value guest_cpu_scaling)" ratio
}
joins_memory() {
	joins "more_cpus=0 more_mib=128 stride=64" --memory 128M || return
	figure join_to_memory_online "$(ms_between "$began" "$(when 'USES memory')")" ms
}

# ---- a host with a CPU and 128 MiB of written memory is drained ----

drains() { # WORDS...: of the guest
	begin drains --hosts "$(addresses c d)" --key "$tmp/key" --cpus 2 --memory 256M --append "test=pace outside=1 ms=${limit}000 $*" &&
		wait_for "$limit" says 'PACE BEGINS'
}
rate() {
	local began
	drains idle=1 || return
	began=$EPOCHREALTIME
	pando drain "$name" 1 || return
	figure drain_rate "$(awk -v ms="$(ms_between "$began" "$EPOCHREALTIME")" 'BEGIN { print 128 * 1.048576 * 1000 / ms }')" MB/s
	nmi
	over
}
slowdown() {
	local began ended
	drains || return
	wait_for "$patience" said 'PACE .* us' 100
	began=$EPOCHREALTIME
	pando drain "$name" 1 || return
	ended=$EPOCHREALTIME
	nmi
	over
	figure drain_guest_slowdown "$(paces "$began" "$ended")" ratio
}
paces() { # FROM TO: rounds a second between these times, against those before; the guest's first half second is left out
	awk -v from="$1" -v to="$2" '
		$2 == "PACE" && $4 == "us" {
			at = $1 < from ? 0 : $1 <= to ? 1 : 2
			if (at == 2 || (!at && $3 < 500000))
				next
			if (!(at in us0)) { us0[at] = $3; rounds0[at] = $5 }
			us[at] = $3; rounds[at] = $5
		}
		function pace(i) { return us[i] > us0[i] ? (rounds[i] - rounds0[i]) / (us[i] - us0[i]) : 0 }
		END { if (pace(0)) print pace(1) / pace(0) }' "$said"
}

# ---- how long an access waits that is refused because the home of its page moves ----

stalls() {
	local n
	begin stalls --local 2 --local-memory 128M --cpus 2 --memory 128M --append "test=storm ops=1000000" || return
	wait_for "$patience" says 'PASS smp' && pando trace start "$name" --records 1000000 || return
	for ((n = 0; n < 100; n++)); do
		qmp x-pando-move-homes "{\"from\":$((n % 2)),\"to\":$((1 - n % 2)),\"bytes\":33554432}" >/dev/null || break
	done
	pando trace stop "$name" -o "$tmp/stalls.trace" && pando trace decode "$tmp/stalls.trace" || return
	qmp quit >/dev/null
	over
	refused <"$tmp/out" | sort -n >"$tmp/refused"
	echo "# $n moves of 32 MiB, $(wc -l <"$tmp/refused") accesses refused meanwhile"
	figure home_move_page_stall_p99 "$(awk '{ v[NR] = $1 } END { if (NR) print v[int((NR * 99 + 99) / 100)] }' "$tmp/refused")" us
}
# Of a decoded trace: how long each fault took that was refused meanwhile, us. A page waits once on each host.
refused() {
	awk '
		$3 == "fault" || $3 == "wake" || $3 == "receive" {
			match($0, /page 0x[0-9a-f]+/)
			page = $2 " " substr($0, RSTART, RLENGTH)
		}
		$3 == "fault" && !(page in since) { since[page] = $1; delete no[page] }
		$3 == "receive" && $4 == "NACK" && page in since { no[page] = 1 }
		$3 == "wake" && page in since {
			if (page in no)
				printf "%.1f\n", ($1 - since[page]) * 1000
			delete since[page]
		}'
}

echo "# two hosts on this machine, the micro-guest natively; medians of $RUNS runs"
start_host a --cpus 1 --memory 64M
start_host b --cpus 1 --memory 160M
start_host c --cpus 2 --memory 300M
start_host d --cpus 1 --memory 160M
for ((i = 0; i < RUNS; i++)); do
	for what in joins_cpu joins_memory rate slowdown stalls; do
		"$what" && continue
		echo "# $what: no figure: $(cat "$tmp/why" 2>/dev/null)"
		tail -n 5 "$log" | sed 's/^/#   /'
		[ -z "$guest" ] || { kill "$guest"; over; } 2>/dev/null
	done
done
medians "$tmp/figures"
