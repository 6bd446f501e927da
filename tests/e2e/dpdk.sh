#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guests over the dpdk link: the micro-guest on two local hosts, its memory tests over every kind of port here, and with
# frames lost; and what the command says when a port can't be had.  Usage: tests/e2e/dpdk.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
suite=dpdk
. tests/support/suite.sh

dpdk_or_skip dpdk || exit 0

says() { # NAME WANTED LINK: pando host refuses it, and says so
	"$O/pando" keygen "$out/key" 2>/dev/null
	timeout 40 "$O/pando" run --local 2 --kernel "$O/guest-tools/micro.elf" --memory 64M --link "$3" >"$out/says" 2>&1
	grep -q -- "$2" "$out/says" && ok "$1" || no "$1" "said: $(tail -n 1 "$out/says")"
}
says unknown_word "no option of the link" "dpdk:nonsense=1"
says namespaces_are_needed "need --netns" "dpdk:af_packet"
says no_such_link "expected uring or dpdk" "rdma"
says no_such_interface "there is no such network interface" "dpdk:vdev=net_af_packet0,iface=nope0"
says no_such_device "no such PCI device" "dpdk:pci=ffff:ff:1f.7"

guest() { # NAME LINK ARGUMENTS...: a guest with a CPU of each of $hosts hosts
	local name=$1 link=$2 rc began=$SECONDS
	shift 2
	timeout 120 "$O/pando" run --local "$hosts" --cpus "$hosts" --memory "$((64 * hosts))M" \
		--kernel "$O/guest-tools/micro.elf" --link "$link" "$@" \
		--append "test=sb,mp,lb,corr,s rounds=5000" --status-json "$out/status" 2>&1 </dev/null |
		tee "$out/log" | awk -v t="$(date +%s)" '{ print systime() - t " s: " $0; fflush() }' >"$out/when"
	rc=${PIPESTATUS[0]}
	if [ $((SECONDS - began)) -gt 20 ]; then # some seconds are usual: what was it that took so long?
		echo "    $name took $((SECONDS - began)) s:"
		sed 's/^/    /' "$out/when"
	fi
	if [ $rc -ne 0 ] || grep -q '^FAIL' "$out/log" || ! grep -Eq $'^PASS s\r?$' "$out/log"; then
		no "$name" "exit status $rc: $(grep -m1 -E 'error|FAIL|pando:' "$out/log")"
	else
		ok "$name"
	fi
}
counter() { grep -oE "\"$1\": *[0-9]+" "$out/status" | awk -F: '{ n += $2 } END { print n + 0 }'; }

kvm_or_skip dpdk.guests || exit $bad
hosts=2
guest memif dpdk:memif
[ "$(counter frames_out)" -gt 100 ] && ok status_counts_frames || no status_counts_frames "$(counter frames_out) frames"
guest memif_with_sums "dpdk:memif,sums=yes"
guest memif_loses_frames "dpdk:memif,drop=1%"
[ "$(counter retransmits)" -gt 0 ] && ok status_counts_retransmits || no status_counts_retransmits "none"
if unshare -n true 2>/dev/null; then
	guest af_packet dpdk:af_packet --netns
	guest af_packet_loses_frames "dpdk:af_packet,drop=1%" --netns
	guest af_xdp dpdk:af_xdp --netns
else
	echo "SKIP dpdk.af_packet: network namespaces need root"
fi
hosts=8
guest memif_of_8_hosts dpdk:memif # seven ports a host: DPDK is started with memory for all
exit $bad
