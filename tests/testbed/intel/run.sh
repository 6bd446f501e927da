#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command as root in an emulated Intel machine with VMX and EPT. See ../README.md.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
cache=${PANDO_CACHE:-$HOME/.cache/pando}

usage() {
	cat <<EOF
usage: intel/run.sh [options] -- COMMAND...
  --kernel S     series of the host kernel: 6.12 (default) or 6.1
  --build DIR    where pando was built (\$O, or build)    --files L  more files, comma-separated:
                 SOURCE or SOURCE=PATH under /pando       programs bring their libraries
  --kvm P        parameters of kvm_intel, comma-separated (eptad=0; "" for the defaults alone)
  --timeout S    seconds until everything is ended (600)  --append W more words for the host kernel
  --mem MIB      memory of the machine (2048)             --bochs B  another build of the emulator
  --verbose      its kernel log at the end                --keep DIR leave its logs there
  --debugger     Bochs's own debugger on this terminal (its build takes some minutes, once; 'c' starts the machine)
EOF
}
die() { echo "testbed: $*" >&2; exit 125; }

series=6.12 build=${O:-build} kvm=eptad=0 limit=600 mem=2048 append="" verbose="" keep="" bochs="" debugger=""
files=()
while [ $# -gt 0 ]; do
	case $1 in
	--kernel) series=$2; shift 2 ;;
	--build) build=$2; shift 2 ;;
	--files) IFS=, read -ra more <<<"$2"; files+=("${more[@]}"); shift 2 ;;
	--kvm) kvm=$2; shift 2 ;;
	--timeout) limit=$2; shift 2 ;;
	--append) append="$append $2"; shift 2 ;;
	--mem) mem=$2; shift 2 ;;
	--bochs) bochs=$2; shift 2 ;;
	--keep) keep=$2; shift 2 ;;
	--verbose) verbose=1; shift ;;
	--debugger) debugger=--enable-debugger; shift ;;
	--help) usage; exit 0 ;;
	--) shift; break ;;
	*) usage >&2; die "unknown option $1" ;;
	esac
done
[ $# -gt 0 ] || { usage >&2; die "no command"; }

"$top/tests/support/install-deps.sh" intel >&2 || die "packages are missing"
[ -n "$bochs" ] || bochs=$("$here/build-bochs.sh" $debugger) || die "the emulator could not be built"
bios=/usr/share/bochs
kernel=$("$top/images/get-kernel.sh" "$series") || die "no host kernel"
base=$("$here/../host-initramfs.sh" "$kernel" "$here/host-init" kvm-intel) || die "no initramfs for the emulated machine"

entries=()
[ ! -e "$build/pando" ] || entries+=("$build/pando=bin/pando")
for p in bash ip; do
	f=$(command -v $p) && entries+=("$f=bin/$p")
done
entries+=("${files[@]}")

run=$(mktemp -d "${TMPDIR:-/tmp}/pando-intel.XXXXXX")
pid="" reader=""
cleanup() {
	trap - EXIT INT TERM HUP
	for p in $pid $reader; do
		if kill -KILL "$p" 2>/dev/null; then wait "$p" 2>/dev/null || true; fi
	done
	if [ -n "$keep" ]; then
		mkdir -p "$keep" && for f in kernel output status bochs.log bochs.out; do cp "$run/$f" "$keep/" 2>/dev/null || true; done
	fi
	rm -rf "$run"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# A disk to start from: the kernel, the archives in one compressed stream, and in front of them the command.
mkdir -p "$run/iso/boot/grub" "$run/command"
"$here/../payload.sh" "$run/payload.cpio" "${entries[@]}" || die "the payload could not be built"
cat "$base" "$run/payload.cpio" | lz4 -q -l -9 >"$run/iso/initrd.lz4"
rm "$run/payload.cpio"
printf 'cd /pando\n%s\n' "$*" >"$run/command/command"
(cd "$run/command" && echo command | cpio -o -H newc --quiet -R 0:0) >"$run/iso/command.cpio"
cp "$kernel/vmlinuz" "$run/iso/vmlinuz"
cat >"$run/iso/boot/grub/grub.cfg" <<EOF
serial --unit=0 --speed=115200
terminal_output serial
linux /vmlinuz console=ttyS0,115200 loglevel=4 nokaslr mitigations=off tsc=reliable panic=-1 PANDO_KVM_INTEL=$kvm $append
initrd /command.cpio /initrd.lz4
boot
EOF
grub-mkrescue -d /usr/lib/grub/i386-pc --install-modules="linux normal iso9660 biosdisk serial terminal" --fonts= --themes= \
	--locales= -o "$run/disk.iso" "$run/iso" >"$run/grub.log" 2>&1 || { cat "$run/grub.log" >&2; die "no disk to start from"; }
rm -rf "$run/iso"

# One CPU: an idle second one costs instructions. Time is counted in instructions, so nothing in it depends on this machine's load.
cat >"$run/bochsrc" <<EOF
config_interface: textconfig
display_library: nogui
romimage: file=$bios/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
memory: guest=$mem, host=$mem
cpu: model=corei7_haswell_4770, count=1, ips=${INTEL_IPS:-50000000}, ignore_bad_msrs=1
clock: sync=none
boot: cdrom
ata0-master: type=cdrom, path=$run/disk.iso, status=inserted
com1: enabled=1, mode=file, dev=$run/kernel
com2: enabled=1, mode=file, dev=$run/output
com3: enabled=1, mode=file, dev=$run/status
log: $run/bochs.log
info: action=ignore
debug: action=ignore
error: action=ignore
panic: action=fatal
EOF
: >"$run/output"
exec 6</dev/null 7>"$run/bochs.out"
if [ -n "$debugger" ]; then
	exec 6<&0 7>&1
	trap '' INT # it is the debugger's
fi
# setpriv: the emulator ends even if this script is killed outright.
nice -n "${PANDO_NICE:-0}" setpriv --pdeathsig KILL "$bochs" -q ${debugger:+-debugger} -f "$run/bochsrc" <&6 >&7 2>&1 &
pid=$!
tail -q -n +1 -s 0.2 -f --pid="$pid" "$run/output" &
reader=$!
(exec >/dev/null 2>&1; exec setpriv --pdeathsig KILL sleep "$limit") &
clock=$!
wait -n "$pid" "$clock" || true
if kill -0 "$pid" 2>/dev/null; then
	echo "testbed: ended after $limit s; the end of its kernel's log:" >&2
	tail -n 5 "$run/kernel" >&2 || true
	exit 124
fi
kill "$clock" 2>/dev/null || true
wait "$pid" || true # says nothing: it ends by a panic of its own in any case
pid=""
wait "$reader" || true
reader=""
[ -z "$verbose" ] || cat "$run/kernel" >&2 || true
status=$(tr -dc 0-9 2>/dev/null <"$run/status" || true)
if [ -z "$status" ]; then
	tail -n 30 "$run/kernel" >&2 || true
	tail -n 5 "$run/bochs.log" "$run/bochs.out" >&2 || true
	die "the emulated machine ended without a status"
fi
exit "$status"
