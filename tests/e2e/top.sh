#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `pando top` on real terminals (tmux) against a running guest of two hosts: 80x24, without colour, another size, keys, a
# guest that goes and comes back.  Usage: tests/e2e/top.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
PANDO=$(realpath "$O/pando")
WORK=$(mktemp -d)
export PANDO_RUN_DIR=$WORK/run
RUN_PID=
suite=top
. tests/support/suite.sh

term() { tmux -S "$WORK/tmux" -f /dev/null "$@"; }
cleanup() {
	term kill-server 2>/dev/null
	[ -n "$RUN_PID" ] && kill -TERM "$RUN_PID" 2>/dev/null && wait "$RUN_PID" 2>/dev/null
	rm -rf "$WORK"
}
trap cleanup EXIT

start_guest() {
	"$PANDO" run --local 2 --kernel "$O/guest-tools/micro.elf" --cpus 2 --memory 64M --name top --quiet --rng \
		--append "test=storm ops=4000000000" >"$WORK/run.log" 2>&1 </dev/null &
	RUN_PID=$!
	wait_for 20 grep -q 'PASS smp' "$WORK/run.log"
}
stop_guest() {
	kill -TERM "$RUN_PID" && wait "$RUN_PID" 2>/dev/null
	RUN_PID=
}

screen() { term capture-pane -p -t "$1"; }
shows() { screen "$1" | grep -qE -- "$2"; }
# start SESSION COLUMNS ROWS TERM [words...]: pando top in a terminal of its own
start() {
	local s=$1 cols=$2 rows=$3 type=$4
	shift 4
	term new-session -d -s "$s" -x "$cols" -y "$rows" "env TERM=$type LC_ALL=C.UTF-8 $PANDO top top $*; echo status \$?; sleep 1000"
}
check() { # NAME SESSION PATTERN: shown within 8 s?
	wait_for 8 shows "$2" "$3"
	verdict "$1" $? "'$3' is not on the screen:
$(screen "$2")"
}

# ---- without a terminal ----
"$PANDO" top top </dev/null >"$WORK/out" 2>&1
[ $? -eq 1 ] && grep -q -- --once "$WORK/out"
verdict no_terminal_is_an_error $? "$(cat "$WORK/out")"
"$PANDO" top --once nobody >"$WORK/out" 2>&1
[ $? -eq 1 ] && grep -q "no guest 'nobody' runs here" "$WORK/out"
verdict no_guest_is_an_error $? "$(cat "$WORK/out")"

kvm_or_skip top.live || exit $bad
start_guest
verdict guest_runs $? "$(tail -n 5 "$WORK/run.log")"

"$PANDO" top top --once >"$WORK/out" 2>&1
verdict once_prints_a_frame $? "$(cat "$WORK/out")"
[ "$(wc -l <"$WORK/out")" -eq 24 ] && awk 'length > 80 { bad = 1 } END { exit bad }' "$WORK/out"
verdict once_is_80x24 $? "$(cat "$WORK/out")"
grep -qE 'faults [0-9.]+k?/s' "$WORK/out"
verdict once_has_rates $? "$(cat "$WORK/out")"

if ! command -v tmux >/dev/null; then
	echo "SKIP top.terminal: tmux is not there"
	exit $bad
fi

# ---- 80x24, with colours, every view ----
start main 80 24 screen-256color
check overview_has_figures main 'faults [0-9.]+k?/s'
check keys_are_on_the_screen main '^ q quit  1-6,Tab view .* h help$'
check both_hosts_are_shown main '^ +1 127\.0\.0\.1:'
term send-keys -t main 2
check hosts_view main 'from one host to another'
check hosts_view_has_links main '0 <- 1 +up +[0-9.]+[um]s'
term send-keys -t main 3
check vcpus_view main 'vCPU host state'
term send-keys -t main 4
check map_view main 'who owns it|no map of memory'
term send-keys -t main Tab
check hot_view main '0x[0-9a-f]+ .*(shared|one)'
term send-keys -t main 6
check devices_view main '^ +0 virtio-rng '
term send-keys -t main h
check help main 'write-shared: several hosts'
term send-keys -t main h 1 p
check pause main 'PAUSED'
term send-keys -t main p -
check slower main 'every 2 s'
term send-keys -t main + s
check sorted main 'by running'
term capture-pane -e -p -t main | grep -q $'\e\[[0-9;]*[34][0-9]'
verdict colours_are_used $? "$(term capture-pane -e -p -t main | cat -v | head -n 8)"
term send-keys -t main c
sleep 1.5
! term capture-pane -e -p -t main | grep -qE $'\e\\[([0-9]+;)*[34][0-8]'
verdict colours_can_be_turned_off $? "$(term capture-pane -e -p -t main | cat -v | head -n 8)"

# ---- another size ----
term resize-window -t main -x 140 -y 40
sleep 1.5
check larger_terminal main '^ q quit'
[ "$(screen main | grep -n '^ q quit' | cut -d: -f1)" = 40 ]
verdict larger_terminal_is_filled $? "$(screen main)"
term resize-window -t main -x 30 -y 8
check tiny_terminal main 'too small'
term resize-window -t main -x 80 -y 24
check back_to_80x24 main '^ q quit .* h help$'

# ---- a terminal without colours ----
start plain 80 24 vt100
check vt100_has_figures plain 'faults [0-9.]+k?/s'
! term capture-pane -e -p -t plain | grep -qE $'\e\\[([0-9]+;)*[34][0-8]'
verdict vt100_has_no_colours $? "$(term capture-pane -e -p -t plain | cat -v | head -n 8)"
! screen plain | LC_ALL=C grep -q '[^ -~]'
verdict vt100_has_ascii_only $? "$(screen plain)"

# ---- an unknown one ----
start unknown 80 24 no-such-terminal
check unknown_terminal_is_an_error unknown "'no-such-terminal' is unknown"

# ---- the guest goes, and comes back ----
stop_guest
check lost_guest_is_said main 'trying again'
start_guest
wait_for 10 bash -c "! tmux -S $WORK/tmux capture-pane -p -t main | grep -q 'trying again'"
verdict guest_that_is_back_is_found $? "$(screen main)"
check and_has_figures_again main 'faults [0-9.]+k?/s'
term send-keys -t main q
check quit main 'status 0'
exit $bad
