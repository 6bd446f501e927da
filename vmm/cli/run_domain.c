// SPDX-License-Identifier: Apache-2.0
#include "vmm/cli/run_domain.h"

#include <stdio.h>
#include <string.h>

int run_domain_read(const char *path, struct domain *d)
{
	struct domain_errors e;

	if (domain_read(path, d, &e) == 0)
		return 0;
	for (unsigned i = 0; i < e.n && i < DOMAIN_ERRORS_MAX; i++)
		fprintf(stderr, "pando: %s: %s\n", path, e.text[i]);
	if (e.n > DOMAIN_ERRORS_MAX)
		fprintf(stderr, "pando: %s: and %u more\n", path, e.n - DOMAIN_ERRORS_MAX);
	if (!e.n)
		fprintf(stderr, "pando: %s: no memory\n", path);
	return -1;
}

static void take(const char **to, const char *from)
{
	if (!*to && from[0])
		*to = from;
}

/* Cells (or sockets) say what each host has; a size on the command line is dealt again. */
static void take_parts(struct run_args *a, const struct domain *d)
{
	bool cpus = !a->cpus, memory = !a->memory;

	if (cpus) {
		a->cpus = d->vcpus;
		a->parts.vcpu_parts = d->cells_n ? d->cells_n : d->sockets;
		for (unsigned h = 0; h < a->parts.vcpu_parts; h++)
			a->parts.vcpus_of[h] = d->cells_n ? d->cells[h].vcpus : d->cores;
	}
	if (memory) {
		a->memory = d->memory_bytes;
		a->parts.memory_parts = d->cells_n;
		for (unsigned h = 0; h < d->cells_n; h++)
			a->parts.memory_of[h] = d->cells[h].memory_bytes;
	}
}

static void take_hosts(struct run_args *a, const struct domain *d)
{
	static char list[HOSTS_MAX * (DESC_ADDRESS_MAX + 1)]; // one guest a process
	size_t at = 0;

	if (a->hosts || a->local)
		return;
	for (unsigned h = 0; h < d->hosts_n; h++)
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", h ? "," : "", d->addresses[h]);
	a->hosts = d->hosts_n ? list : NULL;
	a->local = d->local;
	/* A domain that says nothing of hosts: as many on this machine as it has cells. */
	if (!a->hosts && !a->local)
		a->local = d->cells_n ? d->cells_n : d->sockets ? d->sockets : 1;
}

static void take_console(struct run_args *a, const struct domain *d)
{
	static const char *const words[] = {
		[DOMAIN_CONSOLE_STDIO] = "stdio", [DOMAIN_CONSOLE_PTY] = "pty", [DOMAIN_CONSOLE_NULL] = "null"};
	static char file[DOMAIN_PATH_MAX + 8];

	if (a->console)
		return;
	a->console_append = d->console_append;
	a->console = words[d->console];
	if (d->console != DOMAIN_CONSOLE_FILE)
		return;
	snprintf(file, sizeof(file), "file:%s", d->console_file);
	a->console = file;
}

int run_domain_apply(struct run_args *a, struct domain *d)
{
	if (run_domain_read(a->domain, d))
		return -1;
	take(&a->name, d->name);
	take(&a->uuid, d->uuid);
	take(&a->kernel, d->kernel);
	take(&a->initrd, d->initrd);
	take(&a->append, d->cmdline);
	take(&a->key, d->key);
	take(&a->title, d->title);
	take(&a->description, d->description);
	a->no_reboot |= d->no_reboot;
	a->from = d;
	take_hosts(a, d);
	take_parts(a, d);
	take_console(a, d);
	tuning_merge(&a->tuning, &d->tuning);
	return 0;
}
