// SPDX-License-Identifier: Apache-2.0
/* A connection as a whole. */
#include <errno.h>
#include <stdlib.h>

#include "net/rel/priv.h"

#define RTO_START_NS 20000000u
#define SEGMENT_MIN  256u
#define FIRST        0xfffffd00u // of segments and messages: numbers go round soon, so that this is known to work

int rel_open(struct rel **out, const struct rel_options *opt, uint64_t now)
{
	if (opt->segment_bytes < SEGMENT_MIN || opt->segment_bytes > UINT16_MAX - REL_HEAD)
		return -EINVAL;
	struct rel *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->opt = *opt;
	r->opt.segment_bytes -= REL_SEAL;
	r->credit = REL_WINDOW;
	r->rto_ns = RTO_START_NS;
	r->ack_at_ns = r->retry_at_ns = UINT64_MAX;
	for (unsigned s = 0; s < REL_STREAMS; s++) {
		struct rel_out *o = &r->out[s];

		o->una = o->next = o->first = o->sending = o->taken = FIRST;
		r->in[s].next = FIRST;
		o->credit = REL_WINDOW;
		o->look_ns = UINT64_MAX;
		o->timer_ns = now;
		r->out[s].progress_ns = now;
	}
	rel_pace_init(r, now);
	*out = r;
	return 0;
}

void rel_stop(struct rel *r)
{
	r->stopped = true;
}

void rel_close(struct rel *r)
{
	if (!r)
		return;
	r->stopped = true;
	rel_release_all(r);
	for (unsigned s = 0; s < REL_STREAMS; s++) {
		for (unsigned i = 0; i < REL_WINDOW; i++)
			rel_early_drop(r, &r->in[s].early[i]);
		free(r->in[s].part);
	}
	free(r);
}

bool rel_room(const struct rel *r, unsigned stream)
{
	const struct rel_out *o = &r->out[stream];

	/* what waits to be cut up is no more than a window's worth of messages */
	return !r->stopped && o->taken - o->first < REL_MSGS_MAX && o->taken - o->sending < REL_BURST;
}

bool rel_send(struct rel *r, unsigned stream, const uint8_t *bytes, uint32_t n, uint32_t sum, void *msg)
{
	struct rel_out *o = &r->out[stream];

	if (!rel_room(r, stream) || !n)
		return false;
	o->msg[o->taken++ % REL_MSGS_MAX] = (struct rel_message){.bytes = bytes, .n = n, .sum = sum, .msg = msg};
	return true;
}

void rel_input(struct rel *r, const uint8_t *frame, uint32_t n, uint64_t now)
{
	struct rel_head h;

	if (r->stopped)
		return;
	if (rel_head_read(frame, n, r->opt.sums, &h) || h.token != r->opt.token_in) {
		r->stats.bad++;
		r->stats.strange += n >= REL_HEAD && rel_token(frame) != r->opt.token_in;
		return;
	}
	if (!rel_ack_sane(r, 0, h.ack[0]) || !rel_ack_sane(r, 1, h.ack[1])) {
		r->stats.bad++;
		r->stats.outside++;
		return;
	}
	r->stats.frames_in++;
	r->peer_asleep = h.flags & REL_ASLEEP ? ++r->sleeps | 1u << 31 : 0;
	for (unsigned s = 0; s < REL_STREAMS; s++) {
		bool about = ((h.flags & REL_SECOND) != 0) == s;

		if ((int32_t)(h.ack[s] - r->out[s].una) >= 0)
			r->out[s].credit = h.credit; // else an old frame
		rel_on_ack(r, s, h.ack[s], about ? h.have : NULL, h.flags & REL_FURTHER ? REL_HAVE_BITS : 0,
			   (uint64_t)h.delay * REL_DELAY_UNIT, now);
	}
	if (h.flags & REL_DATA)
		rel_receive(r, &h, frame + REL_HEAD, now);
}

bool rel_broken(const struct rel *r)
{
	return r->broken;
}

uint32_t rel_peer_asleep(const struct rel *r)
{
	return r->peer_asleep;
}

const struct rel_stats *rel_stats(const struct rel *r)
{
	return &r->stats;
}
