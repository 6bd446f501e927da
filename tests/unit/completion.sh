#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The completion offers the commands and options that --help tells of, and no other.
# Usage: tests/unit/completion.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
pando=${1:?build folder}/pando
suite=completion
. tests/support/suite.sh
. completions/pando.bash

offered() { # WORD...: what is offered for the last of them
	COMP_WORDS=(pando "$@")
	COMP_CWORD=$#
	_pando
	printf '%s\n' "${COMPREPLY[@]}" | sort
}
same() { # NAME WANTED GOT
	[ "$2" = "$3" ]
	verdict "$1" $? "$(diff <(echo "$2") <(echo "$3") | grep '^[<>]' | tr '\n' ' ')(<: --help has it, >: the completion)"
}

commands=$("$pando" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p' | sort)
same commands "$commands" "$(offered '' | grep -v '^--')"
for c in $commands; do
	same "$c" "$( ("$pando" "$c" --help | grep -oE '^  --?[a-z-]+' | sed 's/^ *//'; echo --help) | sort)" \
		"$(offered "$c" -)"
done
same values "$(printf '%s\n' file: null pty stdio)" "$(offered run --console '')"
same backs "$(printf '%s\n' none passt stream= tap=)" "$(offered run --net '')"
same properties "$(printf '%s\n' /a,ro,discard)" "$(offered run --disk /a,ro,d)"
same words "$(printf '%s\n' decode start stop)" "$(offered trace '')"
same after_a_flag --json "$(offered status --json --j)"
exit $bad
