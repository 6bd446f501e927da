// SPDX-License-Identifier: Apache-2.0
#include "vmm/span/outbox.h"

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

bool outbox_put(struct outbox *o, host_id to, const struct msg *m)
{
	pthread_mutex_lock(&o->lock);
	if (o->head - o->tail == OUTBOX_MAX)
		o->waits++;
	while (o->head - o->tail == OUTBOX_MAX && !o->closed)
		pthread_cond_wait(&o->room, &o->lock);
	bool open = !o->closed;
	if (open)
		o->ring[o->head++ % OUTBOX_MAX] = (struct outbox_entry){.to = to, .msg = *m};
	pthread_mutex_unlock(&o->lock);
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
