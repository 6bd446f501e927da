#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command as root in a nested machine that has a whole /dev/kvm. See README.md beside this.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
cache=${PANDO_CACHE:-$HOME/.cache/pando}

usage() {
	cat <<EOF
usage: run.sh [options] -- COMMAND...
  --emulator E   stock (the distribution's), reading-walks (build-emulator.sh), or the path of one
  --kernel S     series of the host kernel: 6.12 (default) or 6.1
  --mem SIZE     memory of the nested machine (6G)        --cpus N   its CPUs (2)
  --build DIR    where pando was built (\$O, or build)     --files L  more files, comma-separated:
                 SOURCE or SOURCE=PATH under /pando        programs bring their libraries
  --timeout S    seconds until everything is ended (900)  --stdin    give it this standard input
  --append W     more words for the host kernel           --verbose  its kernel log at the end
  --qemu-arg A   one more argument for the emulator       --pidfile F  write the emulator's pid
EOF
}
die() { echo "testbed: $*" >&2; exit 125; }

emulator=${PANDO_EMULATOR:-stock} series=6.12 mem=6G cpus=2 build=${O:-build} limit=900
stdin=0 verbose="" append="" pidfile=""
files=() qargs=()
while [ $# -gt 0 ]; do
	case $1 in
	--emulator) emulator=$2; shift 2 ;;
	--kernel) series=$2; shift 2 ;;
	--mem) mem=$2; shift 2 ;;
	--cpus) cpus=$2; shift 2 ;;
	--build) build=$2; shift 2 ;;
	--files) IFS=, read -ra more <<<"$2"; files+=("${more[@]}"); shift 2 ;;
	--timeout) limit=$2; shift 2 ;;
	--append) append="$append $2"; shift 2 ;;
	--qemu-arg) qargs+=("$2"); shift 2 ;;
	--pidfile) pidfile=$2; shift 2 ;;
	--stdin) stdin=1; shift ;;
	--verbose) verbose=1 ; shift ;;
	--help) usage; exit 0 ;;
	--) shift; break ;;
	*) usage >&2; die "unknown option $1" ;;
	esac
done
[ $# -gt 0 ] || { usage >&2; die "no command"; }

case $emulator in
stock) qemu=$(command -v qemu-system-x86_64) || die "qemu-system-x86_64 is missing: tests/support/install-deps.sh testbed" ;;
reading-walks) qemu=$("$here/build-emulator.sh") || die "the emulator could not be built" ;;
*) qemu=$emulator; [ -x "$qemu" ] || die "no emulator $qemu" ;;
esac
kernel=$("$top/images/get-kernel.sh" "$series") || die "no host kernel"
initramfs=$("$here/host-initramfs.sh" "$kernel") || die "no initramfs for the nested machine"

# What is always there. What has not been built yet is left out, with a word.
entries=()
add() { [ -e "${1%%=*}" ] && entries+=("$1") || echo "testbed: not there: ${1%%=*}" >&2; }
[ -e "$build/pando" ] && entries+=("$build/pando=bin/pando")
for s in 6.1 6.12; do
	k=$("$top/images/get-kernel.sh" $s) && entries+=("$k/vmlinuz=kernels/$s")
done
if [ -z "${PANDO_NO_GUEST:-}" ]; then
	guest=$("$top/images/make-initramfs.sh" "$build") && entries+=("$guest=guest.cpio")
fi
for p in bash ip; do
	f=$(command -v $p) && entries+=("$f=bin/$p")
done
for f in "${files[@]}"; do add "$f"; done

# The disk is kept by a hash of what goes on it.
hash=$({ printf '%s\n' "${entries[@]}"; cat "$here/payload.sh"
	for e in "${entries[@]}"; do find -L "${e%%=*}" -type f -print0 | LC_ALL=C sort -z | xargs -0 cat; done
} | sha256sum | cut -c1-16)
disk=$cache/testbed/payload-$hash.ext4
exec 8>"$cache/testbed/lock"
flock 8
if [ ! -s "$disk" ]; then
	# Old disks go after a week without use.
	find "$cache/testbed" -maxdepth 1 -name 'payload-*' -mtime +7 -delete
	"$here/payload.sh" "$disk" "${entries[@]}" || die "the payload could not be built"
fi
touch "$disk"
flock -u 8
exec 8>&-

run=$(mktemp -d "${TMPDIR:-/tmp}/pando-testbed.XXXXXX")
pid=""
cleanup() {
	trap - EXIT INT TERM HUP
	if [ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null; then wait "$pid" 2>/dev/null || true; fi
	if [ -n "${reader:-}" ]; then kill "$reader" 2>/dev/null || true; fi
	[ -n "${saved:-}" ] && stty "$saved" <&0
	rm -rf "$run"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The command goes on a small disk of its own, so that the payload does not depend on it.
printf 'cd /pando\n%s\n' "$*" >"$run/command"
truncate -s 64K "$run/command"

tty=0
if [ -t 0 ] && [ -t 1 ]; then
	tty=1
	saved=$(stty -g)
fi
# A terminal is the console. Otherwise output comes through a pipe, and input, if wanted, has a port
# of its own, which knows an end of file.
exec 7</dev/null
mkfifo "$run/out"
reader=""
if [ $tty = 1 ]; then
	exec 7<&0
	qargs+=(-chardev "stdio,id=con,signal=off")
else
	cat "$run/out" &
	reader=$!
	qargs+=(-chardev "file,id=con,path=$run/out")
	if [ $stdin = 1 ]; then
		exec 7<&0
		qargs+=(-chardev "stdio,id=in,signal=off" -device "virtserialport,chardev=in,name=stdin")
	fi
fi
env="PANDO_TTY=$tty"
[ $tty = 1 ] && env="$env TERM=${TERM:-linux}"

# A halted processor of the emulator takes long to wake: it polls instead, if it has a processor of ours to itself. If it
# has not, polling takes from the others what they need to get anywhere (README.md has the figures).
# In hundredths of a processor, over half a second: what nobody used, of those this process may run on.
free_processors() {
	local before after
	idle_ticks() { awk '/^cpu /{ t = 0; for (i = 2; i <= 9; i++) t += $i; print $5 + $6, t }' /proc/stat; }
	before=$(idle_ticks) && sleep 0.5 && after=$(idle_ticks)
	echo "$before $after $(nproc)" | awk '{ print int($4 > $2 ? 100 * $5 * ($3 - $1) / ($4 - $2) : 0) }'
}
threads=${PANDO_TCG_THREAD:-multi} idle=""
case ${PANDO_IDLE:-measured} in
poll) idle=idle=poll ;;
halt) ;;
*) [ "$threads" = single ] || [ "$(nproc)" -lt "$cpus" ] || [ "$(free_processors)" -lt $((cpus * 100 - 40)) ] || idle=idle=poll ;;
esac

# setpriv: the emulator ends even if this script is killed outright.
setpriv --pdeathsig KILL "$qemu" -L /usr/share/seabios -L /usr/share/qemu \
	-machine pc,hpet=off -accel "tcg,thread=$threads" -cpu max -smp "$cpus" -m "$mem" \
	-nodefaults -no-user-config -display none -no-reboot \
	-device virtio-serial "${qargs[@]}" -device virtconsole,chardev=con \
	-serial "file:$run/kernel" -serial "file:$run/status" \
	-drive "file=$disk,if=virtio,format=raw,snapshot=on" \
	-drive "file=$run/command,if=virtio,format=raw,readonly=on" \
	-kernel "$kernel/vmlinuz" -initrd "$initramfs" \
	-append "console=ttyS0 $idle tsc=reliable nokaslr mitigations=off panic=-1 $env $append" <&7 &
pid=$!
[ -n "$pidfile" ] && echo $pid >"$pidfile"
# One waiting process: the end of the emulator or of the time, whichever comes first.
(exec 7<&-; exec >/dev/null 2>&1; exec setpriv --pdeathsig KILL sleep "$limit") &
clock=$!
wait -n "$pid" "$clock" || true
if kill -0 "$pid" 2>/dev/null; then
	echo "testbed: ended after $limit s" >&2
	kill "$clock" 2>/dev/null || true
	exit 124
fi
kill "$clock" 2>/dev/null || true
wait "$pid" && why=0 || why=$?
pid=""
[ -n "$reader" ] && wait "$reader"
reader=""
status=$(tr -dc 0-9 2>/dev/null <"$run/status" || true)
[ -n "$verbose" ] && cat "$run/kernel" >&2
if [ -z "$status" ]; then
	tail -50 "$run/kernel" >&2
	die "the nested machine ended without a status (emulator: $why)"
fi
exit "$status"
