// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/dial.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "net/mutex.h"
#include "net/seal/stream.h"

#define WHY_MAX 160u

struct dial {
	struct dials *all;
	char address[DESC_ADDRESS_MAX];
	int fd; // or a negative errno
	struct seal_stream *seal;
	char why[WHY_MAX];
	bool ended, told;
};

struct dials {
	struct loop *loop;
	struct loop_task news;
	struct session_key key;
	struct session_hello hello;
	unsigned timeout_ms, n;
	int cancel_fd; // eventfd: who still calls is to end
	dials_done done;
	void *ctx;

	pthread_mutex_t lock; // below, and a dial's result
	unsigned users;       // threads, and the owner: the last one frees
	bool stopped;
	struct dial v[HOSTS_MAX];
};

static void leave(struct dials *d) // lock held; it is gone afterwards
{
	bool last = --d->users == 0;

	pthread_mutex_unlock(&d->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&d->lock);
	if (d->cancel_fd >= 0)
		close(d->cancel_fd);
	free(d);
}

static void hang_up(struct dial *c)
{
	seal_stream_free(c->seal);
	close(c->fd);
}

static void *call_host(void *arg)
{
	struct dial *c = arg;
	struct dials *d = c->all;
	struct seal_stream *seal;
	const char *why = "";
	int fd = session_reach(c->address, &d->key, &d->hello, d->timeout_ms, d->cancel_fd, &seal, &why);

	pthread_mutex_lock(&d->lock);
	c->fd = fd;
	c->seal = seal;
	c->ended = true;
	snprintf(c->why, sizeof(c->why), "%s", why && *why ? why : fd < 0 ? strerrordesc_np(-fd) : "");
	if (!d->stopped)
		loop_call(d->loop, &d->news); // under the lock: once stopped, the loop may be gone
	else if (fd >= 0)
		hang_up(c);
	leave(d);
	return NULL;
}

/* done may stop all this. */
static void tell(void *arg)
{
	struct dials *d = arg;

	pthread_mutex_lock(&d->lock);
	d->users++;
	for (unsigned h = 0; h < d->n && !d->stopped; h++) {
		struct dial *c = &d->v[h];

		if (!c->ended || c->told)
			continue;
		c->told = true;
		pthread_mutex_unlock(&d->lock);
		d->done(d->ctx, h, c->fd, c->seal, c->why);
		pthread_mutex_lock(&d->lock);
	}
	leave(d);
}

static int start_thread(struct dial *c)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	int r = -pthread_create(&t, &attr, call_host, c);
	pthread_attr_destroy(&attr);
	return r;
}

int dials_start(struct dials **out, struct loop *loop, unsigned n, const char (*addresses)[DESC_ADDRESS_MAX],
		const struct session_key *key, const struct session_hello *hello, unsigned timeout_ms, dials_done done,
		void *ctx)
{
	struct dials *d = calloc(1, sizeof(*d));
	int r = 0;

	if (!d)
		return -ENOMEM;
	d->loop = loop;
	d->news = (struct loop_task){.fn = tell, .arg = d};
	d->key = *key;
	d->hello = *hello;
	d->timeout_ms = timeout_ms;
	d->n = n;
	d->done = done;
	d->ctx = ctx;
	d->users = 1;
	d->cancel_fd = eventfd(0, EFD_CLOEXEC);
	mutex_init(&d->lock);
	for (unsigned h = 0; h < n && !r; h++) {
		d->v[h].all = d;
		snprintf(d->v[h].address, DESC_ADDRESS_MAX, "%s", addresses[h]);
		pthread_mutex_lock(&d->lock);
		d->users++;
		pthread_mutex_unlock(&d->lock);
		r = start_thread(&d->v[h]);
		if (r) {
			pthread_mutex_lock(&d->lock);
			d->users--; // its thread's; ours is still there
			pthread_mutex_unlock(&d->lock);
		}
	}
	if (r)
		dials_stop(d);
	else
		*out = d;
	return r;
}

void dials_stop(struct dials *d)
{
	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	d->stopped = true;
	if (d->cancel_fd >= 0)
		eventfd_write(d->cancel_fd, 1);
	loop_uncall(d->loop, &d->news);
	for (unsigned h = 0; h < d->n; h++)
		if (d->v[h].ended && !d->v[h].told && d->v[h].fd >= 0)
			hang_up(&d->v[h]);
	leave(d);
}
