# SPDX-License-Identifier: Apache-2.0
# What the shell tests share; sourced by them. Set first: suite, the name before each verdict. A suite that has more to say of
# a failure defines show() for it. bad is the exit status in the end; no() alone sets it, so that none is bad without a word.
# Verdicts go to the suite's own standard output, whatever is redirected where they are said.
# shellcheck shell=bash
bad=0
exec {verdicts}>&1
ok() { echo "PASS $suite.$1" >&"$verdicts"; }
no() { # NAME WHY
	echo "FAIL $suite.$1: $2" >&"$verdicts"
	bad=1
	show >&"$verdicts"
}
show() { :; }
verdict() { # NAME STATUS WHY
	if [ "$2" -eq 0 ]; then ok "$1"; else no "$1" "$3"; fi
}

judged() { # NAME COMMAND...: a program with verdicts of its own, and that it ended well
	local name=$1 rc
	shift
	"$@" || { rc=$?; no "$name" "exit status $rc"; }
}

wait_for() { # SECONDS COMMAND...: until it succeeds
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -ge $end ] && return 1
		sleep 0.1
	done
}

flat_guest() { # SOURCE SYMBOL OUTPUT: a guest of a few instructions, SYMBOL of the assembler source
	# shellcheck disable=SC2086 # a compiler may be two words
	${CC:-gcc} -c -nostdlib -D"$2" -o "$3.o" "$1" && ld -n -Ttext=0x100000 -o "$3" "$3.o"
}

free_port() { # a port nobody listens on now
	local p
	while :; do
		p=$((20000 + RANDOM % 20000))
		(exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || { echo "$p"; return; }
	done
}

# Whether a guest can run here. If not, that NAME, a whole name, is left out is said.
kvm_or_skip() { # NAME
	[ -w /dev/kvm ] && return
	echo "SKIP $1: /dev/kvm cannot be opened"
	return 1
}

# Whether $O/pando has the dpdk link. If not, that NAME, a whole name, is left out is said.
dpdk_or_skip() { # NAME
	ldd "$O/pando" | grep -q librte_eal && return
	echo "SKIP $1: pando was built without DPDK (libdpdk-dev)"
	return 1
}

# Whether the guest NAME runs and its monitor says so ($O: the build folder).
guest_runs() { "$O/pando" qmp "$1" query-status 2>/dev/null | grep -q '"running": true'; }

# What a guest said last as "RESULT NAME value unit" ($log).
value() { sed -n "s/.*RESULT $1 \([^ ]*\) .*/\1/p" "$log" | tail -n 1; }

# driver's guests: one micro-guest, driven from outside; its exit status, and that nothing in it failed. 0: it passed.
# $O, $only (cases wanted, "  ": all), $logs, $tmp; drive_limit (seconds), drive_results (a pattern of the results to show)
chosen() { [ "$only" = "  " ] || [[ $only == *" $1 "* ]]; }
drive() { # CASE HOSTS CPUS MIB STATUS APPEND ACTION...
	name=$1 log=$logs/$1.log
	local hosts=$2 cpus=$3 mib=$4 want=$5 append=$6 rc
	shift 6
	chosen "$name" || return 1
	timeout -k 5 "$drive_limit" "$O/tests/driver" "$O/guest-tools/micro.elf" "$hosts" "$cpus" "$mib" "$append outside=1" "$@" \
		>"$log" 2>&1 </dev/null
	rc=$?
	tr -d '\r' <"$log" >"$tmp/log" && cp "$tmp/log" "$log"
	grep -E "^RESULT $drive_results" "$log" | sed "s/^RESULT /&${name}_/"
	if [ $rc -ne "$want" ]; then
		no "$name" "exit status $rc, expected $want"
	elif grep -q '^FAIL' "$log"; then
		no "$name" "$(grep -m1 '^FAIL' "$log")"
	else
		ok "$name"
		return 0
	fi
	return 1
}
