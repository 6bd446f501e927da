#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The board of a running micro-guest moves: while it uses its chips and writes its memory, before it grows, shrinks, is reset and has
# its button pressed. The first host is drained and leaves, and ends; another has its place and the board. A host that ends in each step.
# Natively. Usage: tests/e2e/board.sh BUILD_FOLDER [CASE...]     ROUNDS=6 PATIENCE=20 STRIDE=1 (as grow.sh)
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
shift
only="$* "
rounds=${ROUNDS:-6}
limit=${LIMIT:-300} # seconds for a guest, far away: for what hangs
suite=board
. tests/support/suite.sh
. tests/support/hosts.sh

wanted() { [ "$only" = " " ] || [[ " $only" == *" $1 "* ]]; } # CASE
boot() { # CASE HOSTS WORDS [OPTION...]: the guest's words. False: this case is not wanted, or the guest does not run
	wanted "$1" || return
	boot_guest "$1" "$limit" --hosts "$2" --key "$tmp/key" --max-hosts 3 --cpus 2 --memory 64M --peer-timeout 9000 "${@:4}" --append "$3"
}
has_board() { [ "$("$O/pando" hosts "$name" | awk '$3 == "board" { print $1 }')" = "$1" ]; }
shown() { "$O/pando" hosts "$name" 2>&1; }

host() { start_host "$1" --cpus 4 --memory 512M --overcommit; } # NAME
for h in a b c; do host $h; done

# ---- to and fro, then the first host leaves; another has its place, and the board; then the second leaves ----
if boot leaves "$(addresses a b)" "test=stops outside=1 ms=${limit}000"; then
	wait_for "$patience" says "STOPS WANTED"
	refuses nowhere "there is no host 2" move-board "$name" 2
	refuses there "the board is on host 0 already" move-board "$name" 0
	refuses holds "host 0 has the board" remove-host "$name" 0
	for ((n = 0; n < rounds; n++)); do
		step "$n.there" move-board "$name" 1 && step "$n.vcpus" move "$name" 0 1 && step "$n.back" move-board "$name" "${at[a]}" &&
			step "$n.vcpus" move "$name" 0 0 || break
	done
	[ "$n" = "$rounds" ] && has_board 0
	verdict "$name.to_and_fro" $? "$n of $rounds rounds; $(shown)"
	does stop qmp "$name" stop && does stopped move-board "$name" 1 && does cont qmp "$name" cont && does back move-board "$name" 0
	spare=c free=a
	for ((n = 0; n < rounds; n++)); do
		step "$n.drain0" drain "$name" 0 && has_board 1 || break
		step "$n.joins" add-host "$name" "${at[$spare]}" && step "$n.vcpu" move "$name" 0 0 || break
		step "$n.homes" qmp "$name" x-pando-move-homes '{"from":1,"to":0,"bytes":16777216}' || break
		step "$n.drain1" drain "$name" "${at[b]}" && has_board 0 || break
		step "$n.again" add-host "$name" "${at[b]}" && step "$n.vcpu" move "$name" 1 1 || break
		was=$spare spare=$free free=$was # free: the one that was drained from place 0 last
	done
	[ "$n" = "$rounds" ]
	verdict "$name.each_in_turn" $? "$n of $rounds rounds; $(shown)"
	does drain0 drain "$name" 0 && kill "${pid[$free]}" && wait_for "$patience" ended "${pid[$free]}"
	verdict "$name.ends" $? "the host that has left does not end"
	does homes qmp "$name" stop && does homes qmp "$name" cont && has_board 1
	verdict "$name.goes_on" $? "$(shown)"
	host "$free"
	# Nothing that it has written is lost, and its clock has not gone back.
	nmi
	finish stops
fi

# ---- the guest uses the I/O APIC, the serial port and the timers meanwhile ----
words=$(printf 'ioapic,port,timer,%.0s' $(seq 60))
if boot works "$(addresses a b)" "test=${words}clock"; then
	n=0
	while "$O/pando" move-board "$name" $((1 - n % 2)) >/dev/null 2>"$tmp/why"; do n=$((n + 1)); done
	finish clock
	[ $n -gt 1 ]
	verdict "$name.moved" $? "$n moves: $(cat "$tmp/why")"
fi

# ---- what is typed meanwhile arrives whole, and once ----
if wanted keys && ! type -P ld >/dev/null; then
	echo "SKIP $suite.keys: nothing here that makes the guest that counts"
elif wanted keys && flat_guest tests/e2e/console.S COUNT "$tmp/count"; then
	name=keys log=$tmp/keys.log
	mkfifo "$tmp/typed"
	timeout -k 5 "$limit" "$O/pando" run --kernel "$tmp/count" --name "$name" --quiet --hosts "$(addresses a b)" --key "$tmp/key" \
		--cpus 2 --memory 16M <"$tmp/typed" >"$log" 2>&1 &
	guest=$!
	exec {typist}>"$tmp/typed"
	wait_for "$patience" says ready
	trap '' PIPE # of a guest that has ended
	for ((n = 0; n < 2 * rounds; n++)); do
		head -c 999 /dev/zero | tr '\0' a >&"$typist"
		step "$n.moves" move-board "$name" $((1 - n % 2)) || break
	done
	printf q >&"$typist"
	trap - PIPE
	exec {typist}>&-
	end_of_guest
	rc=$?
	says "^$(printf %08x $((2 * rounds * 999 + 1)))"
	verdict "$name.all_typed" $((rc + $?)) "exit status $rc: $(tail -n 2 "$log")"
fi

# ---- its memory, which nobody else looks at, is what was written: the first host leaves meanwhile ----
if boot contents "$(addresses a b)" "test=storm,pattern,storm ops=${OPS:-80000}"; then
	does board move-board "$name" 1 && does back move-board "$name" 0 && does drain drain "$name" 0 && has_board 1
	verdict "$name.drained" $? "$(shown)"
	finish pattern
fi

# ---- it grows where the board is, hears of it, and finds it after a reset ----
if boot grows "$(addresses a b)" "test=grow outside=1 more_cpus=2 more_mib=128 stride=${STRIDE:-1}" --max-cpus 8 --max-memory 1G; then
	wait_for "$patience" says 'GROW 0?' || no "$name.asks" "the guest does not ask"
	does board move-board "$name" 1
	does cpu qmp "$name" x-pando-grow '{"host":0,"cpus":1}'
	wait_for "$patience" said '^GROWN cpu' 1
	verdict "$name.first" $? "$(grep -ac 'GROWN cpu' "$log")"
	does reset qmp "$name" system_reset
	wait_for "$patience" said 'GROW 0?' 2
	says '^vcpus 3 '
	verdict "$name.tables_name_it" $? "$(grep -a '^vcpus' "$log")"
	does home move-board "$name" 0
	does memory qmp "$name" x-pando-grow '{"host":1,"memory":134217728}'
	does cpu qmp "$name" x-pando-grow '{"host":1,"cpus":1}'
	wait_for "$patience" said '^GROWN cpu' 2
	verdict "$name.second" $? "$(grep -ac 'GROWN' "$log")"
	does quit qmp "$name" quit
	end_of_guest
fi

# ---- what the guest says comes from where the board is: it gives a vCPU up, which comes again ----
if boot shrinks "$(addresses a b)" "test=grow outside=1 more_cpus=1 more_mib=128 rounds=2 stride=${STRIDE:-1}" --max-cpus 3 --max-memory 1G; then
	wait_for "$patience" says 'GROW 0?' || no "$name.asks" "the guest does not ask"
	does board move-board "$name" 1
	does grow grow "$name" --host 0 --cpus 1 --memory 128M
	wait_for "$patience" says 'SHRINK 0?'
	does shrink shrink "$name" --cpu 2
	wait_for "$patience" says '^GIVEN-UP cpu'
	gone() { [ "$("$O/pando" qmp "$name" query-cpus-fast | grep -c cpu-index)" = 2 ]; }
	wait_for "$patience" gone
	verdict "$name.gone" $? "$(tail -n 2 "$tmp/$name.log")"
	does again grow "$name" --host 1 --cpus 1
	finish grow
fi

# ---- the power button, which is an interrupt of the ACPI chip ----
if boot power "$(addresses a b)" "test=power outside=1 presses=4"; then
	wait_for "$patience" says 'PRESS 0?' || no "$name.asks" "the guest does not ask"
	does button qmp "$name" system_powerdown
	wait_for "$patience" says 'PRESS 1?' || no "$name.heard" "the guest has not heard of it"
	does drain drain "$name" 0
	for ((n = 1; n < 4; n++)); do
		wait_for "$patience" says "PRESS $n?" || break
		does button qmp "$name" system_powerdown
	done
	finish power
fi

# ---- what stays: the first PCI bus ----
if boot cards "$(addresses a b)" "test=stops outside=1 ms=${limit}000" --rng; then
	wait_for "$patience" says "STOPS WANTED"
	does board move-board "$name" 1
	refuses bus "would be lost: rng0; host 0 has PCI bus 0" drain "$name" 0
	does add qmp "$name" device_add '{"driver":"virtio-rng-pci","id":"r","host":1}'
	refuses card "would be lost: r; take them away first (device_del)" drain "$name" 1
	nmi
	finish stops
fi

# ---- a guest that boots from its disk does so where that is, at a reset too, wherever the board and vCPU 0 are ----
guest_disk() { # FILE: a file system with a micro-guest where a disk's kernel is
	mkdir -p "$tmp/root/etc" && echo 'ID=micro' >"$tmp/root/etc/os-release" && cp "$O/guest-tools/micro.elf" "$tmp/root/vmlinuz" &&
		mke2fs -q -t ext4 -d "$tmp/root" "$1" 16M >/dev/null
}
PATH=$PATH:/usr/sbin:/sbin
if wanted disk && ! type -P mke2fs >/dev/null; then
	echo "SKIP $suite.disk: mke2fs is not installed"
elif wanted disk && guest_disk "$tmp/disk.img"; then
	boots=(--disk "$tmp/disk.img" --net none)
	if boot disk "$(addresses a b)" "test=stops outside=1 ms=${limit}000"; then
		wait_for "$patience" says "STOPS WANTED"
		does board move-board "$name" 1 && does vcpu move "$name" 0 1 && does reset qmp "$name" system_reset
		wait_for "$patience" said "STOPS WANTED" 2
		verdict "$name.boots_again" $? "$(tail -n 4 "$log")"
		has_board 1 && pando qmp "$name" x-pando-query-vcpu-placement && tr -d ' \n' <"$tmp/out" | grep -q '"vcpu":0,"host":0\b'
		verdict "$name.where_the_disk_is" $? "$(shown) $(answer)"
		refuses stays "host 0 has PCI bus 0" drain "$name" 0
		nmi
		finish stops
	fi
	boots=(--kernel "$O/guest-tools/micro.elf")
fi

# ---- a host that ends in any step ends the guest, which says which; the others are free for the next one ----
lost() { # PLACE VERB: of the host that has the board, of the one that is to have it, or of another; it ends when it is asked that
	local hosts=(a b c) rc
	PANDO_END_AT=$2 host x
	hosts[$1]=x
	boot_guest "lost-$2" "$limit" --hosts "$(addresses "${hosts[@]}")" --key "$tmp/key" --cpus 3 --memory 96M --append "test=stops outside=1 ms=${limit}000" || return
	pando move-board "$name" 1 && no "$name.refused" "the board has moved"
	end_of_guest
	rc=$?
	[ $rc = 5 ] && says "lost host $1 at ${at[x]}" && ! says '^FAIL'
	verdict "$name" $? "exit status $rc: $(tail -n 2 "$log")"
}
if wanted lost; then
	lost 1 board-images
	lost 2 pause
	lost 0 board-give
	lost 1 board-take
	lost 2 board-moved
	lost 0 board-lines
	lost 2 resume
	lost 1 board-open
fi
exit $bad
