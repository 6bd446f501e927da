#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A Debian guest over two hosts, the first of which is drained and leaves while the guest's tools work: compute with checksums, clocks,
# futexes and shared pages. The guest goes on, on the other one alone, to its power-off. In the nested testbed.
# Usage: tests/move/drain_guest.sh BUILD_FOLDER     GUEST_KERNEL=6.1 DRAIN_TIMEOUT=900 DILATE=20
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
series=${GUEST_KERNEL:-6.1} limit=${DRAIN_TIMEOUT:-900} dilate=${DILATE:-20}
log=$O/drain-guest.log
suite=drain_guest
. tests/support/suite.sh

append="console=ttyS0 quiet nokaslr panic=-1 pando.run=topology,compute,clock,sharing pando.topology=--cpus=2,--nodes=2 \
pando.compute=--msteps=400 pando.clock=--rounds=200,--seconds=0.5 pando.sharing=--rounds=2000,--seconds=0.05"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
# Where the guest was when the drain began and ended is kept beside what it says.
cat >"$tmp/go" <<END
export PANDO_RUN_DIR=/tmp/run
pando run --local 2 --kernel /pando/kernels/$series --initrd /pando/guest.cpio --cpus 2 --memory 512M --max-cpus 4 --local-memory 700M \\
	--overcommit --dilate $dilate --name g --no-reboot --console file:/tmp/console --append '$append' >/tmp/run.log 2>&1 &
guest=\$!
while ! grep -q 'RESULT cpus_online' /tmp/console 2>/dev/null && kill -0 \$guest 2>/dev/null; do sleep 1; done
pando drain g 0
echo "DRAIN ended with \$?"
grep -q 'pando guest: done' /tmp/console || echo "DRAIN before the end"
pando hosts g
pando status g
wait \$guest
echo "run ended with \$?"
cat /tmp/console /tmp/run.log
END
chmod 755 "$tmp/go"
tests/testbed/run.sh --emulator "${PANDO_EMULATOR:-reading-walks}" --build "$O" --timeout "$limit" --cpus 2 \
	--files "$tmp/go=bin/go" -- "sh /pando/bin/go" >"$log" 2>&1 </dev/null
tr -d '\r' <"$log" >"$tmp/log" && cp "$tmp/log" "$log"

grep -q '^DRAIN ended with 0' "$log" && grep -q '^host 0 has left: it is safe to remove it' "$log"
verdict host_0_leaves $? "$(grep -m1 'DRAIN ended\|pando:' "$log"); see $log"
grep -q '^DRAIN before the end' "$log"
verdict guest_goes_on $? "it was at its end when the host had left"
grep -q '^pando guest: done' "$log" && [ "$(value guest_failed)" = 0 ]
verdict no_tool_failed $? "guest_failed $(value guest_failed), or the guest did not reach its end; see $log"
! grep -qE 'BUG:|WARNING:|Oops|soft lockup|rcu.*stall|clocksource:.*unstable|Kernel panic' "$log"
verdict kernel_does_not_complain $? "$(grep -m1 -E 'BUG:|WARNING:|Oops|soft lockup|rcu.*stall|unstable|panic' "$log")"
[ "$(value clock_tsc_steps_back)" = 0 ] && [ "$(value clock_monotonic_steps_back)" = 0 ]
verdict clock_never_back $? "steps back: $(value clock_tsc_steps_back) $(value clock_monotonic_steps_back)"
grep -q '^run ended with 0' "$log"
verdict power_off $? "$(grep -m1 '^run ended' "$log"), the guest's power-off is 0"
grep -E 'RESULT (clock_|compute|sharing)' "$log" | sort -u
exit $bad
