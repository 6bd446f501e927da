#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A micro-guest of one host becomes one of many, one after the other: each gives a vCPU of its own node, and then all vCPUs there
# are work together, on one word. Natively.
# Usage: tests/e2e/many.sh BUILD_FOLDER      HOSTS=16
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
hosts=${HOSTS:-16} limit=$((${HOSTS:-16} * 20)) # seconds, far away: for what hangs
suite=many
. tests/support/suite.sh
. tests/support/hosts.sh

for ((n = 0; n < hosts; n++)); do
	start_host "h$n" --cpus 1 --memory $((n ? 16 : 64))M --overcommit || { no "host$n" "$(tail -n 2 "$tmp/h$n.log")"; exit $bad; }
done
began=$SECONDS
boot_guest many "$limit" --hosts "${at[h0]}" --key "$tmp/key" --cpus 1 --memory 64M --max-cpus "$hosts" --max-hosts "$hosts" \
	--peer-timeout 60000 --append "test=grow outside=1 more_cpus=$((hosts - 1)) together=20 ms=${limit}000 rounds=2" || exit $bad
for ((n = 1; n < hosts; n++)); do
	step "host$n" add-host "$name" "${at[h$n]}" --cpus 1 && wait_for "$limit" says "^TOGETHER $((n + 1))" || break
done
[ "$n" = "$hosts" ]
verdict all_work_together $? "$n of $hosts hosts: $(tail -n 3 "$log")"
for ((n = 0; n < hosts; n++)); do
	qmp x-pando-query-vcpu-placement | tr -d ' \n' | grep -q "\"vcpu\":$n,\"host\":$n,"
	verdict "vcpu$n.on_its_own_host" $? "$(qmp x-pando-query-vcpu-placement | tr -d ' \n')"
done
tell quit quit
end_of_guest
verdict ends_well $? "exit status"
! says '^FAIL'
verdict guest $? "$(grep -a FAIL "$log" | head -2)"
echo "RESULT many_hosts $hosts hosts in $((SECONDS - began)) s"
exit $bad
