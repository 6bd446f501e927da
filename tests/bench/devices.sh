#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A guest's disk beside qemu's virtio-blk, and its network beside passt's own tap: the same kernel, program, disk and other end,
# one after the other in one nested machine (where there is hardware virtualisation, on this one).
set -u
cd "$(dirname "$0")/../.."
. tests/bench/medians.sh
O=${O:-build}
RUNS=${BENCH_GUEST_RUNS:-1}
EMULATOR=${PANDO_EMULATOR:-reading-walks}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

ops=2000 depth=16 mib=8 port=7001
words="console=ttyS0 quiet pando.rate=--ops=$ops,--depth=$depth,/dev/vda"
pour="--mib=$mib --port=$port"
# Guest time is real time here: on one host nothing needs more of it.
commands() { # DISK KERNEL INITRD FIRMWARE SETPRIV
	cat <<-END
		$([ "$5" = setpriv ] || echo 'chmod 666 /dev/net/tun')
		pando-guest net --serve=7 & echo=\$!
		pando-guest pour --sink=$port & sink=\$!
		echo BEGIN pando
		pando run --local 1 --cpus 1 --memory 256M --peer-timeout 60000 --start-timeout 300 --disk $1 --net passt --kernel $2 --initrd $3 \
			--append '$words pando.run=rate,rate,rate,net,pour,pour,pour pando.net=--kib=16 pando.pour=--mib=$mib,--port=$port'
		echo BEGIN qemu
		qemu-system-x86_64 -L $4 -machine pc -accel kvm -cpu host -smp 1 -m 256 -nodefaults -no-user-config -display none -no-reboot \
			-serial stdio -kernel $2 -initrd $3 -append '$words pando.run=rate,rate,rate' \
			-drive file=$1,if=none,id=d,format=raw,cache=none,aio=io_uring -device virtio-blk-pci,drive=d
		echo BEGIN passt
		for i in 1 2 3; do $5 --reuid 65534 --regid 65534 --clear-groups pasta -f -q -4 -i lo -I tap0 -a 10.0.2.15 -n 24 -g 10.0.2.2 -M 52:54:00:00:00:01 -m 65520 \
			--config-net -- pando-guest pour $pour; done
		echo BEGIN end
		kill \$echo \$sink
	END
}

# A disk of its own for the nested machine, of which the guest has the whole: random, so that nothing is a hole.
head -c 64M /dev/urandom >"$out/disk"
run() {
	make -s O="$O" "$O/tests/detect" && read -r mode _ < <("$O/tests/detect")
	if [ "$mode" = nested ]; then
		for f in bios-256k.bin kvmvapic.bin linuxboot_dma.bin; do
			for d in /usr/share/seabios /usr/share/qemu; do [ -e $d/$f ] && echo "$d/$f=firmware/$f" && break; done
		done | paste -sd, >"$out/firmware"
		programs="$(command -v qemu-system-x86_64)=bin/qemu-system-x86_64,$(command -v passt)=bin/passt,$(command -v passt)=bin/pasta,$(command -v setpriv)=bin/setpriv"
		bash tests/testbed/run.sh --emulator "$EMULATOR" --build "$O" --timeout 900 \
			--files "$O/guest-tools/pando-guest=bin/pando-guest,$programs,$(cat "$out/firmware")" \
			--qemu-arg -drive --qemu-arg "file=$out/disk,if=none,id=bench,format=raw,cache=unsafe" \
			--qemu-arg -device --qemu-arg virtio-blk-pci,drive=bench,addr=1e -- \
			"$(commands /dev/vdc /pando/kernels/6.1 /pando/guest.cpio /pando/firmware /pando/bin/setpriv)"
	else
		kernel=$(images/get-kernel.sh 6.1) initrd=$(images/make-initramfs.sh "$O") || return
		PATH=$(realpath "$O"):$(realpath "$O/guest-tools"):$PATH PANDO_RUN_DIR=$out/run \
			bash -c "$(commands "$out/disk" "$kernel/vmlinuz" "$initrd" /usr/share/qemu setpriv)"
	fi
}

echo "# a guest of one vCPU: $ops reads of 4 KiB, $depth under way, then $mib MiB by TCP; medians of 3 times in $RUNS runs"
for ((i = 0; i < RUNS; i++)); do
	run >"$out/log" 2>&1 </dev/null
	tr -d '\r' <"$out/log" | awk '
		$1 == "BEGIN" { part = $2 }
		/RESULT rate_randread_4k / { sub(/.*RESULT /, ""); print "disk_randread_4k_" (part == "qemu" ? "qemu" : "pando"), $2, "IOPS" }
		/RESULT pour_tcp / { sub(/.*RESULT /, ""); print "net_guest_to_host" (part == "passt" ? "_passt_tap" : ""), $2, "MB/s" }'
	grep -a '^FAIL\|rror' "$out/log" | tr -d '\r' | sed 's/^/# /' >&2
	grep -aq '^BEGIN end' "$out/log" || { echo "# it did not come to its end:"; tail -n 5 "$out/log" | sed 's/^/#   /'; } >&2
done >"$out/figures"
medians "$out/figures" | tee "$out/medians"
awk '{ v[$1] = $2 }
	function ratio(name, a, b) { if (v[a] && v[b]) print name, v[a] / v[b], "ratio" }
	END {
		ratio("disk_local_over_qemu", "disk_randread_4k_pando", "disk_randread_4k_qemu")
		ratio("net_guest_to_host_over_passt_tap", "net_guest_to_host", "net_guest_to_host_passt_tap")
	}' "$out/medians"
