#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guests that begin as PCs do: memtest86+, Debian's whole and real-time kernels, kernels told to do without x2APIC, without
# other CPUs, without the I/O APIC, to start a CPU late, and to reset in each of Linux' ways. All in one nested machine, one
# after the other; where guests run directly, here.
# Usage: tests/e2e/odd-guests.sh BUILD_FOLDER [more | CASE ...]     CASE: one of "cases" or "more" below
#   PANDO_EMULATOR, PANDO_DILATE   as for the demo      ODD_PATIENCE   times what is waited for each guest
# Logs: BUILD_FOLDER/check/odd-guests/CASE.log
set -u
cases="memtest_2 nosmp maxcpus old_apics rt"
more="memtest_1 noapic nox2apic whole" # in make soak
suite=odd-guests

# What a kernel may complain of here, and why it is right to.
allowed='^$'

# ---- inside: /pando of the nested machine, or a folder made to look so ----

inside() { # DILATE PATIENCE CASE...
	local dilate=$1
	patience=$2
	shift 2
	. ./suite.sh
	options="--dilate $dilate --peer-timeout 60000 --start-timeout 300"
	mkdir -p logs
	for name in "$@"; do
		log=logs/$name.log started=$SECONDS pid=""
		mkfifo "$name.in"
		"case_$name"
		[ -z "$pid" ] || stop_guest
		echo "RESULT ${suite}_$name $((SECONDS - started)) s"
		echo "LOG $name" && gzip -c "$log" | base64 && echo "END LOG"
	done
	echo "END $bad"
}

# Without escape sequences: a line for each piece that was drawn.
screen() { tr '\033' '\n' <"$log" | sed 's/^\[[0-9;?]*[A-Za-z]//' | tr -d '\r'; }
show() { screen | grep -av '^ *$' | tail -n 12 | sed 's/^/    /'; }

start() { # HOSTS CPUS MIB KERNEL APPEND [OPTION...]
	local hosts=$1 cpus=$2 mib=$3 kernel=$4 append=$5
	shift 5
	# shellcheck disable=SC2086
	pando run --name "$name" --local "$hosts" --cpus "$cpus" --memory "${mib}M" --kernel "$kernel" --append "$append" \
		$options "$@" <"$name.in" >"$log" 2>&1 &
	pid=$!
	exec {keys}>"$name.in"
}
say() { printf '%s' "$1" >&"$keys"; }
runs() { kill -0 "$pid" 2>/dev/null; }

# expect SECONDS PATTERN [N]: the Nth line (first) that matches; no longer than the guest lives.
has() { [ "$(tr -d '\r' <"$log" | grep -acE "$1")" -ge "$2" ]; }
expect() {
	local end=$((SECONDS + $1 * patience))
	until has "$2" "${3:-1}"; do
		if ! runs || [ $SECONDS -ge $end ]; then
			has "$2" "${3:-1}"
			return
		fi
		sleep 0.2
	done
}
checked() { # CHECK SECONDS PATTERN [N]: a verdict of its own
	expect "$2" "$3" "${4:-1}"
	verdict "$name.$1" $? "'$3' did not come in $2 s"
}

stop_guest() {
	kill "$pid" 2>/dev/null
	wait "$pid"
	exec {keys}>&-
	pid=""
}

ends() { # SECONDS: by itself, and well
	local end=$((SECONDS + $1 * patience)) rc
	while runs && [ $SECONDS -lt $end ]; do sleep 0.2; done
	if runs; then
		no "$name.power_off" "still running after $1 s"
		return
	fi
	wait "$pid"
	rc=$?
	exec {keys}>&-
	pid=""
	verdict "$name.power_off" $rc "exit status $rc"
}

quits() { # the guest has shown what it was for
	pando qmp "$name" quit >/dev/null
	ends 30
}

# Debian up to the end of its init's work, judged: CPUs, every byte of the console, the kernel's log.
lines=40
debian() { # KERNEL CPUS APPEND [OPTION...]
	local kernel=$1 cpus=$2 append=$3
	shift 3
	start 2 2 384 "$kernel" "console=ttyS0 loglevel=6 nokaslr pando.run=none pando.say=$lines $append" --initrd guest.cpio "$@"
	expect 200 '^pando guest: done'
	verdict "$name.comes_up" $? "init did not get to its end in 200 s"
	checked cpus 1 "^pando guest: .* $cpus CPUs, "
	[ "$(tr -d '\r' <"$log" | grep -ac "^pando guest: line [0-9]* of $lines, as long as a line .* by interrupts\$")" = $lines ]
	verdict "$name.console" $? "lines of user space are missing or damaged"
	complaints=$(tr -d '\r' <"$log" |
		sed -n '/^RESULT kernel_complaints/,/^\(PASS\|FAIL\) kernel_log/p' | sed '1d;$d' | grep -vE "$allowed")
	has '^(PASS|FAIL) kernel_log' 1 && [ -z "$complaints" ]
	verdict "$name.kernel_log" $? "${complaints:-no verdict}"
}

resets() { # to the begin of the second boot: its first line
	expect 60 '^pando guest: reboot or off'
	say $'reboot\n'
	checked hears_the_console 30 '^pando guest: reboot it is'
	checked boots_again 120 'Linux version' 2
}

case_whole() { debian kernels/amd64 2 ""; ends 30; }
case_rt() {
	debian kernels/rt-amd64 2 ""
	checked is_real_time 1 '^pando guest: Linux .*-rt-amd64'
	ends 30
}
case_nox2apic() { debian kernels/6.1 2 "nox2apic reboot=t pando.end=ask"; resets; quits; }
case_old_apics() { debian kernels/6.1 2 "noapic nox2apic reboot=k pando.end=ask"; resets; quits; }
case_noapic() { debian kernels/6.1 2 "noapic reboot=t pando.end=ask"; resets; quits; }
case_nosmp() { # one CPU is quick: the second boot goes to its end too
	debian kernels/6.1 1 "nosmp reboot=b pando.end=ask"
	resets
	expect 200 '^pando guest: reboot or off' 2
	say $'off\n'
	checked second_boot_hears_the_console 30 '^pando guest: off it is'
	ends 30
}
case_maxcpus() {
	debian kernels/6.1 2 "maxcpus=1 pando.online=1 reboot=t pando.end=ask"
	checked starts_with_one 1 '^pando guest: 1 CPUs before CPU 1 is brought online'
	resets
	quits
}

# memtest86+ draws a screen and takes its keys from the serial port; digits stand for F1 to F10.
drawn() { screen | grep -qaE "$1"; }
press() { # KEYS PATTERN: again and again until that is drawn; what comes before it looks at its port is lost
	local try
	for try in 1 2 3 4 5; do
		drawn "$2" && return
		say "$1"
		wait_for $((6 * patience)) drawn "$2" && return
	done
	return 1
}
memtest() { # HOSTS MIB SECONDS
	local end options="--dilate 1 --peer-timeout 60000 --start-timeout 300"
	start "$1" 2 "$2" memtest.bin "console=ttyS0,115200 nobench nosm"
	# The last test, bit fade, waits for minutes: it is taken out of the selection.
	wait_for $((60 * patience)) drawn Memtest86
	press 1 'Settings:' && press 1 'Test Selection:' && press 2 'Enter test' && press $'10\n' '^ *\*\.\*{8}\.'
	verdict "$name.hears_the_console" $? "no menu"
	say 0
	sleep 1
	say 0
	wait_for $((60 * patience)) drawn '^CPU: .* SMP: 2T '
	verdict "$name.finds_all_cpus" $? "$(screen | grep -a '^CPU:' | tail -n 1)"
	end=$((SECONDS + $3 * patience))
	until drawn 'Pass: *[1-9]' || ! runs || [ $SECONDS -ge $end ]; do sleep 1; done
	drawn 'Pass: *1 .*Errors: 0 '
	verdict "$name.passes" $? "$(screen | grep -a 'Pass:' | tail -n 1)"
	! drawn 'Errors: *[1-9]'
	verdict "$name.no_error" $? "$(screen | grep -aE 'Errors: *[1-9]' | tail -n 1)"
	echo "RESULT ${suite}_${name}_clock $(screen | sed -n 's/.*Time: *\([0-9:]*\).*/\1/p' | tail -n 1) h:m:s"
	quits
}
case_memtest_1() { memtest 1 32 120; }
case_memtest_2() { memtest 2 16 240; }

if [ "${1:-}" = inside ]; then
	shift
	inside "$@"
	exit $bad
fi

# ---- outside ----
cd "$(dirname "$0")/../.." || exit 1
O=${1:?build folder}
shift
. tests/support/suite.sh
# shellcheck disable=SC2086
[ $# -gt 0 ] || set -- $cases
# shellcheck disable=SC2086
[ "$1" != more ] || set -- $more
memtest=/boot/memtest86+x64.bin
logs=$O/check/odd-guests
mkdir -p "$logs"
if [ ! -r $memtest ]; then
	echo "SKIP $suite.memtest: $memtest is missing (package memtest86+): tests/support/install-deps.sh test"
	for c in "$@"; do
		shift
		[[ $c = memtest* ]] || set -- "$@" "$c"
	done
fi
make -s O="$O" "$O/tests/detect" "$O/pando" && read -r mode why < <("$O/tests/detect")
echo "$suite: guests run $mode ($why)"
initrd=$(images/make-initramfs.sh "$O") && whole=$(images/get-kernel.sh amd64) && rt=$(images/get-kernel.sh rt-amd64) &&
	small=$(images/get-kernel.sh 6.1) || { no kernels "they cannot be had"; exit 1; }
files=tests/e2e/odd-guests.sh=odd-guests.sh,tests/support/suite.sh=suite.sh,$whole/vmlinuz=kernels/amd64,$rt/vmlinuz=kernels/rt-amd64
[ ! -r $memtest ] || files=$files,$memtest=memtest.bin
if [ "$mode" = nested ]; then
	emulator=${PANDO_EMULATOR:-reading-walks}
	[ "$emulator" != reading-walks ] || tests/testbed/build-emulator.sh >/dev/null
	tests/testbed/run.sh --emulator "$emulator" --build "$O" --timeout $((1100 * ${ODD_PATIENCE:-1})) --files "$files" -- \
		"bash odd-guests.sh inside ${PANDO_DILATE:-20} ${ODD_PATIENCE:-1} $*" >"$logs/all" 2>&1 </dev/null
else
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	IFS=, read -ra each <<<"$files,$initrd=guest.cpio,$small/vmlinuz=kernels/6.1"
	mkdir "$work/kernels"
	for f in "${each[@]}"; do cp -L "${f%%=*}" "$work/${f#*=}"; done
	PATH=$(realpath "$O"):$PATH PANDO_RUN_DIR=$work/run \
		bash -c "cd $work && bash odd-guests.sh inside 1 ${ODD_PATIENCE:-1} $*" >"$logs/all" 2>&1 </dev/null
fi
for c in "$@"; do
	sed -n "/^LOG $c\$/,/^END LOG/p" "$logs/all" | sed '1d;$d' | base64 -d 2>/dev/null | gzip -dc >"$logs/$c.log" 2>/dev/null
done
sed '/^LOG /,/^END LOG/d; /^END [0-9]/d' "$logs/all"
grep -q '^END 0$' "$logs/all" || bad=1
grep -q '^END [0-9]' "$logs/all" || no end "the nested machine did not come to its end; see $logs/all"
exit $bad
