#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fetches the distribution's source package of qemu, once, and prints the path of its .dsc: the emulator is built from it, and
# the tests use the QMP client library in it. --newest: looks for a newer package first. Its version stays fixed otherwise
# (file "version" in the cache).
set -euo pipefail
cache=${PANDO_CACHE:-$HOME/.cache/pando}/emulator
say() { echo "qemu-source: $*" >&2; }
die() { say "$*"; exit 1; }

# The lists of source packages are ours: the system's own may leave them out, and stay as they are.
mkdir -p "$cache/apt/lists/partial" "$cache/apt/archives/partial"
exec 9>"$cache/source.lock"
flock 9
keys=/usr/share/keyrings/debian-archive-keyring.gpg
# Wherever the system has its packages from, their sources are too.
apt-get indextargets 'Identifier: Packages' --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 2>/dev/null | sort -u |
	awk -v keys="$keys" '$3 == "main" {print "deb-src [signed-by=" keys "] " $1, $2, $3}' >"$cache/apt/sources.list"
opts=(-o Dir::Etc::sourcelist="$cache/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
	-o Dir::State::lists="$cache/apt/lists" -o Dir::Cache="$cache/apt" -o APT::Sandbox::User=root)

if [ "${1:-}" = --newest ] || [ ! -s "$cache/version" ]; then
	command -v apt-get >/dev/null || die "this needs apt (Debian)"
	[ -s "$cache/apt/sources.list" ] || die "this system has no Debian package sources"
	apt-get "${opts[@]}" update -q >&2 || die "cannot fetch the lists of source packages"
	version=$(apt-cache "${opts[@]}" showsrc qemu | awk '/^Version:/{print $2}' | sort -V | tail -1)
	[ -n "$version" ] || die "no qemu source package"
	echo "$version" >"$cache/version"
fi
version=$(cat "$cache/version")
dsc=$cache/qemu_${version#*:}.dsc
# A .dsc without its archives is a download that was cut off: apt takes up what there is.
if [ ! -s "$dsc" ] || ! (cd "$cache" && awk '/^Checksums-Sha256:/{on=1;next} /^[^ ]/{on=0} on{print $1"  "$3}' "$dsc" |
	sha256sum -c --status 2>/dev/null); then
	say "downloading the source of qemu $version"
	(
		cd "$cache"
		apt-get "${opts[@]}" source -q --download-only "qemu=$version" ||
			{ apt-get "${opts[@]}" update -q; apt-get "${opts[@]}" source -q --download-only "qemu=$version"; }
	) >&2 || die "cannot download the source of qemu $version"
fi
echo "$dsc"
