#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Holds the rule that includes point downwards, and that third-party headers stay behind their fences.
set -u
cd "$(dirname "$0")/../.."
bad=0

# forbid NAME FOLDERS PATTERN [EXCEPT]: no #include in FOLDERS matches PATTERN, but in files that match EXCEPT
forbid() {
	local found
	# shellcheck disable=SC2086
	found=$(grep -nE "^#include +[<\"]($3)" -r $2 --include='*.c' --include='*.h' | grep -vE "${4:-^$}")
	if [ -n "$found" ]; then
		printf 'FAIL layering.%s:\n%s\n' "$1" "$found"
		bad=1
	else
		echo "PASS layering.$1"
	fi
}

forbid coherence_includes_itself_only coherence 'vmm/|net/|tests/'
forbid coherence_makes_no_system_call coherence 'unistd|sys/|pthread|time\.h|poll|fcntl'
forbid net_does_not_know_the_monitor net 'vmm/|tests/'
forbid chips_are_pure vmm/chip 'vmm/(hv|machine|dist|dev|ctl|cli|boot|acpi)|net/|pthread|time\.h|sys/|linux/'
forbid chips_and_boot_know_no_distribution 'vmm/chip vmm/boot vmm/acpi vmm/hv vmm/dev vmm/mem vmm/machine' 'vmm/(dist|ctl|cli)/'
forbid traces_know_the_protocol_only vmm/trace 'vmm/(hv|machine|dist|dev|ctl|cli|boot|acpi|chip)/|net/'
forbid distribution_does_not_know_control vmm/dist 'vmm/(ctl|cli)/'
forbid qmp_knows_the_protocol_only vmm/qmp 'vmm/(ctl|cli|dist|machine|hv|dev|mem|conf|top|metrics)/'
forbid liburing_is_fenced 'vmm net coherence' 'liburing' '^net/[a-z_]*uring'
forbid reliable_datagrams_are_pure net/rel 'net/[a-z_]+\.h|vmm/|coherence/[a-z_]+\.h|unistd|sys/|pthread|time\.h|poll|fcntl|stdio|rte_'
forbid libmicrohttpd_is_fenced 'vmm net coherence' 'microhttpd' '^vmm/metrics/mhd/'
forbid curses_is_fenced 'vmm net coherence' 'n?curses' '^vmm/top/top'
forbid the_reading_of_status_is_pure 'vmm/top/sample.c vmm/top/rates.c vmm/metrics/exposition.c' 'unistd|sys/|pthread|time\.h|net/'
forbid dpdk_is_fenced 'vmm net coherence' 'rte_' '^net/dpdk/'
forbid kvm_is_fenced 'vmm net coherence' 'linux/kvm' '^vmm/hv/'
forbid userfaultfd_is_fenced 'vmm net coherence' 'linux/userfaultfd' '^vmm/mem/uffd'
forbid libsodium_is_fenced 'vmm net coherence' 'sodium' '^net/session'
exit $bad
