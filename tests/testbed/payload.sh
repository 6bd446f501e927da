#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the disk that the nested machine mounts on /pando, or an archive for an initramfs that has it there from the start.
#
#   payload.sh OUT.ext4|OUT.cpio ENTRY...      ENTRY is SOURCE or SOURCE=PATH-UNDER-/pando
#
# Programs bring the shared libraries they were linked with (in /pando/lib). A plain SOURCE goes to
# bin/ if it can be run, else to files/. A folder is copied whole.
set -euo pipefail
out=$1
shift
tmp=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
root=$tmp/root/pando
mkdir -p "$root"/{bin,lib,files}

libs_of() {
	# Static programs and scripts make ldd fail: they need nothing.
	{ ldd "$1" 2>/dev/null || true; } | grep -oE '/[^ ]+\.so[^ ]*|/[^ ]*ld-linux[^ ]*' || true
}
for entry in "$@"; do
	src=${entry%%=*}
	[ -e "$src" ] || { echo "testbed: no such file: $src" >&2; exit 1; }
	if [ "$entry" != "$src" ]; then
		dst=${entry#*=}
	elif [ -f "$src" ] && [ -x "$src" ]; then
		dst=bin/$(basename "$src")
	else
		dst=files/$(basename "$src")
	fi
	mkdir -p "$root/$(dirname "$dst")"
	cp -aL "$src" "$root/$dst"
	if [ -d "$src" ]; then find -L "$src" -type f -perm /111; else echo "$src"; fi |
		while read -r f; do libs_of "$f"; done
done | sort -u >"$tmp/libs"
while read -r l; do cp -L "$l" "$root/lib/"; done <"$tmp/libs"

if [[ $out = *.cpio ]]; then
	# Without what a debugger reads: all of it is copied and unpacked by an emulator, into memory.
	find "$root" -type f -perm /111 -exec strip --strip-debug {} + 2>/dev/null || true
	(cd "$tmp/root" && find pando | LC_ALL=C sort | cpio -o -H newc --quiet --reproducible -R 0:0) >"$tmp/cpio"
	mv "$tmp/cpio" "$out"
	exit
fi
# Room for what the command writes, and a file system of just that size: it is made at each change.
size=$(($(du -sm "$root" | cut -f1) * 11 / 10 + 64))
truncate -s "${size}M" "$tmp/img"
mke2fs -q -F -t ext4 -O ^has_journal -E lazy_itable_init=1,root_owner=0:0 -m 0 -d "$root" "$tmp/img"
mv "$tmp/img" "$out"
