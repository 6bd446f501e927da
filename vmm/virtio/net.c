// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/net.h"

#include <errno.h>
#include <string.h>

#include "coherence/base/bytes.h"

#define CTRL_BYTES     2u // class and command
#define CTRL_MQ        4u
#define MQ_PAIRS_SET   0u
#define CTRL_OK        0u
#define CTRL_ERR       1u
#define STATUS_LINK_UP 1u

#define AT_NUM_BUFFERS 10u // in a header

static bool needs(uint64_t accepted, uint64_t features, uint64_t others)
{
	return !(accepted & features) || (accepted & others);
}

bool net_features_good(uint64_t accepted)
{
	return needs(accepted, NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6, NET_F_GUEST_CSUM) &&
	       needs(accepted, NET_F_GUEST_ECN, NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6) &&
	       needs(accepted, NET_F_HOST_TSO4 | NET_F_HOST_TSO6, NET_F_CSUM) &&
	       needs(accepted, NET_F_HOST_ECN, NET_F_HOST_TSO4 | NET_F_HOST_TSO6) &&
	       needs(accepted, NET_F_MQ, NET_F_CTRL_VQ);
}

void net_put_config(const struct net_state *s, uint8_t *out)
{
	memcpy(out, s->mac, sizeof(s->mac));
	put_le(out + 6, s->link_up ? STATUS_LINK_UP : 0, 2);
	put_le(out + 8, s->pairs, 2);
	put_le(out + 10, s->mtu, 2);
}

void net_header_encode(const struct net_header *h, uint16_t buffers, uint8_t out[NET_HEADER_BYTES])
{
	out[0] = h->flags;
	out[1] = h->gso;
	put_le(out + 2, h->header_bytes, 2);
	put_le(out + 4, h->segment_bytes, 2);
	put_le(out + 6, h->csum_start, 2);
	put_le(out + 8, h->csum_offset, 2);
	put_le(out + AT_NUM_BUFFERS, buffers, 2);
}

void net_header_decode(const uint8_t raw[NET_HEADER_BYTES], struct net_header *h)
{
	*h = (struct net_header){.flags = raw[0],
				 .gso = raw[1],
				 .header_bytes = (uint16_t)get_le(raw + 2, 2),
				 .segment_bytes = (uint16_t)get_le(raw + 4, 2),
				 .csum_start = (uint16_t)get_le(raw + 6, 2),
				 .csum_offset = (uint16_t)get_le(raw + 8, 2)};
}

static bool gso_accepted(uint64_t accepted, uint8_t gso)
{
	if ((gso & NET_GSO_ECN) && !(accepted & NET_F_HOST_ECN))
		return false;
	switch (gso & ~NET_GSO_ECN) {
	case NET_GSO_TCP4:
		return accepted & NET_F_HOST_TSO4;
	case NET_GSO_TCP6:
		return accepted & NET_F_HOST_TSO6;
	default:
		return false;
	}
}

/* What a driver may say of a frame that it sends (5.1.6.2). */
static bool header_good(uint64_t accepted, const struct net_header *h, uint32_t frame)
{
	bool csum = h->flags & NET_NEEDS_CSUM;

	if (csum && (!(accepted & NET_F_CSUM) || (uint32_t)h->csum_start + h->csum_offset + 2 > frame))
		return false;
	if (h->gso == NET_GSO_NONE)
		return true;
	return csum && gso_accepted(accepted, h->gso) && h->segment_bytes;
}

enum ring_error net_tx_parse(uint64_t accepted, const struct guest_mem *mem, const struct chain *c,
			     struct net_header *h, uint32_t *frame, bool *drop)
{
	uint8_t raw[NET_HEADER_BYTES];

	if (c->readable_bytes < NET_HEADER_BYTES)
		return RING_BAD_REQUEST;
	if (!chain_get(c, mem, 0, raw, sizeof(raw)))
		return RING_NO_MEMORY;
	net_header_decode(raw, h);
	*frame = c->readable_bytes - NET_HEADER_BYTES;
	*drop = *frame < NET_FRAME_MIN || *frame > NET_FRAME_MAX || !header_good(accepted, h, *frame);
	return RING_GOOD;
}

bool net_rx_header(uint64_t accepted, struct net_header *h)
{
	uint8_t gso = h->gso & (uint8_t)~NET_GSO_ECN;

	if (((h->flags & NET_NEEDS_CSUM) && !(accepted & NET_F_GUEST_CSUM)) ||
	    (gso == NET_GSO_TCP4 && !(accepted & NET_F_GUEST_TSO4)) ||
	    (gso == NET_GSO_TCP6 && !(accepted & NET_F_GUEST_TSO6)) ||
	    (gso != NET_GSO_NONE && gso != NET_GSO_TCP4 && gso != NET_GSO_TCP6) ||
	    ((h->gso & NET_GSO_ECN) && !(accepted & NET_F_GUEST_ECN)))
		return false;
	h->flags &= accepted & NET_F_GUEST_CSUM ? NET_NEEDS_CSUM | NET_DATA_VALID : 0;
	return true;
}

int net_rx_chains(uint64_t accepted, const struct chain *const *c, unsigned have, uint32_t n)
{
	uint64_t room = 0, want = (uint64_t)n + NET_HEADER_BYTES;

	if (have && c[0]->writable_bytes < NET_HEADER_BYTES)
		return -EMSGSIZE;
	for (unsigned i = 0; i < have && i < NET_RX_CHAINS_MAX; i++) {
		room += c[i]->writable_bytes;
		if (room >= want)
			return (int)i + 1;
		if (!(accepted & NET_F_MRG_RXBUF))
			return -EMSGSIZE;
	}
	return have < NET_RX_CHAINS_MAX ? 0 : -EMSGSIZE;
}

enum ring_error net_rx_put(const struct guest_mem *mem, const struct chain *const *c, unsigned chains,
			   const struct net_header *h, const uint8_t *frame, uint32_t n, uint32_t *used)
{
	uint8_t raw[NET_HEADER_BYTES];

	net_header_encode(h, (uint16_t)chains, raw);
	for (unsigned i = 0; i < chains; i++) {
		uint32_t head = i ? 0 : NET_HEADER_BYTES, room = c[i]->writable_bytes - head;
		uint32_t part = n < room ? n : room;

		if (!chain_put(c[i], mem, 0, raw, head) || !chain_put(c[i], mem, head, frame, part))
			return RING_NO_MEMORY;
		used[i] = head + part;
		frame += part;
		n -= part;
	}
	return RING_GOOD;
}

enum ring_error net_ctrl_parse(uint64_t accepted, uint16_t pairs_max, const struct guest_mem *mem,
			       const struct chain *c, struct net_command *out)
{
	uint8_t raw[CTRL_BYTES + 2] = {0};
	uint32_t n = c->readable_bytes < sizeof(raw) ? c->readable_bytes : (uint32_t)sizeof(raw);

	*out = (struct net_command){.good = false};
	if (c->readable_bytes < CTRL_BYTES || !c->writable_bytes)
		return RING_BAD_REQUEST;
	if (!chain_get(c, mem, 0, raw, n))
		return RING_NO_MEMORY;
	uint16_t pairs = (uint16_t)get_le(raw + CTRL_BYTES, 2);

	if ((accepted & NET_F_MQ) && raw[0] == CTRL_MQ && raw[1] == MQ_PAIRS_SET && n == sizeof(raw) && pairs &&
	    pairs <= pairs_max)
		*out = (struct net_command){.good = true, .pairs = pairs};
	return RING_GOOD;
}

enum ring_error net_ctrl_finish(const struct guest_mem *mem, const struct chain *c, bool good, uint32_t *used)
{
	uint8_t ack = good ? CTRL_OK : CTRL_ERR;

	*used = 1;
	return chain_put(c, mem, 0, &ack, 1) ? RING_GOOD : RING_NO_MEMORY;
}
