#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Gets Debian's own kernels, unchanged, through apt: the cloud kernel of a series, or what linux-image-amd64 and
# linux-image-rt-amd64 stand for.
#
#   images/get-kernel.sh [--update] 6.1|6.12|amd64|rt-amd64 [DEST]
#
# DEST (default: $PANDO_CACHE/kernels/WHICH) then holds vmlinuz, config, version and modules/ (the
# tree lib/modules/VERSION of the package, as it was packed; not for amd64 and rt-amd64, whose modules are many). Its path is printed. What is there
# already is kept, so that runs are comparable; --update looks for a newer package of the series.
set -euo pipefail

say() { echo "get-kernel: $*" >&2; }
die() { say "$*"; exit 1; }

update=0
[ "${1:-}" = --update ] && { update=1; shift; }
series=${1:-}
[[ $series =~ ^([0-9]+\.[0-9]+|(rt-)?amd64)$ ]] || die "usage: get-kernel.sh [--update] 6.1|6.12|amd64|rt-amd64 [DEST]"
cache=${PANDO_CACHE:-$HOME/.cache/pando}
dest=${2:-$cache/kernels/$series}

mkdir -p "$(dirname "$dest")"
exec 9>"$dest.lock"
flock 9
if [ $update = 0 ] && [ -s "$dest/vmlinuz" ] && [ -s "$dest/version" ]; then
	echo "$dest"
	exit 0
fi
command -v apt-get >/dev/null || die "this needs apt (Debian): put vmlinuz, version and modules/ into $dest by hand"

newest() {
	if [[ $series = *amd64 ]]; then
		apt-cache depends "linux-image-$series" 2>/dev/null | awk '$1 == "Depends:" && $2 ~ /^linux-image-/ {print $2}'
		return
	fi
	apt-cache search --names-only "^linux-image-${series//./\\.}\\..*-cloud-amd64\$" |
		awk '{print $1}' | sort -V | tail -1
}
pkg=$(newest)
if [ -z "$pkg" ]; then
	say "no kernel of series $series in apt's lists: updating them"
	apt-get update -q >&2 || die "apt-get update failed"
	pkg=$(newest)
fi
[ -n "$pkg" ] || die "no kernel $series in this system's sources (bookworm-security has 6.1, 6.12, amd64 and rt-amd64)"
if [ -s "$dest/package" ] && [ "$(cat "$dest/package")" = "$pkg" ]; then
	echo "$dest"
	exit 0
fi

tmp=$(mktemp -d "$dest.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
say "downloading $pkg"
# An old list may name a file that the mirror has dropped: one retry with fresh lists.
download() { (cd "$tmp" && apt-get download -q "$pkg" >"$tmp/log" 2>&1); }
if ! download; then
	apt-get update -q >&2 || true
	pkg=$(newest)
	download || { cat "$tmp/log" >&2; die "cannot download $pkg"; }
fi
dpkg-deb -x "$tmp"/*.deb "$tmp/x"
version=${pkg#linux-image-}
mkdir "$tmp/new"
cp "$tmp/x/boot/vmlinuz-$version" "$tmp/new/vmlinuz"
cp "$tmp/x/boot/config-$version" "$tmp/new/config"
[[ $series = *amd64 ]] || mv "$tmp/x/lib/modules/$version" "$tmp/new/modules"
echo "$version" >"$tmp/new/version"
echo "$pkg" >"$tmp/new/package"
chmod -R a+rX "$tmp/new"
rm -rf "$dest"
mv "$tmp/new" "$dest"
say "$version is in $dest"
echo "$dest"
