# SPDX-License-Identifier: Apache-2.0
# Sourced, with suite.sh: a Debian that boots from its disk in `pando run`, and is asked on its console. In the nested machine (the
# first part) and outside of it (the second), which makes the disk and the machine.
# shellcheck shell=bash

# ---- inside: /pando of the nested machine, or a folder made to look so. $suite; each case is a function case_NAME ----

inside() { # DISK DILATE PATIENCE CASE...: runs them. DILATE: guest time at 1/DILATE of real time; auto: as dilation() has it
	disk=$1 dilate=$2 patience=$3
	options="--peer-timeout 60000 --start-timeout 300"
	shift 3
	mkdir -p logs
	for name in "$@"; do
		log=logs/$name.log pid="" booted=0
		: >"$log"
		rm -f keys && mkfifo keys
		echo "BEGIN $name $(date -u +%H:%M:%S)"
		"case_$name"
		[ -z "$pid" ] || stop_guest
		echo "LOG $name" && gzip -c "$log" | base64 && echo "END LOG"
	done
	echo "END $bad"
}
# For the nested machine. There a page of another host takes milliseconds, and a clock's tick needs some: with guest time at 1/20
# of real time two hosts do little else than tick.
dilation() { # HOSTS
	if [ "$dilate" != auto ]; then echo "$dilate"; else echo $(($1 > 1 ? 80 : 20)); fi
}
show() { tr -d '\r' <"$log" | grep -av '^ *$' | tail -n 15 | sed 's/^/    /'; }

start() { # HOSTS MIB [OPTION...]
	local hosts=$1 mib=$2
	shift 2
	began=$SECONDS
	# shellcheck disable=SC2086
	pando run --name debian --local "$hosts" --cpus 2 --memory "${mib}M" --disk "$disk" \
		--append "quiet systemd.show_status=0 numa_balancing=disable" --dilate "$(dilation "$hosts")" $options "$@" <keys >>"$log" 2>&1 &
	pid=$!
	exec {keys}>keys
}
say() { printf '%s\n' "$1" >&"$keys"; }
runs() { kill -0 "$pid" 2>/dev/null; }
has() { tr -d '\r' <"$log" | tail -n "+$((from + 1))" | grep -aqE "$1"; }
from=0 # lines of the log that are of earlier questions
mark() { from=$(wc -l <"$log"); }
expect() { # SECONDS PATTERN: no longer than the guest lives
	local end=$((SECONDS + $1 * patience))
	until has "$2"; do
		if ! runs || [ $SECONDS -ge $end ]; then has "$2"; return; fi
		sleep 0.5
	done
}
ask() { # NAME SECONDS COMMAND: what it printed is in $answer
	mark
	# The marks are put together by the guest's shell: what is typed comes back too.
	say "{ $3; } 2>&1 | sed 's/^/A''NS /'; echo EN''D"
	expect "$2" END
	verdict "$name.$1" $? "no end of '$3' in $2 s"
	answer=$(tr -d '\r' <"$log" | tail -n "+$((from + 1))" | sed -n 's/^.*ANS //p')
}
same() { # NAME WANTED
	[ "$answer" = "$2" ]
	verdict "$name.$1" $? "'$answer' instead of '$2'"
}
stop_guest() {
	kill "$pid" 2>/dev/null
	wait "$pid"
	exec {keys}>&-
	pid=""
}
ends() { # SECONDS: by itself, and well
	local end=$((SECONDS + $1 * patience)) rc
	while runs && [ $SECONDS -lt $end ]; do sleep 0.5; done
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

comes_up() { # SECONDS
	expect "$1" '^debian login:'
	verdict "$name.login" $? "no login in $1 s" || return
	echo "RESULT ${suite}_${name}_login $((SECONDS - began)) s"
	mark
	say root
	expect 180 'root@debian:~#'
	verdict "$name.logged_in" $? "no prompt" || return
	say 'dmesg -n 1; stty -echo; PS1= exec sh'
	sleep 2
}

# ---- outside: $O, at the top of the tree. Where guests run directly the inner script runs in a folder made to look so ----

# The same key each time, so that the disk stays the same.
debian_key() {
	local key=${PANDO_CACHE:-$HOME/.cache/pando}/disk/test-key
	mkdir -p "${key%/*}"
	[ -s "$key" ] || ssh-keygen -q -t ed25519 -N "" -C pando-test -f "$key"
	echo "$key"
}

# Sets $logs, $mode, $key and $work, which goes at the end and has the disk as debian.img. False: there can be no such guest; if
# there should be one, bad says so.
debian_prepare() { # LOGS VARIANT
	logs=$O/check/$1
	PATH=$PATH:/usr/sbin:/sbin
	mkdir -p "$logs"
	if [ "$(id -u)" != 0 ]; then
		echo "SKIP $suite: making a Debian disk needs root"
		return 1
	fi
	tests/support/install-deps.sh image testbed test || { no packages "they cannot be installed"; return 1; }
	make -s O="$O" "$O/tests/detect" "$O/pando" && read -r mode why < <("$O/tests/detect")
	echo "$suite: guests run $mode ($why)"
	work=$(mktemp -d "${TMPDIR:-/tmp}/pando-debian.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	key=$(debian_key)
	images/make-disk.sh --variant "$2" --key "$key.pub" "$work/debian.img" >"$logs/disk.log" 2>&1
	verdict disk $? "$(tail -n 3 "$logs/disk.log")"
	[ $bad = 0 ]
}

# The inner script, with the places of its disks, the dilation and the patience before its cases. It finds what it brings beside it.
#   drives: its disks, of $work, the last one Debian's    programs: found by name    files: SOURCE=PATH    settings: NAME=VALUE before it
debian_run() { # SECONDS SCRIPT CASE...
	local limit=$(($1 * ${DEBIAN_PATIENCE:-1})) script=$2 emulator=${PANDO_EMULATOR:-reading-walks} p
	shift 2
	for p in $programs; do command -v "$p" >/dev/null || { no "$p" "it is not installed here"; return; }; done
	files="tests/support/suite.sh=suite.sh tests/support/debian.sh=debian.sh $script=inner.sh ${files:-}"
	if [ "$mode" = nested ]; then
		[ "$emulator" != reading-walks ] || tests/testbed/build-emulator.sh >/dev/null
		debian_nested "$@"
	else
		debian_here "$@"
	fi 2>&1 </dev/null | debian_shown
	debian_judged "$@"
}
debian_nested() { # CASE...
	local p d places="" qemu=() letter=c slot=28
	for p in $programs; do files="$files $(command -v "$p")=bin/$p"; done
	for d in $drives; do
		qemu+=(--qemu-arg -drive --qemu-arg "file=$work/$d.img,if=none,id=$d,format=raw,cache=unsafe")
		qemu+=(--qemu-arg -device --qemu-arg "virtio-blk-pci,drive=$d,addr=$(printf %x $slot)") # behind its own two
		places="$places /dev/vd$letter" letter=$(tr c-y d-z <<<"$letter") slot=$((slot + 1))
	done
	tests/testbed/run.sh --emulator "$emulator" --build "$O" --timeout "$limit" --files "$(paste -sd, <(printf '%s\n' $files))" "${qemu[@]}" -- \
		"${settings:-} bash inner.sh inside $places ${PANDO_DILATE:-auto} ${DEBIAN_PATIENCE:-1} $*"
}
debian_here() { # CASE...
	local f d places=""
	for f in $files; do
		mkdir -p "$(dirname "$work/${f##*=}")"
		cp -r "${f%%=*}" "$work/${f##*=}"
	done
	for d in $drives; do places="$places $work/$d.img"; done
	PATH=$(realpath "$O"):$PATH PANDO_RUN_DIR=$work/run \
		bash -c "cd $work && ${settings:-} bash inner.sh inside $places 1 ${DEBIAN_PATIENCE:-1} $*"
}

# What the inner script says comes here; the logs of its cases go to $logs.
debian_shown() {
	tee "$logs/all" | sed '/^LOG /,/^END LOG/d; /^END [0-9]/d'
}
debian_judged() { # CASE...
	local c
	for c in "$@"; do
		sed -n "/^LOG $c\$/,/^END LOG/p" "$logs/all" | sed '1d;$d' | base64 -d 2>/dev/null | gzip -dc >"$logs/$c.log" 2>/dev/null
	done
	grep -q '^END 0$' "$logs/all" || bad=1
	grep -q '^END [0-9]' "$logs/all" || no end "the nested machine did not come to its end; see $logs/all"
}
