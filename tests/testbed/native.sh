#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a suite that needs /dev/kvm and no Linux guest in the nested machine: for a machine that has no /dev/kvm at all.
# Usage: tests/testbed/native.sh BUILD_FOLDER SCRIPT [ARGUMENT...]     SCRIPT: as tests/e2e/drain.sh; BUILD_FOLDER is its first argument
#   NATIVE_ENV="NAME=VALUE ..."  for the script      NATIVE_TIMEOUT   seconds      NATIVE_RUN   more options of run.sh
set -eu
cd "$(dirname "$0")/../.."
O=${1:?build folder} script=${2:?script of a suite}
shift 2
# What failures.sh knows messages by.
files="tests=tests,coherence/coh_msg.def=coherence/coh_msg.def,net/msg.def=net/msg.def"
for f in pando guest-tools tests/driver tests/single; do
	[ ! -e "$O/$f" ] || files+=,$O/$f=build/$f
done
# busybox has most of them too, and not all of their options.
for p in awk cat cmp cp cut date env fio grep head ldd ls mke2fs mktemp paste pgrep prlimit rm sed seq setpriv sha256sum sleep socat sort stat tail timeout tr truncate uniq unshare wc; do
	if f=$(type -P $p); then files+=,$f=bin/$p; fi
done
[ ! -x /usr/bin/python3 ] || files+=,/usr/bin/python3=bin/python3,$(/usr/bin/python3 -c 'import os; print(os.path.dirname(os.__file__))')=lib/$(basename "$(readlink -f /usr/bin/python3)")
# Local hosts over dpdk:memif, where pando can do it.
before=""
. tests/testbed/dpdk.sh
if pkg-config --exists libdpdk && dpdk_driver memif; then
	files+=,$dpdk_files before="$dpdk_before && "
fi
PANDO_NO_GUEST=1 exec bash tests/testbed/run.sh --emulator "${PANDO_EMULATOR:-reading-walks}" --build "$O" --timeout "${NATIVE_TIMEOUT:-1500}" --files "$files" ${NATIVE_RUN:-} -- \
	"${before}env ${NATIVE_ENV:-} bash /pando/$script build $*"
