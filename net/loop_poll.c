// SPDX-License-Identifier: Apache-2.0
// Waiting in ppoll(): for loops with few descriptors that must not depend on io_uring.
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "net/loop_priv.h"
#include "net/now.h"

struct polled {
	struct pollfd *set;
	struct loop_watch **who; // of each
	unsigned n, cap;
};

static int create(struct loop *l)
{
	l->tp = calloc(1, sizeof(struct polled));
	return l->tp ? 0 : -ENOMEM;
}

static void destroy(struct loop *l)
{
	struct polled *p = l->tp;

	free(p->set);
	free(p->who);
	free(p);
}

static void arm(struct loop *l, bool idle)
{
	struct loop_watch *w;

	while ((w = loop_next_due(l, idle))) {
		w->armed = WATCH_ARMED;
		w->refs++;
	}
}

static int reserve(struct polled *p)
{
	unsigned cap = p->cap ? p->cap * 2 : 16;
	struct pollfd *set = realloc(p->set, cap * sizeof(*set));

	if (set)
		p->set = set;
	struct loop_watch **who = set ? realloc(p->who, cap * sizeof(*who)) : NULL;
	if (!who)
		return -ENOMEM;
	p->who = who;
	p->cap = cap;
	return 0;
}

static int fill(struct loop *l, bool sleep)
{
	struct polled *p = l->tp;

	arm(l, false);
	if (sleep)
		arm(l, true);
	p->n = 0;
	for (struct loop_watch *w = l->watches; w; w = w->next) {
		if (!w->armed || (w->lazy && !sleep))
			continue;
		if (p->n == p->cap && reserve(p))
			return -ENOMEM;
		p->set[p->n] = (struct pollfd){.fd = w->fd, .events = (short)loop_poll_events(w)};
		p->who[p->n++] = w;
	}
	return 0;
}

/* Any of them may go while another one is told: each that was found ready stays until it was looked at. */
static int tell(struct polled *p)
{
	unsigned n = 0;
	int handled = 0;

	for (unsigned i = 0; i < p->n; i++) {
		if (!p->set[i].revents)
			continue;
		p->set[n] = p->set[i];
		p->who[n] = p->who[i];
		p->who[n++]->refs++;
	}
	for (unsigned i = 0; i < n; i++) {
		struct loop_watch *w = p->who[i];

		w->refs--;
		if (!w->armed) { // it was unwatched: what "armed" held is gone already
			w->refs++;
			w->armed = WATCH_ARMED;
		}
		handled += loop_watch_ready(w, (unsigned)p->set[i].revents);
	}
	return handled;
}

static int wait_events(struct loop *l, bool sleep, uint64_t until_ns)
{
	uint64_t now = sleep ? now_ns() : 0, left = until_ns > now && sleep ? until_ns - now : 0;
	struct timespec ts = {.tv_sec = (time_t)(left / 1000000000u), .tv_nsec = (long)(left % 1000000000u)};
	struct polled *p = l->tp;
	int r = fill(l, sleep);

	if (r)
		return r;
	r = ppoll(p->set, p->n, sleep && until_ns == UINT64_MAX ? NULL : &ts, NULL);
	if (r < 0)
		return -errno;
	return r ? tell(p) : 0;
}

/* Each wait collects what is armed anew. */
static void disarm(struct loop *l, struct loop_watch *w)
{
	(void)l;
	if (w->used)
		return;
	w->armed = 0;
	w->refs--;
}

const struct loop_ops loop_poll_ops = {
	.name = "poll", .create = create, .destroy = destroy, .wait = wait_events, .disarm = disarm};
