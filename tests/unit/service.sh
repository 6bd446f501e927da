#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What `make install` brings beside the program: a service that gives little away by systemd's own count, a udev rule and users
# that its tools read without complaint, and an ExecStart that names options there are.
# Usage: tests/unit/service.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
suite=service
bad=0
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
verdict() {
	if [ "$2" = 0 ]; then echo "PASS service.$1"; else echo "FAIL service.$1: $3"; bad=1; fi
}
make -s O="$O" V=0 install DESTDIR="$root" PREFIX=/usr >"$root/log" 2>&1
verdict installs $? "$(tail -n 3 "$root/log")"
unit=$root/usr/lib/systemd/system/pando-host.service
[ -e "$unit" ] && [ -e "$root/usr/lib/udev/rules.d/70-pando.rules" ] && [ -e "$root/usr/lib/sysusers.d/pando.conf" ]
verdict brings_all $? "$(cd "$root" && find . -type f)"
! grep -n '@[A-Z]*@' "$unit"
verdict has_no_blanks $? "see above"
missing=""
for o in $(sed -n 's/^ExecStart=//p' "$unit" | grep -oE -- '--[a-z]+'); do
	"$O/pando" host --help | grep -qE -- "^  $o( |\$)" || missing="$missing $o"
done
[ -z "$missing" ] && grep -q '^ExecStart=/usr/bin/pando host ' "$unit"
verdict names_options_there_are $? "no options of pando host:$missing"
limit=20 # tenths
exposure() { # FILE: tenths
	systemd-analyze security --offline=yes --no-pager "$1" 2>"$root/said" | sed -nE 's/.*Overall exposure level.*: ([0-9]+)\.([0-9]).*/\1\2/p'
}
if command -v systemd-analyze >/dev/null && systemd-analyze security --help 2>/dev/null | grep -q offline; then
	has=$(exposure "$unit")
	[ -n "$has" ] && [ "$((10#$has))" -le $limit ]
	verdict gives_little_away $? "exposure ${has:-unknown} tenths, $limit are the limit: $(head -n 3 "$root/said")"
	[ ! -s "$root/said" ]
	verdict is_understood_whole $? "$(head -n 5 "$root/said")"
	# The count can fail.
	grep -vE '^(Cap|Protect|Restrict|SystemCall|Private|NoNew)' "$unit" >"$root/open.service"
	has=$(exposure "$root/open.service")
	[ -n "$has" ] && [ "$((10#$has))" -gt $limit ]
	verdict an_open_one_is_noticed $? "exposure ${has:-unknown}"
else
	echo "SKIP service.gives_little_away: no systemd-analyze that judges files"
fi
if command -v systemd-sysusers >/dev/null; then
	mkdir -p "$root/etc" && systemd-sysusers --root="$root" --replace=/usr/lib/sysusers.d/pando.conf - <<<'g kvm -' >"$root/said" 2>&1
	systemd-sysusers --root="$root" "$root/usr/lib/sysusers.d/pando.conf" >>"$root/said" 2>&1
	grep -q '^pando:' "$root/etc/passwd" 2>/dev/null && grep -q '^kvm:.*pando' "$root/etc/group" && grep -q '^pando-monitor:' "$root/etc/group"
	verdict makes_its_users $? "$(tail -n 3 "$root/said")"
else
	echo "SKIP service.makes_its_users: no systemd-sysusers"
fi
grep -qE '^KERNEL=="userfaultfd", SUBSYSTEM=="misc", GROUP="kvm", MODE="0660"' "$root/usr/lib/udev/rules.d/70-pando.rules"
verdict gives_the_device_to_kvm $? "the rule is another"
exit $bad
