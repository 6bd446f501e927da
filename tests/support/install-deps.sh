#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, through apt, without questions. Says what and why. Quick when all is there.
#
#   install-deps.sh [GROUP...]      build, run, test, testbed, image, emulator, intel, fresh (default: build run test testbed)
set -u
say() { echo "install-deps: $*"; }
die() { say "$*" >&2; exit 1; }

# group, package, why
list() {
	cat <<'EOF'
build gcc the compiler
build make the build
build pkg-config finds the libraries
build libc6-dev headers of C
build linux-libc-dev headers of KVM and userfaultfd
build liburing-dev the network link
build libsodium-dev authentication and encryption between hosts
build libipsec-mb-dev seals traffic twice as fast (left out where it is missing)
build libisal-dev checksums of frames
build libseccomp-dev the list of system calls a guest's process may make
build libjansson-dev the control socket and the machine description
build libncurses-dev pando top
build libmicrohttpd-dev the metrics page
build libdpdk-dev the link over DPDK ports (left out where it is missing)
build libxml2-dev domain XML
build libext2fs-dev reads the kernel out of a guest's disk
run openssh-client verifies SSH keys of other kinds than ed25519 (pando login)
run passt gives a guest the network of its user
build libnbd-dev volumes on the network (left out where it is missing)
test libvirt-clients asks libvirt's schema about domain XML (virt-xml-validate)
test g++ tests are C++
test libgtest-dev the test framework
test clang compiles the unit tests and all with sanitizers, in half the time, and the fuzzers
test libclang-rt-14-dev run-time of the fuzzers and sanitizers
test clang-format holds the format
test acpica-tools checks the ACPI tables (iasl)
test dmidecode reads the SMBIOS tables
test iproute2 network namespaces
test dpdk-dev dpdk-testpmd, which the bench compares with
test prometheus scrapes the metrics, and checks the alert rules (promtool)
test python3 runs QEMU's QMP client library, and judges what it says
test dpkg-dev unpacks source packages
test socat a QMP client without any library
test e2fsprogs makes file systems to read kernels from
test memtest86+ a guest that begins as PCs do
test qemu-system-x86 the QMP server that ours is compared with
test binutils reads ELF cores (readelf)
test fio reads a disk on the host, which the bench compares a guest with
test nbdkit NBD servers that delay, fail and go away
test iperf3 the other end of a guest's network streams
test qemu-utils an NBD server of somebody else, and images in other formats
test openssh-client logs in to a guest
test tmux a terminal for pando top
test procps pgrep, pkill and ps
test systemd judges the service, its users and the files of a credential (systemd-analyze, -sysusers, -tmpfiles)
testbed qemu-system-x86 emulates a machine with SVM where there is no hardware virtualization
testbed seabios its firmware
testbed busybox-static user space of the guest and of the nested machine
testbed cpio packs initramfs archives
testbed kmod dependencies of kernel modules
testbed xz-utils unpacks kernel modules
testbed zstd unpacks kernels
testbed e2fsprogs makes the disk of the nested machine
testbed util-linux setpriv, flock
testbed iproute2 network namespaces in the nested machine
testbed passt the network of the demo's guest
testbed gcc static programs of the guest
testbed make the build
testbed libc6-dev static programs of the guest
image mmdebstrap sets Debian up in a folder
image e2fsprogs makes its file system
image fdisk makes its partition table (sfdisk)
image openssl hashes the console's password
fresh debootstrap makes the root in which this script is tried
fresh util-linux unshare
emulator dpkg-dev unpacks source packages
emulator gcc the compiler
emulator g++ qemu's build asks for it
emulator make qemu's build
emulator ninja-build qemu's build
emulator meson qemu's build
emulator python3 qemu's build
emulator pkg-config finds the libraries
emulator patch applies our patches
emulator flex qemu's build
emulator bison qemu's build
emulator libglib2.0-dev qemu's main library
emulator libpixman-1-dev qemu's displays cannot be left out
emulator libfdt-dev its device trees cannot be left out
emulator zlib1g-dev compression in qemu
intel gcc the compiler
intel g++ Bochs is C++
intel make Bochs's build
intel libc6-dev headers of C
intel pkg-config Bochs's configure asks for it
intel xz-utils unpacks its source and kernel modules
intel bochsbios its firmware
intel vgabios its graphics card wants one
intel grub-common makes the disk it starts from (grub-mkrescue)
intel grub-pc-bin the boot loader on it
intel xorriso writes it
intel mtools grub-mkrescue asks for it
intel lz4 packs the initramfs
intel binutils leaves debug information out of it (strip)
intel busybox-static user space of the emulated machine
intel cpio packs initramfs archives
intel kmod dependencies of kernel modules
intel util-linux setpriv, flock
intel iproute2 network namespaces in the emulated machine
EOF
}

[ $# -gt 0 ] || set -- build run test testbed
for group in "$@"; do
	list | grep -q "^$group " || die "unknown group $group (build, run, test, testbed, image, emulator, intel, fresh)"
done
command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
	die "this is not a system with apt: install by hand what this script's list names ($*)"

have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p')
missing=""
for group in "$@"; do
	for pkg in $(list | awk -v g="$group" '$1 == g { print $2 }'); do
		echo "$have" | grep -qx "$pkg" && continue
		case " $missing " in *" $pkg "*) continue ;; esac
		missing="$missing $pkg"
		say "missing: $pkg ($(list | awk -v g="$group" -v p="$pkg" '$1 == g && $2 == p { $1 = $2 = ""; print substr($0, 3) }'))"
	done
done
[ -n "$missing" ] || exit 0
[ "$(id -u)" = 0 ] || die "not root: run 'sudo apt-get install$missing', or this script as root"

export DEBIAN_FRONTEND=noninteractive
# Lists that are missing or older than a day make downloads fail.
if ! find /var/lib/apt/lists -maxdepth 1 -name '*_InRelease' -mtime -1 2>/dev/null | grep -q .; then
	say "updating apt's lists"
	apt-get update -q >/dev/null || die "apt-get update failed"
fi
install() { apt-get install -y -q --no-install-recommends $missing >/tmp/install-deps.$$ 2>&1; }
say "installing:$missing"
if ! install; then
	apt-get update -q >/dev/null 2>&1
	if ! install; then
		tail -20 /tmp/install-deps.$$ >&2
		rm -f /tmp/install-deps.$$
		die "apt-get could not install:$missing"
	fi
fi
rm -f /tmp/install-deps.$$
say "done"
