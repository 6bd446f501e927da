#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whole guests: Debian's own kernels on one to four hosts, and over each kind of link, in the nested testbed
# where the local KVM can't run them; there also on hosts with the oldest kernel that is supported (no UFFDIO_MOVE).
# Usage: tests/e2e/guest.sh BUILD_FOLDER [more | CASE ...]      CASE: "HOSTS KERNEL TOOLS SECONDS ATTEMPTS [LINK|- [HOST_KERNEL]]"; LINK: demo.sh's
#   more: the cases that `make soak` has, for what they would add to others' time is little
#   GUEST_FAR=20  percent of memory that is read by a CPU of another host than wrote it; make soak has 100
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
shift
export PANDO_BUILD=$O
[ $# -gt 0 ] || set -- "2 6.1 all 900 2" "3 6.1 topology 600 2" "2 6.12 topology,litmus 700 2 dpdk:memif,drop=1%"
[ "$1" != more ] || set -- "1 6.1 topology,compute 300 1" "4 6.1 topology 900 2" "2 6.1 topology,litmus,pci 900 2 - 6.1" "2 6.1 topology 300 2 dpdk:af_packet" \
	"2 6.12 topology 500 2 dpdk:af_xdp"
make -s O="$O" "$O/tests/detect" && read -r mode _ < <("$O/tests/detect")
. tests/support/suite.sh

# one HOSTS KERNEL TOOLS SECONDS LINK HOST_KERNEL: a guest to its power-off, judged by the demo's own checks
one() {
	DEMO_FAR=${GUEST_FAR:-20} HOSTS=$1 GUEST_KERNEL=$2 DEMO_TOOLS=$3 DEMO_TIMEOUT=$4 DEMO_LINK=$5 HOST_KERNEL=$6 DEMO_APPEND="quiet nokaslr" O=$O \
		timeout -k 30 $(($4 + 900)) bash tests/testbed/demo.sh >"$log" 2>&1 </dev/null
}

# The emulated machine may have races yet unknown (docs/SPEC.md): an attempt that failed is reported, and made again once.
for c in "$@"; do
	read -r hosts kernel tools limit attempts link host <<<"$c"
	link=${link#-}
	name=guest.${hosts}_hosts.debian_$kernel${link:+.${link//[^a-z0-9_]/_}}
	name=${name%_}${host:+.host_$host}
	if [ -n "$host" ] && [ "$mode" != nested ]; then
		echo "SKIP $name: guests run on this machine's own kernel, $(uname -r)"
		continue
	fi
	[[ $link != dpdk:* ]] || dpdk_or_skip "$name" || continue
	mkdir -p "$O/check"
	for ((try = 1; try <= attempts; try++)); do
		log=$O/check/$name-$try.log
		start=$SECONDS
		one "$hosts" "$kernel" "$tools" "$limit" "$link" "$host" && break
		echo "RETRY $name: attempt $try of $attempts failed after $((SECONDS - start)) s: $(tr -d '\r' <"$log" |
			grep -oE 'the guest died.*|lost host.*|ended after.*|nested machine ended.*|FAIL demo.*' | head -n 1)"
	done
	if [ "$try" -le "$attempts" ]; then
		echo "PASS $name (attempt $try, $((SECONDS - start)) s)"
		grep -E '^(PASS|SKIP) ' "$log" | tr -d '\r' | sed "s/^\([A-Z]*\) /\1 $name./"
	else
		echo "FAIL $name: no attempt of $attempts succeeded; see $log"
		tail -n 30 "$log" | sed 's/^/    /'
		bad=1
	fi
done
exit $bad
