#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In a new Debian whose packages are set up: what belongs to one machine goes, what costs at each boot does not start.
#   finish.sh ROOT
set -euo pipefail
umask 022 # what is made here is read by the new system's users, whoever made it
here=$(cd "$(dirname "$0")" && pwd)
root=${1:?folder of the new system}

cp -rT --no-preserve=all "$here/root" "$root" # over what the packages and their set-up left
while read -r unit _; do
	ln -sf /dev/null "$root/etc/systemd/system/$unit"
done < <(grep -v '^#' "$here/masked")
chroot "$root" systemctl -q disable ssh.service systemd-resolved.service systemd-networkd.service
chroot "$root" systemctl -q enable ssh.socket
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"

# The machine's identity is made at its first boot, its SSH key when somebody first calls.
: >"$root/etc/machine-id"
rm -rf "$root"/etc/ssh/ssh_host_* "$root"/var/lib/dbus/machine-id "$root"/var/lib/systemd/random-seed
# Leftovers of setting up; some would differ from one time to the next.
rm -rf "$root"/etc/apt/apt.conf.d/99mmdebstrap "$root"/etc/dpkg/dpkg.cfg.d/99mmdebstrap "$root"/var/log/*.log \
	"$root"/var/log/apt/* "$root"/var/cache/ldconfig/aux-cache "$root"/etc/.pwd.lock "$root"/etc/*- "$root"/var/lib/apt/lists/*
# Newer than what the packages brought, so no boot rebuilds catalogues and caches for it.
touch -d "@${SOURCE_DATE_EPOCH:-0}" "$root/etc/.updated" "$root/var/.updated"
