#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A real Prometheus scrapes a running guest of two hosts, and is asked for what it has; the alert rules are checked and
# tried. Traffic stays on loopback.  Usage: tests/e2e/metrics.sh BUILD_FOLDER
set -u
cd "$(dirname "$0")/../.."
O=${1:?build folder}
PANDO=$O/pando
WORK=$(mktemp -d)
export PANDO_RUN_DIR=$WORK/run
pids=()
suite=metrics
. tests/support/suite.sh

cleanup() {
	for p in "${pids[@]}"; do
		kill -TERM "$p" 2>/dev/null && wait "$p" 2>/dev/null
	done
	rm -rf "$WORK"
}
trap cleanup EXIT

get() { # PORT PATH: the body of an HTTP answer, without a client from outside the base system
	exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
	printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$2" >&3
	timeout 10 cat <&3 | sed '1,/^\r$/d'
	exec 3<&-
}

# ---- the rules ----
if command -v promtool >/dev/null; then
	promtool check rules docs/monitoring/alerts.yml >"$WORK/rules.log" 2>&1
	verdict alert_rules_are_well_formed $? "$(tail -n 5 "$WORK/rules.log")"
	cp docs/monitoring/alerts.yml tests/e2e/alerts.test.yml "$WORK/"
	(cd "$WORK" && promtool test rules alerts.test.yml) >"$WORK/rules.log" 2>&1
	verdict alert_rules_fire_when_they_should $? "$(tail -n 20 "$WORK/rules.log")"
else
	echo "SKIP metrics.alert_rules: promtool (package prometheus) is not there"
fi

# ---- what is refused ----
"$PANDO" run --local 1 --kernel "$O/guest-tools/micro.elf" --quiet --metrics 0.0.0.0:0 >"$WORK/out" 2>&1
[ $? -ne 0 ] && grep -q metrics-anywhere "$WORK/out"
verdict address_that_others_reach_is_refused $? "$(cat "$WORK/out")"
if grep -q 'built without libmicrohttpd' "$WORK/out"; then
	echo "SKIP metrics.page: pando was built without libmicrohttpd"
	exit $bad
fi

kvm_or_skip metrics.scrape || exit $bad

# ---- a guest that never ends by itself ----
"$PANDO" run --local 2 --kernel "$O/guest-tools/micro.elf" --cpus 2 --memory 64M --name metrics --rng --metrics :0 \
	--metrics-file "$WORK/pando.prom" --metrics-every 1 --append "test=storm ops=4000000000" >"$WORK/run.log" 2>&1 </dev/null &
run_pid=$!
pids+=($run_pid)
wait_for 20 grep -q 'PASS smp' "$WORK/run.log"
verdict guest_runs $? "$(tail -n 5 "$WORK/run.log")"
port=$(sed -n 's|.*metrics at http://127.0.0.1:\([0-9]*\)/metrics.*|\1|p' "$WORK/run.log")

get "$port" /metrics >"$WORK/page"
grep -q '^pando_host_up{guest="metrics",host="1",address="[^"]*"} 1$' "$WORK/page"
verdict page_names_both_hosts $? "$(head -n 20 "$WORK/page")"
grep -q '^pando_device_requests_total{guest="metrics",host="0",device="[0-9]*",kind="virtio-rng",name=""} [0-9]' "$WORK/page"
verdict page_has_the_devices $? "$(grep device "$WORK/page")"
if command -v promtool >/dev/null; then
	promtool check metrics <"$WORK/page" >"$WORK/lint" 2>&1
	verdict page_follows_the_conventions $? "$(cat "$WORK/lint")"
fi
wait_for 5 grep -q '^pando_host_up' "$WORK/pando.prom"
verdict textfile_is_written $? "$(ls -l "$WORK")"

# A client that opens a connection and says nothing keeps nobody from the page.
exec 4<>"/dev/tcp/127.0.0.1/$port"
get "$port" /metrics | grep -q '^pando_host_up'
verdict silent_client_harms_nobody $? "no answer beside a silent client"
exec 4<&-

# ---- a real Prometheus ----
if command -v prometheus >/dev/null; then
	prom=$(free_port)
	cat >"$WORK/prometheus.yml" <<-END
		global: {scrape_interval: 1s, evaluation_interval: 1s}
		rule_files: [alerts.yml]
		scrape_configs:
		  - job_name: pando
		    static_configs: [{targets: ["127.0.0.1:$port"]}]
	END
	prometheus --config.file="$WORK/prometheus.yml" --storage.tsdb.path="$WORK/tsdb" --web.listen-address="127.0.0.1:$prom" \
		--log.level=warn >"$WORK/prometheus.log" 2>&1 &
	pids+=($!)
	query() { get "$prom" "/api/v1/query?query=$1"; }
	up() { query 'up%7Bjob%3D%22pando%22%7D' | grep -q '"value":\[[0-9.]*,"1"\]'; }
	wait_for 30 up
	verdict prometheus_scrapes $? "$(tail -n 5 "$WORK/prometheus.log"; query up)"
	grows() { # the guest's faults, as Prometheus computes their rate
		query 'sum(rate(pando_faults_total%7Bguest%3D%22metrics%22%7D%5B10s%5D))' |
			sed -n 's/.*"value":\[[0-9.]*,"\([0-9.]*\)"\].*/\1/p' | awk '{ exit !($1 > 0) }'
	}
	wait_for 20 grows
	verdict prometheus_sees_faults_grow $? "$(query 'pando_faults_total')"
	query 'count(pando_vcpu_exits_total)' | grep -q '"value":\[[0-9.]*,"2"\]'
	verdict prometheus_has_both_vcpus $? "$(query 'pando_vcpu_exits_total')"
	firing() { get "$prom" /api/v1/alerts; }
	! firing | grep -q '"state":"firing"'
	verdict no_alert_fires_on_a_healthy_guest $? "$(firing)"
else
	echo "SKIP metrics.prometheus: prometheus is not there"
fi

# ---- the end ----
kill -TERM $run_pid
wait $run_pid 2>/dev/null
[ ! -e "$WORK/pando.prom" ]
verdict textfile_goes_with_the_guest $? "it is still there"
exit $bad
