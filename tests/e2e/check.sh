#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `pando check` as this user, as one without rights, in an empty network namespace and against other hosts; its statuses and
# its JSON; what `pando host` says at its start.  Usage: tests/e2e/check.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
WORK=$(mktemp -d)
chmod 755 "$WORK"
cp "$O/pando" "$WORK/pando" # where any user may read it
PANDO=$WORK/pando
pids=()
suite=check
. tests/support/suite.sh

cleanup() {
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done
	rm -rf "$WORK"
}
trap cleanup EXIT
show() { sed 's/^/        /' "$WORK/out" | tail -n 40; }

lines="kernel processor kvm kvm-needs vcpu nested-paging page-walks userfaultfd uffd-features io_uring open-files locked-memory
priority memory huge-pages dpdk aes crc tsc tsc-offset clocksource halt-polling idle-states"
other="other other-cpu other-features other-tsc other-clock other-walks"

check() { # [ARGUMENT...]: RC and $WORK/out
	"$PANDO" check "$@" >"$WORK/out" 2>&1 </dev/null
	RC=$?
}
names() { sed -nE 's/^(PASS|WARN|FAIL)  ([^ ]+) .*/\2/p' "$WORK/out" | tr '\n' ' '; }
level() { sed -nE "s/^(PASS|WARN|FAIL)  $1 .*/\1/p" "$WORK/out" | tr '\n' ' ' | sed 's/ $//'; }
# The status is that of the lines, the lines are WANTED, none is too long, and the last line counts them.
sound() { # NAME WANTED_LINES
	local want=0 count
	grep -q '^FAIL' "$WORK/out" && want=1
	count="$(grep -c '^PASS' "$WORK/out") passed, $(grep -c '^WARN' "$WORK/out") to think about, $(grep -c '^FAIL' "$WORK/out") failed"
	[ "$RC" -eq $want ]
	verdict "$1.status" $? "exit status $RC, expected $want"
	[ "$(names)" = "$(echo $2) " ]
	verdict "$1.lines" $? "the lines are $(names)"
	[ "$(tail -n 1 "$WORK/out")" = "$count" ]
	verdict "$1.count" $? "the last line is not '$count'"
	! grep -qE '^.{101}' "$WORK/out"
	verdict "$1.fits_100_columns" $? "$(grep -E '^.{101}' "$WORK/out" | head -n 1)"
}

check
sound here "$lines"
cp "$WORK/out" "$WORK/here"
check --json
python3 - "$WORK/out" "$RC" "$WORK/here" <<'END'
import json, re, sys
doc = json.load(open(sys.argv[1]))
said = re.findall(r'^(PASS|WARN|FAIL)  (\S+)', open(sys.argv[3]).read(), re.M)
assert [(l['level'], l['name']) for l in doc['lines']] == said, 'JSON and text differ'
for key, level in (('pass', 'PASS'), ('warn', 'WARN'), ('fail', 'FAIL')):
    assert doc[key] == sum(l['level'] == level for l in doc['lines']), key
assert int(sys.argv[2]) == (doc['fail'] > 0), 'status'
for l in doc['lines']:
    assert l['text'] and (l['level'] != 'PASS' or 'remedy' not in l), l
END
verdict json.is_what_the_text_says $? "see above"

# ---- statuses of bad usage ----
bad_usage() { # NAME PATTERN ARGUMENT...
	local name=$1 pattern=$2
	shift 2
	check "$@"
	[ $RC -eq 2 ] && grep -q -- "$pattern" "$WORK/out"
	verdict "usage.$name" $? "status $RC, expected 2 and '$pattern'"
}
bad_usage unknown_option --frobnicate --frobnicate
bad_usage no_key "--key FILE or --id FOLDER is needed" 127.0.0.1:7411
bad_usage no_such_key "/nonexistent" --key /nonexistent 127.0.0.1:7411
"$PANDO" keygen "$WORK/key" && "$PANDO" keygen "$WORK/key2"
bad_usage no_address "'nowhere'" --key "$WORK/key" nowhere
check --help
[ $RC -eq 0 ] && grep -q "Usage: pando check" "$WORK/out"
verdict usage.help $? "status $RC"

# ---- other hosts ----
host() { # NAME ARGUMENT...: HOST_PORT
	local name=$1
	shift
	HOST_PORT=$(free_port)
	"$PANDO" host --key "$WORK/key" --listen "127.0.0.1:$HOST_PORT" --memory 32M "$@" >"$WORK/$name.log" 2>&1 </dev/null &
	pids+=($!)
	wait_for 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$HOST_PORT"
}
host first
first=$HOST_PORT
host second --quiet
check --key "$WORK/key" "127.0.0.1:$first" "127.0.0.1:$HOST_PORT"
sound others "$lines $other $other"
[ "$(level other) $(level other-cpu) $(level other-tsc | sed 's/WARN WARN/PASS PASS/')" = "PASS PASS PASS PASS PASS PASS" ]
verdict others.this_machine_is_like_itself $? "$(level other), $(level other-cpu), $(level other-tsc)"
! grep -q 'here alone' "$WORK/out"
verdict others.and_has_the_same_features $? "$(grep 'here alone' "$WORK/out")"
grep -qE '^PASS  other-clock .*clocks are known to [0-9.]+ us, a round trip takes [0-9.]+ us' "$WORK/out"
verdict others.clock_is_measured $? "no bound"
check --key "$WORK/key2" "127.0.0.1:$first"
[ $RC -eq 1 ] && grep -qE "^FAIL  other .*cluster key" "$WORK/out"
verdict others.wrong_key_fails $? "status $RC"
check --key "$WORK/key" 127.0.0.1:1
[ $RC -eq 1 ] && grep -qE "^FAIL  other .*127.0.0.1:1: Connection refused" "$WORK/out"
verdict others.nobody_there_fails $? "status $RC"

# ---- what pando host says: the WARN and FAIL lines of check, once, and nothing when quiet ----
said=$(grep -cE '^pando: (WARN|FAIL)  ' "$WORK/first.log")
wanted=$(grep -cE '^(WARN|FAIL)  ' "$WORK/here")
[ "$said" -eq "$wanted" ] && ! grep -q 'PASS  ' "$WORK/first.log"
verdict host.says_what_is_not_well $? "$said lines at its start, $wanted in pando check"
! grep -qE 'WARN|FAIL' "$WORK/second.log"
verdict host.is_quiet $? "$(cat "$WORK/second.log")"

# ---- as a user without rights ----
if [ "$(id -u)" -eq 0 ]; then
	setpriv --reuid 65534 --regid 65534 --clear-groups "$PANDO" check >"$WORK/out" 2>&1 </dev/null
	RC=$?
	sound nobody "$lines"
	if [ -e /dev/kvm ] && ! setpriv --reuid 65534 --regid 65534 --clear-groups test -w /dev/kvm; then
		[ "$(level kvm)" = FAIL ] && grep -q -- '-> usermod -aG kvm \$USER' "$WORK/out" &&
			grep -qE '^WARN  page-walks +not seen: /dev/kvm cannot be opened' "$WORK/out"
		verdict nobody.says_what_it_may_not_see $? "kvm: $(level kvm)"
	fi
else
	echo "SKIP check.nobody: only root can become another user"
fi

# ---- in an empty network namespace: nothing on this host needs a network ----
if unshare -n true 2>/dev/null; then
	unshare -n "$PANDO" check >"$WORK/out" 2>&1 </dev/null
	RC=$?
	sound netns "$lines"
	[ "$(grep -oE '^(PASS|WARN|FAIL)  [^ ]+' "$WORK/out")" = "$(grep -oE '^(PASS|WARN|FAIL)  [^ ]+' "$WORK/here")" ]
	verdict netns.sees_the_same $? "$(diff "$WORK/here" "$WORK/out")"
	unshare -n "$PANDO" check --key "$WORK/key" 127.0.0.1:7411 >"$WORK/out" 2>&1 </dev/null
	[ $? -eq 1 ] && grep -qE '^FAIL  other .*unreachable' "$WORK/out"
	verdict netns.others_cannot_be_reached $? "expected status 1 and a line"
else
	echo "SKIP check.netns: no network namespace can be made here"
fi
exit $bad
