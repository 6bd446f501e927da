// SPDX-License-Identifier: Apache-2.0
/* The sending half: segments, what is lost, what goes next. */
#include <string.h>

#include "net/rel/priv.h"
#include "net/rel/sum.h"

#define BACKOFF_MAX 6u
#define PROBES      2u          // segments of one probe
#define LATE_AGE_NS 1000000000u // without a late segment, and half the patience is gone
#define RETRY_NS    50000u      // after the port took no frame

/* ---- acknowledgements ---- */

static void estimate(struct rel *r, uint64_t rtt)
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

/* s has been acknowledged sooner after it was sent again than a round trip takes: the first one had arrived. */
static bool needless(const struct rel *r, const struct rel_segment *s, uint64_t now)
{
	return s->sends > 1 && !s->lost && now - s->sent_ns < r->pace.rtt_min_ns;
}

/*
 * A round trip, from the newest segment acknowledged; delay: how long the peer kept the acknowledgement. Which
 * transmission of several it answers is not known (Karn). Where a timeout or a probe came too soon it is: without these
 * round trips, the longest, they would for ever come too soon.
 */
static void measure(struct rel *r, const struct rel_segment *s, uint64_t delay, uint64_t now)
{
	uint64_t since = now - s->first_ns;
	bool too_soon = s->sends == 2 && s->timed_out && needless(r, s, now);

	if ((s->sends > 1 && !too_soon) || since < delay)
		return;
	if (too_soon)
		r->stats.needless++;
	else
		rel_pace_sample(r, since - delay, now);
	estimate(r, since - delay);
}

/* s came late but was not lost: others are given as long from now on, before they count as lost. */
static void on_late(struct rel *r, const struct rel_segment *s, uint64_t now)
{
	uint64_t late = now - s->first_ns > r->stats.rtt_ns ? now - s->first_ns - r->stats.rtt_ns : 0;

	if (late > REL_LATE_MAX_NS)
		return; // a pause of the peer
	if (late > r->late_ns)
		r->late_ns = late;
	r->late_at = now;
}

static bool mark_acked(struct rel *r, struct rel_out *o, uint32_t seq, struct rel_segment **newest, uint64_t now)
{
	struct rel_segment *s = rel_seg(o, seq);

	if (s->acked)
		return false;
	s->acked = true;
	r->pace.acked++;
	if (!s->lost)
		o->flight--;
	else if (!s->timed_out)
		on_late(r, s, now);
	if (!s->timed_out && needless(r, s, now)) {
		r->stats.needless++;
		on_late(r, s, now);
	}
	o->lost -= s->lost;
	s->lost = false;
	for (uint32_t i = 0; i < s->messages; i++)
		o->msg[(s->message + i) % REL_MSGS_MAX].left--;
	if (s->order > o->acked_order) {
		o->acked_order = s->order;
		*newest = s;
	}
	return true;
}

static void mark_lost(struct rel *r, struct rel_out *o, struct rel_segment *s)
{
	s->lost = true;
	o->lost++;
	o->flight--;
	r->pace.lost++;
}

/*
 * A segment is lost when some that were sent clearly later have arrived, and it is later than those that came late on
 * this path (as in RACK, RFC 8985).
 */
void rel_look_for_lost(struct rel *r, struct rel_out *o, uint64_t now)
{
	o->look_ns = UINT64_MAX;
	if (r->late_ns && now - r->late_at > LATE_AGE_NS) {
		r->late_ns /= 2;
		r->late_at = now;
	}
	for (uint32_t seq = o->una; o->flight && seq != o->next; seq++) {
		struct rel_segment *s = rel_seg(o, seq);

		if (s->acked || s->lost || s->order + REL_REORDER > o->acked_order)
			continue;
		uint64_t at = r->late_ns ? s->sent_ns + r->stats.rtt_ns + r->late_ns + r->late_ns / 4 : now;
		if (at <= now)
			mark_lost(r, o, s);
		else if (at < o->look_ns)
			o->look_ns = at;
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

void rel_on_ack(struct rel *r, unsigned stream, uint32_t ack, const uint8_t *have, unsigned from, uint64_t delay_ns,
		uint64_t now)
{
	struct rel_out *o = &r->out[stream];
	struct rel_segment *newest = NULL;
	bool any = false;

	if ((int32_t)(ack - o->una) < 0)
		return; // an old frame
	for (uint32_t seq = o->una; seq != ack; seq++)
		any |= mark_acked(r, o, seq, &newest, now);
	for (unsigned i = 0; have && i < REL_HAVE_BITS; i++) {
		uint32_t seq = ack + 1 + from + i;

		if ((int32_t)(seq - o->next) >= 0)
			break;
		if (have[i / 8] >> i % 8 & 1)
			any |= mark_acked(r, o, seq, &newest, now);
	}
	o->una = ack;
	if (!any)
		return;
	o->backoff = 0;
	o->probed = false;
	o->progress_ns = o->timer_ns = now;
	if (newest)
		measure(r, newest, delay_ns, now);
	rel_look_for_lost(r, o, now);
	rel_pace_round(r, now);
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
	uint64_t wait = r->rto_ns << o->backoff;

	if (!o->flight && !o->asking)
		return UINT64_MAX;
	return o->timer_ns + (wait < REL_RTO_MAX_NS ? wait : REL_RTO_MAX_NS);
}

/* Nothing has come for longer than it should take, and nothing follows that could tell what is missing. */
static uint64_t probe_at(const struct rel *r, const struct rel_out *o)
{
	const struct rel_stats *s = &r->stats;
	uint64_t wait = 2 * s->rtt_ns + 4 * s->rtt_var_ns + REL_ACK_NS + r->late_ns;

	if (!o->flight || o->probed || !s->rtt_ns)
		return UINT64_MAX;
	wait = wait > REL_PROBE_MIN_NS ? wait : REL_PROBE_MIN_NS;
	return wait < r->rto_ns ? o->timer_ns + wait : UINT64_MAX;
}

/* All that is on the way counts as lost. The window is small then: what arrives tells about the rest. */
static void on_timeout(struct rel *r, struct rel_out *o, uint64_t now)
{
	o->timer_ns = now;
	o->ask = o->asking;
	if (!o->flight) {
		o->backoff += o->backoff < BACKOFF_MAX;
		return;
	}
	r->stats.timeouts++;
	rel_pace_timeout(r, o->backoff > 0);
	o->backoff += o->backoff < BACKOFF_MAX;
	for (uint32_t seq = o->una; seq != o->next; seq++) {
		struct rel_segment *s = rel_seg(o, seq);

		if (!s->acked && !s->lost)
			mark_lost(r, o, s);
		s->timed_out = s->lost;
	}
	r->pace.lost = 0; // the window has answered already
}

/* ---- frames ---- */

static void fill_ack(struct rel *r, struct rel_head *h, uint64_t now)
{
	unsigned turn = r->have_turn++;
	unsigned about = r->in[0].early_n && r->in[1].early_n ? turn & 1 : r->in[1].early_n > 0;
	uint64_t delay = r->unacked ? (now - r->last_data_ns) / REL_DELAY_UNIT : 0;

	h->ack[0] = r->in[0].next;
	h->ack[1] = r->in[1].next;
	h->delay = (uint16_t)(delay < UINT16_MAX ? delay : UINT16_MAX);
	h->credit = r->credit;
	h->flags |= about ? REL_SECOND : 0;
	const struct rel_in *in = &r->in[about];
	if (!in->early_n)
		return;
	unsigned from = in->end - in->next > REL_HAVE_BITS + 1 && turn & 2 ? REL_HAVE_BITS : 0;
	h->flags |= from ? REL_FURTHER : 0;
	rel_have(in, from, h->have);
}

/* The messages of a packed segment, each behind its length. */
static void pack(const struct rel_out *o, const struct rel_segment *s, uint8_t *to)
{
	for (uint32_t i = 0; i < s->messages; i++) {
		const struct rel_message *m = &o->msg[(s->message + i) % REL_MSGS_MAX];

		*to++ = (uint8_t)m->n;
		*to++ = (uint8_t)(m->n >> 8);
		memcpy(to, m->bytes, m->n);
		to += m->n;
	}
}

/* Of a segment's data; of a whole message it may be known. */
static uint32_t sum_of(const struct rel_out *o, const struct rel_segment *s, const uint8_t *data)
{
	const struct rel_message *m = &o->msg[s->message % REL_MSGS_MAX];
	bool whole = s->messages == 1 && s->bytes == m->n;

	return whole && m->sum ? m->sum : rel_sum(data, s->bytes);
}

/* s: the segment that it carries, of stream o; NULL: none. */
static bool put_frame(struct rel *r, struct rel_head *h, const struct rel_out *o, const struct rel_segment *s,
		      uint64_t now)
{
	uint8_t *out = NULL;
	bool lent = false;

	if (s && s->data && s->bytes >= REL_LEND && r->opt.frame_before) {
		out = r->opt.frame_before(r->opt.ctx, REL_HEAD, o->msg[s->message % REL_MSGS_MAX].msg, s->data,
					  s->bytes);
		lent = out != NULL;
	}
	if (!out)
		out = r->opt.frame(r->opt.ctx, REL_HEAD + h->bytes);
	if (!out) {
		r->retry_at_ns = now + RETRY_NS;
		return false;
	}
	h->token = r->opt.token_out;
	fill_ack(r, h, now);
	if (s && s->messages > 1)
		pack(o, s, out + REL_HEAD);
	else if (s && !lent)
		memcpy(out + REL_HEAD, s->data, s->bytes);
	if (s && r->opt.sums)
		h->data_sum = sum_of(o, s, lent ? s->data : out + REL_HEAD);
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
		h.message = s->messages > 1 ? s->messages : o->msg[s->message % REL_MSGS_MAX].n;
	if (!put_frame(r, &h, o, s, now))
		return false;
	r->stats.retransmits += s->sends > 0;
	s->sends += s->sends < UINT8_MAX;
	s->sent_ns = now;
	s->order = ++o->orders;
	if (!o->flight++)
		o->timer_ns = now;
	rel_pace_sent(r);
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
		if (!rel_pace_may(r, stream, now))
			return true;
		if (!transmit(r, stream, seq, now))
			return false;
		s->lost = false;
		o->lost--;
		--*budget;
	}
	return true;
}

/* How many of the messages that wait are short and fit in one segment together, and its bytes then. */
static uint32_t short_ones(const struct rel *r, const struct rel_out *o, uint32_t *bytes)
{
	uint32_t n = 0;

	*bytes = 0;
	for (uint32_t i = o->sending; r->opt.pack && i != o->taken; i++, n++) {
		uint32_t more = o->msg[i % REL_MSGS_MAX].n;

		if (more > REL_SMALL || *bytes + REL_PACK_HEAD + more > r->opt.segment_bytes)
			break;
		*bytes += REL_PACK_HEAD + more;
	}
	return n;
}

/* The oldest once more. It is no loss until something shows that it is one: the window stays. */
static bool probe(struct rel *r, unsigned stream, unsigned *budget, uint64_t now)
{
	struct rel_out *o = &r->out[stream];
	unsigned n = 0;

	for (uint32_t seq = o->una; seq != o->next && n < PROBES && *budget; seq++) {
		struct rel_segment *s = rel_seg(o, seq);

		if (s->acked || s->lost)
			continue;
		o->flight--; // transmit() counts it
		if (!transmit(r, stream, seq, now)) {
			o->flight++;
			return false;
		}
		s->timed_out = true;
		--*budget;
		n++;
	}
	o->probed = true;
	r->stats.probes++;
	return true;
}

/* Makes the next segment: of several short messages, or of one, which may be longer than it. */
static void cut(struct rel *r, unsigned stream)
{
	struct rel_out *o = &r->out[stream];
	struct rel_message *m = &o->msg[o->sending % REL_MSGS_MAX];
	uint32_t left = m->n - m->at, n = left < r->opt.segment_bytes ? left : r->opt.segment_bytes;
	uint32_t packed, messages = m->at ? 0 : short_ones(r, o, &packed);

	if (messages > 1) {
		*rel_seg(o, o->next) = (struct rel_segment){
			.bytes = packed,
			.message = o->sending,
			.messages = (uint16_t)messages,
			.flags = (uint8_t)(REL_DATA | (stream ? REL_STREAM : 0) | REL_FIRST | REL_LAST | REL_PACKED),
		};
		return;
	}
	*rel_seg(o, o->next) = (struct rel_segment){
		.data = m->bytes + m->at,
		.bytes = n,
		.message = o->sending,
		.messages = 1,
		.flags = (uint8_t)(REL_DATA | (stream ? REL_STREAM : 0) | (m->at ? 0 : REL_FIRST) |
				   (n == left ? REL_LAST : 0)),
	};
}

/* No credit. Where nothing is on the way either, the word of new credit may be lost: a segment asks now and then. */
static void stall(struct rel *r, struct rel_out *o, uint64_t now)
{
	r->stats.stalls += !o->stalled;
	o->stalled = true;
	if (o->asking || o->next != o->una)
		return;
	o->asking = true;
	o->timer_ns = now;
}

/* Its messages have so much in segments now. */
static void count_in(struct rel_out *o, const struct rel_segment *s)
{
	for (uint32_t i = 0; i < s->messages; i++) {
		struct rel_message *m = &o->msg[(s->message + i) % REL_MSGS_MAX];

		m->at += s->messages > 1 ? m->n : s->bytes;
		m->left++;
		o->sending += m->at == m->n;
	}
}

static bool send_new(struct rel *r, unsigned stream, unsigned *budget, uint64_t now)
{
	struct rel_out *o = &r->out[stream];
	uint32_t window = o->credit < REL_WINDOW ? o->credit : REL_WINDOW;

	while (o->sending != o->taken && *budget) {
		if (o->next - o->una >= window && !(o->ask && o->next == o->una)) {
			stall(r, o, now);
			return true;
		}
		if (!rel_pace_may(r, stream, now))
			return true;
		o->stalled = o->asking = o->ask = false;
		cut(r, stream);
		rel_seg(o, o->next)->first_ns = now;
		if (!transmit(r, stream, o->next, now))
			return false;
		if (o->una == o->next)
			o->progress_ns = now;
		count_in(o, rel_seg(o, o->next));
		o->next++;
		--*budget;
	}
	return true;
}

static void output(struct rel *r, uint64_t now)
{
	unsigned budget = REL_BURST;

	r->retry_at_ns = r->pace.ready_at = UINT64_MAX;
	for (unsigned s = 0; s < REL_STREAMS; s++) {
		if (now >= timeout_at(r, &r->out[s]))
			on_timeout(r, &r->out[s], now);
		else if (now >= probe_at(r, &r->out[s]) && !probe(r, s, &budget, now))
			return;
		if (now >= r->out[s].look_ns)
			rel_look_for_lost(r, &r->out[s], now);
		if (!repeat(r, s, &budget, now) || !send_new(r, s, &budget, now))
			return;
	}
	r->more = budget == 0;
	if (r->ack_now || now >= r->ack_at_ns) {
		struct rel_head h = {0};

		put_frame(r, &h, NULL, NULL, now);
	}
}

void rel_say_asleep(struct rel *r, uint64_t now)
{
	struct rel_head h = {.flags = REL_ASLEEP};

	if (!r->said_asleep && !r->stopped)
		put_frame(r, &h, NULL, NULL, now);
}

void rel_woken(struct rel *r)
{
	r->said_asleep = false;
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
		uint64_t t = timeout_at(r, &r->out[s]), p = probe_at(r, &r->out[s]);

		t = p < t ? p : t;
		at = t < at ? t : at;
		at = r->out[s].look_ns < at ? r->out[s].look_ns : at;
	}
	return r->pace.ready_at < at ? r->pace.ready_at : at;
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
