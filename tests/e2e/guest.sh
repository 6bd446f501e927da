#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whole guests: Debian's own kernels on one, two, three and four hosts, in the nested testbed where the local KVM can't
# run them.  Usage: tests/e2e/guest.sh BUILD_FOLDER [CASE ...]
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
shift
export PANDO_BUILD=$O
[ $# -gt 0 ] || set -- "2 6.1" "3 6.1" "2 6.12"
bad=0
for c in "$@"; do
	read -r hosts kernel <<<"$c"
	log=$O/check/guest-$hosts-$kernel.log
	mkdir -p "$O/check"
	if HOSTS=$hosts GUEST_KERNEL=$kernel O=$O timeout 700 bash tests/testbed/demo.sh >"$log" 2>&1 </dev/null; then
		echo "PASS guest.${hosts}_hosts.debian_$kernel"
	else
		echo "FAIL guest.${hosts}_hosts.debian_$kernel: status $?, see $log"
		tail -n 30 "$log" | sed 's/^/    /'
		bad=1
	fi
	grep -E '^(PASS|FAIL|SKIP) ' "$log" | sed "s/^\\([A-Z]*\\) /\\1 guest.${hosts}_hosts.$kernel./"
done
exit $bad
