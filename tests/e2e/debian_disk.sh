#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Debian from its disk: comes up, is judged from inside, lets SSH in through a forwarded port, installs a package of an archive
# on its host, switches itself off, and leaves a clean file system. Or over two hosts, without what needs the network. Or a
# monitor is killed while Debian writes: it comes up again from the journal that this left behind.
# All in one nested machine, one after the other; where guests run directly, here.
# Usage: tests/e2e/debian_disk.sh BUILD_FOLDER [CASE ...]     CASE: see "cases" below
#   PANDO_EMULATOR, PANDO_DILATE   as for the demo      DEBIAN_PATIENCE   times what is waited
# Logs: BUILD_FOLDER/check/debian-disk/CASE.log
set -u
cases="one_host" # more, by name: two_hosts killed
suite=debian_disk

# What the kernel may complain of here, and why it is right to.
allowed=(
	'^$'
	'^Speculative Return Stack Overflow: ' # an emulated processor has no microcode
	'^APIC calibration not consistent with PM-Timer: ' # ticks that were late, where the machine is busy
	'^device-mapper: core: CONFIG_IMA_DISABLE_HTABLE is disabled' # how Debian builds its kernel
)

# The seconds that are waited only report a hang: a busy machine takes several times those of an idle one (a login in 240 s,
# guest and all beneath it emulated).

# ---- inside ----

judged_inside() { # HOSTS
	ask system_state 300 'systemctl is-system-running --wait'
	same running running
	ask failed_units 180 'systemctl --failed --no-legend --plain'
	same none_failed ""
	ask cpus 180 'nproc; ls -d /sys/devices/system/node/node* | wc -l'
	same cpus_and_nodes "2
$1"
	ask disks 180 'lsblk -nro NAME,TYPE,MOUNTPOINTS | sed "s/ *$//"'
	same root_is_on_the_disk "vda disk
vda1 part /"
	ask kernel_log 180 'dmesg -l warn,err,crit,alert,emerg | sed "s/^\[[ 0-9.]*\] //"'
	local left=$answer pattern
	for pattern in "${allowed[@]}"; do left=$(grep -avE "$pattern" <<<"$left"); done
	[ -z "$left" ]
	verdict "$name.kernel_complains_of_nothing" $? "$left"
	ask boot_time 180 'systemd-analyze | head -n 1'
	echo "# $name: $answer"
}
# With a network of passt; $port of the host is the guest's SSH.
networked() {
	port=$(free_port)
	net="--net passt --forward 127.0.0.1:$port:22"
}
by_ssh() { # NAME WANTED COMMAND: by the key that the disk was made with
	local start=$SECONDS
	answer=$(timeout $((600 * patience)) ssh -F none -i ./key -p "$port" -o BatchMode=yes -o StrictHostKeyChecking=no \
		-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR root@127.0.0.1 "$3" 2>&1)
	same "$1" "$2"
	echo "RESULT ${suite}_${name}_$1 $((SECONDS - start)) s"
}
# A package of an archive on the host, which the guest reaches as its gateway.
installs_a_package() {
	local web served
	web=$(free_port)
	busybox httpd -f -p "127.0.0.1:$web" -h ./archive &
	served=$!
	by_ssh apt_installs "installed from the host" "
		echo 'deb [trusted=yes] http://10.0.2.2:$web/ ./' >/etc/apt/sources.list.d/host.list
		apt='apt-get -q -y -o Dir::Etc::sourcelist=sources.list.d/host.list -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0 -o Acquire::Languages=none'
		{ \$apt update && \$apt install pando-hello; } >/root/apt.log 2>&1 || tail -n 5 /root/apt.log
		pando-hello"
	kill $served
}
clean() { # the file system, judged by its own checker
	e2fsck -fn "$disk?offset=1048576" >fsck.log 2>&1
	verdict "$name.file_system" $? "$(tail -n 5 fsck.log)"
}
switched_off() {
	say 'systemctl poweroff'
	ends 300
	clean
}

case_one_host() {
	networked
	# shellcheck disable=SC2086
	start 1 768 $net
	comes_up 900 || return
	judged_inside 1
	ask a_file 180 'head -c 8000000 /dev/urandom >/root/random && sha256sum </root/random | tee /root/sum | cut -c1-64'
	sum=$answer
	# shellcheck disable=SC2016 # for the guest's shell
	ask address 180 'while a=$(ip -4 -o addr show scope global); [ -z "$a" ]; do sleep 0.1; done; echo "$a" | sed "s/.* inet //; s/ .*//"'
	same address_from_dhcp 10.0.2.15/24
	# shellcheck disable=SC2016
	by_ssh ssh_in "root@debian $sum" 'echo $(whoami)@$(hostname) $(cut -c1-64 /root/sum)'
	installs_a_package
	switched_off
	debugfs -R 'cat /root/sum' "$disk?offset=1048576" 2>/dev/null | cut -c1-64 >sum.disk
	[ -n "$sum" ] && [ "$(cat sum.disk)" = "$sum" ]
	verdict "$name.what_was_written_is_there" $? "'$(cat sum.disk)' instead of '$sum'"
}

# What stands in the journal alone when the monitor dies: a kernel's links lead somewhere else.
case_killed() {
	start 1 768
	comes_up 900 || return
	ask another_kernel 180 'cp $(readlink -f /vmlinuz) /boot/vmlinuz-copy && ln -sf boot/vmlinuz-copy /vmlinuz && sync && ls -l /vmlinuz | sed "s/.* //"'
	same link boot/vmlinuz-copy
	say 'while :; do echo x >>/root/endless; sync; done'
	sleep 3
	xargs kill -KILL <"/proc/$pid/task/$pid/children" # the host's monitor
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	exec {keys}>&-
	pid=""
	mark
	start 1 768 --verbose
	expect 180 'transactions of its journal taken into account'
	verdict "$name.journal_is_read" $? "no word of the journal"
	comes_up 900 || return
	ask is_running 300 'systemctl is-system-running --wait'
	same running running
	ask link_stays 180 'readlink /vmlinuz'
	same link_is_there boot/vmlinuz-copy
	mark
	say 'systemctl reboot'
	expect 300 'boots from .*transactions|boots from '
	verdict "$name.a_reset_reads_the_disk_again" $? "no word of it"
	comes_up 900 || return
	switched_off
}

case_two_hosts() {
	start 2 1024
	comes_up 1200 || return
	judged_inside 2
	switched_off
}

if [ "${1:-}" = inside ]; then
	shift
	. ./suite.sh
	. ./debian.sh
	inside "$@"
	exit $bad
fi

# ---- outside ----
cd "$(dirname "$0")/../.." || exit 1
O=${1:?build folder}
shift
. tests/support/suite.sh
. tests/support/debian.sh
# shellcheck disable=SC2086
[ $# -gt 0 ] || set -- $cases
debian_prepare debian-disk test || exit $bad
archive() { # FOLDER: of one package, which says where it is from
	mkdir -p "$work/package/DEBIAN" "$work/package/usr/bin" "$1"
	printf 'Package: pando-hello\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: says hello\n' \
		>"$work/package/DEBIAN/control"
	printf '#!/bin/sh\necho installed from the host\n' >"$work/package/usr/bin/pando-hello"
	chmod 755 "$work/package/usr/bin/pando-hello"
	find "$work/package" -exec touch -d @1686355200 {} +
	SOURCE_DATE_EPOCH=1686355200 dpkg-deb --root-owner-group -b "$work/package" "$1/pando-hello.deb" >/dev/null || return
	{ cat "$work/package/DEBIAN/control"
		echo "Filename: ./pando-hello.deb"
		echo "Size: $(stat -c %s "$1/pando-hello.deb")"
		echo "SHA256: $(sha256sum <"$1/pando-hello.deb" | cut -d' ' -f1)"
	} | xz >"$1/Packages.xz"
}
archive "$work/made"
verdict archive $? "no package can be made"
drives=debian programs="e2fsck debugfs ssh passt" files="$key=key $work/made=archive"
debian_run 2100 tests/e2e/debian_disk.sh "$@"
exit $bad
