#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sealed hosts and plain ones, with somebody between them who keeps all that passes and changes a bit of it. Natively.
# Usage: tests/e2e/sealed.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
suite=sealed
limit=240 # seconds, far away: for what hangs
patience=60
. tests/support/suite.sh
. tests/support/hosts.sh
text='KnownGuestBytes!'
of_test=$((64 * 4096 / 16)) # so often the test has it in its memory, beside once in the kernel
known="test=known ms=1"
endless="test=storm ops=4000000000"

# Two hosts, each behind a relay (RECORD: what passed), whose addresses the guest's hosts know each other by.
behind_relays() { # NAME HOW OPTION...: hosts; relayed: how they are called
	local name=$1 how=$2 h port
	shift 2
	relayed=""
	for h in a b; do
		start_host "$name-$h" --cpus 1 --memory 32M "$@"
		port=$(free_port)
		python3 tests/e2e/lossy.py "$port" "${at[$name-$h]##*:}" "$how" - "$tmp/$name.sign" "$tmp/$name.record" >"$tmp/$name-$h.relay" 2>&1 &
		host_pids+=($!)
		disown
		wait_for 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" || no "$name.relay" "$(cat "$tmp/$name-$h.relay")"
		relayed+=${relayed:+,}127.0.0.1:$port
	done
}
run() { # NAME OPTION...: to its end, at most so long; what it says in $log. Its exit status
	name=$1 log=$tmp/$1.log
	shift
	timeout -k 5 "$limit" "$O/pando" run --kernel "$O/guest-tools/micro.elf" --cpus 2 --memory 64M --key "$tmp/key" --peer-timeout 20000 \
		--name "$name" --status-json "$tmp/$name.json" "$@" >"$log" 2>&1 </dev/null
}
seen() { grep -ao "$text" "$tmp/$name.record" | wc -l; }
seals() { grep -o '"seal": *"[^"]*"' "$tmp/$name.json" | sort -u | tr '\n' ' '; }
said_by() { # WHAT FILE PATTERN
	grep -aq -- "$3" "$tmp/$2"
	verdict "$name.$1" $? "no '$3' in: $(tail -n 5 "$tmp/$2")"
}

test_nobody_listens() {
	behind_relays sealed none
	run sealed --hosts "$relayed" --append "$known"
	local rc=$?
	[ $rc = 0 ] && says '^PASS known'
	verdict sealed.guest $? "exit status $rc"
	[[ $(seals) == '"seal": "AES-256-GCM" ' || $(seals) == '"seal": "ChaCha20-Poly1305" ' ]]
	verdict sealed.status $? "$(seals)"
	[ "$(grep -ac PANDO "$tmp/sealed.record")" -gt 0 ] && [ "$(seen)" = 0 ] && ! grep -aq 'RESULT' "$tmp/sealed.record"
	verdict sealed.nothing_of_the_guest_is_seen $? "its text $(seen) times in $(stat -c %s "$tmp/sealed.record") bytes, or its kernel, or no handshake"
	! grep -q -- '--plain' "$log" "$tmp/sealed-a.log"
	verdict sealed.no_warning $? "$(grep -h -- --plain "$log" "$tmp/sealed-a.log")"

	behind_relays plain none --plain
	run plain --plain --hosts "$relayed" --append "$known"
	rc=$?
	[ $rc = 0 ] && says '^PASS known'
	verdict plain.guest $? "exit status $rc"
	[[ $(seals) == '"seal": "plain" ' ]]
	verdict plain.status $? "$(seals)"
	[ "$(seen)" -ge "$of_test" ]
	verdict plain.all_of_it_is_seen $? "$(seen) times instead of $of_test: the relay would see nothing of sealed hosts either"
	said_by run_says_so plain.log 'warning: --plain: guest memory crosses the network as it is'
	said_by host_says_so plain-a.log 'warning: --plain: guest memory crosses the network as it is'
}

# One bit: the guest ends with a lost host, and both ends have said why and counted it.
test_nobody_changes_anything() {
	behind_relays flipped flip
	boot_guest flipped $limit --hosts "$relayed" --key "$tmp/key" --cpus 2 --memory 64M --peer-timeout 20000 --append "$endless" \
		--status-json "$tmp/flipped.json" || return
	"$O/pando" status flipped >"$tmp/flipped.status"
	said_by status flipped.status '^between hosts: 1 link sealed with '
	: >"$tmp/flipped.sign"
	end_of_guest
	local rc=$?
	[ $rc = 5 ] && says 'lost host [01] at 127.0.0.1:[0-9]*: what came was not sealed by it'
	verdict flipped.ends_the_guest $? "exit status $rc (expected 5 and a lost host)"
	grep -aq 'a record with a wrong tag: somebody else wrote on its connection' "$tmp"/flipped-?.log
	verdict flipped.host_says_why $? "$(tail -n 3 "$tmp"/flipped-?.log)"
	grep -q '"bad_tags": *1' "$tmp/flipped.json"
	verdict flipped.is_counted $? "$(grep -o '"bad_tags": *[0-9]*' "$tmp/flipped.json" | tr '\n' ' ')"
	grep -q harmed "$tmp"/flipped-?.relay
	verdict flipped.was_flipped $? "the relay did nothing"
}

refused() { # NAME PATTERN HOST ITS-PATTERN OPTION...: the run ends at once, and says what to do; so does the host
	local want=$2 host=$3 its=$4 rc i
	run "$1" --append "$known" "${@:5}"
	rc=$?
	[ $rc = 1 ] && says "$want"
	verdict "$name.refused" $? "exit status $rc (expected 1 and '$want')"
	for i in 1 2 3 4 5; do # a host tells of one in a second, and strangers have called too
		grep -q -- "$its" "$tmp/$host.log" && break
		sleep 1
		run "$1" --append "$known" "${@:5}"
	done
	said_by host_says_so "$host.log" "$its"
}

test_both_say_the_same() {
	start_host both --cpus 1 --memory 64M
	start_host plain --cpus 1 --memory 64M --plain
	refused plain_host 'the other side was started with --plain, and this one seals its traffic: start the other one without' \
		plain 'refused a connection: it seals its traffic, and this host was started with --plain' --hosts "$(addresses both plain)"
	refused plain_run 'the other side seals its traffic, and --plain was given here: leave it out' \
		both 'refused a connection: it was told --plain, and this host seals its traffic' --plain --hosts "$(addresses plain both)"
	"$O/pando" keygen "$tmp/other" >/dev/null
	refused wrong_key 'the other side does not have the same cluster key' \
		both 'refused a connection: it does not know the cluster key' --hosts "$(addresses both)" --key "$tmp/other"
	name=check
	pando check --key "$tmp/key" "${at[plain]}"
	answer | grep -q "^PASS *other .*${at[plain]} answers"
	verdict check.reaches_plain_hosts $? "$(answer)"
	name=input
	refuses both 'expected one of them at most' run --local 1 --plain --sealed --kernel "$O/guest-tools/micro.elf"
}

test_local() {
	local how
	for how in "" --sealed; do
		# shellcheck disable=SC2086 # no word, or one
		run "local$how" --local 2 $how --append "$known"
		[ $? = 0 ] && says '^PASS known' && if [ -z "$how" ]; then [[ $(seals) == '"seal": "plain" ' ]]; else [[ $(seals) != *plain* ]]; fi
		verdict "local$how" $? "$(seals)"
	done
	dpdk_or_skip sealed.dpdk || return
	run dpdk --local 2 --sealed --link dpdk:memif,drop=1% --append "$known"
	[ $? = 0 ] && says '^PASS known' && [[ $(seals) != *plain* ]] && grep -q '"transport": *"dpdk"' "$tmp/dpdk.json"
	verdict dpdk $? "$(seals) $(grep -o '"transport": *"[^"]*"' "$tmp/dpdk.json" | sort -u)"
}

# Hosts that show certificates, to an operator who does.
test_who_is_who() {
	local n
	"$O/pando" cluster init "$tmp/cluster" >/dev/null
	for n in a b operator; do
		"$O/pando" cluster join "$("$O/pando" cluster token "$tmp/cluster" --role "$([ $n = operator ] && echo operator || echo host)")" \
			--out "$tmp/id-$n" --via "$O/pando cluster answer $tmp/cluster" --name $n >/dev/null || no members.join "$n"
		[ $n = operator ] || start_host "member-$n" --cpus 1 --memory 32M --id "$tmp/id-$n"
	done
	run members --id "$tmp/id-operator" --hosts "$(addresses member-a member-b)" --append "$known"
	local rc=$?
	[ $rc = 0 ] && says '^PASS known'
	verdict members.guest $? "exit status $rc: $(tail -n 3 "$log")"
	refused key_alone 'the other side wants a certificate' member-a 'it shows no certificate, and this host wants one' \
		--hosts "$(addresses member-a member-b)"
}

test_nobody_listens
test_nobody_changes_anything
test_both_say_the_same
test_local
test_who_is_who
exit $bad
