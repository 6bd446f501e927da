#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the disk of one host for the guest's tool "disk", if an input has changed, and prints its path.
#
#   images/make-data-disk.sh [BUILD] HOST      BUILD is the build folder ($O; default build)
#
# 2 MiB: a file system of 1 MiB with the file "data", whose content is made of HOST's number by that tool, then room to write to.
# The same inputs give the same bytes. PATH.sha256 has the sum of "data", PATH.written that of what the tool writes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/.." && pwd)
PATH=$PATH:/usr/sbin:/sbin
build=${O:-build}
[ $# -lt 2 ] || { build=$1; shift; }
host=${1:?a number of a host}
case $build in /*) ;; *) build=$top/$build ;; esac
make -s -C "$top" O="$build" "$build/guest-tools/pando-guest" >&2
tool=$build/guest-tools/pando-guest

out=$build/guest-disks/host$host.img
hash=$(cat "$0" "$tool" | sha256sum | cut -c1-16)
if [ -s "$out" ] && [ "$(cat "$out.hash" 2>/dev/null)" = "$hash" ]; then
	echo "$out"
	exit 0
fi
mkdir -p "$build/guest-disks"
tmp=$(mktemp -d "$build/guest-disks/tmp.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
umask 022
"$tool" disk --make=$((host + 1)) --kib=128 >"$tmp/data"
uuid=$(printf '%08d-0000-4000-8000-%012d' "$host" "$host")
# The time is said to both, or each image would have another one in it.
export E2FSPROGS_FAKE_TIME=1700000000
truncate -s 1M "$tmp/img"
mke2fs -q -F -t ext4 -b 4096 -N 16 -m 0 -O ^has_journal,^resize_inode -L "host$host" -U "$uuid" \
	-E "hash_seed=$uuid,lazy_itable_init=0,root_owner=0:0" "$tmp/img"
debugfs -w -R "write $tmp/data data" "$tmp/img" >"$tmp/log" 2>&1
debugfs -R "cat data" "$tmp/img" 2>>"$tmp/log" | cmp - "$tmp/data" >&2 || { cat "$tmp/log" >&2; exit 1; }
truncate -s 2M "$tmp/img"
sha256sum <"$tmp/data" | cut -d' ' -f1 >"$out.sha256"
"$tool" disk --make=$((host + 1000)) --kib=64 | sha256sum | cut -d' ' -f1 >"$out.written"
mv "$tmp/img" "$out"
echo "$hash" >"$out.hash"
echo "$out"
