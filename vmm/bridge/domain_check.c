// SPDX-License-Identifier: Apache-2.0
// What needs more than one element to be judged: memory and vCPUs against cells and topology, cells against hosts.
#include <string.h>

#include "vmm/bridge/domain_walk.h"

static void check_memory(struct walk *w)
{
	if (!w->memory_line)
		walk_error(w->errors, 0, "<memory>", "this element is missing");
	else if (w->d.memory_bytes < DESC_GRANULE || w->d.memory_bytes % DESC_GRANULE)
		walk_error(w->errors, w->memory_line, "<memory>", "%llu bytes: expected a multiple of 2 MiB",
			   (unsigned long long)w->d.memory_bytes);
	if (w->current_line && w->current_memory != w->d.memory_bytes)
		walk_error(w->errors, w->current_line, "<currentMemory>",
			   "it must be what <memory> says: there is no balloon");
}

static void check_vcpus(struct walk *w)
{
	if (!w->vcpu_line)
		w->d.vcpus = 1;
	if (w->vcpus_current && w->vcpus_current != w->d.vcpus)
		walk_error(w->errors, w->vcpu_line, "<vcpu>", "current='%llu': all %u are there from the start",
			   (unsigned long long)w->vcpus_current, w->d.vcpus);
}

/* A socket is a host. */
static void check_topology(struct walk *w)
{
	if (!w->topology_line)
		return;
	if (w->threads != 1 || w->dies != 1)
		walk_error(w->errors, w->topology_line, "<cpu><topology>", "only dies='1' threads='1' can be honoured");
	else if (w->sockets > HOSTS_MAX)
		walk_error(w->errors, w->topology_line, "<cpu><topology>", "a socket is a host: %u at most", HOSTS_MAX);
	else if (w->sockets * w->cores != w->d.vcpus)
		walk_error(w->errors, w->topology_line, "<cpu><topology>",
			   "%llu sockets of %llu cores are not %u vCPUs", (unsigned long long)w->sockets,
			   (unsigned long long)w->cores, w->d.vcpus);
	w->d.sockets = (uint32_t)w->sockets;
	w->d.cores = (uint32_t)w->cores;
}

/* CPUs of a cell are the ones after those of the cell before: then they are how many. */
static void check_cell_cpus(struct walk *w, const struct cell_draft *c, struct domain_cell *out, uint32_t *next)
{
	uint32_t n = 0; // 0: it gives memory only

	for (uint32_t v = 0; v < VCPUS_MAX; v++)
		n += c->cpus[v / 64] >> (v % 64) & 1;
	for (uint32_t v = *next; v < *next + n; v++)
		if (v >= VCPUS_MAX || !(c->cpus[v / 64] >> (v % 64) & 1)) {
			walk_error(w->errors, c->line, "<cpu><numa><cell>",
				   "its vCPUs must be the %u from %u on: they are numbered cell by cell", n, *next);
			break;
		}
	out->vcpus = n;
	*next += n;
}

static void check_cell_memory(struct walk *w, const struct cell_draft *c, struct domain_cell *out, uint64_t *sum)
{
	if (c->memory > INT64_MAX / c->scale || c->memory * c->scale % DESC_GRANULE)
		walk_error(w->errors, c->line, "<cpu><numa><cell>", "its memory must be a multiple of 2 MiB");
	else
		out->memory_bytes = c->memory * c->scale;
	*sum += out->memory_bytes;
}

/* The tables that the guest reads know two distances: 10 to oneself, 20 to every other host. */
static void check_distances(struct walk *w, const struct cell_draft *c, unsigned self)
{
	for (unsigned h = 0; h < HOSTS_MAX; h++)
		if (c->distance[h] && (h >= w->cells_n || c->distance[h] != (h == self ? 10 : 20)))
			walk_error(w->errors, c->line, "<cpu><numa><cell><distances>",
				   "only 10 to itself and 20 to each other cell can be honoured");
}

static void check_cells(struct walk *w)
{
	uint32_t next = 0;
	uint64_t sum = 0;

	for (unsigned i = 0; i < w->cells_n; i++) {
		const struct cell_draft *c = &w->cells[i];
		struct domain_cell *out = &w->d.cells[i];

		if (c->has_id && c->id != i)
			walk_error(w->errors, c->line, "<cpu><numa><cell>",
				   "id='%u': expected %u, cells stand in order", c->id, i);
		check_cell_cpus(w, c, out, &next);
		check_cell_memory(w, c, out, &sum);
		check_distances(w, c, i);
		memcpy(out->distance, c->distance, sizeof(out->distance));
	}
	w->d.cells_n = w->cells_n;
	if (!w->cells_n)
		return;
	if (next != w->d.vcpus)
		walk_error(w->errors, w->numa_line, "<cpu><numa>", "the cells have %u vCPUs, <vcpu> says %u", next,
			   w->d.vcpus);
	if (sum != w->d.memory_bytes)
		walk_error(w->errors, w->numa_line, "<cpu><numa>", "the cells have %llu bytes, <memory> says %llu",
			   (unsigned long long)sum, (unsigned long long)w->d.memory_bytes);
	if (w->d.sockets && w->d.sockets != w->cells_n)
		walk_error(w->errors, w->topology_line, "<cpu><topology>", "%u sockets and %u cells: both are hosts",
			   w->d.sockets, w->cells_n);
	for (unsigned i = 0; w->d.sockets && i < w->cells_n; i++)
		if (w->d.cells[i].vcpus != w->d.cores)
			walk_error(w->errors, w->cells[i].line, "<cpu><numa><cell>",
				   "%u vCPUs, but a socket has %u cores", w->d.cells[i].vcpus, w->d.cores);
}

static void check_hosts(struct walk *w)
{
	unsigned parts = w->d.cells_n ? w->d.cells_n : w->d.sockets, hosts = w->d.local ? w->d.local : w->d.hosts_n;

	if (w->d.local && w->d.hosts_n)
		walk_error(w->errors, w->hosts_line, "<metadata><pando:hosts>",
			   "either local='N' or <pando:host> elements");
	for (unsigned h = 0; h < w->d.hosts_n; h++)
		if (!w->address_taken[h]) {
			walk_error(w->errors, w->hosts_line, "<metadata><pando:hosts>", "cell %u has no host", h);
			break;
		}
	if (parts && hosts && parts != hosts)
		walk_error(w->errors, w->hosts_line, "<metadata><pando:hosts>", "%u hosts for %u %s", hosts, parts,
			   w->d.cells_n ? "cells" : "sockets");
}

static bool same_console(const struct console_draft *a, const struct console_draft *b)
{
	return a->kind == b->kind && a->append == b->append && strcmp(a->file, b->file) == 0;
}

/* <console> is libvirt's other word for the first serial port. */
static void check_console(struct walk *w)
{
	const struct console_draft *c = w->serial.line ? &w->serial : &w->console;

	if (w->serial.line && w->console.line && !same_console(&w->serial, &w->console))
		walk_error(w->errors, w->console.line, "<devices><console>",
			   "it must be the same as <serial>: they are one port");
	if (c->line && c->kind == DOMAIN_CONSOLE_FILE && !c->file[0])
		walk_error(w->errors, c->line, "<devices><serial>", "type='file' needs <source path='...'>");
	w->d.console = c->line ? c->kind : DOMAIN_CONSOLE_STDIO;
	if (c->kind == DOMAIN_CONSOLE_FILE) {
		strcpy(w->d.console_file, c->file);
		w->d.console_append = c->append;
	}
}

static void check_virtio_console(struct walk *w)
{
	const struct console_draft *c = &w->virtio;
	struct domain_virtio_console *to = &w->d.virtio_console;
	bool serial_there = w->serial.line || w->console.line;

	if (!c->line)
		return;
	if (c->kind == DOMAIN_CONSOLE_FILE && !c->file[0])
		walk_error(w->errors, c->line, "<devices><console>", "type='file' needs <source path='...'>");
	*to = (struct domain_virtio_console){.there = true, .at = c->at, .kind = c->kind};
	if (c->kind == DOMAIN_CONSOLE_FILE) {
		strcpy(to->file, c->file);
		to->append = c->append;
	}
	if (c->kind != DOMAIN_CONSOLE_STDIO)
		return;
	if (serial_there && w->d.console == DOMAIN_CONSOLE_STDIO)
		walk_error(w->errors, c->line, "<devices><console>", "the serial port has the standard streams");
	if (!serial_there)
		w->d.console = DOMAIN_CONSOLE_NULL;
}

/* ---- devices ---- */

/* A bus is a host; how many there are may be said elsewhere (the command line). */
static void check_place(struct walk *w, const char *path, unsigned line, const struct domain_place *at)
{
	unsigned hosts = w->d.local     ? w->d.local
			 : w->d.hosts_n ? w->d.hosts_n
			 : w->d.cells_n ? w->d.cells_n
					: w->d.sockets;

	if (hosts && at->host >= hosts)
		walk_error(w->errors, line, path, "<address> bus='%u': a bus is a host, and there are %u", at->host,
			   hosts);
}

/* Which interface's socket it is: one that libvirt thinks leads nowhere. */
static void check_stream(struct walk *w, const struct stream_draft *s)
{
	for (unsigned i = 0; i < w->d.nets_n; i++) {
		struct net_config *c = &w->d.nets[i].config;

		if (memcmp(c->mac, s->mac, sizeof(s->mac)) || c->back != NET_BACK_NONE)
			continue;
		c->back = NET_BACK_STREAM;
		strcpy(c->socket, s->path);
		return;
	}
	walk_error(w->errors, s->line, "<metadata><pando:stream>",
		   "there is no <interface type='null'> with this MAC address");
}

/* One that was not given is made later, when the guest's name is known: until then any will do. */
static bool check_net(const struct domain_net *n, char *why, size_t cap)
{
	static const uint8_t none[NET_CONFIG_MAC_BYTES];
	struct net_config c = n->config;

	if (memcmp(c.mac, none, sizeof(none)) == 0)
		net_mac_make("", 0, c.mac);
	return net_config_check(&c, why, cap) == 0;
}

static void check_devices(struct walk *w)
{
	char why[DOMAIN_ERROR_BYTES];
	unsigned boots = 0;

	for (unsigned i = 0; i < w->streams_n; i++)
		check_stream(w, &w->streams[i]);
	for (unsigned i = 0; i < w->d.disks_n; i++) {
		check_place(w, "<devices><disk>", w->disk_lines[i], &w->d.disks[i].at);
		boots += w->d.disks[i].config.boot;
		if (w->d.disks[i].config.boot && boots > 1)
			walk_error(w->errors, w->disk_lines[i], "<devices><disk><boot>",
				   "another disk has order='1' already");
	}
	if (w->boot_line && w->d.disks_n && !boots) // of all disks the first
		w->d.disks[0].config.boot = true;
	for (unsigned i = 0; i < w->d.nets_n; i++) {
		check_place(w, "<devices><interface>", w->net_lines[i], &w->d.nets[i].at);
		if (!check_net(&w->d.nets[i], why, sizeof(why)))
			walk_error(w->errors, w->net_lines[i], "<devices><interface>", "%s", why);
	}
	check_place(w, "<devices><console>", w->virtio.line, &w->d.virtio_console.at);
	for (unsigned i = 0; i < w->d.rngs_n; i++)
		check_place(w, "<devices><rng>", w->rng_lines[i], &w->d.rngs[i]);
}

void domain_check(struct walk *w)
{
	if (!w->name_line)
		walk_error(w->errors, 0, "<name>", "this element is missing");
	if (!w->d.kernel[0] && !w->d.disks_n)
		walk_error(w->errors, 0, "<os><kernel>", "this element is missing, and there is no disk to boot from");
	if (w->boot_line && w->d.kernel[0])
		walk_error(w->errors, w->boot_line, "<os><boot>", "<kernel> is what boots");
	check_memory(w);
	check_vcpus(w);
	check_topology(w);
	check_cells(w);
	check_hosts(w);
	check_console(w);
	check_virtio_console(w);
	check_devices(w);
}
