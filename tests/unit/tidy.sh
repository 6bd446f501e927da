#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Holds what a reader relies on: one format, files and functions that can be read in one sitting, headers that stand alone.
#   tidy.sh [BUILD_FOLDER]
set -u
cd "$(dirname "$0")/../.."
O=${1:-build}
FILE_MAX=600 FUNCTION_MAX=70 TEST_FILE_MAX=700
bad=0

verdict() { # NAME TEXT: passed when there is nothing to say
	if [ -n "$2" ]; then
		printf 'FAIL tidy.%s:\n%s\n' "$1" "$(head -n 40 <<<"$2")"
		bad=1
	else
		echo "PASS tidy.$1"
	fi
}
sources() { find vmm net coherence guest-tools tests "$@" | sort; }

verdict format_is_clang_formats "$(
	sources -name '*.[ch]' -o -name '*.cc' | xargs -P "$(nproc)" -n 40 clang-format --dry-run 2>&1 | grep -E 'warning|rror' | cut -d: -f1 | sort -u
)"

verdict files_are_short "$(
	sources -name '*.[ch]' -o -name '*.cc' | xargs wc -l | awk -v max=$FILE_MAX -v test_max=$TEST_FILE_MAX '
		$2 == "total" { next }
		$1 > ($2 ~ /^tests/ ? test_max : max) { print $2 ": " $1 " lines, " ($2 ~ /^tests/ ? test_max : max) " are the limit" }'
)"

# With this format a function's body stands between a "{" and a "}" in the first column.
verdict functions_are_short "$(
	sources -name '*.c' | xargs awk -v max=$FUNCTION_MAX '
		FNR == 1 { start = 0 }
		/^{$/ { start = FNR; head = last }
		/^}/ && start { if (FNR - start - 1 > max) print FILENAME ":" start ": " FNR - start - 1 " lines, " max " are the limit: " head; start = 0 }
		{ last = $0 }'
)"

# A name that is given may be a device's or a link's: vmm/conf/output_file.h knows what to do with it.
verdict files_are_written_by_one_function "$(
	grep -nE '\brename\(|fopen\([^)]*"[wa]' -r vmm net coherence --include='*.c' | grep -v '^vmm/conf/output_file.c:'
)"

# Threads that go before others wait for some of them, and who holds one does not know for which (net/mutex.h). DPDK's two are
# held at the start alone.
verdict mutexes_lend_priority "$(
	grep -nE 'pthread_mutex_init|PTHREAD_MUTEX_INITIALIZER' -r vmm net coherence --include='*.[ch]' |
		grep -vE '^net/(mutex\.h|dpdk_ports\.c|dpdk/eal\.c):'
)"

# Each header of ours by itself; those of third parties may be missing (DPDK).
export FLAGS="-std=gnu11 -fsyntax-only -Wall -Wno-unused-function -Wno-unused-variable -I. -I$O/gen -D_GNU_SOURCE $(pkg-config --cflags liburing libsodium jansson ncursesw libxml-2.0 libisal ext2fs com_err libseccomp 2>/dev/null)"
alone() {
	local h out
	for h in "$@"; do
		out=$(echo "#include \"$h\"" | ${CC:-cc} $FLAGS -x c - 2>&1 | grep -E 'error' | head -2)
		[ -z "$out" ] || printf '%s: %s\n' "$h" "$out"
	done
}
export -f alone
verdict headers_stand_alone "$(
	find vmm net coherence -name '*.h' ! -path 'net/dpdk/*' | sort | xargs -P "$(nproc)" -n 10 bash -c 'alone "$@"' _
)"
exit $bad
