#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every command and every option that --help tells of is in the man page, and the page has no option that is none.
# Usage: tests/unit/manpage.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
pando=${1:?build folder}/pando
page=$(sed 's/\\-/-/g' docs/man/pando.1)
bad=0
known=""
commands=$("$pando" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ -n "$commands" ] || { echo "FAIL manpage.commands: --help lists none"; exit 1; }
for c in $commands; do
	missing=""
	grep -q "^.B pando $c" <<<"$page" || missing=" (synopsis)"
	grep -q "^.B $c\$" <<<"$page" || missing="$missing (description)"
	for o in $("$pando" "$c" --help | grep -oE '^  --?[a-z-]+' | tr -d ' '); do
		known="$known $o"
		grep -qE -- "$o([^a-z-]|\$)" <<<"$page" || missing="$missing $o"
	done
	if [ -z "$missing" ]; then echo "PASS manpage.$c"; else echo "FAIL manpage.$c: not in the page:$missing"; bad=1; fi
done
for o in $(grep -oE -- '--[a-z]+(-[a-z]+)*' <<<"$page" | sort -u); do
	case " $known --version --help " in *" $o "*) ;; *) echo "FAIL manpage.stale: $o is no option"; bad=1 ;; esac
done
# Each option once in a section, and under the command that has it.
twice=$(awk '/^\.SH/ { s = $0 } /^\.BI? -/ && last == ".TP" { delete in_line; n = split($0, w, /[^a-z-]+/)
	for (i = 1; i <= n; i++) if (w[i] ~ /^--/ && !in_line[w[i]]++ && seen[s, w[i]]++) print w[i] " (" s ")" }
	s ~ /SYNOPSIS/ && /^\.B pando/ && synopsis[$0]++ { print "\"" substr($0, 4) "\"" } { last = $0 }' <<<"$page")
if [ -z "$twice" ]; then echo "PASS manpage.once"; else echo "FAIL manpage.once: $twice"; bad=1; fi
for c in HOST RUN TOP; do
	has=$("$pando" "${c,,}" --help | grep -oE '^  --?[a-z-]+' | tr -d ' '; echo --local)
	for o in $(sed -n "/^.SH OPTIONS OF $c\$/,/^.SH/p" <<<"$page" | grep -E '^\.BI? -' | grep -oE -- '--[a-z]+(-[a-z]+)*'); do
		grep -qx -- "$o" <<<"$has" || { echo "FAIL manpage.place: $o is no option of ${c,,}"; bad=1; }
	done
done
# The text of a command ends where the next begins: every synopsis closes its brackets.
open=$(sed -n '/^.SH SYNOPSIS/,/^.SH DESC/p' <<<"$page" | awk '/^\.B pando/ { if (d) print name; d = 0; name = $3 } { d += gsub(/\[/, "") - gsub(/\]/, "") }')
if [ -z "$open" ]; then echo "PASS manpage.synopsis"; else echo "FAIL manpage.synopsis: cut: $open"; bad=1; fi
exit $bad
