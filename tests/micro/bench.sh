#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What distributed memory costs inside a guest at native speed: the micro-guest over two monitors on this machine.
# Usage: tests/micro/bench.sh BUILD_FOLDER [RUNS]     prints "name value unit", medians over the runs
set -u
cd "$(dirname "$0")/../.."
. tests/bench/medians.sh
O=${1:?build folder}
runs=${2:-3}
log=$O/micro-logs/bench.log
mkdir -p "${log%/*}"
: >"$log"
for i in $(seq "$runs"); do
	timeout -k 10 120 "$O/pando" run --local 2 --kernel "$O/guest-tools/micro.elf" --cpus 2 --memory 128M \
		--name "micro-bench-$$-$i" --quiet ${PANDO_OPTIONS:-} \
		--append "test=fault,stream,cpu,pingpong,ring,migratory,ticket,falseshare,ipi,port,timer,pattern tickets=5000" \
		>>"$log" 2>&1 </dev/null || echo "micro-bench: run $i ended with status $?" >&2
done
tr -d '\r' <"$log" | sed -n 's/^RESULT guest_cpu_scaling /RESULT guest_cpu_scaling_2_hosts /; s/^RESULT //p' | sort -s -k1,1 | medians /dev/stdin
