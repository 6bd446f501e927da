// SPDX-License-Identifier: Apache-2.0
#include "net/rel/wire.h"

#include <errno.h>
#include <string.h>

#include "net/rel/sum.h"

#define SUMMED 12u // the sum covers the rest of the header

static void put(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

uint64_t rel_token(const uint8_t *frame)
{
	return get(frame, 8);
}

void rel_head_write(uint8_t *out, const struct rel_head *h, bool sums)
{
	put(out, h->token, 8);
	put(out + 12, h->bytes, 2);
	out[14] = h->flags;
	out[15] = REL_VERSION;
	put(out + 16, h->seq, 4);
	put(out + 20, h->message, 4);
	put(out + 24, h->ack[0], 4);
	put(out + 28, h->ack[1], 4);
	put(out + 32, h->delay, 2);
	put(out + 34, h->credit, 2);
	put(out + 36, sums ? h->data_sum : 0, 4);
	memcpy(out + 40, h->have, REL_HAVE_BYTES);
	put(out + 8, sums ? rel_sum(out + SUMMED, REL_HEAD - SUMMED) : 0, 4);
}

static bool sane(const struct rel_head *h)
{
	bool data = h->flags & REL_DATA;

	if ((h->bytes > 0) != data)
		return false;
	if (!data)
		return !(h->flags & (REL_FIRST | REL_LAST | REL_STREAM | REL_PACKED));
	if (h->flags & REL_PACKED)
		return (h->flags & REL_FIRST) && (h->flags & REL_LAST) && h->message >= 2 &&
		       h->message <= h->bytes / (REL_PACK_HEAD + 1);
	if (h->flags & REL_FIRST)
		return h->flags & REL_LAST ? h->message == h->bytes : h->message > h->bytes;
	return h->message == 0;
}

int rel_head_read(const uint8_t *f, uint32_t n, bool sums, struct rel_head *h)
{
	if (n < REL_HEAD || f[15] != REL_VERSION)
		return -EPROTO;
	h->token = get(f, 8);
	h->sum = (uint32_t)get(f + 8, 4);
	h->bytes = (uint16_t)get(f + 12, 2);
	h->flags = f[14];
	h->seq = (uint32_t)get(f + 16, 4);
	h->message = (uint32_t)get(f + 20, 4);
	h->ack[0] = (uint32_t)get(f + 24, 4);
	h->ack[1] = (uint32_t)get(f + 28, 4);
	h->delay = (uint16_t)get(f + 32, 2);
	h->credit = (uint16_t)get(f + 34, 2);
	h->data_sum = (uint32_t)get(f + 36, 4);
	memcpy(h->have, f + 40, REL_HAVE_BYTES);
	if (n != REL_HEAD + (uint32_t)h->bytes || !sane(h))
		return -EPROTO;
	if (!h->sum)
		return sums ? -EPROTO : 0;
	if (h->sum != rel_sum(f + SUMMED, REL_HEAD - SUMMED))
		return -EPROTO;
	return h->data_sum == (h->bytes ? rel_sum(f + REL_HEAD, h->bytes) : 0) ? 0 : -EPROTO;
}
