#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Holds layers.txt: includes point downwards and only where the table allows, calls too; third-party headers stay behind
# their fences; ARCHITECTURE.md's table is the same one.   layering.sh [BUILD_FOLDER] | layering.sh --doc
set -u
cd "$(dirname "$0")/../.."
layers=tests/unit/layers.txt
bad=0

rows() { grep -vE '^(#|$)' "$layers"; }

doc() {
	echo '| folder | what it is | may include |'
	echo '|---|---|---|'
	rows | awk -F' *[|] *' '$1 != "vmm" { n = $2; gsub(/ +/, ", ", n); print "| `" $1 "/` | " $3 " | " (n == "" ? "itself" : n) " |" }'
}
if [ "${1:-}" = --doc ]; then
	doc
	exit
fi

verdict() { # NAME TEXT: passed when there is nothing to say
	if [ -n "$2" ]; then
		printf 'FAIL layering.%s:\n%s\n' "$1" "$2"
		bad=1
	else
		echo "PASS layering.$1"
	fi
}

# Each include of one of our files by another, as "file room of it, file included": rooms are the longest row that fits.
verdict includes_point_where_the_table_allows "$(
	{ rows; echo ---; grep -nE '^ *#include +"(vmm|net|coherence)/' -r vmm net coherence --include='*.c' --include='*.h'; } | awk -F' *[|] *' '
	function room(path) {
		while (path != "" && !(path in allowed)) {
			if (!sub(/\/[^\/]*$/, "", path)) path = ""
		}
		return path
	}
	/^---$/ { reading = 1; next }
	!reading { allowed[$1] = " " $2 " "; next }
	{
		split($0, f, ":"); file = f[1]
		match($0, /"[^"]+"/); inc = substr($0, RSTART + 1, RLENGTH - 2)
		from = room(file); to = room(inc)
		if (from == to || index(allowed[from], " " to " ") || index(allowed[from], " " inc " ")) next
		print file ":" f[2] ": " from " may not include " inc
	}'
)"

# The same of calls, where the libraries are built: a declaration by hand would pass the includes.
known() { rows | grep -qE "^(vmm/)?${1#lib} \|"; }
calls() {
	local lib
	for lib in "$1"/lib/lib*.a; do
		known "$(basename "$lib" .a)" || continue # a folder that is no more
		nm -A --defined-only "$lib" 2>/dev/null | awk -v l="$(basename "$lib" .a)" '$(NF-1) ~ /^[TDBRV]$/ { print "D", substr(l, 4), $NF }'
		nm -A --undefined-only "$lib" 2>/dev/null | awk -v l="$(basename "$lib" .a)" '{ print "U", substr(l, 4), $NF }'
	done
}
if [ -n "${1:-}" ] && ls "$1"/lib/lib*.a >/dev/null 2>&1; then
	verdict calls_point_where_the_table_allows "$(
		{ rows; echo ---; calls "$1"; } | awk -F' *[|] *' '
		function lib(path) { # the library of a folder or header: the folders of net and coherence are one each
			sub(/\/[^\/]*\.h$/, "", path)
			if (path ~ /^net/) return "net"
			if (path ~ /^coherence/) return "coherence"
			sub(/^vmm\//, "", path)
			return path
		}
		/^---$/ { reading = 1; FS = " "; next }
		!reading {
			n = split($2, may, " ")
			for (i = 1; i <= n; i++) ok[lib($1), lib(may[i])] = 1
			next
		}
		{ split($0, w, " ") }
		w[1] == "D" { home[w[3]] = w[2] }
		w[1] == "U" { wants[w[2] " " w[3]] = 1 }
		END {
			for (k in wants) {
				split(k, w, " ")
				to = home[w[2]]
				if (to != "" && to != w[1] && !((w[1], to) in ok)) print "lib" w[1] " may not call " w[2] "() of lib" to
			}
		}'
	)"
fi

if ls "${1:-}"/tests/unit-* >/dev/null 2>&1; then
	verdict programs_of_one_thread_make_no_other "$(for m in $(sed -n 's/^ONE_THREAD := //p' Makefile); do
		nm -D --undefined-only "$1/tests/unit-$m" | sed -nE "s/^ *U (pthread_create|_ZNSt6thread).*/unit-$m calls \\1/p"
	done 2>&1)"
fi

verdict architecture_has_this_table "$(diff <(doc) <(sed -n '/^| folder | what it is/,/^$/p' docs/ARCHITECTURE.md | sed '/^$/d') | head -20)"

# forbid NAME FOLDERS PATTERN [EXCEPT]: no #include in FOLDERS matches PATTERN, but in files that match EXCEPT
forbid() {
	# shellcheck disable=SC2086
	verdict "$1" "$(grep -nE "^#include +[<\"]($3)" -r $2 --include='*.c' --include='*.h' | grep -vE "${4:-^$}")"
}

forbid coherence_makes_no_system_call coherence 'unistd|sys/|pthread|time\.h|poll|fcntl'
forbid chips_are_pure vmm/chip 'pthread|time\.h|sys/|linux/'
forbid pci_and_virtio_are_pure 'vmm/pci vmm/virtio' 'pthread|time\.h|sys/|linux/|unistd|poll|fcntl'
forbid liburing_is_fenced 'vmm net coherence' 'liburing' '^(net|vmm/block)/[a-z_]*uring'
forbid reliable_datagrams_are_pure net/rel 'net/[a-z_]+\.h|vmm/|coherence/[a-z_]+\.h|unistd|sys/|pthread|time\.h|poll|fcntl|stdio|rte_'
forbid libmicrohttpd_is_fenced 'vmm net coherence' 'microhttpd' '^vmm/metrics/mhd/'
forbid curses_is_fenced 'vmm net coherence' 'n?curses' '^vmm/top/top'
forbid the_reading_of_status_is_pure 'vmm/status/sample.c vmm/status/rates.c vmm/metrics/exposition.c' 'unistd|sys/|pthread|time\.h|net/'
forbid libnbd_is_fenced 'vmm net coherence' 'libnbd' '^vmm/block/nbd/'
forbid dpdk_is_fenced 'vmm net coherence' 'rte_' '^net/dpdk/'
forbid libext2fs_is_fenced 'vmm net coherence' 'ext2fs|et/' '^vmm/boot/ext\.c'
forbid kvm_is_fenced 'vmm net coherence' 'linux/kvm' '^vmm/hv/'
forbid userfaultfd_is_fenced 'vmm net coherence' 'linux/userfaultfd' '^vmm/mem/uffd'
forbid libsodium_is_fenced 'vmm net coherence' 'sodium' '^net/(session|seal/|id/)'
forbid libipsec_mb_is_fenced 'vmm net coherence' 'intel-ipsec-mb' '^net/seal/mb/'
forbid sealing_is_pure net/seal 'net/[a-z_]+\.h|vmm/|coherence/[a-z_]+\.h|unistd|sys/|time\.h|poll|fcntl|stdio'
forbid identities_are_pure net/id 'net/[a-z_]+\.h|vmm/|coherence/[a-z_]+\.h|unistd|sys/|time\.h|poll|fcntl|stdio'
# A request that is made and not on the list ends a guest's process in the sandbox. Some are made before a guest runs only.
requests() { grep -hE 'ioctl\(' "$@" | grep -oE '\b(KVM|UFFDIO)_[A-Z0-9_]+' | sort -u | while read -r r; do grep -qE "^#define[[:space:]]+$r[[:space:]]+_IO" /usr/include/linux/kvm.h /usr/include/linux/userfaultfd.h && echo "$r"; done; }
verdict requests_are_on_the_sandboxs_list "$(
	before='KVM_GET_API_VERSION|KVM_GET_VCPU_MMAP_SIZE|KVM_GET_SUPPORTED_CPUID|KVM_CREATE_VM|KVM_SET_IDENTITY_MAP_ADDR|KVM_SET_TSS_ADDR|KVM_ENABLE_CAP|KVM_X86_SET_MSR_FILTER|UFFDIO_API'
	for r in $(requests vmm/hv/*.c vmm/mem/*.c | grep -vxE "$before"); do
		grep -qE "\b$r\b" vmm/hv/ioctls.c vmm/mem/uffd_ioctls.c || echo "$r is neither in vmm/hv/ioctls.c nor in vmm/mem/uffd_ioctls.c"
	done
)"
forbid libseccomp_is_fenced 'vmm net coherence' 'seccomp' '^vmm/box/filter'
exit $bad
