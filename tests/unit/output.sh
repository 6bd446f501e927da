#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What could not be written to standard output is a failure of the command, whichever it is.
# Usage: tests/unit/output.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
pando=${1:?build folder}/pando
suite=output
. tests/support/suite.sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

cat >"$tmp/guest.xml" <<'EOF'
<domain type='kvm'><name>a</name><memory unit='MiB'>64</memory>
<os><type arch='x86_64'>hvm</type><kernel>/boot/vmlinuz</kernel></os></domain>
EOF

full() { # NAME ARGUMENT...
	local name=$1 rc
	shift
	"$pando" "$@" >/dev/null 2>&1 || { no "$name" "it fails with a standard output that can be written"; return; }
	"$pando" "$@" >/dev/full 2>"$tmp/e"
	rc=$?
	[ $rc = 1 ] && grep -q '^pando: standard output could not be written: No space left on device$' "$tmp/e"
	verdict "$name" $? "exit status $rc, $(head -c 200 "$tmp/e")"
}
full version --version
full help --help
for c in $("$pando" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
	full "$c.help" "$c" --help
done
full dumpxml dumpxml --from "$tmp/guest.xml"
"$pando" keygen "$tmp/key" >&-
verdict nothing_to_say $? "a command without output fails where there is none"
exit $bad
