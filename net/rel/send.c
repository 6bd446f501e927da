// SPDX-License-Identifier: Apache-2.0
/* The sending half: segments, what is lost, what goes next. */
#include <string.h>

#include "net/rel/priv.h"

#define PROBES	    8u // segments sent again after a timeout: what arrives of them tells about the rest
#define BACKOFF_MAX 6u
#define RETRY_NS    50000u // after the port took no frame

/* ---- acknowledgements ---- */

static void measure(struct rel *r, uint64_t rtt)
{
	struct rel_stats *s = &r->stats;

	if (!s->rtt_ns) {
		s->rtt_ns = rtt;
		s->rtt_var_ns = rtt / 2;
	} else {
		uint64_t off = rtt > s->rtt_ns ? rtt - s->rtt_ns : s->rtt_ns - rtt;

		s->rtt_var_ns = (3 * s->rtt_var_ns + off) / 4; // RFC 6298's weights
		s->rtt_ns = (7 * s->rtt_ns + rtt) / 8;
	}
	uint64_t rto = s->rtt_ns + 4 * s->rtt_var_ns + REL_ACK_NS;
	r->rto_ns = rto < REL_RTO_MIN_NS ? REL_RTO_MIN_NS : rto > REL_RTO_MAX_NS ? REL_RTO_MAX_NS : rto;
}

static bool mark_acked(struct rel_out *o, uint32_t seq, struct rel_segment **newest)
{
	struct rel_segment *s = rel_seg(o, seq);

	if (s->acked)
		return false;
	s->acked = true;
	o->lost -= s->lost;
	s->lost = false;
	o->msg[s->message % REL_MSGS_MAX].left--;
	if (s->order > o->acked_order) {
		o->acked_order = s->order;
		*newest = s;
	}
	return true;
}

/* A segment is lost when some that were sent clearly later have arrived. */
static void find_lost(struct rel_out *o)
{
	for (uint32_t seq = o->una; seq != o->next; seq++) {
		struct rel_segment *s = rel_seg(o, seq);

		if (!s->acked && !s->lost && s->order + REL_REORDER <= o->acked_order) {
			s->lost = true;
			o->lost++;
		}
	}
}

static void release(struct rel *r, struct rel_out *o)
{
	while (o->first != o->taken) {
		struct rel_message *m = &o->msg[o->first % REL_MSGS_MAX];

		if (m->at < m->n || m->left)
			break;
		o->first++;
		r->opt.release(r->opt.ctx, m->msg);
	}
}

bool rel_ack_sane(const struct rel *r, unsigned stream, uint32_t ack)
{
	const struct rel_out *o = &r->out[stream];

	return (int32_t)(ack - o->next) <= 0;
}

void rel_on_ack(struct rel *r, unsigned stream, uint32_t ack, const uint8_t *have, uint64_t delay_ns, uint64_t now)
{
	struct rel_out *o = &r->out[stream];
	struct rel_segment *newest = NULL;
	bool any = false;

	if ((int32_t)(ack - o->una) < 0)
		return; // an old frame
	for (uint32_t seq = o->una; seq != ack; seq++)
		any |= mark_acked(o, seq, &newest);
	for (unsigned i = 0; have && i < REL_HAVE_BITS; i++) {
		uint32_t seq = ack + 1 + i;

		if ((int32_t)(seq - o->next) >= 0)
			break;
		if (have[i / 8] >> i % 8 & 1)
			any |= mark_acked(o, seq, &newest);
	}
	o->una = ack;
	if (!any)
		return;
	o->backoff = 0;
	o->progress_ns = now;
	if (newest && !newest->repeated && now - newest->sent_ns >= delay_ns)
		measure(r, now - newest->sent_ns - delay_ns);
	if (o->una != o->next)
		find_lost(o);
	release(r, o);
}

void rel_release_all(struct rel *r)
{
	for (unsigned s = 0; s < REL_STREAMS; s++)
		for (struct rel_out *o = &r->out[s]; o->first != o->taken; o->first++)
			r->opt.release(r->opt.ctx, o->msg[o->first % REL_MSGS_MAX].msg);
}

/* ---- timeouts ---- */

static uint64_t timeout_at(const struct rel *r, const struct rel_out *o)
{
	uint64_t at = UINT64_MAX;

	if (o->una == o->next || o->lost)
		return at; // nothing on the way, or already to be sent again
	uint64_t from = rel_seg((struct rel_out *)o, o->una)->sent_ns;
	if (o->progress_ns > from)
		from = o->progress_ns;
	at = r->rto_ns << o->backoff;
	return from + (at < REL_RTO_MAX_NS ? at : REL_RTO_MAX_NS);
}

static void on_timeout(struct rel *r, struct rel_out *o)
{
	unsigned n = 0;

	r->stats.timeouts++;
	if (o->backoff < BACKOFF_MAX)
		o->backoff++;
	for (uint32_t seq = o->una; seq != o->next && n < PROBES; seq++) {
		struct rel_segment *s = rel_seg(o, seq);

		if (s->acked)
			continue;
		s->lost = true;
		o->lost++;
		n++;
	}
}

/* ---- frames ---- */

static void fill_ack(struct rel *r, struct rel_head *h, uint64_t now)
{
	unsigned about = r->in[0].early_n && r->in[1].early_n ? r->have_turn++ & 1 : r->in[1].early_n > 0;
	uint64_t delay = r->unacked ? (now - r->last_data_ns) / REL_DELAY_UNIT : 0;

	h->ack[0] = r->in[0].next;
	h->ack[1] = r->in[1].next;
	h->delay = (uint16_t)(delay < UINT16_MAX ? delay : UINT16_MAX);
	h->credit = REL_WINDOW;
	h->flags |= about ? REL_SECOND : 0;
	if (r->in[about].early_n)
		rel_have(&r->in[about], h->have);
}

static bool put_frame(struct rel *r, struct rel_head *h, const uint8_t *data, uint64_t now)
{
	uint8_t *out = r->opt.frame(r->opt.ctx, REL_HEAD + h->bytes);

	if (!out) {
		r->retry_at_ns = now + RETRY_NS;
		return false;
	}
	h->token = r->opt.token_out;
	fill_ack(r, h, now);
	if (h->bytes)
		memcpy(out + REL_HEAD, data, h->bytes);
	rel_head_write(out, h, r->opt.sums);
	r->said_asleep = h->flags & REL_ASLEEP;
	r->stats.frames_out++;
	r->unacked = 0;
	r->ack_now = false;
	r->ack_at_ns = UINT64_MAX;
	return true;
}

static bool transmit(struct rel *r, unsigned stream, uint32_t seq, uint64_t now)
{
	struct rel_out *o = &r->out[stream];
	struct rel_segment *s = rel_seg(o, seq);
	struct rel_head h = {.bytes = (uint16_t)s->bytes, .flags = s->flags, .seq = seq};

	if (s->flags & REL_FIRST)
		h.message = o->msg[s->message % REL_MSGS_MAX].n;
	if (!put_frame(r, &h, s->data, now))
		return false;
	s->sent_ns = now;
	s->order = ++o->orders;
	r->stats.segments_out++;
	return true;
}

static bool repeat(struct rel *r, unsigned stream, unsigned *budget, uint64_t now)
{
	struct rel_out *o = &r->out[stream];

	for (uint32_t seq = o->una; o->lost && seq != o->next && *budget; seq++) {
		struct rel_segment *s = rel_seg(o, seq);

		if (!s->lost)
			continue;
		s->repeated = true;
		if (!transmit(r, stream, seq, now))
			return false;
		s->lost = false;
		o->lost--;
		--*budget;
		r->stats.retransmits++;
	}
	return true;
}

/* Cuts the next segment. */
static void cut(struct rel *r, unsigned stream)
{
	struct rel_out *o = &r->out[stream];
	struct rel_message *m = &o->msg[o->sending % REL_MSGS_MAX];
	uint32_t left = m->n - m->at, n = left < r->opt.segment_bytes ? left : r->opt.segment_bytes;

	*rel_seg(o, o->next) = (struct rel_segment){
	    .data = m->bytes + m->at,
	    .bytes = n,
	    .message = o->sending,
	    .flags = (uint8_t)(REL_DATA | (stream ? REL_STREAM : 0) | (m->at ? 0 : REL_FIRST) |
			       (n == left ? REL_LAST : 0)),
	};
}

static bool send_new(struct rel *r, unsigned stream, unsigned *budget, uint64_t now)
{
	struct rel_out *o = &r->out[stream];
	uint32_t window = o->credit < REL_WINDOW ? o->credit : REL_WINDOW;

	while (o->sending != o->taken && *budget) {
		struct rel_message *m = &o->msg[o->sending % REL_MSGS_MAX];

		if (o->next - o->una >= window) {
			r->stats.stalls += !o->stalled;
			o->stalled = true;
			return true;
		}
		o->stalled = false;
		cut(r, stream);
		if (!transmit(r, stream, o->next, now))
			return false;
		if (o->una == o->next)
			o->progress_ns = now;
		m->at += rel_seg(o, o->next)->bytes;
		m->left++;
		o->next++;
		--*budget;
		if (m->at == m->n)
			o->sending++;
	}
	return true;
}

static void output(struct rel *r, uint64_t now)
{
	unsigned budget = REL_BURST;

	r->retry_at_ns = UINT64_MAX;
	for (unsigned s = 0; s < REL_STREAMS; s++) {
		if (now >= timeout_at(r, &r->out[s]))
			on_timeout(r, &r->out[s]);
		if (!repeat(r, s, &budget, now) || !send_new(r, s, &budget, now))
			return;
	}
	r->more = budget == 0;
	if (r->ack_now || now >= r->ack_at_ns) {
		struct rel_head h = {0};

		put_frame(r, &h, NULL, now);
	}
}

void rel_say_asleep(struct rel *r, uint64_t now)
{
	struct rel_head h = {.flags = REL_ASLEEP};

	if (!r->said_asleep && !r->stopped)
		put_frame(r, &h, NULL, now);
}

void rel_output(struct rel *r, uint64_t now)
{
	if (r->stopped || r->outputting)
		return;
	r->outputting = true;
	output(r, now);
	r->outputting = false;
}

uint64_t rel_deadline(const struct rel *r)
{
	uint64_t at = r->ack_at_ns < r->retry_at_ns ? r->ack_at_ns : r->retry_at_ns;

	if (r->stopped)
		return UINT64_MAX;
	if (r->ack_now || r->more)
		return r->retry_at_ns == UINT64_MAX ? 0 : r->retry_at_ns;
	for (unsigned s = 0; s < REL_STREAMS; s++) {
		uint64_t t = timeout_at(r, &r->out[s]);

		if (r->out[s].lost && r->retry_at_ns == UINT64_MAX)
			return 0;
		if (t < at)
			at = t;
	}
	return at;
}

uint64_t rel_silent_ns(const struct rel *r, uint64_t now)
{
	uint64_t most = 0;

	for (unsigned s = 0; s < REL_STREAMS; s++) {
		const struct rel_out *o = &r->out[s];

		if (o->una != o->next && now > o->progress_ns && now - o->progress_ns > most)
			most = now - o->progress_ns;
	}
	return most;
}
