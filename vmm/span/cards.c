// SPDX-License-Identifier: Apache-2.0
/*
 * What hosts say to each other of queues and disks (machine_peer.card()): words of priority 0, and data of priority 1,
 * of which a link refuses what it has no room for. That waits here, peer by peer, in its order; how much it can be is
 * bounded by who sends it (vmm/block/ask.h).
 */
#include <errno.h>
#include <stdlib.h>

#include "vmm/span/span_priv.h"

/* ---- out ---- */

static int send_card(void *ctx, host_id to, const struct msg *m)
{
	struct span *d = ctx;
	struct msg out = *m;

	out.epoch = d->desc->epoch;
	return span_put(d, to, &out) ? 0 : -ENOMEM;
}

/* A peer that has no memory for what we owe it is one that we can't serve: it must not wait for ever. */
static void wait_for_room(struct span *d, struct outbox_entry *e)
{
	struct cards_late *late = malloc(sizeof(*late));
	struct cards_out *out = &d->cards_out[e->to];

	if (!late) {
		outbox_free(e);
		span_fence(d, e->to, "there is no memory for what is to be sent to it");
		return;
	}
	*late = (struct cards_late){.e = *e};
	if (!out->first)
		out->end = &out->first;
	*out->end = late;
	out->end = &late->next;
}

void span_send_entry(struct span *d, struct outbox_entry *e)
{
	bool bulk = msg_prio(e->msg.kind) == 1;

	if (bulk && d->cards_out[e->to].first) {
		wait_for_room(d, e);
		return;
	}
	int r = link_send(d->link, e->to, &e->msg);

	if (bulk && r == -ENOBUFS)
		wait_for_room(d, e);
	else
		outbox_free(e);
}

static int send_late(struct span *d, struct cards_out *out)
{
	int sent = 0;

	while (out->first) {
		struct cards_late *late = out->first;

		if (link_send(d->link, late->e.to, &late->e.msg) == -ENOBUFS)
			break;
		out->first = late->next;
		outbox_free(&late->e);
		free(late);
		sent++;
	}
	return sent;
}

/* In each round of the link's loop: it may have room again. */
int span_cards_turn(void *ctx)
{
	struct span *d = ctx;
	int sent = 0;

	for (unsigned h = 0; h < d->desc->hosts_n; h++)
		if (d->cards_out[h].first)
			sent += send_late(d, &d->cards_out[h]);
	return sent;
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
	int r = d->machine ? machine_card_in(d->machine, from, m) : -EPROTO;

	if (!r)
		return;
	d->bad_msgs++;
	span_fence(d, from,
		   r == -EPROTO   ? "said something of a device that cannot be"
		   : r == -ENOSPC ? "had more under way for devices than a host can have"
				  : "there is no memory for what it says of devices");
}

/* ---- who has contradicted itself, as the device thread has found out ---- */

static void blame(void *ctx, host_id host, const char *why)
{
	struct span *d = ctx;

	__atomic_store_n(&d->blamed[host], why, __ATOMIC_RELEASE);
	loop_call(link_loop(d->link), &d->blaming);
}

void span_blamed(void *arg)
{
	struct span *d = arg;

	for (unsigned h = 0; h < d->desc->hosts_n; h++) {
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
