#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the initramfs of the nested machine: busybox, its init and the modules that KVM needs. It
# depends on the kernel and on this folder's files only; what is tested comes on a disk (run.sh).
#
#   tests/testbed/host-initramfs.sh KERNELDIR [INIT MODULE...]     prints the path of the archive
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
kernel=$1 init=${2:-$here/host-init}
cache=${PANDO_CACHE:-$HOME/.cache/pando}/testbed
version=$(cat "$kernel/version")
busybox=$(command -v busybox) || { echo "testbed: busybox is missing (install-deps.sh testbed)" >&2; exit 1; }
# Some kernels have one or the other built in; init loads those that are not, in this order. The second list is for who asks.
modules="${*:3}" more=""
[ -n "$modules" ] || modules="virtio_pci virtio_console virtio_blk kvm-amd tun veth bridge" more="virtio_net uio_pci_generic"

hash=$({ echo "$version $modules $more"; cat "$0" "$init" "$busybox" "$kernel/vmlinuz"; } | sha256sum | cut -c1-16)
out=$cache/host-$hash.cpio
if [ ! -s "$out" ]; then
	mkdir -p "$cache"
	tmp=$(mktemp -d "$cache/tmp.XXXXXX")
	trap 'rm -rf "$tmp"' EXIT
	root=$tmp/root
	mkdir -p "$root"/{bin,dev,proc,sys,tmp,run,pando,lib/modules/"$version"}
	cp "$busybox" "$root/bin/busybox"
	cp "$init" "$root/init"
	chmod 755 "$root/init"

	# The modules with what they depend on, unpacked: the host's compressor is faster than ours.
	mkdir -p "$tmp/all/lib/modules"
	ln -s "$kernel/modules" "$tmp/all/lib/modules/$version"
	cp -rs "$(readlink -f "$kernel/modules")" "$tmp/mod"
	rm -rf "$tmp/all/lib/modules/$version"
	mv "$tmp/mod" "$tmp/all/lib/modules/$version"
	/sbin/depmod -b "$tmp/all" "$version"
	dep=$tmp/all/lib/modules/$version/modules.dep
	for m in $modules $more; do
		name="/${m//[-_]/[-_]}\.ko[.a-z]*"
		if grep -E "$name:" "$dep"; then
			[[ " $more " == *" $m "* ]] || echo "$m" >>"$root/modules"
		elif ! grep -qE "$name\$" "$kernel/modules/modules.builtin"; then
			echo "testbed: kernel $version has no module $m" >&2
			exit 1
		fi
	done | tr -d : | tr ' ' '\n' | sort -u | while read -r f; do
		t=$root/lib/modules/$version/${f%.xz}
		mkdir -p "$(dirname "$t")"
		case $f in
		*.xz) xz -dc "$kernel/modules/$f" >"$t" ;;
		*) cp -L "$kernel/modules/$f" "$t" ;;
		esac
	done
	cp "$kernel"/modules/modules.{order,builtin,builtin.modinfo} "$root/lib/modules/$version/"
	/sbin/depmod -b "$root" "$version"
	(cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc --quiet --reproducible -R 0:0) >"$tmp/cpio"
	mv "$tmp/cpio" "$out"
fi
echo "$out"
