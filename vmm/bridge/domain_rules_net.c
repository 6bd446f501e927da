// SPDX-License-Identifier: Apache-2.0
// The rules of <interface>, and of <pando:stream>, which says the socket of one that libvirt has no word for.
#include "vmm/bridge/domain_rules_priv.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* ---- takers ---- */

void domain_net_begin(struct walk *w)
{
	if (w->d.nets_n == DOMAIN_DEVICES_MAX) {
		walk_error(w->errors, walk_line(w), "<devices><interface>", "there are more than %u",
			   DOMAIN_DEVICES_MAX);
		w->d.nets_n--; // the last one is written over: the file is refused anyway
	}
	w->net_lines[w->d.nets_n] = walk_line(w);
	w->net = &w->d.nets[w->d.nets_n++];
	memset(w->net, 0, sizeof(*w->net));
	net_config_init(&w->net->config);
	memset(&w->net_draft, 0, sizeof(w->net_draft));
	w->net_draft.line = walk_line(w);
	w->net_draft.errors = w->errors->n;
	w->place = &w->net->at;
}

static const char *take_net_type(struct walk *w, const char *v)
{
	w->net_draft.client = strcmp(v, "client") == 0;
	w->net->config.back = w->net_draft.client          ? NET_BACK_STREAM
			      : strcmp(v, "user") == 0     ? NET_BACK_PASST
			      : strcmp(v, "ethernet") == 0 ? NET_BACK_TAP
							   : NET_BACK_NONE;
	return NULL;
}

static const char *take_mac(struct walk *w, const char *v)
{
	return net_mac_parse(v, w->net->config.mac) ? "expected the address of one station, such as 52:54:00:12:34:56"
						    : NULL;
}

static const char *take_mtu(struct walk *w, const char *v)
{
	uint64_t n = 0;
	const char *wrong = value_count(w, v, NET_CONFIG_MTU_MIN, NET_CONFIG_MTU_MAX, &n);

	w->net->config.mtu = (uint16_t)n;
	return wrong;
}

static const char *take_queues(struct walk *w, const char *v)
{
	uint64_t n = 1;
	const char *wrong = value_count(w, v, 1, NET_CONFIG_QUEUES_MAX, &n);

	w->net->config.queues = (uint16_t)n;
	return wrong;
}

static const char *take_csum(struct walk *w, const char *v)
{
	w->net->config.offload = strcmp(v, "on") == 0;
	return NULL;
}

static const char *take_tap(struct walk *w, const char *v)
{
	if (w->net->config.back != NET_BACK_TAP)
		return NULL; // the name that another run gave
	return value_text(w, v, w->net->config.tap, sizeof(w->net->config.tap));
}

static const char *take_address(struct walk *w, const char *v)
{
	if (!*v || strpbrk(v, "/[]% "))
		return "expected an address or a name";
	return value_text(w, v, w->net_draft.address, sizeof(w->net_draft.address));
}

static const char *take_port(struct walk *w, const char *v)
{
	return value_count(w, v, 1, UINT16_MAX, &w->net_draft.port);
}

/* ---- forwarded ports ---- */

static void begin_forward(struct walk *w)
{
	w->net_draft.udp = false;
	w->net_draft.from[0] = 0;
}

static const char *take_proto(struct walk *w, const char *v)
{
	w->net_draft.udp = strcmp(v, "udp") == 0;
	return NULL;
}

static const char *take_from(struct walk *w, const char *v)
{
	uint8_t raw[16];

	if (inet_pton(AF_INET, v, raw) != 1 && inet_pton(AF_INET6, v, raw) != 1)
		return "expected an address of the host in digits";
	return value_text(w, v, w->net_draft.from, sizeof(w->net_draft.from));
}

static void begin_range(struct walk *w)
{
	w->net_draft.first = w->net_draft.last = w->net_draft.to = 0;
}

#define PORT_TAKER(name, field)                                               \
	static const char *name(struct walk *w, const char *v)                \
	{                                                                     \
		return value_count(w, v, 1, UINT16_MAX, &w->net_draft.field); \
	}
PORT_TAKER(take_first, first)
PORT_TAKER(take_last, last)
PORT_TAKER(take_to, to)

static void end_range(struct walk *w)
{
	const struct net_draft *draft = &w->net_draft;
	struct net_config *c = &w->net->config;
	uint64_t last = draft->last ? draft->last : draft->first, to = draft->to ? draft->to : draft->first;

	if (last < draft->first || to + (last - draft->first) > UINT16_MAX) {
		walk_error(w->errors, walk_line(w), "<devices><interface><portForward><range>",
			   "no port from %llu to %llu and %llu on", (unsigned long long)draft->first,
			   (unsigned long long)last, (unsigned long long)to);
		return;
	}
	for (uint64_t p = draft->first; p <= last; p++, to++) {
		if (c->forwards_n == NET_CONFIG_FORWARDS_MAX) {
			walk_error(w->errors, walk_line(w), "<devices><interface><portForward>",
				   "there are more than %u ports", NET_CONFIG_FORWARDS_MAX);
			return;
		}
		struct net_forward *f = &c->forward[c->forwards_n++];

		f->udp = draft->udp;
		f->host_port = (uint16_t)p;
		f->guest_port = (uint16_t)to;
		strcpy(f->address, draft->from);
	}
}

/* ---- as a whole ---- */

/* Which has the socket of a stream stands in <metadata>, before or after: domain_check.c puts them together. */
void domain_net_end(struct walk *w)
{
	const struct net_draft *draft = &w->net_draft;
	struct net_config *c = &w->net->config;
	bool six = strchr(draft->address, ':');

	w->place = NULL;
	if (w->errors->n != draft->errors) // what is missing may be what was refused
		return;
	if (draft->client && (!draft->address[0] || !draft->port))
		walk_error(w->errors, draft->line, "<devices><interface>",
			   "type='client' needs <source address='...' port='...'>");
	else if (draft->client)
		snprintf(c->socket, sizeof(c->socket), "%s%s%s:%llu", six ? "[" : "", draft->address, six ? "]" : "",
			 (unsigned long long)draft->port);
	if (c->back == NET_BACK_TAP && !c->tap[0])
		walk_error(w->errors, draft->line, "<devices><interface>",
			   "type='ethernet' needs <target dev='...'>: a tap interface that is there");
}

/* ---- <metadata><pando:stream> ---- */

void domain_stream_begin(struct walk *w)
{
	if (w->streams_n == DOMAIN_DEVICES_MAX) {
		walk_error(w->errors, walk_line(w), "<metadata><pando:stream>", "there are more than %u",
			   DOMAIN_DEVICES_MAX);
		w->streams_n--;
	}
	w->streams[w->streams_n++] = (struct stream_draft){.line = walk_line(w)};
}

static const char *take_stream_mac(struct walk *w, const char *v)
{
	return net_mac_parse(v, w->streams[w->streams_n - 1].mac) ? "expected the MAC address of an <interface>" : NULL;
}

static const char *take_stream_socket(struct walk *w, const char *v)
{
	struct stream_draft *s = &w->streams[w->streams_n - 1];

	if (v[0] != '/')
		return "expected a path: HOST:PORT is type='client'";
	return value_text(w, v, s->path, sizeof(s->path));
}

/* ---- the tables ---- */

const struct attribute_rule domain_stream_attributes[] = {
	NEEDS("mac", take_stream_mac),
	NEEDS("socket", take_stream_socket),
	{0},
};

const struct attribute_rule domain_net_attributes[] = {
	ATTR("type", .values = "user|ethernet|client|null", .take = take_net_type, .required = true),
	REFUSES("managed", "there is no device assignment yet"),
	REFUSES("trustGuestRxFilters", "the guest's filters are not followed"),
	{0},
};

static const struct attribute_rule mac_attributes[] = {
	NEEDS("address", take_mac),
	ATTR("type", .treatment = NO_EFFECT, .why = "an address is an address", .values = "generated|static"),
	REFUSES("check", "addresses are of any vendor"),
	{0},
};

static const struct attribute_rule mtu_attributes[] = {NEEDS("size", take_mtu), {0}};
static const struct attribute_rule model_attributes[] = {ATTR("type", .values = "virtio", .required = true), {0}};

static const struct attribute_rule backend_attributes[] = {
	ATTR("type", .values = "passt"),
	REFUSES("logFile", "what passt says is in the host's log"),
	REFUSES("tap", "a tap is opened as every tap"),
	REFUSES("vhost", "frames are carried by pando itself"),
	{0},
};

static const struct attribute_rule source_attributes[] = {
	TAKES("address", take_address),
	TAKES("port", take_port),
	REFUSES("dev", "a user's network takes the way of the host"),
	REFUSES("network", "there are no networks of libvirt's"),
	REFUSES("bridge", "give a tap interface that is in the bridge: type='ethernet'"),
	{0},
};

static const struct attribute_rule target_attributes[] = {
	NEEDS("dev", take_tap),
	ATTR("managed", .values = "no"),
	{0},
};

static const struct attribute_rule offload_attributes[] = {ATTR("csum", .values = "on|off", .take = take_csum), {0}};
static const struct element_rule driver_children[] = {
	{.name = "host", .attributes = offload_attributes},
	{.name = "guest", .treatment = REFUSED, .why = "<host csum='off'> turns off all offloads"},
	{0},
};

static const struct attribute_rule driver_attributes[] = {
	ATTR("name", .treatment = NO_EFFECT, .why = "frames are carried by pando itself", .values = "qemu"),
	TAKES("queues", take_queues),
	REFUSES("txmode", "frames are sent as they come"),
	REFUSES("rx_queue_size", "rings have 256 entries"),
	REFUSES("tx_queue_size", "rings have 256 entries"),
	{0},
};

static const struct attribute_rule forward_attributes[] = {
	ATTR("proto", .values = "tcp|udp", .take = take_proto, .required = true),
	TAKES("address", take_from),
	REFUSES("dev", "an address says where"),
	{0},
};

static const struct attribute_rule range_attributes[] = {
	NEEDS("start", take_first), TAKES("end", take_last), TAKES("to", take_to), ATTR("exclude", .values = "no"), {0},
};

static const struct element_rule forward_children[] = {
	{.name = "range", .many = true, .attributes = range_attributes, .begin = begin_range, .end = end_range},
	{0},
};

static const struct attribute_rule link_attributes[] = {ATTR("state", .values = "up", .required = true), {0}};

const struct element_rule domain_net_children[] = {
	{.name = "mac", .attributes = mac_attributes},
	{.name = "source", .attributes = source_attributes},
	{.name = "target", .attributes = target_attributes},
	{.name = "model", .attributes = model_attributes},
	{.name = "backend", .attributes = backend_attributes},
	{.name = "driver", .attributes = driver_attributes, .children = driver_children},
	{.name = "mtu", .attributes = mtu_attributes},
	{.name = "portForward",
	 .many = true,
	 .attributes = forward_attributes,
	 .children = forward_children,
	 .begin = begin_forward},
	{.name = "link", .attributes = link_attributes},
	{.name = "address", .attributes = domain_place_attributes},
	{.name = "alias", .treatment = NO_EFFECT, .why = domain_alias_reason, .attributes = domain_alias_attributes},
	{.name = "boot", .treatment = REFUSED, .why = "there is no firmware that boots from a network"},
	{.name = "ip", .treatment = REFUSED, .why = "the guest's addresses are given by what is behind"},
	{.name = "route", .treatment = REFUSED, .why = "the guest's routes are given by what is behind"},
	{.name = "script", .treatment = REFUSED, .why = "a tap interface is made before"},
	{.name = "downscript", .treatment = REFUSED, .why = "a tap interface is made before"},
	{.name = "bandwidth", .treatment = REFUSED, .why = "frames are not held back"},
	{.name = "vlan", .treatment = REFUSED, .why = "a tap interface has the VLANs that it is given"},
	{.name = "filterref", .treatment = REFUSED, .why = "there are no filters"},
	{.name = "virtualport", .treatment = REFUSED, .why = "there are no switches of libvirt's"},
	{.name = "rom", .treatment = REFUSED, .why = "there is no firmware that boots from a network"},
	{.name = "guest", .treatment = REFUSED, .why = "this is no container"},
	{.name = "coalesce", .treatment = REFUSED, .why = "a tap interface has its own settings"},
	{.name = "teaming", .treatment = REFUSED, .why = "there is no device assignment yet"},
	{0},
};
