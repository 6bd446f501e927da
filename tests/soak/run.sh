#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A dpdk link for a long time (link_soak.c), after a look at whether that would notice a peer that falls silent and one
# that crashes at its end.  Usage: tests/soak/run.sh BUILD_FOLDER SECONDS
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
seconds=${2:?seconds}
suite=soak
. tests/support/suite.sh

notices() { # HARM WANTED
	local said
	said=$("$O/tests/link_soak" 1 "dpdk:memif,drop=1%" "$1")
	case $said in
	*"SKIP"*) ;;
	*"FAIL soak: "*"$2"*) ok "notices_$1" ;;
	*) no "notices_$1" "said: $said" ;;
	esac
}
notices mute "a stall"
notices crash "did not end as it should"
judged link "$O/tests/link_soak" "$seconds"
judged link_sealed "$O/tests/link_soak" "$seconds" "dpdk:memif,drop=1%,reorder=1%,sealed"
exit $bad
