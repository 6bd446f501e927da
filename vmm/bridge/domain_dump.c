// SPDX-License-Identifier: Apache-2.0
// The other way: a domain as XML that libvirt's schema accepts and that reads back as the same domain.
#include <libxml/xmlwriter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/bridge/domain.h"

#define X(s) ((const xmlChar *)(s))

static void leaf(xmlTextWriter *w, const char *name, const char *text)
{
	if (*text)
		xmlTextWriterWriteElement(w, X(name), X(text));
}

static void attribute(xmlTextWriter *w, const char *name, unsigned long long n)
{
	xmlTextWriterWriteFormatAttribute(w, X(name), "%llu", n);
}

static void text_attribute(xmlTextWriter *w, const char *name, const char *text)
{
	xmlTextWriterWriteAttribute(w, X(name), X(text));
}

static void begin(xmlTextWriter *w, const char *name)
{
	xmlTextWriterStartElement(w, X(name));
}

static void end(xmlTextWriter *w)
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
	begin(w, "pando:hosts");
	text_attribute(w, "xmlns:pando", DOMAIN_PANDO_URI);
	if (d->local)
		attribute(w, "local", d->local);
	if (d->key[0])
		text_attribute(w, "key", d->key);
	for (unsigned h = 0; h < d->hosts_n; h++) {
		begin(w, "pando:host");
		text_attribute(w, "address", d->addresses[h]);
		attribute(w, "cell", h);
		end(w);
	}
	end(w);
}

static void write_tuning(xmlTextWriter *w, const struct domain *d)
{
	begin(w, "pando:tuning");
	text_attribute(w, "xmlns:pando", DOMAIN_PANDO_URI);
	for (unsigned k = 0; k < TUNINGS; k++)
		if (d->tuning.value[k] != TUNING_UNSET)
			attribute(w, tuning_rules[k].name, d->tuning.value[k]);
	end(w);
}

static void write_metadata(xmlTextWriter *w, const struct domain *d)
{
	bool hosts = d->local || d->hosts_n || d->key[0];

	if (!hosts && !tuned(d))
		return;
	begin(w, "metadata");
	if (hosts)
		write_hosts(w, d);
	if (tuned(d))
		write_tuning(w, d);
	end(w);
}

static void write_size(xmlTextWriter *w, const struct domain *d)
{
	begin(w, "memory");
	text_attribute(w, "unit", "KiB");
	xmlTextWriterWriteFormatString(w, "%llu", (unsigned long long)d->memory_bytes >> 10);
	end(w);
	begin(w, "vcpu");
	text_attribute(w, "placement", "static");
	xmlTextWriterWriteFormatString(w, "%u", d->vcpus);
	end(w);
}

static void write_os(xmlTextWriter *w, const struct domain *d)
{
	begin(w, "os");
	begin(w, "type");
	text_attribute(w, "arch", "x86_64");
	xmlTextWriterWriteString(w, X("hvm"));
	end(w);
	leaf(w, "kernel", d->kernel);
	leaf(w, "initrd", d->initrd);
	leaf(w, "cmdline", d->cmdline);
	end(w);
	begin(w, "features");
	begin(w, "acpi");
	end(w);
	begin(w, "apic");
	end(w);
	end(w);
}

static void write_distances(xmlTextWriter *w, const struct domain_cell *c)
{
	bool any = false;

	for (unsigned h = 0; h < HOSTS_MAX; h++) {
		if (!c->distance[h])
			continue;
		if (!any)
			begin(w, "distances");
		any = true;
		begin(w, "sibling");
		attribute(w, "id", h);
		attribute(w, "value", c->distance[h]);
		end(w);
	}
	if (any)
		end(w);
}

static void write_cells(xmlTextWriter *w, const struct domain *d)
{
	uint32_t first = 0;

	begin(w, "numa");
	for (unsigned i = 0; i < d->cells_n; i++) {
		const struct domain_cell *c = &d->cells[i];

		begin(w, "cell");
		attribute(w, "id", i);
		if (c->vcpus > 1)
			xmlTextWriterWriteFormatAttribute(w, X("cpus"), "%u-%u", first, first + c->vcpus - 1);
		else if (c->vcpus) // a cell without gives memory only
			attribute(w, "cpus", first);
		attribute(w, "memory", c->memory_bytes >> 10);
		text_attribute(w, "unit", "KiB");
		write_distances(w, c);
		end(w);
		first += c->vcpus;
	}
	end(w);
}

static void write_cpu(xmlTextWriter *w, const struct domain *d)
{
	if (!d->host_passthrough && !d->sockets && !d->cells_n)
		return;
	begin(w, "cpu");
	if (d->host_passthrough)
		text_attribute(w, "mode", "host-passthrough");
	if (d->sockets) {
		begin(w, "topology");
		attribute(w, "sockets", d->sockets);
		attribute(w, "cores", d->cores);
		attribute(w, "threads", 1);
		end(w);
	}
	if (d->cells_n)
		write_cells(w, d);
	end(w);
}

static void write_devices(xmlTextWriter *w, const struct domain *d)
{
	static const char *const types[] = {[DOMAIN_CONSOLE_STDIO] = "stdio",
					    [DOMAIN_CONSOLE_PTY] = "pty",
					    [DOMAIN_CONSOLE_FILE] = "file",
					    [DOMAIN_CONSOLE_NULL] = "null"};

	begin(w, "devices");
	begin(w, "serial");
	text_attribute(w, "type", types[d->console]);
	if (d->console == DOMAIN_CONSOLE_FILE) {
		begin(w, "source");
		text_attribute(w, "path", d->console_file);
		if (d->console_append)
			text_attribute(w, "append", "on");
		end(w);
	}
	begin(w, "target");
	text_attribute(w, "type", "isa-serial");
	attribute(w, "port", 0);
	end(w);
	end(w);
	begin(w, "memballoon");
	text_attribute(w, "model", "none");
	end(w);
	begin(w, "panic");
	text_attribute(w, "model", "isa");
	end(w);
	end(w);
}

static void write_domain(xmlTextWriter *w, const struct domain *d)
{
	begin(w, "domain");
	text_attribute(w, "type", "kvm");
	leaf(w, "name", d->name);
	leaf(w, "uuid", d->uuid);
	leaf(w, "title", d->title);
	leaf(w, "description", d->description);
	write_metadata(w, d);
	write_size(w, d);
	write_os(w, d);
	write_cpu(w, d);
	begin(w, "clock");
	text_attribute(w, "offset", "utc");
	end(w);
	leaf(w, "on_poweroff", "destroy");
	leaf(w, "on_reboot", d->no_reboot ? "destroy" : "restart");
	leaf(w, "on_crash", "destroy");
	write_devices(w, d);
	end(w);
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
