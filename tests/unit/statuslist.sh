#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A status number is one line of vmm/status/status.def and a place that counts: a line that nothing counts does not
# compile, one that the documents do not have fails, and every source of lines has somebody who fills them.
#   statuslist.sh [BUILD_FOLDER]
set -u
cd "$(dirname "$0")/../.."
O=${1:-build}
suite=statuslist
. tests/support/suite.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/vmm/status"

flags="-std=gnu11 -I$work -I. -I$O/gen -D_GNU_SOURCE $(pkg-config --cflags liburing libsodium jansson libisal 2>/dev/null)"
with() { # LINE: the list with one line more is what an #include finds
	sed "/^QMP_NAME(ZERO_IN/i $1" vmm/status/status.def >"$work/vmm/status/status.def"
}
compiles() { ${CC:-cc} $flags -fsyntax-only "$1" >"$work/out" 2>&1; } # FILE

# Each source: where its lines are filled, and a counter that is there.
while read -r source file there; do
	with "$source(TRIED, \"\", \"tried\", $there, COUNT, COUNTER, NONE, NULL, \"\", \"Tried.\")"
	compiles "$file"
	verdict "$source.counted" $? "a line that '$there' counts does not compile: $(grep -m1 error "$work/out")"
	with "$source(TRIED, \"\", \"tried\", ${there%%->*}->nobody_counts, COUNT, COUNTER, NONE, NULL, \"\", \"Tried.\")"
	! compiles "$file" && grep -q nobody_counts "$work/out"
	verdict "$source.not_counted" $? "a line that nothing counts compiles in $file"
done <<-END
	RUN vmm/run/status.c s->requests_n
	PROCESS vmm/host/serve_status.c g->epoch
	SPAN vmm/span/stats.c d->bad_msgs
	PAGING vmm/span/stats.c s->holds
	MACHINE vmm/machine/stats.c m->irqs_in
	PEER vmm/span/stats.c p->pongs
	TRAFFIC vmm/span/stats.c t->bad_frames
	PAGED vmm/span/stats.c o->pages_in
	FRAMES vmm/span/stats.c f->drops
	VCPU vmm/machine/stats.c c->nmis
	CARD vmm/machine/stats.c c->requests
END

missing=""
for source in $(sed -n 's/^#define \([A-Z]*\) [A-Z]*_NUMBER$/\1/p' vmm/status/sources.h); do
	grep -rqE "^#define $source\(name, object, key, value, \.\.\.\)" vmm --include='*.c' || missing="$missing $source"
done
verdict every_source_is_filled "$([ -z "$missing" ]; echo $?)" "nobody fills the lines of:$missing"

# The document is made from the list, so a new line shows there; the test that compares then fails until make status-doc.
doc() { # the generated part of MONITORING.md, of the list that an #include finds
	${CC:-cc} $flags -o "$work/doc" tests/support/gen_status_doc.c vmm/status/numbers.c $(pkg-config --libs jansson) 2>"$work/out" && "$work/doc"
}
rm "$work/vmm/status/status.def"
doc | cmp -s - <(sed '1,/^<!-- generated/d' docs/MONITORING.md)
verdict document_has_every_line $? "run make status-doc; $(head -n 3 "$work/out")"
with 'SPAN(TRIED, "", "tried", d->bad_msgs, COUNT, COUNTER, NONE, NULL, "", "Tried.")'
! doc | cmp -s - <(sed '1,/^<!-- generated/d' docs/MONITORING.md)
verdict line_that_is_not_in_the_document_is_found $? "a new line left the generated part as it was"
exit $bad
