// SPDX-License-Identifier: Apache-2.0
#include "vmm/span/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "net/mutex.h"

void outbox_init(struct outbox *o)
{
	mutex_init(&o->lock);
	pthread_cond_init(&o->room, NULL);
	o->head = o->tail = 0;
	o->closed = false;
	o->waits = 0;
}

void outbox_close(struct outbox *o)
{
	pthread_mutex_lock(&o->lock);
	o->closed = true;
	pthread_cond_broadcast(&o->room);
	pthread_mutex_unlock(&o->lock);
}

void outbox_free(struct outbox_entry *e)
{
	free((void *)(uintptr_t)e->msg.blob);
	e->msg.blob = NULL;
}

/* Before the lock is had: it takes a while. */
static bool make_entry(struct outbox_entry *e, host_id to, const struct msg *m)
{
	uint8_t *blob = m->blob_bytes ? malloc(m->blob_bytes) : NULL;

	*e = (struct outbox_entry){.to = to, .msg = *m};
	e->msg.blob = blob;
	if (blob)
		memcpy(blob, m->blob, m->blob_bytes);
	return blob || !m->blob_bytes;
}

bool outbox_put(struct outbox *o, host_id to, const struct msg *m)
{
	struct outbox_entry e;

	if (!make_entry(&e, to, m))
		return false;
	pthread_mutex_lock(&o->lock);
	if (o->head - o->tail == OUTBOX_MAX)
		o->waits++;
	while (o->head - o->tail == OUTBOX_MAX && !o->closed)
		pthread_cond_wait(&o->room, &o->lock);
	bool open = !o->closed;
	if (open)
		o->ring[o->head++ % OUTBOX_MAX] = e;
	pthread_mutex_unlock(&o->lock);
	if (!open)
		outbox_free(&e);
	return open;
}

bool outbox_take(struct outbox *o, struct outbox_entry *out)
{
	pthread_mutex_lock(&o->lock);
	bool some = o->head != o->tail;
	if (some) {
		*out = o->ring[o->tail++ % OUTBOX_MAX];
		pthread_cond_signal(&o->room);
	}
	pthread_mutex_unlock(&o->lock);
	return some;
}
