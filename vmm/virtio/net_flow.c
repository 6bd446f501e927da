// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/net_flow.h"

#include <stddef.h>

#define ETHERNET   14u
#define TYPE_VLAN  0x8100u
#define VLAN_BYTES 4u
#define TYPE_IPV4  0x0800u
#define TYPE_IPV6  0x86ddu
#define IPV4_BYTES 20u
#define IPV6_BYTES 40u
#define TCP        6u
#define UDP        17u
#define PORT_BYTES 2u

static uint32_t get_be(const uint8_t *p, unsigned bytes)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | p[i];
	return v;
}

/* Both ends at once: swapped, they make the same number. */
static uint32_t both(const uint8_t *p, unsigned bytes)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v = v * 31 + (uint32_t)(p[i] ^ p[bytes + i]);
	return v;
}

static uint32_t ports(uint8_t protocol, const uint8_t *p, const uint8_t *end)
{
	bool has = (protocol == TCP || protocol == UDP) && end - p >= 2 * (ptrdiff_t)PORT_BYTES;

	return has ? both(p, PORT_BYTES) : 0;
}

static uint32_t ipv4(const uint8_t *ip, const uint8_t *end)
{
	unsigned header = (ip[0] & 15u) * 4;
	bool part = get_be(ip + 6, 2) & 0x3fff; // of a datagram: only the first has ports, so none counts
	uint32_t h = both(ip + 12, 4) + ip[9];

	if (header < IPV4_BYTES || end - ip < (ptrdiff_t)header)
		return h;
	return h * 31 + (part ? 0 : ports(ip[9], ip + header, end));
}

unsigned net_flow(const uint8_t *frame, uint32_t n)
{
	const uint8_t *end, *at;
	uint32_t type, h = 0;

	if (n < ETHERNET)
		return 0;
	end = frame + n;
	at = frame + ETHERNET;
	type = get_be(frame + 12, 2);
	if (type == TYPE_VLAN && n >= ETHERNET + VLAN_BYTES) {
		type = get_be(frame + 16, 2);
		at += VLAN_BYTES;
	}
	if (type == TYPE_IPV4 && end - at >= (ptrdiff_t)IPV4_BYTES)
		h = ipv4(at, end);
	else if (type == TYPE_IPV6 && end - at >= (ptrdiff_t)IPV6_BYTES)
		h = (both(at + 8, 16) + at[6]) * 31 + ports(at[6], at + IPV6_BYTES, end);
	return (h ^ h >> 8 ^ h >> 16 ^ h >> 24) % NET_FLOWS;
}
