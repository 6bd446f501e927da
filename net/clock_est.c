// SPDX-License-Identifier: Apache-2.0
#include "net/clock_est.h"

#include <string.h>

/*
 * How far apart two hosts' counters may drift: crystals are specified at 20-50 ppm each, and the
 * sum of two of the worst is what an old sample may be wrong by for every tick since.
 */
#define DRIFT_PPM 100u

/* Round trips longer than this are no measurement (and would overflow the arithmetic below). */
#define RTT_MAX_TICKS ((uint64_t)1 << 50)

void clock_est_init(struct clock_est *c)
{
	memset(c, 0, sizeof(*c));
}

static bool round_trip(const struct clock_sample *s, uint64_t *out)
{
	uint64_t whole = s->received - s->sent;
	uint64_t at_peer = s->peer_answered - s->peer_received;

	if (whole > RTT_MAX_TICKS || at_peer > whole) // also what ran backwards, by wrapping
		return false;
	*out = whole - at_peer;
	return true;
}

/* |error| at time now: half the round trip (rounded up, and one tick for reading), plus the drift
 * since. */
static uint64_t error_bound(uint64_t rtt, uint64_t age)
{
	return (rtt + 1) / 2 + 1 + age / 1000000u * DRIFT_PPM + age % 1000000u * DRIFT_PPM / 1000000u;
}

static void choose(struct clock_est *c, uint64_t now)
{
	uint64_t best = UINT64_MAX;

	c->rtt_min = UINT64_MAX;
	for (unsigned i = 0; i < c->n; i++) {
		const struct clock_sample *s = &c->window[i];
		uint64_t rtt;

		if (!round_trip(s, &rtt))
			continue;
		if (rtt < c->rtt_min)
			c->rtt_min = rtt;
		uint64_t e = error_bound(rtt, now - s->sent);
		if (e >= best)
			continue;
		best = e;
		/* ((t2-t1)+(t3-t4))/2 of RFC 5905, written so that nothing overflows */
		c->offset = (int64_t)(s->peer_received - s->sent - rtt / 2);
	}
	c->bound = best;
	c->valid = c->n > 0;
}

bool clock_est_add(struct clock_est *c, const struct clock_sample *s)
{
	uint64_t rtt, newest = c->n ? c->window[(c->next + CLOCK_EST_WINDOW - 1) % CLOCK_EST_WINDOW].received : 0;

	if (!round_trip(s, &rtt))
		return false;
	if (c->n && s->received - newest > RTT_MAX_TICKS) // our own counter never runs back
		return false;
	c->window[c->next] = *s;
	c->next = (c->next + 1) % CLOCK_EST_WINDOW;
	if (c->n < CLOCK_EST_WINDOW)
		c->n++;
	choose(c, s->received);
	return true;
}
