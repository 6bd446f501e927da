#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Debian from its disk: comes up, is judged from inside, lets SSH in through a forwarded port, installs a package of an archive
# on its host, switches itself off, and leaves a clean file system. Or over two hosts, without what needs the network. Or a
# monitor is killed while Debian writes: it comes up again from the journal that this left behind. Or CPUs and memory come to it while
# it runs, and it brings them online by itself.
# All in one nested machine, one after the other; where guests run directly, here.
# Usage: tests/e2e/debian_disk.sh BUILD_FOLDER [CASE ...]     CASE: see "cases" below
#   PANDO_EMULATOR, PANDO_DILATE   as for the demo      DEBIAN_PATIENCE   times what is waited
# Logs: BUILD_FOLDER/check/debian-disk/CASE.log
set -u
cases="one_host" # more, by name: two_hosts killed elastic
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

# For the guest: until a file has that text, or that takes too long.
until_all() { # FILE TEXT
	echo "for i in \$(seq 100); do [ \"\$(cat $1)\" = $2 ] && break; sleep 0.1; done"
}

# A credential of the firmware has made a rule, and the rule does it. Without that rule a CPU waits, and status says so.
case_elastic() {
	start 1 768 --max-cpus 5 --max-memory 1G --elastic --overcommit
	comes_up 900 || return
	ask uuid 180 'cat /sys/class/dmi/id/product_uuid'
	same uuid "$(pando qmp debian query-uuid | grep -oE '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')"
	ask credential 180 'systemd-creds --system list --no-legend | sed "s/ .*//"'
	same credential tmpfiles.extra
	ask rule 180 'grep -c "ATTR{online}=\"1\"" /run/udev/rules.d/99-pando-cpus.rules'
	same rule 1
	ask before 180 'sed -n "s/^MemTotal: *\([0-9]*\) kB/\1/p" /proc/meminfo'
	local before=$answer
	pando grow debian --host 0 --cpus 2 --memory 256M
	verdict "$name.grow" $? "pando grow failed"
	ask cpus 600 "$(until_all /sys/devices/system/cpu/online 0-3); cat /sys/devices/system/cpu/online"
	same cpus_come_online 0-3
	ask nproc 180 nproc
	same programs_see_them 4
	ask memory 300 'sed -n "s/^MemTotal: *\([0-9]*\) kB/\1/p" /proc/meminfo'
	[ $((answer - before)) -ge 250000 ]
	verdict "$name.memory_comes_online" $? "$before KiB became $answer"
	ask movable 180 'grep -ch Movable /sys/devices/system/node/node1/memory*/valid_zones | sort -u'
	same memory_can_go_again 1
	! pando status debian | grep 'brought online'
	verdict "$name.nothing_waits" $? "status says that something does"
	ask by_hand 180 'chcpu -d 3 >/dev/null; udevadm settle; sleep 4; cat /sys/devices/system/cpu/cpu3/online'
	same what_is_taken_offline_stays 0
	ask no_rule 180 'chcpu -e 3 >/dev/null; rm /run/udev/rules.d/99-pando-cpus.rules; udevadm control --reload; echo $?'
	pando grow debian --host 0 --cpus 1
	verdict "$name.grow_again" $? "pando grow failed"
	ask waits 600 "$(until_all /sys/devices/system/cpu/present 0-4); udevadm settle; cat /sys/devices/system/cpu/online"
	same without_the_rule_it_waits 0-3
	pando status debian | grep -q '^1 CPU waits to be brought online'
	verdict "$name.status_says_so" $? "$(pando status debian | tail -n 4)"
	ask chcpu 180 'chcpu -e 4 >/dev/null; cat /sys/devices/system/cpu/online'
	same and_what_status_names_helps 0-4
	# Linux before 6.12 learns the node of a CPU when it comes, and says once that its work queues had laid out none there.
	ask complaints 180 'dmesg | grep -aE "BUG:|WARNING:|Oops|Call Trace|rcu.*stall|soft lockup" | grep -vE "Speculative Return Stack Overflow|workqueue cpumask: online intersect" | head -n 3'
	same no_complaint ""
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
