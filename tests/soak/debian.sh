#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Debian from its disk over two hosts, with a disk of each and a network, is worked hard by programs that nobody here wrote: fio
# that verifies, iperf3, LVM, btrfs, drivers that let their devices go and take them again, kexec, monitors that are killed. Or on
# one host, by name, where no vCPU can move (one_host). Each check prints what it saw. All in one nested machine; where guests
# run directly, here.
# Usage: tests/soak/debian.sh BUILD_FOLDER [CASE ...]
#   SOAK_SHORT=1   a part of it all, by hand      PANDO_EMULATOR, PANDO_DILATE, DEBIAN_PATIENCE   as for debian_disk.sh
# Logs: BUILD_FOLDER/check/debian-soak/CASE.log
set -u
cases="two_hosts faults killed" # more, by name: one_host
suite=debian_soak

# ---- inside; disks: /dev/vdb (host 0) and /dev/vdc (host 1) of the guest ----

saw() { echo "# $name: $*"; }
sizes() {
	if [ "$short" = 1 ]; then
		piece=2M times=5 kills=2 flow=4M out=1M
	else
		piece=48M times=50 kills=20 flow=256M out=8M
	fi
}
# Four jobs: on each disk one of a CPU of each host, on a half of its own. Ends with a line of sums in /tmp/fio.
fio_line() { # PIECE DISK...
	local size=$1 d cpu
	shift
	echo -n "fio --output-format=terse --terse-version=3 --name=global --direct=1 --ioengine=libaio --rw=randwrite --bsrange=4k-64k"
	echo -n " --iodepth=8 --size=$size --verify=crc32c --verify_fatal=1 --randrepeat=0"
	for d in "$@"; do
		for cpu in 0 1; do echo -n " --name=${d##*/}$cpu --filename=/dev/$d --cpus_allowed=$cpu --offset=$((cpu * ${size%M}))M"; done
	done
	echo " | awk -F';' '\$1 == 3 { n++; e += \$5; r += \$6; w += \$47 } END { print n + 0, \"jobs\", e + 0, \"errors\", w + 0, \"KiB written\", r + 0, \"KiB read back\" }'"
}
verified() { # NAME JOBS: of $answer
	saw "$1: $answer"
	[[ $answer == "$2 jobs 0 errors "*" KiB read back" && $answer != *" 0 KiB read back" ]] # and nothing after it
	verdict "$name.$1" $? "$answer"
}
quiet_log() { # NAME: nothing hung, nothing failed below a file system
	ask "$1.log" 180 "dmesg | grep -E 'I/O error|hung|blocked for|BUG|WARNING: CPU|Call Trace|Buffer I/O|EXT4-fs (error|warning)|corrupt' | head -n 5"
	same "$1.kernel_log" ""
}

fio_under_moves() {
	local n=0
	say "( $(fio_line $piece vdb vdc) ) >/tmp/fio 2>&1; echo FIO''ENDED"
	mark
	until has FIOENDED; do
		runs || break
		[ $hosts = 1 ] || { pando move debian 1 0 >/dev/null && pando move debian 1 1 >/dev/null && n=$((n + 2)); }
		pando qmp debian stop >/dev/null && sleep 1 && pando qmp debian cont >/dev/null && n=$((n + 1))
		[ $SECONDS -lt $((began + 7200 * patience)) ] || break
	done
	ask fio 600 'cat /tmp/fio'
	verified "fio_while_a_vcpu_moved_or_all_stood_${n}_times" 4
	[ $n -gt 0 ]
	verdict "$name.moves" $? "no vCPU was moved and nothing stood"
}
# Less out of the guest: its server says nothing on that connection, and Debian's passt bears that for 16 s (docs/DEVICES.md).
flows() {
	local mtu way words
	for mtu in 1500 65520; do
		for way in out back; do
			words="-n $out"
			[ $way = out ] || words="-n $flow -R"
			ask "iperf3_${mtu}_$way" 900 "ip link set mtu $mtu dev \$(ls /sys/class/net | grep -v lo | head -n 1) && iperf3 -c 10.0.2.2 -p $flow_port $words --forceflush | tail -n 4"
			saw "MTU $mtu, $way: $(grep -E 'receiver' <<<"$answer" | tr -s ' ')"
			[[ $answer == *"iperf Done"* ]]
			verdict "$name.iperf3_${mtu}_$way.ends" $? "$answer"
		done
	done
}
far=disk/by-id/virtio-DATA1 # who has it open keeps its other name from it
rebinds() { # under load: what reads meanwhile gets errors, and goes on
	ask rebind 3000 "d=\$(basename \$(readlink -f /sys/block/vdc/device)); u=/sys/bus/virtio/drivers/virtio_blk; ok=0
		( while [ ! -e /tmp/enough ]; do dd if=/dev/$far of=/dev/null bs=64k count=32 iflag=direct; done ) >/dev/null 2>&1 &
		for i in \$(seq $times); do echo \$d >\$u/unbind && echo \$d >\$u/bind && udevadm settle && [ -b /dev/$far ] && ok=\$((ok + 1)); done
		touch /tmp/enough; wait; rm /tmp/enough; echo \$ok times"
	saw "unbound and bound under load: $answer"
	same rebinds "$times times"
	ask after_rebinds 900 "$(fio_line 1M $far)"
	verified fio_after_rebinds 2
}
rescans() {
	ask rescan 3000 "p=\$(readlink -f /sys/block/vdc/device/..); ok=0
		for i in \$(seq $times); do echo 1 >\$p/remove && [ ! -e \$p ] && echo 1 >/sys/bus/pci/rescan && udevadm settle && [ -b /dev/$far ] && ok=\$((ok + 1)); done; echo \$ok times"
	saw "removed and found again: $answer"
	same rescans "$times times"
}
lvm() {
	ask lvm 1800 "{ pvcreate -qy /dev/vdb /dev/vdc && vgcreate -q both /dev/vdb /dev/vdc && lvcreate -qy -i 2 -n striped -l 50%FREE both &&
		mkfs.ext4 -q /dev/both/striped && mkdir -p /mnt/l && mount /dev/both/striped /mnt/l; } >/tmp/lvm 2>&1 || tail -n 3 /tmp/lvm
		fio --output-format=terse --terse-version=3 --name=l --directory=/mnt/l --direct=1 --rw=randwrite --bs=16k --size=$piece --verify=crc32c --verify_fatal=1 |
			awk -F';' '\$1 == 3 { print 1, \"jobs\", \$5, \"errors\", \$47, \"KiB written\", \$6, \"KiB read back\" }'
		umount /mnt/l && e2fsck -fn /dev/both/striped >/dev/null 2>&1 || echo not clean; vgremove -qfy both >/dev/null 2>&1; pvremove -qy /dev/vdb /dev/vdc >/dev/null 2>&1"
	verified fio_on_a_volume_over_both_hosts_disks 1
}
btrfs() {
	ask btrfs 1800 "mkfs.btrfs -qf -d raid1 -m raid1 /dev/vdb /dev/vdc >/tmp/mkfs 2>&1 && mkdir -p /mnt/b && mount /dev/vdb /mnt/b && head -c $piece /dev/urandom >/mnt/b/file &&
		s=\$(sha256sum </mnt/b/file) && sync && echo 3 >/proc/sys/vm/drop_caches && [ \"\$(sha256sum </mnt/b/file)\" = \"\$s\" ] && echo same sum
		btrfs scrub start -B /mnt/b | grep -i 'error summary'; umount /mnt/b; wipefs -qa /dev/vdb /dev/vdc"
	saw "btrfs, raid1 over both: $(tr '\n' ';' <<<"$answer")"
	[[ $answer == "same sum"*"no errors found"* ]]
	verdict "$name.btrfs_over_both_hosts_disks" $? "$answer"
}
kexecs() {
	mark
	say 'kexec -l /vmlinuz --initrd=/initrd.img --reuse-cmdline && sync && kexec -e'
	comes_up 1500 || return
	ask kexec 300 'echo $(cat /sys/kernel/kexec_loaded) $(systemctl is-system-running --wait)'
	saw "after kexec -e: $answer"
	same kexec "0 running"
}

worked() { # HOSTS
	local server hosts=$1
	flow_port=$(free_port)
	iperf3 -s -p "$flow_port" >/dev/null 2>&1 &
	server=$!
	start "$hosts" 1024 --disk "$data0,serial=DATA0" --disk "$data1,host=$((hosts - 1)),serial=DATA1" --net "passt,host=$((hosts - 1))"
	if comes_up 1500; then
		ask nodes 300 'for d in vdb vdc; do echo $d $(cat /sys/block/$d/device/../numa_node); done'
		saw "nodes of the disks: $(tr '\n' ' ' <<<"$answer")"
		for part in fio_under_moves rescans lvm btrfs flows quiet rebinds kexecs; do
			if [ $part = quiet ]; then quiet_log before_rebinds; else $part; fi
			runs || { no "$name.$part" "the guest is over"; break; }
		done
		say 'systemctl poweroff'
		ends 600
	fi
	[ -z "$pid" ] || stop_guest
	kill $server
}

case_two_hosts() { worked 2; }
case_one_host() { worked 1; }

# A volume that is late, then one that fails while a file is there: errors are the guest's, and what it reads is right.
case_faults() {
	local sock=$PWD/nbd.sock server
	nbdkit -f -U "$sock" --filter="$PWD/nbdkit/nbdkit-error-filter.so" --filter="$PWD/nbdkit/nbdkit-delay-filter.so" \
		"$PWD/nbdkit/nbdkit-memory-plugin.so" 256M rdelay=10ms wdelay=10ms error=EIO error-rate=100% error-file="$PWD/fail" >/dev/null 2>&1 &
	server=$!
	start 2 1024 --disk "$data0" --disk "nbd+unix:///?socket=$sock,host=1"
	if comes_up 1500; then
		ask delayed 1800 "$(fio_line $piece vdc)"
		verified fio_over_a_volume_that_is_late 2
		touch fail
		ask failing 600 'dd if=/dev/vdc of=/dev/null bs=4k count=1 iflag=direct 2>&1 | tail -n 1; dd if=/dev/zero of=/dev/vdc bs=4k count=1 oflag=direct 2>&1 | tail -n 1'
		rm fail
		saw "while the volume fails: $(tr '\n' ';' <<<"$answer")"
		[ "$(grep -c 'Input/output error' <<<"$answer")" = 2 ]
		verdict "$name.its_errors_are_the_guests" $? "$answer"
		ask again 1800 "$(fio_line 1M vdc)"
		verified fio_once_it_works_again 2
		say 'systemctl poweroff'
		ends 600
	fi
	[ -z "$pid" ] || stop_guest
	kill $server
}

# The guest says on its console which records it has flushed; then all monitors are killed, and the disk of host 1 is looked at from outside.
writes='perl -e '\''use IO::Handle; open(my $d, "+<", "/dev/vdb") or die; $| = 1;
for my $n (1 .. 100000) { sysseek($d, 4096 * ($n % 4096), 0); syswrite($d, pack("Q", $n) . ("x" x 4088)) == 4096 or die; $d->sync or die; print "FLUSHED $n\n" if $n % 8 == 0 }'\'
case_killed() {
	local n flushed bad_records
	for n in $(seq "$kills"); do
		dd if=/dev/zero of="$data1" bs=1M count=16 conv=notrunc,fsync 2>/dev/null
		from=0
		: >"$log"
		start 2 1024 --disk "$data1,host=1"
		comes_up 1500 || return
		mark
		say "$writes"
		expect 600 'FLUSHED (4[0-9]|[5-9][0-9]|[0-9]{3,})' || { no "$name.writes" "nothing is flushed"; return; }
		sleep "$((n % 3)).$((n * 37 % 10))"
		xargs kill -KILL <"/proc/$pid/task/$pid/children"
		kill -KILL "$pid"
		wait "$pid" 2>/dev/null
		exec {keys}>&-
		pid=""
		flushed=$(tr -d '\r' <"$log" | sed -n 's/^FLUSHED \([0-9]*\)$/\1/p' | tail -n 1)
		# A record is there, or one that was written over it later.
		bad_records=$(perl -e 'open(my $d, "<", $ARGV[0]) or die; my ($bad, $last) = (0, $ARGV[1]);
			for my $n (1 .. $last) { next if $last - $n >= 4096; my $r = ""; sysseek($d, 4096 * ($n % 4096), 0); sysread($d, $r, 4096); my $is = unpack("Q", $r);
				$bad++ if $is < $n || ($is - $n) % 4096 || substr($r, 8) ne "x" x 4088 } print $bad' "$data1" "$flushed")
		saw "kill $n of $kills: $flushed records were flushed, $bad_records of them are missing"
		[ -n "$flushed" ] && [ "$bad_records" = 0 ]
		verdict "$name.no_flush_is_lost" $? "$bad_records of $flushed"
	done
	e2fsck -fy -E journal_only "$disk?offset=1048576" >fsck.log 2>&1
	e2fsck -fn "$disk?offset=1048576" >fsck.log 2>&1
	verdict "$name.file_system_after_its_journal" $? "$(tail -n 5 fsck.log)"
}

if [ "${1:-}" = inside ]; then # DATA0 DATA1, then those of debian.sh
	shift
	. ./suite.sh
	. ./debian.sh
	data0=$1 data1=$2 short=${SOAK_SHORT:-0}
	shift 2
	sizes
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
debian_prepare debian-soak soak || exit $bad
for h in 0 1; do truncate -s 256M "$work/data$h.img"; done
modules=$(nbdkit --dump-config | sed -n 's/^plugindir=//p') filters=$(nbdkit --dump-config | sed -n 's/^filterdir=//p')
drives="data0 data1 debian" programs="e2fsck iperf3 passt nbdkit perl" files="" settings="SOAK_SHORT=${SOAK_SHORT:-0}"
for f in "$modules/nbdkit-memory-plugin.so" "$filters"/nbdkit-{error,delay}-filter.so; do files="$files $f=nbdkit/${f##*/}"; done
limit=36000
[ "${SOAK_SHORT:-0}" = 0 ] || limit=7200
debian_run $limit tests/soak/debian.sh "$@"
exit $bad
