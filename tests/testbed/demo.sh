#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Boots Debian's kernel on one machine made of several hosts' CPUs and memory, runs the guest's tools
# in it, and checks what it said. Each host is a monitor process of its own on this machine.
#
# HOSTS=2              how many             GUEST_KERNEL=6.1|6.12    which of Debian's kernels
# MEMORY=256 (MiB)     of each host         PANDO_EMULATOR           stock, or reading-walks
# DEMO_TIMEOUT=1800 (s) for the guest       PANDO_DILATE             guest time at 1/K of real time
# HOST_KERNEL=6.12|6.1  of the nested machine
# DEMO_TOOLS, DEMO_APPEND                   which tools run (all: each); more words for the guest's kernel
# DEMO_FAR=10|100 (%)                       so much memory is read by another host's CPU than wrote it, where guests are nested
# DEMO_LINK=uring|sealed|dpdk:KIND[,drop=1%] how the hosts reach each other; KIND: memif, af_packet or af_xdp
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
cd "$top"
suite=demo
. tests/support/suite.sh
hosts=${HOSTS:-2} series=${GUEST_KERNEL:-6.1} each=${MEMORY:-256} limit=${DEMO_TIMEOUT:-1800}
build=${O:-build} emulator=${PANDO_EMULATOR:-reading-walks}
tools=${DEMO_TOOLS:-topology,pattern,compute,sharing,disk,net}
[ "$tools" != all ] || tools=topology,litmus,pattern,sharing,clock,compute,disk,net,console
cpus=$hosts memory=$((hosts * each))
[[ $hosts =~ ^[1-9][0-9]?$ ]] || { echo "demo: HOSTS=$hosts is not a number of hosts" >&2; exit 2; }

has() { case ",$tools," in *",$1,"*) true ;; *) false ;; esac; }
took() { echo $(($(date +%s) - started)); }
step() { echo "[$1/6] $2 ($(took) s)"; }
started=$(date +%s)
log=$build/demo.log
work=$(mktemp -d "${TMPDIR:-/tmp}/pando-demo.XXXXXX")
emulator_pid=""
finish() {
	trap - EXIT INT TERM
	if [ -n "$emulator_pid" ] && kill "$emulator_pid" 2>/dev/null; then wait "$emulator_pid" 2>/dev/null || true; fi
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

step 1 "packages"
tests/support/install-deps.sh build testbed

make -s O="$build" "$build/tests/detect"
read -r mode why < <("$build/tests/detect")
step 2 "where whole guests run here: $mode ($why)"
dilate=1
if [ "$mode" = nested ]; then
	dilate=${PANDO_DILATE:-20}
	echo "      a nested machine: emulator $emulator, guest time at 1/$dilate of real time"
fi
# What is there already is quick. Figures of a machine with two cores that does nothing else.
echo "      building pando takes about a minute the first time; Debian's kernels are some 100 MB to download, once"
if [ "$mode" = nested ] && [ "$emulator" = reading-walks ] && ! "$here/build-emulator.sh" --built >/dev/null; then
	echo "      the emulator is built once, meanwhile: 2 to 5 minutes, after 25 MB of its source"
	tests/support/install-deps.sh emulator
	(trap - EXIT; exec "$here/build-emulator.sh" >"$work/emulator" 2>&1) &
	emulator_pid=$!
fi
echo "      the guest: some 10 seconds with hardware virtualization, else 1 to 2 minutes, and 10 or more where other work keeps a CPU busy"

step 3 "building pando and the guest's tools"
make -s -j"$(nproc)" O="$build" all
make -s O="$build" guest-tools

step 4 "Debian's kernel $series, the guest's initramfs$([ -z "$emulator_pid" ] || echo ", and the emulator")"
kernel=$(images/get-kernel.sh "$series")
initrd=$(images/make-initramfs.sh "$build")
echo "      $(cat "$kernel/version"), $(stat -c %s "$initrd") bytes of initramfs"
if [ -n "$emulator_pid" ]; then
	emulator_log=${PANDO_CACHE:-$HOME/.cache/pando}/emulator/log
	for ((i = 1; ; i++)); do
		kill -0 "$emulator_pid" 2>/dev/null || break
		# The build says "[512/1216] Compiling ...".
		[ $((i % 15)) -ne 0 ] || echo "      the emulator: $(grep -oE '^\[[0-9]+/[0-9]+\]' "$emulator_log" 2>/dev/null | tail -n 1) ($(took) s)"
		sleep 1
	done
	wait "$emulator_pid" || { tail -n 30 "$work/emulator" >&2; echo "demo: the emulator could not be built" >&2; exit 1; }
	emulator_pid=""
fi

# Little time (in seconds of the guest) where everything is emulated: a transfer of a page takes milliseconds there.
args="pando.topology=--cpus=$cpus,--nodes=$hosts"
if [ "$mode" = nested ]; then
	args="$args pando.litmus=--rounds=100000,--seconds=0.2 pando.sharing=--rounds=2000,--seconds=0.05"
	args="$args pando.clock=--rounds=100,--seconds=0.5 pando.compute=--msteps=400"
	far=10 # a page that crosses takes milliseconds
	[ -z "${DEMO_TOOLS:-}" ] || far=100
	args="$args pando.pattern=--far=${DEMO_FAR:-$far}"
fi
append="$args ${DEMO_APPEND:-}"
before="" after="" files=() slot=1 # the first slot of host 0 that is free
if [ "${DEMO_LINK:-}" = sealed ]; then
	PANDO_RUN_ARGS="--sealed ${PANDO_RUN_ARGS:-}"
elif [ -n "${DEMO_LINK:-}" ]; then
	PANDO_RUN_ARGS="--link $DEMO_LINK ${PANDO_RUN_ARGS:-}"
	[[ $DEMO_LINK != dpdk:af_* ]] || PANDO_RUN_ARGS="--netns $PANDO_RUN_ARGS" # each host has an interface of its own
	if [[ $mode = nested && $DEMO_LINK = dpdk:* ]]; then
		. "$here/dpdk.sh"
		kind=${DEMO_LINK#dpdk:}
		dpdk_driver "${kind%%,*}"
		before="$dpdk_before || exit; " files=(--files "$dpdk_files")
	fi
fi
# A disk of each host, with a file whose sum is known. After the guest's end its host tells what the guest has written there.
if has disk; then
	append="$append pando.disk=--hosts=$hosts"
	folder=$([ "$mode" = nested ] && echo /pando/disks || echo "$work")
	for ((h = 0; h < hosts; h++)); do
		image=$(images/make-data-disk.sh "$build" "$h")
		[ "$mode" = nested ] && files+=(--files "$image=disks/host$h.img") || cp "$image" "$folder/host$h.img"
		PANDO_RUN_ARGS="${PANDO_RUN_ARGS:-} --disk $folder/host$h.img,host=$h"
		after="$after; echo RESULT disk_${h}_on_host \$(dd if=$folder/host$h.img bs=1k skip=1024 count=64 2>/dev/null | sha256sum)"
	done
	slot=2
fi
# The network of the last host's user, in which the host echoes what the guest sends.
why=""
[ "$mode" = nested ] || { command -v passt && unshare --user true; } >/dev/null 2>&1 || why="passt is not here, or may make no user namespace"
[[ " ${PANDO_RUN_ARGS:-} " != *" --netns "* ]] || why="each host has a network of its own, in which nobody answers"
if has net && [ -n "$why" ]; then
	echo "SKIP $suite.net: $why"
	tools=,$tools, && tools=${tools/,net,/,} && tools=${tools#,} && tools=${tools%,}
fi
if has net; then
	port=7 tool=pando-guest
	[ "$mode" = nested ] || port=$(free_port) tool=$(realpath "$build/guest-tools/pando-guest")
	append="$append pando.net=--port=$port$([ "$mode" = direct ] || echo ,--kib=32,--again=5)" # passt gives up after some real seconds
	files+=(--files "$build/guest-tools/pando-guest,$(command -v passt)=bin/passt")
	before="$before$tool net --serve=$port & echo=\$!; " after="$after; kill \$echo"
	PANDO_RUN_ARGS="--net passt,host=$((hosts - 1)) ${PANDO_RUN_ARGS:-}"
	[ "$hosts" -gt 1 ] || slot=$((slot + 1))
fi
# A virtio console of the last host. Who opens its pseudo-terminal keeps what the guest says, and types a line when the kernel has said
# one: what comes while Linux' driver begins it throws away.
if has console; then
	append="$append console=hvc0 console=ttyS0"
	said=$([ "$mode" = nested ] && echo /tmp/hvc0 || echo "$work/hvc0")
	before="$before(until p=\$(pando qmp pando query-chardev 2>/dev/null | grep -o '/dev/pts/[0-9]*'); do sleep 1; done
		exec 3<>\$p; while read -r line <&3; do
			echo \"\$line\"; case \$line in *'every console'*) echo typed at the virtio console >&3 ;; esac
		done) >$said 2>/dev/null & typist=\$!; "
	after="$after; sleep 1; kill \$typist 2>/dev/null; echo RESULT console_lines \$(grep -c '^hvc0 [0-9]' $said) lines"
	after="$after; echo RESULT console_kernel \$(grep -c 'the kernel on every console' $said) lines"
	PANDO_RUN_ARGS="--virtio-console pty,host=$((hosts - 1)) ${PANDO_RUN_ARGS:-}"
	[ "$hosts" -gt 1 ] || slot=$((slot + 1))
fi
# An entropy device on the bus of the first, and of the last host.
if has pci; then
	far=$(printf %02x $((hosts - 1)))
	append="$append pando.pci=00:$(printf %02x "$slot")$([ "$hosts" = 1 ] || echo ",$far:03")"
	domain="<domain type=\"kvm\"><name>demo</name><memory unit=\"MiB\">$memory</memory><os><type>hvm</type>"
	domain="$domain<kernel>$([ "$mode" = nested ] && echo "/pando/kernels/$series" || echo "$kernel/vmlinuz")</kernel></os>"
	domain="$domain<devices><rng model=\"virtio\"><backend model=\"random\">/dev/urandom</backend>"
	domain="$domain<address type=\"pci\" bus=\"0x$far\" slot=\"0x03\"/></rng></devices></domain>"
	[ "$hosts" = 1 ] || before="${before}echo '$domain' >/tmp/demo.xml; "
	PANDO_RUN_ARGS="--rng $([ "$hosts" = 1 ] || echo "--domain /tmp/demo.xml") ${PANDO_RUN_ARGS:-}"
fi
run() { # KERNEL INITRD
	echo "${before}pando run --local $hosts --cpus $cpus --memory ${memory}M --dilate $dilate" \
		"${PANDO_RUN_ARGS:-} --kernel $1 --initrd $2 --append 'console=ttyS0 pando.run=$tools $append'; rc=\$?$after; exit \$rc"
}
[ "$mode" = nested ] && PANDO_RUN_ARGS="--peer-timeout 60000 --start-timeout 300 ${PANDO_RUN_ARGS:-}"

step 5 "a guest of $cpus CPUs and $memory MiB on $hosts hosts, $each MiB each"
rc=0
if [ "$mode" = direct ]; then
	PATH=$(realpath "$build"):$PATH timeout -k 10 "$limit" \
		sh -c "$(run "$kernel/vmlinuz" "$initrd")" 2>&1 </dev/null | tee "$log" || rc=$?
else
	"$here/run.sh" --emulator "$emulator" --kernel "${HOST_KERNEL:-6.12}" --build "$build" --timeout "$limit" \
		"${files[@]}" \
		-- "$(run "/pando/kernels/$series" /pando/guest.cpio)" 2>&1 </dev/null | tee "$log" || rc=$?
fi

step 6 "checking what the guest said"
equal() { # NAME RESULT WANTED
	local got
	got=$(value "$2")
	verdict "$1" "$([ "$got" = "$3" ]; echo $?)" "${got:-nothing} instead of $3"
}

kib() { echo $(($(value "$1") >> 10)); } # of bytes; of KiB it makes MiB

verdict exit_status "$rc" "$rc"
verdict power_off "$(grep -q '^pando guest: done' "$log"; echo $?)" "the guest did not reach its end"
equal no_tool_failed guest_failed 0
# The hosts try whether walks of page tables write, and say so before the guest starts to crawl.
warned=$(sed -n 's/\r$//; s/^pando: warning: //p' "$log")
[ -z "$warned" ] || echo "      warned before the guest's start: $warned"
case $mode-$emulator in
nested-stock) [ "$hosts" = 1 ] || { [ -n "$warned" ] && ok warned_of_writing_walks || no warned_of_writing_walks "no word"; } ;;
nested-reading-walks) [ -z "$warned" ] && ok no_false_warning || no no_false_warning "$warned" ;;
esac
if has topology; then
	equal cpus cpus_online "$cpus"
	equal nodes numa_nodes "$hosts"
	nodes=$(sed -n 's/^RESULT cpu[0-9]*_node \([0-9]*\) .*/\1/p' "$log" | sort -u | wc -l)
	verdict a_cpu_of_each_host "$([ "$nodes" = "$hosts" ]; echo $?)" "CPUs on $nodes nodes"
	all=$(value memory)
	# The kernel keeps some for itself; what the first host alone gave would be too little.
	verdict memory "$([ "${all:-0}" -gt $((memory * 1024 * 3 / 4)) ]; echo $?)" "${all:-0} KiB of $memory MiB"
fi
if has pattern && [ "$hosts" -gt 1 ]; then
	bytes=$(value pattern_bytes)
	verdict more_memory_than_one_host "$([ "${bytes:-0}" -gt $((each * 1024 * 1024)) ]; echo $?)" "${bytes:-0} bytes were checked"
fi
if has disk; then
	for ((h = 0; h < hosts; h++)); do
		equal "file_of_host_$h" "disk_${h}_sha256" "$(cat "$build/guest-disks/host$h.img.sha256")"
		equal "written_to_host_$h" "disk_${h}_on_host" "$(cat "$build/guest-disks/host$h.img.written")"
	done
fi
if has console; then
	equal virtio_console console_lines 20
	equal virtio_console_of_the_kernel console_kernel 1
fi
passed=$(grep -c '^PASS ' "$log" || true)
failed=$(grep -c '^FAIL ' "$log" || true)
echo "the guest's own tests: $passed passed, $failed failed; all in $log"
if [ $bad != 0 ]; then
	echo "demo: checks failed after $(took) s; see $log"
	exit 1
fi
if has topology && has pattern && has compute; then
	echo "      $(value cpus_online) CPUs and $(kib memory) MiB of $hosts hosts; $(($(kib pattern_bytes) >> 10)) MiB written and checked;" \
		"work on all CPUs is $(value compute_scaling) times that of one"
fi
if has disk; then
	for ((h = 0; h < hosts; h++)); do
		echo "      disk of host $h: a file of $(kib "disk_${h}_bytes") KiB read by a CPU of each host, its sum is right;" \
			"$(kib "disk_${h}_written") KiB written by all, read back by others, and on the host's disk"
	done
fi
if has net; then
	echo "      network of host $(value net_host): $(value net_address) by DHCP, gateway $(value net_gateway) at $(value net_gateway_mac);" \
		"$(kib net_tcp_bytes) KiB of TCP to the host and back, from a CPU of each host"
fi
echo "demo: one machine out of $hosts hosts, everything checked, in $(took) s"
