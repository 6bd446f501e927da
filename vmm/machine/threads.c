// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/threads.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/*
 * A slot: tid << 32 | vcpu; FREE, where a search ends; LEFT, where it goes on. A slot that was left is taken again, and
 * never becomes free: a search that is under way must not end before what it looks for. Twice the room keeps it short.
 */
#define FREE 0ull
#define LEFT 1ull // of thread 0, which is none

#define SPREAD 2654435769u // 2^32 / the golden ratio: neighbouring ids come far apart

int threads_init(struct threads *t, uint32_t n)
{
	uint32_t slots = 8;

	while (slots < n * 2)
		slots *= 2;
	t->slot = calloc(slots, sizeof(*t->slot));
	t->mask = slots - 1;
	return t->slot ? 0 : -ENOMEM;
}

void threads_close(struct threads *t)
{
	free(t->slot);
	*t = (struct threads){0};
}

static uint32_t first(const struct threads *t, uint32_t tid)
{
	return tid * SPREAD >> 16 & t->mask;
}

int threads_add(struct threads *t, uint32_t tid, uint32_t vcpu)
{
	for (uint32_t i = 0, at = first(t, tid); i <= t->mask; i++, at = (at + 1) & t->mask) {
		uint64_t was = __atomic_load_n(&t->slot[at], __ATOMIC_RELAXED);

		if (was == FREE || was == LEFT) {
			if (__atomic_compare_exchange_n(&t->slot[at], &was, (uint64_t)tid << 32 | vcpu, false,
							__ATOMIC_RELAXED, __ATOMIC_RELAXED))
				return 0;
			// another thread was faster: the next slot
		}
	}
	return -ENOSPC;
}

/* Its slot, or NULL. */
static uint64_t *find(const struct threads *t, uint32_t tid, uint64_t *value)
{
	for (uint32_t i = 0, at = first(t, tid); t->slot && i <= t->mask; i++, at = (at + 1) & t->mask) {
		*value = __atomic_load_n(&t->slot[at], __ATOMIC_RELAXED);
		if (*value >> 32 == tid)
			return &t->slot[at];
		if (*value == FREE)
			break;
	}
	return NULL;
}

void threads_remove(struct threads *t, uint32_t tid)
{
	uint64_t value;
	uint64_t *slot = tid ? find(t, tid, &value) : NULL;

	if (slot)
		__atomic_store_n(slot, LEFT, __ATOMIC_RELAXED);
}

uint32_t threads_find(const struct threads *t, uint32_t tid)
{
	uint64_t value;

	return tid && find(t, tid, &value) ? (uint32_t)value : THREADS_NONE;
}
