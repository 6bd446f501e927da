#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the guest's initramfs, if an input has changed, and prints its path.
#
#   images/make-initramfs.sh [BUILD]      BUILD is the build folder ($O; default build)
#
# The same inputs give the same bytes: names sorted, no times, root owns all. Not compressed: that
# saves nothing here, and the guest need not unpack it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/.." && pwd)
build=${1:-${O:-build}}
case $build in /*) ;; *) build=$top/$build ;; esac
tools="topology litmus pattern sharing clock compute disk net lease rate pour"

busybox=$(command -v busybox) || { echo "make-initramfs: busybox is missing: tests/support/install-deps.sh testbed" >&2; exit 1; }
if ldd "$busybox" >/dev/null 2>&1; then
	echo "make-initramfs: $busybox is not static: tests/support/install-deps.sh testbed" >&2
	exit 1
fi
make -s -C "$top" O="$build" "$build/guest-tools/pando-guest" >&2

# Of virtio, what the kernels that images/get-kernel.sh has brought have as modules; each after those it needs. guest-init loads them.
modules="virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci rng-core virtio-rng virtio_blk failover net_failover virtio_net virtio_console"
kernels=$(for d in "${PANDO_CACHE:-$HOME/.cache/pando}"/kernels/*; do [ -d "$d/modules" ] && [ -s "$d/version" ] && echo "$d"; done || true)

out=$build/guest.cpio
hash=$({ cat "$0" "$here/guest-init" "$here/guest-pci" "$here/guest-console" "$busybox" "$build/guest-tools/pando-guest"; for k in $kernels; do cat "$k/version"; done; } | sha256sum | cut -c1-16)
if [ -s "$out" ] && [ "$(cat "$out.hash" 2>/dev/null)" = "$hash" ]; then
	echo "$out"
	exit 0
fi
tmp=$(mktemp -d "$build/initramfs.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
root=$tmp/root
mkdir -p "$root"/{bin,dev,proc,sys,tmp}
cp "$busybox" "$root/bin/busybox"
strip -o "$root/bin/pando-guest" "$build/guest-tools/pando-guest"
for t in $tools; do ln -s pando-guest "$root/bin/$t"; done
cp "$here/guest-init" "$root/init"
cp "$here/guest-pci" "$root/bin/pci"
cp "$here/guest-console" "$root/bin/console"
for k in $kernels; do
	to=$root/lib/modules/$(cat "$k/version")
	mkdir -p "$to"
	for m in $modules; do
		file=$(find "$k/modules" -name "$m.ko" -o -name "$m.ko.xz" | head -n 1)
		case $file in
		'') continue ;;
		*.xz) xz -dc "$file" >"$to/$m.ko" ;;
		*) cp "$file" "$to/$m.ko" ;;
		esac
		echo "$m.ko" >>"$to/order"
	done
	find "$to" -type f -exec chmod 644 {} +
done
find "$root/lib" -type d -exec chmod 755 {} + 2>/dev/null || true
chmod 755 "$root"/{,bin,dev,proc,sys,tmp,init,bin/busybox,bin/pando-guest,bin/pci,bin/console}
find "$root" -exec touch -h -d @0 {} +
(cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc --quiet --reproducible -R 0:0) >"$tmp/cpio"
mv "$tmp/cpio" "$out"
echo "$hash" >"$out.hash"
echo "$out"
