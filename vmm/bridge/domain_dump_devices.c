// SPDX-License-Identifier: Apache-2.0
// Devices on PCI as XML.
#include <stdio.h>
#include <string.h>

#include "vmm/bridge/domain_dump_priv.h"
#include "vmm/bridge/nbd_uri.h"

#define LETTERS 26u

/* An element with attributes, each a name and a value, up to a NULL; empty values are left out. */
static void element(xmlTextWriter *w, const char *name, const char *const *attributes)
{
	dump_begin(w, name);
	for (; attributes[0]; attributes += 2)
		if (attributes[1][0])
			dump_text(w, attributes[0], attributes[1]);
	dump_end(w);
}
#define ELEMENT(w, name, ...) element(w, name, (const char *const[]){__VA_ARGS__, NULL})

/* The bus says the host, so it is written of each device but one of the first host of which nobody cares. */
void dump_place(xmlTextWriter *w, const struct domain_place *at)
{
	char bus[16], slot[16];

	if (!at->host && !at->slot)
		return;
	snprintf(bus, sizeof(bus), "0x%02x", at->host);
	snprintf(slot, sizeof(slot), "0x%02x", at->slot);
	ELEMENT(w, "address", "type", "pci", "domain", "0x0000", "bus", bus, "slot", at->slot ? slot : "", "function",
		"0x0");
}

/* ---- disks ---- */

/* vda to vdz, vdaa and so on. */
static void target(unsigned i, char out[8])
{
	char letters[4] = "";
	unsigned n = sizeof(letters) - 1;

	for (i++; i && n; i = (i - 1) / LETTERS)
		letters[--n] = (char)('a' + (i - 1) % LETTERS);
	snprintf(out, 8, "vd%s", letters + n);
}

/* What the rules of <disk> read back as the same. */
static bool in_parts(const char *path, struct nbd_uri *u)
{
	return nbd_uri_split(path, u) == 0 && !strstr(u->name, "://") &&
	       (u->server[0] ? !strpbrk(u->server, "/?#@[]% ") : u->socket[0] == '/' && u->socket[1]);
}

static void write_export(xmlTextWriter *w, const char *path)
{
	struct nbd_uri u = {0};
	bool whole = !in_parts(path, &u);
	char port[16] = "";

	if (u.port)
		snprintf(port, sizeof(port), "%u", u.port);
	dump_begin(w, "source");
	dump_text(w, "protocol", "nbd");
	if (whole || u.name[0])
		dump_text(w, "name", whole ? path : u.name);
	if (u.tls)
		dump_text(w, "tls", "yes");
	if (whole) // it has all that there is to say; an element is expected
		ELEMENT(w, "host", "name", "localhost");
	else if (u.server[0])
		ELEMENT(w, "host", "name", u.server, "port", port);
	else
		ELEMENT(w, "host", "transport", "unix", "socket", u.socket);
	dump_end(w);
}

static void write_disk(xmlTextWriter *w, const struct domain_disk *d, unsigned i)
{
	const struct disk_config *c = &d->config;
	bool network = disk_config_place(c) == DISK_NBD, block = !network && strncmp(c->path, "/dev/", 5) == 0;
	char name[8], queues[16] = "";

	if (c->queues)
		snprintf(queues, sizeof(queues), "%u", c->queues);
	dump_begin(w, "disk");
	dump_text(w, "type", network ? "network" : block ? "block" : "file");
	dump_text(w, "device", "disk");
	ELEMENT(w, "driver", "name", "qemu", "type", disk_format_names[c->format], "discard", c->discard ? "unmap" : "",
		"queues", queues);
	if (network)
		write_export(w, c->path);
	else
		ELEMENT(w, "source", block ? "dev" : "file", c->path);
	target(i, name);
	ELEMENT(w, "target", "dev", name, "bus", "virtio");
	if (c->read_only)
		dump_begin(w, "readonly"), dump_end(w);
	dump_leaf(w, "serial", c->serial);
	if (c->boot)
		ELEMENT(w, "boot", "order", "1");
	dump_place(w, &d->at);
	dump_end(w);
}

/* ---- network devices ---- */

/* A stream to HOST:PORT is libvirt's client; one to a path it does not know. */
static bool is_client(const struct net_config *c)
{
	return c->back == NET_BACK_STREAM && c->socket[0] != '/';
}

static bool is_path(const struct net_config *c)
{
	return c->back == NET_BACK_STREAM && c->socket[0] == '/';
}

static void write_server(xmlTextWriter *w, const char *socket)
{
	const char *colon = strrchr(socket, ':');
	bool six = socket[0] == '[';
	char address[NET_CONFIG_SOCKET_MAX];

	if (!colon)
		return;
	snprintf(address, sizeof(address), "%.*s", (int)(colon - socket) - 2 * six, socket + six);
	ELEMENT(w, "source", "address", address, "port", colon + 1);
}

static void write_forward(xmlTextWriter *w, const struct net_forward *f)
{
	char from[8], to[8];

	snprintf(from, sizeof(from), "%u", f->host_port);
	snprintf(to, sizeof(to), "%u", f->guest_port);
	dump_begin(w, "portForward");
	dump_text(w, "proto", f->udp ? "udp" : "tcp");
	if (f->address[0])
		dump_text(w, "address", f->address);
	ELEMENT(w, "range", "start", from, "to", to);
	dump_end(w);
}

static void write_net_driver(xmlTextWriter *w, const struct net_config *c)
{
	if (c->queues == 1 && c->offload)
		return;
	dump_begin(w, "driver");
	if (c->queues != 1)
		dump_number(w, "queues", c->queues);
	if (!c->offload)
		ELEMENT(w, "host", "csum", "off");
	dump_end(w);
}

static void write_net(xmlTextWriter *w, const struct domain_net *n)
{
	static const char *const types[NET_BACKS] = {[NET_BACK_NONE] = "null",
						     [NET_BACK_PASST] = "user",
						     [NET_BACK_TAP] = "ethernet",
						     [NET_BACK_STREAM] = "client"};
	static const uint8_t none[NET_CONFIG_MAC_BYTES];
	const struct net_config *c = &n->config;
	char mac[NET_CONFIG_MAC_TEXT];

	dump_begin(w, "interface");
	dump_text(w, "type", is_path(c) ? "null" : types[c->back]);
	if (memcmp(c->mac, none, sizeof(none)) != 0)
		ELEMENT(w, "mac", "address", net_mac_format(c->mac, mac));
	if (is_client(c))
		write_server(w, c->socket);
	for (unsigned i = 0; i < c->forwards_n; i++)
		write_forward(w, &c->forward[i]);
	if (c->back == NET_BACK_TAP)
		ELEMENT(w, "target", "dev", c->tap, "managed", "no");
	ELEMENT(w, "model", "type", "virtio");
	if (c->back == NET_BACK_PASST)
		ELEMENT(w, "backend", "type", "passt");
	write_net_driver(w, c);
	if (c->mtu) {
		dump_begin(w, "mtu");
		dump_number(w, "size", c->mtu);
		dump_end(w);
	}
	dump_place(w, &n->at);
	dump_end(w);
}

bool dump_has_streams(const struct domain *d)
{
	for (unsigned i = 0; i < d->nets_n; i++)
		if (is_path(&d->nets[i].config))
			return true;
	return false;
}

void dump_streams(xmlTextWriter *w, const struct domain *d)
{
	char mac[NET_CONFIG_MAC_TEXT];

	for (unsigned i = 0; i < d->nets_n; i++) {
		const struct net_config *c = &d->nets[i].config;

		if (is_path(c))
			ELEMENT(w, "pando:stream", "xmlns:pando", DOMAIN_PANDO_URI, "mac", net_mac_format(c->mac, mac),
				"socket", c->socket);
	}
}

/* ---- all of them ---- */

void dump_cards(xmlTextWriter *w, const struct domain *d)
{
	for (unsigned i = 0; i < d->disks_n; i++)
		write_disk(w, &d->disks[i], i);
	for (unsigned i = 0; i < d->nets_n; i++)
		write_net(w, &d->nets[i]);
	for (unsigned i = 0; i < d->rngs_n; i++) {
		dump_begin(w, "rng");
		dump_text(w, "model", "virtio");
		dump_begin(w, "backend");
		dump_text(w, "model", "random");
		xmlTextWriterWriteString(w, (const xmlChar *)"/dev/urandom");
		dump_end(w);
		dump_place(w, &d->rngs[i]);
		dump_end(w);
	}
}
