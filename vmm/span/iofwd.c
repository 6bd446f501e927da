// SPDX-License-Identifier: Apache-2.0
#include "vmm/span/iofwd.h"

#include <errno.h>
#include <string.h>

#include "net/mutex.h"

void iofwd_init(struct iofwd *f)
{
	memset(f, 0, sizeof(*f));
	mutex_init(&f->lock);
	pthread_cond_init(&f->changed, NULL);
}

/* The slot's place is in the number, so that an answer finds it without a search. */
static struct iofwd_slot *slot_of(struct iofwd *f, uint64_t id)
{
	struct iofwd_slot *s = &f->slots[id % IOFWD_SLOTS];

	return id && s->id == id ? s : NULL;
}

static struct iofwd_slot *take_free(struct iofwd *f)
{
	for (unsigned i = 0; i < IOFWD_SLOTS; i++) {
		if (!f->slots[i].id) {
			f->slots[i].id = ++f->next * IOFWD_SLOTS + i;
			f->slots[i].answered = false;
			return &f->slots[i];
		}
	}
	return NULL;
}

uint64_t iofwd_begin(struct iofwd *f)
{
	struct iofwd_slot *s = NULL;

	pthread_mutex_lock(&f->lock);
	while (!f->cancelled && !(s = take_free(f)))
		pthread_cond_wait(&f->changed, &f->lock);
	uint64_t id = s ? s->id : 0;
	f->sent += s != NULL;
	pthread_mutex_unlock(&f->lock);
	return id;
}

int iofwd_wait(struct iofwd *f, uint64_t id, uint64_t *value)
{
	pthread_mutex_lock(&f->lock);
	struct iofwd_slot *s = slot_of(f, id);
	while (s && !s->answered && !f->cancelled)
		pthread_cond_wait(&f->changed, &f->lock);
	int r = s && s->answered ? 0 : -ECANCELED;
	if (r == 0)
		*value = s->value;
	if (s)
		s->id = 0;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
	return r;
}

void iofwd_answer(struct iofwd *f, uint64_t id, uint64_t value)
{
	pthread_mutex_lock(&f->lock);
	struct iofwd_slot *s = slot_of(f, id);
	if (s && !s->answered) {
		s->value = value;
		s->answered = true;
		pthread_cond_broadcast(&f->changed);
	} else {
		f->strays++;
	}
	pthread_mutex_unlock(&f->lock);
}

void iofwd_cancel(struct iofwd *f)
{
	pthread_mutex_lock(&f->lock);
	f->cancelled = true;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}
