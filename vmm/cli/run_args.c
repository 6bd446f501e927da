// SPDX-License-Identifier: Apache-2.0
#include "vmm/cli/run_args.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "vmm/bridge/domain.h"
#include "vmm/cli/run_devices.h"
#include "vmm/conf/output_file.h"

#define STANDARD_NAME            "pando"
#define STANDARD_APPEND          "console=ttyS0"
#define STANDARD_MEMORY          (1ull << 30)
#define STANDARD_START_TIMEOUT_S 60u

/* The next entry of a list with commas; an empty one, as after a last comma, is an error of the caller's. */
static size_t entry(const char **text, const char **out)
{
	size_t n = strcspn(*text, ",");

	*out = *text;
	*text = (*text)[n] ? *text + n + 1 : NULL;
	return n;
}

static int add_host(struct run_options *o, const char *address, size_t n)
{
	char host[DESC_ADDRESS_MAX], port[16];
	char *to = o->addresses[o->hosts_n];

	if (o->hosts_n == HOSTS_MAX || n >= DESC_ADDRESS_MAX || n == 0) {
		fprintf(stderr, "pando: --hosts: expected up to %u addresses 'host:port', separated by commas%s\n",
			HOSTS_MAX, n ? "" : ": one is empty");
		return -1;
	}
	snprintf(to, DESC_ADDRESS_MAX, "%.*s", (int)n, address);
	if (session_parse_address(to, host, sizeof(host), port, sizeof(port)) || !host[0]) {
		fprintf(stderr, "pando: --hosts: '%s' is no 'host:port'\n", to);
		return -1;
	}
	for (unsigned h = 0; h < o->hosts_n; h++)
		if (strcmp(o->addresses[h], to) == 0) {
			fprintf(stderr, "pando: --hosts: '%s' stands there twice: a host takes one part of a guest\n",
				to);
			return -1;
		}
	o->hosts_n++;
	return 0;
}

static int split_hosts(struct run_options *o, const char *text)
{
	const char *one;

	while (text) {
		size_t n = entry(&text, &one);

		if (add_host(o, one, n))
			return -1;
	}
	return 0;
}

static int split_qmp(struct run_options *o, const char *list)
{
	const char *text = list, *one;

	while (text) {
		size_t n = entry(&text, &one);

		if (o->qmp_n == RUN_QMP_MAX || n == 0 || n >= RUN_QMP_BYTES) {
			fprintf(stderr,
				"pando: --qmp '%s': expected up to %u places, each a path or tcp:127.0.0.1:PORT of "
				"fewer than %u characters, separated by commas\n",
				list, RUN_QMP_MAX, RUN_QMP_BYTES);
			return -1;
		}
		snprintf(o->qmp[o->qmp_n++], RUN_QMP_BYTES, "%.*s", (int)n, one);
	}
	return 0;
}

/* Files that are written when the guest is over: whether they can be is known now. */
static int check_writable(const char *option, const char *path)
{
	int r = path ? output_file_probe(path) : 0;

	if (r)
		fprintf(stderr, "pando: --%s '%s': it cannot be written: %s\n", option, path, strerror(-r));
	return r ? -1 : 0;
}

static int check_outputs(const struct run_args *a, const struct run_options *o)
{
	return check_writable("trace", o->trace) || check_writable("status-json", a->status_json) ||
			       check_writable("metrics-file", o->metrics.file)
		       ? -1
		       : 0;
}

static int check_name(const char *name)
{
	if (*name && strlen(name) < DESC_NAME_MAX &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			 "0123456789-_.") == strlen(name) &&
	    name[0] != '.' && name[0] != '-')
		return 0;
	fprintf(stderr,
		"pando: --name '%s': expected letters, digits, '-', '_' and '.', fewer than %u, a letter, digit or '_' "
		"first\n",
		name, DESC_NAME_MAX);
	return -1;
}

static int set_identity(const struct run_args *a, struct run_options *o)
{
	const char *name = a->name ? a->name : STANDARD_NAME;

	if (check_name(name))
		return -1;
	snprintf(o->desc.name, sizeof(o->desc.name), "%s", name);
	if (a->uuid && uuid_parse(a->uuid, o->desc.uuid)) {
		fprintf(stderr,
			"pando: --uuid '%s': expected 32 hexadecimal digits, grouped 8-4-4-4-12 or not at all\n",
			a->uuid);
		return -1;
	}
	return a->uuid ? 0 : uuid_random(o->desc.uuid);
}

/*
 * What has a guest bring memory online by itself, as memory that can be taken away again: a kernel does it. CPUs no
 * kernel does; these the firmware asks systemd for (vmm/acpi/smbios.c).
 */
static const char *elastic_words(const struct run_args *a)
{
	return a->elastic ? " memhp_default_state=online_movable" : "";
}

/* A disk that boots has words of its own for the command line: what is said here comes behind them. */
static int set_boot(const struct run_args *a, struct run_options *o)
{
	bool disk = !a->kernel; // the kernel comes from it, with a command line of its own
	const char *append = a->append ? a->append : disk ? "" : STANDARD_APPEND;

	if (disk && !a->disks.n && !(a->from && a->from->disks_n)) {
		fprintf(stderr, "pando: --kernel FILE is needed, or a disk to boot from (--disk PATH)\n");
		return -1;
	}
	if (disk && a->initrd) {
		fprintf(stderr, "pando: --initrd '%s' goes with --kernel; the disk brings its own\n", a->initrd);
		return -1;
	}
	if (strlen(append) >= DESC_CMDLINE_MAX) {
		fprintf(stderr, "pando: --append: the kernel command line has %zu characters, %u are the limit\n",
			strlen(append), DESC_CMDLINE_MAX - 1);
		return -1;
	}
	for (const char *p = append; *p; p++)
		if (*p < 0x20 || *p > 0x7e) {
			fprintf(stderr,
				"pando: --append: the kernel command line has a byte %#04x at %zu: expected printable "
				"ASCII\n",
				(unsigned char)*p, (size_t)(p - append));
			return -1;
		}
	o->kernel = a->kernel;
	o->initrd = a->initrd;
	if (strlen(append) + strlen(elastic_words(a)) >= DESC_CMDLINE_MAX) {
		fprintf(stderr, "pando: --elastic: the kernel command line has no room for its words\n");
		return -1;
	}
	snprintf(o->desc.cmdline, sizeof(o->desc.cmdline), "%s%s", append, elastic_words(a));
	o->desc.elastic = a->elastic;
	o->desc.disk_boots = disk;
	return 0;
}

static int set_size(const struct run_args *a, struct run_options *o)
{
	uint64_t memory = a->memory ? a->memory : STANDARD_MEMORY;

	if (memory % DESC_GRANULE || a->max_memory % DESC_GRANULE) {
		fprintf(stderr, "pando: --%s: %llu bytes: expected a multiple of 2 MiB\n",
			memory % DESC_GRANULE ? "memory" : "max-memory",
			(unsigned long long)(memory % DESC_GRANULE ? memory : a->max_memory));
		return -1;
	}
	if (a->local_memory % DESC_GRANULE) {
		fprintf(stderr, "pando: --local-memory: %llu bytes: expected a multiple of 2 MiB\n",
			(unsigned long long)a->local_memory);
		return -1;
	}
	o->wish = a->parts;
	o->wish.vcpus = (uint32_t)(a->cpus ? a->cpus : a->local ? a->local : o->hosts_n);
	o->wish.memory_bytes = memory;
	o->wish.room = (struct desc_room){
		.vcpus_max = (uint32_t)a->max_cpus, .memory_max = a->max_memory, .nodes_max = (unsigned)a->max_hosts};
	return 0;
}

/* The virtio console is known by now; there is one standard input. */
static int set_console(const struct run_args *a, struct run_options *o)
{
	bool other = o->virtio_console && o->virtio_console_to.kind == CONSOLE_STDIO;

	if (console_parse(a->console ? a->console : other ? "null" : "stdio", &o->console_to)) {
		fprintf(stderr, "pando: --console '%s': expected stdio, pty, null or file:PATH\n", a->console);
		return -1;
	}
	if (other && o->console_to.kind == CONSOLE_STDIO) {
		fprintf(stderr, "pando: --console stdio: the virtio console goes there already\n");
		return -1;
	}
	o->console_to.append = a->console_append;
	return 0;
}

int run_args_fill(const struct run_args *a, struct run_options *o)
{
	if (set_boot(a, o) || set_identity(a, o))
		return -1;
	if (!a->hosts == !a->local) {
		fprintf(stderr, "pando: either --hosts or --local is needed\n");
		return -1;
	}
	o->local = (unsigned)a->local;
	if ((a->hosts && split_hosts(o, a->hosts)) || set_size(a, o) || run_devices_fill(a, o) || check_outputs(a, o))
		return -1;
	tuning_apply(&a->tuning, &o->desc);
	o->desc.tsc_skew = (int64_t)a->skew;
	o->start_timeout_ms = (unsigned)(a->start_timeout_s ? a->start_timeout_s : STANDARD_START_TIMEOUT_S) * 1000;
	o->quiet = o->metrics.quiet = a->quiet;
	o->status_json = a->status_json;
	o->no_reboot = a->no_reboot;
	o->title = a->title;
	o->description = a->description;
	o->key_path = a->key;
	if (set_console(a, o))
		return -1;
	if (a->qmp && split_qmp(o, a->qmp))
		return -1;
	if (getrandom(&o->desc.epoch, sizeof(o->desc.epoch), 0) != sizeof(o->desc.epoch))
		return -1;
	o->desc.epoch |= 1; // 0 is no epoch
	return 0;
}

/* Local hosts offer what may come later too: a guest that may grow is to have where from. */
static uint64_t room(uint64_t most, uint64_t have)
{
	return most > have ? most - have : 0;
}

uint32_t run_args_local_vcpus(const struct run_args *a, const struct run_options *o)
{
	uint32_t most = (uint32_t)((o->wish.vcpus + a->local - 1) / a->local);

	for (unsigned h = 0; h < o->wish.vcpu_parts; h++)
		if (o->wish.vcpus_of[h] > most)
			most = o->wish.vcpus_of[h];
	return most + (uint32_t)room(o->wish.room.vcpus_max, o->wish.vcpus);
}

uint64_t run_args_local_memory(const struct run_args *a, const struct run_options *o)
{
	uint64_t most = (o->wish.memory_bytes / DESC_GRANULE + a->local - 1) / a->local * DESC_GRANULE;

	if (a->local_memory)
		return a->local_memory;
	for (unsigned h = 0; h < o->wish.memory_parts; h++)
		if (o->wish.memory_of[h] > most)
			most = o->wish.memory_of[h];
	uint64_t pieces = (room(o->wish.room.memory_max, o->wish.memory_bytes) + DESC_PIECE - 1) / DESC_PIECE;

	return most + (pieces + a->local - 1) / a->local * DESC_PIECE;
}
