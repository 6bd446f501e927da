// SPDX-License-Identifier: Apache-2.0
/*
 * How much may be on the way, and how fast it leaves.
 *
 * What counts as congestion is delay: round trips longer than twice the shortest one plus QUEUE_NS mean that frames
 * wait in a queue. Loss alone does not, since links lose frames at random, unless it is more than an eighth of a round.
 * Frames of stream 1 leave at twice the rate of the window a round trip, REL_BURST at once after a pause.
 */
#include "net/rel/priv.h"

#define QUEUE_NS   250000u
#define MIN_AGE_NS 10000000000u // the shortest round trip is measured anew: paths change
#define ROUND_NS   1000000u     // of a round, before round trips are known
#define LOST_MIN   4u           // in a round, before the eighth counts
#define UNIT       1024         // tokens of one segment
#define BUCKET     ((int64_t)REL_BURST * UNIT)
#define READY      (8 * UNIT) // worth waking up for

void rel_pace_init(struct rel *r, uint64_t now)
{
	r->pace = (struct rel_pace){
		.cwnd = REL_CWND_START, .tokens = BUCKET, .tokens_at = now, .round_at = now, .ready_at = UINT64_MAX};
	r->stats.cwnd = REL_CWND_START;
}

void rel_pace_sample(struct rel *r, uint64_t rtt, uint64_t now)
{
	struct rel_pace *p = &r->pace;

	if (!p->rtt_min_ns || rtt <= p->rtt_min_ns || now - p->rtt_min_at > MIN_AGE_NS) {
		p->rtt_min_ns = rtt ? rtt : 1;
		p->rtt_min_at = now;
	}
	p->slow |= rtt > 2 * p->rtt_min_ns + QUEUE_NS;
	r->stats.rtt_min_ns = p->rtt_min_ns;
}

void rel_pace_round(struct rel *r, uint64_t now)
{
	struct rel_pace *p = &r->pace;

	if (now < p->round_at)
		return;
	if (p->slow || (p->lost >= LOST_MIN && p->lost * 8 > p->lost + p->acked)) {
		p->cwnd -= p->cwnd / 4;
		if (p->cwnd < REL_CWND_MIN)
			p->cwnd = REL_CWND_MIN;
	} else if (p->full) {
		p->cwnd += p->cwnd / 8;
		if (p->cwnd > REL_CWND_MAX)
			p->cwnd = REL_CWND_MAX;
	}
	p->slow = p->full = false;
	p->lost = p->acked = 0;
	p->round_at = now + (r->stats.rtt_ns ? r->stats.rtt_ns : ROUND_NS);
	r->stats.cwnd = p->cwnd;
}

void rel_pace_timeout(struct rel *r, bool again)
{
	struct rel_pace *p = &r->pace;

	p->cwnd = again ? REL_CWND_MIN : p->cwnd / 2;
	if (p->cwnd < REL_CWND_MIN)
		p->cwnd = REL_CWND_MIN;
	r->stats.cwnd = p->cwnd;
}

static void refill(struct rel *r, uint64_t now)
{
	struct rel_pace *p = &r->pace;
	uint64_t rtt = r->stats.rtt_ns, past = now > p->tokens_at ? now - p->tokens_at : 0;
	uint64_t more = rtt && past < 1000000000u ? past * 2 * p->cwnd * UNIT / rtt : (uint64_t)BUCKET;

	if (!more)
		return; // what has passed counts the next time
	p->tokens += more < 2 * (uint64_t)BUCKET ? (int64_t)more : 2 * BUCKET;
	if (p->tokens > BUCKET)
		p->tokens = BUCKET;
	p->tokens_at = now;
}

bool rel_pace_may(struct rel *r, unsigned stream, uint64_t now)
{
	struct rel_pace *p = &r->pace;
	uint32_t flight = r->out[0].flight + (stream ? r->out[1].flight : 0);

	if (flight >= p->cwnd) {
		p->full = true;
		return false;
	}
	refill(r, now);
	if (p->tokens >= UNIT || (!stream && p->tokens > -BUCKET))
		return true;
	p->ready_at =
		now + (uint64_t)((READY - p->tokens) * (int64_t)r->stats.rtt_ns / (2 * (int64_t)p->cwnd * UNIT)) + 1;
	p->full = true;
	r->stats.paced++;
	return false;
}

void rel_pace_sent(struct rel *r)
{
	r->pace.tokens -= UNIT;
}
