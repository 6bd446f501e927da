// SPDX-License-Identifier: Apache-2.0
#include "vmm/span/peers.h"

#include <string.h>

void peers_init(struct peers *p, const struct machine_desc *d, host_id self, uint64_t own_tsc, uint64_t tsc_khz)
{
	memset(p, 0, sizeof(*p));
	p->hosts = desc_host_slots(d);
	p->members = p->counted = desc_all_hosts(d);
	p->self = self;
	p->timeout_ns = (uint64_t)d->peer_timeout_ms * 1000000u;
	p->tsc_khz = tsc_khz;
	p->clock_host = (host_id)d->board;
	/* It counts from its start; the skew makes other hosts' counters differ where one counter is shared. */
	p->tsc_base = self == d->board ? -(int64_t)own_tsc : (int64_t)self * d->tsc_skew;
	for (unsigned h = 0; h < HOSTS_MAX; h++)
		clock_est_init(&p->v[h].clock);
}

void peers_up(struct peers *p, host_id h, uint64_t now)
{
	p->v[h].up = true;
	alive_begin(&p->v[h].alive, p->timeout_ns, now);
}

static void set(host_set *of, host_id h, bool in)
{
	*of = in ? *of | host_bit(h) : *of & ~host_bit(h);
}

void peers_member(struct peers *p, host_id h, bool member)
{
	set(&p->members, h, member);
}

void peers_count(struct peers *p, host_id h, bool counted)
{
	set(&p->counted, h, counted);
}

void peers_forget(struct peers *p, host_id h)
{
	p->v[h] = (struct peer){0};
	clock_est_init(&p->v[h].clock);
}

void peers_heard(struct peers *p, host_id h, uint64_t now)
{
	p->v[h].heard = true;
	alive_heard(&p->v[h].alive, now);
}

uint64_t peers_clock(const struct peers *p, uint64_t own_tsc)
{
	return own_tsc + (uint64_t)p->tsc_base;
}

uint64_t peers_shown_clock(const struct peers *p, uint64_t own_tsc)
{
	return own_tsc + (uint64_t)(p->settled ? p->offset : p->tsc_base);
}

uint64_t peers_shown_khz(const struct peers *p)
{
	return p->settled ? p->guest_khz : p->tsc_khz;
}

/* NULL: the own clock is the cluster's. */
static const struct peer *measured(const struct peers *p)
{
	return p->self == p->clock_host ? NULL : &p->v[p->clock_host];
}

uint64_t peers_guest_khz(const struct peers *p)
{
	const struct peer *v = measured(p);

	return p->settled ? p->guest_khz : v ? v->tsc_khz : p->tsc_khz;
}

bool peers_same_rate(const struct peers *p)
{
	uint64_t guest = peers_guest_khz(p);
	uint64_t off = guest > p->tsc_khz ? guest - p->tsc_khz : p->tsc_khz - guest;

	return off <= p->tsc_khz / CLOCK_RATE_PART;
}

static uint64_t ping_gap(const struct peers *p, host_id h)
{
	if (h == p->clock_host && !p->settled && p->v[h].pongs < PEERS_CLOCK_SAMPLES)
		return PEERS_CLOCK_GAP_NS;
	return p->timeout_ns / ALIVE_PINGS;
}

void peers_on_pong(struct peers *p, host_id h, const struct msg_pong *m, uint64_t own_tsc, uint64_t now)
{
	struct peer *v = &p->v[h];
	struct clock_sample s = {
		.sent = m->t_sent,
		.peer_received = m->t_received,
		.peer_answered = m->t_answered,
		.received = peers_clock(p, own_tsc),
	};

	if (!v->ping_out)
		return;
	v->ping_out = false;
	v->tsc_khz = m->tsc_khz;
	if (clock_est_add(&v->clock, &s))
		v->pongs++;
	v->alive.next_ping_ns = now + ping_gap(p, h);
}

void peers_tick(struct peers *p, uint64_t now, host_set *ping, host_set *lost)
{
	*ping = *lost = 0;
	for (unsigned h = 0; h < p->hosts; h++) {
		struct peer *v = &p->v[h];

		if (!v->up)
			continue;
		switch (alive_look(&v->alive, now)) {
		case ALIVE_SILENT:
			*lost |= host_bit((host_id)h);
			break;
		case ALIVE_PING:
			*ping |= host_bit((host_id)h);
			v->ping_out = true;
			break;
		case ALIVE_NOTHING:
			break;
		}
	}
}

uint64_t peers_deadline(const struct peers *p)
{
	uint64_t at = UINT64_MAX;

	for (unsigned h = 0; h < p->hosts; h++)
		if (p->v[h].up && alive_deadline(&p->v[h].alive) < at)
			at = alive_deadline(&p->v[h].alive);
	return at;
}

bool peers_all_up(const struct peers *p)
{
	for (unsigned h = 0; h < p->hosts; h++)
		if (h != p->self && p->members & host_bit((host_id)h) && !p->v[h].up)
			return false;
	return true;
}

bool peers_all_heard(const struct peers *p)
{
	for (unsigned h = 0; h < p->hosts; h++)
		if (h != p->self && p->members & host_bit((host_id)h) && !(p->v[h].up && p->v[h].heard))
			return false;
	return true;
}

bool peers_clock_ready(const struct peers *p)
{
	const struct peer *v = measured(p);

	return p->settled || !v || v->pongs >= PEERS_CLOCK_SAMPLES;
}

void peers_settle(struct peers *p)
{
	p->guest_khz = peers_guest_khz(p);
	p->bound = peers_clock_bound(p);
	p->offset = peers_tsc_offset(p);
	p->settled = true;
}

int64_t peers_tsc_offset(const struct peers *p)
{
	const struct peer *v = measured(p);

	return p->settled ? p->offset : p->tsc_base + (v ? v->clock.offset : 0);
}

uint64_t peers_clock_bound(const struct peers *p)
{
	const struct peer *v = measured(p);

	return p->settled ? p->bound : v ? v->clock.bound : 0;
}
