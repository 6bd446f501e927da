#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What README.md and docs/ name is there: the target of every link, and every path of this repository in backticks.
# Every stage of tests/check.sh is in TESTING.md.
# A path begins with a folder of the top, or of vmm/; it may be a pattern, and its first word counts.
set -u
cd "$(dirname "$0")/../.."
suite=docs
. tests/support/suite.sh

tops=$(for d in */ vmm/*/; do basename "$d"; done | grep -v '^build' | paste -sd'|')
there() { compgen -G "$1" >/dev/null || compgen -G "vmm/$1" >/dev/null; }

for doc in README.md docs/*.md docs/decisions/*.md; do
	missing=""
	while read -r link; do
		[[ $link == http* || $link == "#"* ]] && continue
		[ -e "$(dirname "$doc")/${link%%#*}" ] || missing="$missing $link"
	done < <(grep -oE '\]\([^) ]+\)' "$doc" | sed 's/^](//; s/)$//')
	while read -r path _; do
		there "${path%%:*}" || missing="$missing $path"
	done < <(grep -oE '`[^` ]+[^`]*`' "$doc" | tr -d '\140' | grep -E "^($tops)/" | grep -v '^build/')
	verdict "$(basename "$doc" .md)" "$([ -z "$missing" ]; echo $?)" "not there:$missing"
done
missing=""
for stage in $(sed -n 's/^stage_\([a-z_]*\)().*/\1/p' tests/check.sh); do
	grep -qE "^\\|[^|]*\b$stage\b[^|]*\\|" docs/TESTING.md || missing="$missing $stage"
done
verdict every_stage "$([ -z "$missing" ]; echo $?)" "not in TESTING.md:$missing"
exit $bad
