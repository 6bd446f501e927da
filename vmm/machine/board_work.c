// SPDX-License-Identifier: Apache-2.0
// What devices do in guest memory: on the board's thread, which may wait for a page, and under nobody's lock.
#include <sys/random.h>

#include "net/mutex.h"
#include "vmm/machine/board.h"

static void lock(struct device *d)
{
	pthread_mutex_lock(&d->lock);
}

static void unlock(struct device *d)
{
	pthread_mutex_unlock(&d->lock);
}

static void send(struct device *d, const struct apic_msg *msg)
{
	irqs_send(d->board->m, msg, APIC_BROADCAST);
}

static void fill_random(void *to, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t r = getrandom((uint8_t *)to + at, n - at, 0);

		if (r > 0)
			at += (size_t)r;
	}
}

static void work(void *arg)
{
	struct device *d = arg;

	pthread_mutex_lock(&d->work_lock);
	bool more = d->kind->ops->work(d->state, &d->worker);

	pthread_mutex_unlock(&d->work_lock);
	if (more) // after others had their turn
		loop_call(d->board->loop, &d->work);
}

void device_work_init(struct device *d)
{
	mutex_init(&d->work_lock);
	d->work = (struct loop_task){.fn = work, .arg = d};
	d->worker = (struct device_worker){
		.d = d, .mem = &d->board->mem, .lock = lock, .unlock = unlock, .send = send, .random = fill_random};
}

void board_work_init(struct board *b)
{
	b->mem = guest_mem_of(b->m->ram);
}
