#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The guest's tools, on this machine: given no time at all they still do enough to judge by, and what hangs is reported.
# Usage: tests/unit/tools.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
tool=$O/guest-tools/pando-guest
suite=tools
. tests/support/suite.sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
log=$tmp/log
show() { tail -n 5 "$log" | sed 's/^/    /'; }

passes() { # TOOL RESULT LEAST: with no time it passes, and each RESULT (a pattern) is at least so much
	"$tool" "$1" --seconds=0 >"$log" 2>&1
	local rc=$? few
	if grep -q '^SKIP' "$log" && ! grep -q '^PASS' "$log"; then
		sed "s/^SKIP /SKIP $suite./" "$log" # one CPU only
		return
	fi
	few=$(awk -v r="^$2$" -v l="$3" '$1 == "RESULT" && $2 ~ r { n++; if ($3 < l) print $2, $3 } END { if (!n) print "no", r }' "$log")
	[ $rc -eq 0 ] && ! grep -q '^FAIL' "$log" && [ -z "$few" ]
	verdict "$1_without_time" $? "status $rc $few"
}
passes sharing 'sharing_.*' 1
passes litmus 'litmus_.*_rounds' 512
passes clock 'clock_.*_messages' 31
"$tool" pattern --percent=0.1 --far=25 >"$log" 2>&1
rc=$?
share=$(awk -v b="$(value pattern_bytes)" -v f="$(value pattern_far_bytes)" 'BEGIN { print (f > 0.2 * b && f < 0.3 * b) }')
[ $rc -eq 0 ] && grep -q '^PASS pattern' "$log" && [ "$share" = 1 ]
verdict pattern_of_which_some_is_far $? "status $rc, $(value pattern_far_bytes) of $(value pattern_bytes) bytes"
"$tool" compute --msteps=500 --patience=0.01 >"$log" 2>&1
[ $? -eq 1 ] && grep -q '^FAIL hang: thread 0 on CPU .* is not over after 0.01 s' "$log"
verdict a_hang_is_reported $? "not reported"

# Of disks and networks, what needs no guest.
said() { # NAME STATUS PATTERN: what the last command, whose status is in $rc, should have ended with and said
	[ $rc -eq "$2" ] && grep -q "$3" "$log"
	verdict "$1" $? "status $rc"
}
"$tool" disk --make=7 --kib=160 >"$tmp/disk"
"$tool" disk --read=7 "$tmp/disk" >"$log" 2>&1
rc=$? said disk_reads 0 '^PASS disk'
"$tool" disk --read=8 "$tmp/disk" >"$log" 2>&1
rc=$? said disk_of_another_host 1 '^FAIL disk: .* 20480 words are wrong, the first one at 0$'
printf X | dd of="$tmp/disk" bs=1 seek=70000 conv=notrunc 2>/dev/null
"$tool" disk --read=7 "$tmp/disk" >"$log" 2>&1
rc=$? said disk_one_byte_is_wrong 1 '^FAIL disk: .* 1 words are wrong, the first one at 8750$'
"$tool" disk --write=9 --at=64 --kib=96 "$tmp/disk" >"$log" 2>&1
rc=$? said disk_writes 0 '^PASS disk'
"$tool" disk --make=9 --kib=96 | cmp - <(tail -c $((96 << 10)) "$tmp/disk") >"$log" 2>&1
verdict disk_what_was_written_is_there $? "it is not"
"$tool" disk --write=9 --kib=16 /dev/full >"$log" 2>&1
rc=$? said disk_is_full 1 '^FAIL disk: .* writing /dev/full: No space left on device$'
if ! command -v mke2fs >/dev/null && ! [ -x /sbin/mke2fs ]; then
	echo "SKIP $suite.disk_image: e2fsprogs is not here"
else
	for i in 1 2; do
		rm -f "$O"/guest-disks/host3.img*
		cp "$(images/make-data-disk.sh "$O" 3 2>"$log")" "$tmp/image$i" 2>>"$log"
	done
	cmp "$tmp/image1" "$tmp/image2" >>"$log" 2>&1
	verdict disk_image_has_the_same_bytes $? "it has not"
fi
port=$(free_port)
"$tool" net --serve="$port" >"$log" 2>&1 &
echo=$!
wait_for 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
exec 3<>"/dev/tcp/127.0.0.1/$port"
cat "$tmp/disk" >&3 &
head -c $((160 << 10)) <&3 | cmp - "$tmp/disk" >>"$log" 2>&1
verdict net_echoes $? "what came back is not what was sent"
exec 3>&-
kill $echo
exit $bad
