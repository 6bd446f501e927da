// SPDX-License-Identifier: Apache-2.0
/*
 * `pando run --local` of a micro-guest in this process, driven by actions on the command line through vmm/run/ops.h.
 *
 *   driver IMAGE HOSTS CPUS MIB APPEND ACTION...
 *
 * wait=MS   stop   cont   reset   nmi   power   registers   dump=FILE   range=FIRST,BYTES (for the next dump)
 * stops=N,RUN_MS,STOP_MS (stop and cont N times)   until=TEXT (the guest prints it)   quit
 * moves=N,GAP_MS[,VCPU] (N moves of vCPUs between hosts, tests/drive/moves.h)
 * moves-begin=N,GAP_MS[,VCPU] (the same, while the next actions are carried out)   moves-end (until they are over)
 * hostile (calls of all verbs with numbers that nothing has, tests/drive/hostile.h)
 * no-reboot, initrd=FILE, disk=PROPERTIES (of --disk), dilate=K, patience=S are options of the run and come first.
 *
 * Each action begins when the one before is done. Prints PASS or FAIL for each, events as "EVENT NAME DATA", the
 * guest's console as it comes. Exit status: run_guest()'s, or 1 if an action failed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "net/link.h"
#include "net/log.h"
#include "net/now.h"
#include "tests/drive/hostile.h"
#include "tests/drive/moves.h"
#include "vmm/cli/cli.h"
#include "vmm/cli/run_args.h"
#include "vmm/run/local.h"
#include "vmm/monitor/monitor_priv.h"
#include "vmm/run/run.h"
#include "vmm/run/ops.h"

struct driver {
	struct ops *v;
	struct link *link;
	unsigned hosts, vcpus;
	char **action, **end;
	struct loop_timer timer;
	unsigned stops_left, run_ms, stop_ms;
	uint64_t began_ns, stop_ns_max, cont_ns_max;
	uint64_t stops_began_ns, stopped_ns, stood_ns; // of many stops
	bool failed;
	bool moving, moves_awaited; // in the background
	char moves_error[256];
	const char *until; // what the console has to say
	char tail[512];    // of the console
	struct ops_dump dump;
};

static void next(struct driver *d);

static void verdict(struct driver *d, const char *error)
{
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(*d->action, "="), *d->action);
	d->failed |= error != NULL;
	printf("\n%s drive-%s%s%s\n", error ? "FAIL" : "PASS", name, error ? ": " : "", error ? error : "");
	fflush(stdout);
	d->action++;
	next(d);
}

static void done(void *ctx, const char *error)
{
	verdict(ctx, error);
}

static void after(struct driver *d, unsigned ms)
{
	loop_timer_in(link_loop(d->link), &d->timer, ms * 1000000ull);
}

static uint64_t longer(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* ---- moves in the background ---- */

static void moves_over(struct driver *d)
{
	d->moves_awaited = false;
	verdict(d, d->moves_error[0] ? d->moves_error : NULL);
}

static void on_moves(void *ctx, const char *error)
{
	struct driver *d = ctx;

	d->moving = false;
	snprintf(d->moves_error, sizeof(d->moves_error), "%s", error ? error : "");
	if (d->moves_awaited)
		moves_over(d);
}

/* ---- many stops ---- */

static void on_cont(void *ctx, const char *error)
{
	struct driver *d = ctx;

	d->stood_ns += d->began_ns - d->stopped_ns;
	d->cont_ns_max = longer(d->cont_ns_max, now_ns() - d->began_ns);
	d->stops_left--;
	if (error || !d->stops_left) {
		printf("\nRESULT drive_stop_max %.3f ms\nRESULT drive_cont_max %.3f ms\n", (double)d->stop_ns_max / 1e6,
		       (double)d->cont_ns_max / 1e6);
		printf("RESULT drive_stops_wall %.3f s\nRESULT drive_stops_stood %.3f s\n",
		       (double)(now_ns() - d->stops_began_ns) / 1e9, (double)d->stood_ns / 1e9);
		d->stops_left = 0;
		verdict(d, error);
	} else {
		after(d, d->run_ms);
	}
}

static void on_stop(void *ctx, const char *error)
{
	struct driver *d = ctx;

	d->stopped_ns = now_ns();
	d->stop_ns_max = longer(d->stop_ns_max, now_ns() - d->began_ns);
	if (error || ops_state(d->v) != OPS_PAUSED)
		verdict(d, error ? error : "it is not paused");
	else
		after(d, d->stop_ms);
}

static void stop_or_cont(struct driver *d)
{
	bool runs = ops_state(d->v) == OPS_RUNNING;
	int r;

	d->began_ns = now_ns();
	r = runs ? ops_stop(d->v, on_stop, d) : ops_cont(d->v, on_cont, d);
	if (r)
		verdict(d, strerror(-r));
}

static void on_timer(void *ctx)
{
	struct driver *d = ctx;

	if (d->stops_left)
		stop_or_cont(d);
	else if (d->moves_awaited)
		moves_over(d);
	else
		verdict(d, NULL);
}

/* ---- the others ---- */

static void on_registers(void *ctx, const json_t *vcpus, const char *error)
{
	struct driver *d = ctx;
	size_t i;
	const json_t *o;

	json_array_foreach(vcpus, i, o)
	{
		char *text = monitor_registers_text(o);

		printf("\n%s", text ? text : "no text\n");
		free(text);
	}
	verdict(d, error);
}

static void on_dump(void *ctx, const char *error)
{
	struct driver *d = ctx;
	uint64_t done_bytes, total;

	ops_dump_status(d->v, &done_bytes, &total);
	printf("\ndump: %llu of %llu bytes in %.3f s\n", (unsigned long long)done_bytes, (unsigned long long)total,
	       (double)(now_ns() - d->began_ns) / 1e9);
	verdict(d, error);
}

static void check_console(struct driver *d)
{
	if (!d->until || !strstr(d->tail, d->until))
		return;
	d->until = NULL;
	verdict(d, NULL);
}

/* What was said before an action is forgotten when it begins to wait for something. */
static void on_console(void *ctx, const uint8_t *bytes, size_t n)
{
	struct driver *d = ctx;

	for (size_t i = 0; i < n; i++) {
		size_t have = strlen(d->tail);

		if (have == sizeof(d->tail) - 1) {
			memmove(d->tail, d->tail + have / 2, have - have / 2 + 1);
			have = strlen(d->tail);
		}
		if (bytes[i])
			d->tail[have] = (char)bytes[i], d->tail[have + 1] = 0;
		check_console(d);
	}
}

static bool is(const char *action, const char *name, const char **value)
{
	size_t n = strlen(name);

	*value = action[n] == '=' ? action + n + 1 : "";
	return strncmp(action, name, n) == 0 && (action[n] == '=' || !action[n]);
}

static int begin(struct driver *d)
{
	const char *a = *d->action, *value;

	d->began_ns = now_ns();
	if (strncmp(a, "until=", 6))
		d->tail[0] = 0;
	if (is(a, "wait", &value))
		return after(d, (unsigned)atoi(value)), 0;
	if (is(a, "stops", &value)) {
		if (sscanf(value, "%u,%u,%u", &d->stops_left, &d->run_ms, &d->stop_ms) != 3)
			return -EINVAL;
		d->stops_began_ns = d->began_ns;
		d->stood_ns = d->stop_ns_max = d->cont_ns_max = 0;
		return after(d, d->run_ms), 0;
	}
	if (is(a, "moves", &value))
		return moves_begin(ops_mover(d->v), d->link, value, d->vcpus, d->hosts, done, d);
	if (is(a, "moves-begin", &value)) {
		d->moving = true;
		int r = moves_begin(ops_mover(d->v), d->link, value, d->vcpus, d->hosts, on_moves, d);

		if (!r)
			after(d, 0);
		return r;
	}
	if (is(a, "moves-end", &value)) {
		d->moves_awaited = true;
		if (!d->moving)
			after(d, 0);
		return 0;
	}
	if (is(a, "stop", &value))
		return ops_stop(d->v, done, d);
	if (is(a, "cont", &value))
		return ops_cont(d->v, done, d);
	if (is(a, "reset", &value))
		return ops_reset(d->v, done, d);
	if (is(a, "nmi", &value))
		return ops_nmi(d->v, done, d);
	if (is(a, "hostile", &value))
		return hostile_begin(d->v, done, d);
	if (is(a, "power", &value))
		return ops_powerdown(d->v, done, d);
	if (is(a, "until", &value)) {
		d->until = value;
		check_console(d);
		return 0;
	}
	if (is(a, "quit", &value))
		return d->action++, kill(getpid(), SIGTERM), 0;
	if (is(a, "registers", &value))
		return ops_registers(d->v, OPS_ALL_VCPUS, on_registers, d);
	if (is(a, "dump", &value)) {
		d->dump.path = value;
		return ops_dump(d->v, &d->dump, on_dump, d);
	}
	return -ENOSYS;
}

static void next(struct driver *d)
{
	const char *value;

	if (d->action == d->end)
		return;
	if (is(*d->action, "range", &value)) {
		d->dump.ranged = sscanf(value, "%li,%li", (long *)&d->dump.begin, (long *)&d->dump.length) == 2;
		d->action++;
		next(d);
		return;
	}
	int r = begin(d);

	if (r)
		verdict(d, strerror(-r));
}

static void on_event(void *ctx, const char *event, const json_t *data)
{
	char *text = data ? json_dumps(data, JSON_COMPACT) : NULL;

	(void)ctx;
	printf("\nEVENT %s %s\n", event, text ? text : "");
	fflush(stdout);
	free(text);
}

static void running(void *ctx, struct ops *v, struct link *link)
{
	struct driver *d = ctx;

	d->v = v;
	d->link = link;
	ops_listen(v, on_event, d);
	next(d);
}

static bool take_option(const char *word, struct run_args *a, bool *no_reboot)
{
	const char *value;

	if (is(word, "no-reboot", &value))
		*no_reboot = true;
	else if (is(word, "initrd", &value))
		a->initrd = value;
	else if (is(word, "disk", &value))
		a->disks.text[a->disks.n++] = value; // of a test: there are few
	else if (is(word, "dilate", &value))
		a->tuning.value[TUNING_DILATE] = (uint64_t)atoi(value);
	else if (is(word, "patience", &value)) {
		a->start_timeout_s = (uint64_t)atoi(value);
		a->tuning.value[TUNING_PEER_TIMEOUT] = a->start_timeout_s * 1000;
	} else
		return false;
	return true;
}

static int drive(char **argv, int argc)
{
	static struct run_options o;
	static struct local_hosts hosts;
	struct driver d = {.action = argv + 6,
			   .end = argv + argc,
			   .timer = {.fn = on_timer, .arg = &d},
			   .hosts = (unsigned)atoi(argv[2]),
			   .vcpus = (unsigned)atoi(argv[3])};
	struct local_options lo = {.hosts = (unsigned)atoi(argv[2]), .link = "uring"};
	char name[32];
	bool no_reboot = false;
	struct run_args a = {
		.kernel = argv[1],
		.local = (uint64_t)atoi(argv[2]),
		.cpus = (uint64_t)atoi(argv[3]),
		.memory = (uint64_t)atoi(argv[4]) << 20,
		.append = argv[5],
		.name = name,
		.quiet = true,
	};

	snprintf(name, sizeof(name), "drive-%d", (int)getpid());
	tuning_clear(&a.tuning);
	for (; d.action < d.end && take_option(*d.action, &a, &no_reboot); d.action++)
		;
	if (run_args_fill(&a, &o))
		return RUN_USAGE;
	o.no_reboot = no_reboot;
	o.running = running;
	o.console = on_console;
	o.running_ctx = &d;
	lo.vcpus = run_args_local_vcpus(&a, &o);
	lo.memory_bytes = run_args_local_memory(&a, &o);
	session_key_random(&o.key);
	o.key.plain = true; // as `pando run --local`
	int r = local_start(&hosts, &lo, &o.key);

	if (r) {
		printf("FAIL drive: no local hosts: %s\n", strerror(-r));
		return 1;
	}
	o.hosts_n = hosts.n;
	memcpy(o.addresses, hosts.addresses, sizeof(o.addresses));
	int status = run_guest(&o);

	local_end(&hosts, 5000);
	if (d.action != d.end)
		printf("\nFAIL drive: the guest was over before the action '%s'\n", *d.action);
	return status ? status : d.failed || d.action != d.end;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "host")) // local hosts are this program
		return cli_main(argc, argv);
	if (argc < 6)
		return fprintf(stderr, "usage: %s IMAGE HOSTS CPUS MIB APPEND ACTION...\n", argv[0]), 2;
	log_set(LOG_WARN, "drive");
	return drive(argv, argc);
}
