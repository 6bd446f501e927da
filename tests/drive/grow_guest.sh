#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# CPUs and memory come to a running Debian kernel over two hosts, in the nested testbed: it finds them by ACPI, in nodes of their
# own, and uses them.
# Usage: tests/drive/grow_guest.sh BUILD_FOLDER     GUEST_KERNEL=6.1 GROW_TIMEOUT=1500 DILATE=20
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
series=${GUEST_KERNEL:-6.1} limit=${GROW_TIMEOUT:-1500} dilate=${DILATE:-20}
log=$O/grow-guest.log
suite=grow_guest.$series
. tests/support/suite.sh

kernel=$(images/get-kernel.sh "$series") && base=$(images/make-initramfs.sh "$O") || exit 1
tmp=$(mktemp -d "$O/grow.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/root/bin"
cp tests/drive/growing "$tmp/root/bin/growing"
(cd "$tmp/root" && find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0) >"$tmp/more.cpio"
cat "$base" "$tmp/more.cpio" >"$tmp/grow.cpio"

append="console=ttyS0 quiet nokaslr panic=-1 pando.run=growing grow.cpus=5 grow.mib=600 grow.fill=520"
cat >"$tmp/go" <<END
export PANDO_RUN_DIR=/tmp/run
pando run --local 2 --kernel /pando/kernels/$series --initrd /pando/files/grow.cpio --cpus 2 --memory 512M --max-cpus 6 \\
	--max-memory 1G --max-hosts 4 --local-memory 700M --overcommit --dilate $dilate --name g --elastic --console file:/tmp/console \\
	--append '$append' >/tmp/run.log 2>&1 &
guest=\$!
seen() { grep -q "\$1" /tmp/console 2>/dev/null; }
while ! seen 'GROWING?' && kill -0 \$guest 2>/dev/null; do sleep 1; done
pando grow g --host 1 --cpus 2 --memory 256M; echo "GROW host 1: \$?"
pando grow g --host 0 --cpus 1; echo "GROW host 0: \$?"
while ! seen '^GROWN' && kill -0 \$guest 2>/dev/null; do sleep 1; done
pando qmp g query-memory-size-summary
pando status g
wait \$guest
echo "run ended with \$?"
cat /tmp/console /tmp/run.log
END
chmod 755 "$tmp/go"
tests/testbed/run.sh --emulator "${PANDO_EMULATOR:-reading-walks}" --build "$O" --timeout "$limit" --cpus 2 \
	--files "$tmp/grow.cpio=files/grow.cpio,$tmp/go=bin/go" -- "sh /pando/bin/go" >"$log" 2>&1 </dev/null
tr -d '\r' <"$log" >"$tmp/log" && cp "$tmp/log" "$log"

for h in 0 1; do
	grep -q "^GROW host $h: 0" "$log"
	verdict "host$h" $? "$(grep -a 'pando:' "$log" | head -3)"
done
[ "$(value grow_before_cpus) $(value grow_after_cpus)" = "2 5" ]
verdict cpus $? "$(value grow_before_cpus) CPUs became $(value grow_after_cpus); 2 were to become 5"
[ "$(grep -c '^CPU [0-9] works' "$log")" = 5 ]
verdict cpus_work $? "$(grep -c '^CPU [0-9] works' "$log") of 5"
[ "$(($(value grow_after_mib) - $(value grow_before_mib)))" -ge 240 ]
verdict memory $? "$(value grow_before_mib) MiB became $(value grow_after_mib)"
grep -q '^FILLED 520 MiB' "$log"
verdict memory_is_used $? "it is not filled"
[ "$(value grow_after_nodes)" -gt "$(value grow_before_nodes)" ]
verdict nodes $? "$(grep '^NODE' "$log" | tr '\n' ' ')"
! grep '^COMPLAINT' "$log"
verdict no_complaint $? "see $log"
grep '^NODE\|RESULT grow' "$log"
exit $bad
