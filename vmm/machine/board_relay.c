// SPDX-License-Identifier: Apache-2.0
/*
 * An access that reached a device here and is another host's to answer: PCI's ports name any bus. Neither the board's
 * thread nor a vCPU that came by may wait for that host, so a thread of its own does, for one access after the other.
 */
#include <errno.h>
#include <stdlib.h>

#include "coherence/base/bytes.h"
#include "net/loop.h"
#include "net/mutex.h"
#include "vmm/machine/board.h"

struct relay {
	struct board *b;
	pthread_t thread;
	pthread_mutex_t lock; // the next three
	pthread_cond_t news;
	struct device_request *first, **end;
	bool stop;
};

/* NULL: it is to end. */
static struct device_request *next(struct relay *r)
{
	pthread_mutex_lock(&r->lock);
	while (!r->first && !r->stop)
		pthread_cond_wait(&r->news, &r->lock);
	struct device_request *q = r->first;

	if (q)
		r->first = q->next;
	if (!r->first)
		r->end = &r->first;
	pthread_mutex_unlock(&r->lock);
	return q;
}

/* As a vCPU here would do it. What is not to be had because the machine is being stopped reads as ones. */
static void *relay_thread(void *arg)
{
	struct relay *r = arg;
	struct device_request *q;

	pthread_setname_np(pthread_self(), "relay");
	loop_go_first(1); // vCPUs wait for it
	while ((q = next(r))) {
		struct bus_access a = {.write = q->a.write, .size = q->a.size, .vcpu = q->a.vcpu, .value = q->a.value};

		if (bus_do(&r->b->m->mmio, q->elsewhere, &a))
			a.value = bytes_ones(a.size);
		device_answer(q, a.value);
	}
	return NULL;
}

int board_relay_start(struct board *b)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->b = b;
	r->end = &r->first;
	mutex_init(&r->lock);
	pthread_cond_init(&r->news, NULL);
	int err = pthread_create(&r->thread, NULL, relay_thread, r);

	if (err)
		free(r);
	else
		b->relay = r;
	return -err;
}

void board_relay(struct board *b, struct device_request *q)
{
	struct relay *r = b->relay;

	q->next = NULL;
	pthread_mutex_lock(&r->lock);
	*r->end = q;
	r->end = &q->next;
	pthread_cond_signal(&r->news);
	pthread_mutex_unlock(&r->lock);
}

/* What still waits is carried out first. The relay itself stays: a vCPU or the board's thread may yet come to it. */
void board_relay_stop(struct board *b)
{
	struct relay *r = b->relay;

	if (!r || r->stop)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_signal(&r->news);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
}

/* Nobody waits for what came after the stop: its vCPUs have given up, or are other hosts'. */
void board_relay_free(struct board *b)
{
	struct relay *r = b->relay;

	while (r && r->first) {
		struct device_request *q = r->first;

		r->first = q->next;
		free(q);
	}
	free(r);
	b->relay = NULL;
}
