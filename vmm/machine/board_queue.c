// SPDX-License-Identifier: Apache-2.0
/*
 * What peers ask of a device here waits in its queue. A guest decides how much that is, so it is bounded without a
 * guest being able to reach the bound: of accesses each vCPU has one, of posted writes there are few (vmm/span/post.c),
 * and ends of interrupts and lines, which nobody waits for, merge once many wait. A peer that comes to the bound has
 * not kept to that.
 */
#include <errno.h>
#include <stdlib.h>

#include "vmm/machine/board.h"

#define MERGE_FROM 512u // requests of one peer that wait: fewer are carried out one by one

struct device_request *board_request(struct device *d, enum request_what what)
{
	struct device_request *r = calloc(1, sizeof(*r));

	if (r) {
		r->d = d;
		r->what = what;
		r->from = HOST_NONE;
	}
	return r;
}

/* Device's lock held. */
struct device_request *device_take(struct device *d)
{
	struct device_request *r = NULL;

	if (!atomic_load(&d->waits))
		return NULL;
	pthread_mutex_lock(&d->queue_lock);
	r = d->queue;
	if (r)
		d->queue = r->next;
	if (!d->queue)
		d->queue_end = &d->queue;
	atomic_store(&d->waits, d->queue != NULL);
	pthread_mutex_unlock(&d->queue_lock);
	return r;
}

void device_dequeued(struct device_request *r)
{
	struct board *b = r->d->board;

	if (r->from != HOST_NONE && !r->id)
		machine_count(&b->m->taken);
	if (r->from != HOST_NONE)
		atomic_fetch_sub(&b->waiting[r->from], 1);
	free(r);
}

/* ---- merging; queue's lock held ---- */

/*
 * An end that waits will end the interrupts of its vector that this one is for: the controller has sent nothing since
 * then that the guest could have ended already.
 */
static bool end_waits(const struct device *d, const struct device_request *r)
{
	for (const struct device_request *q = d->queue; q; q = q->next)
		if (q->what == REQUEST_EOI && q->pin == r->pin)
			return true;
	return false;
}

static void strike(struct device *d, struct device_request **at)
{
	struct device_request *q = *at;

	*at = q->next;
	if (d->queue_end == &q->next)
		d->queue_end = at;
	device_dequeued(q);
}

static bool meanwhile(const struct device_request *q)
{
	return q->what == REQUEST_ACCESS || q->what == REQUEST_INTA || q->what == REQUEST_RESET;
}

/*
 * A level that the pin will have by then is no news. Of up, down, up and now down the last two are one edge with the
 * first, as they would be for a controller that has not looked meanwhile: two edges and the level remain. What the
 * guest asks of it in between may change what an edge means (a mask, a vector): each edge stays on its side of that.
 */
static bool level_waits(struct device *d, const struct device_request *r)
{
	struct device_request **last = NULL;
	unsigned n = 0;

	for (struct device_request **at = &d->queue; *at; at = &(*at)->next) {
		if (meanwhile(*at)) {
			last = NULL;
			n = 0;
		} else if ((*at)->what == REQUEST_LINE && (*at)->pin == r->pin) {
			last = at;
			n++;
		}
	}
	if (n && (*last)->high == r->high)
		return true;
	if (n < 3)
		return false;
	strike(d, last);
	return true;
}

static bool merges(struct device *d, const struct device_request *r)
{
	if (r->from == HOST_NONE || atomic_load(&d->board->waiting[r->from]) < MERGE_FROM)
		return false;
	if (r->what == REQUEST_EOI)
		return end_waits(d, r);
	return r->what == REQUEST_LINE && level_waits(d, r);
}

/* ---- the queue ---- */

int device_queue(struct device *d, struct device_request *r)
{
	struct board *b = d->board;

	if (r->from != HOST_NONE && atomic_fetch_add(&b->waiting[r->from], 1) >= PEER_WAITS_MAX) {
		atomic_fetch_sub(&b->waiting[r->from], 1);
		free(r);
		return -ENOSPC;
	}
	pthread_mutex_lock(&d->queue_lock);
	if (merges(d, r)) {
		device_dequeued(r);
	} else {
		r->next = NULL;
		*d->queue_end = r;
		d->queue_end = &r->next;
		atomic_store(&d->waits, true);
	}
	pthread_mutex_unlock(&d->queue_lock);
	loop_call(b->loop, &d->turn);
	return 0;
}

void device_ask(struct device *d, enum request_what what)
{
	unsigned bit = 1u << what;

	if (atomic_fetch_or(&d->asked, bit) & bit)
		return;
	struct device_request *r = board_request(d, what);

	if (r)
		device_queue(d, r);
	else
		atomic_fetch_and(&d->asked, ~bit);
}

void device_forget_queue(struct device *d)
{
	while (d->queue) {
		struct device_request *r = d->queue;

		d->queue = r->next;
		free(r);
	}
}
