#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The installer on a system that has nothing: in a fresh root of this machine's own suite it installs, builds and runs
# `make unit`, of which nothing may be skipped there but for want of /dev/kvm or vectors; in another one, `make demo` twice. What is
# tested are the tracked files as they are here. Needs root.
#
#   tests/soak/fresh.sh [BUILD_FOLDER [unit|demo ...]]     PANDO_CACHE keeps the bare root (by suite) and the packages
set -u
cd "$(dirname "$0")/../.."
O=${1:-build}
shift || true
[ $# -gt 0 ] || set -- unit demo
cache=${PANDO_CACHE:-$HOME/.cache/pando}/roots
suite=fresh
. tests/support/suite.sh
mkdir -p "$O/check" "$cache/archives/partial"
log=$O/check/fresh-root.log
: >"$log"
show() { tail -n 25 "$log" | sed 's/^/    /'; }
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "SKIP fresh: needs root, and a system with apt"
	exit 0
fi
tests/support/install-deps.sh fresh || { echo "FAIL fresh.debootstrap: it cannot be installed"; exit 1; }
code=$(. /etc/os-release && echo "${VERSION_CODENAME:?}")
base=$cache/$code.tar
root=""
# Mounts are made in a mount name space of their own, so nothing is left of them here.
trap '[ -z "$root" ] || rm -rf --one-file-system "$root"' EXIT

bare() { # the root of the suite, once
	# Wherever the system has this suite's packages from.
	local mirror
	[ ! -s "$base" ] || return 0
	mirror=$(apt-get indextargets 'Identifier: Packages' --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' |
		awk -v s="$code" '$2 == s && $3 == "main" { print $1; exit }')
	[ -n "$mirror" ] || { echo "this system has no package source of suite $code"; return 1; }
	root=$(mktemp -d "$cache/root.XXXXXX")
	debootstrap --variant=minbase --include=ca-certificates "$code" "$root" "$mirror" &&
		tar -C "$root" --one-file-system -cf "$base.new" . && mv "$base.new" "$base"
}

fresh_root() {
	[ -z "$root" ] || rm -rf --one-file-system "$root"
	root=$(mktemp -d "$cache/root.XXXXXX")
	chmod 755 "$root" # or apt reads nothing as its own user
	tar -C "$root" -xf "$base" || return 1
	# Packages come from where this machine has its own from, with what it is told of fetching them.
	rm -rf "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d
	mkdir -p "$root"/etc/apt/{sources.list.d,keyrings,trusted.gpg.d} "$root"/usr/share/keyrings "$root"/pando
	cp /etc/apt/sources.list "$root/etc/apt/" 2>/dev/null
	cp /etc/apt/sources.list.d/*.{list,sources} "$root/etc/apt/sources.list.d/" 2>/dev/null
	cp -r /etc/apt/keyrings/. "$root/etc/apt/keyrings/" 2>/dev/null
	cp -r /etc/apt/trusted.gpg.d/. "$root/etc/apt/trusted.gpg.d/" 2>/dev/null
	cp -r /usr/share/keyrings/. "$root/usr/share/keyrings/" 2>/dev/null
	cp -L /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null
	apt-config dump | grep '^Acquire::' >"$root/etc/apt/apt.conf.d/90machine"
	echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/90machine" # it is thrown away: no need to wait for the disk
	git ls-files -z | tar --null --ignore-failed-read -T - -cf - 2>/dev/null | tar -C "$root/pando" -xf -
}

# It is the root of its mount name space, as after a boot: who is only in a chroot may make no user name space, as passt has to.
inside() { # COMMAND: in the root, by a shell that knows nothing of this machine's surroundings
	unshare --mount --pid --fork --kill-child bash -c '
		mount --bind "$1" "$1" && cd "$1" && mount --rbind /dev dev && mount --rbind /sys sys && mount -t proc proc proc &&
		mount -t tmpfs tmpfs tmp && mount --bind "$2" var/cache/apt/archives && pivot_root . mnt &&
		exec /usr/bin/env -i HOME=/root TERM=dumb PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			sh -c "umount -l /mnt && cd /pando && $3"' sh "$root" "$cache/archives" "$1"
}
timed() { # NAME WHY COMMAND
	local start=$SECONDS
	inside "$3" >>"$log" 2>&1 </dev/null
	verdict "$1" $? "$2"
	echo "RESULT fresh_$1 $((SECONDS - start)) s"
	[ "$bad" = 0 ]
}

skips() { # "N passed, N failed[, N skipped]"
	case $1 in *" skipped") set -- "${1% skipped}" && echo "${1##* }" ;; *) echo 0 ;; esac
}

part_unit() {
	local again end without
	timed installs "the installer failed" "sh tests/support/install-deps.sh build run test" || return
	again=$(inside "sh tests/support/install-deps.sh build run test" 2>&1)
	[ -z "$again" ]
	verdict second_time_is_quiet $? "it said: $again"
	inside "for c in dpdk-testpmd promtool iasl virt-xml-validate qemu-system-x86_64 tmux socat readelf clang clang-format pgrep ss passt; do command -v \$c; done" \
		>"$O/check/fresh-commands" 2>&1
	[ "$(grep -c / "$O/check/fresh-commands")" = 13 ]
	verdict brings_the_programs $? "only these are there: $(tr '\n' ' ' <"$O/check/fresh-commands")"
	timed builds "make failed" "make -s -j$(nproc)" || return
	timed unit "make unit failed" "make -s -j$(nproc) unit"
	end=$(grep -E '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$log" | tail -n 1)
	# What wants /dev/kvm is skipped where the machine has none, and public vectors are not in the tree; they say so. Nothing else is.
	without=$(cat "$root"/pando/build/check/*.log | grep -c '^SKIP: \(/dev/kvm cannot be opened\|no public vectors\)')
	[[ $end == *" passed, 0 failed"* && $end != 0* && $(skips "$end") = "$without" ]]
	verdict nothing_skipped $? "make unit ended with: ${end:-nothing}, of which $without for want of /dev/kvm or vectors"
	echo "# make unit in a fresh root of $code: $end"
}

part_demo() {
	timed make_comes "the installer failed" "sh tests/support/install-deps.sh build" || return
	timed demo_first "make demo failed" "make demo" || return
	timed demo_second "the second make demo failed" "make demo"
}

bare >>"$log" 2>&1
verdict bare_root $? "debootstrap of $code failed"
for part in "$@"; do
	[ "$bad" = 0 ] || break
	fresh_root && "part_$part"
done
exit $bad
