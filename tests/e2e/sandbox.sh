#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Hosts of ordinary users who may open /dev/kvm and /dev/userfaultfd and nothing else, in the sandbox: the micro-guest on two
# of them, guests one after the other, one user's host killed while another's guest runs, what is said without the devices.
# Usage: tests/e2e/sandbox.sh BUILD_FOLDER [WHAT]     WHAT: log, errno or kill (the default) what the filter does not allow
set -u
O=$(realpath "${1:?build folder}")
what=${2:-kill}
here=$(dirname "$(realpath "$0")")
suite=sandbox
if [ "$(id -u)" != 0 ]; then
	echo "SKIP sandbox: needs root, to be other users"
	exit 0
fi
# In a mount namespace that may be changed.
[ -n "${SANDBOX_INSIDE:-}" ] || exec unshare -m --propagation private env SANDBOX_INSIDE=1 bash "$0" "$O" "$what"

# shellcheck source=tests/support/suite.sh
. "$here/../support/suite.sh"
kvm_or_skip sandbox || exit 0
W=$(mktemp -d /tmp/pando-sandbox.XXXXXX)
show() { # what the filter saw (SECCOMP's audit records name the call by number)
	dmesg 2>/dev/null | grep -aoE 'type=1326 .*' | grep -aoE 'comm="[^"]*"|syscall=[0-9]+' | paste - - | sort | uniq -c | sed 's/^/    seccomp: /'
}
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$W"' EXIT
chmod 711 "$W"
# Other users may not get to where it was built.
cp "$O/pando" "$O/guest-tools/micro.elf" "$W" && chmod 755 "$W/pando" "$W/micro.elf" || exit 1
pando=$W/pando micro=$W/micro.elf
group=64100 one=64101 two=64102

begins() { wait_for "$2" grep -q . "$W/$1.log"; } # LABEL SECONDS: until something came of a guest, or the time is over

# Devices of that group in place of root's, for this namespace alone.
device() { # NAME
	local n
	n=$(awk -v n="$1" '$2 == n { print $1 }' /proc/misc)
	mknod "$W/$1" c 10 "$n" && chown "0:$group" "$W/$1" && chmod 660 "$W/$1" && mount --bind "$W/$1" "/dev/$1"
}
for d in kvm userfaultfd; do
	device $d || { echo "SKIP sandbox: no /dev/$d can be made here"; exit 0; }
done
# A machine of tests is ours to set up; another is not.
[ "$(hostname)" != testbed ] || echo 0 >/proc/sys/vm/unprivileged_userfaultfd
as() { # USER GROUPS COMMAND...
	local user=$1 groups=$2
	shift 2
	setpriv --reuid "$user" --regid "$user" --groups "$groups" --no-new-privs env PANDO_RUN_DIR="$W/run-$user" "$@"
}
for u in $one $two; do
	mkdir -m 700 "$W/run-$u" && chown $u:$u "$W/run-$u"
	head -c 32 /dev/urandom >"$W/key-$u" && chown $u:$u "$W/key-$u" && chmod 600 "$W/key-$u"
done
truncate -s 4M "$W/disk" && chown $one:$one "$W/disk"
tests="test=sb_fence,pingpong,ipi rounds=2000 hops=200"

guest() { # LABEL USER LEVEL WORDS...: two local hosts and the micro-guest
	local label=$1 user=$2 level=$3 rc
	shift 3
	as "$user" "$group" PANDO_SECCOMP="$level" timeout 300 "$pando" run --local 2 --kernel "$micro" --cpus 2 --memory 64M --name "$label" \
		--quiet "$@" >"$W/$label.log" 2>&1 </dev/null
	rc=$?
	[ $rc = 0 ] && tr -d '\r' <"$W/$label.log" | grep -qx END && ! tr -d '\r' <"$W/$label.log" | grep -q '^FAIL '
	verdict "$label" $? "status $rc: $(tail -n 4 "$W/$label.log" | tr -d '\r' | tr '\n' '|')"
}
guest ordinary_user $one off --append "$tests"
guest ordinary_user_in_the_sandbox $one "$what" --append "$tests"
guest with_a_disk $one "$what" --disk "$W/disk" --append "test=disk"

# Without the device that it lacks, it says which.
as $one 64999 "$pando" run --local 1 --kernel "$micro" --cpus 1 --memory 64M --append test=cpu >"$W/no-kvm" 2>&1 </dev/null
[ $? != 0 ] && grep -q 'no permission for /dev/kvm' "$W/no-kvm"
verdict names_kvm $? "$(tail -n 2 "$W/no-kvm")"
umount /dev/userfaultfd
if [ "$(cat /proc/sys/vm/unprivileged_userfaultfd 2>/dev/null)" = 1 ]; then
	echo "SKIP sandbox.names_userfaultfd: everybody may have one here (vm.unprivileged_userfaultfd)"
else
	as $one $group PANDO_SECCOMP="$what" "$pando" run --local 2 --kernel "$micro" --cpus 2 --memory 64M --append test=cpu >"$W/no-uffd" 2>&1 </dev/null
	[ $? != 0 ] && grep -q 'may not open /dev/userfaultfd' "$W/no-uffd"
	verdict names_userfaultfd $? "$(tail -n 2 "$W/no-uffd")"
fi
mount --bind "$W/userfaultfd" /dev/userfaultfd

# Hosts that go on: each guest has a process of its own. A user's hosts are his.
host() { # USER PORT: $pid_PORT is the process itself, no shell
	setpriv --reuid "$1" --regid "$1" --groups $group --no-new-privs "$pando" host --key "$W/key-$1" --listen "127.0.0.1:$2" --cpus 2 --memory 96M \
		--overcommit --quiet --seccomp "$what" >>"$W/host-$2.log" 2>&1 </dev/null &
	eval "pid_$2=$!"
}
run() { # USER LABEL PORTS WORDS...
	local user=$1 label=$2 ports=$3
	shift 3
	as "$user" $group timeout 300 "$pando" run --key "$W/key-$user" --hosts "$ports" --kernel "$micro" --cpus 2 --memory 64M --name "$label" \
		--quiet --append "$*" >"$W/$label.log" 2>&1 </dev/null
}
listens() { # PORT...: waits for them
	local p
	for p in "$@"; do wait_for 60 bash -c "exec 3<>/dev/tcp/127.0.0.1/$p"; done
}
host $one 7501
host $one 7502
host $two 7503
host $two 7504
listens 7501 7502 7503 7504
run $one first 127.0.0.1:7501,127.0.0.1:7502 "$tests" && run $one second 127.0.0.1:7501,127.0.0.1:7502 "$tests"
verdict one_guest_after_another $? "$(tail -n 3 "$W/first.log" "$W/second.log" "$W/host-7501.log" 2>/dev/null | tr -d '\r' | tr '\n' '|')"

# Two users' guests at once; one host of the one is killed, processes of its guest and all.
run $one victim 127.0.0.1:7501,127.0.0.1:7502 "test=sb_fence rounds=200000000 ms=600000" &
victim=$!
run $two other 127.0.0.1:7503,127.0.0.1:7504 "test=sb_fence,pingpong,ipi rounds=4000 hops=400" &
other=$!
begins victim 30
sleep 1
kill -9 "$pid_7502"
wait $victim
[ $? != 0 ]
verdict its_own_guest_ends $? "the guest of a killed host went on"
wait $other
verdict another_users_guest_goes_on $? "$(tail -n 3 "$W/other.log" | tr -d '\r' | tr '\n' '|')"

# The process of a guest is killed: the host lives, and takes another.
host $one 7502
listens 7502
run $one victim2 127.0.0.1:7501,127.0.0.1:7502 "test=sb_fence rounds=200000000 ms=600000" &
victim=$!
begins victim2 60
child=$(cat "/proc/$pid_7501/task/$pid_7501/children" 2>/dev/null | awk '{ print $1 }')
kill -9 ${child:-none}
wait $victim
run $one after 127.0.0.1:7501,127.0.0.1:7502 "$tests" && grep -q "the guest's process was killed by signal 9" "$W/host-7501.log"
verdict a_killed_guests_host_takes_another $? "$(tail -n 3 "$W/after.log" "$W/host-7501.log" | tr -d '\r' | tr '\n' '|')"

# It ends when it is told to, with all of its processes.
kill -TERM "$pid_7501"
wait "$pid_7501"
rc=$?
sleep 0.5
[ $rc = 0 ] && ! grep -qs pando "/proc/$child/comm"
verdict ends_when_told $? "status $rc"
cat "$W"/host-*.log | grep . | sed 's/^/    /' | head -20
exit "$bad"
