#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Does crash(8) read our dumps? A Debian guest over several hosts works, a vCPU of it moves to another host, its memory is
# dumped, and crash with Debian's debug symbols is asked for the system, the log, the processes, the stack of every CPU.
# By hand, not in `make check`: the symbols are 290 MB to download once, and 600 MB unpacked ($PANDO_CACHE/debug).
# Usage: tests/drive/crash.sh BUILD_FOLDER     HOSTS=2 GUEST_KERNEL=6.1 KASLR=1 CRASH_TIMEOUT=300 DILATE=20
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
hosts=${HOSTS:-2} series=${GUEST_KERNEL:-6.1} limit=${CRASH_TIMEOUT:-300} dilate=${DILATE:-20}
cache=${PANDO_CACHE:-$HOME/.cache/pando}
log=$O/crash-guest.log
said=$O/crash.log
suite=crash
. tests/support/suite.sh
die() { echo "FAIL crash: $*"; exit 1; }

command -v crash >/dev/null || die "the program crash is missing: apt-get install crash"
kernel=$(images/get-kernel.sh "$series") && base=$(images/make-initramfs.sh "$O") || exit 1
version=$(cat "$kernel/version")
vmlinux=$cache/debug/vmlinux-$version
tmp=$(mktemp -d "$O/crash.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
if [ ! -s "$vmlinux" ]; then
	package=linux-image-$version-dbg
	apt-cache show "$package" >/dev/null 2>&1 || die "there is no package $package: images/get-kernel.sh --update $series gets a newer kernel"
	mkdir -p "$cache/debug"
	(cd "$tmp" && apt-get download -q "$package") >"$tmp/log" 2>&1 || { cat "$tmp/log"; die "cannot download $package"; }
	dpkg-deb --fsys-tarfile "$tmp/$package"_*.deb | tar -xO "./usr/lib/debug/boot/vmlinux-$version" >"$tmp/vmlinux" ||
		die "$package has no vmlinux"
	mv "$tmp/vmlinux" "$vmlinux"
	rm -f "$tmp/$package"_*.deb
fi

mkdir -p "$tmp/root/bin"
cat >"$tmp/root/bin/dumped" <<'END'
#!/bin/busybox sh
echo "for crash: a line of the log" >/dev/kmsg
for i in $(seq "$(nproc)"); do
	yes >/dev/null &
done
sleep 0.2
echo "DUMPED now"
wait
END
chmod 755 "$tmp/root/bin/dumped"
(cd "$tmp/root" && find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0) >"$tmp/more.cpio"
cat "$base" "$tmp/more.cpio" >"$tmp/dumped.cpio"
append="console=ttyS0 quiet panic=-1 pando.run=dumped"
[ "${KASLR:-1}" = 1 ] || append="$append nokaslr"
move=
[ "$hosts" -gt 1 ] && move=moves=1,0,0
cat >"$tmp/go" <<END
export PANDO_RUN_DIR=/tmp/run
driver /pando/kernels/$series $hosts $hosts $((hosts * 128)) '$append' initrd=/pando/files/dumped.cpio dilate=$dilate patience=60 \\
	'until=DUMPED now' $move registers dump=/tmp/guest.core quit
echo "driver ended with \$?"
for b in /sys/block/vd*; do
	[ "\$(cat \$b/serial)" = out ] && cat /tmp/guest.core >/dev/\${b##*/}
done
sync
echo "RESULT dump_bytes \$(stat -c %s /tmp/guest.core) bytes"
END
chmod 755 "$tmp/go"
truncate -s $((hosts * 128 + 16))M "$tmp/core"
tests/testbed/run.sh --emulator "${PANDO_EMULATOR:-reading-walks}" --build "$O" --timeout "$limit" --cpus 2 \
	--files "$O/tests/driver,$tmp/dumped.cpio=files/dumped.cpio,$tmp/go=bin/go" \
	--qemu-arg -drive --qemu-arg "file=$tmp/core,if=none,id=out,format=raw,detect-zeroes=on" \
	--qemu-arg -device --qemu-arg virtio-blk-pci,drive=out,serial=out,addr=0x1e \
	-- "sh /pando/bin/go" >"$log" 2>&1 </dev/null
tr -d '\r' <"$log" >"$tmp/log" && cp "$tmp/log" "$log"
grep -q 'driver ended with 130' "$log"
verdict guest $? "no 'driver ended with 130' in $log"
bytes=$(value dump_bytes)
[ -n "$bytes" ] || die "no dump: see $log"
truncate -s "$bytes" "$tmp/core"
[ -n "${KEEP:-}" ] && cp --sparse=always "$tmp/core" "$KEEP"

# Each answer goes to a file of its own. A .crashrc of the user's must not come in between.
mkdir "$tmp/said"
cat >"$tmp/commands" <<END
sys >$tmp/said/sys
log >$tmp/said/log
ps >$tmp/said/ps
help -r >$tmp/said/registers
runq >$tmp/said/runq
bt 0 >$tmp/said/idle
bt -a >$tmp/said/bt
kmem -i >$tmp/said/kmem
quit
END
HOME=$tmp timeout 300 crash -s --no_scroll -i "$tmp/commands" "$vmlinux" "$tmp/core" >"$tmp/messages" 2>&1 </dev/null
rc=$?
head -n 999999 "$tmp/messages" "$tmp/said"/* >"$said" 2>/dev/null
verdict opens $rc "exit status $rc: $(head -n 3 "$tmp/messages" | tr '\n' ' ')"
grep -q "CPUS: $hosts$" "$tmp/said/sys" && grep -q "RELEASE: $version$" "$tmp/said/sys"
verdict sys $? "no $hosts CPUs of $version: see $said"
grep -q 'for crash: a line of the log' "$tmp/said/log"
verdict log $? "the line of the log is not in it"
[ "$(grep -cE '^> .* yes *$' "$tmp/said/ps")" -eq "$hosts" ]
verdict running_tasks $? "not the task yes on each of $hosts CPUs"
for ((v = 0; v < hosts; v++)); do
	have=$(awk -v v="CPU $v:" '$0 == v { on = 1 } on && /RIP:/ { sub(/.*RIP: */, ""); print $1; exit }' "$tmp/said/registers")
	echo "RESULT crash_rip_$v ${have:-none} address"
	[ -n "$have" ] || no registers "none of CPU $v"
done
grep -q '__schedule at' "$tmp/said/idle" && grep -q 'start_kernel at' "$tmp/said/idle"
verdict stack $? "the idle task's stack does not lead from start_kernel to __schedule"
grep -qE 'TOTAL MEM +[0-9]+ ' "$tmp/said/kmem"
verdict memory $? "kmem -i has no total"
sed -n 's/^ *TASKS: \([0-9]*\)$/RESULT crash_tasks \1 tasks/p' "$tmp/said/sys"
# Debian 12's crash 8.0.2 is older than what this kernel's stable series changed: it finds no task that does not run, and no
# exception stacks, so 'bt' of a running task fails. It says the same of a dump that QEMU made of the same kernel.
sort -u "$tmp/messages" | grep -v '^$' | sed 's/^/    crash: /'
exit $bad
