#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A Debian guest over several hosts, driven from outside, in the nested testbed: an NMI, a hundred stops under load, a
# dump of its memory, the power button, its own panic and the restart after it.
# Usage: tests/drive/guest.sh BUILD_FOLDER     HOSTS=2 GUEST_KERNEL=6.1 STOPS=100 DRIVE_TIMEOUT=280 DILATE=20
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
hosts=${HOSTS:-2} series=${GUEST_KERNEL:-6.1} stops=${STOPS:-100} limit=${DRIVE_TIMEOUT:-280} dilate=${DILATE:-20}
log=$O/drive-guest.log
suite=drive_guest
. tests/support/suite.sh

kernel=$(images/get-kernel.sh "$series") && base=$(images/make-initramfs.sh "$O") || exit 1
tmp=$(mktemp -d "$O/drive.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
# Two archives one after the other are one initramfs.
mkdir -p "$tmp/root/modules" "$tmp/root/bin"
for m in evdev button pvpanic pvpanic-mmio; do
	f=$(find -L "$kernel/modules" -name "$m.ko*" | head -n 1)
	case $f in
	*.xz) xz -dc "$f" >"$tmp/root/modules/$m.ko" ;;
	?*) cp "$f" "$tmp/root/modules/$m.ko" ;;
	*) echo "FAIL drive_guest: kernel $series has no module $m"; exit 1 ;;
	esac
done
cp tests/drive/outside "$tmp/root/bin/outside"
(cd "$tmp/root" && find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0) >"$tmp/more.cpio"
cat "$base" "$tmp/more.cpio" >"$tmp/drive.cpio"

seconds=$(awk "BEGIN { print $stops * 0.06 / $dilate }")
append="console=ttyS0 quiet nokaslr panic=-1 pando.run=outside outside.seconds=$seconds"
cat >"$tmp/go" <<END
export PANDO_RUN_DIR=/tmp/run
driver /pando/kernels/$series $hosts $hosts $((hosts * 256)) '$append' initrd=/pando/files/drive.cpio dilate=$dilate \\
	patience=60 'until=OUTSIDE nmi?' registers nmi 'until=OUTSIDE stops?' stops=$stops,50,300 nmi 'until=OUTSIDE dump?' \\
	dump=/tmp/guest.core 'until=OUTSIDE power?' wait=300 power 'until=OUTSIDE panic' 'until=OUTSIDE nmi?' quit
echo "driver ended with \$?"
readelf -lnW /tmp/guest.core
ls -ls /tmp/guest.core
strings -t d /tmp/guest.core | grep 'Linux version [0-9]' | sed 's/^ */BANNER /'
END
chmod 755 "$tmp/go"
tests/testbed/run.sh --emulator "${PANDO_EMULATOR:-reading-walks}" --build "$O" --timeout "$limit" --cpus 2 \
	--files "$O/tests/driver,/usr/bin/readelf=bin/readelf,/usr/bin/strings=bin/strings,$tmp/drive.cpio=files/drive.cpio,$tmp/go=bin/go" \
	-- "sh /pando/bin/go" >"$log" 2>&1 </dev/null
tr -d '\r' <"$log" >"$tmp/log" && cp "$tmp/log" "$log"

grep -q 'driver ended with 130' "$log"
verdict ended_as_told $? "no 'driver ended with 130' in $log"
! grep -E '^FAIL ' "$log"
verdict nothing_failed $? "see $log"
[ "$(grep -c '^EVENT STOP' "$log")" -eq $((stops + 1)) ] && [ "$(grep -c '^EVENT RESUME' "$log")" -eq $((stops + 1)) ]
verdict stops $? "$(grep -c '^EVENT STOP' "$log") stops, $(grep -c '^EVENT RESUME' "$log") resumes, $((stops + 1)) expected"
if [ "$hosts" -gt 1 ]; then
	[ "$(value clock_tsc_steps_back)" = 0 ] && [ "$(value clock_monotonic_steps_back)" = 0 ]
	verdict clock_never_back $? "steps back: $(value clock_tsc_steps_back) $(value clock_monotonic_steps_back)"
else
	echo "SKIP drive_guest.clock_never_back: the clock tool needs two CPUs"
fi
# Its clock stood still while it was stopped: it counts at most what it ran, and half of what it stood would be far more.
awk -v guest="$(value guest_time_of_stops)" -v k="$dilate" -v wall="$(value drive_stops_wall)" -v stood="$(value drive_stops_stood)" \
	'BEGIN { exit !(guest > 0 && stood > 0 && guest * k < wall - stood / 2) }'
verdict clock_stands_still $? "$(value guest_time_of_stops) s of the guest x $dilate, $(value drive_stops_wall) s of which $(value drive_stops_stood) stopped"
[ "$(value nmis_taken)" -ge 1 ] && grep -qi 'NMI received for unknown reason' "$log"
verdict nmi_is_printed $? "no NMI was taken, or the kernel said nothing"
# The banner is where the kernel says it is: its virtual address is 0xffffffff80000000 above the physical one (nokaslr).
first=$(awk '$1 == "LOAD" && $4 ~ /^0x0*$/ { print $2 }' "$log" | head -n 1)
banner=$(value linux_banner)
at=$((first + banner - 0xffffffff80000000))
grep -q 'NT_PRSTATUS' "$log" && grep -q "^BANNER $at Linux version" "$log"
verdict dump_opens_and_has_the_banner $? "no banner at $at of the file: $(grep -o '^BANNER [0-9]*' "$log" | tr '\n' ' ')"
grep -q '^EVENT POWERDOWN' "$log" && [ "$(value acpi_interrupts)" -ge 1 ]
verdict power_button_arrives $? "ACPI interrupts: $(value acpi_interrupts)"
grep -q '^EVENT GUEST_PANICKED' "$log"
verdict panic_is_reported $? "no GUEST_PANICKED"
grep -q '^EVENT RESET .*guest-reset' "$log" && [ "$(grep -c 'OUTSIDE nmi?' "$log")" -eq 2 ]
verdict restarts_after_a_panic $? "no second boot"
grep -E 'RESULT (drive|clock|nmis|acpi|linux|guest_time)' "$log" | sort -u
exit $bad
