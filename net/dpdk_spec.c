// SPDX-License-Identifier: Apache-2.0
#include "net/dpdk_spec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct say {
	char *why;
	size_t cap;
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct say *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->why, s->cap, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* ---- values ---- */

static int number(const char *key, const char *v, uint64_t min, uint64_t max, uint64_t *out, const struct say *s)
{
	char *end;

	errno = 0;
	unsigned long long n = strtoull(v, &end, 10);
	if (errno || end == v || *end || *v == '-' || n < min || n > max)
		return refuse(s, "dpdk: %s=%s: expected a number from %llu to %llu", key, v, (unsigned long long)min,
			      (unsigned long long)max);
	*out = n;
	return 0;
}

/* "1%" or "0.25%", in parts of a million. */
static int share(const char *key, const char *v, uint32_t *ppm, const struct say *s)
{
	char *end;
	double d = strtod(v, &end);

	if (end == v || strcmp(end, "%") != 0 || !(d >= 0 && d <= 90))
		return refuse(s, "dpdk: %s=%s: expected a share such as 1%%, at most 90%%", key, v);
	*ppm = (uint32_t)(d * (DPDK_PPM / 100) + 0.5);
	return 0;
}

static int address(const char *v, struct dpdk_spec *o, const struct say *s)
{
	char ip[32];
	const char *colon = strchr(v, ':');
	uint64_t port;
	struct in_addr a;

	if (!colon || (size_t)(colon - v) >= sizeof(ip))
		return refuse(s, "dpdk: udp=%s: expected IPV4:PORT, the address of this host's port", v);
	snprintf(ip, sizeof(ip), "%.*s", (int)(colon - v), v);
	if (inet_pton(AF_INET, ip, &a) != 1 || a.s_addr == 0)
		return refuse(s, "dpdk: udp=%s: '%s' is no IPv4 address", v, ip);
	int r = number("udp", colon + 1, 1, 65535, &port, s);
	if (r)
		return r;
	o->udp_ip = ntohl(a.s_addr);
	o->udp_port = (uint16_t)port;
	return 0;
}

static int gateway(const char *v, struct dpdk_spec *o, const struct say *s)
{
	unsigned b[6];
	int n = 0;

	if (sscanf(v, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &n) != 6 || v[n])
		return refuse(s, "dpdk: gateway=%s: expected a MAC address", v);
	for (unsigned i = 0; i < 6; i++)
		o->gateway[i] = (uint8_t)b[i];
	o->routed = true;
	return 0;
}

static int choice(const char *key, const char *v, enum dpdk_choice *out, const struct say *s)
{
	static const char *const words[] = {"auto", "no", "yes"};

	for (unsigned i = 0; i < 3; i++)
		if (strcmp(v, words[i]) == 0) {
			*out = (enum dpdk_choice)i;
			return 0;
		}
	return refuse(s, "dpdk: %s=%s: expected yes, no or auto", key, v);
}

/* ---- words ---- */

/* Words that are ours wherever they stand. Returns 1 if it was one, 0 if not, or -EINVAL. */
static int common(const char *key, const char *v, struct dpdk_spec *o, const struct say *s)
{
	static const struct {
		const char *key;
		uint32_t min, max;
		size_t at;
	} counts[] = {
		{"mtu", DPDK_MTU_MIN, DPDK_MTU_MAX, offsetof(struct dpdk_spec, mtu)},
		{"mbufs", 255, 1u << 20, offsetof(struct dpdk_spec, mbufs)},
		{"mem", 16, 1u << 20, offsetof(struct dpdk_spec, mem_mb)},
		{"lcore", 0, 1023, offsetof(struct dpdk_spec, lcore)},
	};
	uint64_t n;
	int r;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		if (strcmp(key, counts[i].key))
			continue;
		r = number(key, v, counts[i].min, counts[i].max, &n, s);
		if (!r)
			*(uint32_t *)((char *)o + counts[i].at) = (uint32_t)n;
		return r ? r : 1;
	}
	if (strcmp(key, "huge") == 0)
		r = choice(key, v, &o->huge, s);
	else if (strcmp(key, "sums") == 0)
		r = choice(key, v, &o->sums, s);
	else if (strcmp(key, "drop") == 0)
		r = share(key, v, &o->drop_ppm, s);
	else if (strcmp(key, "reorder") == 0)
		r = share(key, v, &o->reorder_ppm, s);
	else if (strcmp(key, "udp") == 0)
		r = address(v, o, s);
	else if (strcmp(key, "gateway") == 0)
		r = gateway(v, o, s);
	else
		return 0;
	return r ? r : 1;
}

static enum dpdk_driver driver_of(const char *vdev)
{
	if (strncmp(vdev, "net_memif", 9) == 0)
		return DPDK_MEMIF;
	if (strncmp(vdev, "net_af_packet", 13) == 0)
		return DPDK_AF_PACKET;
	if (strncmp(vdev, "net_af_xdp", 10) == 0)
		return DPDK_AF_XDP;
	return DPDK_OTHER;
}

static int new_port(const char *key, const char *v, struct dpdk_spec *o, const struct say *s)
{
	struct dpdk_port_spec *p = &o->port[o->ports];

	if (o->ports == DPDK_PORTS_MAX)
		return refuse(s, "dpdk: more than %u ports", DPDK_PORTS_MAX);
	if (strlen(v) < 4 || strlen(v) >= 64)
		return refuse(s, "dpdk: %s=%s: expected %s", key, v,
			      *key == 'p' ? "a PCI address such as 0000:00:04.0" : "a DPDK device such as net_memif0");
	snprintf(p->device, sizeof(p->device), "%s", v);
	p->driver = strcmp(key, "pci") == 0 ? DPDK_PCI : driver_of(v);
	p->peer = -1;
	o->ports++;
	return 0;
}

/* A word of a port's group that is neither common nor peer=: the device's own. */
static int port_word(struct dpdk_port_spec *p, const char *key, const char *v, const struct say *s)
{
	size_t n = strlen(p->device);
	uint64_t peer;

	if (strcmp(key, "peer") == 0) {
		int r = number(key, v, 0, 63, &peer, s);
		p->peer = (int)peer;
		return r;
	}
	if (strcmp(key, "iface") == 0) {
		if (!*v || strlen(v) >= 16 || strchr(v, '/'))
			return refuse(s, "dpdk: iface=%s: no name of a network interface", v);
		snprintf(p->iface, sizeof(p->iface), "%s", v);
	}
	if ((size_t)snprintf(p->device + n, sizeof(p->device) - n, ",%s=%s", key, v) >= sizeof(p->device) - n)
		return refuse(s, "dpdk: the arguments of '%.32s' are too long", p->device);
	return 0;
}

static int word(char *w, struct dpdk_port_spec **port, struct dpdk_spec *o, const struct say *s)
{
	char *eq = strchr(w, '=');

	if (!eq || eq == w)
		return refuse(s, "dpdk: '%s': expected KEY=VALUE", w);
	*eq = 0;
	const char *key = w, *v = eq + 1;
	if (strcmp(key, "vdev") == 0 || strcmp(key, "pci") == 0) {
		int r = new_port(key, v, o, s);
		*port = &o->port[o->ports ? o->ports - 1 : 0];
		return r;
	}
	int r = common(key, v, o, s);
	if (r)
		return r < 0 ? r : 0;
	if (!*port)
		return refuse(s, "dpdk: '%s=%s' is no option of the link, and no vdev= or pci= stands before it", key,
			      v);
	return port_word(*port, key, v, s);
}

static int check(const struct dpdk_spec *o, const struct say *s)
{
	if (!o->ports)
		return refuse(s, "dpdk: no port: expected vdev=... or pci=..., for example "
				 "dpdk:vdev=net_af_packet0,iface=eth1");
	for (unsigned i = 0; i < o->ports; i++) {
		const struct dpdk_port_spec *p = &o->port[i];

		if ((p->driver == DPDK_AF_PACKET || p->driver == DPDK_AF_XDP) && !p->iface[0])
			return refuse(s, "dpdk: vdev=%s needs iface=NAME", p->device);
		for (unsigned j = 0; j < i; j++)
			if (p->peer >= 0 && p->peer == o->port[j].peer)
				return refuse(s, "dpdk: two ports lead to peer %d", p->peer);
	}
	if (o->routed && !o->udp_ip)
		return refuse(s, "dpdk: gateway= is for frames in UDP: udp=IPV4:PORT is missing");
	return 0;
}

int dpdk_spec_parse(const char *text, struct dpdk_spec *out, char *why, size_t why_cap)
{
	struct say s = {why, why_cap};
	struct dpdk_spec o = {.lcore = -1};
	char copy[DPDK_SPEC_MAX], *rest = copy, *group;

	if (strlen(text) >= sizeof(copy))
		return refuse(&s, "dpdk: the option is longer than %zu characters", sizeof(copy) - 1);
	snprintf(copy, sizeof(copy), "%s", text);
	while ((group = strsep(&rest, ";"))) {
		struct dpdk_port_spec *port = NULL;
		char *w;

		while ((w = strsep(&group, ","))) {
			int r = *w ? word(w, &port, &o, &s) : 0;
			if (r)
				return r;
		}
	}
	int r = check(&o, &s);
	if (!r)
		*out = o;
	return r;
}

/* ---- hosts of one machine ---- */

static int local_memif(unsigned self, unsigned hosts, const char *dir, const char *more, char *out, size_t cap,
		       const struct say *s)
{
	size_t n = 0;

	for (unsigned h = 0; h < hosts && n < cap; h++) {
		unsigned low = h < self ? h : self, high = h < self ? self : h;

		if (h != self)
			n += (size_t)snprintf(out + n, cap - n,
					      "%svdev=net_memif%u,role=%s,socket=%s/%u-%u.sock,peer=%u", n ? ";" : "",
					      h, self == low ? "server" : "client", dir, low, high, h);
	}
	if (n < cap)
		n += (size_t)snprintf(out + n, cap - n, "%s", more);
	return n < cap ? 0 : refuse(s, "dpdk: too many hosts for memif ports");
}

int dpdk_spec_local(const char *text, unsigned self, unsigned hosts, const char *dir, char *out, size_t cap, char *why,
		    size_t why_cap)
{
	struct say s = {why, why_cap};
	size_t n = strcspn(text, ",");
	const char *more = text + n;
	size_t got;

	if (n == 5 && strncmp(text, "memif", n) == 0) {
		if (hosts < 2)
			return refuse(&s, "dpdk:memif joins hosts: at least two are needed");
		return local_memif(self, hosts, dir, more, out, cap, &s);
	}
	if ((n == 9 && strncmp(text, "af_packet", n) == 0) || (n == 6 && strncmp(text, "af_xdp", n) == 0))
		got = (size_t)snprintf(out, cap, "vdev=net_%.*s0,iface=data0%s", (int)n, text, more);
	else
		got = (size_t)snprintf(out, cap, "%s", text);
	return got < cap ? 0 : refuse(&s, "dpdk: the option is longer than %zu characters", cap - 1);
}
