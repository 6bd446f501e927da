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
exit $bad
