#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What README.md and docs/ name is there: the target of every link, and every path of this repository in backticks.
# Every stage of tests/check.sh is in TESTING.md. The walks of ARCHITECTURE.md name functions that are in the files named, and no
# room twice in one leg without a reason. The lists of EXTENDING.md name files, and words that are in them.
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

# README's map has every room of the monitor, and every document.
missing=""
for d in vmm/*/; do
	grep '^| `vmm/`' README.md | grep -qF "\`$(basename "$d")\`" || missing="$missing $d"
done
for doc in docs/*.md; do
	grep '^| `docs/`' README.md | grep -qF "($doc)" || missing="$missing $doc"
done
verdict map_is_whole "$([ -z "$missing" ]; echo $?)" "not in README's map:$missing"

# Rows of the walks: | `file` | `function()` ... | why this room again |
walks() { sed -n '/^## Three walks/,/^## Interrupts/p' docs/ARCHITECTURE.md; }
defines() { # FILE FUNCTION: in the first column, so no call; no declaration; or made by a macro
	grep -E "^([a-z].*[ *]$2\(|[A-Z]+\($2,)" "$1" 2>/dev/null | grep -qv ';$'
}
missing="" rows=0
while read -r file functions; do
	rows=$((rows + 1))
	for f in $functions; do
		defines "$file" "$f" || missing="$missing $file:$f"
	done
done < <(walks | sed -n 's/^| `\([^`]*\)` | \([^|]*\) |.*/\1 \2/p' | tr -d '`()')
verdict walks_name_functions_that_are_there "$([ -z "$missing" ] && [ $rows -gt 50 ]; echo $?)" "of $rows rows, not in the file named:$missing"
# And that the way is still that one: but for what a leg begins with, each is called, or handed on, in its own file or one before it
# in the leg; or it is in a table of its room, or a verb's.
uncalled=$(walks | awk -F' *[|] *' '
	function words(file,   line, w, n, i) { # how often each stands there
		if (file in known) return
		known[file] = 1
		while ((getline line < file) > 0) {
			n = split(line, w, /[^A-Za-z0-9_]+/)
			for (i = 1; i <= n; i++) count[file, w[i]]++
		}
		close(file)
	}
	!/^[|]/ { before = 0; next }
	!/^[|] `/ { next }
	{
		file = $2; gsub(/`/, "", file); words(file)
		n = split($3, f, /[`() ]+/)
		for (i = 1; i <= n; i++) {
			called = f[i] == "" || !before || count[file, f[i]] > 1
			for (j = 1; j <= before; j++) called = called || count[leg[j], f[i]]
			if (!called) print file, f[i]
		}
		leg[++before] = file
	}' | while read -r file f; do
	grep -qw "$f" $(find "$(dirname "$file")" -maxdepth 1 -name '*.c' ! -path "$file") && continue
	grep -q "^VERB([A-Z_]*, ${f#serve_}," vmm/call/verbs.def || echo "$file:$f"
done)
verdict walks_are_the_way_still "$([ -z "$uncalled" ]; echo $?)" "nobody on the way calls: $uncalled"
again=$(walks | awk -F' *[|] *' '
	!/^[|] `/ { if (!/^[|]/) { split("", seen); last = "" } next }
	{
		room = $2; gsub(/`/, "", room); sub(/\/[^\/]*$/, "", room)
		if (room != last && room in seen && $4 == "") print $2 " " $3
		seen[room] = 1; last = room
	}')
verdict walks_come_back_for_a_reason "$([ -z "$again" ]; echo $?)" "no reason for: $again"

# Rows of EXTENDING.md: | `file` | what goes there | `what stands there now` |
missing="" rows=0
while IFS=$'\t' read -r file word; do
	rows=$((rows + 1))
	grep -qF -- "$word" "$file" 2>/dev/null || missing="$missing $file: $word;"
done < <(sed -n 's/^| `\([^`]*\)` | .* | `\([^`]*\)` |$/\1\t\2/p' docs/EXTENDING.md)
all=$(grep -c '^| `' docs/EXTENDING.md)
verdict lists_of_extending_are_true "$([ -z "$missing" ] && [ $rows -gt 40 ] && [ "$rows" -eq "$all" ]; echo $?)" "$rows of $all rows read; not there:$missing"
exit $bad
