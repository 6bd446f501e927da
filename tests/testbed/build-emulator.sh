#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the emulator of the testbed from the distribution's own qemu source with the patches beside
# this, once, and prints its path. --rebuild: build again.  --only N: apply the first N patches only.
# --built: only says (exit status) whether it is there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${PANDO_CACHE:-$HOME/.cache/pando}/emulator
jobs=${PANDO_JOBS:-2}
say() { echo "build-emulator: $*" >&2; }
die() { say "$*"; exit 1; }

rebuild=0 only=99 ask=0
while [ $# -gt 0 ]; do
	case $1 in
	--rebuild) rebuild=1; shift ;;
	--built) ask=1; shift ;;
	--only) only=$2; shift 2 ;;
	*) die "unknown option $1" ;;
	esac
done
mapfile -t patches < <(ls "$here"/patches/*.patch | head -n "$only")

configure=(--target-list=x86_64-softmmu --without-default-features --enable-system --enable-tcg
	--disable-werror --disable-docs --disable-install-blobs --disable-pie --extra-ldflags=-no-pie
	--disable-debug-info --without-default-devices --with-devices-x86_64=pando)
# What run.sh and two-machines.sh plug in; the rest would be a sixth more to compile.
devices="I440FX VIRTIO_PCI VIRTIO_BLK VIRTIO_NET VIRTIO_SERIAL"

name() { # VERSION
	{ echo "$1 ${configure[*]} $devices"; [ ${#patches[@]} = 0 ] || cat "${patches[@]}"; } | sha256sum | cut -c1-16
}
# Before the lock: whoever has what it needs does not wait for another's build.
if [ $rebuild = 0 ] && [ -s "$cache/version" ]; then
	out=$cache/qemu-$(name "$(cat "$cache/version")")/qemu-system-x86_64
	[ -x "$out" ] && { echo "$out"; exit 0; }
fi
[ $ask = 0 ] || exit 1
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9

# The version is fixed by the first download (file "version"); --rebuild takes the newest.
newest=""
[ $rebuild = 1 ] && newest=--newest
dsc=$("$here/qemu-source.sh" $newest)
version=$(cat "$cache/version")
out=$cache/qemu-$(name "$version")/qemu-system-x86_64
if [ $rebuild = 0 ] && [ -x "$out" ]; then
	echo "$out"
	exit 0
fi

"$here/../support/install-deps.sh" emulator testbed >&2 # with what it is tried with: found missing now, not after the build
say "building qemu $version with ${#patches[@]} patches (some minutes, once; log: $cache/log)"
src=$(mktemp -d "$cache/src.XXXXXX")
trap 'rm -rf "$src"' EXIT
(
	cd "$src"
	dpkg-source --no-check -x "$dsc" qemu
	cd qemu
	for p in "${patches[@]}"; do patch -p1 <"$p"; done
	printf 'CONFIG_%s=y\n' $devices >configs/devices/x86_64-softmmu/pando.mak
	# The distribution's python and tools, whatever else the path holds.
	export PATH=/usr/sbin:/usr/bin:/sbin:/bin
	unset LIBRARY_PATH CFLAGS LDFLAGS
	mkdir b
	cd b
	../configure "${configure[@]}"
	nice -n 19 ninja -j"$jobs" qemu-system-x86_64
) >"$cache/log" 2>&1 || { tail -30 "$cache/log" >&2; die "the build failed"; }
mkdir -p "${out%/*}"
cp "$src/qemu/b/qemu-system-x86_64" "$out.new"
strip --strip-debug "$out.new"

# Not kept unless it boots a machine with KVM whose guests see what they should.
say "trying it"
gcc -O2 -static -pthread -D_GNU_SOURCE -o "$src/tlb_test" "$here/tlb_test.c"
PANDO_NO_GUEST=1 "$here/run.sh" --emulator "$out.new" --build "$src" --timeout 180 \
	--files "$src/tlb_test" -- 'tlb_test 1000' >&2 || die "the new emulator fails its tests"
mv "$out.new" "$out"
say "done"
echo "$out"
