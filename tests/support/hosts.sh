# SPDX-License-Identifier: Apache-2.0
# Micro-guests natively, over hosts that a shell test starts, adds, drains and kills; and what is said to them. Sourced after
# suite.sh, with suite and O set: makes $tmp, which goes at the end with all that was started, and leaves out the suite where there
# is no KVM. name, log, guest: the present guest, what it says, its `pando run`.
# shellcheck shell=bash
patience=${PATIENCE:-20} # seconds for what comes at once; PANDO_OPTIONS: more of `pando run`
tmp=$(mktemp -d)
export PANDO_RUN_DIR=$tmp/run
name="" log=$tmp/none guest="" host_pids=()
boots=(--kernel "$O/guest-tools/micro.elf") # what guests boot from
declare -A at pid # of hosts, by the name that start_host() gave them: address and process
end_all() {
	local p
	[ -z "$guest" ] || { kill "$guest"; wait "$guest"; } 2>/dev/null
	for p in "${host_pids[@]}"; do kill -KILL "$p" 2>/dev/null; done
	rm -rf "$tmp"
}
trap end_all EXIT
show() { tail -n 8 "$log" | sed 's/^/    /'; }
kvm_or_skip "$suite" || exit 0
"$O/pando" keygen "$tmp/key" >/dev/null

# ---- hosts ----

start_host() { # NAME OPTION...: one of `pando host`; an environment for it alone is set before the call
	local port host=$1
	shift
	port=$(free_port)
	"$O/pando" host --key "$tmp/key" --listen "127.0.0.1:$port" --log-name "$host" "$@" >"$tmp/$host.log" 2>&1 &
	pid[$host]=$!
	host_pids+=($!)
	disown # of one that is killed the shell would say so
	at[$host]=127.0.0.1:$port
	wait_for 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
}
addresses() { # NAME...: as `pando run --hosts` takes them
	local h list=""
	for h in "$@"; do list+=,${at[$h]}; done
	echo "${list#,}"
}
ended() { ! kill -0 "$1"; }

# ---- the guest ----

boot_guest() { # NAME SECONDS OPTION...: the micro-guest under `pando run`, for so long at most; it runs, or that is a failure
	name=$1 log=$tmp/$1.log
	local limit=$2
	shift 2
	[ -z "$guest" ] || { kill "$guest"; end_of_guest; } 2>/dev/null # the one before, where a test has given up
	# shellcheck disable=SC2086 # words
	timeout -k 5 "$limit" "$O/pando" run ${PANDO_OPTIONS:-} "${boots[@]}" --name "$name" --quiet "$@" >"$log" 2>&1 </dev/null &
	guest=$!
	wait_for "$patience" guest_runs "$name" || { no "$name.boot" "it does not run"; return 1; }
}
says() { grep -aq "$1" "$log"; }
said() { [ "$(grep -ac "$1" "$log")" -ge "$2" ]; } # PATTERN TIMES
alive() { kill -0 "$guest" 2>/dev/null; }
in_time() { # SECONDS COMMAND...: as wait_for, and no longer than there is a guest
	local end=$((SECONDS + $1))
	shift
	while alive && [ $SECONDS -lt $end ]; do
		"$@" >/dev/null 2>&1 && return
		sleep 0.1
	done
	"$@" >/dev/null 2>&1
}
end_of_guest() { # its exit status
	wait "$guest"
	local rc=$?
	guest=""
	return $rc
}
finish() { # TEST: the guest has come to its end by itself, and well; nothing in it failed
	local rc
	end_of_guest
	rc=$?
	says "^PASS $1" && ! says '^FAIL'
	verdict "$name.guest" $((rc + $?)) "exit status $rc: $(grep -a 'FAIL\|pando:' "$log" | head -3)"
}
nmi() { "$O/pando" qmp "$name" inject-nmi >/dev/null 2>&1; } # what guests that wait for one take for the end of their test

# ---- what is said to it: a program, what came out in $tmp/out, why not in $tmp/why ----

pando() { "$O/pando" "$@" >"$tmp/out" 2>"$tmp/why"; }
answer() { cat "$tmp/why" "$tmp/out"; }
qmp() { "$O/pando" qmp "$name" "$@" 2>&1; }
step() { # WHAT COMMAND...: of pando; it is done, which is not worth a word
	local what=$1
	shift
	pando "$@" || { no "$name.$what" "$(answer)"; return 1; }
}
does() { # WHAT COMMAND...: of pando; it is done, which is the verdict
	local what=$1
	shift
	pando "$@"
	verdict "$name.$what" $? "$(answer)"
}
refuses() { # WHAT PATTERN COMMAND...: of pando
	local what=$1 want=$2
	shift 2
	pando "$@" && { no "$name.$what" "it is done"; return; }
	answer | grep -q "$want"
	verdict "$name.$what" $? "$(answer)"
}
tell() { step "$1" qmp "$name" "${@:2}"; }                   # WHAT QMP-COMMAND...
refuses_qmp() { refuses "$1" "$2" qmp "$name" "${@:3}"; }    # WHAT PATTERN QMP-COMMAND...
members() { "$O/pando" hosts --json "$name" | tr -d ' \n' | grep -o '"membership":{"state":"member"' | wc -l; }
are_members() { [ "$(members)" = "$1" ]; }
