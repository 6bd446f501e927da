#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds Bochs, an emulator with VMX and EPT, once, and prints its path. Exit status 3: its source cannot be had here.
#
#   build-bochs.sh [CONFIGURE OPTION...]     more options make another build (--enable-debugger), kept beside
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${PANDO_CACHE:-$HOME/.cache/pando}/bochs
jobs=${PANDO_JOBS:-2}
say() { echo "build-bochs: $*" >&2; }

# EVEX: version 3.0 does not compile with AVX alone.
configure=(--enable-cpu-level=6 --enable-x86-64 --enable-vmx=2 --enable-avx --enable-evex --enable-all-optimizations
	--enable-handlers-chaining --disable-stats --disable-docbook --with-nogui "$@")
flags="-O2 -fomit-frame-pointer -fno-strict-aliasing"
out=$cache/bochs-$(echo "3.0 ${configure[*]} $flags" | sha256sum | cut -c1-16)/bochs
# Before the lock: whoever has what it needs does not wait for another's build.
[ -x "$out" ] && { echo "$out"; exit 0; }
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
[ -x "$out" ] && { echo "$out"; exit 0; }

source=$("$here/source.sh")
"$here/../../support/install-deps.sh" intel >&2
say "building Bochs 3.0 (two to four minutes, once; log: $cache/log)"
src=$(mktemp -d "$cache/src.XXXXXX")
trap 'rm -rf "$src"' EXIT
(
	tar -xf "$source" -C "$src" --strip-components=1
	cd "$src"
	# The distribution's tools, whatever else the path holds.
	export PATH=/usr/sbin:/usr/bin:/sbin:/bin CFLAGS=$flags CXXFLAGS=$flags
	unset LIBRARY_PATH LDFLAGS
	./configure "${configure[@]}"
	nice -n 19 make -j"$jobs" bochs
	strip --strip-debug bochs
) >"$cache/log" 2>&1 || { tail -n 20 "$cache/log" >&2; say "the build failed"; exit 1; }
mkdir -p "${out%/*}"
mv "$src/bochs" "$out"
say "done"
echo "$out"
