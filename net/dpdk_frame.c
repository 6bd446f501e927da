// SPDX-License-Identifier: Apache-2.0
#include "net/dpdk_frame.h"

#include <errno.h>
#include <string.h>

#include "net/dpdk_port.h"

#define ETHER_HEAD  14u
#define ETHER_IPV4  0x0800u
#define IP_HEAD     20u
#define UDP_HEAD    8u
#define IP_UDP      17u
#define IP_NO_FRAG  0x4000u
#define IP_FRAGMENT 0x3fffu // more fragments, or an offset

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

/* RFC 1071 over the 20 bytes of an IPv4 header. */
static uint32_t ip_sum(const uint8_t *p)
{
	uint32_t s = 0;

	for (unsigned i = 0; i < IP_HEAD; i += 2)
		s += get16(p + i);
	s = (s & 0xffff) + (s >> 16);
	return (s + (s >> 16)) & 0xffff;
}

static void udp_write(uint8_t *ip, const struct dpdk_addr *from, const struct dpdk_addr *to, uint32_t n)
{
	memset(ip, 0, IP_HEAD + UDP_HEAD);
	ip[0] = 0x45;
	put16(ip + 2, IP_HEAD + UDP_HEAD + n);
	put16(ip + 6, IP_NO_FRAG);
	ip[8] = DPDK_UDP_HOPS;
	ip[9] = IP_UDP;
	put32(ip + 12, from->ip);
	put32(ip + 16, to->ip);
	put16(ip + 10, ~ip_sum(ip) & 0xffff);
	put16(ip + 20, from->port);
	put16(ip + 22, to->port);
	put16(ip + 24, UDP_HEAD + n);
}

void dpdk_head_write(uint8_t *out, const struct dpdk_addr *from, const struct dpdk_addr *to, uint32_t n)
{
	memcpy(out, to->mac, 6);
	memcpy(out + 6, from->mac, 6);
	put16(out + 12, to->ip ? ETHER_IPV4 : DPDK_ETHER_TYPE);
	if (to->ip)
		udp_write(out + ETHER_HEAD, from, to, n);
	else
		put16(out + ETHER_HEAD, n);
}

static int udp_read(const uint8_t *ip, uint32_t n, const struct dpdk_addr *self, struct dpdk_addr *from,
		    const uint8_t **inside)
{
	if (n < IP_HEAD + UDP_HEAD || ip[0] != 0x45 || ip[9] != IP_UDP || (get16(ip + 6) & IP_FRAGMENT) ||
	    ip_sum(ip) != 0xffff || get32(ip + 16) != self->ip || get16(ip + 22) != self->port)
		return -EPROTO;
	uint32_t udp = get16(ip + 24);
	if (udp < UDP_HEAD || udp > n - IP_HEAD || get16(ip + 2) != IP_HEAD + udp)
		return -EPROTO;
	from->ip = get32(ip + 12);
	from->port = (uint16_t)get16(ip + 20);
	*inside = ip + IP_HEAD + UDP_HEAD;
	return (int)(udp - UDP_HEAD);
}

int dpdk_head_read(const uint8_t *frame, uint32_t n, const struct dpdk_addr *self, struct dpdk_addr *from,
		   const uint8_t **inside)
{
	if (n < DPDK_RAW_HEAD)
		return -EPROTO;
	memset(from, 0, sizeof(*from));
	memcpy(from->mac, frame + 6, 6);
	if (self->ip)
		return get16(frame + 12) == ETHER_IPV4
			       ? udp_read(frame + ETHER_HEAD, n - ETHER_HEAD, self, from, inside)
			       : -EPROTO;
	uint32_t bytes = get16(frame + ETHER_HEAD);
	if (get16(frame + 12) != DPDK_ETHER_TYPE || bytes > n - DPDK_RAW_HEAD)
		return -EPROTO;
	*inside = frame + DPDK_RAW_HEAD;
	return (int)bytes;
}
