// SPDX-License-Identifier: Apache-2.0
// The other way: a domain as XML that libvirt's schema accepts and that reads back as the same domain.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/bridge/domain_dump_priv.h"

#define X(s) ((const xmlChar *)(s))

void dump_leaf(xmlTextWriter *w, const char *name, const char *text)
{
	if (*text)
		xmlTextWriterWriteElement(w, X(name), X(text));
}

void dump_number(xmlTextWriter *w, const char *name, unsigned long long n)
{
	xmlTextWriterWriteFormatAttribute(w, X(name), "%llu", n);
}

void dump_text(xmlTextWriter *w, const char *name, const char *text)
{
	xmlTextWriterWriteAttribute(w, X(name), X(text));
}

void dump_begin(xmlTextWriter *w, const char *name)
{
	xmlTextWriterStartElement(w, X(name));
}

void dump_end(xmlTextWriter *w)
{
	xmlTextWriterEndElement(w);
}

static bool tuned(const struct domain *d)
{
	for (unsigned k = 0; k < TUNINGS; k++)
		if (d->tuning.value[k] != TUNING_UNSET)
			return true;
	return false;
}

static void write_hosts(xmlTextWriter *w, const struct domain *d)
{
	dump_begin(w, "pando:hosts");
	dump_text(w, "xmlns:pando", DOMAIN_PANDO_URI);
	if (d->local)
		dump_number(w, "local", d->local);
	if (d->key[0])
		dump_text(w, "key", d->key);
	for (unsigned h = 0; h < d->hosts_n; h++) {
		dump_begin(w, "pando:host");
		dump_text(w, "address", d->addresses[h]);
		dump_number(w, "cell", h);
		dump_end(w);
	}
	dump_end(w);
}

static void write_tuning(xmlTextWriter *w, const struct domain *d)
{
	dump_begin(w, "pando:tuning");
	dump_text(w, "xmlns:pando", DOMAIN_PANDO_URI);
	for (unsigned k = 0; k < TUNINGS; k++)
		if (d->tuning.value[k] != TUNING_UNSET)
			dump_number(w, tuning_rules[k].name, d->tuning.value[k]);
	dump_end(w);
}

static void write_metadata(xmlTextWriter *w, const struct domain *d)
{
	bool hosts = d->local || d->hosts_n || d->key[0];

	if (!hosts && !tuned(d) && !dump_has_streams(d))
		return;
	dump_begin(w, "metadata");
	if (hosts)
		write_hosts(w, d);
	if (tuned(d))
		write_tuning(w, d);
	dump_streams(w, d);
	dump_end(w);
}

static void write_size(xmlTextWriter *w, const struct domain *d)
{
	dump_begin(w, "memory");
	dump_text(w, "unit", "KiB");
	xmlTextWriterWriteFormatString(w, "%llu", (unsigned long long)d->memory_bytes >> 10);
	dump_end(w);
	dump_begin(w, "vcpu");
	dump_text(w, "placement", "static");
	xmlTextWriterWriteFormatString(w, "%u", d->vcpus);
	dump_end(w);
}

static void write_os(xmlTextWriter *w, const struct domain *d)
{
	dump_begin(w, "os");
	dump_begin(w, "type");
	dump_text(w, "arch", "x86_64");
	xmlTextWriterWriteString(w, X("hvm"));
	dump_end(w);
	dump_leaf(w, "kernel", d->kernel);
	dump_leaf(w, "initrd", d->initrd);
	dump_leaf(w, "cmdline", d->cmdline);
	dump_end(w);
	dump_begin(w, "features");
	dump_begin(w, "acpi");
	dump_end(w);
	dump_begin(w, "apic");
	dump_end(w);
	dump_end(w);
}

static void write_distances(xmlTextWriter *w, const struct domain_cell *c)
{
	bool any = false;

	for (unsigned h = 0; h < HOSTS_MAX; h++) {
		if (!c->distance[h])
			continue;
		if (!any)
			dump_begin(w, "distances");
		any = true;
		dump_begin(w, "sibling");
		dump_number(w, "id", h);
		dump_number(w, "value", c->distance[h]);
		dump_end(w);
	}
	if (any)
		dump_end(w);
}

static void write_cells(xmlTextWriter *w, const struct domain *d)
{
	uint32_t first = 0;

	dump_begin(w, "numa");
	for (unsigned i = 0; i < d->cells_n; i++) {
		const struct domain_cell *c = &d->cells[i];

		dump_begin(w, "cell");
		dump_number(w, "id", i);
		if (c->vcpus > 1)
			xmlTextWriterWriteFormatAttribute(w, X("cpus"), "%u-%u", first, first + c->vcpus - 1);
		else if (c->vcpus) // a cell without gives memory only
			dump_number(w, "cpus", first);
		dump_number(w, "memory", c->memory_bytes >> 10);
		dump_text(w, "unit", "KiB");
		write_distances(w, c);
		dump_end(w);
		first += c->vcpus;
	}
	dump_end(w);
}

static void write_cpu(xmlTextWriter *w, const struct domain *d)
{
	if (!d->host_passthrough && !d->sockets && !d->cells_n)
		return;
	dump_begin(w, "cpu");
	if (d->host_passthrough)
		dump_text(w, "mode", "host-passthrough");
	if (d->sockets) {
		dump_begin(w, "topology");
		dump_number(w, "sockets", d->sockets);
		dump_number(w, "cores", d->cores);
		dump_number(w, "threads", 1);
		dump_end(w);
	}
	if (d->cells_n)
		write_cells(w, d);
	dump_end(w);
}

/* Begins the element, up to its target. */
static void begin_chardev(xmlTextWriter *w, const char *element, enum domain_console kind, const char *file,
			  bool append)
{
	static const char *const types[] = {[DOMAIN_CONSOLE_STDIO] = "stdio",
					    [DOMAIN_CONSOLE_PTY] = "pty",
					    [DOMAIN_CONSOLE_FILE] = "file",
					    [DOMAIN_CONSOLE_NULL] = "null"};

	dump_begin(w, element);
	dump_text(w, "type", types[kind]);
	if (kind == DOMAIN_CONSOLE_FILE) {
		dump_begin(w, "source");
		dump_text(w, "path", file);
		if (append)
			dump_text(w, "append", "on");
		dump_end(w);
	}
}

/* A <console> for the serial port has to come first, as in libvirt: what is left out there would be the virtio one's.
 */
static void write_consoles(xmlTextWriter *w, const struct domain *d)
{
	const struct domain_virtio_console *v = &d->virtio_console;

	begin_chardev(w, "serial", d->console, d->console_file, d->console_append);
	dump_begin(w, "target");
	dump_text(w, "type", "isa-serial");
	dump_number(w, "port", 0);
	dump_end(w);
	dump_end(w);
	if (!v->there)
		return;
	begin_chardev(w, "console", v->kind, v->file, v->append);
	dump_begin(w, "target");
	dump_text(w, "type", "virtio");
	dump_number(w, "port", 1);
	dump_end(w);
	dump_place(w, &v->at);
	dump_end(w);
}

static void write_devices(xmlTextWriter *w, const struct domain *d)
{
	dump_begin(w, "devices");
	dump_cards(w, d);
	write_consoles(w, d);
	dump_begin(w, "memballoon");
	dump_text(w, "model", "none");
	dump_end(w);
	dump_begin(w, "watchdog");
	dump_text(w, "model", "ib700");
	dump_text(w, "action", "reset");
	dump_end(w);
	dump_begin(w, "panic");
	dump_text(w, "model", "isa");
	dump_end(w);
	dump_end(w);
}

static void write_domain(xmlTextWriter *w, const struct domain *d)
{
	dump_begin(w, "domain");
	dump_text(w, "type", "kvm");
	dump_leaf(w, "name", d->name);
	dump_leaf(w, "uuid", d->uuid);
	dump_leaf(w, "title", d->title);
	dump_leaf(w, "description", d->description);
	write_metadata(w, d);
	write_size(w, d);
	write_os(w, d);
	write_cpu(w, d);
	dump_begin(w, "clock");
	dump_text(w, "offset", "utc");
	dump_end(w);
	dump_leaf(w, "on_poweroff", "destroy");
	dump_leaf(w, "on_reboot", d->no_reboot ? "destroy" : "restart");
	dump_leaf(w, "on_crash", "destroy");
	write_devices(w, d);
	dump_end(w);
}

char *domain_dump(const struct domain *d)
{
	xmlBuffer *b = xmlBufferCreate();
	xmlTextWriter *w = b ? xmlNewTextWriterMemory(b, 0) : NULL;
	char *text = NULL;

	if (w) {
		xmlTextWriterSetIndent(w, 1);
		xmlTextWriterSetIndentString(w, X("  "));
		write_domain(w, d);
		bool whole = xmlTextWriterEndDocument(w) >= 0;

		xmlFreeTextWriter(w);
		if (whole)
			text = strdup((const char *)xmlBufferContent(b));
	}
	xmlBufferFree(b);
	return text;
}
