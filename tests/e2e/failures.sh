#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What happens when things go wrong: hosts killed and stopped, frames lost and altered, strangers at the door, Ctrl-C, bad input. Runs the product
# itself with the micro-guest on the local KVM.  Usage: tests/e2e/failures.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
PANDO=$O/pando
MICRO=$O/guest-tools/micro.elf
WORK=$(mktemp -d)
export PANDO_RUN_DIR=$WORK/run
pids=()
suite=failures
. tests/support/suite.sh

cleanup() {
	for p in "${pids[@]}"; do
		kill -CONT "$p" 2>/dev/null
		kill -KILL "$p" 2>/dev/null
	done
	rm -rf "$WORK"
}
trap cleanup EXIT

show() {
	for f in "$WORK"/*.log; do
		echo "    $f:"
		tail -n 8 "$f" | sed 's/^/        /'
	done
}

seal=() # --plain, for hosts and runs
at_hosts=() at_run=() HOST_IP=127.0.0.1 # how to come to where hosts and runs are, and what hosts are called there
start_hosts() { # N: HOST_PID[], HOSTS list
	HOST_PID=() HOSTS=
	local h port
	for ((h = 0; h < $1; h++)); do
		port=$(free_port)
		"${at_hosts[@]}" "$PANDO" host "${seal[@]}" --key "$WORK/key" --listen "$HOST_IP:$port" --cpus 1 --memory 32M \
			--log-name "host$h" >"$WORK/host$h.log" 2>&1 &
		HOST_PID[h]=$!
		pids+=($!)
		HOSTS=$HOSTS${HOSTS:+,}$HOST_IP:$port
		wait_for 5 "${at_hosts[@]}" bash -c "exec 3<>/dev/tcp/$HOST_IP/$port"
	done
}

stop_hosts() {
	kill -TERM "${HOST_PID[@]}" 2>/dev/null
	local p
	for p in "${HOST_PID[@]}"; do
		wait "$p" 2>/dev/null
	done
}

# A guest that never ends by itself (ENDLESS) or ends at once (QUICK).
ENDLESS="test=storm ops=4000000000"
QUICK="test=smp"
# What this script starts in the background ignores SIGINT, unless it is told not to.
INTERRUPTED=(env --default-signal=INT)
run_guest() { # LABEL APPEND [option...]: RUN_PID
	local label=$1 append=$2
	shift 2
	"${at_run[@]}" "${INTERRUPTED[@]}" "$PANDO" run "${seal[@]}" --kernel "$MICRO" --append "$append" --hosts "$HOSTS" --key "$WORK/key" --cpus 2 \
		--memory 64M --peer-timeout 1500 --name "$label" "$@" >"$WORK/$label.log" 2>&1 </dev/null &
	RUN_PID=$!
	pids+=($!)
}
is_running() { "$PANDO" status "$1" && grep -q "PASS smp" "$WORK/$1.log"; }

# in_time PID SECONDS: waits for a process; its exit status in RC, 99 if it was too slow
in_time() {
	local end=$((SECONDS + $2))
	while kill -0 "$1" 2>/dev/null; do
		[ $SECONDS -ge $end ] && { RC=99; return; }
		sleep 0.1
	done
	wait "$1"
	RC=$?
}

lost_host_test() { # NAME SIGNAL
	start_hosts 2
	run_guest "$1" "$ENDLESS"
	wait_for 20 is_running "$1" || { no "$1" "the guest did not start"; stop_hosts; return; }
	kill "-$2" "${HOST_PID[1]}"
	in_time $RUN_PID 15
	[ $RC -eq 5 ] && grep -q "lost host 1" "$WORK/$1.log"
	verdict "$1.run_names_the_host" $? "exit status $RC (expected 5 and 'lost host 1')"
	grep -q "lost host 1" "$WORK/host0.log"
	verdict "$1.other_host_names_it" $? "host 0 does not name host 1"
	kill -CONT "${HOST_PID[1]}" 2>/dev/null
	kill -0 "${HOST_PID[0]}"
	verdict "$1.other_host_lives" $? "host 0 ended too"
	if [ "$2" = STOP ]; then # it goes on, notices, and serves again
		sleep 4
		run_guest "$1.again" "$QUICK"
		in_time $RUN_PID 30
		verdict "$1.hosts_serve_again" $RC "a later guest ended with status $RC"
	fi
	stop_hosts
}

test_garbage() {
	start_hosts 2
	local port=${HOSTS##*:} first=${HOSTS%%,*} i
	run_guest garbage "$ENDLESS"
	wait_for 20 is_running garbage || { no garbage "the guest did not start"; stop_hosts; return; }
	for i in 1 2 3 4 5; do
		head -c 200000 /dev/urandom 2>/dev/null | timeout 2 bash -c "cat >/dev/tcp/127.0.0.1/$port" 2>/dev/null
		timeout 1 bash -c "exec 3<>/dev/tcp/127.0.0.1/${first##*:}; printf 'GET / HTTP/1.1\r\n\r\n' >&3; sleep 0.5" 2>/dev/null
	done
	for i in $(seq 40); do # silent strangers
		(timeout 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port; sleep 4" 2>/dev/null &)
	done
	"$PANDO" keygen "$WORK/other.key"
	"$PANDO" run --kernel "$MICRO" --append "$QUICK" --hosts "$HOSTS" --key "$WORK/other.key" --name stranger \
		--memory 64M >"$WORK/stranger.log" 2>&1 </dev/null
	[ $? -eq 1 ] && grep -qi "key" "$WORK/stranger.log"
	verdict garbage.wrong_key_is_refused $? "expected status 1 and a word about the key"
	"$PANDO" run --kernel "$MICRO" --append "$QUICK" --hosts "$first" --key "$WORK/key" --name second \
		--memory 32M --start-timeout 3 >"$WORK/second.log" 2>&1 </dev/null
	[ $? -eq 1 ] && grep -q "host 0 at $first runs another guest" "$WORK/second.log"
	verdict garbage.second_guest_is_refused $? "expected status 1 and 'runs another guest'"
	sleep 1
	"$PANDO" status garbage >"$WORK/status.log" && kill -0 $RUN_PID
	verdict garbage.guest_goes_on $? "the guest did not survive strangers"
	kill -INT $RUN_PID
	in_time $RUN_PID 10
	[ $RC -eq 130 ]
	verdict interrupt.status $? "exit status $RC, expected 130"
	kill -0 "${HOST_PID[0]}" && kill -0 "${HOST_PID[1]}" && [ ! -e "$PANDO_RUN_DIR/garbage.qmp" ]
	verdict interrupt.hosts_stay_nothing_is_left $? "a host ended, or a socket is left"
	stop_hosts
}

test_local_leaves_nothing() {
	"${INTERRUPTED[@]}" "$PANDO" run --local 2 --kernel "$MICRO" --append "$ENDLESS" --memory 64M --name local \
		>"$WORK/local.log" 2>&1 </dev/null &
	RUN_PID=$!
	pids+=($!)
	wait_for 20 is_running local || { no local "the guest did not start"; return; }
	local children
	children=$(ps -o pid= --ppid $RUN_PID)
	kill -INT $RUN_PID
	in_time $RUN_PID 15
	local left=0 p
	for p in $children; do
		kill -0 "$p" 2>/dev/null && left=1
	done
	[ $RC -eq 130 ] && [ $left -eq 0 ]
	verdict local.interrupt_leaves_nothing $? "status $RC, host processes left: $left"
}

# refused NAME PATTERN ARGS...: pando says no, names the value, and starts nothing
refused() {
	local name=$1 pattern=$2
	shift 2
	"$PANDO" "$@" >"$WORK/refused.log" 2>&1 </dev/null
	local rc=$?
	[ $rc -ne 0 ] && [ $rc -lt 100 ] && grep -qi -- "$pattern" "$WORK/refused.log"
	verdict "bad_input.$name" $? "status $rc, expected a refusal with '$pattern'"
}

# Each begins while the hosts still end the one before it.
test_one_after_another() {
	start_hosts 2
	local i before failed=
	for ((i = 0; i < 5; i++)); do
		run_guest "before$i" "$ENDLESS"
		wait_for 20 is_running "before$i" || { no one_after_another "guest $i did not start"; break; }
		before=$RUN_PID
		kill -INT $before
		run_guest "after$i" "$QUICK"
		in_time $RUN_PID 30
		[ $RC -eq 0 ] || failed="$failed $RC ($(tail -n 1 "$WORK/after$i.log"))"
		in_time $before 10
	done
	[ -z "$failed" ]
	verdict one_after_another.the_next_guest_waits $? "exit statuses:$failed"
	stop_hosts
}

# A local host that is over is named with its end, at its start and later.
test_local_host_ends() {
	(ulimit -n 8 && exec "$PANDO" run --local 1 --kernel "$MICRO" --append "$QUICK" --memory 64M) >"$WORK/few.log" 2>&1 </dev/null
	[ $? -eq 1 ] && grep -q 'process [0-9]* ended with status\|Too many open files' "$WORK/few.log"
	verdict local.one_that_cannot_start_is_named $? "status, or not named"
	"$PANDO" run --local 2 --kernel "$MICRO" --append "$ENDLESS" --memory 64M --name shot >"$WORK/shot.log" 2>&1 </dev/null &
	RUN_PID=$!
	pids+=($!)
	wait_for 20 is_running shot || { no local.shot "the guest did not start"; return; }
	kill -KILL "$(ps -o pid= --ppid $RUN_PID | head -n 1)"
	in_time $RUN_PID 15
	[ $RC -eq 5 ] && grep -q 'lost host 0 .*was killed by signal 9' "$WORK/shot.log"
	verdict local.one_that_is_killed_is_named $? "status $RC, expected 5 and the signal"
}

# A host that takes connections and answers none: Ctrl-C is heard at once.
test_interrupt_while_connecting() {
	local port
	port=$(free_port)
	socat "tcp-listen:$port,bind=127.0.0.1,fork" exec:'sleep 60' 2>/dev/null &
	pids+=($!)
	wait_for 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
	HOSTS=127.0.0.1:$port
	run_guest calling "$QUICK"
	wait_for 5 grep -q 'connecting to the hosts' "$WORK/calling.log"
	kill -INT $RUN_PID
	in_time $RUN_PID 10
	[ $RC -eq 130 ] && ! grep -q 'cannot reach' "$WORK/calling.log"
	verdict interrupt.heard_while_connecting $? "status $RC, expected 130 before the host's time is over"
}

# The machine of `pando run` loses its network: no connection ends, nobody hears of anything. Two namespaces joined by a cable.
own_namespace() { # PID
	unshare -n sleep 300 &
	PID=$!
	pids+=($PID)
	wait_for 5 bash -c "[ \$(readlink /proc/$PID/ns/net) != \$(readlink /proc/self/ns/net) ]"
}
test_vanished() {
	if ! unshare -n true 2>/dev/null; then
		echo "SKIP failures.vanished: no network namespace can be made here"
		return
	fi
	own_namespace && at_hosts=(nsenter -t "$PID" -n)
	own_namespace && at_run=(nsenter -t "$PID" -n)
	HOST_IP=10.0.0.1
	"${at_hosts[@]}" ip link add cable type veth peer name cable netns "$PID" &&
		"${at_hosts[@]}" ip addr add 10.0.0.1/24 dev cable && "${at_hosts[@]}" ip link set cable up &&
		"${at_hosts[@]}" ip link set lo up && "${at_run[@]}" ip addr add 10.0.0.2/24 dev cable &&
		"${at_run[@]}" ip link set cable up || { no vanished "no cable between two namespaces"; return; }
	start_hosts 2
	run_guest vanished "$ENDLESS"
	wait_for 20 is_running vanished || { no vanished "the guest did not start"; stop_hosts; return; }
	kill -STOP $RUN_PID # the machine is there
	wait_for 20 grep -q "it is waited for" "$WORK/host0.log"
	sleep 2
	kill -CONT $RUN_PID
	sleep 2
	"$PANDO" status vanished >/dev/null && ! grep -q "the guest is stopped" "$WORK"/host?.log
	verdict vanished.a_stopped_run_keeps_its_guest $? "it was taken for a machine that is gone"
	"${at_hosts[@]}" ip link set cable down
	local h
	for h in 0 1; do
		wait_for 10 grep -q "its machine does not answer: the guest is stopped" "$WORK/host$h.log"
		verdict "vanished.host${h}_notices" $? "it goes on with a guest of nobody"
	done
	in_time $RUN_PID 15
	[ $RC -eq 5 ] && grep -q "lost host [01] at 10.0.0.1:[0-9]*: silent for too long" "$WORK/vanished.log"
	verdict vanished.so_does_run $? "exit status $RC (expected 5 and a lost host)"
	"${at_hosts[@]}" ip link set cable up
	run_guest vanished.again "$QUICK"
	in_time $RUN_PID 30
	verdict vanished.hosts_are_free $RC "a later guest ended with status $RC"
	stop_hosts
	at_hosts=() at_run=() HOST_IP=127.0.0.1
}

kind_of() { # NAME: of a coherence message, or another one, for lossy.py
	awk -F'[(,]' -v name="$1" '/^COH_MSG\(/ { if ($2 == name) print n + 0; n++ }' coherence/coh_msg.def
	awk -F'[(,] *' -v name="$1" '/^MSG\(/ && $3 == name { print "m" $2 }' net/msg.def
}

# One frame between the hosts is lost or altered on its way, which a relay can do to plain ones: the guest ends as with a lost host, and
# says why.
harmed_frame_test() { # NAME HOW KIND PATTERN
	local ports=() h port proxies=()
	start_hosts 2
	IFS=, read -ra ports <<<"$HOSTS"
	HOSTS=
	for h in 0 1; do
		port=$(free_port)
		python3 tests/e2e/lossy.py "$port" "${ports[h]##*:}" "$2" "$(kind_of "$3")" "$WORK/harm.$1" >"$WORK/relay$h.log" 2>&1 &
		proxies+=($!)
		pids+=($!)
		HOSTS=$HOSTS${HOSTS:+,}127.0.0.1:$port
		wait_for 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
	done
	run_guest "$1" "${harmed_guest:-$ENDLESS}"
	if wait_for 30 is_running "$1"; then
		: >"$WORK/harm.$1"
		in_time $RUN_PID 20
		[ $RC -eq 5 ] && grep -qE "lost host [01] at 127.0.0.1:[0-9]+: $4" "$WORK/$1.log"
		verdict "$1" $? "exit status $RC (expected 5 and 'lost host N at ADDRESS: $4'); $(cat "$WORK"/relay*.log)"
	else
		no "$1" "the guest did not start"
	fi
	kill "${proxies[@]}" 2>/dev/null
	stop_hosts
}

test_bad_input() {
	head -c 100000 /dev/urandom >"$WORK/noise"
	refused kernel_missing "/nonexistent" run --local 1 --kernel /nonexistent --memory 64M
	[ ! -w /dev/kvm ] || refused kernel_noise "kernel" run --local 1 --kernel "$WORK/noise" --memory 64M # found when it is loaded
	refused initrd_missing "no-such" run --local 1 --kernel "$MICRO" --initrd "$WORK/no-such" --memory 64M
	: >"$WORK/empty"
	refused kernel_folder "is a folder" run --hosts 127.0.0.1:1 --key "$WORK/key" --kernel "$WORK" --memory 64M
	refused kernel_device "is empty" run --hosts 127.0.0.1:1 --key "$WORK/key" --kernel /dev/null --memory 64M
	refused initrd_empty "is empty" run --hosts 127.0.0.1:1 --key "$WORK/key" --kernel "$MICRO" --initrd "$WORK/empty" --memory 64M
	refused status_nowhere "/nonexistent/x" run --hosts 127.0.0.1:1 --key "$WORK/key" --kernel "$MICRO" --status-json /nonexistent/x
	refused memory_word "lots" run --local 1 --kernel "$MICRO" --memory lots
	refused memory_largest "2 MiB" run --local 1 --kernel "$MICRO" --memory 18446744073709551615
	refused memory_huge "available\|leaves" run --local 1 --kernel "$MICRO" --memory 18446744073707454464
	refused local_memory "local-memory" run --local 1 --kernel "$MICRO" --local-memory 1
	refused more_than_there_is "overcommit" run --local 2 --kernel "$MICRO" --memory 4096T
	refused host_offers_more "overcommit" host --key "$WORK/key" --listen 127.0.0.1:0 --memory 4096T
	refused memory_zero "memory" run --local 1 --kernel "$MICRO" --memory 0
	refused cpus_zero "'0'" run --local 1 --kernel "$MICRO" --cpus 0
	refused cpus_many "5000" run --local 1 --kernel "$MICRO" --cpus 5000
	refused no_hosts "hosts" run --kernel "$MICRO"
	refused bad_address "nowhere" run --kernel "$MICRO" --hosts nowhere --key "$WORK/key"
	refused dead_address "127.0.0.1:1" run --kernel "$MICRO" --hosts 127.0.0.1:1 --key "$WORK/key"
	refused unknown_option "--frobnicate" run --frobnicate
	refused unknown_command "frob" frob
	refused status_of_nobody "nobody" status nobody
	refused host_without_key "key" host --memory 64M
}

"$PANDO" keygen "$WORK/key" || exit 1
test_bad_input
kvm_or_skip failures.guests || exit $bad
lost_host_test killed KILL
lost_host_test stopped STOP
# Found by their number, or before that by who waits for a page.
lost="(the link lost or added messages: [0-9]+ came of [0-9]+|page at 0x[0-9a-f]+: .*; the link lost or altered a message)"
seal=(--plain)
harmed_frame_test lost_request lose REQ_WRITE "$lost"
harmed_frame_test lost_page lose GRANT "$lost"
harmed_frame_test lost_end lose DONE "$lost"
harmed_frame_test altered_kind unknown GRANT "broke the coherence protocol: unknown message kind"
harmed_frame_test altered_checksum crc GRANT "broke the protocol"
harmed_guest="test=portorder rounds=4000000000" # writes that nobody waits for
harmed_frame_test lost_write lose IO_REQ "the link lost or added messages: [0-9]+ came of [0-9]+"
harmed_guest=
seal=()
test_garbage
test_vanished
test_one_after_another
test_local_leaves_nothing
test_local_host_ends
test_interrupt_while_connecting
exit $bad
