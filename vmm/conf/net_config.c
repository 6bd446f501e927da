// SPDX-License-Identifier: Apache-2.0
#include "vmm/conf/net_config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "coherence/base/refuse.h"
#include "vmm/conf/units.h"

#define refuse(why, cap, ...) refuse_with(why, cap, -EINVAL, __VA_ARGS__)

const char *const net_back_names[NET_BACKS] = {
	[NET_BACK_NONE] = "none",
	[NET_BACK_PASST] = "passt",
	[NET_BACK_TAP] = "tap",
	[NET_BACK_STREAM] = "stream",
};

void net_config_init(struct net_config *c)
{
	*c = (struct net_config){.back = NET_BACK_NONE, .queues = 1, .offload = true};
}

uint16_t net_config_mtu(const struct net_config *c)
{
	if (c->mtu)
		return c->mtu;
	return c->back == NET_BACK_PASST ? NET_CONFIG_MTU_MAX : NET_CONFIG_MTU_ETHERNET;
}

/* ---- addresses ---- */

static bool is_station(const uint8_t *mac)
{
	static const uint8_t none[NET_CONFIG_MAC_BYTES];

	return !(mac[0] & 1) && memcmp(mac, none, sizeof(none)) != 0;
}

int net_mac_parse(const char *text, uint8_t mac[NET_CONFIG_MAC_BYTES])
{
	uint8_t m[NET_CONFIG_MAC_BYTES];

	if (strlen(text) != NET_CONFIG_MAC_TEXT - 1)
		return -EINVAL;
	for (unsigned i = 0; i < NET_CONFIG_MAC_BYTES; i++, text += 3) {
		unsigned v;

		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]) ||
		    text[2] != (i + 1 < NET_CONFIG_MAC_BYTES ? ':' : 0) || sscanf(text, "%2x", &v) != 1)
			return -EINVAL;
		m[i] = (uint8_t)v;
	}
	if (!is_station(m))
		return -EINVAL;
	memcpy(mac, m, sizeof(m));
	return 0;
}

const char *net_mac_format(const uint8_t mac[NET_CONFIG_MAC_BYTES], char out[NET_CONFIG_MAC_TEXT])
{
	snprintf(out, NET_CONFIG_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		 mac[5]);
	return out;
}

void net_mac_make(const char *machine, uint32_t number, uint8_t mac[NET_CONFIG_MAC_BYTES])
{
	uint64_t h = 0xcbf29ce484222325ull; // FNV-1a, 64 bits

	for (; *machine; machine++)
		h = (h ^ (unsigned char)*machine) * 0x100000001b3ull;
	for (unsigned i = 0; i < 4; i++)
		h = (h ^ (number >> (8 * i) & 0xff)) * 0x100000001b3ull;
	h ^= h >> 32; // all of it is in the three bytes
	mac[0] = 0x52;
	mac[1] = 0x54;
	mac[2] = 0x00;
	for (unsigned i = 3; i < NET_CONFIG_MAC_BYTES; i++, h >>= 8)
		mac[i] = (uint8_t)h;
}

/* ---- forwarded ports ---- */

static bool is_address(const char *text)
{
	uint8_t raw[16];

	return inet_pton(AF_INET, text, raw) == 1 || inet_pton(AF_INET6, text, raw) == 1;
}

/* Cuts ":PORT" off the end of text. */
static int take_port(char *text, uint16_t *port)
{
	char *at = strrchr(text, ':');
	uint64_t v;

	if (units_parse_count(at ? at + 1 : text, 1, 65535, &v))
		return -EINVAL;
	*port = (uint16_t)v;
	*(at ? at : text) = 0;
	return 0;
}

static bool take_address(char *text, struct net_forward *f)
{
	size_t n = strlen(text);
	uint8_t raw[16];
	bool six = text[0] == '[' && text[n - 1] == ']';

	if (six) {
		text[n - 1] = 0;
		text++;
	}
	if (inet_pton(six ? AF_INET6 : AF_INET, text, raw) != 1 || strlen(text) >= sizeof(f->address))
		return false;
	memcpy(f->address, text, strlen(text) + 1);
	return true;
}

int net_forward_parse(const char *text, struct net_forward *out, char *why, size_t cap)
{
	char copy[NET_CONFIG_FORWARD_TEXT];
	char *at = copy;
	struct net_forward f = {.udp = !strncmp(text, "udp:", 4)};
	bool good = strlen(text) < sizeof(copy);

	if (good) {
		memcpy(copy, text, strlen(text) + 1);
		at += f.udp || !strncmp(text, "tcp:", 4) ? 4 : 0;
		good = strchr(at, ':') && !take_port(at, &f.guest_port) && !take_port(at, &f.host_port) &&
		       (!*at || take_address(at, &f));
	}
	if (!good)
		return refuse(why, cap,
			      "'%.64s': a forwarded port is HOSTPORT:GUESTPORT, for example 2222:22, with udp: or an "
			      "address of the host in front where that is meant: 127.0.0.1:2222:22",
			      text);
	*out = f;
	return 0;
}

const char *net_forward_format(const struct net_forward *f, char out[NET_CONFIG_FORWARD_TEXT])
{
	bool six = strchr(f->address, ':');

	snprintf(out, NET_CONFIG_FORWARD_TEXT, "%s%s%s%s%s%u:%u", f->udp ? "udp:" : "", six ? "[" : "", f->address,
		 six ? "]" : "", f->address[0] ? ":" : "", f->host_port, f->guest_port);
	return out;
}

/* ---- all of it together ---- */

static bool is_interface(const char *name)
{
	size_t n = strnlen(name, NET_CONFIG_TAP_MAX);

	if (!n || n == NET_CONFIG_TAP_MAX || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (; *name; name++)
		if (!isgraph((unsigned char)*name) || *name == '/' || *name == ':' || *name == '%')
			return false;
	return true;
}

static bool is_socket(const char *text)
{
	size_t n = strnlen(text, NET_CONFIG_SOCKET_MAX);
	const char *port = n < NET_CONFIG_SOCKET_MAX ? strrchr(text, ':') : NULL;
	uint64_t v;

	for (size_t i = 0; i < n; i++)
		if (!isprint((unsigned char)text[i]))
			return false;
	if (text[0] == '/')
		return n < NET_CONFIG_SOCKET_MAX;
	return port && port != text && !units_parse_count(port + 1, 1, 65535, &v);
}

static int check_forwards(const struct net_config *c, char *why, size_t cap)
{
	char text[NET_CONFIG_FORWARD_TEXT];

	if (c->forwards_n && c->back != NET_BACK_PASST)
		return refuse(why, cap, "forward: only passt forwards ports, and '%s' was asked for",
			      net_back_names[c->back]);
	if (c->forwards_n > NET_CONFIG_FORWARDS_MAX)
		return refuse(why, cap, "forward: %u ports, at most %u are possible", c->forwards_n,
			      NET_CONFIG_FORWARDS_MAX);
	for (unsigned i = 0; i < c->forwards_n; i++) {
		const struct net_forward *f = &c->forward[i];

		if (!f->host_port || !f->guest_port || !memchr(f->address, 0, sizeof(f->address)) ||
		    (f->address[0] && !is_address(f->address)))
			return refuse(why, cap, "forward %u: two ports from 1 to 65535 are expected, and an address",
				      i);
		for (unsigned j = 0; j < i; j++)
			if (c->forward[j].host_port == f->host_port && c->forward[j].udp == f->udp &&
			    !strcmp(c->forward[j].address, f->address))
				return refuse(why, cap, "forward '%s': the host's port %u is forwarded already",
					      net_forward_format(f, text), f->host_port);
	}
	return 0;
}

int net_config_check(const struct net_config *c, char *why, size_t cap)
{
	char text[NET_CONFIG_MAC_TEXT];

	if (!is_station(c->mac))
		return refuse(why, cap,
			      "mac '%s': the address of one station is expected, for example "
			      "52:54:00:12:34:56",
			      net_mac_format(c->mac, text));
	if ((unsigned)c->back >= NET_BACKS)
		return refuse(why, cap, "back: passt, tap, stream or none is expected");
	if (c->mtu && (c->mtu < NET_CONFIG_MTU_MIN || c->mtu > NET_CONFIG_MTU_MAX))
		return refuse(why, cap, "mtu is %u, %u to %u are possible", c->mtu, NET_CONFIG_MTU_MIN,
			      NET_CONFIG_MTU_MAX);
	if (c->queues < 1 || c->queues > NET_CONFIG_QUEUES_MAX)
		return refuse(why, cap, "queues is %u, 1 to %u are possible", c->queues, NET_CONFIG_QUEUES_MAX);
	if (c->back == NET_BACK_TAP ? !is_interface(c->tap) : c->tap[0] != 0)
		return refuse(why, cap,
			      "tap '%.16s': the name of an interface is expected with \"tap\", and only there", c->tap);
	if (c->back == NET_BACK_STREAM ? !is_socket(c->socket) : c->socket[0] != 0)
		return refuse(
			why, cap,
			"socket '%.108s': the whole path of a socket or HOST:PORT is expected with \"stream\", and "
			"only there",
			c->socket);
	return check_forwards(c, why, cap);
}
