#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Prints a folder with QEMU's own QMP client library for Python (package qemu.qmp), unpacked from the source package once.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${PANDO_CACHE:-$HOME/.cache/pando}/qmp-client
if [ ! -s "$cache/qemu/qmp/qmp_client.py" ]; then
	dsc=$("$here/../testbed/qemu-source.sh")
	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT
	tar -xf "$(ls "${dsc%/*}"/qemu_*.orig.tar.xz | grep -v '+ds\.' | sort -V | tail -1)" -C "$tmp" --wildcards '*/python/qemu/qmp/*'
	rm -rf "$cache"
	mkdir -p "$cache/qemu"
	mv "$tmp"/*/python/qemu/qmp "$cache/qemu/"
fi
echo "$cache"
