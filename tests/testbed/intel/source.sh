#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fetches the source of Bochs 3.0, once, and prints the path of the archive: Debian 13's, whatever release this system has,
# since Debian 12's Bochs hangs with two guests in it. Exit status 3: it cannot be had here, and what is missing is said.
set -euo pipefail
cache=${PANDO_CACHE:-$HOME/.cache/pando}/bochs
release=trixie
file=bochs_3.0+dfsg.orig.tar.xz
sum=78f6c73d4a6472d5130a87ab9dc306d02c7c71ed8e25b3a8ef642e2a7acd282b
say() { echo "bochs-source: $*" >&2; }
lacking() { say "$*"; exit 3; }
right() { [ -s "$1" ] && echo "$sum  $1" | sha256sum -c --status 2>/dev/null; }

mkdir -p "$cache/apt/lists/partial" "$cache/apt/archives/partial"
exec 9>"$cache/source.lock"
flock 9
if ! right "$cache/$file"; then
	command -v apt-get >/dev/null || lacking "this needs apt (Debian), or $file (sha256 $sum) in $cache"
	# The lists are ours: the system's own releases and lists stay as they are. Where it has its packages from, the
	# other release is too.
	keys=/usr/share/keyrings/debian-archive-keyring.gpg
	apt-get indextargets 'Identifier: Packages' --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 2>/dev/null |
		awk -v keys="$keys" -v release=$release '$3 == "main" && $2 !~ /-/ && !had[$1]++ {
			print "deb-src [signed-by=" keys "] " $1, release, "main" }' >"$cache/apt/sources.list"
	[ -s "$cache/apt/sources.list" ] || lacking "this system has no Debian package sources"
	opts=(-o Dir::Etc::sourcelist="$cache/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
		-o Dir::State::lists="$cache/apt/lists" -o Dir::Cache="$cache/apt" -o APT::Sandbox::User=root)
	say "downloading $file"
	timeout 120 apt-get "${opts[@]}" update -q >"$cache/apt/log" 2>&1 || true
	# Files of the package that a mirror lacks are errors; ours counts, and its hash.
	(cd "$cache" && timeout 120 apt-get "${opts[@]}" source -q --download-only bochs=3.0+dfsg-1) >>"$cache/apt/log" 2>&1 || true
	if ! right "$cache/$file"; then
		tail -n 5 "$cache/apt/log" >&2
		lacking "no $file with sha256 $sum from this system's package sources (release $release)"
	fi
fi
echo "$cache/$file"
