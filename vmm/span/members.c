// SPDX-License-Identifier: Apache-2.0
/*
 * Hosts that join the running guest and leave it. Between a session with one that joins and the word that it is a
 * member, and again from when it is to leave, its loss is nobody's: nothing of the guest is there.
 */
#include "vmm/span/span_priv.h"

void span_no_hosts_yet(struct span *d)
{
	for (unsigned h = 0; h < d->peers.hosts; h++)
		if (h != d->self && !(d->peers.members & host_bit((host_id)h)))
			coh_engine_host_gone(d->pager.engine, (host_id)h);
}

int span_expect(struct span *d, host_id h)
{
	int r = d->paging ? coh_engine_host_new(d->pager.engine, h) : 0;

	if (r)
		return r;
	d->expected |= host_bit(h);
	peers_count(&d->peers, h, false);
	return 0;
}

bool span_expects(const struct span *d, host_id h)
{
	return h < d->peers.hosts && d->expected & host_bit(h);
}

bool span_reaches(const struct span *d, host_id h)
{
	return d->peers.v[h].up && d->peers.v[h].heard;
}

void span_forget(struct span *d, host_id h)
{
	d->expected &= ~host_bit(h);
	peers_member(&d->peers, h, false);
	peers_count(&d->peers, h, false);
	if (d->peers.v[h].up)
		link_remove(d->link, h);
	peers_forget(&d->peers, h);
}

void span_join(struct span *d, host_id h)
{
	d->expected &= ~host_bit(h);
	if (d->paging)
		coh_engine_host_joined(d->pager.engine, h);
	peers_member(&d->peers, h, true);
	peers_count(&d->peers, h, true);
}

void span_left(const struct span *d, host_id h, struct span_left *to)
{
	*to = (struct span_left){0};
	if (!d->paging)
		return;
	const struct coh_stats *s = coh_engine_stats(d->pager.engine);

	if (h == d->self) {
		to->resident = s->resident;
		to->owned = s->owned;
		to->homed = coh_engine_homed(d->pager.engine);
	} else {
		to->lent = coh_engine_lent(d->pager.engine, h);
	}
	to->requests = coh_engine_open(d->pager.engine);
}

int span_keep(struct span *d, bool keep)
{
	return d->paging ? pager_empty(&d->pager, !keep) : 0;
}

int span_gone(struct span *d, host_id h)
{
	return d->paging ? coh_engine_host_gone(d->pager.engine, h) : 0;
}

void span_count(struct span *d, host_id h, bool counted)
{
	for (unsigned k = 0; k < d->peers.hosts; k++)
		if ((h == d->self || k == h) && d->peers.members & host_bit((host_id)k))
			peers_count(&d->peers, (host_id)k, counted);
}
