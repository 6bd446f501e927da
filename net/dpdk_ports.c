// SPDX-License-Identifier: Apache-2.0
#include "net/dpdk_ports.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define OPEN_MAX 64u

static struct {
	pthread_mutex_t lock; // of the table; held while a port opens
	struct entry {
		struct dpdk_port *port;
		char device[DPDK_DEVARGS_MAX];
		bool taken;
	} entry[OPEN_MAX];
	unsigned n;
} open_ports = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct entry *find(const char *device)
{
	for (unsigned i = 0; i < open_ports.n; i++)
		if (strcmp(open_ports.entry[i].device, device) == 0)
			return &open_ports.entry[i];
	return NULL;
}

static int open_new(const struct dpdk_spec *spec, unsigned n, struct entry **out, char *why, size_t cap)
{
	struct entry *e = &open_ports.entry[open_ports.n];

	if (open_ports.n == OPEN_MAX) {
		snprintf(why, cap, "dpdk: more than %u ports are open in this process", OPEN_MAX);
		return -ENOSPC;
	}
	int r = dpdk_port_open(&e->port, spec, n, why, cap);
	if (r)
		return r;
	snprintf(e->device, sizeof(e->device), "%s", spec->port[n].device);
	open_ports.n++;
	*out = e;
	return 0;
}

int dpdk_ports_take(struct dpdk_port **out, const struct dpdk_spec *spec, unsigned n, char *why, size_t why_cap)
{
	int r = 0;

	pthread_mutex_lock(&open_ports.lock);
	struct entry *e = find(spec->port[n].device);
	if (!e) {
		r = open_new(spec, n, &e, why, why_cap);
	} else if (e->taken) {
		snprintf(why, why_cap, "dpdk: '%s' is in use by another link of this process", spec->port[n].device);
		r = -EBUSY;
	} else {
		r = dpdk_port_renew(e->port, spec, why, why_cap);
	}
	if (!r) {
		e->taken = true;
		*out = e->port;
	}
	pthread_mutex_unlock(&open_ports.lock);
	return r;
}

void dpdk_ports_give(struct dpdk_port *p)
{
	pthread_mutex_lock(&open_ports.lock);
	for (unsigned i = 0; i < open_ports.n; i++)
		if (open_ports.entry[i].port == p)
			open_ports.entry[i].taken = false;
	pthread_mutex_unlock(&open_ports.lock);
}
