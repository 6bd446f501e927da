// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "net/log.h"
#include "vmm/cli/cli.h"
#include "vmm/conf/units.h"
#include "vmm/ctl/local.h"
#include "vmm/ctl/place.h"
#include "vmm/ctl/run.h"

#define LOCAL_GRACE_MS 5000u

struct args {
	const char *kernel, *initrd, *append, *hosts, *key, *name, *status_json;
	uint64_t local, cpus, memory, dilate, peer_timeout_ms, hold_us, reserve, prefetch, spin, skew,
		start_timeout_s, local_memory;
	bool quiet, verbose, netns;
};

static int split_hosts(struct run_options *o, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, ",");
		char host[DESC_ADDRESS_MAX], port[16];

		if (o->hosts_n == HOSTS_MAX || n >= DESC_ADDRESS_MAX || n == 0) {
			fprintf(stderr, "pando: --hosts: expected up to %u addresses 'host:port', separated by "
					"commas\n",
				HOSTS_MAX);
			return -1;
		}
		snprintf(o->addresses[o->hosts_n], DESC_ADDRESS_MAX, "%.*s", (int)n, text);
		if (session_parse_address(o->addresses[o->hosts_n], host, sizeof(host), port,
					  sizeof(port)) || !host[0]) {
			fprintf(stderr, "pando: --hosts: '%s' is no 'host:port'\n",
				o->addresses[o->hosts_n]);
			return -1;
		}
		o->hosts_n++;
		text += n + (text[n] == ',');
	}
	return 0;
}

static int check_readable(const char *option, const char *path)
{
	FILE *f = path ? fopen(path, "rb") : NULL;

	if (f) {
		fclose(f);
		return 0;
	}
	if (path)
		fprintf(stderr, "pando: --%s '%s': %s\n", option, path, strerror(errno));
	else
		fprintf(stderr, "pando: --%s FILE is needed\n", option);
	return -1;
}

static int check_name(const char *name)
{
	if (*name && strlen(name) < DESC_NAME_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
								  "0123456789-_.") == strlen(name) && name[0] != '.')
		return 0;
	fprintf(stderr, "pando: --name '%s': expected letters, digits, '-', '_' and '.', fewer than %u\n", name,
		DESC_NAME_MAX);
	return -1;
}

static int fill(struct run_options *o, const struct args *a)
{
	struct machine_desc *d = &o->desc;

	if (check_readable("kernel", a->kernel) || (a->initrd && check_readable("initrd", a->initrd)) ||
	    check_name(a->name))
		return -1;
	if (strlen(a->append) >= DESC_CMDLINE_MAX) {
		fprintf(stderr, "pando: --append: the kernel command line has %zu characters, %u are the limit\n",
			strlen(a->append), DESC_CMDLINE_MAX - 1);
		return -1;
	}
	if (!a->hosts == !a->local) {
		fprintf(stderr, "pando: either --hosts or --local is needed\n");
		return -1;
	}
	o->kernel = a->kernel;
	o->initrd = a->initrd;
	o->vcpus = (uint32_t)(a->cpus ? a->cpus : a->local ? a->local : 1);
	o->memory_bytes = (a->memory + PLACE_GRANULE - 1) / PLACE_GRANULE * PLACE_GRANULE;
	o->start_timeout_ms = (unsigned)a->start_timeout_s * 1000;
	o->quiet = a->quiet;
	o->status_json = a->status_json;
	snprintf(d->name, sizeof(d->name), "%s", a->name);
	snprintf(d->cmdline, sizeof(d->cmdline), "%s", a->append);
	d->dilate = (uint32_t)a->dilate;
	d->peer_timeout_ms = (uint32_t)a->peer_timeout_ms;
	d->hold_ns = a->hold_us * 1000;
	d->reserve_pages = a->reserve;
	d->prefetch_max = (uint32_t)a->prefetch;
	d->spin_us = (uint32_t)a->spin;
	d->tsc_skew = (int64_t)a->skew;
	if (getrandom(&d->epoch, sizeof(d->epoch), 0) != sizeof(d->epoch))
		return -1;
	d->epoch |= 1; // 0 is no epoch
	return a->hosts ? split_hosts(o, a->hosts) : 0;
}

static int run_local(struct run_options *o, const struct args *a)
{
	struct local_hosts *l = calloc(1, sizeof(*l));
	uint64_t share = (o->memory_bytes / PLACE_GRANULE + a->local - 1) / a->local * PLACE_GRANULE;
	struct local_options lo = {
		.hosts = (unsigned)a->local,
		.vcpus = (uint32_t)((o->vcpus + a->local - 1) / a->local),
		.memory_bytes = a->local_memory ? a->local_memory : share,
		.spin_us = (uint32_t)a->spin,
		.verbose = a->verbose,
		.netns = a->netns,
	};

	session_key_random(&o->key);
	int r = l ? local_start(l, &lo, &o->key) : -ENOMEM;
	if (r) {
		fprintf(stderr, "pando: cannot start the local hosts: %s\n", strerror(-r));
		free(l);
		return RUN_FAILED;
	}
	o->hosts_n = l->n;
	memcpy(o->addresses, l->addresses, sizeof(o->addresses));
	int status = run_guest(o);
	local_end(l, LOCAL_GRACE_MS);
	free(l);
	return status;
}

static int read_key(struct run_options *o, const char *path)
{
	const char *why = "";

	if (!path)
		fprintf(stderr, "pando: --key FILE is needed with --hosts: the cluster key that the hosts have\n");
	else if (session_key_read(path, &o->key, &why))
		fprintf(stderr, "pando: --key '%s': %s\n", path, why);
	else
		return 0;
	return -1;
}

static int usage(const struct cli_option *table)
{
	printf("Usage: pando run --kernel FILE (--hosts A:PORT,B:PORT,... --key FILE | --local N) [OPTION ...]\n\n"
	       "Boots one guest whose vCPUs and memory span the hosts, and shows its console.\n"
	       "Ctrl-C ends the guest on every host.\n\n");
	cli_print_options(table);
	printf("\nExit status: 0 the guest powered off, 1 it could not be run, 2 bad usage, 3 it asked for a\n"
	       "reset, 4 it crashed, 5 a host was lost, 130 interrupted.\n");
	return 0;
}

int cli_run(int argc, char **argv)
{
	static struct run_options o; // large; one guest a process
	struct args a = {.append = "console=ttyS0",
			 .name = "pando",
			 .memory = 1ull << 30,
			 .dilate = 1,
			 .peer_timeout_ms = 5000,
			 .hold_us = 50,
			 .reserve = 1024,
			 .prefetch = 32,
			 .start_timeout_s = 60};
	const struct cli_option table[] = {
		{"kernel", "FILE", "kernel to boot: bzImage or ELF64", CLI_TEXT, &a.kernel, 0, 0},
		{"initrd", "FILE", "initial RAM disk", CLI_TEXT, &a.initrd, 0, 0},
		{"append", "TEXT", "kernel command line (default console=ttyS0)", CLI_TEXT, &a.append, 0, 0},
		{"cpus", "N", "vCPUs of the guest (default: one a host)", CLI_COUNT, &a.cpus, 1, VCPUS_MAX},
		{"memory", "SIZE", "memory of the guest, e.g. 4G (default 1G)", CLI_SIZE, &a.memory, 0, 0},
		{"hosts", "LIST", "addresses of the hosts, host:port,...", CLI_TEXT, &a.hosts, 0, 0},
		{"key", "FILE", "the cluster key", CLI_TEXT, &a.key, 0, 0},
		{"local", "N", "start N hosts on this machine instead", CLI_COUNT, &a.local, 1, HOSTS_MAX},
		{"netns", NULL, "local hosts each in a network namespace (root)", CLI_FLAG, &a.netns, 0, 0},
		{"name", "NAME", "name of the guest, for pando status (default pando)", CLI_TEXT, &a.name, 0,
		 0},
		{"status-json", "FILE", "write the last status there at the end", CLI_TEXT, &a.status_json,
		 0, 0},
		{"peer-timeout", "MS", "a silent host is lost after so long (default 5000)", CLI_COUNT,
		 &a.peer_timeout_ms, 100, 3600000},
		{"start-timeout", "S", "limit of each start-up step (default 60)", CLI_COUNT,
		 &a.start_timeout_s, 1, 3600},
		{"hold", "US", "a page stays so long where it was taken (default 50)", CLI_COUNT, &a.hold_us,
		 0, 1000000},
		{"reserve", "PAGES", "pages a host may hold beyond its gift (default 1024)", CLI_COUNT,
		 &a.reserve, DESC_RESERVE_MIN, 1u << 30},
		{"prefetch", "PAGES", "pages fetched ahead of a stream (default 32)", CLI_COUNT, &a.prefetch,
		 0, 64},
		{"spin", "US", "local hosts busy-poll so long before sleeping", CLI_COUNT, &a.spin, 0,
		 1000000},
		{"local-memory", "SIZE", "memory each local host offers (default: its share)", CLI_SIZE,
		 &a.local_memory, 0, 0},
		{"dilate", "K", "guest time runs at 1/K of real time (slow testbeds)", CLI_COUNT, &a.dilate, 1,
		 1000},
		{"tsc-skew", "TICKS", "make the hosts' counters differ (a test)", CLI_COUNT, &a.skew, 0,
		 1ull << 62},
		{"quiet", NULL, "no progress lines", CLI_FLAG, &a.quiet, 0, 0},
		{"verbose", NULL, "log more", CLI_FLAG, &a.verbose, 0, 0},
		{0},
	};
	int left = cli_parse(argc, argv, table);

	if (left == -2)
		return usage(table);
	if (left > 0)
		fprintf(stderr, "pando: unexpected word '%s' (see pando run --help)\n", argv[1]);
	log_set(a.verbose ? LOG_DEBUG : LOG_WARN, "run");
	if (left || fill(&o, &a) || (a.hosts && read_key(&o, a.key)))
		return RUN_USAGE;
	return a.local ? run_local(&o, &a) : run_guest(&o);
}
