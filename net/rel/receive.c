// SPDX-License-Identifier: Apache-2.0
/* The receiving half: order, and messages from segments. */
#include <stdlib.h>
#include <string.h>

#include "net/rel/priv.h"

static void breaks(struct rel *r)
{
	r->broken = r->stopped = true;
}

static void begin(struct rel *r, struct rel_in *in, uint32_t total)
{
	uint8_t *bigger;

	if (in->part_total || total > r->opt.message_max) {
		breaks(r);
		return;
	}
	if (total > in->part_cap) {
		bigger = realloc(in->part, total);
		if (!bigger) {
			breaks(r); // without memory the connection can't go on
			return;
		}
		in->part = bigger;
		in->part_cap = total;
	}
	in->part_total = total;
	in->part_n = 0;
}

static void deliver_packed(struct rel *r, unsigned stream, uint32_t messages, const uint8_t *data, uint32_t n)
{
	for (; messages && !r->stopped; messages--) {
		uint32_t bytes = n > REL_PACK_HEAD ? (uint32_t)data[0] | (uint32_t)data[1] << 8 : 0;

		if (!bytes || bytes > n - REL_PACK_HEAD || bytes > r->opt.message_max) {
			breaks(r);
			return;
		}
		r->opt.deliver(r->opt.ctx, stream, data + REL_PACK_HEAD, bytes);
		data += REL_PACK_HEAD + bytes;
		n -= REL_PACK_HEAD + bytes;
	}
	if (n && !r->stopped)
		breaks(r);
}

/* The next segment in order. A message of one segment is delivered from where it lies. */
static void accept_segment(struct rel *r, unsigned stream, uint8_t flags, uint32_t message, const uint8_t *data,
			   uint32_t n)
{
	struct rel_in *in = &r->in[stream];

	in->next++;
	if (flags & REL_PACKED && !in->part_total) {
		deliver_packed(r, stream, message, data, n);
		return;
	}
	if ((flags & (REL_FIRST | REL_LAST)) == (REL_FIRST | REL_LAST) && !in->part_total && n <= r->opt.message_max) {
		r->opt.deliver(r->opt.ctx, stream, data, n);
		return;
	}
	if (flags & REL_FIRST)
		begin(r, in, message);
	if (r->broken)
		return;
	bool last = flags & REL_LAST;
	if (!in->part_total || n > in->part_total - in->part_n || last != (n == in->part_total - in->part_n)) {
		breaks(r);
		return;
	}
	memcpy(in->part + in->part_n, data, n);
	in->part_n += n;
	if (last) {
		in->part_total = 0;
		r->opt.deliver(r->opt.ctx, stream, in->part, in->part_n);
	}
}

void rel_early_drop(struct rel *r, struct rel_early *e)
{
	if (e->kept)
		r->opt.let_go(r->opt.ctx, e->kept);
	else
		free((void *)(uintptr_t)e->data);
	*e = (struct rel_early){0};
}

static void drain_early(struct rel *r, unsigned stream)
{
	struct rel_in *in = &r->in[stream];

	while (in->early_n && !r->stopped) {
		struct rel_early *at = &in->early[in->next % REL_WINDOW], e = *at;

		if (!e.data)
			break;
		*at = (struct rel_early){0};
		in->early_n--;
		accept_segment(r, stream, e.flags, e.message, e.data, e.bytes);
		rel_early_drop(r, &e);
	}
}

static bool keep_early(struct rel *r, struct rel_in *in, const struct rel_head *h, const uint8_t *data)
{
	struct rel_early *e = &in->early[h->seq % REL_WINDOW];

	if (e->data)
		return false;
	e->kept = r->opt.keep ? r->opt.keep(r->opt.ctx) : NULL;
	e->data = data;
	if (!e->kept) {
		uint8_t *copy = malloc(h->bytes);

		e->data = copy;
		if (!copy)
			return true; // as if it had been lost
		memcpy(copy, data, h->bytes);
	}
	e->bytes = h->bytes;
	e->flags = h->flags;
	e->message = h->message;
	if (!in->early_n++ || (int32_t)(h->seq - in->end) >= 0)
		in->end = h->seq + 1;
	return true;
}

static void ack_soon(struct rel *r, uint64_t now)
{
	if (!r->unacked++ || r->ack_at_ns == UINT64_MAX)
		r->ack_at_ns = now + REL_ACK_NS;
	r->last_data_ns = now;
	r->ack_now |= r->unacked >= REL_ACK_FRAMES;
}

void rel_receive(struct rel *r, const struct rel_head *h, const uint8_t *data, uint64_t now)
{
	unsigned stream = h->flags & REL_STREAM ? 1 : 0;
	struct rel_in *in = &r->in[stream];
	uint32_t ahead = h->seq - in->next;

	ack_soon(r, now);
	if (ahead == 0) {
		r->ack_now |= in->early_n > 0; // a gap closes: the sender waits to hear it
		accept_segment(r, stream, h->flags, h->message, data, h->bytes);
		drain_early(r, stream);
	} else if (ahead < REL_WINDOW) {
		r->ack_now = true; // something is missing: the sender should know
		if (keep_early(r, in, h, data))
			r->stats.early++;
		else
			r->stats.duplicates++;
	} else {
		r->ack_now = true;
		if (ahead < 0x80000000u)
			r->stats.outside++;
		else
			r->stats.duplicates++;
	}
}

void rel_have(const struct rel_in *in, unsigned from, uint8_t have[REL_HAVE_BYTES])
{
	uint32_t end = in->end - in->next - 1 - from;

	memset(have, 0, REL_HAVE_BYTES);
	for (unsigned i = 0; i < REL_HAVE_BITS && i < end; i++)
		if (in->early[(in->next + 1 + from + i) % REL_WINDOW].data)
			have[i / 8] |= (uint8_t)(1u << i % 8);
}
