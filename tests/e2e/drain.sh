#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Hosts of a running micro-guest are drained and leave, one after the other, while it uses its memory; one comes back. What is
# short or in the way refuses it. Natively. Usage: tests/e2e/drain.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
tmp=$(mktemp -d)
export PANDO_RUN_DIR=$tmp/run
guest="" pids=()
trap 'for p in $guest "${pids[@]}"; do kill "$p" 2>/dev/null; done; wait 2>/dev/null; rm -rf "$tmp"' EXIT
suite=drain
. tests/support/suite.sh
show() { tail -n 8 "$log" | sed 's/^/    /'; }
kvm_or_skip drain || exit 0

"$O/pando" keygen "$tmp/key" >/dev/null
declare -A at
start_host() { # NAME VCPUS MEMORY
	local port
	port=$(free_port)
	"$O/pando" host --key "$tmp/key" --listen "127.0.0.1:$port" --cpus "$2" --memory "$3" --log-name "$1" >"$tmp/$1.log" 2>&1 &
	pids+=($!)
	disown
	at[$1]=127.0.0.1:$port
	wait_for 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
}
boot() { # NAME HOSTS WORDS...: the guest's words
	name=$1 log=$tmp/$1.log
	timeout -k 5 150 "$O/pando" run --hosts "$2" --key "$tmp/key" --max-hosts 4 --kernel "$O/guest-tools/micro.elf" --cpus 3 \
		--memory 96M --peer-timeout 3000 --name "$name" --quiet "${@:4}" --append "test=$3" >"$log" 2>&1 </dev/null &
	guest=$!
	wait_for 20 guest_runs "$name" || { no "$name.boot" "it does not run"; return 1; }
}
says() { grep -aq "$1" "$log"; }
pando() { "$O/pando" "$@" 2>"$tmp/why" >"$tmp/out"; }
does() { # WHAT COMMAND...
	local what=$1
	shift
	pando "$@"
	verdict "$name.$what" $? "$(cat "$tmp/why")"
}
refuses() { # WHAT PATTERN COMMAND...
	local what=$1 want=$2
	shift 2
	if pando "$@"; then no "$name.$what" "it is done"; else
		grep -q "$want" "$tmp/why"
		verdict "$name.$what" $? "$(cat "$tmp/why")"
	fi
}
finish() {
	[ "$2" = nmi ] && "$O/pando" qmp "$name" inject-nmi >/dev/null 2>&1
	wait "$guest"
	local rc=$?
	guest=
	says "^PASS $1" && ! says FAIL
	verdict "$name.guest" $((rc + $?)) "exit status $rc: $(grep -a 'FAIL\|pando:' "$log" | head -3)"
}

start_host a 4 128M
start_host b 4 128M
start_host c 4 128M
if boot leaves "${at[a]},${at[b]},${at[c]}" "stops outside=1 ms=100000"; then
	wait_for 20 says "STOPS WANTED"
	refuses first_host "has the guest's chips" drain "$name" 0
	refuses no_such_host "there is no host 3" drain "$name" 3
	refuses nothing_to_cancel "no host is being drained" drain --cancel "$name" 1
	does one drain "$name" 2
	grep -q "safe to remove" "$tmp/out"
	verdict "$name.says_so" $? "$(cat "$tmp/out")"
	does another drain "$name" 1
	does back add-host "$name" "${at[b]}"
	does vcpu_there move "$name" 1 1
	does homes_there qmp "$name" x-pando-move-homes '{"from":0,"to":1,"bytes":33554432}'
	does again drain "$name" 1
	finish stops nmi
fi
if boot works "${at[a]},${at[b]},${at[c]}" "storm,pattern,storm ops=160000"; then
	does one drain "$name" 1
	does another drain "$name" 2
	finish pattern ""
fi
start_host d 3 40M
start_host e 2 40M
if boot small "${at[a]},${at[d]},${at[e]}" "stops outside=1 ms=100000"; then
	wait_for 20 says "STOPS WANTED"
	does fits drain "$name" 2
	finish stops nmi
fi
start_host f 1 96M
start_host g 2 64M
if boot full "${at[f]},${at[g]}" "stops outside=1 ms=100000" --rng; then
	wait_for 20 says "STOPS WANTED"
	refuses vcpus "host 1 runs 2 vCPUs, the other hosts have offered 0 more" drain "$name" 1
	does device qmp "$name" device_add '{"driver":"virtio-rng-pci","id":"r","host":1}'
	refuses devices "has devices of the guest, which would be lost: virtio-rng" drain "$name" 1
	finish stops nmi
fi
start_host h 4 66M
if boot short "${at[h]},${at[g]}" "stops outside=1 ms=100000"; then
	wait_for 20 says "STOPS WANTED"
	refuses memory "MiB of memory have their home on host 1, the other hosts have offered .* MiB more" drain "$name" 1
	finish stops nmi
fi
exit $bad
