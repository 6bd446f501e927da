#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A Debian guest over several hosts whose vCPUs are moved 300 times (make soak: 1,000), back and forth, while its tools work: compute with
# checksums, clocks, futexes and shared pages, litmus. In the nested testbed.
# Usage: tests/move/guest.sh BUILD_FOLDER     HOSTS=2 GUEST_KERNEL=6.1 MOVES=300 GAP_MS=35 MOVE_TIMEOUT=290 DILATE=20 TOOLS=...
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
hosts=${HOSTS:-2} series=${GUEST_KERNEL:-6.1} moves=${MOVES:-300} gap=${GAP_MS:-35} limit=${MOVE_TIMEOUT:-290}
dilate=${DILATE:-20} tools=${TOOLS:-topology,compute,clock,sharing,litmus} rounds=${LITMUS_ROUNDS:-20000}
from=${MOVE_FROM:-RESULT cpus_online} # what the guest has said when the moves begin
log=$O/move-guest.log
suite=move_guest
. tests/support/suite.sh

append="console=ttyS0 quiet nokaslr panic=-1 pando.run=$tools pando.topology=--cpus=$hosts,--nodes=$hosts \
pando.litmus=--rounds=$rounds,--seconds=0.3 pando.sharing=--rounds=2000,--seconds=0.05 \
pando.clock=--rounds=200,--seconds=${CLOCK_SECONDS:-0.5} pando.compute=--msteps=${MSTEPS:-400}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cat >"$tmp/go" <<END
export PANDO_RUN_DIR=/tmp/run
driver /pando/kernels/$series $hosts $hosts $((hosts * 256)) '$append' initrd=/pando/guest.cpio dilate=$dilate patience=60 \\
	no-reboot 'until=$from' moves=$moves,$gap 'until=pando guest: done' wait=60000
echo "driver ended with \$?"
END
chmod 755 "$tmp/go"
tests/testbed/run.sh --emulator "${PANDO_EMULATOR:-reading-walks}" --build "$O" --timeout "$limit" --cpus 2 \
	--files "$O/tests/driver,$tmp/go=bin/go" -- "sh /pando/bin/go" >"$log" 2>&1 </dev/null
tr -d '\r' <"$log" >"$tmp/log" && cp "$tmp/log" "$log"

grep -q '^PASS drive-moves' "$log" && [ "$(value vcpu_moves)" = "$moves" ]
verdict all_moves_were_made $? "$(value vcpu_moves) of $moves; see $log"
grep -q '^pando guest: done' "$log" && [ "$(value guest_failed)" = 0 ]
verdict no_tool_failed $? "guest_failed $(value guest_failed), or the guest did not reach its end; see $log"
! grep -qE 'BUG:|WARNING:|Oops|soft lockup|rcu.*stall|clocksource:.*unstable|Kernel panic' "$log"
verdict kernel_does_not_complain $? "$(grep -m1 -E 'BUG:|WARNING:|Oops|soft lockup|rcu.*stall|unstable|panic' "$log")"
grep -q '^EVENT SHUTDOWN .*"guest":true' "$log"
verdict power_off $? "no SHUTDOWN by the guest"
if [[ ,$tools, == *,clock,* ]]; then
	[ "$(value clock_tsc_steps_back)" = 0 ] && [ "$(value clock_monotonic_steps_back)" = 0 ]
	verdict clock_never_back $? "steps back: $(value clock_tsc_steps_back) $(value clock_monotonic_steps_back)"
fi
grep -E 'RESULT (vcpu_move|clock_|litmus|compute)' "$log" | sort -u
exit $bad
