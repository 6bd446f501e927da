// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/devio.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "net/log.h"

struct devio {
	struct loop *loop;
	pthread_t thread;
	bool started;
	_Atomic bool stop;
	struct loop_task wake;
	void (*failed)(void *ctx);
	void *ctx;
};

/* To end is part of the loop's rounds. */
static void woken(void *arg)
{
	(void)arg;
}

int devio_create(struct devio **out, void (*failed)(void *ctx), void *ctx)
{
	const struct loop_options how = {.waits = "poll"};
	struct devio *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->wake = (struct loop_task){.fn = woken};
	d->failed = failed;
	d->ctx = ctx;
	int r = loop_create(&d->loop, &how);

	if (r)
		free(d);
	else
		*out = d;
	return r;
}

struct loop *devio_loop(struct devio *d)
{
	return d->loop;
}

static void *device_thread(void *arg)
{
	struct devio *d = arg;

	pthread_setname_np(pthread_self(), "cards");
	while (!atomic_load(&d->stop)) {
		int r = loop_run(d->loop, UINT64_MAX);

		if (r < 0) {
			log_error("the cards' loop ended: %s", strerror(-r));
			d->failed(d->ctx);
			break;
		}
	}
	return NULL;
}

int devio_start(struct devio *d)
{
	int r = pthread_create(&d->thread, NULL, device_thread, d);

	d->started = r == 0;
	return -r;
}

bool devio_running(const struct devio *d)
{
	return d->started;
}

void devio_stop(struct devio *d)
{
	if (!d || !d->started)
		return;
	atomic_store(&d->stop, true);
	loop_call(d->loop, &d->wake);
	pthread_join(d->thread, NULL);
	d->started = false;
}

void devio_destroy(struct devio *d)
{
	if (!d)
		return;
	loop_destroy(d->loop);
	free(d);
}
