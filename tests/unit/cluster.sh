#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `pando cluster` and `pando login` as people type them: a host joins through a pipe and over a port, a person logs in by the SSH
# agent, a certificate is revoked; and what is refused says why.   Usage: tests/unit/cluster.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
pando=$(realpath "${1:?build folder}/pando")
suite=cluster
. tests/support/suite.sh
tmp=$(mktemp -d)
pids=()
trap '[ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null; rm -rf "$tmp"' EXIT
show() { sed 's/^/  /' "$tmp/said"; }

says() { # NAME STATUS WORDS ARGUMENT...: of a command, in what it says anywhere
	local name=$1 status=$2 words=$3 rc
	shift 3
	"$pando" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	rc=$?
	cat "$tmp/out" "$tmp/err" >"$tmp/said"
	[ $rc -eq "$status" ] && grep -qF -- "$words" "$tmp/said"
	verdict "$name" $? "exit status $rc (expected $status), expected words: $words"
}
token() { "$pando" cluster token "$tmp/c" "$@"; }
via="$pando cluster answer $tmp/c"

says init 0 "is a cluster now" cluster init "$tmp/c"
says init_twice 1 "File exists" cluster init "$tmp/c"
[ "$(stat -c %a "$tmp/c" "$tmp/c/root.key" "$tmp/c/cluster.key" "$tmp/c/tokens" | paste -sd' ')" = "700 600 600 600" ]
verdict folder_is_its_owners $? "$(stat -c '%a %n' "$tmp/c" "$tmp"/c/*)"
says token_of_no_role 2 "want host, operator or monitor" cluster token "$tmp/c" --role king
says token_of_no_time 2 "--ttl" cluster token "$tmp/c" --ttl 1y
says token_of_no_cluster 1 "No such file" cluster token "$tmp/nowhere"

t=$(token --name rack1-a)
[[ $t =~ ^PANDO1-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{32}-[0-9a-f]{4}$ ]]
verdict token $? "it is: $t"
says mistyped 2 "a character of it is wrong" cluster join "${t%?}$([ "${t: -1}" = 0 ] && echo 1 || echo 0)" --out "$tmp/a" --via "$via"
says for_another_name 1 "it is for another name" cluster join "$t" --out "$tmp/a" --via "$via" --name rack1-b
says join_through_a_pipe 0 "host 'rack1-a' until" cluster join "$t" --out "$tmp/a" --via "$via" --name rack1-a
says used 1 "it was used already" cluster join "$t" --out "$tmp/b" --via "$via" --name rack1-a
cmp -s "$tmp/c/cluster.key" "$tmp/a/cluster.key"
verdict host_has_the_key_for_sessions $? "cluster.key differs"
[ "$(stat -c %a "$tmp/a/id.key" "$tmp/a/cluster.key" | paste -sd' ')" = "600 600" ]
verdict hosts_keys_are_its_owners $? "$(stat -c '%a %n' "$tmp"/a/*)"
says is_good_still 1 "is good still" cluster join "$(token)" --out "$tmp/a" --via "$via" --name rack1-a
says command_that_fails 1 "the command said: oh" cluster join "$(token)" --out "$tmp/x" --via "echo oh >&2; false" --name x
says show_host 0 ": good" cluster show "$tmp/a"
says show_cluster 0 "host rack1-a: used" cluster show "$tmp/c"

# Another cluster that answers is found out by the token.
"$pando" cluster init "$tmp/other" >/dev/null
says another_cluster 1 "without an answer" cluster join "$(token)" --out "$tmp/x" --via "$pando cluster answer $tmp/other" --name x

port=$(free_port)
"$pando" cluster serve "$tmp/c" --listen "127.0.0.1:$port" 2>"$tmp/serve.log" &
pids+=($!)
wait_for 60 grep -q listening "$tmp/serve.log"
says join_over_a_port 0 "host 'rack1-b' until" cluster join "$(token)" --out "$tmp/b" --to "127.0.0.1:$port" --name rack1-b
printf 'GET / HTTP/1.0\r\n\r\n' >"/dev/tcp/127.0.0.1/$port"
wait_for 60 grep -q 'refused: nothing was asked' "$tmp/serve.log"
verdict stranger_is_refused $? "$(tail -n 3 "$tmp/serve.log")"
silent=()
for _ in $(seq 40); do # more than are served at once
	exec {fd}<>"/dev/tcp/127.0.0.1/$port" && silent+=("$fd")
done
says join_beside_silent_ones 0 "host 'rack1-c' until" cluster join "$(token)" --out "$tmp/d" --to "127.0.0.1:$port" --name rack1-c
for fd in "${silent[@]}"; do exec {fd}>&-; done
says nobody_listens 1 "Connection refused" cluster join "$(token)" --out "$tmp/x" --to "127.0.0.1:$(free_port)" --name x

# Sessions of hosts that show certificates. Whatever else `pando check` finds on this machine is its own.
start() { # NAME OPTION...: a host; its address in $addr
	addr=127.0.0.1:$(free_port)
	"$pando" host --memory 16M --listen "$addr" --log-name "$1" "${@:2}" 2>"$tmp/$1.log" &
	pids+=($!)
	wait_for 60 bash -c "exec 3<>/dev/tcp/127.0.0.1/${addr##*:}" 2>/dev/null
}
asks() { # NAME ADDRESS WORDS OPTION...: pando check
	"$pando" check "${@:4}" "$2" >"$tmp/out" 2>"$tmp/said" </dev/null
	grep -F "$2" "$tmp/out" >>"$tmp/said"
	grep -qF -- "$3" "$tmp/said"
	verdict "$1" $? "expected words: $3"
}
start strict --id "$tmp/b" && strict=$addr
start lenient --id "$tmp/b" --id-optional && lenient=$addr
start old --key "$tmp/c/cluster.key" && old=$addr
cp -r "$tmp/a" "$tmp/a2" # it will not hear that it was revoked
asks session_by_certificate "$strict" "answers" --id "$tmp/a2"
asks session_without_one "$strict" "the other side wants a certificate" --key "$tmp/c/cluster.key"
asks session_of_the_lenient "$lenient" "answers" --key "$tmp/c/cluster.key"
asks session_by_the_key "$old" "answers" --key "$tmp/c/cluster.key"
asks session_with_who_shows_none "$old" "the other side shows no certificate" --id "$tmp/a2"
grep -q 'warning: --id-optional' "$tmp/lenient.log" && ! grep -q 'warning: --id-optional' "$tmp/strict.log"
verdict lenient_says_so $? "$(cat "$tmp/lenient.log")"
says run_as_a_host 2 "has the certificate of a role that cannot do this: 'rack1-a' is host" run --id "$tmp/a" --hosts "$strict" --kernel /dev/null
says optional_alone 2 "--id-optional" host --memory 16M --key "$tmp/c/cluster.key" --id-optional

says revoke 0 "1 more revoked" cluster revoke "$tmp/c" rack1-a
says revoke_nobody 1 "no certificate of 'nobody'" cluster revoke "$tmp/c" nobody
cp "$tmp/b/revoked" "$tmp/old"
says update 0 "has list 2" cluster update "$tmp/a" "$tmp/c/revoked"
says update_back 1 "it is older" cluster update "$tmp/a" "$tmp/old"
says revoked 1 "it was revoked" cluster show "$tmp/a"
asks not_known_there_yet "$strict" "answers" --id "$tmp/a2"
says update_the_host 0 "has list 2" cluster update "$tmp/b" "$tmp/c/revoked"
asks session_of_a_revoked "$strict" "does not take this one's certificate: it was" --id "$tmp/a2"
wait_for 60 grep -q 'refused a connection: its certificate is not taken: it was revoked' "$tmp/strict.log"
verdict host_says_why $? "$(tail -n 3 "$tmp/strict.log")"
asks session_of_another "$strict" "answers" --id "$tmp/d"
says other_is_not 0 ": good" cluster show "$tmp/b"

if command -v ssh-agent ssh-keygen ssh-add >/dev/null; then
	ssh-keygen -q -N '' -t ed25519 -f "$tmp/alice"
	ssh-keygen -q -N '' -t ecdsa -f "$tmp/eve"
	ssh-agent -D -a "$tmp/agent" >/dev/null &
	pids+=($!)
	export SSH_AUTH_SOCK=$tmp/agent XDG_RUNTIME_DIR=$tmp
	wait_for 60 ssh-add -q "$tmp/alice"
	mark=$("$pando" cluster show "$tmp/c" | sed -n 's/^cluster //p')
	who=alice@example.com
	says login_of_nobody 1 "allowed_signers has no line" login $who --cluster "$mark" --via "$via"
	echo "$who namespaces=\"pando-operator\" $(cut -d' ' -f1,2 "$tmp/alice.pub")" >>"$tmp/c/allowed_signers"
	says login 0 "operator '$who' until" login $who --cluster "$mark" --to "127.0.0.1:$port"
	says login_is_good 0 ": good" cluster show "$tmp/pando/login"
	says login_again 0 "operator '$who' until" login $who --cluster "$mark" --via "$via"
	says login_as_monitor 1 "for pando-monitor" login $who --role monitor --cluster "$mark" --via "$via"
	says login_as_host 2 "no role to log in as" login $who --role host --cluster "$mark" --via "$via"
	says login_to_another 1 "without an answer" login $who --cluster "$mark" --via "$pando cluster answer $tmp/other"
	says login_without_a_mark 2 "32 hex digits" login $who --cluster 12 --via "$via"
	ssh-add -q "$tmp/eve"
	says which_key 1 "--identity" login $who --cluster "$mark" --via "$via"
	says with_identity 0 "operator '$who' until" login $who --cluster "$mark" --via "$via" --identity "$tmp/alice.pub"
	says with_anothers_key 1 "allowed_signers has no line" login $who --cluster "$mark" --via "$via" --identity "$tmp/eve.pub"
	for kind in rsa ecdsa; do # which ssh-keygen verifies, and what the agent has signed
		ssh-keygen -q -N '' -t $kind -f "$tmp/$kind" && ssh-add -q "$tmp/$kind"
		echo "$kind namespaces=\"pando-monitor\" $(cut -d' ' -f1,2 "$tmp/$kind.pub")" >>"$tmp/c/allowed_signers"
		says "login_by_$kind" 0 "monitor '$kind' until" login $kind --role monitor --cluster "$mark" --via "$via" --identity "$tmp/$kind.pub"
	done
	ssh-keygen -q -N '' -t ed25519 -f "$tmp/authority" && ssh-keygen -q -N '' -t ed25519 -f "$tmp/bob"
	ssh-keygen -q -s "$tmp/authority" -I bob -n bob@example.com "$tmp/bob.pub" && ssh-add -q "$tmp/bob"
	echo "*@example.com cert-authority,namespaces=\"pando-operator\" $(cut -d' ' -f1,2 "$tmp/authority.pub")" >>"$tmp/c/allowed_signers"
	says login_by_an_authority 0 "operator 'bob@example.com' until" login bob@example.com --cluster "$mark" --via "$via" \
		--identity "$tmp/bob-cert.pub"
	says not_without_its_word 1 "allowed_signers has no line" login bob@example.org --cluster "$mark" --via "$via" --identity "$tmp/bob-cert.pub"
	SSH_AUTH_SOCK='' says without_an_agent 1 "there is no SSH agent" login $who --cluster "$mark" --via "$via"
else
	echo "SKIP cluster.login: no OpenSSH here (openssh-client)"
fi
says nonsense 2 "Usage: pando cluster" cluster dance
exit $bad
