#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the test stages, shows what they print, and closes with the line "N passed, N failed" (", N skipped").
# Usage: tests/check.sh BUILD_FOLDER STAGE ...   A stage is a function stage_NAME below; "all" is the table at the end. An argument
# like "sim rel | model" is two lanes side by side; the lines of a stage come when it is over. A lane that begins with "~", as in
# "qmp top | ~ tsan_build", has what the others leave: it computes while they wait, and takes nothing from them.
set -u
cd "$(dirname "$0")/.."
O=${1:?build folder}
shift
MAKE=${MAKE:-make}
JOBS=$(nproc)
LOGS=$O/check
mkdir -p "$LOGS"
passed=0 failed=0 skipped=0

# Counts what a stage printed: GoogleTest's lines, and "PASS x" / "FAIL x" / "SKIP x" of our own programs.
count() {
	local p f s
	p=$(grep -cE '^(\[       OK \]|PASS )' "$1")
	f=$(grep -cE '^(\[  FAILED  \] [^ ]+ \([0-9]+ ms\)|FAIL )' "$1")
	s=$(grep -cE '^(\[  SKIPPED \] [^ ]+ \([0-9]+ ms\)|SKIP )' "$1")
	echo "$p $f $s"
}

# cpu: seconds that this shell's children have computed, those that have ended.
tick=$(getconf CLK_TCK)
count_cpu() {
	local stat
	read -ra stat <"/proc/$BASHPID/stat"
	cpu=$(((stat[15] + stat[16]) / tick))
}

# run NAME SECONDS COMMAND...: one stage. A stage that exits badly without a failed test is itself a failure.
run() {
	local name=$1 limit=$2 log=$LOGS/$1.log start=$SECONDS rc p f s cpu before
	count_cpu
	before=$cpu
	shift 2
	printf '== %s\n' "$name"
	timeout --kill-after=20 "$limit" "$@" >"$log" 2>&1 </dev/null
	rc=$?
	read -r p f s < <(count "$log")
	grep -E '^(FAIL |SKIP |RETRY |\[  FAILED  \] [^ ]+ \(|\[  SKIPPED \] [^ ]+ \()' "$log"
	if [ $rc -ne 0 ] && [ "$f" -eq 0 ]; then
		f=1
		echo "FAIL $name: exit status $rc$([ $rc -eq 124 ] && echo " (not finished in $limit s)"); the end of its output:"
		tail -n 25 "$log" | sed 's/^/    /'
	elif [ "$f" -gt 0 ]; then
		[ $rc -ne 124 ] || echo "and not finished in $limit s; the end of its output:"
		tail -n 60 "$log" | sed 's/^/    /'
	fi
	if [ $((p + f + s)) -eq 0 ]; then
		f=1
		echo "FAIL $name: it ran no test"
	fi
	count_cpu
	printf '   %s: %d passed, %d failed, %d skipped in %d s (%d s of CPU)\n' "$name" "$p" "$f" "$s" $((SECONDS - start)) $((cpu - before))
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# units BUILD_FOLDER: every unit-test program there. What went wrong stands at the end of the output, which is what a reader of a
# failed run has of it: the output of each failed test, or the end of a program's that ended badly without one (a sanitizer, a signal).
units() {
	local rc=0 t log=/dev/null status bad=$1/tests/units.bad
	: >"$bad"
	trap 'cat "$bad" "$log"; exit 1' TERM # the limit: what the last one said
	for t in "$1"/tests/unit-*; do
		case $t in *.d | *.o | *.log) continue ;; esac
		log=$t.log
		echo "-- $t"
		"$t" --gtest_brief=0 >"$log" 2>&1
		status=$?
		cat "$log"
		[ $status -ne 0 ] || continue
		rc=1
		if grep -qE '^\[  FAILED  \] [^ ]+ \(' "$log"; then
			awk '/^\[ RUN /{test=""} {test=test "    " $0 "\n"} /^\[  FAILED  \] [^ ]+ \(/{printf "%s", test}' "$log"
		else
			echo "FAIL ${t##*/}: exit status $status without a failed test; the end of its output:"
			tail -n 40 "$log" | sed 's/^/    /'
		fi >>"$bad"
	done
	cat "$bad"
	return $rc
}

# native NAME SECONDS SCRIPT [CASE...]: a suite of the micro-guest, here; where there is no /dev/kvm at all, in the nested machine,
# which takes longer (its emulator is built before the clock runs), and of these cases alone if any are named.
native() {
	if [ -e /dev/kvm ]; then
		run "$1" "$2" bash "$3" "$O"
	else
		{ tests/support/install-deps.sh testbed && tests/testbed/build-emulator.sh; } >"$LOGS/$1-emulator.log" 2>&1
		run "$1" $(($2 * 4)) env NATIVE_TIMEOUT=$(($2 * 4 - 20)) bash tests/testbed/native.sh "$O" "${@:3}"
	fi
}

stage_unit() { run unit 900 bash -c "$(declare -f units); units $O"; }
# What can be tried without any of them.
stage_scripts() {
	run layering 240 bash tests/unit/layering.sh "$O"
	run tidy 600 bash tests/unit/tidy.sh "$O"
	run manpage 240 bash tests/unit/manpage.sh "$O"
	run completion 240 bash tests/unit/completion.sh "$O"
	run output 240 bash tests/unit/output.sh "$O"
	run cluster 240 bash tests/unit/cluster.sh "$O"
	run docs 240 bash tests/unit/docs.sh
	run tools 300 bash tests/unit/tools.sh "$O"
	run lanes 240 bash tests/unit/lanes.sh
	run figures 240 bash tests/unit/figures.sh
	run service 60 bash tests/unit/service.sh "$O"
	run statuslist 240 bash tests/unit/statuslist.sh "$O"
}
stage_conform() { run conform 600 "$O/tests/conform"; }
stage_soak() { run soak "$((2 * ${SOAK_SECONDS:-20} + 80))" bash tests/soak/run.sh "$O" "${SOAK_SECONDS:-20}"; }
stage_dpdk() { run dpdk 600 bash tests/e2e/dpdk.sh "$O"; }
stage_sim() { run sim 1200 "$O/tests/sim"; }
stage_rel() { run rel 900 "$O/tests/rel_sim"; }
stage_model() { run model 3000 "$O/tests/model"; }
stage_fuzz() { run fuzz "$((${FUZZ_SECONDS:-20} * 50 + 60))" bash tests/fuzz/run.sh "$O" "${FUZZ_SECONDS:-20}"; }
stage_dsm() { run dsm 900 "$O/tests/dsm"; }
stage_micro() { run micro 2400 bash tests/micro/run.sh "$O"; }
stage_domain() { run domain 120 bash tests/e2e/domain.sh "$O"; }
stage_qmp() { run qmp 500 bash tests/e2e/qmp.sh "$O"; }
stage_join() { run join 600 bash tests/e2e/join.sh "$O"; }
stage_drain() { native drain 200 tests/e2e/drain.sh; }
stage_board() { NATIVE_ENV="ROUNDS=1 PATIENCE=60" native board 240 tests/e2e/board.sh leaves power; }
stage_lost() { run lost 400 bash tests/e2e/lost.sh "$O"; }
stage_elastic() { run elastic 300 bash tests/e2e/elastic.sh "$O"; }
stage_homes() { run homes 240 bash tests/e2e/homes.sh "$O"; }
stage_plug() { native plug 120 tests/e2e/plug.sh; }
stage_grow() { run grow 180 bash tests/e2e/grow.sh "$O"; }
stage_many() { native many 400 tests/e2e/many.sh; }
stage_sandbox() { native sandbox 240 tests/e2e/sandbox.sh; }
stage_sealed() { native sealed 240 tests/e2e/sealed.sh; }
stage_drive() { run drive 300 bash tests/drive/run.sh "$O"; }
stage_move() { run move 500 bash tests/move/run.sh "$O"; }
stage_move_guest() { run move-guest 1200 env MOVE_TIMEOUT=1000 bash tests/move/guest.sh "$O"; }
stage_report() { run report 120 bash tests/e2e/report.sh "$O"; }
stage_top() { run top 180 bash tests/e2e/top.sh "$O"; }
stage_metrics() { run metrics 180 bash tests/e2e/metrics.sh "$O"; }
stage_trace() { run trace 300 bash tests/e2e/trace.sh "$O"; }
stage_check_host() { run check-host 120 bash tests/e2e/check.sh "$O"; }
stage_failures() { run failures 300 bash tests/e2e/failures.sh "$O"; }
stage_drive_guest() { run drive-guest 900 env DRIVE_TIMEOUT=850 bash tests/drive/guest.sh "$O"; }
stage_two_machines() { run two-machines 400 env LINK=dpdk GUEST=micro DEMO_TIMEOUT=300 O="$O" bash tests/testbed/two-machines.sh; }
stage_silent() { run silent 180 bash tests/e2e/silent.sh "$O"; }
stage_console() { run console 300 bash tests/e2e/console.sh "$O"; }
stage_odd_guests() { run odd-guests 1500 bash tests/e2e/odd-guests.sh "$O"; }
stage_debian_disk() { run debian-disk 2400 bash tests/e2e/debian_disk.sh "$O"; }
stage_guest() { run guest 3000 bash tests/e2e/guest.sh "$O"; }
# The first time the emulator is built as well. It has what other stages leave.
stage_intel() { run intel 3000 env INTEL_LIMIT=2400 bash tests/e2e/intel.sh "$O"; }
# What make soak has of whole guests: for each of them there is a quicker one that shows nearly the same.
stage_guest_more() { run guest-more 3000 bash tests/e2e/guest.sh "$O" more; }
stage_odd_guests_more() { run odd-guests-more 1500 bash tests/e2e/odd-guests.sh "$O" more; }
stage_intel_more() { run intel-more 1500 bash tests/e2e/intel.sh "$O" one two debian; }
stage_debian_disk_more() { run debian-disk-more 4800 bash tests/e2e/debian_disk.sh "$O" two_hosts killed elastic; }
stage_debian_soak() { run debian-soak 40000 bash tests/soak/debian.sh "$O"; }
stage_move_guest_more() { run move-guest-more 1200 env MOVES=1000 MOVE_TIMEOUT=1000 bash tests/move/guest.sh "$O"; }
stage_join_more() { run join-more 3600 env ROUNDS=100 bash tests/e2e/join.sh "$O"; }
stage_elastic_more() { run elastic-more 7200 env ROUNDS=100 bash tests/e2e/elastic.sh "$O"; }
stage_many_more() { run many-more 3600 env HOSTS=64 bash tests/e2e/many.sh "$O"; }
built() { # STAGE SAN: the unit programs in a build folder of their own, which later runs find again
	local start=$SECONDS
	if ! $MAKE -s -j"$JOBS" SAN="$2" unit-programs >"$LOGS/$1-build.log" 2>&1; then
		tail -n 20 "$LOGS/$1-build.log"
		return 1
	fi
	printf '   %s: built in %d s\n' "$1" $((SECONDS - start))
}
sanitized() { # STAGE SAN
	built "$1" "$2" || { echo "FAIL $1: it does not build"; failed=1; return; }
	run "$1" 900 bash -c "$(declare -f units); units build-${2//,/-}"
}
# Ahead of time: what does not build is the failure of the stage that needs it.
stage_asan_build() { built asan address,undefined; }
stage_tsan_build() { built tsan thread; }
stage_asan() { sanitized asan address,undefined; }
stage_tsan() { sanitized tsan thread; }

# shellcheck source=/dev/null
[ -z "${CHECK_STAGES:-}" ] || . "$CHECK_STAGES" # more of them: tests/unit/lanes.sh tries this script itself

# one NAME: a stage; what it counted is kept for count_up
one() {
	passed=0 failed=0 skipped=0
	"stage_$1"
	echo "$passed $failed $skipped" >"$LOGS/$1.counts"
}
all_passed=0 all_failed=0 all_skipped=0
count_up() { # NAME...
	local name p f s
	for name in "$@"; do
		read -r p f s 2>/dev/null <"$LOGS/$name.counts" || { echo "FAIL $name: the stage itself was ended"; p=0 f=1 s=0; }
		all_passed=$((all_passed + p)) all_failed=$((all_failed + f)) all_skipped=$((all_skipped + s))
	done
}
lane() { # [~] NAME...: one after the other. Its share of the machine is one CPU, or what is left.
	local name
	set +m
	if [ "$1" = "~" ]; then
		shift
		chrt --idle --pid 0 "$BASHPID"
	else
		JOBS=1
	fi
	for name in "$@"; do
		one "$name" >"$LOGS/$name.out" 2>&1
		flock "$LOGS/lock" cat "$LOGS/$name.out"
	done
}
lanes=()
end_lanes() { # what a lane runs has a process group of its own, by timeout(1)
	local pid
	for pid in "${lanes[@]}"; do
		pkill -TERM -P "$pid"
		kill "$pid"
	done 2>/dev/null
	exit 130
}
trap end_lanes INT TERM
side_by_side() { # "NAME... | NAME..."
	local each start=$SECONDS
	lanes=()
	IFS='|' read -ra each <<<"$1"
	printf '== side by side: %s\n' "$1"
	set -m # or the lanes would ignore SIGINT, and so would all that they run
	for l in "${each[@]}"; do
		# shellcheck disable=SC2086
		lane $l &
		lanes+=($!)
	done
	set +m
	wait "${lanes[@]}"
	printf '   side by side: %d s\n' $((SECONDS - start))
}

# The table. What has deadlines of seconds has the machine for itself, but for what computes with what it leaves: that is
# single-threaded or an emulator whose time is counted in instructions, and judges nothing by the clock. What boots an emulated
# machine in real time never has another of its kind beside it.
all=("unit | scripts"
	"conform soak dpdk dsm micro trace drive move failures console check_host metrics top qmp plug join homes drain board lost elastic grow many silent | ~ tsan_build asan_build"
	"tsan report domain sim rel | asan | ~ model"
	"sandbox sealed guest debian_disk odd_guests two_machines drive_guest move_guest | ~ intel | ~ fuzz")
[ "${1:-}" = all ] && set -- "${all[@]}"
for s in "$@"; do
	names=${s//[|~]/ }
	# shellcheck disable=SC2086
	(cd "$LOGS" && rm -f $(printf '%s.counts ' $names))
	if [[ $s == *"|"* ]]; then side_by_side "$s"; else one "$s"; fi
	# shellcheck disable=SC2086
	count_up $names
done
passed=$all_passed failed=$all_failed skipped=$all_skipped
echo
if [ "$skipped" -gt 0 ]; then
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
else
	printf '%d passed, %d failed\n' "$passed" "$failed"
fi
[ "$failed" -eq 0 ]
