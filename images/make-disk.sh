#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes a disk with Debian 12 on it, out of Debian's packages: GPT, one ext4 file system, no boot loader (pando reads the
# kernel out of it). Without a loop device and without mounting the disk. README.md beside this says what is on it.
#
#   images/make-disk.sh [OPTION...] OUT
#     --variant base|test|soak   test has tools that judge disks and networks, too; soak other file systems and volumes as well
#     --key FILE            a public key that lets root in over SSH (may be given more than once)
#     --password TEXT       of root on the console; without it none is asked for there
#     --hostname NAME       (debian)           --size SIZE   of the disk, e.g. 8G (2G)
#     --update              with the newest packages, instead of those that the cache has
#     --replace             OUT may exist: what it holds is lost
#
# The same packages and options give the same bytes. Both steps are kept in $PANDO_CACHE by the hash of what went in.
set -euo pipefail
umask 022 # what is made here is read by the new system's users, whoever made it
here=$(cd "$(dirname "$0")" && pwd)
cache=${PANDO_CACHE:-$HOME/.cache/pando}/disk
suite=bookworm
# Times of files and of the file system are not later than this: the day Debian 12 was released.
export SOURCE_DATE_EPOCH=1686355200 LC_ALL=C TZ=UTC
PATH=$PATH:/usr/sbin:/sbin

die() { echo "make-disk: $*" >&2; exit 1; }
variant=base hostname=debian size=2G password="" update=0 replace=0 out=""
keys=()
while [ $# -gt 0 ]; do
	case $1 in
	--variant | --key | --password | --hostname | --size) [ $# -ge 2 ] || die "$1 wants a value" ;;&
	--variant) variant=$2; shift 2 ;;
	--key) keys+=("$2"); shift 2 ;;
	--password) password=$2; shift 2 ;;
	--hostname) hostname=$2; shift 2 ;;
	--size) size=$2; shift 2 ;;
	--update) update=1; shift ;;
	--replace) replace=1; shift ;;
	--help) sed -n '3,/^set/s/^# \{0,1\}//p' "$0"; exit 0 ;;
	-*) die "unknown option $1 (see --help)" ;;
	*) [ -z "$out" ] || die "two names for the disk: '$out' and '$1'"; out=$1; shift ;;
	esac
done
[ -n "$out" ] || die "where should the disk be? images/make-disk.sh [OPTION...] OUT"
[ ! -e "$out" ] || [ -f "$out" ] || die "'$out' is no regular file"
[ ! -e "$out" ] || [ $replace = 1 ] || die "'$out' is there already: --replace makes it anew, and loses what it holds"
[ -d "$(dirname "$out")" ] || die "no folder '$(dirname "$out")' for the disk"
[[ $variant =~ ^(base|test|soak)$ ]] || die "--variant '$variant': expected base, test or soak"
[[ $hostname =~ ^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$ ]] || die "--hostname '$hostname': expected letters, digits and '-'"
bytes=$(numfmt --from=iec "$size" 2>/dev/null) || die "--size '$size': expected a size such as 4G"
[ "$bytes" -ge $((1 << 30)) ] || die "--size '$size': Debian needs 1G"
for k in "${keys[@]}"; do
	[ -r "$k" ] || die "--key '$k' cannot be read"
	grep -qE '^(ssh-|ecdsa-|sk-)[^ ]+ [A-Za-z0-9+/]+=*( |$)' "$k" || die "--key '$k' is no public SSH key (a file NAME.pub)"
done
[ "$(id -u)" = 0 ] || die "this needs root: files of the system belong to several users, and packages are set up in a chroot"
missing=""
for p in mmdebstrap mke2fs:e2fsprogs sfdisk:fdisk tar openssl; do
	command -v "${p%:*}" >/dev/null || missing="$missing ${p#*:}"
done
[ -z "$missing" ] || die "missing here:$missing (tests/support/install-deps.sh image, or apt-get install$missing)"

packages=$(awk -v v="$variant" '$1 == "all" || $1 == v || ($1 == "test" && v == "soak") { print $2 }' "$here/debian/packages")
hash_of() { sha256sum | cut -c1-16; }
early="etc/initramfs-tools usr/share/initramfs-tools" # of debian/root: what packages look at when they are set up
inputs() { # of the first step, but for the packages' versions
	echo "1 $suite $packages"
	(cd "$here/debian/root" && find $early -type f -print0 | sort -z | xargs -0 sha256sum)
}
tree=$cache/tree-$variant-$(inputs | hash_of).tar
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
tmp=$(mktemp -d "$cache/tmp.XXXXXX")
trap 'rm -rf --one-file-system "$tmp"; rm -f "$out.new"' EXIT

# Packages come from where this system has its own from, if it is the same Debian; else from Debian's own servers.
sources() {
	local line
	line=$(apt-get indextargets 'Identifier: Packages' --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 2>/dev/null |
		awk -v s=$suite '$3 == "main" && $2 ~ "^" s "(-updates|-security)?$" && !seen[$2]++ { print "deb", $1, $2, "main" }')
	if grep -q " $suite main" <<<"$line"; then echo "$line"; else cat "$here/debian/root/etc/apt/sources.list"; fi
}
if [ ! -s "$tree" ] || [ $update = 1 ]; then
	echo "make-disk: setting up Debian 12 out of its packages (a minute, and 100 MB to download)" >&2
	apt-config dump | grep '^Acquire::' >"$tmp/apt.conf" || true
	export here early
	# Manuals and translations are left out; licences stay.
	sources | mmdebstrap --quiet --mode=root --variant=minbase --format=tar \
		--include="$(tr '\n' ',' <<<"$packages")" --aptopt="$tmp/apt.conf" \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
		--dpkgopt=force-unsafe-io \
		--essential-hook='cd "$here/debian/root" && cp -r --parents --no-preserve=all $early "$1"' \
		"$suite" "$tmp/tree.tar" - >"$tmp/log" 2>&1 ||
		{ tail -n 30 "$tmp/log" >&2; die "mmdebstrap could not set it up (the end of what it said is above)"; }
	# Others of this variant go: a tree is half a gigabyte.
	rm -f "$cache/tree-$variant"-*.tar "$cache/disk-$variant"-*.img
	mv "$tmp/tree.tar" "$tree"
fi

# The identifiers of the disk come from what is on it.
options="$hostname $bytes $(printf '%s' "$password" | sha256sum) $(awk 1 "${keys[@]}" /dev/null | sha256sum)"
hash=$({
	echo "$options"
	sha256sum <"$tree"
	cat "$0" "$here/debian/finish.sh" "$here/debian/masked"
	(cd "$here/debian/root" && find . -type f -print0 | sort -z | xargs -0 sha256sum)
} | sha256sum)
disk=$cache/disk-$variant-${hash:0:16}.img
uuid() { # N
	local h
	h=$(echo "$1 $hash" | sha256sum)
	echo "${h:0:8}-${h:8:4}-4${h:13:3}-8${h:17:3}-${h:20:12}"
}

if [ ! -s "$disk" ]; then
	root=$tmp/root
	mkdir "$root"
	tar -C "$root" --numeric-owner --exclude='./dev/*' -xf "$tree"
	"$here/debian/finish.sh" "$root"
	echo "$hostname" >"$root/etc/hostname"
	printf '127.0.0.1 localhost\n127.0.1.1 %s\n::1 localhost\n' "$hostname" >"$root/etc/hosts"
	echo "UUID=$(uuid root) / ext4 errors=remount-ro 0 1" >"$root/etc/fstab"
	if [ ${#keys[@]} -gt 0 ]; then
		install -d -m 700 "$root/root/.ssh"
		awk 1 "${keys[@]}" >"$root/root/.ssh/authorized_keys" # the last line may lack its end
	fi
	crypted=""
	[ -z "$password" ] || crypted=$(openssl passwd -6 -salt "${hash:0:16}" -stdin <<<"$password")
	sed -i "s|^root:[^:]*:|root:$crypted:|" "$root/etc/shadow"
	find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

	truncate -s "$bytes" "$tmp/img"
	sectors=$((bytes / 512 - 4096)) # from 1 MiB to 1 MiB before the end
	sfdisk -q "$tmp/img" <<-END
		label: gpt
		label-id: $(uuid disk)
		start=2048, size=$sectors, type=4f68bce3-e8cd-4db1-96e7-fbcaf984b709, uuid=$(uuid partition), name="root"
	END
	E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH mke2fs -q -F -t ext4 -L root -U "$(uuid root)" -m 1 \
		-E "offset=1048576,hash_seed=$(uuid seed),lazy_itable_init=0,root_owner=0:0" -d "$root" "$tmp/img" $((sectors / 2))k \
		>"$tmp/log" 2>&1 || { cat "$tmp/log" >&2; die "mke2fs could not fill the disk: is --size '$size' too small?"; }
	# mke2fs takes over when each file was made here, which is another time each time.
	inodes=$(dumpe2fs -h "$tmp/img?offset=1048576" 2>/dev/null | awk -F: '/^Inode count/ { n = $2 } /^Free inodes/ { n -= $2 } END { print n + 0 }')
	for ((i = 1; i <= inodes; i++)); do
		for f in ctime atime crtime; do printf 'sif <%d> %s @%d\nsif <%d> %s_extra 0\n' $i $f $SOURCE_DATE_EPOCH $i $f; done
	done >"$tmp/times"
	E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH debugfs -w -f "$tmp/times" "$tmp/img?offset=1048576" >/dev/null 2>&1
	# What nobody asked for in a week goes.
	find "$cache" -maxdepth 1 -name 'disk-*.img' -mtime +7 -delete
	chmod 444 "$tmp/img"
	mv "$tmp/img" "$disk"
fi
touch "$disk"
cp --sparse=always --reflink=auto "$disk" "$out.new"
chmod 644 "$out.new"
mv "$out.new" "$out"
echo "$out"
