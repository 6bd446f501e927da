#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The bench's judge: a figure of the list without a value fails, and one that is not listed, and a broken limit. The documents
# name no figure that is none.   Usage: tests/unit/figures.sh
set -u
cd "$(dirname "$0")/../.."
suite=figures
. tests/support/suite.sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
show() { sed 's/^/    /' "$tmp/out"; }

cat >"$tmp/list" <<END
p boot_{1_host,2_hosts} s - boots
p boot_pages pages aim<=100 pages
p cost ratio <=2 cost
q other us - of another part
END
judge() { awk -v parts="${parts:-p}" -f tests/bench/figures.awk "$tmp/list" - >"$tmp/out"; } # 0: nothing failed
said() { # NAME STATUS LINE INPUT: what the judge does with INPUT
	local rc
	printf '%b' "$4" | judge
	rc=$?
	[ $rc -eq "$2" ] && grep -qF -- "$3" "$tmp/out"
	verdict "$1" $? "status $rc, expected $2 and: $3"
}
good='# a word\nboot_1_host 5.1 s\nboot_2_hosts 30 s\nboot_pages 99 pages\n'
said complete 0 'bench: 4 figures, 0 aims missed, 0 failed' "$good"'cost 1.5 ratio\n'
said limit_beside_it 0 'cost 1.5 ratio [limit: at most 2]' "$good"'cost 1.5 ratio\n'
said aim_missed 0 'boot_pages 101 pages [aim: at most 100] MISSED' "$good"'boot_pages 101 pages\ncost 1 ratio\n'
said limit_broken 1 'FAIL bench: figure cost is 2.5 ratio' "$good"'cost 2.5 ratio\n'
said absent 1 'FAIL bench: figure cost has no value (ratio)' "$good"
said empty 1 'FAIL bench: figure cost has no value' "$good"'cost  ratio\n'
said no_number 1 'FAIL bench: figure cost has no value' "$good"'cost nan ratio\n'
said other_unit 1 'FAIL bench: figure cost has no value' "$good"'cost 1 us\n'
said not_listed 1 'FAIL bench: figure costs is not in the list' "$good"'cost 1 ratio\ncosts 1 ratio\n'
parts="p q" said other_part 1 'FAIL bench: figure other has no value' "$good"'cost 1 ratio\n'
said nothing_at_all 1 'FAIL bench: figure boot_1_host has no value' ''

awk -v parts="" -f tests/bench/figures.awk tests/bench/figures.txt /dev/null >"$tmp/out"
verdict list_is_well_formed $? "see above"
# What SPEC.md says the bench holds is listed, with its number.
awk -v parts="native links micro disk moves elastic devices guest debian" -f tests/bench/figures.awk tests/bench/figures.txt /dev/null |
	sed -n 's/^FAIL bench: figure \([^ ]*\) has no value.*/\1/p' >"$tmp/names"
missing=""
for f in $(grep '| bench' docs/SPEC.md | grep -oE '`[a-z0-9_]+`' | tr -d '\140'); do
	grep -qx "$f" "$tmp/names" || missing="$missing $f"
done
verdict named_in_SPEC "$([ -z "$missing" ]; echo $?)" "not in tests/bench/figures.txt:$missing"
exit $bad
