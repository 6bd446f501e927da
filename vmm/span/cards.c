// SPDX-License-Identifier: Apache-2.0
/*
 * What hosts say to each other of queues and disks (machine_peer.card()): words of priority 0, and data of priority 1,
 * of which a link refuses what it has no room for. That waits here, peer by peer, in its order. A peer that asks and
 * does not take what it is answered is cut off where more waits than an honest one can have asked for.
 */
#include <errno.h>
#include <stdlib.h>

#include "vmm/span/span_priv.h"

/* ---- out ---- */

static bool is_data(const struct msg *m)
{
	return msg_prio(m->kind) == 1;
}

static void count(struct cards_out *out, const struct msg *m)
{
	if (!is_data(m))
		return;
	__atomic_fetch_add(&out->letters, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&out->bytes, m->blob_bytes, __ATOMIC_RELAXED);
}

static void count_off(struct cards_out *out, const struct msg *m)
{
	if (!is_data(m))
		return;
	__atomic_fetch_sub(&out->letters, 1, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&out->bytes, m->blob_bytes, __ATOMIC_RELAXED);
}

static int send_card(void *ctx, host_id to, const struct msg *m)
{
	struct span *d = ctx;
	struct msg out = *m;

	out.epoch = d->desc->epoch;
	count(&d->cards_out[to], m); // before it can be taken out
	if (span_put(d, to, &out))
		return 0;
	count_off(&d->cards_out[to], m);
	return -ENOMEM;
}

static void sent(struct span *d, struct outbox_entry *e)
{
	count_off(&d->cards_out[e->to], &e->msg);
	outbox_free(e);
}

static void blame(void *ctx, host_id host, const char *why)
{
	struct span *d = ctx;

	__atomic_store_n(&d->blamed[host], why, __ATOMIC_RELEASE);
	loop_call(link_loop(d->link), &d->blaming);
}

/*
 * A peer that has no memory for what we owe it is one that we can't serve: it must not wait for ever. It is cut off
 * later: this may be deep in the pager, in front of a message that it sends.
 */
static void wait_for_room(struct span *d, struct outbox_entry *e)
{
	struct cards_late *late = malloc(sizeof(*late));
	struct cards_out *out = &d->cards_out[e->to];

	if (!late) {
		sent(d, e);
		blame(d, e->to, "there is no memory for what is to be sent to it");
		return;
	}
	*late = (struct cards_late){.e = *e};
	if (!out->first)
		out->end = &out->first;
	*out->end = late;
	out->end = &late->next;
}

/* A disk that goes has nothing on its way any more; its place in the description is changed by this thread. */
static bool crowded(const struct span *d, host_id to)
{
	const struct cards_out *out = &d->cards_out[to];

	return machine_card_crowded(d->desc, d->self, to, __atomic_load_n(&out->letters, __ATOMIC_RELAXED),
				    __atomic_load_n(&out->bytes, __ATOMIC_RELAXED));
}

void span_send_entry(struct span *d, struct outbox_entry *e)
{
	bool data = is_data(&e->msg);
	bool waits = data && d->cards_out[e->to].first;

	int r = waits ? -ENOBUFS : link_send(d->link, e->to, &e->msg);

	waits = r == -ENOBUFS && data;
	if (r == -ENOTCONN && e->msg.kind == MSG_IO_REQ && !(d->peers.members & host_bit(e->to)))
		iofwd_answer(&d->iofwd, e->msg.u.io_req.id, UINT64_MAX); // a place without a host: nothing is there
	if (!waits) {
		sent(d, e);
	} else if (crowded(d, e->to)) {
		sent(d, e);
		blame(d, e->to, "does not take what it has asked of disks");
	} else {
		wait_for_room(d, e);
	}
}

static int send_late(struct span *d, struct cards_out *out)
{
	int n = 0;

	while (out->first) {
		struct cards_late *late = out->first;

		if (link_send(d->link, late->e.to, &late->e.msg) == -ENOBUFS)
			break;
		out->first = late->next;
		sent(d, &late->e);
		free(late);
		n++;
	}
	return n;
}

/* In each round of the link's loop: it may have room again. */
int span_cards_turn(void *ctx)
{
	struct span *d = ctx;
	int n = 0;

	for (unsigned h = 0; h < d->peers.hosts; h++)
		if (d->cards_out[h].first)
			n += send_late(d, &d->cards_out[h]);
	return n;
}

void span_cards_free(struct span *d)
{
	struct outbox_entry e;

	while (outbox_take(&d->outbox, &e))
		outbox_free(&e);
	for (unsigned h = 0; h < HOSTS_MAX; h++)
		while (d->cards_out[h].first) {
			struct cards_late *late = d->cards_out[h].first;

			d->cards_out[h].first = late->next;
			outbox_free(&late->e);
			free(late);
		}
}

/* ---- in ---- */

void span_card_in(struct span *d, host_id from, const struct msg *m)
{
	int r = d->machine ? machine_card_in(d->machine, from, m) : -ENOENT;

	if (!r)
		return;
	d->bad_msgs++;
	if (r == -ENOENT) // the guest is over here, which its sender does not know yet
		return;
	span_fence(d, from,
		   r == -EPROTO   ? "said something of a device that cannot be"
		   : r == -ENOSPC ? "had more under way for devices than a host can have"
				  : "there is no memory for what it says of devices");
}

/* ---- who has contradicted itself, as the device thread has found out ---- */

void span_blamed(void *arg)
{
	struct span *d = arg;

	for (unsigned h = 0; h < d->peers.hosts; h++) {
		const char *why = __atomic_exchange_n(&d->blamed[h], NULL, __ATOMIC_ACQ_REL);

		if (!why)
			continue;
		d->bad_msgs++;
		span_fence(d, (host_id)h, why);
	}
}

void span_cards_hooks(struct machine_peer *to)
{
	to->card = send_card;
	to->blame = blame;
}
